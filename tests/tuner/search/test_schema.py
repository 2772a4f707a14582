"""What an editor makes of search files, held against what the reader makes of them."""

import json

import pytest
from jsonschema import Draft7Validator

from models.config_file import parse_yaml, read_yaml
from models.registry import MODELS
from tuner.cli import main
from tuner.search.overrides import apply_overrides
from tuner.search.reader import KEYS
from tuner.search.schema import field_docs, search_schema
from tuner.search.search_files import shipped_searches

SCHEMA = search_schema()
VALIDATOR = Draft7Validator(SCHEMA)
QUICKSTART = "grammar_vae/quickstart"


def errors(name, *overrides):
    raw = apply_overrides(read_yaml(shipped_searches()[name]), overrides)
    return [each.json_path for each in VALIDATOR.iter_errors(raw)]


def test_it_is_a_schema():
    Draft7Validator.check_schema(SCHEMA)


def test_it_knows_every_block():
    assert set(SCHEMA["properties"]) == set(KEYS)
    of_models = SCHEMA["allOf"][0]["then"]["properties"]
    assert all(schema or key in of_models for key, schema in SCHEMA["properties"].items())
    assert "$ref" not in json.dumps(SCHEMA["properties"])


@pytest.mark.parametrize("name", sorted(shipped_searches()))
def test_searches_that_ship_are_valid_and_tell_editors_of_it_in_their_first_line(name):
    assert errors(name) == []
    file = shipped_searches()[name]
    first = file.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../schema.json"
    shipped = json.loads((file.parent / "../schema.json").resolve().read_text())
    assert shipped == SCHEMA, "run: tuner schema --out search_spaces/schema.json"


@pytest.mark.parametrize(
    "change",
    [
        "space.lr={float: [1e-3, 1e-2], log: true, step: 1e-3}",
        "space.z_dim={int: [8, 64], log: true, step: 8}",
        "space.decoder_dropout={constant: 0.1, when: {decoder_layers: [2, 3]}}",
        "space.decoder_hidden={expr: 2 * encoder_hidden}",
        "constraints=['params <= 5e6']",
        "objective=[val/recon, val/kl]",
        "objective=val/recon",
        "objective=[{metric: val/recon}, {metric: val/kl, mode: min}]",
        "fixed.encoder_kernel=[3, 5, 7]",
        "data={prod: ids.npy, limit_rows: 6000}",
        "searcher.warm_start=[minimal]",
    ],
)
def test_what_the_reader_takes_is_valid(change):
    assert errors(QUICKSTART, change) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ("modle=grammar_vae", "$"),
        ("model=grammar_ave", "$.model"),
        ("preset=3", "$.preset"),
        ("space=null", "$"),
        ("space={}", "$.space"),
        ("space.lrr={uniform: [0.1, 1]}", "$.space"),
        ("space.lr={int: [1, 2]}", "$.space.lr"),
        ("space.lr={uniform: [0.1]}", "$.space.lr"),
        ("space.lr={unifrom: [0.1, 1]}", "$.space.lr"),
        ("space.lr=0.1", "$.space.lr"),
        ("space.z_dim={choice: [8]}", "$.space.z_dim"),
        ("space.z_dim={list: {int: [1, 2]}, length: 2}", "$.space.z_dim"),
        ("fixed.betta=1", "$.fixed"),
        ("fixed.beta=x", "$.fixed.beta"),
        ("fixed.z_dim=0", "$.fixed.z_dim"),
        ("fixed.lr_schedule=cosin", "$.fixed.lr_schedule"),
        ("data.dataset=pdes", "$.data.dataset"),
        ("objective.metric=val/acc", "$.objective"),
        ("scheduler.max_epochs=0", "$.scheduler.max_epochs"),
        ("scheduler.grace=1", "$.scheduler"),
        ("budget={hours: 1}", "$.budget"),
        ("resources.cpu=-1", "$.resources.cpu"),
        ("keep.top_k=1.5", "$.keep.top_k"),
        ("searcher.sampler=tpee", "$.searcher.sampler"),
        ("constraints='params < 5'", "$.constraints"),
    ],
)
def test_malformed_searches_are_refused_at_their_place(change, path):
    assert path in errors(QUICKSTART, change)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_key_of_a_models_settings_is_explained(name):
    (of_model,) = [
        each["then"]["properties"]
        for each in SCHEMA["allOf"]
        if each["if"]["properties"]["model"]["const"] == name
    ]
    for block in ("fixed", "data", "space"):
        for key, schema in of_model[block]["properties"].items():
            assert schema["description"] == field_docs_of(name, block)[key]
            assert len(schema["description"]) > 8


def field_docs_of(name, block):
    spec = MODELS[name]
    return field_docs(spec.data_type if block == "data" else spec.config_type)


def test_the_command_prints_it_or_writes_it_and_says_how_to_use_it(tmp_path, capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
    file = tmp_path / "search.schema.json"
    assert main(["schema", "--out", str(file)]) == 0
    assert f"# yaml-language-server: $schema={file}" in capsys.readouterr().out
    assert json.loads(file.read_text()) == SCHEMA
    assert main(["schema", "--out", str(tmp_path)]) == 2


def test_a_yaml_number_with_an_exponent_is_one_for_editors_too():
    raw = parse_yaml("model: grammar_vae\nspace: {lr: {uniform: [1e-3, 1.0e-2]}}", "")
    assert all("lr" not in error.json_path for error in VALIDATOR.iter_errors(raw))


@pytest.mark.parametrize(
    ("starts", "is_right"),
    [
        ("[{run: first, top: 3}, minimal]", True),
        ("[{run: first}]", True),
        ("[{runs: first}]", False),
        ("[3]", False),
    ],
)
def test_a_warm_start_is_a_preset_or_a_run(starts, is_right):
    found = errors("grammar_vae/quickstart", f"searcher.warm_start={starts}")
    assert (found == []) == is_right
