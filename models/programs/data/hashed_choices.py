"""Which expressions of sets and dictionaries random programs of the human style hold, how often."""

from collections.abc import Mapping

from models.programs.language.kinds import LIST_OF, MAPS, SETS, Type

_LOOKED: Mapping[Type, str] = {"int": "int", "str": "text"}
"""Parts that are items or keys."""

_OF_SETS: Mapping[str, tuple[Type | None, float, str]] = {
    "len_{}": ("int", 6, "{}"),
    "min_{}": (None, 0.5, "{}"),
    "max_{}": (None, 0.7, "{}"),
    "in_{}": ("bool", 8, "looked {}"),
    "not_in_{}": ("bool", 6, "looked {}"),
    "eq_{}": ("bool", 0.7, "{} some_{}"),
    "ne_{}": ("bool", 0.2, "{} some_{}"),
    "le_{}": ("bool", 0.5, "{} some_{}"),
}
_OF_MAPS: Mapping[str, tuple[Type | None, float, str]] = {
    "len_{}": ("int", 4, "{}"),
    "in_{}": ("bool", 8, "looked {}"),
    "not_in_{}": ("bool", 5, "looked {}"),
    "eq_{}": ("bool", 0.5, "{} some_{}"),
    "ne_{}": ("bool", 0.1, "{} some_{}"),
}
"""Kind -> type of its value (None: of an item), weight, parts."""


def hashed_choices(of: Type) -> Mapping[str, tuple[float, str]]:
    """Return the kinds of a type that have to do with sets or dictionaries: weights and parts."""
    found: dict[str, tuple[float, str]] = {}
    for of_set, item in SETS.items():
        for kind, (result, weight, parts) in _OF_SETS.items():
            if (result or item) == of:
                looked = parts.replace("looked", _LOOKED[item])
                found[kind.format(of_set)] = weight, looked.format(of_set, of_set)
    for of_map, (key, value) in MAPS.items():
        for kind, (result, weight, parts) in _OF_MAPS.items():
            if result == of:
                looked = parts.replace("looked", _LOOKED[key])
                found[kind.format(of_map)] = weight, looked.format(of_map, of_map)
        if value == of:
            found[f"item_{of_map}"] = 10, f"{of_map} {_LOOKED[key]}"
            found[f"get_{of_map}"] = 6, f"{of_map} {_LOOKED[key]} {value}"
    return {**found, **_OTHERS.get(of, {})}


def _others() -> Mapping[Type, Mapping[str, tuple[float, str]]]:
    """Return the kinds that not every set or dictionary has, or that make one."""
    found: dict[Type, dict[str, tuple[float, str]]] = {
        "int": {"sum_int_set": (0.7, "int_set")},
        "bool": {"eq_from_list": (0.3, "items int_set"), "eq_from_str": (0.3, "str str_set")},
        "int_set": {
            "int_set_from_list": (8.0, "items"),
            "int_set_n": (3.0, "int"),
            "int_set_of": (3.0, "ints"),
        },
        "str_set": {
            "str_set_from_texts": (6.0, "strings"),
            "str_set_from_str": (4.0, "str"),
            "str_set_n": (3.0, "text"),
            "str_set_of": (2.0, "texts"),
        },
        "list": {},
        "texts": {},
    }
    for of, item in SETS.items():
        for name in ("union", "common", "without"):
            found[of][f"{name}_{of}"] = 2.0, f"{of} some_{of}"
        found[LIST_OF[item]][f"sorted_{of}"] = 8.0, of
        found[LIST_OF[item]][f"sorted_{of}_down"] = 1.0, of
    for of, (key, value) in MAPS.items():
        found[LIST_OF[key]][f"keys_{of}"] = 1.0, of
        found[LIST_OF[value]][f"values_{of}"] = 4.0, of
        found[of] = {
            f"{of}_n": (4.0, f"{_LOOKED[key]} {_LOOKED[value]}"),
            f"{of}_of": (5.0, f"pairs_{of}"),
        }
    return found


_OTHERS = _others()
