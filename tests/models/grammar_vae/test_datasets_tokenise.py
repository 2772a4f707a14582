"""Text to derivations: right ids, or every wrong row reported."""

import numpy as np
import pytest

from models.commands.progress import silent
from models.errors import UserError
from models.grammar.grammar import load_grammar
from models.grammar_vae.datasets.tokenise import derive_rows


def derive(texts, progress=silent):
    return derive_rows(texts, load_grammar("equations"), lambda row: f"row {row}", progress)


def test_rows_become_padded_left_most_derivations():
    assert derive(["x", "x+1"]).tolist() == [[3, 7, -1, -1], [0, 3, 7, 8]]
    assert derive(["x"]).dtype == np.int16


def test_one_wrong_row_is_shown_with_place_column_and_what_was_expected():
    with pytest.raises(UserError, match=r"(?s)^1 of 2 rows .*row 1.*column 5.*'x \+ y'.*'sin\('"):
        derive(["x", "x + y"])


def test_all_wrong_rows_are_counted_and_ten_are_shown():
    with pytest.raises(UserError, match="nothing was written") as caught:
        derive(["x"] + ["x + y"] * 13)
    message = str(caught.value)
    assert message.startswith("13 of 14 rows are outside the grammar equations:\n")
    assert "row 10" in message
    assert "row 11" not in message
    assert "\n... and 3 more\n" in message


def test_an_empty_row_is_an_error():
    with pytest.raises(UserError, match="1 of 2 rows"):
        derive(["x", ""])


def test_progress_begins_with_none_and_ends_with_all():
    calls = []
    derive(["x"] * 1200, lambda *call: calls.append(call))
    assert calls == [("tokenise", done, 1200) for done in (0, 500, 1000, 1200)]
