"""Programs of the generator, and trees of programs written in Python."""

import random
import textwrap

import pytest

from models.programs.data.chunks import make_chunk
from models.programs.data.generator import random_program
from models.programs.language.from_source import source_to_ids
from models.programs.language.tree import to_tree


@pytest.fixture(scope="session")
def drafts():
    """200 random programs as they are drawn, of all sizes."""
    rng = random.Random(7)
    return [random_program(rng, 100) for _ in range(200)]


@pytest.fixture(scope="session")
def chunk():
    """The kept programs of a chunk, and why the others are not."""
    return make_chunk(3, 0, 100)


@pytest.fixture
def tree_of():
    """Return the tree of a body, given the parameters with their types."""

    def build(parameters, body):
        body = textwrap.indent(textwrap.dedent(body), "    ")
        return to_tree(source_to_ids(f"def program({parameters}):\n{body}").ids)

    return build
