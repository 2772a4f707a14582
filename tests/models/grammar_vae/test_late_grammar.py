"""A grammar that is given to a model of ids and masks when it is used."""

import pytest

from models.errors import UserError
from models.grammar.grammar import Grammar, load_grammar
from models.grammar.masks import tables
from models.grammar_vae.late_grammar import fitting_grammar
from models.grammar_vae.trained import export_model, load_model, reconstruct
from models.training.checkpoints import read_checkpoint, write_checkpoint


def grammar_of(*productions, **keys):
    return Grammar.from_mapping({"start": "S", "productions": list(productions), **keys}, "mine")


OWN = ("S -> A B", "A -> 'a'", "A -> 'c'", "B -> 'b'", "PAD ->")


@pytest.fixture
def bare(checkpoint, tmp_path):
    """A checkpoint as training on ids and masks alone writes it."""
    path = tmp_path / "bare.ckpt"
    payload = read_checkpoint(checkpoint)
    sides = tables(Grammar.from_mapping(payload["grammar"], "own")).lhs.tolist()
    write_checkpoint(path, payload | {"grammar": None, "left_sides": sides})
    return path


def test_all_productions_are_taken_where_the_model_knows_all():
    own = grammar_of(*OWN, pad="PAD")
    assert fitting_grammar(own, 5, [2, 0, 0, 1, -1]) == own


def test_productions_that_no_mask_knew_are_left_out():
    own = grammar_of(*OWN, pad="PAD")
    known = fitting_grammar(own, 4, [2, 0, 0, 1])
    assert known.productions == own.productions[:4]
    assert known.pad_production is None


def test_the_numbers_of_left_hand_sides_mean_nothing():
    assert fitting_grammar(grammar_of(*OWN[:4]), 4, [7, 3, 3, 9]).num_productions == 4


def test_what_no_mask_allowed_may_have_any_left_hand_side():
    own = grammar_of(*OWN[:4], "C -> 'c'", "D -> 'd'")
    assert fitting_grammar(own, 6, [0, 1, 1, 2, -1, -1]) == own


def test_a_checkpoint_that_knows_no_left_hand_sides_counts_productions():
    assert fitting_grammar(grammar_of(*OWN[:4]), 4, None).num_productions == 4


@pytest.mark.parametrize(
    ("count", "sides", "message"),
    [
        (6, [0, 1, 1, 2, 3, 4], r"mine has 5 productions, the model was trained on 6: give the gr"),
        (
            3,
            [0, 1, 1],
            r"trained on 3, and what the first 3 use is defined behind them: give",
        ),
        (
            5,
            [0, 1, 2, 3, -1],
            r"production 1 \(A -> 'a'\) and production 2 \(A -> 'c'\) have one left-hand side, but "
            r"no mask of the training rows allows both: give the grammar",
        ),
        (
            5,
            [0, 1, 1, 1, -1],
            r"production 1 \(A -> 'a'\) and production 3 \(B -> 'b'\) have two left-hand sides, "
            r"but masks of the training rows allow both: give the grammar",
        ),
        (5, [0, 1, -1, 2, -1], r"production 1 \(A -> 'a'\) and production 2 .* have one left-hand"),
    ],
)
def test_a_grammar_that_does_not_fit_is_refused(count, sides, message):
    with pytest.raises(UserError, match=message):
        fitting_grammar(grammar_of(*OWN, pad="PAD"), count, sides)


def test_a_late_grammar_gives_the_same_texts_as_training_with_it(bare, checkpoint):
    late = load_model(bare, grammar=load_grammar("equations"))
    texts = ["x", "x + sin( 2 )"]
    assert reconstruct(late, texts) == reconstruct(load_model(checkpoint), texts)


def test_another_grammar_than_the_models_own_is_refused(checkpoint):
    with pytest.raises(UserError, match=r"own grammar \(equations\), which pde is not: leave --gr"):
        load_model(checkpoint, grammar=load_grammar("pde"))
    assert load_model(checkpoint, grammar=load_grammar("equations")).grammar is not None


def test_an_export_keeps_the_late_grammar_or_what_one_must_fit(bare, tmp_path):
    with_grammar, without = tmp_path / "with.safetensors", tmp_path / "without.safetensors"
    export_model(load_model(bare, grammar=load_grammar("equations")), with_grammar)
    assert load_model(with_grammar).grammar == load_grammar("equations")
    export_model(load_model(bare), without)
    assert load_model(without).left_sides == load_model(bare).left_sides
    lines = [str(production) for production in load_grammar("equations").productions]
    lines[-1] = lines[-1].replace(lines[-1].split()[0], load_grammar("equations").start, 1)
    other = Grammar.from_mapping(
        {"start": load_grammar("equations").start, "productions": lines}, "other"
    )
    with pytest.raises(UserError, match=r"without\.safetensors: the grammar other does not fit"):
        load_model(without, grammar=other)
