import pytest

from models.grammar_vae.config import GrammarVaeConfig
from tuner.promotion.changes import changed_keys, changes_words, short


def test_changes_in_words():
    before = GrammarVaeConfig(beta=1.0, encoder_kernel=(3, 5, 7), encoder_conv_layers=3, seed=1)
    after = GrammarVaeConfig(
        beta=0.03, encoder_kernel=(3, 7, 9, 9), encoder_conv_layers=4, seed=2, description="x"
    )
    assert changes_words(before, after) == (
        "encoder_conv_layers 3 -> 4, encoder_kernel 3,5,7 -> 3,7,9,9, beta 1.0 -> 0.03"
    )
    assert changed_keys(before, after)["seed"] == (1, 2)
    assert changes_words(before, before) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0037079720524346277, "0.00371"),
        (0.0001, "0.0001"),
        (1e-05, "1e-05"),
        (123456.789, "1.23e+05"),
        (True, "true"),
        (None, "null"),
        ([3, 5], "3,5"),
        ("repeat_latent", "repeat_latent"),
    ],
)
def test_values_in_a_few_characters(value, text):
    assert short(value) == text
