"""Numbers of commands: what is out of range is told by its flag."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from models.commands.use_flags import Points, Positive, Seed, Temperature, checked
from models.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Command:
    file: tuple[tuple[Path, ...], ...] = ((Path("a"), Path("b")),)
    beam: Positive = 1
    top_k: Positive | None = None
    points: Points = 2
    seed: Seed = 0
    temperature: Temperature = 0.0


def test_numbers_in_range_pass():
    command = Command(top_k=1, seed=2**63 - 1, temperature=1.5)
    assert checked(command) is command
    assert checked(Command()) == Command()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("beam", 0, "beam is 0: give 1 or more"),
        ("top_k", 0, "top_k is 0: give 1 or more"),
        ("points", 1, "points is 1: give 2 or more"),
        ("seed", -1, "seed is -1: give 0 or more"),
        ("seed", 2**63, "seed is 9223372036854775808: give 9223372036854775807 or less"),
        ("temperature", -0.5, "temperature is -0.5: give 0, which decodes greedily"),
        ("temperature", float("nan"), "temperature is nan: give a finite number"),
        ("temperature", float("inf"), "temperature is inf: give a finite number"),
    ],
)
def test_a_number_out_of_range_is_told(key, value, message):
    with pytest.raises(UserError, match=message):
        checked(Command(**{key: value}))


def test_all_mistakes_are_told_at_once():
    with pytest.raises(UserError) as caught:
        checked(Command(beam=0, seed=-1))
    assert len(str(caught.value).splitlines()) == 2
