"""The rules of programs in plain Python: a second formula beside `ConstraintMachine`.

It shares nothing with the machine but the kinds of productions, is slow, and says what is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from models.errors import UserError
from models.programs.language.kinds import (
    MAPS,
    MAX_PARAMETERS,
    NONTERMINAL_OF,
    NUM_SLOTS,
    SETS,
    TYPE_OF,
    Kind,
    Type,
    language,
)

MAX_DIGITS = 18

HASHED = tuple(NONTERMINAL_OF[of] for of in (*SETS, *MAPS))

NEVER_NEGATIVE = {"abs", "abs_float", "number", "decimal", "len_list", "len_str", "len_texts"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """An open nonterminal and what may stand there.

    Args:
        nonterminal: of the grammar.
        role: which of its uses this is: "body", "up", "set", "fresh", "literal", ...
        type: of a slot.
        least: of a literal number.
        spelled: digits or characters so far.
        visible: slots in scope.
        frozen: slots that must not change.
        loop: "for" or "while", the innermost loop around a block.
    """

    nonterminal: str
    role: str = ""
    type: Type | None = None
    least: int = 0
    spelled: str = ""
    visible: frozenset[int] = frozenset()
    frozen: frozenset[int] = frozenset()
    loop: str = ""


class Replay:
    """Follows one derivation, step by step."""

    def __init__(self) -> None:
        self.open: list[Place] = [Place(nonterminal="PROGRAM")]
        self._types: list[Type] = []
        self._returns: Type | None = None
        self._held: frozenset[int] = frozenset()

    def allowed(self, budget: int) -> set[int]:
        """Return the productions after which everything open can close in `budget - 1` steps."""
        return {
            kind.id
            for kind in (language().kinds if self.open else ())
            if self.mistake(kind) is None and self._steps_after(kind) <= budget - 1
        }

    def mistake(self, kind: Kind) -> str | None:
        """Say why a production may not follow, or None when it may."""
        place = self.open[-1]
        if kind.lhs != place.nonterminal:
            return f"{kind.lhs} stands where {place.nonterminal} is open"
        if kind.lhs == "PARAM":
            is_last = kind.family == "last" or len(self._types) < MAX_PARAMETERS - 1
            return None if is_last else f"a program has at most {MAX_PARAMETERS} parameters"
        if kind.lhs == "BLOCK":
            return self._statement_mistake(kind, place)
        if kind.slot is not None:
            return self._slot_mistake(kind.slot, place)
        if kind.lhs in ("DIGITS", "CHARS", "NUMBER"):
            return _spelling_mistake(kind, place)
        return self._expression_mistake(kind, place)

    def take(self, kind: Kind) -> None:
        """Follow a production that may follow."""
        place = self.open.pop()
        if kind.lhs == "PROGRAM":
            self._returns = kind.type
        if place.role in ("walk", "counter", "bound", "over") and kind.slot is not None:
            self._held |= {kind.slot}
        if kind.lhs == "BLOCK":
            place = replace(place, frozen=place.frozen | self._held)
            self._held = frozenset()
        self.open += reversed(_children(kind, place))
        for new_type in _defined(kind):
            self._show(kind, len(self._types))
            self._types.append(new_type)

    def _show(self, kind: Kind, slot: int) -> None:
        """Make a new slot visible where it is: open[-1] is what the production opened first."""
        count = len(kind.children)
        places = {"let": [-2], "for": [1 - count]}.get(kind.family)
        if kind.family == "each":
            places = [-1 - spot for spot in range(kind.children.index("WHERE"), count)]
        for place in range(len(self.open)) if places is None else places:
            self.open[place] = replace(self.open[place], visible=self.open[place].visible | {slot})

    def _steps_after(self, kind: Kind) -> int:
        children = _children(kind, self.open[-1])
        return sum(map(_fewest_steps, [*self.open[:-1], *children]))

    def _statement_mistake(self, kind: Kind, place: Place) -> str | None:
        if kind.family == "end":
            return None if place.role == "next" else "this block cannot just end here"
        if kind.family == "leave":
            right = kind.name == "break" or place.loop == "for"
            right = right and place.loop != "" and place.role in ("first", "next")
            return None if right else "there is no such loop to leave here"
        if kind.family == "step":
            right = kind.direction == place.role
            return None if right else "this is not how the loop around it steps"
        if kind.family == "return" and place.role in ("up", "down", "shrink"):
            return "the body of a while ends with its step"
        if kind.family == "return" and kind.type != self._returns:
            return f"the program returns {self._returns}"
        if len(self._types) + len(_defined(kind)) > NUM_SLOTS:
            return f"all {NUM_SLOTS} slots are in use"
        return self._missing_slot(kind, place)

    def _missing_slot(self, kind: Kind, place: Place) -> str | None:
        """Say which slot a statement would need that is not there."""
        for child in _children(kind, replace(place, frozen=place.frozen | self._held)):
            if child.nonterminal == "SLOT" and not self._fitting(child):
                return f"no {child.type} slot is there to {child.role}"
        return None

    def _slot_mistake(self, slot: int, place: Place) -> str | None:
        if place.role in ("fresh", "started", "fresh part", "literal", "rooted"):
            return "a slot may not stand here: it would give a list a second name, or change"
        if slot in self._fitting(place):
            return None
        return f"slot {slot} is not visible here, of another type, frozen, or its own bound"

    def _fitting(self, place: Place) -> list[int]:
        """Return the slots that fit a place for a slot or an expression."""
        wanted = place.type or TYPE_OF.get(place.nonterminal)
        changes = place.role in ("set", "counter")
        usable = place.visible - place.frozen if changes else place.visible
        if place.role == "bound":
            usable -= self._held  # the counter, which would never pass itself
        return [slot for slot in usable if self._types[slot] == wanted]

    def _expression_mistake(self, kind: Kind, place: Place) -> str | None:
        wanted = 1 if kind.family == "gather" else len(_defined(kind))
        if len(self._types) + wanted > NUM_SLOTS:
            return f"all {NUM_SLOTS} slots are in use"
        is_number = kind.family == "number" or type(kind.value) is int
        if place.role == "literal":
            large = kind.family == "number" or (is_number and int(kind.value or 0) >= place.least)
            return None if large else f"only a literal number from {place.least} on fits"
        if place.role == "rooted" and kind.name not in NEVER_NEGATIVE:
            is_constant = kind.name == "constant" and float(kind.value or 0) >= 0
            return None if is_constant else "this may be negative"
        if place.role == "negated" and kind.value == 1:
            return "-1 has a production of its own"
        if place.nonterminal in HASHED and _is_refused(kind.name, place):
            return "this has a kind of its own here, or does not say its type"
        if place.nonterminal == "TEXTS" and kind.name in _refused_texts(place.role):
            return "this has a kind of its own here, or could be a list of numbers"
        if place.role == "bound" and not is_number:
            if kind.name not in ("len_list", "len_str", "len_texts") or place.nonterminal != "INT":
                return "a bound is a number, a slot, or the length of a slot"
            operand = _children(kind, place)[0]
            return None if self._fitting(operand) else "there is no such slot"
        return None


def allowed_after(ids: Sequence[int], max_steps: int) -> set[int]:
    """Return the productions that may follow; none when the derivation is complete.

    Args:
        ids: the beginning of a legal derivation.
        max_steps: of the whole derivation.
    """
    replay = Replay()
    for production_id in ids:
        replay.take(language().kinds[production_id])
    return replay.allowed(max_steps - len(ids))


def check_program(ids: Sequence[int], where: str = "") -> None:
    """Check that a derivation is complete and keeps to all rules of the language.

    Args:
        ids: production ids; pad ids behind the end are allowed.
        where: the program's place, for messages.

    Raises:
        UserError: with the step and what is wrong there.
    """
    replay = Replay()
    kinds = language().kinds
    for step, production_id in enumerate(map(int, ids)):
        if not replay.open:
            mistake = None if production_id == -1 else "the program is complete here: pad with -1"
        elif not 0 <= production_id < len(kinds):
            mistake = f"{production_id} is no production id: they are 0 to {len(kinds) - 1}"
        else:
            mistake = replay.mistake(kinds[production_id])
        if mistake:
            name = kinds[production_id].name if 0 <= production_id < len(kinds) else "padding"
            raise UserError(
                f"{_comma(where)}step {step}, production {production_id} ({name}): {mistake}"
            )
        if replay.open:
            replay.take(kinds[production_id])
    if replay.open:
        last = replay.open[-1].nonterminal
        raise UserError(f"{_comma(where)}step {len(ids)}: the program ends while {last} is open")


def _comma(where: str) -> str:
    return f"{where}, " if where else ""


def _children(kind: Kind, place: Place) -> list[Place]:
    """Return the places that a production opens, left to right, before it defines a slot."""
    scope = Place(nonterminal="", visible=place.visible, frozen=place.frozen)
    children = [replace(scope, nonterminal=name) for name in kind.children]
    if kind.lhs == "BLOCK":
        return [_part_of_statement(kind, place, child, i) for i, child in enumerate(children)]
    if kind.lhs in ("PROGRAM", "PARAM"):
        return [replace(child, role="body") for child in children]
    if kind.lhs in ("NUMBER", "DIGITS", "CHARS"):
        text = place.spelled + str(kind.value)
        return [replace(child, spelled=text, role=place.role) for child in children]
    if kind.name == "decimal":
        return [replace(children[0], role="decimal")]
    if kind.name in ("power", "power_int"):
        return [replace(children[0], role="rooted"), children[1]]
    role = {"neg": "negated", "if_list": place.role}.get(kind.name, "")
    if place.role == "bound":
        role = "bound"
    if kind.name == "if_texts" and place.role in ("over", "started", "returned", "fresh part"):
        role = place.role
    if kind.name == "if_texts" and place.role == "fresh":
        role = "fresh part"
    goes_over = kind.name.endswith("_over_texts") and kind.lhs.removeprefix("GEN_") not in HASHED
    if kind.name in ("len_texts", "item_texts", "join_texts") or goes_over:
        special = "joined" if kind.name == "join_texts" else "unsplit"
        if place.role != "bound":
            return [
                replace(child, role=special if child.nonterminal == "TEXTS" else "")
                for child in children
            ]
    if kind.lhs in HASHED and kind.family == "conditional":
        role = place.role if place.role in ("started", "returned", "over") else ""
    roles = _roles_of_sets(kind.name)
    if roles is not None:
        return [replace(c, role=r) for c, r in zip(children, roles, strict=True)]
    if kind.name in ("pow", "pow_float"):
        return [children[0], replace(children[1], role="literal")]
    same = [child.nonterminal == kind.lhs or role == "bound" for child in children]
    return [replace(c, role=role if s else "") for c, s in zip(children, same, strict=True)]


def _part_of_statement(kind: Kind, place: Place, child: Place, spot: int) -> Place:
    """Return a place that a statement opens."""
    if child.nonterminal == "BLOCK":
        is_rest = spot == len(kind.children) - 1
        # A branch, or the body of a for, ends like any other block.
        if is_rest:
            return replace(child, role=_rest_role(place), loop=place.loop)
        loop = kind.family if kind.family in ("for", "while") else place.loop
        return replace(child, role=kind.direction or "first", loop=loop)
    if child.nonterminal == "SLOT":
        return _slot_of_statement(kind, child)
    if kind.family == "while" and spot == 1:
        return replace(child, role="literal" if kind.direction == "shrink" else "bound")
    if kind.family == "step" and kind.operation != "mod":
        return replace(child, role="literal", least=2 if kind.operation == "floordiv" else 1)
    if kind.family == "for" and kind.second and child.nonterminal in ("LIST", "TEXTS", *HASHED):
        return replace(child, role="over")
    if child.nonterminal in HASHED:
        return replace(child, role="returned" if kind.family == "return" else "started")
    role = {
        **dict.fromkeys(("let_list", "set_list", "for_list", "for_texts"), "fresh"),
        **dict.fromkeys(("let_texts", "set_texts"), "started"),
        "return_texts": "returned",
    }.get(kind.name)
    return replace(child, role=role) if role else child


def _rest_role(place: Place) -> str:
    return "next" if place.role == "first" else place.role


def _slot_of_statement(kind: Kind, child: Place) -> Place:
    role = {"for": "walk", "while": "counter", "store": "store"}.get(kind.family, "set")
    # The type of a for is that of its variable, not of the list that it walks over.
    walked = "list" if kind.type == "int" else "texts"
    return replace(child, role=role, type=walked if kind.family == "for" else kind.type)


def _defined(kind: Kind) -> list[Type]:
    """Return the types of the slots that a production defines."""
    defines = kind.family in ("let", "param", "last", "for", "each")
    return [each for each in (kind.type, kind.second) if defines and each is not None]


def _spelling_mistake(kind: Kind, place: Place) -> str | None:
    """Say why a number or a text may not go on, or end, like this."""
    if place.role == "decimal":
        left = _letters_left(place.spelled + ("" if kind.ends else str(kind.value)))
        return None if (left == 0 if kind.ends else left is not None) else "this is no float"
    if kind.lhs == "DIGITS" and kind.value == ".":
        return "this is no float"
    if not kind.ends:
        is_full = place.nonterminal == "DIGITS" and len(place.spelled) == MAX_DIGITS
        return f"numbers have at most {MAX_DIGITS} digits" if is_full else None
    return f"{place.spelled!r} has a production of its own" if _is_constant(place) else None


def _letters_left(text: str) -> int | None:
    """Return how many letters complete a float, None where none do."""
    for count in range(5):
        if any(_is_float(text + "".join(more)) for more in product(".1", repeat=count)):
            return count
    return None


def _is_float(text: str) -> bool:
    """Tell whether a float is spelled as it should be, and has to be."""
    whole, _, fraction = text.partition(".")
    right = whole.isdigit() and fraction.isdigit() and max(len(whole), len(fraction)) <= 6
    right = right and (whole == "0" or whole[0] != "0")
    right = right and (fraction == "0" or fraction[-1] != "0")
    return right and language().constant_id("FLOAT", float(text)) is None


def _is_constant(place: Place) -> bool:
    """Tell whether what was spelled so far is a constant."""
    is_number = place.nonterminal == "DIGITS"
    value = int(place.spelled) if is_number else place.spelled
    return language().constant_id("INT" if is_number else "STR", value) is not None


def _fewest_steps(place: Place) -> int:
    """Return the steps of the shortest way to complete a place.

    What spells a constant so far may not end and takes one more letter. Other blocks than the rest
    of a nested one return, or step, with a value; the shortest program does so at once.
    """
    if place.role == "decimal":
        left = _letters_left(place.spelled)
        assert left is not None  # of what may go on
        return left + 1
    if place.nonterminal in ("DIGITS", "CHARS"):
        return 2 if _is_constant(place) else 1
    if place.nonterminal == "BLOCK":
        return 1 if place.role == "next" else 2
    if place.nonterminal.startswith("GEN_"):
        of_map = place.nonterminal.removeprefix("GEN_") in HASHED
        return 5 if of_map else 4  # itself, something empty, no condition, a constant or two
    if place.nonterminal in HASHED:
        return _fewest_steps_of_hashed(place)
    if place.nonterminal == "TEXTS":  # a list of one text, where `[]` would say too little
        return 1 if place.role in ("started", "returned", "bound") else 2
    return {"PROGRAM": 4, "NUMBER": 3}.get(place.nonterminal, 1)


def _fewest_steps_of_hashed(place: Place) -> int:
    """Return the same of a set or a dictionary.

    It is empty, made of something empty, or holds one item, where nothing shorter may stand.
    """
    if place.role in ("started", "returned"):
        return 1
    if TYPE_OF[place.nonterminal] in MAPS:
        return 4
    return 3 if place.role in ("unmade", "compared") else 2


def _roles_of_sets(name: str) -> list[str] | None:
    """Return the roles of the parts of what has to do with sets, None for other kinds."""
    for of_set in SETS:
        if name in (f"len_{of_set}", f"sorted_{of_set}"):
            return ["unmade"]
        if name in (f"in_{of_set}", f"not_in_{of_set}"):
            return ["", "looked"]
        if name == f"eq_{of_set}":
            return ["compared", ""]
    return ["", "compared"] if name in ("eq_from_list", "eq_from_str") else None


def _is_refused(name: str, place: Place) -> bool:
    """Tell whether a role of a set or a dictionary leaves no room for a kind."""
    if name.startswith("empty_"):
        return place.role not in ("started", "returned")
    made = name.partition("_from_")[2]
    if place.role == "unmade":
        return made != ""
    if place.role == "compared":
        return made in ("list", "str")
    return place.role == "looked" and name in ("int_set_n", "str_set_n")


def _refused_texts(role: str) -> set[str]:
    """Return the kinds of texts that a role leaves no room for."""
    refused = set() if role in ("started", "returned") else {"empty_texts"}
    if role in ("unsplit", "fresh"):
        refused |= {"split", "split_by"}
    return refused | {"sorted_str", "texts_of"} if role == "joined" else refused
