import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.running.fair_shares import Claim, Claims, fair_parts, fair_slots


def claim(began, wants=1.0, nodes=("a",), beat=0):
    return Claim(began=began, wants=wants, nodes=frozenset(nodes), beat=beat)


class MemoryStore:
    def __init__(self):
        self.values = {}

    def write(self, key, value):
        self.values[key] = value

    def read(self):
        return dict(self.values)

    def remove(self, key):
        self.values.pop(key, None)


@pytest.mark.parametrize(
    ("wants", "parts"),
    [
        ([1.0], [1.0]),
        ([1.0, 1.0], [0.5, 0.5]),
        ([1.0, 0.2], [0.8, 0.2]),
        ([1.0, 0.1, 1.0], [0.45, 0.1, 0.45]),
        ([0.1, 0.2], [0.1, 0.2]),
    ],
)
def test_what_one_does_not_want_the_others_share(wants, parts):
    assert fair_parts(wants) == pytest.approx(parts)


@given(num=st.integers(2, 9), slots=st.integers(0, 300))
def test_shares_fill_the_slots_and_differ_by_one_at_most(num, slots):
    claims = [claim(float(i)) for i in range(num)]
    found = [fair_slots(c, [o for o in claims if o is not c], slots) for c in claims]
    assert sum(found) == slots
    assert max(found) - min(found) <= 1


def test_search_that_is_alone_has_no_limit():
    assert fair_slots(claim(0.0), [], 8) is None
    assert fair_slots(claim(0.0), [claim(1.0, wants=0.0)], 8) is None
    assert fair_slots(claim(0.0), [claim(1.0, nodes=["b"])], 8) is None


def test_driver_that_does_not_write_any_more_is_gone():
    store, now = MemoryStore(), [0.0]
    mine, other = Claims(store, "mine", lambda: now[0]), Claims(store, "other", lambda: now[0])
    other.write(claim(1.0))
    mine.write(claim(0.0))
    assert mine.others() == [claim(1.0)]
    now[0] = 10.0
    other.write(claim(1.0, beat=1))
    assert len(mine.others()) == 1
    now[0] = 24.0
    assert len(mine.others()) == 1
    now[0] = 26.0
    assert mine.others() == []


def test_claim_ends_with_its_search_and_a_strange_one_is_passed_over():
    store = MemoryStore()
    mine, other = Claims(store, "mine"), Claims(store, "other")
    other.write(claim(1.0))
    store.write("strange", b'{"began": "x"}')
    assert mine.others() == [claim(1.0)]
    other.withdraw()
    assert mine.others() == []
