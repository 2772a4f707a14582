import pytest

from models.errors import UserError
from tuner.record.confirmations import (
    Confirmation,
    Confirmed,
    Difference,
    read_confirmations,
    write_confirmations,
)
from tuner.record.paths import RunPaths

BASELINE = Confirmed(name="minimal", values={"7": 0.5}, failures={"8": "oom"})
CANDIDATE = Confirmed(
    number=3,
    name="trial 3",
    values={"7": 0.75, "8": 0.5},
    failures={},
    leaderboard=0.9,
    difference=Difference(mean=0.25, low=-0.5, high=1.0, level=0.95),
    wins=False,
)
CONFIRMATION = Confirmation(
    id="20261126-1",
    metric="val/seq_acc",
    mode="max",
    seeds=(7, 8),
    epochs=15,
    hours=0.5,
    gpu_hours=0.0,
    baseline=BASELINE,
    candidates=(CANDIDATE,),
    ended=12.5,
)


def test_what_is_written_is_read(tmp_path) -> None:
    paths = RunPaths(tmp_path)
    assert read_confirmations(paths) == []
    write_confirmations(paths, [CONFIRMATION, CONFIRMATION])
    assert read_confirmations(paths) == [CONFIRMATION, CONFIRMATION]


@pytest.mark.parametrize("text", ["", "[1", "[]", '{"confirmations": [{"id": 3}]}'])
def test_a_damaged_record_is_told_with_its_file(tmp_path, text: str) -> None:
    paths = RunPaths(tmp_path)
    paths.confirmation_file.write_text(text)
    with pytest.raises(UserError, match=r"confirmations\.json"):
        read_confirmations(paths)
