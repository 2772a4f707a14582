"""Where presets come from, and what is refused."""

import dataclasses
import os

import pytest

from models.config_file import parse_yaml
from models.errors import UserError
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.spec import GRAMMAR_VAE
from models.presets import (
    find_preset,
    preset_folders,
    preset_names,
    render_preset,
    survey_presets,
)
from models.registry import MODELS, model_spec


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of user presets, the only one that is searched."""
    monkeypatch.setenv("TUNER_PRESETS", str(tmp_path / "mine"))
    return tmp_path / "mine" / "grammar_vae"


def write(folder, text, name="a.yaml"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def list_presets(spec):
    """Return the presets of a model, or raise all that stands in their way."""
    survey = survey_presets([spec])
    if survey.mistakes:
        raise UserError(*survey.mistakes)
    return list(survey.presets)


def names_of(presets):
    return [preset.name for preset in presets]


def test_built_in_presets_come_first_in_their_files_order(folder):
    write(folder, "aaa: {z_dim: 4}\n")
    presets = list_presets(GRAMMAR_VAE)
    file = MODELS["grammar_vae"].presets_file
    assert names_of(presets) == [*parse_yaml(file.read_text(), str(file)), "aaa"]
    assert [preset.built_in for preset in presets] == [True] * (len(presets) - 1) + [False]
    assert presets[0].checkpoints == []


def test_presets_of_the_user_are_found_by_name_like_built_in_ones(folder):
    path = write(folder, "tiny:\n  z_dim: 4\n  lr: 1e-4\n")
    preset = find_preset(GRAMMAR_VAE, "tiny")
    assert (preset.config.z_dim, preset.config.lr) == (4, 1e-4)
    assert (preset.source, preset.built_in, preset.provenance) == (path, False, None)
    assert names_of(list_presets(GRAMMAR_VAE))[-1] == "tiny"


def test_every_yaml_file_of_every_folder_counts(folder, tmp_path, monkeypatch):
    write(folder, "tiny: {z_dim: 4}\n", "b.yaml")
    write(folder, "small: {z_dim: 8}\n", "a.yaml")
    write(folder, "no preset", "notes.txt")
    write(tmp_path / "ours" / "grammar_vae", "big: {z_dim: 99}\n")
    folders = [str(tmp_path / "mine"), str(tmp_path / "nowhere"), str(tmp_path / "ours")]
    monkeypatch.setenv("TUNER_PRESETS", os.pathsep.join(folders))
    assert [str(path) for path in preset_folders()] == folders
    assert names_of(list_presets(GRAMMAR_VAE))[-3:] == ["small", "tiny", "big"]


def test_presets_lie_in_the_working_folder_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("TUNER_PRESETS", raising=False)
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "presets" / "grammar_vae", "tiny: {z_dim: 4}\n")
    assert find_preset(GRAMMAR_VAE, "tiny").config.z_dim == 4


def test_an_unknown_name_names_the_nearest_of_all(folder):
    write(folder, "my_own: {z_dim: 4}\n")
    with pytest.raises(UserError, match=r"'mininal'. Did you mean 'minimal'\? Known: enhanced_v1"):
        find_preset(GRAMMAR_VAE, "mininal")
    with pytest.raises(UserError, match=r"'my_onw'. Did you mean 'my_own'\?"):
        find_preset(GRAMMAR_VAE, "my_onw")
    with pytest.raises(UserError, match="unknown model 'grammar_va'"):
        find_preset(model_spec("grammar_va"), "minimal")


@pytest.mark.parametrize("name", ["minimal", "tiny"])
def test_a_name_that_is_used_twice_is_refused(folder, name):
    write(folder, "tiny: {z_dim: 4}\n", "a.yaml")
    path = write(folder, f"{name}: {{z_dim: 5}}\n", "b.yaml")
    for look_up in (lambda: list_presets(GRAMMAR_VAE), lambda: find_preset(GRAMMAR_VAE, name)):
        with pytest.raises(UserError, match=rf"{path}: the preset '{name}' is also in .*: rename"):
            look_up()


def test_mistakes_in_a_preset_name_file_preset_and_key(folder):
    path = write(folder, "tiny:\n  z_dmi: 4\n  lr: fast\n")
    with pytest.raises(UserError) as caught:
        find_preset(GRAMMAR_VAE, "tiny")
    keys = ", ".join(field.name for field in dataclasses.fields(GrammarVaeConfig))
    assert str(caught.value).splitlines() == [
        f"{path}, line 2: tiny: unknown key 'z_dmi'. Did you mean 'z_dim'? Known: {keys}",
        f"{path}, line 3: tiny: lr is 'fast': give a number",
    ]


def test_one_wrong_preset_does_not_stand_in_the_way_of_another(folder):
    write(folder, "wrong: {z_dmi: 4}\nright: {z_dim: 4}\n")
    assert find_preset(GRAMMAR_VAE, "right").config.z_dim == 4
    with pytest.raises(UserError, match="wrong: unknown key 'z_dmi'"):
        list_presets(GRAMMAR_VAE)


@pytest.mark.parametrize("text", ["", "- a\n", "tiny: 3\n", "7: {z_dim: 4}\n", "tiny:\n"])
def test_a_file_that_holds_no_presets_is_refused(folder, text):
    path = write(folder, text)
    with pytest.raises(UserError, match=rf"{path}: a preset file maps names to settings"):
        list_presets(GRAMMAR_VAE)


PROVENANCE = """
won:
  z_dim: 4
  provenance:
    run: first
    seeds: [7, 8]
    score: {mean: 0.5, spread: 1e-3}
