"""Texts that must be in the grammar's own notation, and what is said of those in another."""

from contextlib import suppress

from models.errors import UserError
from models.grammar.grammar import Grammar
from models.grammar.parsing import TextParser
from models.grammar_vae.notation.rewriting import Rewriter


def check_strict(text: str, where: str, parser: TextParser, grammar: Grammar) -> None:
    """Check that a text is in the grammar as it stands.

    Args:
        text: what was given.
        where: its place, for messages.
        parser: of the grammar.
        grammar: whose loose notation may take it.

    Raises:
        UserError: it is not; said, too, where the loose notation would take it.
    """
    try:
        parser.derive(text, where)
    except UserError as error:
        if not _is_loose(text, grammar):
            raise
        raise UserError(f"{error}: --notation loose takes it") from error


def _is_loose(text: str, grammar: Grammar) -> bool:
    with suppress(UserError):
        return bool(Rewriter(grammar).rewrite(text))
    return False
