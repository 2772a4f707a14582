import ast

import pytest

from models.programs.language.filling import fill, instantiate
from models.programs.language.kinds import MAPS, SETS, language
from models.programs.language.templates import (
    EXPRESSIONS,
    GATHERED,
    STATEMENTS,
    expression_templates,
    parsed_expression,
    parsed_statement,
    shape,
)

WITHOUT = {"slot", "constant", "digit", "character", "number", "text", "list_n", "more", "where"}
WITHOUT |= {"texts_n", "more_texts", "decimal"}
WITHOUT |= {f"{name}_{of}" for of in (*SETS, *MAPS) for name in ("empty", "more")}
WITHOUT |= {f"{of}_{name}" for of in (*SETS, *MAPS) for name in ("n", "of")}


def test_every_kind_has_its_python():
    signatures = ("program", "param", "last")
    kinds = {k.name for k in language().kinds if not k.ends and k.family not in signatures}
    kinds -= {kind.name for kind in language().kinds if kind.family == "each"}
    assert kinds - WITHOUT == EXPRESSIONS.keys() | STATEMENTS.keys() | GATHERED.keys()
    assert not EXPRESSIONS.keys() & STATEMENTS.keys()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_template_fits_itself_filled(name):
    holes = {hole: ast.Constant(value=hole) for hole in "abcd"}
    filled = instantiate(parsed_expression(name), holes, iter(()))
    found = fill(parsed_expression(name), filled)
    assert found is not None
    arity = len(language().kinds[language().id_of(name)].children)
    assert found == {hole: holes[hole] for hole in "abcd"[:arity]}


def test_templates_of_one_syntax_differ_in_the_types_of_their_parts():
    seen = set()
    for templates in expression_templates().values():
        for item in templates:
            if item.kind.name == "empty_texts":
                continue  # of one syntax with the empty list of numbers, where its type is said
            key = ast.dump(item.syntax), item.arguments
            assert key not in seen
            seen.add(key)


def test_bodies_go_where_the_dots_are():
    bodies = iter([[ast.Pass()], [ast.Break()]])
    node = instantiate(parsed_statement("if_else"), {"a": ast.Name(id="x")}, bodies)
    assert ast.unparse(node) == "if x:\n    pass\nelse:\n    break"


def test_shapes_tell_functions_methods_and_slices_apart():
    texts = ("f(1)", "x.f(1)", "x[1]", "x[1:]", "x + 1", "not x", "1 < 2", "a and b")
    shapes = [shape(ast.parse(text, mode="eval").body) for text in texts]
    assert shapes == ["f()", ".f()", "Subscript", "slice", "Add", "Not", "Lt", "And"]
