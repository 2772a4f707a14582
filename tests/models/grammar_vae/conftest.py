"""A small data set and a network that trains in milliseconds."""

from dataclasses import replace

import pytest

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DataConfig, load_dataset
from models.grammar_vae.task import GrammarVaeTask
from models.training.checkpoints import write_checkpoint

TINY = GrammarVaeConfig(
    z_dim=6,
    encoder_hidden=8,
    encoder_conv_layers=2,
    encoder_kernel=3,
    decoder_hidden=16,
    decoder_layers=1,
    batch_size=32,
    epochs=4,
    precision="float32",
    kl_anneal_epochs=2,
)


@pytest.fixture(scope="session")
def equations():
    """200 equations of up to 14 productions; 160 to train on, 20 to validate."""
    return load_dataset(DataConfig(dataset="equations", num_rows=200, seed=1))


@pytest.fixture(scope="session")
def tiny():
    """Settings of a tiny network; `tiny(lr=0.1)` changes some."""
    return lambda **changes: replace(TINY, **changes)


@pytest.fixture(scope="session")
def half_trained(tiny):
    """A task that decodes some of its training rows rightly and others not; do not train it on."""
    few = load_dataset(DataConfig(dataset="equations", num_rows=50, seed=1))
    config = tiny(
        z_dim=12,
        encoder_pool="flatten",
        decoder_input="repeat_latent",
        decoder_position=True,
        decoder_hidden=64,
        batch_size=40,
        lr=0.02,
        beta=0.0,
        epochs=200,
    )
    task = GrammarVaeTask(config, few, "cpu")
    validation = task.validation_of(few.train)
    for epoch in range(1, config.epochs + 1):
        task.train_epoch(epoch)
        if validation()["seq_acc"] > 0.4:
            break
    assert validation()["seq_acc"] < 0.95
    return task


@pytest.fixture(scope="session")
def stack_steps():
    """`stack_steps(grammar, ids)` derives on a plain stack; returns how many stay open."""

    def derive(grammar, ids):
        stack = [grammar.start]
        for production in ids:
            assert stack, "the derivation goes on behind its end"
            assert grammar.productions[production].lhs == stack.pop()
            stack += reversed(grammar.productions[production].nonterminals)
        return len(stack)

    return derive


@pytest.fixture(scope="session")
def checkpoint(half_trained, tmp_path_factory):
    """A checkpoint file of `half_trained`."""
    path = tmp_path_factory.mktemp("run") / "best-seq_acc-9-0.5000.ckpt"
    payload = half_trained.describe() | {"epoch": 9, "task": half_trained.state_dict()}
    write_checkpoint(path, payload)
    return path
