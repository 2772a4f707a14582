"""Univariate equations in the manner of Kusner et al. 2017 (Grammar VAE, section 4.1).

Their published file holds sums of three parts, `x * 3 + exp( 3 ) + sin( 2 / 2 )`: a binary
expression, a leaf, and a leaf or binary expression, the last two bare or wrapped. There are
122,880 such equations; the file is the first 100,000 in enumeration order, so an equation that
starts with `2 / x` never occurs in it. Here the rows are a uniform sample of all of them, drawn
without replacement: they are distinct by construction.
"""

import numpy as np

from models.errors import UserError
from models.grammar_vae.datasets.rows import LabelledRows, check_request

LEAVES = ("x", "1", "2", "3")
OPERATORS = ("+", "*", "/")
WRAPPERS = ("( {} )", "sin( {} )", "exp( {} )")
SHAPES_OF_SECOND = ("{}", *WRAPPERS)


def generate_equations(num_rows: int, seed: int) -> LabelledRows:
    """Draw `num_rows` distinct equations; the label is the wrapping of the last two parts.

    A smaller draw with the same seed is the beginning of a larger one.

    Raises:
        UserError: More rows are asked for than there are equations, or a value is negative.
    """
    check_request(num_rows, seed)
    first = _binary_expressions()
    second, second_shapes = _fill(SHAPES_OF_SECOND, LEAVES)
    third, third_shapes = _third_parts(first)
    total = len(first) * len(second) * len(third)
    if num_rows > total:
        raise UserError(
            f"num_rows ({num_rows}) is more than the {total} distinct equations there are: "
            f"ask for {total} or fewer"
        )
    drawn = np.random.default_rng(seed).permutation(total)[:num_rows]
    i, j, k = np.unravel_index(drawn, (len(first), len(second), len(third)))
    texts = [f"{first[a]} + {second[b]} + {third[c]}" for a, b, c in zip(i, j, k, strict=True)]
    names = tuple(f"a o a + {s} + {t}" for s in _names(second_shapes) for t in _names(third_shapes))
    labels = np.array(
        [
            names.index(f"a o a + {second_shapes[b]} + {third_shapes[c]}")
            for b in range(len(second))
            for c in range(len(third))
        ],
        dtype=np.int16,
    )
    return LabelledRows(texts=texts, labels=labels[j * len(third) + k], label_names=names)


def max_equations() -> int:
    """Return how many distinct equations there are."""
    first = _binary_expressions()
    second, _ = _fill(SHAPES_OF_SECOND, LEAVES)
    third, _ = _third_parts(first)
    return len(first) * len(second) * len(third)


def _binary_expressions() -> list[str]:
    return [f"{a} {o} {b}" for a in LEAVES for o in OPERATORS for b in LEAVES]


def _third_parts(binary: list[str]) -> tuple[list[str], list[str]]:
    leaves, leaf_shapes = _fill(SHAPES_OF_SECOND, LEAVES)
    wrapped, wrapped_shapes = _fill(WRAPPERS, tuple(binary), placeholder="a o a")
    return leaves + wrapped, leaf_shapes + wrapped_shapes


def _fill(
    shapes: tuple[str, ...], contents: tuple[str, ...], placeholder: str = "a"
) -> tuple[list[str], list[str]]:
    """Return every shape filled with every content, and beside each its shape's name."""
    filled = [shape.format(content) for shape in shapes for content in contents]
    names = [shape.format(placeholder) for shape in shapes for _ in contents]
    return filled, names


def _names(shapes: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(shapes))
