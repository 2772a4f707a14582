"""Text to left-most derivations, with Lark: LALR where the grammar allows, Earley elsewhere."""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from types import SimpleNamespace

from lark import Lark, Tree
from lark.common import ParserConf
from lark.exceptions import GrammarError, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput
from lark.parsers.lalr_analysis import LALR_Analyzer

from models.grammar.alike import AlikeTexts
from models.grammar.grammar import Grammar
from models.grammar.lark_grammar import LarkGrammar, alias, translate
from models.grammar.text_errors import joined_words_error, unexpected_error, white_space_error
from models.grammar.white_space import inner_white_space, joined_words, strip_white_space

_Derivation = tuple[int, ...]


class TextParser:
    """Parses texts of one grammar; building it takes up to a second (`smiles`), so keep it.

    An ambiguous text always gets the same derivation: with LALR, tokens take the longest match;
    with Earley, the production that stands first in the grammar wins.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self._lark_grammar = translate(grammar)
        self._lalr = lalr_parser(self._lark_grammar)
        self._alike = self._lalr and AlikeTexts(grammar, self._lalr.parse)  # pyright: ignore[reportArgumentType]

    @property
    def algorithm(self) -> str:
        """Which of Lark's algorithms the grammar allows: "lalr" or "earley"."""
        return "earley" if self._lalr is None else "lalr"

    def derive(self, text: str, where: str = "") -> list[int]:
        """Return the production ids of the left-most derivation of `text`.

        White space around a text means nothing. Inside it means nothing between symbols, unless
        the grammar has none; between two numbers or names it is an error.

        Args:
            text: a text of the grammar.
            where: the text's place for messages, such as `data.csv, row 7`.

        Raises:
            UserError: the text is not of the grammar; with `where`, column, the text and the
                symbols that were expected there.
        """
        stripped = strip_white_space(text)
        if len(stripped) != len(text):
            self._check_white_space(text, where)
        if self._alike is not None:
            try:
                return self._alike.derive(stripped)
            except UnexpectedInput:
                # The longest match may have been the wrong token. Earley tries the others, and
                # else knows everything that was expected.
                pass
        return self._derive_with_earley(stripped, text, where)

    def _check_white_space(self, text: str, where: str) -> None:
        if self.grammar.white_space == "none":
            gap = inner_white_space(text)
            if gap:
                raise white_space_error(text, gap, where)
        elif not self.grammar.separator:
            gap = joined_words(text, self.grammar.spaced)
            if gap:
                raise joined_words_error(text, gap, where)

    @cached_property
    def _earley(self) -> Lark:
        return Lark(
            self._lark_grammar.text,
            parser="earley",
            lexer="dynamic",
            start=self._lark_grammar.start,
            keep_all_tokens=True,
        )

    def _derive_with_earley(self, stripped: str, text: str, where: str) -> list[int]:
        try:
            return _preorder(self._earley.parse(stripped))
        except UnexpectedEOF as error:
            position, names = len(stripped), set(error.expected)
        except UnexpectedCharacters as error:
            position, names = error.pos_in_stream, set(error.allowed)
        tokens = self._lark_grammar.tokens
        expected = [token for name, token in tokens.items() if name in names]
        raise unexpected_error(text, position, expected, self._ends(stripped[:position]), where)

    def _ends(self, stripped: str) -> bool:
        """Tell whether a text is of the grammar as it stands."""
        try:
            self._earley.parse(stripped)
        except UnexpectedInput:
            return False
        return True


def lalr_parser(grammar: LarkGrammar) -> Lark | None:
    """Return a parser whose result is the derivation, or None where LALR(1) has a conflict."""
    try:
        lark = Lark(
            grammar.text,
            parser="lalr",
            lexer="contextual",
            start=grammar.start,
            keep_all_tokens=True,
            transformer=_derivation_builder(grammar),
        )
        # Lark itself settles shift/reduce conflicts silently, which may lose texts. Its own
        # strict mode would do, but asks for one more package to compare regular expressions.
        conf = ParserConf(lark.rules, {}, [grammar.start])
        LALR_Analyzer(conf, strict=True).compute_lalr()
    except GrammarError:
        return None
    return lark


def _derivation_builder(grammar: LarkGrammar) -> SimpleNamespace:
    """Return Lark's callbacks: each production puts its id before its subtrees' ids."""
    callbacks = {
        alias(index): _callback(index, places) for index, places in grammar.subtrees.items()
    }
    return SimpleNamespace(**callbacks)


def _callback(
    production_id: int, places: Sequence[int]
) -> Callable[[Sequence[_Derivation]], _Derivation]:
    leaf = (production_id,)
    match places:
        case []:
            return lambda _: leaf
        case [only]:
            return lambda children: leaf + children[only]
        case [first, second]:
            return lambda children: leaf + children[first] + children[second]
        case _:
            return partial(_join, leaf, places)


def _join(leaf: _Derivation, places: Sequence[int], children: Sequence[_Derivation]) -> _Derivation:
    return sum((children[place] for place in places), leaf)


def _preorder(tree: Tree) -> list[int]:
    """Return the production ids of a Lark tree, left-most first."""
    ids: list[int] = []
    pending = [tree]
    while pending:
        node = pending.pop()
        ids.append(int(node.data[1:]))
        pending.extend(child for child in reversed(node.children) if isinstance(child, Tree))
    return ids
