"""Arrays of a data set are made once for the trainings that follow each other on it."""

import numpy as np
import pytest
import torch

from models.ast_autoencoder import prepared
from models.ast_autoencoder.network.tensors import node_tensors, step_tensors
from models.ast_autoencoder.task import AstAutoencoderTask

CPU = torch.device("cpu")


@pytest.fixture
def num_made(monkeypatch):
    """Return a list that grows whenever arrays are made."""
    made = []
    monkeypatch.setattr(prepared, "_last", [])
    monkeypatch.setattr(
        prepared,
        "step_tensors",
        lambda ids: (made.append(len(ids)), step_tensors(ids))[1],
    )
    return made


def equal(ours, theirs):
    return all(torch.equal(value, vars(theirs)[name]) for name, value in vars(ours).items())


def test_trainings_of_one_data_set_share_them(small, dataset, num_made):
    one, other = (AstAutoencoderTask(small(seed=seed), dataset, "cpu") for seed in (1, 2))
    assert num_made == [100]
    assert one.tensors is other.tensors
    one.train_epoch(1)
    assert equal(other.tensors[0], node_tensors(dataset.ids))
    assert equal(other.tensors[1], step_tensors(dataset.ids))


def test_what_makes_them_others_makes_them_anew(program_ids, num_made):
    steps = (program_ids >= 0).sum(1)
    longest = int(np.sort(steps)[len(steps) // 2])
    ours = {"max_steps": longest, "spare": int(steps.argmin()), "device": CPU}
    for given, changes in [
        (program_ids, {}),
        (program_ids, {"max_steps": longest - 1}),
        (program_ids, {"spare": int(steps.argsort()[1])}),
        (program_ids.copy(), {}),
    ]:
        keys = ours | changes
        nodes, found = prepared.prepared_tensors(given, steps > keys["max_steps"], **keys)
        assert found.ids.shape[1] == keys["max_steps"]
        ids = np.where((steps > keys["max_steps"])[:, None], given[keys["spare"]], given)
        assert equal(found, step_tensors(ids[:, : keys["max_steps"]]))
        assert equal(nodes, node_tensors(ids[:, : keys["max_steps"]]))
    assert num_made == [len(program_ids)] * 4
