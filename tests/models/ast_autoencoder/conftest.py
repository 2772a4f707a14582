"""Programs to learn from, and small networks."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.ast_autoencoder import data
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.network.batches import NodeBatch, StepBatch
from models.ast_autoencoder.network.tensors import node_tensors, step_tensors


@pytest.fixture(scope="session")
def _generated():
    """Random programs that tests have had already; what is in them does not change."""
    return cache(data.generate_programs)


@pytest.fixture(scope="module")
def programs_once(_generated):
    """Let a number of random programs, drawn by a seed, be drawn once.

    Workers that draw and run them take two seconds to come up; `test_data.py` draws them anew.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "generate_programs", lambda n, seed, progress: _generated(n, seed))
        yield


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
        self.test = self.val[:0]
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
