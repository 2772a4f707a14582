"""Whatever stands in a search file: it is read, or refused with a message, and never takes long."""

import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.config_file import dump_yaml
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.registry import MODELS
from tuner.record.paths import RunPaths
from tuner.record.search_copy import read_search, write_search
from tuner.search.domain_parsing import OPTIONS
from tuner.search.expressions import parse_expression
from tuner.search.loading import load_search
from tuner.search.machine import Machine
from tuner.search.reader import KEYS
from tuner.search.search_files import shipped_searches

TIME_LIMIT_S = 20
"""For one case on a machine that others use; on a quiet one they take milliseconds."""
MACHINE = Machine(cpu=64, gpu=8, memory_gb=8.0)
CONFIG_KEYS = tuple(GrammarVaeConfig.__dataclass_fields__)
NUMBERS = (
    st.integers(-3, 70)
    | st.sampled_from([0.0, 0.1, 0.5, 1e-300, 1e300, -1e-9, 1.0000001, 2**53, 2**64, 10**400, -1])
    | st.floats(allow_nan=True, allow_infinity=True)
)
OTHERS = """minimal val/recon val/loss tpe asha when step log length max_epochs num_trials x.y [
é __import__""".split()
FORMULAS = ["params <= 5e6", "z_dim * 2", "1 / beta < 2", "beta ** beta ** 9", "(" * 90, "", "a b"]
WORDS = st.sampled_from([*KEYS, *CONFIG_KEYS, *OPTIONS, *MODELS, *OTHERS, *FORMULAS])
SCALARS = NUMBERS | WORDS | st.none() | st.booleans() | st.text(max_size=5)
KEYS_OF_ANY = WORDS | st.integers(-1, 3) | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS_OF_ANY, inner, max_size=4),
    max_leaves=8,
)
DOMAINS = st.dictionaries(
    st.sampled_from([*OPTIONS, "when", "step", "log", "length"]),
    st.lists(NUMBERS, min_size=2, max_size=2) | VALUES,
    min_size=1,
    max_size=3,
)
SPACES = st.dictionaries(st.sampled_from(CONFIG_KEYS) | WORDS, DOMAINS | VALUES, max_size=4)
BASES = st.sampled_from(sorted(shipped_searches()))


@contextmanager
def time_limit():
    def stop(signum, frame):
        raise AssertionError(f"it took longer than {TIME_LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(TIME_LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read(text):
    """Read a search as a command does, and use what a command uses before anything starts."""
    with tempfile.TemporaryDirectory() as folder, time_limit():
        file = Path(folder) / "fuzz.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            search = load_search(file, machine=MACHINE)
        except UserError as error:
            assert str(error)
            assert len(str(error)) < 200_000
            return
        assert 1 <= search.num_trials <= search.budget.num_trials
        assert len(search.scheduler.rungs) <= 101
        assert isinstance(search.advice, list)
        paths = RunPaths(Path(folder) / "run")
        write_search(search, paths)
        again = read_search(paths)
        assert again.to_mapping() == search.to_mapping()
        assert again.space.digest == search.space.digest


def shipped(name):
    from models.config_file import read_yaml

    return read_yaml(shipped_searches()[name])


fuzzed = settings(
    deadline=None, max_examples=150, suppress_health_check=list(HealthCheck), derandomize=True
)


@given(BASES, st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1, max_size=3))
@fuzzed
def test_any_block_of_a_search_may_be_anything(name, changes):
    read(dump_yaml({**shipped(name), **changes}))


@given(BASES, st.sampled_from(KEYS), WORDS, VALUES)
@fuzzed
def test_any_key_of_any_block_may_be_anything(name, block, key, value):
    raw = shipped(name)
    inside = raw.get(block)
    raw[block] = {**inside, key: value} if isinstance(inside, dict) else {key: value}
    read(dump_yaml(raw))


@given(BASES, SPACES, st.lists(SCALARS, max_size=3) | VALUES)
@fuzzed
def test_the_space_and_its_constraints_may_be_anything(name, space, constraints):
    raw = shipped(name)
    read(dump_yaml({**raw, "space": {**raw["space"], **space}, "constraints": constraints}))


@given(st.sampled_from(CONFIG_KEYS), st.dictionaries(st.sampled_from(CONFIG_KEYS), DOMAINS))
@fuzzed
def test_a_space_of_domains_may_have_any_numbers(key, space):
    raw = shipped("grammar_vae/quickstart")
    read(dump_yaml({**raw, "fixed": {}, "space": space}))


@given(BASES, st.integers(0, 2000), st.text(max_size=8), st.integers(0, 60))
@fuzzed
def test_a_file_may_be_torn_anywhere(name, start, put, length):
    text = shipped_searches()[name].read_text(encoding="utf-8")
    read(text[:start] + put.replace("\r", "") + text[start + length :])


@given(st.text(alphabet="ab01.+-*/%<>=()[],' \n\\!&|^~@:{}", max_size=60) | st.text(max_size=30))
@settings(deadline=None, max_examples=400, derandomize=True)
def test_any_text_is_a_formula_or_is_refused(text):
    with time_limit():
        try:
            expression = parse_expression(text, "expr")
            expression.value({"a": 2, "b": 0.5})
            expression.violation({"a": 2, "b": 0.5})
        except UserError as error:
            assert str(error)


@pytest.mark.parametrize(
    "text",
    ["9**9**9**9", "'a' * 10**9", "[1] * 10**9", "exp(1e9)", "len(1)",
     "(-8) ** 0.5", "max()", "a" * 1000, "1e308 * 10", "sum(['a'])", "a < 'b'", "not", "1 if 2"],
)  # fmt: skip
def test_formulas_that_would_take_for_ever_or_give_nothing_are_refused(text):
    with time_limit(), pytest.raises(UserError):
        parse_expression(text, "expr").value({"a": 2})
