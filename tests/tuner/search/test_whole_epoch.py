"""What an epoch on all data takes, from one on a part: validation does not grow with its rows."""

from types import SimpleNamespace

import pytest

from models.errors import UserError
from tuner.search.whole_epoch import whole_epoch_s


@pytest.mark.parametrize(
    ("part", "whole", "fixed_s", "val_s"),
    [
        (10, 100, 0.0, 0.1),  # grows with its rows
        (10, 100, 5.0, 5.1),  # hardly does
        (100, 100, 5.0, 5.1),
    ],
)
def test_validation_takes_what_more_rows_do(part, whole, fixed_s, val_s):
    class Task:
        """Validation takes a millisecond a row."""

        now = 0.0

        def evaluate_on(self, rows):
            self.now += fixed_s + len(rows) / 1000

    task = Task()
    data, piece = (SimpleNamespace(train=range(10 * num), val=range(num)) for num in (whole, part))
    seconds = whole_epoch_s(task, piece, data, (2.0, fixed_s + part / 1000), lambda: task.now)
    assert seconds == pytest.approx(2.0 * whole / part + val_s)


@pytest.mark.parametrize(("few_rows_s", "val_s"), [(0.0, 100.0), (99.0, 10.0)])
def test_noise_leaves_validation_between_as_long_and_as_many_rows(few_rows_s, val_s):
    task = SimpleNamespace(now=0.0)
    task.evaluate_on = lambda rows: setattr(task, "now", task.now + few_rows_s)
    data, piece = (SimpleNamespace(train=range(num), val=range(num)) for num in (100, 10))
    assert whole_epoch_s(task, piece, data, (0.0, 10.0), lambda: task.now) == pytest.approx(val_s)


def test_a_part_with_one_row_of_validation_grows_with_the_rows():
    data, piece = (SimpleNamespace(train=range(num), val=range(num)) for num in (100, 1))
    assert whole_epoch_s(None, piece, data, (1.0, 0.5)) == pytest.approx(150.0)


def test_few_rows_that_the_model_refuses_leave_what_grows_with_the_rows():
    def refuse(rows):
        raise UserError("each of the programs takes more steps")

    data, piece = (SimpleNamespace(train=range(num), val=range(num)) for num in (100, 10))
    task = SimpleNamespace(evaluate_on=refuse)
    assert whole_epoch_s(task, piece, data, (1.0, 0.5)) == pytest.approx(15.0)
