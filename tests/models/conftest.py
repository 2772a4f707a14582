"""What all tests of models share."""

import marshal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from program_rules.sampling import random_programs

from models.programs.language.kinds import language
from models.programs.language.machine import ConstraintMachine

# The same examples in every run, and no example that fails because the machine is busy.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile("seeded")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Networks this small are slower on two threads, and far slower on busy cores."""
    torch.set_num_threads(1)


@pytest.fixture
def generator():
    """Random numbers that are the same in every run."""
    return torch.Generator().manual_seed(0)


def plausible_weights():
    """Prefer slots and short expressions, so that programs end before the budget makes them."""
    weights = torch.zeros(len(language().kinds))
    for kind in language().kinds:
        if kind.family == "slot":
            weights[kind.id] = 1.5
        elif kind.family in ("return", "step") or kind.name == "end":
            weights[kind.id] = 2.0
        elif kind.name in ("text", "number", "list_n"):
            weights[kind.id] = -2.0
        elif kind.lhs in ("INT", "BOOL", "STR", "LIST"):
            weights[kind.id] = -0.8 - 1.2 * max(0, len(kind.children) - 1)
    return weights


@pytest.fixture(scope="session")
def program_ids():
    """Distinct programs, (200, 48) int16 padded with -1."""
    machine = ConstraintMachine("cpu", 48)
    generator = torch.Generator().manual_seed(3)
    ids = random_programs(machine, 400, generator, plausible_weights()).numpy().astype(np.int16)
    distinct = np.unique(ids, axis=0)
    return np.random.default_rng(0).permutation(distinct)[:200]


@pytest.fixture(scope="session")
def in_cpython():
    """Return what runs (source, inputs) pairs with Python's evaluator, in a limited process."""
    script = Path(__file__).parent / "programs" / "execution" / "run_in_cpython.py"

    def run(tasks):
        done = subprocess.run(
            [sys.executable, "-I", str(script)],
            input=marshal.dumps(tasks),
            capture_output=True,
            check=True,
            timeout=300,
        )
        return marshal.loads(done.stdout)

    return run
