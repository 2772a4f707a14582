"""A grammar for a model that was trained on ids and masks alone, given when the model is used."""

from collections import defaultdict
from collections.abc import Sequence

from models.errors import UserError
from models.grammar.grammar import Grammar, first_productions
from models.grammar.grammar_checks import label

_REMEDY = "give the grammar that the ids of its training rows were made with"


def no_grammar_error(source: object) -> UserError:
    """Build the error for a model that is asked for text and knows no grammar."""
    return UserError(
        f"{source}: trained on ids and masks without a grammar, so it has no text: "
        "pass --grammar (a built-in name or a YAML file)"
    )


def fitting_grammar(
    grammar: Grammar, num_productions: int, left_sides: Sequence[int] | None
) -> Grammar:
    """Return the part of a grammar that a model knows, after checking that it fits.

    Masks say nothing of productions behind the last one that they allow, such as one that only
    pads: the model has no output for them, so they are left out.

    Args:
        grammar: what the user gave.
        num_productions: outputs of the model.
        left_sides: number of each production's nonterminal as the masks told it, -1 for one that
            no mask allowed; None where the checkpoint does not say.

    Raises:
        UserError: there are too few productions, those left out are needed, or two productions
            share a left-hand side in the grammar alone or in the masks alone.
    """
    if grammar.num_productions < num_productions:
        raise UserError(
            f"the grammar {grammar.name} has {grammar.num_productions} productions, the model was "
            f"trained on {num_productions}: {_REMEDY}"
        )
    try:
        known = first_productions(grammar, num_productions)
    except UserError as error:
        raise UserError(
            f"the grammar {grammar.name} has {grammar.num_productions} productions, the model was "
            f"trained on {num_productions}, and what the first {num_productions} use is defined "
            f"behind them: {_REMEDY}, or train with --grammar"
        ) from error
    mistake = None if left_sides is None else _side_mistake(known, left_sides)
    if mistake:
        raise UserError(f"the grammar {grammar.name} does not fit the model: {mistake}: {_REMEDY}")
    return known


def _side_mistake(grammar: Grammar, left_sides: Sequence[int]) -> str | None:
    """Compare who shares a left-hand side with whom; say the first difference."""
    names = [production.lhs for production in grammar.productions]
    by_name, by_side = defaultdict(list), defaultdict(list)
    for number, (name, side) in enumerate(zip(names, left_sides, strict=True)):
        by_name[name].append(number)
        by_side[side].append(number)
    for number, side in enumerate(left_sides):
        if side < 0:
            continue
        other = min(set(by_side[side]) ^ set(by_name[names[number]]), default=None)
        if other is None:
            continue
        pair = f"{label(number, grammar.productions)} and {label(other, grammar.productions)}"
        if names[other] == names[number]:
            return f"{pair} have one left-hand side, but no mask of the training rows allows both"
        return f"{pair} have two left-hand sides, but masks of the training rows allow both"
    return None
