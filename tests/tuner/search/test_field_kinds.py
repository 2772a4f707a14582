from dataclasses import dataclass
from typing import Annotated, Literal, Optional

import pytest
from pydantic import Field

from tuner.search.field_kinds import field_kinds, item_kinds

Positive = Annotated[int, Field(gt=0)]


@dataclass
class Settings:
    whole: int
    number: float
    flag: bool
    bounded: Positive
    style: Literal["a", "b"]
    maybe: float | None
    older: Optional[int]  # noqa: UP045
    kernel: Positive | tuple[Positive, ...]
    names: list[str]
    mixed: Annotated[tuple[int | float, ...], Field(min_length=1)]


@pytest.mark.parametrize(
    ("key", "kinds"),
    [
        ("whole", {"int"}),
        ("number", {"float"}),
        ("flag", {"bool"}),
        ("bounded", {"int"}),
        ("style", {"str"}),
        ("maybe", {"float", "None"}),
        ("older", {"int", "None"}),
        ("kernel", {"int", "list"}),
        ("names", {"list"}),
        ("mixed", {"list"}),
    ],
)
def test_kinds_of_a_key(key, kinds):
    assert field_kinds(Settings, key) == kinds


@pytest.mark.parametrize(
    ("key", "kinds"),
    [("kernel", {"int"}), ("names", {"str"}), ("mixed", {"int", "float"}), ("whole", set())],
)
def test_kinds_of_the_items_of_a_list(key, kinds):
    assert item_kinds(Settings, key) == kinds
