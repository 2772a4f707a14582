"""Programs written in Python."""

import textwrap

import pytest

from models.programs.language.from_source import source_to_ids


@pytest.fixture
def ids_of():
    """Return the derivation of a body, given the parameters with their types."""

    def build(parameters, body):
        source = f"def program({parameters}):\n{textwrap.indent(textwrap.dedent(body), '    ')}"
        return source_to_ids(source).ids

    return build