"""


def test_where_a_promoted_preset_came_from_is_kept(folder):
    write(folder, PROVENANCE)
    assert find_preset(GRAMMAR_VAE, "won").provenance == {
        "run": "first",
        "seeds": [7, 8],
        "score": {"mean": 0.5, "spread": 1e-3},
    }


def test_provenance_that_is_no_block_is_refused(folder):
    write(folder, "won: {z_dim: 4, provenance: yesterday}\n")
    with pytest.raises(UserError, match="won: provenance is 'yesterday': give keys and values"):
        find_preset(GRAMMAR_VAE, "won")


def test_checkpoints_of_a_promoted_preset_lie_beside_it(folder):
    write(folder, "won: {z_dim: 4}\nlost: {z_dim: 5}\n")
    (folder / "won").mkdir()
    for name in ("best-seq_acc-9-0.9000.ckpt", "best-seq_acc-3-0.5000.ckpt", "README.md"):
        (folder / "won" / name).touch()
    names = [path.name for path in find_preset(GRAMMAR_VAE, "won").checkpoints]
    assert names == ["best-seq_acc-3-0.5000.ckpt", "best-seq_acc-9-0.9000.ckpt"]
    assert find_preset(GRAMMAR_VAE, "lost").checkpoints == []


@pytest.mark.parametrize("name", ["minimal", "enhanced_v1", "won"])
def test_a_rendered_preset_is_found_again(folder, tmp_path, monkeypatch, name):
    write(folder, PROVENANCE)
    preset = find_preset(GRAMMAR_VAE, name)
    text = render_preset(preset, header="Won a search").replace(f"\n{name}:", "\nagain:", 1)
    monkeypatch.setenv("TUNER_PRESETS", str(tmp_path / "other"))
    path = write(tmp_path / "other" / "grammar_vae", text)
    again = find_preset(GRAMMAR_VAE, "again")
    assert (again.config, again.provenance, again.source) == (
        preset.config,
        preset.provenance,
        path,
    )


def test_a_rendered_preset_writes_every_key_out(folder):
    preset = find_preset(GRAMMAR_VAE, "minimal")
    lines = render_preset(preset).splitlines()
    assert lines[0] == "minimal:"
    keys = [line.strip().split(":")[0] for line in lines[1:]]
    assert keys == list(MODELS["grammar_vae"].config_type.__dataclass_fields__)


def test_what_cannot_be_read_is_listed_beside_the_presets_that_can(folder):
    file = write(folder, "wrong: {z_dmi: 4}\nright: {z_dim: 4}\n")
    broken = write(folder, "x: [\n", "b.yaml")
    survey = survey_presets([GRAMMAR_VAE])
    assert "right" in names_of(survey.presets)
    assert "wrong" not in names_of(survey.presets)
    assert [
        message.split(", line 2")[0].split(" unknown")[0] for message in map(str, survey.mistakes)
    ] == [
        f"{broken}, line 1, column 4: '[' is not closed, in 'x: [': write ']' where it ends",
        f"{file}, line 1: wrong:",
    ]
    assert preset_names(GRAMMAR_VAE)[-2:] == ["wrong", "right"]


def test_a_broken_file_does_not_stand_in_the_way_of_a_preset_elsewhere(folder):
    broken = write(folder, "x: [\n", "b.yaml")
    assert find_preset(GRAMMAR_VAE, "minimal").built_in
    with pytest.raises(UserError, match=rf"unknown grammar_vae preset 'x'.*\n.*not read.*{broken}"):
        find_preset(GRAMMAR_VAE, "x")


def test_a_preset_of_another_model_is_named_as_such(folder):
    with pytest.raises(UserError, match=r"'gpu'.* of this name belongs to ast_autoencoder"):
        find_preset(GRAMMAR_VAE, "gpu")
