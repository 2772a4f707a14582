import pytest

from models.errors import UserError
from tuner.search.domains import IntRange, ListOf
from tuner.search.space import Condition, Parameter
from tuner.search.space_order import parents_first

RANGE = IntRange(low=1, high=3)


def parameter(key, *parents, length=None):
    domain = RANGE if length is None else ListOf(item=RANGE, length=length)
    when = tuple(Condition(key=parent, values=(1,)) for parent in parents)
    return Parameter(key=key, domain=domain, when=when)


def order(*parameters):
    return [placed.key for placed in parents_first(parameters)]


def test_order_of_the_file_is_kept_where_nothing_depends():
    assert order(parameter("b"), parameter("a"), parameter("c")) == ["b", "a", "c"]


def test_parents_come_first():
    given = [parameter("c", "b"), parameter("l", length="a"), parameter("b", "a"), parameter("a")]
    assert order(*given) == ["a", "b", "c", "l"]
    assert order(*parents_first(given)) == ["a", "b", "c", "l"]


def test_parent_that_is_not_searched_has_no_place():
    assert order(parameter("a", "elsewhere"), parameter("b", length=3)) == ["a", "b"]


@pytest.mark.parametrize(
    ("parameters", "circle"),
    [
        ([parameter("a", "a")], "a -> a"),
        ([parameter("x", "a"), parameter("a", "b"), parameter("b", length="a")], "a -> b -> a"),
    ],
)
def test_circle_is_named(parameters, circle):
    with pytest.raises(UserError, match=rf"in a circle \({circle}\)"):
        parents_first(parameters)
