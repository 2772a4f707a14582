"""What a grammar must fulfil before derivations can be built on it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from models.errors import UserError, did_you_mean
from models.grammar.completion import minimum_steps
from models.grammar.symbols import Production, parse_production

MAX_PRODUCTIONS = 32_767
"""Ids are stored as int16."""


def grammar_mistakes(
    start: str,
    productions: Sequence[Production],
    separator: str,
    spaced: Collection[str],
    pad_production: int | None,
) -> list[str]:
    """Return every mistake of a grammar as a sentence with its remedy; none when it is sound."""
    if not productions:
        return ["it has no productions: list at least one under productions:"]
    mistakes = [
        *_size_mistakes(productions),
        *_symbol_mistakes(productions),
        *_name_mistakes(start, productions),
        *_duplicate_mistakes(productions),
        *_rendering_mistakes(productions, separator, spaced),
        *_pad_mistakes(start, productions, pad_production),
    ]
    # The next two follow definitions, which the mistakes above may have broken.
    return mistakes or [*_endless_mistakes(start, productions), *_cycle_mistakes(productions)]


def grammar_warnings(
    start: str, productions: Sequence[Production], pad_production: int | None
) -> list[str]:
    """Return what a sound grammar does not need, as sentences: nonterminals out of reach."""
    pad = None if pad_production is None else productions[pad_production].lhs
    reachable = reachable_nonterminals(start, productions)
    return [
        f"no derivation from {start!r} reaches {name!r}, so its {count} "
        f"production{' is' if count == 1 else 's are'} never used: use {name!r} in another "
        "production, or remove it (which changes the ids of productions behind it)"
        for name, count in Counter(production.lhs for production in productions).items()
        if name not in reachable and name != pad
    ]


def white_space_mistakes(separator: str, spaced: Collection[str]) -> list[str]:
    """Return what contradicts `white_space: none` in a grammar, as sentences."""
    keys = {"separator": separator, "spaced": list(spaced)}
    return [
        f"{key} is {value!r}, but white_space: none says that texts have none: remove one of them"
        for key, value in keys.items()
        if value
    ]


def reachable_nonterminals(start: str, productions: Iterable[Production]) -> set[str]:
    """Return the nonterminals that some derivation from `start` opens, `start` included."""
    uses: dict[str, set[str]] = {}
    for production in productions:
        uses.setdefault(production.lhs, set()).update(production.nonterminals)
    return _closure({start}, uses)


def label(production_id: int, productions: Sequence[Production]) -> str:
    """Name a production for a message: its id and its text."""
    return f"production {production_id} ({productions[production_id]})"


def _closure(seeds: set[str], successors: dict[str, set[str]]) -> set[str]:
    reached, frontier = set(seeds), list(seeds)
    while frontier:
        fresh = successors.get(frontier.pop(), set()) - reached
        reached |= fresh
        frontier.extend(fresh)
    return reached


def _size_mistakes(productions: Sequence[Production]) -> Iterator[str]:
    if len(productions) > MAX_PRODUCTIONS:
        yield (
            f"it has {len(productions)} productions, at most {MAX_PRODUCTIONS} fit in an "
            "int16 id: remove some"
        )


def _symbol_mistakes(productions: Sequence[Production]) -> Iterator[str]:
    for index, production in enumerate(productions):
        if not _survives_notation(production):
            yield (
                f"{label(index, productions)} cannot be written on one line: names must be free "
                "of white space and quotes, terminals must hold text without both kinds of quotes"
            )
        for symbol in production.rhs:
            if symbol.is_terminal and any(char.isspace() for char in symbol.text):
                yield (
                    f"{label(index, productions)}: the terminal {symbol} contains white space, "
                    "which is removed before text is parsed: leave it out and use separator: "
                    "or spaced: for how text is written"
                )


def _survives_notation(production: Production) -> bool:
    try:
        return parse_production(str(production)) == production
    except UserError:
        return False


def _name_mistakes(start: str, productions: Sequence[Production]) -> Iterator[str]:
    defined = {production.lhs for production in productions}
    if start not in defined:
        yield (
            f"no production defines the start symbol {start!r}: add one or change "
            f"start:.{did_you_mean(start, defined)}"
        )
    for index, production in enumerate(productions):
        for name in dict.fromkeys(production.nonterminals):
            if name not in defined:
                yield (
                    f"{label(index, productions)} uses {name!r}, which no production defines: "
                    f"add a production for it, or put it in quotes if it is "
                    f"text.{did_you_mean(name, defined)}"
                )


def _duplicate_mistakes(productions: Sequence[Production]) -> Iterator[str]:
    first: dict[Production, int] = {}
    for index, production in enumerate(productions):
        if first.setdefault(production, index) != index:
            yield f"{label(index, productions)} repeats production {first[production]}: remove it"


def _rendering_mistakes(
    productions: Sequence[Production], separator: str, spaced: Collection[str]
) -> Iterator[str]:
    if separator.strip():
        yield f"separator {separator!r} must be white space or empty: make it a terminal instead"
    terminals = {symbol.text for item in productions for symbol in item.rhs if symbol.is_terminal}
    for text in spaced:
        if text not in terminals:
            yield (
                f"spaced names {text!r}, which is not a terminal: remove "
                f"it.{did_you_mean(text, terminals)}"
            )


def _pad_mistakes(
    start: str, productions: Sequence[Production], pad_production: int | None
) -> Iterator[str]:
    if pad_production is None:
        return
    if not 0 <= pad_production < len(productions):
        yield f"pad production {pad_production} is not one of 0 to {len(productions) - 1}"
        return
    pad = productions[pad_production].lhs
    alternatives = Counter(production.lhs for production in productions)[pad]
    if pad in reachable_nonterminals(start, productions):
        yield f"the pad symbol {pad!r} can be derived from {start!r}: pad must be used nowhere else"
    if alternatives > 1:
        yield f"the pad symbol {pad!r} has {alternatives} productions: leave one"


def _endless_mistakes(start: str, productions: Sequence[Production]) -> Iterator[str]:
    steps = minimum_steps(productions)
    reachable = reachable_nonterminals(start, productions)
    for name in sorted(reachable - steps.keys()):
        first = next(i for i, item in enumerate(productions) if item.lhs == name)
        yield (
            f"{name!r} can never be completed, every production of it leads on without end, as "
            f"{label(first, productions)}: add a production of {name!r} that ends"
        )


def _cycle_mistakes(productions: Sequence[Production]) -> Iterator[str]:
    """Find nonterminals that derive themselves alone: texts would have endless derivations."""
    nullable = _nullable(productions)
    edges: dict[str, set[str]] = {}
    for production in productions:
        edges.setdefault(production.lhs, set()).update(_left_alone(production, nullable))
    for index, production in enumerate(productions):
        if production.lhs in _closure(_left_alone(production, nullable), edges):
            yield (
                f"{label(index, productions)} leads back to {production.lhs!r} without adding "
                "text, so a text would have endlessly many derivations: remove it"
            )
            return


def _left_alone(production: Production, nullable: set[str]) -> set[str]:
    """Return the nonterminals that `production` can leave as the only thing with text."""
    if any(symbol.is_terminal for symbol in production.rhs):
        return set()
    solid = {i for i, name in enumerate(production.nonterminals) if name not in nullable}
    names = enumerate(production.nonterminals)
    return {name for index, name in names if not solid - {index}}


def _nullable(productions: Sequence[Production]) -> set[str]:
    nullable: set[str] = set()
    size = -1
    while size != len(nullable):
        size = len(nullable)
        nullable |= {
            item.lhs
            for item in productions
            if all(not symbol.is_terminal and symbol.text in nullable for symbol in item.rhs)
        }
    return nullable
