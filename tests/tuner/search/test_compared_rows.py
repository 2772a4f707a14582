"""The part of the validation rows by which trials are compared."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from tuner.search.compared_rows import compared_rows


@dataclass(frozen=True)
class Data:
    val: np.ndarray
    digest: str = "d"


DATA = Data(np.arange(100, 200))


def test_a_part_is_the_same_every_time_and_in_order():
    part = compared_rows(DATA, 20)
    assert (part.val == compared_rows(dataclasses.replace(DATA), 20).val).all()
    assert len(part.val) == len(set(part.val.tolist()) & set(DATA.val.tolist())) == 20
    assert (np.diff(part.val) > 0).all()
    assert part.digest == DATA.digest
    assert part.val.tolist() != list(range(100, 120))  # not the first ones


def test_all_rows_are_the_data_themselves():
    assert compared_rows(DATA, None) is DATA
    assert compared_rows(DATA, 100) is DATA
    assert compared_rows(DATA, 1000) is DATA
