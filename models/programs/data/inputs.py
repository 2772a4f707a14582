"""Inputs to run programs on: drawn at random, edge cases among them, and probes.

The probes of a signature are fixed: two programs are held for equal in behaviour when they do the
same on all of them.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial

from models.programs.execution.outcomes import Value, same_value
from models.programs.language.kinds import MAPS, SETS, Type

Inputs = tuple[Value, ...]
"""One value for each parameter."""

NUM_PROBES = 24
"""Probes of a signature; at least so many."""

_EDGES: Mapping[Type, tuple[Value, ...]] = {
    "int": (0, 1, -1, 2, 10, -7, 100, 3),
    "bool": (True, False),
    "str": ("", "a", "Ab 1", "abcba", "hello world", "aaa", "42", "Zebra, xylophone."),
    "list": ([], [1], [3, 1, 2], [-1], [2, 2, 2], [0, -5, 5, 0], [1, 2, 3, 4, 5, 6, 7, 8], [0]),
    "texts": (
        [],
        ["a"],
        ["b", "abc", "aa"],
        [""],
        ["x", "x", "x"],
        ["kiwi", "Apple", "fig", "egg"],
        ["12", "3", "-7"],
        ["a", "b", "c", "d", "e", "f"],
    ),
    "float": (0.0, 1.0, -1.5, 0.5, 3.7, 100.0, -0.25, 2.0),
    "int_set": (set(), {1}, {3, 1, 2}, {-1}, {0, -5, 5}, {2, 4, 6, 8}, {0}, {10, 100}),
    "str_set": (
        set(),
        {"a"},
        {"b", "abc", "aa"},
        {""},
        {"a", "e", "i", "o", "u"},
        {"kiwi", "Apple"},
        {"12", "3"},
        {"x"},
    ),
    "int_to_int": ({}, {1: 1}, {3: 1, 1: 2}, {0: 0}, {-1: 5}, {1: 2, 2: 4, 3: 6}, {2: 2}, {5: -1}),
    "str_to_int": (
        {},
        {"a": 1},
        {"b": 2, "a": 1},
        {"": 0},
        {"x": -1, "y": 1},
        {"one": 1, "two": 2, "three": 3},
        {"a": 0},
        {"Z": 26},
    ),
    "str_to_str": (
        {},
        {"a": "b"},
        {"b": "a", "a": "b"},
        {"": ""},
        {"x": "y", "y": "z"},
        {"cat": "dog", "sun": "moon"},
        {"A": "a"},
        {"k": "v"},
    ),
    "int_to_str": (
        {},
        {1: "a"},
        {2: "b", 1: "a"},
        {0: ""},
        {1: "one", 2: "two", 3: "three"},
        {-1: "x"},
        {10: "ten"},
        {7: "7"},
    ),
}
"""What programs stumble over, then plain cases."""

_PROBE_SEED = 0x5EED
"""Of the probes, for good: data sets on disk hold digests of what programs do on them."""

_WORDS = (
    "a", "an", "apple", "banana", "cat", "dog", "echo", "fox", "go", "hello", "is", "it", "kayak",
    "level", "Mississippi", "moon", "noon", "of", "on", "Python", "queen", "radar", "see", "Sun",
    "tea", "The", "to", "up", "we", "x", "yes", "zoo",
)  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def random_inputs(types: Sequence[Type], rng: random.Random) -> Inputs:
    """Return inputs of the given types; later ones often refer to earlier ones."""
    values: list[Value] = []
    for value_type in types:
        related = _related(value_type, values, rng) if rng.random() < 0.4 else None
        values.append(random_value(value_type, rng) if related is None else related)
    return tuple(values)


def random_value(value_type: Type, rng: random.Random) -> Value:
    """Return a value of a type; in one of six cases one of the edge cases."""
    if rng.random() < 1 / 6:
        return _copy(rng.choice(_EDGES[value_type]))
    return _DRAW[value_type](rng)


def random_text(rng: random.Random) -> str:
    """Return letters, words, digits, or a mixture of all that is printable."""
    kind = rng.random()
    if kind < 0.35:
        return " ".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 4)))
    if kind < 0.65:
        letters = _LETTERS[: rng.choice((3, 5, 26))]
        return "".join(rng.choice(letters) for _ in range(_random_length(rng)))
    if kind < 0.75:
        return str(rng.randint(0, 10 ** rng.randint(1, 6)))
    if kind < 0.85:
        half = "".join(rng.choice(_LETTERS[:6]) for _ in range(rng.randint(1, 4)))
        return half + half[:: rng.choice((-1, 1))][rng.randint(0, 1) :]
    return "".join(chr(rng.randint(32, 126)) for _ in range(_random_length(rng)))


@lru_cache(maxsize=1024)
def probe_inputs(types: tuple[Type, ...]) -> tuple[tuple[Inputs, ...], ...]:
    """Return the probes of a signature in groups.

    Of each group the first is followed by one for each parameter that differs from it in that
    parameter alone, so that a group shows which parameters matter.
    """
    rng = random.Random(f"{_PROBE_SEED} {' '.join(types)}")
    edges = [_edge_first(value_type, rng, place) for place, value_type in enumerate(types)]
    groups: list[tuple[Inputs, ...]] = []
    while sum(map(len, groups)) < NUM_PROBES:
        drawn = random_inputs(types, rng)
        base = [next(edge) for edge in edges] if len(groups) % 2 == 0 else list(drawn)
        group = [tuple(base)]
        for place, value_type in enumerate(types):
            other = next(edges[place])
            while same_value(other, base[place]):
                other = random_value(value_type, rng)
            group.append((*base[:place], other, *base[place + 1 :]))
        groups.append(tuple(group))
    return tuple(groups)


def flat_probes(types: tuple[Type, ...]) -> tuple[Inputs, ...]:
    """Return all probes of a signature."""
    return tuple(inputs for group in probe_inputs(types) for inputs in group)


def _edge_first(value_type: Type, rng: random.Random, place: int) -> Iterator[Value]:
    """Yield the edge cases, from another one on for each parameter, then random values."""
    cases = _EDGES[value_type]
    for number in range(len(cases)):
        yield cases[(number + 3 * place) % len(cases)]
    while True:
        yield _DRAW[value_type](rng)


def _related(  # noqa: PLR0911  (one a pair of types)
    value_type: Type, earlier: Sequence[Value], rng: random.Random
) -> Value | None:
    """Return a value that has to do with an earlier one, or None where nothing offers itself."""
    if not earlier:
        return None
    other = rng.choice(earlier)
    if isinstance(other, set | dict):
        items = sorted(other)  # pyright: ignore[reportArgumentType]  # all of one type
        known = items and value_type == ("int" if isinstance(items[0], int) else "str")
        return rng.choice(items) if known else None
    if value_type == "int" and isinstance(other, list | str) and other:
        item = rng.choice(other)
        return item if isinstance(item, int) and rng.random() < 0.6 else rng.randrange(len(other))
    if value_type == "int" and type(other) is int:
        return other + rng.randint(-2, 2)
    if value_type == "str" and isinstance(other, str) and other:
        start = rng.randrange(len(other))
        return other[start : start + rng.randint(1, 3)]
    if value_type in ("list", "texts") and _is_of(value_type, other):
        return rng.sample(other, rng.randint(0, len(other)))  # pyright: ignore[reportArgumentType]
    if value_type == "texts" and isinstance(other, str):
        return other.split() if " " in other else list(other)
    if value_type == "str" and isinstance(other, list) and other and _is_of("texts", other):
        return str(rng.choice(other))
    return None


def _is_of(list_type: Type, value: Value) -> bool:
    """Tell whether a value is a list of ints, or one of texts."""
    wanted = int if list_type == "list" else str
    return isinstance(value, list) and all(type(item) is wanted for item in value)


def _random_int(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.55:
        return rng.randint(0, 12)
    if kind < 0.75:
        return rng.randint(-12, -1)
    if kind < 0.95:
        return rng.randint(10, 120)
    return rng.randint(-2000, 2000)


def _random_float(rng: random.Random) -> float:
    most = rng.choice((1, 10, 10, 100))
    return round(rng.uniform(-0.3 * most, most), rng.choice((0, 1, 1, 2, 3)))


def _random_list(rng: random.Random) -> Value:
    length = _random_length(rng)
    kind = rng.random()
    if kind < 0.3:  # few different items: duplicates
        return [rng.randint(0, 4) for _ in range(length)]
    items = [rng.randint(-20, 40) for _ in range(length)]
    if kind < 0.45:
        items.sort()
    return [abs(item) for item in items] if kind > 0.8 else items


def _random_texts(rng: random.Random) -> Value:
    length = _random_length(rng)
    kind = rng.random()
    if kind < 0.5:
        return [rng.choice(_WORDS) for _ in range(length)]
    if kind < 0.65:  # few different items: duplicates
        return [rng.choice("abcd") for _ in range(length)]
    if kind < 0.8:
        return [str(rng.randint(0, 200)) for _ in range(length)]
    return [
        "".join(rng.choice(_LETTERS[:6]) for _ in range(rng.randint(0, 5))) for _ in range(length)
    ]


def _random_set(of: Type, rng: random.Random) -> Value:
    listed = _DRAW["list" if SETS[of] == "int" else "texts"](rng)
    return set(listed)  # pyright: ignore[reportArgumentType]  # of a list of its items


def _random_map(of: Type, rng: random.Random) -> Value:
    keys, values = (_DRAW["list" if t == "int" else "texts"](rng) for t in MAPS[of])
    return dict(zip(keys, values, strict=False))  # pyright: ignore[reportArgumentType]


def _random_length(rng: random.Random) -> int:
    return rng.randint(10, 24) if rng.random() < 0.15 else rng.randint(1, 8)


def _copy(value: Value) -> Value:
    return value.copy() if isinstance(value, list | set | dict) else value


_DRAW: Mapping[Type, Callable[[random.Random], Value]] = {
    "int": _random_int,
    "bool": lambda rng: rng.random() < 0.5,
    "str": random_text,
    "list": _random_list,
    "texts": _random_texts,
    "float": _random_float,
    **{of: partial(_random_set, of) for of in SETS},
    **{of: partial(_random_map, of) for of in MAPS},
}
