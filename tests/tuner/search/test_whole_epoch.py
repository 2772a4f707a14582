"""What an epoch on all data takes, from one on a part: validation does not grow with its rows."""

from types import SimpleNamespace

import pytest

from models.errors import UserError
from tuner.search.whole_epoch import whole_epoch_s


class Task:
    """Validation takes what it is told beside a millisecond a row; it notes of how many."""

    def __init__(self, fixed_s):
        self.fixed_s, self.now, self.validated = fixed_s, 0.0, []

    def evaluate_on(self, rows):
        self.validated.append(len(rows))
        self.now += self.fixed_s + len(rows) / 1000


def measured(part, whole, seconds, task, room_s=0.0):
    """What an epoch takes of ten times as many rows as are validated."""
    data, piece = (SimpleNamespace(train=range(10 * num), val=range(num)) for num in (whole, part))
    return whole_epoch_s(task, piece, data, seconds, room_s=room_s, clock=lambda: task.now)


@pytest.mark.parametrize(
    ("part", "fixed_s", "val_s"),
    [
        (10, 0.0, 0.1),  # grows with its rows
        (10, 5.0, 5.1),  # hardly does
        (100, 5.0, 5.1),
    ],
)
@pytest.mark.parametrize("room_s", [0.0, 0.05, 1000.0])
def test_validation_takes_what_more_rows_do(part, fixed_s, val_s, room_s):
    task = Task(fixed_s)
    seconds = measured(part, 100, (2.0, fixed_s + part / 1000), task, room_s)
    assert seconds == pytest.approx(2.0 * 100 / part + val_s)
    assert (100 in task.validated) == (part < 100 and room_s == 1000)


@pytest.mark.parametrize(("few_rows_s", "val_s"), [(0.0, 100.0), (99.0, 10.0)])
def test_noise_leaves_validation_between_as_long_and_as_many_rows(few_rows_s, val_s):
    assert measured(10, 100, (0.0, 10.0), Task(few_rows_s)) == pytest.approx(val_s, rel=0.01)


def test_a_part_with_one_row_of_validation_grows_with_the_rows():
    assert measured(1, 100, (1.0, 0.5), Task(0.0)) == pytest.approx(150.0)


def test_few_rows_that_the_model_refuses_leave_what_grows_with_the_rows():
    def refuse(rows):
        raise UserError("each of the programs takes more steps")

    task = SimpleNamespace(evaluate_on=refuse, now=0.0)
    assert measured(10, 100, (1.0, 0.5), task) == pytest.approx(15.0)
