"""YAML to settings and back: numbers, mistakes, round trips, a full disk."""

import dataclasses
import errno
import math
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticKnownError

from models.config_file import dump_yaml, parse_yaml, read_yaml, to_config, to_mapping, write_text
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.mistakes import values

KEYS = ", ".join(key.name for key in dataclasses.fields(GrammarVaeConfig))


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A nested block with a rule of its own."""

    power: float
    gears: int = 5

    def __post_init__(self) -> None:
        if self.gears > 9:
            raise UserError(f"gears is {self.gears}: at most 9")


@dataclass(frozen=True, kw_only=True)
class Car:
    """Settings with a required key, a block and a list."""

    name: str
    engine: Engine = field(default_factory=lambda: Engine(power=1.0))
    wheels: tuple[int, ...] = (1, 2)


def mistakes_in(data, config_type=GrammarVaeConfig):
    with pytest.raises(UserError) as caught:
        to_config(config_type, data, "f.yaml")
    lines = str(caught.value).splitlines()
    assert all(line.startswith("f.yaml: ") for line in lines)
    return [line.removeprefix("f.yaml: ") for line in lines]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1e-4", 1e-4),
        ("1E3", 1000.0),
        ("-1.5e+3", -1500.0),
        (".5e1", 5.0),
        ("+2e0", 2.0),
        ("1.0e-4", 1e-4),
        ("0.25", 0.25),
    ],
)
def test_numbers_with_an_exponent_are_floats(text, number):
    value = parse_yaml(f"lr: {text}", "f.yaml")["lr"]
    assert isinstance(value, float)
    assert value == number


@pytest.mark.parametrize(
    "text", ["12:30", "010", "0x1f", "0b1", "1_000", "1e-4x", "e4", "1e", "-e1", "v1e-4"]
)
def test_text_that_only_looks_like_a_number_stays_text(text):
    assert parse_yaml(f"a: {text}", "f.yaml") == {"a": text}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", r"^f\.yaml, line 3, column 1: the key 'a' is given twice: keep one$"),
        ("x:\n  b: 1\n  b: 1", r"^f\.yaml, line 3, column 3: the key 'b' is given twice"),
        ("{a: {b: 1, b: 2}}", r"^f\.yaml, line 1, column 12: the key 'b' is given twice"),
        ("[{c: 1, c: 2}]", r"^f\.yaml, line 1, column 9: the key 'c' is given twice"),
        ("? [1, 2]\n: 3", r"^f\.yaml, line 1, column 3: a key must be plain text or a number"),
        ("a: \x01", r"^f\.yaml, line 1: the character '\\x01' is not allowed: remove it$"),
        (
            "a: 2026-13-45",
            r"^f\.yaml, line 1, column 4: '2026-13-45' cannot be read \(month must be",
        ),
        ("a: !!int x", r"^f\.yaml, line 1, column 4: 'x' cannot be read \(invalid literal for int"),
        ("[" * 1000, r"^f\.yaml: nested too deep: write it flatter$"),
    ],
)
def test_malformed_yaml_names_the_place(text, message):
    with pytest.raises(UserError, match=message):
        parse_yaml(text, "f.yaml")


def test_a_missing_file_and_a_binary_file_are_told_apart(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.yaml: no such file"):
        read_yaml(tmp_path / "nowhere.yaml")
    (tmp_path / "ids.npy").write_bytes(b"\x93NUMPY\xff\xfe")
    with pytest.raises(UserError, match=r"ids\.npy: cannot be read: .*utf-8"):
        read_yaml(tmp_path / "ids.npy")
    with pytest.raises(UserError, match=r"cannot be read: .*directory"):
        read_yaml(tmp_path)


def test_the_line_of_a_mistake_in_a_file_is_told(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"mine\.yaml, line 2, column 1: the key 'a'"):
        read_yaml(path)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("z_dim", True, "give a whole number"),
        ("z_dim", "3", "give a whole number"),
        ("z_dim", 3.0, "give a whole number: write 3"),
        ("z_dim", 1e20, "give a whole number"),
        ("z_dim", None, "give a whole number"),
        ("z_dim", 0, "give a value above 0"),
        ("seed", -1, "give 0 or more"),
        ("seed", 2**63, "give a value below 9223372036854775808"),
        ("beta", True, "give a number"),
        ("beta", "1e-4", "give a number"),
        ("beta", -0.5, "give 0 or more"),
        ("beta", float("nan"), "give a finite number"),
        ("lr", float("inf"), "give a finite number"),
        ("lr", 0.0, "give a value above 0"),
        ("decoder_dropout", 1.0, "give a value below 1"),
        ("cyclical_beta", 1, "give true or false"),
        ("cyclical_beta", "yes", "give true or false"),
        ("description", 5, "give text"),
        ("encoder_style", "resid", "give 'residual' or 'plain'"),
        ("encoder_style", "plian", "give 'residual' or 'plain'. Did you mean 'plain'?"),
    ],
)
def test_a_wrong_value_is_refused_with_its_rule(key, value, rule):
    expected = f"{key} is {value!r}: {rule}"
    assert mistakes_in({key: value}) == [expected]


def test_a_whole_number_serves_where_a_fraction_is_asked_for():
    config = to_config(GrammarVaeConfig, {"beta": 1}, "f.yaml")
    assert isinstance(config.beta, float)
    assert config.beta == 1.0


def test_all_mistakes_are_told_at_once():
    wrong = {"z_dmi": 3, "lr": "x", "epochs": 0, "beta": float("nan"), "encoder_style": "resid"}
    assert mistakes_in(wrong) == [
        f"unknown key 'z_dmi'. Did you mean 'z_dim'? Known: {KEYS}",
        "beta is nan: give a finite number",
        "encoder_style is 'resid': give 'residual' or 'plain'",
        "lr is 'x': give a number",
        "epochs is 0: give a value above 0",
    ]


def test_a_misspelt_key_is_not_also_called_missing():
    assert mistakes_in({"nme": "beetle"}, Car) == [
        "unknown key 'nme'. Did you mean 'name'? Known: name, engine, wheels"
    ]
    assert mistakes_in({"encoder_kernl": 3, "encoder_conv_layers": 2}) == [
        f"unknown key 'encoder_kernl'. Did you mean 'encoder_kernel'? Known: {KEYS}"
    ]


def test_the_legal_keys_are_listed_once_for_all_unknown_ones():
    assert mistakes_in({"nme": "beetle", "wheel": [1]}, Car) == [
        "unknown key 'nme'. Did you mean 'name'?",
        "unknown key 'wheel'. Did you mean 'wheels'? Known: name, engine, wheels",
    ]


@pytest.mark.parametrize("kernel", [0, [3, 0, 5]])
def test_a_key_of_several_types_tells_the_broken_rule_alone(kernel):
    place = "encoder_kernel" if kernel == 0 else "encoder_kernel.1"
    assert mistakes_in({"encoder_kernel": kernel}) == [f"{place} is 0: give a value above 0"]


def test_a_missing_key_is_named():
    assert mistakes_in({}, Car) == ["name is missing"]
    assert mistakes_in({"name": "beetle", "engine": {}}, Car) == ["engine.power is missing"]


def test_mistakes_in_blocks_and_lists_have_their_path():
    car = {"name": "beetle", "engine": {"power": "much"}, "wheels": [1, "two"]}
    assert mistakes_in(car, Car) == [
        "engine.power is 'much': give a number",
        "wheels.1 is 'two': give a whole number",
    ]
    car = {"name": "beetle", "engine": {"power": 1.0, "gears": 10}}
    assert mistakes_in(car, Car) == [
        "engine is {'power': 1.0, 'gears': 10}: gears is 10: at most 9"
    ]


def test_a_key_that_is_no_text_is_unknown():
    assert mistakes_in({1: 2}) == [f"unknown key '1'. Known: {KEYS}"]


def test_a_kernel_is_one_number_or_a_list():
    assert to_config(GrammarVaeConfig, {"encoder_kernel": 4}, "f").kernels == (4, 4, 4)
    assert to_config(GrammarVaeConfig, {"encoder_kernel": [3, 4, 5]}, "f").kernels == (3, 4, 5)


def test_a_wrong_item_of_a_kernel_list_has_its_position():
    item = ["encoder_kernel.1 is '5': give a whole number"]
    assert mistakes_in({"encoder_kernel": [3, "5", 7]}) == item
    assert mistakes_in({"encoder_kernel": [3, 0, 7]}) == [
        "encoder_kernel.1 is 0: give a value above 0"
    ]
    assert mistakes_in({"encoder_kernel": "3"}) == [
        "encoder_kernel is '3': give a whole number or a list"
    ]


def test_rules_between_keys_are_told_with_the_source():
    assert mistakes_in({"encoder_kernel": [3, 5]}) == [
        "encoder_kernel has 2 numbers ([3, 5]) for encoder_conv_layers = 3: give one number a "
        "layer, or a single number for all"
    ]


@st.composite
def configs(draw):
    """Any legal settings of a Grammar-VAE."""
    num_layers = draw(st.integers(1, 5))
    widths = st.integers(1, 9)
    kernels = st.lists(widths, min_size=num_layers, max_size=num_layers).map(tuple)
    positive = st.floats(min_value=0, max_value=1e6, exclude_min=True)
    return GrammarVaeConfig(
        description=draw(st.text(max_size=120)),
        z_dim=draw(st.integers(1, 512)),
        encoder_conv_layers=num_layers,
        encoder_kernel=draw(st.one_of(widths, kernels)),
        encoder_pool=draw(st.sampled_from(["mean", "flatten"])),
        decoder_dropout=draw(st.floats(0, 1, exclude_max=True)),
        lr=draw(positive),
        lr_schedule=draw(st.sampled_from(["constant", "plateau", "cosine", "one_cycle"])),
        beta=draw(st.one_of(st.just(0.0), positive)),
        cyclical_beta=draw(st.booleans()),
        cycle_epochs=draw(st.integers(2, 100)),
        seed=draw(st.integers(0, 2**63 - 1)),
    )


@settings(max_examples=150, deadline=None)
@given(config=configs())
def test_settings_survive_the_way_through_yaml_text(config):
    mapping = to_mapping(config)
    assert to_config(GrammarVaeConfig, mapping, "f") == config
    assert parse_yaml(dump_yaml(mapping), "f") == mapping


@pytest.mark.parametrize(
    "text", ["1e-4", "2E5", ".5e1", "yes", "null", "", "12:30", "a: b", "# x", "a\x85b", "a\nb "]
)
def test_text_that_reads_like_something_else_is_quoted(text):
    assert parse_yaml(dump_yaml({"description": text}), "f") == {"description": text}


def test_dumped_text_is_for_people():
    mapping = to_mapping(GrammarVaeConfig(description="Zürich, kleine Netze", lr=1e-4))
    lines = dump_yaml(mapping, "What it is for\n\nCommand").splitlines()
    assert lines[:4] == ["# What it is for", "#", "# Command", "description: Zürich, kleine Netze"]
    assert "encoder_kernel: [3, 5, 7]" in lines
    assert "lr: 0.0001" in lines


def test_keys_are_dumped_in_their_order():
    assert dump_yaml({"z": 1, "a": (2, 3), "m": {"y": 1}}) == "z: 1\na: [2, 3]\nm:\n  y: 1\n"


def test_text_is_written_to_folders_that_do_not_exist_yet(tmp_path):
    path = tmp_path / "a" / "b" / "c.yaml"
    write_text(path, "ü: 1\n")
    assert path.read_bytes() == "ü: 1\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.yaml"
    write_text(path, "old: 1\n")

    def on_full_disk(dir: Path, prefix: str):  # noqa: A002
        beside = dir / f"{prefix}part"
        beside.symlink_to("/dev/full")  # every write to it fails for want of space
        return os.open(beside, os.O_WRONLY), str(beside)

    monkeypatch.setattr(tempfile, "mkstemp", on_full_disk)
    with pytest.raises(UserError, match=r"run\.yaml: cannot be written: No space left on device"):
        write_text(path, "new: 2\n" * 10_000)
    assert path.read_text() == "old: 1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_written_into_and_stays_what_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_text(pipe, "a: 1\n")
    assert os.read(reader, 100) == b"a: 1\n"
    os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_stays_a_link_to_what_is_written(tmp_path):
    (tmp_path / "theirs").mkdir()
    link, file = tmp_path / "mine.yaml", tmp_path / "theirs" / "presets.yaml"
    link.symlink_to(file)  # to nothing yet
    for text in ("a: 1\n", "b: 2\n"):
        write_text(link, text)
        assert file.read_text() == text
    assert link.is_symlink()


def test_a_folder_in_the_way_is_told(tmp_path):
    (tmp_path / "run.yaml").mkdir()
    with pytest.raises(
        UserError, match=rf"run\.yaml: cannot be written: {os.strerror(errno.EISDIR)}"
    ):
        write_text(tmp_path / "run.yaml", "a: 1")
    assert [path.name for path in tmp_path.iterdir()] == ["run.yaml"]


def test_a_file_where_a_folder_is_needed_is_told(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(UserError, match=r"runs/a/run\.yaml: cannot be written: Not a directory"):
        write_text(tmp_path / "runs" / "a" / "run.yaml", "a: 1")


def test_mistakes_carry_their_data():
    with pytest.raises(UserError) as caught:
        to_config(GrammarVaeConfig, {"z_dim": 0, "lr": "x", "beta": math.inf, "z_dmi": 3}, "a.yaml")
    found = {each.key: each for each in caught.value.mistakes}
    assert {each.place for each in found.values()} == {"a.yaml"}
    assert {key: (each.value, each.wrong_type) for key, each in found.items()} == {
        "z_dmi": (..., False),
        "beta": (math.inf, False),
        "z_dim": (0, False),
        "lr": ("x", True),
    }
    assert found["z_dim"].rule == "give a value above 0"
    assert found["z_dmi"].remedy.startswith("Did you mean 'z_dim'?")


def test_a_rule_between_keys_keeps_its_own_data():
    with pytest.raises(UserError) as caught:
        to_config(GrammarVaeConfig, {"cyclical_beta": True, "cycle_epochs": 1}, "a.yaml")
    (mistake,) = caught.value.mistakes
    assert (mistake.place, mistake.key, mistake.value) == ("a.yaml", "cycle_epochs", 1)


CONTEXTS = [
    ("greater_than", {"gt": 0}, "give a value above 0"),
    ("greater_than", {"gt": 0.5}, "give a value above 0.5"),
    ("greater_than_equal", {"ge": 1.0}, "give 1 or more"),
    ("less_than", {"lt": 2**32}, "give a value below 4294967296"),
    ("less_than_equal", {"le": 1024}, "give 1024 or less"),
    ("literal_error", {"expected": "'a' or 'b'"}, "give 'a' or 'b'"),
    ("finite_number", None, "give a finite number"),
    *((kind, None, None) for kind in values._SHOULD_BE if kind.endswith("_type")),
]


@pytest.mark.parametrize(("kind", "context", "rule"), CONTEXTS)
def test_the_kinds_of_rules_are_those_of_pydantic(kind, context, rule):
    """A kind that it does not know raises here, and would never be told."""
    PydanticKnownError(kind, context or {"class_name": "Car"}).message()
    ours = values._rule([{"type": kind, "ctx": context or {}}])
    assert ours == (rule or f"give {values._SHOULD_BE[kind]}")


def test_every_rule_of_ours_is_compared():
    assert {kind for kind, *_ in CONTEXTS} == values._SHOULD_BE.keys()


def test_keys_that_are_no_text_are_unknown_whatever_their_values(tmp_path):
    first, second = mistakes_in({None: math.inf, 1: math.nan})
    assert first == "unknown key 'None'."
    assert second.startswith("unknown key '1'.")
