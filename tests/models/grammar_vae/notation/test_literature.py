"""Operators of the literature, as authors and textbooks write them, are texts of `pde_wide`."""

import csv
import functools
from pathlib import Path

import pytest

from models.grammar.derivation import to_text
from models.grammar.grammar import load_grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.notation.rewriting import Rewriter

LONGEST = 97
"""Steps of the longest row of the PDE data."""
WIDE = load_grammar("pde_wide")
PARSER = TextParser(WIDE)
LINES = (Path(__file__).parent / "literature.csv").read_text(encoding="utf-8").splitlines()
ROWS = list(csv.DictReader(LINES))


@functools.cache
def rewritten(operator: str) -> str:
    return Rewriter(WIDE).rewrite(operator)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_an_operator_of_the_literature_is_read(row: dict[str, str]) -> None:
    text = rewritten(row["operator"])
    derivation = PARSER.derive(text)
    assert to_text(WIDE, derivation) == text
    assert len(derivation) <= LONGEST


def test_the_operators_differ_and_name_their_sources() -> None:
    assert len({rewritten(row["operator"]) for row in ROWS}) == len(ROWS) >= 30
    assert all(row["source"][-4:].isdigit() for row in ROWS)


def test_some_by_hand() -> None:
    texts = {row["name"]: rewritten(row["operator"]) for row in ROWS}
    assert texts["Kadomtsev-Petviashvili"] == (
        "dtx(u) + 6*(dx(u))^2 + 6*u*dxx(u) + dxxxx(u) + 3*dyy(u)"
    )
    assert texts["thin film"] == "dt(u) + 3*u^2*dx(u)*dxxx(u) + u^3*dxxxx(u)"
    assert texts["Cahn-Hilliard"] == "dt(u) - dxx(u^3) + dxx(u) + 0.01*dxxxx(u)"
