"""Numbers that the commands for trained models take, and the check that they are in range."""

import dataclasses
import math
from typing import Annotated, TypeVar

from pydantic import AfterValidator

from models.config_file import to_config

CommandT = TypeVar("CommandT")
_LARGEST_SEED = 2**63 - 1  # that torch takes


def at_least(least: int) -> AfterValidator:
    """Return the rule that a number is not below another."""

    def check(value: int | None) -> int | None:
        if value is not None and value < least:
            raise ValueError(f"give {least} or more")
        return value

    return AfterValidator(check)


def _seed(value: int) -> int:
    if not 0 <= value <= _LARGEST_SEED:
        raise ValueError("give 0 or more" if value < 0 else f"give {_LARGEST_SEED} or less")
    return value


def _temperature(value: float) -> float:
    if not 0 <= value < math.inf:
        raise ValueError("give 0, which decodes greedily, or a finite number above")
    return value


Positive = Annotated[int, at_least(1)]
Points = Annotated[int, at_least(2)]
"""Of a line, both ends included."""
Seed = Annotated[int, AfterValidator(_seed)]
Temperature = Annotated[float, AfterValidator(_temperature)]


def checked(command: CommandT) -> CommandT:
    """Return a command whose numbers are in range; all that are not are told at once.

    Raises:
        UserError: some are not.
    """
    to_config(type(command), dataclasses.asdict(command), "flags")  # pyright: ignore[reportArgumentType]
    return command
