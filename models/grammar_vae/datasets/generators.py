"""The data sets that can be generated, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from models.errors import unknown_name
from models.grammar_vae.datasets.equations import generate_equations
from models.grammar_vae.datasets.pde import generate_pdes
from models.grammar_vae.datasets.rows import LabelledRows

DatasetName = Literal["pde", "equations"]


@dataclass(frozen=True, kw_only=True)
class Generator:
    """How a data set's text is made, its built-in grammar, and how many rows it usually has."""

    generate: Callable[[int, int], LabelledRows]
    grammar: str
    standard_rows: int


GENERATORS: Mapping[str, Generator] = {
    "pde": Generator(generate=generate_pdes, grammar="pde", standard_rows=48_000),
    "equations": Generator(generate=generate_equations, grammar="equations", standard_rows=100_000),
}


def find_generator(name: str) -> Generator:
    """Return the generator of that name.

    Raises:
        UserError: There is none; the message lists the names.
    """
    if name not in GENERATORS:
        raise unknown_name("dataset", name, GENERATORS)
    return GENERATORS[name]
