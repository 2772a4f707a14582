"""Random programs of many flavours, and a checker of Python that knows nothing of grammars."""

import ast

import pytest
import torch
from hypothesis import strategies as st
from program_rules.sampling import random_programs

from models.programs.language.kinds import language
from models.programs.language.machine import ConstraintMachine

FLAVOURS = {
    "any": (),
    "statements": ("if", "if_else", "let_int", "set_int", "for_range_1", "append", "end", "slot"),
    "loops": ("while_lt", "while_gt_and", "shrink_gt", "for_slot", "for_words", "slot", "len_list",
              "let_list", "step_mod", "set_list", "iadd", "append", "store", "len_str"),
    "spelled": ("number", "text", "digit", "list_n", "more", "neg", "let_int", "let_str"),
    "comprehensions": ("slot", "list_of", "sum_of", "any_of", "join_of", "where", "for_zip_list",
                       "for_enumerate_str", "break", "continue", "if", "set_two", "let_list"),
    "texts": ("slot", "let_texts", "set_texts", "return_texts", "program_texts", "last_texts",
              "append_text", "for_slot_texts", "for_texts", "for_enumerate_texts", "if_texts",
              "split", "split_by", "texts_n", "texts_of", "str_over_texts", "item_texts",
              "join_texts", "len_texts", "sorted_str", "empty_texts", "if", "while_lt"),
    "sets": ("slot", "let_int_set", "set_int_set", "return_int_set", "program_int_set",
             "last_str_set", "add_int_set", "discard_str_set", "remove_int_set", "int_set_n",
             "more", "int_set_of", "str_set_from_str", "int_set_from_list", "union_int_set",
             "len_int_set",
             "sorted_int_set", "in_str_set", "eq_int_set", "eq_from_list", "if_int_set",
             "empty_str_set", "str_set_from_texts", "le_str_set", "let_str_set", "sum_int_set"),
    "maps": ("slot", "let_str_to_int", "set_str_to_int", "return_str_to_int", "last_int_to_str",
             "program_str_to_int", "store_str_to_int", "store_int_to_int", "let_int_to_int",
             "for_items_str_to_int", "str_to_int_n", "more_str_to_int", "str_to_int_of",
             "item_str_to_int", "get_str_to_str", "keys_str_to_int", "values_int_to_int",
             "len_int_to_int", "in_str_to_int", "for_texts", "for_list", "if_str_to_int",
             "int_over_items_str_to_int", "str_to_int_over_items_int_to_str", "sorted_texts"),
    "slots": ("slot", "let_int", "let_list", "let_str", "let_bool"),
    "floats": ("slot", "let_float", "set_float", "return_float", "program_float", "last_float",
               "iadd_float", "idiv_float", "add_float", "add_int_float", "div_int", "pow_float",
               "power", "power_int", "round", "round_to", "int_float", "decimal", "digit",
               "digits_end", "lt_float", "eq_float_int", "str_float", "float_str", "if_float"),
}  # fmt: skip


def _flavoured(batch, max_steps, seed, flavour):
    """Sample a batch with logits that are random, high for the flavour's kinds."""
    generator = torch.Generator().manual_seed(seed)
    machine = ConstraintMachine("cpu", max_steps)
    logits = torch.randn(machine.num_productions, generator=generator)
    for kind in language().kinds:
        logits[kind.id] += 3 * (kind.name in FLAVOURS[flavour])
    return random_programs(machine, batch, generator, logits)


@pytest.fixture(scope="session")
def sample_programs():
    return _flavoured


@pytest.fixture(scope="session")
def flavours():
    return st.sampled_from(sorted(FLAVOURS))


@pytest.fixture(scope="session")
def any_program():
    """One derivation at a time, without padding."""

    @st.composite
    def draw_one(draw):
        flavour = draw(st.sampled_from(sorted(FLAVOURS)))
        max_steps = draw(st.integers(4, 120))
        ids = _flavoured(1, max_steps, draw(st.integers(0, 2**32)), flavour)
        return [production_id for production_id in ids[0].tolist() if production_id >= 0]

    return draw_one()


