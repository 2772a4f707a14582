"""The weights that ship with the preset pde_general: PDEs of forms that no family has."""

import csv
from pathlib import Path

import pytest

from models.commands.process import run_command
from models.grammar_vae.datasets.pde import generate_pdes
from models.grammar_vae.notation.rewriting import Rewriter
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.trained import load_model, reconstruct
from models.grammar_vae.use import _run, find_checkpoint
from models.presets import find_preset

LITERATURE = Path(__file__).parent / "notation/literature.csv"
WEIGHTS = find_checkpoint("pde_general")


@pytest.fixture(scope="module")
def model():
    return load_model(WEIGHTS)


def test_the_weights_are_small_and_of_the_preset(model):
    assert WEIGHTS.stat().st_size <= 4_000_000
    assert model.config == find_preset(GRAMMAR_VAE, "pde_general").config
    assert model.grammar.name == "pde_wide"


def test_every_operator_of_the_literature_comes_back(model):
    rewriter = Rewriter(model.grammar)
    rows = csv.DictReader(LITERATURE.read_text(encoding="utf-8").splitlines())
    texts = [rewriter.rewrite(row["operator"]) for row in rows]
    assert len(texts) >= 30
    assert reconstruct(model, texts) == texts


def test_families_come_back(model):
    texts = generate_pdes(800, seed=7).texts
    back = reconstruct(model, texts)
    assert sum(a == b for a, b in zip(texts, back, strict=True)) >= 0.995 * len(texts)


@pytest.mark.parametrize(
    "text",
    ["dt(u) - 1.234*dxx(u) + u^3", "u_t = 0.25*u_xx + u*(1 - u)", "u_tt + 2u_t = 3u_xx - sin(u)"],
)
def test_the_command_gives_back_an_equation_of_ones_own(capsys, text):
    given = ("reconstruct", "--model", "pde_general", "--notation", "loose", "--text", text)
    assert run_command(lambda: _run([*given, "--gpus", "0"])) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 of 1 exact"
