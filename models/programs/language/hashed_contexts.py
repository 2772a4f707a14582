"""Places of sets and dictionaries; see `contexts.py`."""

from dataclasses import dataclass

from models.programs.language.kinds import MAPS, NONTERMINAL_OF, SETS, SLOT, Type


@dataclass(frozen=True, kw_only=True)
class HashedPlace:
    """A place where all kinds may stand but some.

    Args:
        name: of its context.
        nonterminal: of the grammar.
        of: type of the slots that may stand there.
        left_out: kinds that may not.
        changes: whether a slot there is changed.
        freezes: whether a slot there must not change in the body that follows.
    """

    name: str
    nonterminal: str
    of: Type | None = None
    left_out: tuple[str, ...] = ()
    changes: bool = False
    freezes: bool = False


def hashed_places() -> list[HashedPlace]:
    """Return the places of each type; `empty_...` stands only where the type is said."""
    places: list[HashedPlace] = []
    for of in (*SETS, *MAPS):
        name, empty = NONTERMINAL_OF[of], f"empty_{of}"
        places += [
            HashedPlace(name=f"SET_{name}", nonterminal="SLOT", of=of, changes=True),
            HashedPlace(name=name, nonterminal=name, of=of, left_out=(empty,)),
            HashedPlace(name=f"RETURNED_{name}", nonterminal=name, of=of),
            HashedPlace(name=f"STARTED_{name}", nonterminal=name, of=of, left_out=(SLOT,)),
        ]
        places += _of_set(of, name, empty) if of in SETS else _of_map(of, name, empty)
    return places


def _of_set(of: Type, name: str, empty: str) -> list[HashedPlace]:
    """Return where some sets have an operation of their own, or are read as a list."""
    made = tuple(f"{of}_from_{source}" for source in ("list", "str", "texts"))
    left_out = {
        "UNMADE": (empty, *made),
        "COMPARED": (empty, *made[:2]),
        "LOOKED": (empty, f"{of}_n"),
    }
    return [
        HashedPlace(name=f"{place}_{name}", nonterminal=name, of=of, left_out=kinds)
        for place, kinds in left_out.items()
    ]


def _of_map(of: Type, name: str, empty: str) -> list[HashedPlace]:
    """Return what a loop goes over, and what dictionaries are made of."""
    return [
        HashedPlace(name=f"OVER_{name}", nonterminal=name, of=of, left_out=(empty,), freezes=True),
        HashedPlace(name=f"{name}_PAIRS", nonterminal=f"{name}_PAIRS"),
        HashedPlace(name=f"GEN_{name}", nonterminal=f"GEN_{name}"),
    ]
