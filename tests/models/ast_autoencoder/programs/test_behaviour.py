import pytest

from models.ast_autoencoder.execution.interpreter import Interpreter
from models.ast_autoencoder.programs.behaviour import (
    CONSTANT,
    FAILS,
    IGNORES_PARAMETER,
    NEARLY_CONSTANT,
    PROGRAM_LIMITS,
    observe,
)
from models.ast_autoencoder.programs.chunks import parameter_types_of


def behaviour(tree, min_running=0.75):
    executable = Interpreter(PROGRAM_LIMITS).compile_tree(tree)
    return observe(executable, parameter_types_of(tree), tree.type, min_running)


@pytest.mark.parametrize(
    ("parameters", "body", "flaw"),
    [
        ("n: int", "return n + 1", None),
        ("n: int", "return n * 0", CONSTANT),
        ("n: int", "return n == 0", NEARLY_CONSTANT),
        ("n: int, m: int", "return n + m * 0", IGNORES_PARAMETER),
        ("n: int, m: int", "return n + m", None),
        ("n: int, b: bool", "if b:\n    return n\nreturn -n", None),
    ],
)
def test_flaws_are_found(tree_of, parameters, body, flaw):
    assert behaviour(tree_of(parameters, body)).flaw() == flaw


def test_programs_that_fail_often_are_given_up_early(tree_of):
    tree = tree_of("n: int", "return 1 // max(0, n - 50)")
    assert behaviour(tree) is None
    assert behaviour(tree, min_running=0.0).flaw() == FAILS


def test_digests_tell_behaviour_and_types_apart(tree_of):
    bodies = {
        "double": ("n: int", "return n + n"),
        "twice": ("n: int", "m = 2\nreturn n * m"),
        "triple": ("n: int", "return n * 3"),
        "equal": ("n: int", "return n % 2 == 0"),
        "number": ("n: int", "return int(n % 2 == 0)"),
        "flag": ("b: bool", "return int(b)"),
    }
    digests = {name: behaviour(tree_of(*body), 0.0).digest for name, body in bodies.items()}
    assert digests["double"] == digests["twice"]
    assert len(set(digests.values())) == len(digests) - 1
    assert all(0 <= digest < 2**64 for digest in digests.values())
