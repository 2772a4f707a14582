import pytest

from models.programs.data.idle_expressions import is_idle


@pytest.mark.parametrize(
    ("expression", "idle"),
    [
        ("n - n", True),
        ("n - m", False),
        ("n + 0", True),
        ("0 + n", True),
        ("0 - n", False),
        ("n * 1", True),
        ("n // 1", True),
        ("n % m", False),
        ("1 + 2", True),
        ("min(n, n)", True),
        ("abs(abs(n))", True),
        ("abs(len(xs))", True),
        ("n if n > m else n", True),
        ("n if n > m else m", False),
        ("sum(sorted(xs))", True),
        ("len(list(reversed(xs)))", True),
        ("len(s)", False),
    ],
)
def test_idle_expressions_are_known_at_sight(tree_of, expression, idle):
    tree = tree_of("n: int, m: int, xs: list, s: str", f"return {expression}")
    assert is_idle(tree.blocks[0][0].args[0]) is idle


@pytest.mark.parametrize(
    ("expression", "idle"),
    [("sorted(sorted(xs))", True), ("[1, 2]", False), ("sorted(set(xs))", False)],
)
def test_lists_of_constants_are_not_idle(tree_of, expression, idle):
    tree = tree_of("xs: list", f"return {expression}")
    assert is_idle(tree.blocks[0][0].args[0]) is idle
