"""Programs to learn from, and small networks."""

import marshal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.ast_autoencoder.batches import NodeBatch, StepBatch
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.language.kinds import language
from models.ast_autoencoder.language.machine import ConstraintMachine
from models.ast_autoencoder.language.sampling import random_programs
from models.ast_autoencoder.tensors import node_tensors, step_tensors


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


@pytest.fixture
def small():
    """Return settings of a small network; keys that are passed beat them."""

    def build(**keys):
        sizes = {"hidden_dim": 32, "latent_dim": 24, "place_dim": 8, "max_decode_steps": 48}
        training = {"batch_size": 16, "lr": 0.01, "epochs": 3, "precision": "float32"}
        return AstAutoencoderConfig(**{**sizes, **training, **keys})

    return build


@pytest.fixture
def batch(program_ids):
    """Return a batch of programs: arrays, graphs and steps."""

    def build(rows):
        ids = program_ids[rows]
        nodes, steps = node_tensors(ids), step_tensors(ids)
        every = torch.arange(len(ids))
        return SimpleNamespace(
            ids=ids,
            node_tensors=nodes,
            step_tensors=steps,
            nodes=NodeBatch.select(nodes, every, int(nodes.num_nodes.max())),
            steps=StepBatch.select(steps, every, int(steps.lengths.max())),
        )

    return build


class Programs:
    """A data set in memory: what a task needs of one."""

    name = "programs"
    digest = "0123"

    def __init__(self, ids, examples=None):
        self.ids = ids
        self.lengths = (ids >= 0).sum(1).astype(np.int32)
        num_val = len(ids) // 5
        self.val, self.train = np.arange(num_val), np.arange(num_val, len(ids))
        self.examples = examples
        self.has_examples = examples is not None

    def hidden_examples(self, row):
        return self.examples[row]


@pytest.fixture
def dataset(program_ids):
    """A hundred programs without examples."""
    return Programs(program_ids[:100])


@pytest.fixture
def programs():
    """Return a data set of given ids and, perhaps, examples by row."""
    return Programs


@pytest.fixture(scope="session")
def in_cpython():
    """Return what runs (source, inputs) pairs with Python's evaluator, in a limited process."""
    script = Path(__file__).parent / "execution" / "run_in_cpython.py"

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