TEXTS = "list[str]"
INTS, STRS = "set[int]", "set[str]"
SETS = {INTS: "int", STRS: "str"}
MAPS = {f"dict[{key}, {value}]": (key, value) for key in ("int", "str") for value in ("int", "str")}
LISTED = {"int": "list", "str": TEXTS}
CHANGEABLE = ("list", TEXTS, *SETS, *MAPS)
EXTREMES = {("list",): "int", (TEXTS,): "str", ("int", "int"): "int", ("each int",): "int"}
EXTREMES |= {("float", "float"): "float", (INTS,): "int", (STRS,): "str"}
EXTREMES |= {(f"values {value}",): value for value in ("int", "str")}
EXTREMES |= {(of,): key for of, (key, _) in MAPS.items()}
PLACES = {("list", "int"): "int", ("str", "str"): "int", (TEXTS, "str"): "int"}
SIGNATURES = {
    "abs": {("int",): "int", ("float",): "float"},
    "float": {("int",): "float", ("str",): "float"},
    "round": {("float",): "int", ("float", "int"): "float"},
    "min": EXTREMES,
    "max": EXTREMES,
    "sum": {
        **dict.fromkeys(((of,) for of, (key, _) in MAPS.items() if key == "int"), "int"),
        **dict.fromkeys(
            (("list",), (INTS,), ("each int",), ("each bool",), ("values int",)), "int"
        ),
    },
    "any": {("each bool",): "bool"},
    "all": {("each bool",): "bool"},
    "bin": {("int",): "str"},
    "enumerate": {
        **dict.fromkeys((("list",), ("range",)), ("int", "int")),
        **dict.fromkeys((("str",), (TEXTS,)), ("int", "str")),
    },
    "zip": {
        (TEXTS, TEXTS): ("str", "str"),
        **{(a, b): ("int", "int") for a in ("list", "range") for b in ("list", "range")},
        ("str", "str"): ("str", "str"),
    },
    "len": {
        ("list",): "int",
        ("str",): "int",
        (TEXTS,): "int",
        **dict.fromkeys(((of,) for of in (*SETS, *MAPS)), "int"),
    },
    "int": {("str",): "int", ("bool",): "int", ("float",): "int"},
    "ord": {("str",): "int"},
    "str": {("int",): "str", ("float",): "str"},
    "chr": {("int",): "str"},
    "set": {
        **{("list",): INTS, ("str",): STRS, (TEXTS,): STRS},
        **{(of,): of for of in SETS},
    },
    "dict": {(of,): of for of in MAPS},
    "sorted": {
        ("list",): "list",
        (INTS,): "list",
        **dict.fromkeys((("str",), (TEXTS,), (STRS,)), TEXTS),
        **{(of,): LISTED[key] for of, (key, _) in MAPS.items()},
        **{(f"values {value}",): LISTED[value] for value in LISTED},
    },
    "reversed": {("list",): "backwards", ("str",): "characters", (TEXTS,): "texts backwards"},
    "list": {
        ("list",): "list",
        ("range",): "list",
        ("backwards",): "list",
        **dict.fromkeys((("str",), (TEXTS,), ("texts backwards",)), TEXTS),
        **{(of,): LISTED[key] for of, (key, _) in MAPS.items()},
        **{(f"values {value}",): LISTED[value] for value in LISTED},
    },
    ".values": {(of,): f"values {value}" for of, (_, value) in MAPS.items()},
    ".items": {(of,): pair for of, pair in MAPS.items()},
    ".get": {(of, key, value): value for of, (key, value) in MAPS.items()},
    "range": {("int",): "range", ("int",) * 2: "range", ("int",) * 3: "range"},
    ".count": PLACES,
    ".index": PLACES,
    ".rfind": {("str", "str"): "int"},
    ".isalnum": {("str",): "bool"},
    ".isspace": {("str",): "bool"},
    ".swapcase": {("str",): "str"},
    ".capitalize": {("str",): "str"},
    ".title": {("str",): "str"},
    ".lstrip": {("str",): "str"},
    ".rstrip": {("str",): "str"},
    ".find": {("str", "str"): "int"},
    ".isdigit": {("str",): "bool"},
    ".isalpha": {("str",): "bool"},
    ".isupper": {("str",): "bool"},
    ".islower": {("str",): "bool"},
    ".startswith": {("str", "str"): "bool"},
    ".endswith": {("str", "str"): "bool"},
    ".upper": {("str",): "str"},
    ".lower": {("str",): "str"},
    ".strip": {("str",): "str", ("str", "str"): "str"},
    ".replace": {("str", "str", "str"): "str"},
    ".join": {
        ("str", "str"): "str",
        ("str", "characters"): "str",
        ("str", "each str"): "str",
        ("str", TEXTS): "str",
    },
    ".split": {("str",): TEXTS, ("str", "str"): TEXTS},
}
OPERATORS = {
    ("int", "int"): (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod),
    ("str", "str"): (ast.Add,),
    ("list", "list"): (ast.Add,),
    ("str", "int"): (ast.Mult,),
    ("list", "int"): (ast.Mult,),
    (TEXTS, TEXTS): (ast.Add,),
    (TEXTS, "int"): (ast.Mult,),
    ("float", "float"): (ast.Add, ast.Sub, ast.Mult, ast.Div),
    **{(of, of): (ast.BitOr, ast.BitAnd, ast.Sub) for of in SETS},
}
NUMBERS = {"int", "float"}
ON_NUMBERS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)
METHODS = {
    "add": ["item"],
    "discard": ["item"],
    "append": ["item"],
    "pop": ["int"],
    "insert": ["int", "item"],
    "remove": ["item"],
}
ITEMS = {"list": "int", "str": "str", TEXTS: "str", "range": "int"}
OVER = {**ITEMS, **{of: key for of, (key, _) in MAPS.items()}}
OVER |= {f"values {value}": value for value in LISTED}


