"""Programs written in Python, and Python's own opinion of what they do."""

import marshal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from models.ast_autoencoder.language.from_source import source_to_ids


@pytest.fixture(scope="session")
def in_cpython():
    """Return what runs (source, inputs) pairs with Python's evaluator, in a limited process."""

    def run(tasks):
        done = subprocess.run(
            [sys.executable, "-I", str(Path(__file__).with_name("run_in_cpython.py"))],
            input=marshal.dumps(tasks),
            capture_output=True,
            check=True,
            timeout=300,
        )
        return marshal.loads(done.stdout)

    return run


@pytest.fixture
def ids_of():
    """Return the derivation of a body, given the parameters with their types."""

    def build(parameters, body):
        source = f"def program({parameters}):\n{textwrap.indent(textwrap.dedent(body), '    ')}"
        return source_to_ids(source).ids

    return build
