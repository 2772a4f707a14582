"""The weights that ship with presets: small, and of the settings that the preset has."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from models.ast_autoencoder import trained as programs_trained
from models.ast_autoencoder import use
from models.ast_autoencoder.spec import AST_AUTOENCODER
from models.ast_autoencoder.use import find_checkpoint as find_program_checkpoint
from models.errors import UserError
from models.grammar.derivation import pad
from models.grammar_vae import trained
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.use import find_checkpoint
from models.presets import find_preset
from models.programs.data.chunks import make_chunk
from models.programs.language.from_source import source_to_ids
from models.programs.language.kinds import language
from models.programs.language.versions import versions
from models.registry import MODELS
from models.training.weights_file import read_weights

SHIPPED = [
    pytest.param(spec, path, id=path.stem)
    for spec in MODELS.values()
    for path in sorted((spec.presets_file.parent / "weights").glob("*.safetensors"))
]
EARLIER = Path(__file__).parent / "data" / "weights_of_468_productions.safetensors"
"""Of a network for programs that was trained when the language had no more."""
PDES = (
    "dt(u) - 3.721*dxx(u)",
    "dtt(u) + 1.204*dt(u) - 2.917*dxx(u) - 2.917*dyy(u)",
    "dt(u) + u*dx(u) - 0.377*dxx(u)",
)


@pytest.mark.parametrize(("spec", "path"), SHIPPED)
def test_weights_that_ship_are_small_and_of_a_built_in_preset(spec, path: Path):
    assert path.stat().st_size <= 4_000_000
    preset = find_preset(spec, path.stem)
    assert preset.built_in


@pytest.mark.parametrize("name", ["pde_best", "pde_drawn", "pde_small", "pde_latent"])
def test_pdes_come_back_from_the_presets_that_searches_found(name):
    model = trained.load_model(find_checkpoint(name))
    config = find_preset(GRAMMAR_VAE, name).config
    assert dataclasses.replace(model.config, description=config.description) == config
    assert trained.reconstruct(model, PDES) == list(PDES)


def test_the_latent_worth_having_writes_pdes_of_the_prior():
    texts = trained.sample(trained.load_model(find_checkpoint("pde_latent")), 50)
    assert len(set(texts)) > 40
    assert sum(text.startswith(("dt(u)", "dtt(u)", "dxx(u)", "dxxxx(u)")) for text in texts) > 40


def test_programs_that_were_never_trained_on_come_back():
    model = programs_trained.load_model(find_program_checkpoint("program_best"))
    config = find_preset(AST_AUTOENCODER, "program_best").config
    assert dataclasses.replace(model.config, description=config.description) == config
    programs = [made.ids for made in make_chunk(99, 0, 100)[0]]
    back = programs_trained.decode(model, programs_trained.encode(model, programs))
    num_exact = sum(tuple(one) == other for one, other in zip(back, programs, strict=True))
    assert num_exact >= 0.99 * len(programs)


def test_a_program_that_is_newer_than_a_model_is_refused_as_it_was_before_an_export(
    tmp_path, capsys
):
    model = programs_trained.load_model(EARLIER)
    programs_trained.export_model(model, tmp_path / "again.safetensors")
    again = programs_trained.load_model(tmp_path / "again.safetensors")
    old = source_to_ids("def f(n: int) -> int:\n    return n").ids
    new = source_to_ids("def f(s: set[int]) -> int:\n    return len(sorted(s))").ids
    for each in (model, again):
        assert each.num_productions == 468
        with pytest.raises(UserError, match=r"first 468 .*newer ones \(last_int_set, .*: train a"):
            programs_trained.encode(each, [old, new])
    rows = SimpleNamespace(ids=pad([list(old), list(new)]), lengths=[len(old), len(new)])
    assert use._fitting(model, rows, np.arange(2)) == [list(old)]
    assert "note: 1 program newer than the model left out" in capsys.readouterr().err


def test_weights_of_an_earlier_language_write_nothing_that_came_later():
    known = versions()[read_weights(EARLIER, "cpu")["language"]]
    model = programs_trained.load_model(EARLIER)
    latents = programs_trained.random_latents(model, 64, seed=1)
    for temperature in (0.0, 1.0):
        written = programs_trained.decode(model, latents, temperature=temperature, seed=3)
        assert max(map(max, written)) < known < language().grammar.num_productions