class PythonChecker:
    """Checks one function: types, definite assignment, returns, loops that end, no shared lists."""

    def __init__(self, source):
        (self.function,) = ast.parse(source).body
        self.types = {a.arg: ast.unparse(a.annotation) for a in self.function.args.args}
        self.returned = ast.unparse(self.function.returns)
        self.loops = []

    def check(self):
        assert self.block(self.function.body, set(self.types), set()) is None, "may not return"

    def block(self, statements, defined, frozen):
        """Return the names defined behind the block, None where nothing gets there.

        Code behind an if whose branches both return is dead, and yet checked.
        """
        names, is_dead = set(defined), False
        for statement in statements:
            after = self.statement(statement, names, frozen)
            is_dead = is_dead or after is None
            names = names if after is None else after
        return None if is_dead else names

    def statement(self, node, defined, frozen):
        match node:
            case ast.Return(value=value):
                assert self.type_of(value, defined, self.returned) == self.returned
                return None
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                said = ast.unparse(node.annotation)
                assert said in (TEXTS, *SETS, *MAPS)
                assert name not in self.types
                assert self.type_of(value, defined, said) == said
                assert not self.may_be_named(value)
                self.types[name] = said
                return defined | {name}
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found = self.type_of(value, defined, self.types.get(name))
                assert found in ("int", "bool", "str", "float", *CHANGEABLE)
                assert self.types.setdefault(name, found) == found
                assert name not in frozen
                assert not self.may_be_named(value)
                return defined | {name}
            case ast.Assign(
                targets=[ast.Tuple(elts=[ast.Name(), ast.Name()] as names)], value=value
            ):
                assert {name.id for name in names} <= defined - frozen
                found = [self.types[name.id] for name in names]
                assert found == [self.type_of(item, defined) for item in value.elts] == ["int"] * 2
            case ast.Assign(targets=[ast.Tuple(elts=[first, second])], value=value):
                assert [ast.unparse(item) for item in value.elts] == [
                    ast.unparse(second),
                    ast.unparse(first),
                ]
                (list_type,) = {self.types[first.value.id], self.types[second.value.id]}
                assert list_type in ("list", TEXTS)
                assert {self.type_of(item, defined) for item in value.elts} == {ITEMS[list_type]}
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name), slice=index)]):
                assert name in defined
                owner = self.types[name]
                assert owner in ("list", TEXTS, *MAPS)
                assert name not in frozen or owner not in MAPS
                wanted = MAPS.get(owner) or ("int", ITEMS[owner])
                found = tuple(self.type_of(part, defined) for part in (index, node.value))
                assert found == wanted
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                assert name in defined - frozen
                pair = self.types[name], self.type_of(value, defined)
                assert isinstance(op, OPERATORS[pair])
                assert pair[0] == pair[1]
            case ast.Expr(value=ast.Call(func=ast.Attribute(ast.Name(id=name), attr=method))):
                assert name in defined - frozen
                found = [self.type_of(value, defined) for value in node.value.args]
                owner = self.types[name]
                assert owner in (("list", TEXTS) if method not in ("add", "discard") else SETS) or (
                    method == "remove" and owner in SETS
                )
                item = {**ITEMS, **SETS}[owner]
                assert found == [item if each == "item" else each for each in METHODS[method]]
            case ast.Break():
                assert self.loops
                return None
            case ast.Continue():
                assert self.loops[-1] == "for"
                return None
            case ast.If(test=test, body=body, orelse=orelse):
                assert self.type_of(test, defined) == "bool"
                ends = [self.block(part, defined, frozen) for part in (body, orelse)]
                ends = [end for end in ends if end is not None]
                return set.intersection(*ends) if ends else None
            case ast.For():
                self.loop(node, defined, frozen)
            case ast.While():
                self.counting_loop(node, defined, frozen)
            case _:
                raise AssertionError(ast.dump(node))
        return defined

    def loop(self, node, defined, frozen):
        names = self.define(node.target, node.iter, defined)
        assert not names & defined
        assert not (isinstance(node.iter, ast.IfExp) and self.may_be_named(node.iter))
        over = [node.iter]
        if isinstance(node.target, ast.Tuple):
            over = node.iter.args or [node.iter.func.value]
        if isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Attribute):
            over = [*over, node.iter.func.value]
        walked = {name for item in over for name in self.lists_of(item)}
        self.loops.append("for")
        self.block(node.body, defined | names, frozen | walked)
        self.loops.pop()

    def define(self, target, over, defined):
        """Give the variables of a loop or a comprehension their types; return their names."""
        found = self.type_of(over, defined)
        names = [target] if isinstance(target, ast.Name) else target.elts
        types = [OVER[found]] if isinstance(target, ast.Name) else found
        for name, item in zip(names, types, strict=True):
            assert self.types.setdefault(name.id, item) == item
        return {name.id for name in names}

    def lists_of(self, node):
        """The names of the lists that the value of an expression may be."""
        if isinstance(node, ast.IfExp):
            return self.lists_of(node.body) | self.lists_of(node.orelse)
        return {node.id} if self.may_be_named(node) else set()

    def counting_loop(self, node, defined, frozen):
        test = node.test.values[0] if isinstance(node.test, ast.BoolOp) else node.test
        assert not isinstance(node.test, ast.BoolOp) or isinstance(node.test.op, ast.And)
        assert self.type_of(node.test, defined) == "bool"
        counter, bound, last = test.left.id, test.comparators[0], node.body[-1]
        held = {n.id for n in ast.walk(bound) if isinstance(n, ast.Name)} - {"len"}
        assert isinstance(bound, ast.Constant | ast.Name | ast.Call | ast.UnaryOp)
        assert counter in defined - frozen
        self.loops.append("while")
        behind = self.block(node.body[:-1], defined, frozen | held | {counter})
        self.loops.pop()
        names = {n.id for n in ast.walk(last) if isinstance(n, ast.Name)}
        self.statement(last, behind or defined | names, frozen)
        match test.ops[0], last:
            case (ast.Lt() | ast.LtE(), ast.AugAssign(ast.Name(id=name), ast.Add(), amount)):
                least = 1
            case (ast.Gt() | ast.GtE(), ast.AugAssign(ast.Name(id=name), ast.Sub(), amount)):
                least = 1
            case (ast.Gt(), ast.AugAssign(ast.Name(id=name), ast.FloorDiv(), amount)):
                assert bound.value >= 0
                least = 2
            case (ast.Gt(), ast.Assign([ast.Name(id=name)], ast.BinOp(_, ast.Mod(), divisor))):
                assert bound.value >= 0
                assert divisor.id == counter
                amount, least = ast.Constant(0), 0
        assert amount.value >= least
        assert name == counter

    def may_be_named(self, node):
        """Whether the value of an expression may be a list that a variable holds."""
        if isinstance(node, ast.IfExp):
            return self.may_be_named(node.body) or self.may_be_named(node.orelse)
        return isinstance(node, ast.Name) and self.types[node.id] in CHANGEABLE

    def type_of(self, node, defined, wanted=None):
        """The type of an expression; only one that is wanted makes `[]` a list of str."""
        match node:
            case ast.List(elts=[]):
                return TEXTS if wanted == TEXTS else "list"
            case ast.Call(func=ast.Name(id="set"), args=[]):
                assert wanted in SETS
                return wanted
            case ast.Dict(keys=[]):
                assert wanted in MAPS
                return wanted
            case ast.Set(elts=items):
                (item_type,) = {self.type_of(item, defined) for item in items}
                return f"set[{item_type}]"
            case ast.Dict(keys=keys, values=values):
                (key_type,) = {self.type_of(item, defined) for item in keys}
                (value_type,) = {self.type_of(item, defined) for item in values}
                return f"dict[{key_type}, {value_type}]"
            case ast.SetComp():
                return f"set[{self.values(node, defined)}]"
            case ast.DictComp():
                return f"dict[{', '.join(self.values(node, defined))}]"
            case ast.Constant(value=value):
                return type(value).__name__
            case ast.Name(id=name):
                assert name in defined, f"{name} may be undefined"
                return self.types[name]
            case ast.List(elts=items):
                (item_type,) = {self.type_of(item, defined) for item in items}
                return {"int": "list", "str": TEXTS}[item_type]
            case ast.ListComp():
                return {"int": "list", "str": TEXTS}[self.values(node, defined)]
            case ast.GeneratorExp():
                return f"each {self.values(node, defined)}"
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as exponent)):
                found = self.type_of(left, defined)
                assert found in NUMBERS
                assert exponent >= 0
                return found
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                assert isinstance(left, ast.Constant) or left.func.id in ("abs", "len")
                assert self.type_of(left, defined) in NUMBERS
                assert self.type_of(right, defined) == "float"
                return "float"
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                found = self.type_of(operand, defined)
                assert found in NUMBERS
                return found
            case ast.UnaryOp(op=op, operand=operand):
                assert isinstance(op, ast.Not)
                assert self.type_of(operand, defined) == "bool"
                return "bool"
            case ast.BinOp(left=left, op=op, right=right):
                pair = self.type_of(left, defined), self.type_of(right, defined)
                if NUMBERS.issuperset(pair):
                    assert isinstance(op, ON_NUMBERS)
                    is_float = "float" in pair or isinstance(op, ast.Div)
                    return "float" if is_float else "int"
                assert isinstance(op, OPERATORS[pair])
                return pair[0]
            case ast.BoolOp(values=values):
                assert all(self.type_of(value, defined) == "bool" for value in values)
                return "bool"
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return self.comparison(
                    op, self.type_of(left, defined), self.type_of(right, defined)
                )
            case ast.IfExp(test=test, body=body, orelse=orelse):
                assert self.type_of(test, defined) == "bool"
                found = {self.type_of(part, defined, wanted) for part in (body, orelse)}
                assert len(found) == 1
                return found.pop()
            case ast.Subscript(value=value, slice=index):
                return self.item(self.type_of(value, defined), index, defined)
            case ast.Call():
                return self.call(node, defined)
        raise AssertionError(ast.dump(node))

    def values(self, node, defined):
        (each,) = node.generators
        inner = defined | self.define(each.target, each.iter, defined)
        assert all(self.type_of(test, inner) == "bool" for test in each.ifs)
        if isinstance(node, ast.DictComp):
            return self.type_of(node.key, inner), self.type_of(node.value, inner)
        return self.type_of(node.elt, inner)

    def comparison(self, op, left, right):
        if isinstance(op, ast.In | ast.NotIn):
            assert (left, right) in (("int", "list"), ("str", "str"), ("str", TEXTS)) or left == (
                SETS.get(right) or MAPS.get(right, right.split())[right not in MAPS]
            )
        elif left in SETS and isinstance(op, ast.LtE):
            assert left == right
        elif left in NUMBERS:
            assert right in NUMBERS
        elif left == "str":
            assert left == right
        else:
            assert left == right
            assert isinstance(op, ast.Eq | ast.NotEq)
        return "bool"

    def item(self, owner, index, defined):
        if isinstance(index, ast.Slice):
            assert owner in ("str", "list", TEXTS)
            parts = (index.lower, index.upper, index.step)
            assert all(part is None or self.type_of(part, defined) == "int" for part in parts)
            return owner
        if owner in MAPS:
            assert self.type_of(index, defined) == MAPS[owner][0]
            return MAPS[owner][1]
        assert self.type_of(index, defined) == "int"
        return ITEMS[owner]

    def call(self, node, defined):
        args = [self.type_of(arg, defined) for arg in node.args]
        if isinstance(node.func, ast.Name) and node.func.id in ("enumerate", "zip"):
            args = [arg if arg in ("range", "str") else LISTED[OVER[arg]] for arg in args]
        if isinstance(node.func, ast.Attribute):
            owner = self.type_of(node.func.value, defined)
            return SIGNATURES[f".{node.func.attr}"][(owner, *args)]
        if node.keywords:
            assert node.func.id == "sorted"
            keyword = ast.unparse(node.keywords[0])
            assert keyword in ("reverse=True", "key=len")
            assert keyword == "reverse=True" or args == [TEXTS]
            assert args != ["str"]
        return SIGNATURES[node.func.id][tuple(args)]


@pytest.fixture(scope="session")
def check_python():
    return lambda source: PythonChecker(source).check()
