"""The data sets that can be generated, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from models.errors import unknown_name
from models.grammar_vae.datasets.equations import generate_equations, max_equations
from models.grammar_vae.datasets.pde import generate_pdes, max_pdes
from models.grammar_vae.datasets.rows import LabelledRows

DatasetName = Literal["pde", "equations"]


@dataclass(frozen=True, kw_only=True)
class Generator:
    """How a data set's text is made, its built-in grammar, and how many rows it has.

    Attributes:
        standard_rows: usually.
        max_rows: at most, all distinct.
    """

    generate: Callable[[int, int], LabelledRows]
    grammar: str
    standard_rows: int
    max_rows: Callable[[], int]


GENERATORS: Mapping[str, Generator] = {
    "pde": Generator(
        generate=generate_pdes, grammar="pde", standard_rows=48_000, max_rows=max_pdes
    ),
    "equations": Generator(
        generate=generate_equations,
        grammar="equations",
        standard_rows=100_000,
        max_rows=max_equations,
    ),
}


def find_generator(name: str) -> Generator:
    """Return the generator of that name.

    Raises:
        UserError: There is none; the message lists the names.
    """
    if name not in GENERATORS:
        raise unknown_name("dataset", name, GENERATORS)
    return GENERATORS[name]
