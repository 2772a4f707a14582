import re
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from models.config_file import dump_yaml, parse_yaml
from models.errors import UserError
from tuner.errors import SearchInvalid
from tuner.search.domains import Choice, FloatRange, IntRange, ListOf
from tuner.search.space import Condition
from tuner.search.space_parsing import parse_space

Positive = Annotated[int, Field(gt=0)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Like those of a model: every kind of key, and a rule over two of them."""

    description: str = ""
    epochs: int = 10
    seed: int = 0
    save_top_k: int = 1
    lr: Annotated[float, Field(gt=0)] = 0.1
    decay: float | None = None
    layers: Positive = 2
    kernel: Positive | tuple[Positive, ...] = 3
    style: Literal["plain", "residual"] = "plain"
    cyclical: bool = False
    cycle: Positive = 4
    mark: Literal["x"] | float = 0.0

    def __post_init__(self):
        if not isinstance(self.kernel, int) and len(self.kernel) != self.layers:
            raise UserError(f"kernel has {len(self.kernel)} numbers for layers = {self.layers}")
        if self.cyclical and self.cycle < 2:
            raise UserError(f"cycle is {self.cycle}: it takes 2 or more")


def parse(text, base=None):
    return parse_space(parse_yaml(text, "search.yaml"), base or Settings(), "search.yaml")


def domain_of(text):
    (parameter,) = parse(text).parameters
    return parameter.domain


def mistakes(text, base=None):
    with pytest.raises(SearchInvalid, match=r"search\.yaml") as caught:
        parse(text, base)
    return tuple(map(str, caught.value.mistakes))


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("lr: {log_uniform: [1e-3, 1]}", FloatRange(low=0.001, high=1.0, log=True)),
        ("lr: {uniform: [1, 2]}", FloatRange(low=1.0, high=2.0)),
        ("lr: {uniform: [0.1, 0.7], step: 0.2}", FloatRange(low=0.1, high=0.7, step=0.2)),
        ("layers: {int: [1, 3]}", IntRange(low=1, high=3)),
        ("layers: {int: [1, 9], step: 4}", IntRange(low=1, high=9, step=4)),
        ("layers: {log_int: [1, 64]}", IntRange(low=1, high=64, log=True)),
        ("lr: {float: [1, 2]}", FloatRange(low=1.0, high=2.0)),
        ("lr: {float: [1, 2], log: true}", FloatRange(low=1.0, high=2.0, log=True)),
        (
            "lr: {log_uniform: [0.1, 0.7], step: 0.2}",
            FloatRange(low=0.1, high=0.7, log=True, step=0.2),
        ),
        (
            "lr: {uniform: [0.1, 0.7], log: true, step: 0.2}",
            FloatRange(low=0.1, high=0.7, log=True, step=0.2),
        ),
        ("layers: {int: [1, 9], log: true, step: 4}", IntRange(low=1, high=9, log=True, step=4)),
        ("layers: {log_int: [1, 9], step: 4}", IntRange(low=1, high=9, log=True, step=4)),
        ("style: {choice: [plain, residual]}", Choice(options=("plain", "residual"))),
        ("decay: {choice: [null, 0.1]}", Choice(options=(None, 0.1))),
        ("kernel: {choice: [3, [3, 5]]}", Choice(options=(3, [3, 5]))),
        (
            "kernel: {list: {choice: [3, 5]}, length: 2}",
            ListOf(item=Choice(options=(3, 5)), length=2),
        ),
        (
            "kernel: {list: {int: [1, 9], step: 2}, length: layers}",
            ListOf(item=IntRange(low=1, high=9, step=2), length="layers"),
        ),
    ],
)
def test_domain_is_read(text, domain):
    assert domain_of(text) == domain


def test_conditions_are_one_value_or_several():
    space = parse(
        "cycle: {int: [2, 9], when: {cyclical: true, style: [plain, residual]}}\n"
        "cyclical: {choice: [true, false]}\n"
        "style: {choice: [plain, residual]}\n"
    )
    assert space.keys == ("cyclical", "style", "cycle")
    assert space.parameter("cycle").when == (
        Condition(key="cyclical", values=(True,)),
        Condition(key="style", values=("plain", "residual")),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr: 0.1", r"space.lr: 0.1 is no domain: write {uniform: \[low, high\]}, or .*fixed"),
        ("layers: [1, 2]", r"space.layers: \[1, 2\] is no domain: write {choice: \[1, 2\]}"),
        ("lr: {unifrm: [0, 1]}", "names no domain: .* Did you mean 'uniform'"),
        ("lr: {uniform: [0, 1], int: [0, 1]}", r"two domains \(uniform, int\)"),
        ("lr: {uniform: [1, 0.1]}", r"low \(1\) must be below high \(0.1\): swap them"),
        ("lr: {uniform: [1, 1]}", "low and high are both 1.*nothing to search"),
        ("lr: {uniform: [.nan, 1]}", "finite numbers"),
        ("lr: {uniform: [0.1, .inf]}", "finite numbers"),
        ("lr: {uniform: [0.1]}", r"give two numbers, \[low, high\]"),
        ("lr: {uniform: [a, b]}", "give two numbers"),
        ("lr: {uniform: [true, 3]}", "give two numbers"),
        ("lr: {log_uniform: [0, 1]}", "low end is 0: a log range begins above 0.*use uniform"),
        ("layers: {log_int: [0, 8]}", "low end is 0.*use int"),
        ("lr: {log_uniform: [0.1, 1], length: 2}", "'length' means nothing beside log_uniform"),
        ("lr: {float: [0.1, 1], log: 3}", "space.lr.log is 3: give true or false"),
        ("lr: {log_uniform: [1e-200, 1]}", "low end of a log range is 1e-100 or more"),
        ("lr: {uniform: [0.1, 1e200]}", r"both ends must lie within -1e\+100 and 1e\+100"),
        ("lr: {uniform: [0.1, 1.1], step: 1e-9}", "makes more than 1,000,000 values: take 1e-06"),
        ("lr: {expr: layers +}", "space.lr.expr is 'layers .*': no formula"),
        ("lr: {expr: layrs / 2}", "no key layrs. Did you mean 'layers'"),
        ("lr: {expr: layers, step: 2}", "'step' means nothing beside expr"),
        ("layers: {constant: 0}", "0 is not possible: give a value above 0"),
        ("layers: {constant: 3}", "nothing is searched: all its keys are constant or follow"),
        ("kernel: {list: {expr: layers}, length: 2}", "items of a list are a range or a choice"),
        ("lr: {uniform: [0.1, 1], stp: 0.1}", "'stp' means nothing.* Did you mean 'step'"),
        ("lr: {uniform: [0.1, 1], length: 2}", "'length' means nothing beside uniform"),
        ("lr: {uniform: [0.1, 1], step: 0}", "step is 0: it must be a number above 0"),
        ("lr: {uniform: [0.1, 1], step: x}", "step is 'x'"),
        ("lr: {uniform: [0.1, 1], step: 0.4}", "does not lead from 0.1 to 1, .* end at 0.9"),
        ("lr: {uniform: [0.1, 1], step: 3}", "does not lead .* take a smaller step"),
        ("layers: {int: [1, 8], step: 3}", "step 3 does not lead from 1 to 8.* end at 7"),
        ("layers: {int: [1, 2.5]}", "2.5 must be a whole number.*use uniform"),
        ("layers: {int: [1, 5], step: 0.5}", "0.5 must be a whole number"),
        ("layers: {int: [1, 99999999999999999]}", r"up to 2\*\*53"),
        ("style: {choice: [plain]}", "two values or more; a single value belongs under `fixed:`"),
        ("style: {choice: plain}", "give a list of two values"),
        ("style: {choice: [plain, residual, plain]}", "'plain' is given twice"),
        ("cycle: {choice: [1, 1.0]}", "1.0 is given twice"),
        ("mark: {choice: [1, true]}", "True is given twice"),
        ("kernel: {choice: [[3], '[3]']}", "is given twice"),
        ("lr: {choice: [0.1, .nan]}", "nan cannot be a value"),
        ("lr: {choice: [0.1, {a: 1}]}", "cannot be a value"),
        ("kernel: {list: {choice: [3, 5]}}", "length is None: give a whole number, or the key"),
        ("kernel: {list: {choice: [3, 5]}, length: 0}", "length is 0: a list has 1 to 1,000 items"),
        ("kernel: {list: {choice: [3, 5]}, length: true}", "length is True"),
        ("kernel: {list: 3, length: 2}", "space.kernel.list: 3 is no domain"),
        (
            "kernel: {list: {list: {choice: [3, 5]}, length: 2}, length: 2}",
            "items of a list are a range or a choice",
        ),
        ("lr: {uniform: [0.1, 1], when: 3}", "space.lr.when is 3: give keys"),
        ("lr: {uniform: [0.1, 1], when: {style: []}}", "the list is empty, so it never holds"),
    ],
)
def test_mistake_is_explained(text, message):
    (mistake,) = mistakes(text)
    assert re.search(message, mistake)


@pytest.mark.parametrize("text", ["", "{}", "null", "3", "[lr]"])
def test_empty_space_is_refused(text):
    assert "nothing is searched" in mistakes(text)[0]


def test_all_mistakes_are_reported_at_once():
    found = mistakes(
        "lr: {uniform: [1, 0], when: {stile: plain}}\n"
        "cycel: {int: [1, 2]}\n"
        "layers: {uniform: [1, 2]}\n"
        "epochs: {int: [1, 2]}\n"
        "cycle: {choice: [1, 0]}\n"
    )
    assert len(found) == 5
    for key in ("lr", "cycel", "layers", "epochs", "cycle"):
        assert any(mistake.startswith(f"space.{key}") for mistake in found)


scalars = st.one_of(
    st.tuples(st.floats(1e-6, 1.0), st.floats(1.1, 1e6)).map(
        lambda ends: {"lr": {"log_uniform": list(ends)}}
    ),
    st.tuples(st.integers(0, 9), st.integers(1, 9)).map(
        lambda pair: {
            "mark": {"uniform": [pair[0] / 10, (pair[0] + 2 * pair[1]) / 10], "step": pair[1] / 10}
        }
    ),
    st.tuples(st.integers(1, 99), st.integers(1, 9), st.integers(1, 9)).map(
        lambda t: {"layers": {"int": [t[0], t[0] + t[1] * t[2]], "step": t[1]}}
    ),
    st.lists(st.integers(1, 99), min_size=2, unique=True).map(lambda o: {"cycle": {"choice": o}}),
    st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=2), min_size=2, unique_by=str).map(
        lambda options: {"kernel": {"choice": options}}
    ),
)


@given(scalars)
@settings(deadline=None)
def test_space_survives_its_file(raw):
    base = Settings()
    space = parse_space(parse_yaml(dump_yaml(raw), ""), base, "")
    again = parse_space(parse_yaml(dump_yaml(space.to_mapping()), ""), base, "")
    assert again == space
    assert again.digest == space.digest
