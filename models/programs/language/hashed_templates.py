"""The kinds of sets and dictionaries as Python; see `templates.py`."""

from collections.abc import Mapping

from models.programs.language.kinds import MAPS, SETS

_OF_SETS: Mapping[str, str] = {
    "copy_{}": "set(a)",
    "union_{}": "a | b",
    "common_{}": "a & b",
    "without_{}": "a - b",
    "if_{}": "b if a else c",
    "len_{}": "len(a)",
    "min_{}": "min(a)",
    "max_{}": "max(a)",
    "sorted_{}": "sorted(a)",
    "sorted_{}_down": "sorted(a, reverse=True)",
    "in_{}": "a in b",
    "not_in_{}": "a not in b",
    "eq_{}": "a == b",
    "ne_{}": "a != b",
    "le_{}": "a <= b",
}

_OF_MAPS: Mapping[str, str] = {
    "copy_{}": "dict(a)",
    "if_{}": "b if a else c",
    "item_{}": "a[b]",
    "get_{}": "a.get(b, c)",
    "len_{}": "len(a)",
    "in_{}": "a in b",
    "not_in_{}": "a not in b",
    "eq_{}": "a == b",
    "ne_{}": "a != b",
    "keys_{}": "list(a)",
    "values_{}": "list(a.values())",
}

HASHED_EXPRESSIONS: Mapping[str, str] = {
    **{kind.format(of): text for of in SETS for kind, text in _OF_SETS.items()},
    "sum_int_set": "sum(a)",
    **dict.fromkeys(("int_set_from_list", "str_set_from_str", "str_set_from_texts"), "set(a)"),
    **dict.fromkeys(("eq_from_list", "eq_from_str"), "set(a) == b"),
    **{kind.format(of): text for of in MAPS for kind, text in _OF_MAPS.items()},
}
"""Every kind of expression but literals and comprehensions."""

EMPTY: Mapping[str, str] = {
    **{f"empty_{of}": "set()" for of in SETS},
    **{f"empty_{of}": "{}" for of in MAPS},
}
"""What says nothing of its type, so that it is read only where a type is said."""

HASHED_STATEMENTS: Mapping[str, str] = {
    **{
        f"{family}_{of}": text
        for of in (*SETS, *MAPS)
        for family, text in {"let": "s = a", "set": "s = a", "return": "return a"}.items()
    },
    **{
        f"{change}_{of}": f"s.{change}(a)" for of in SETS for change in ("add", "discard", "remove")
    },
    **{f"store_{of}": "s[a] = b" for of in MAPS},
    **{f"for_items_{of}": "for s, t in a.items(): ..." for of in MAPS},
}
"""Every kind of statement."""
