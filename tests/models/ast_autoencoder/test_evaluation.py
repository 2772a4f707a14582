"""Metrics of held-out programs against decoding each of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.ast_autoencoder import evaluation, loss
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.decoding import decode
from models.ast_autoencoder.evaluation import (
    Decoded,
    compile_here,
    decode_rows,
    evaluate_decoded,
)
from models.ast_autoencoder.inference import Inference
from models.ast_autoencoder.judging import Judged
from models.ast_autoencoder.loss import step_terms
from models.ast_autoencoder.network.batches import NodeBatch, StepBatch
from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.network.tensors import count_nodes, node_tensors, step_tensors
from models.ast_autoencoder.step import TrainStep
from models.programs.language.machine import ConstraintMachine
from models.training.summed_step import UpdateSettings


@pytest.fixture
def machine():
    return ConstraintMachine("cpu", 48)


@pytest.fixture
def learned(small, batch):
    """Return a network that gives half of 24 programs back, and their arrays."""
    torch.manual_seed(0)
    network = build_network(small(hidden_dim=64, place_dim=16, latent_dim=48))
    given, known = batch(slice(0, 24)), batch(slice(0, 12))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(45):
        optimizer.zero_grad()
        features = network.decoder(network.encode(known.nodes), known.steps)
        terms = step_terms(network.head, features, known.steps)
        (terms.nats.sum() / 12).backward()
        optimizer.step()
    return network, given


def test_rows_are_decoded_as_alone(learned, machine):
    network, given = learned
    rows = torch.arange(24)
    tensors = (given.node_tensors, given.step_tensors)
    decoded = decode_rows(Inference(network, None), tensors, rows, machine, batch_size=10)
    assert network.training
    network.eval()
    with torch.no_grad():
        size = given.nodes.kind.shape[1]
        latents = network.encode(NodeBatch.select(given.node_tensors, rows, size))
        ids = decode(network, latents, machine).numpy()
    np.testing.assert_allclose(decoded.latents, latents.numpy(), atol=1e-4)
    assert (decoded.ids == ids).all()
    exact = (ids[:, :48] == given.ids).all(axis=1)
    assert 0 < exact.sum() < 24  # or the test tells nothing


DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
    ),
]


@pytest.fixture(params=["by nonterminal", "all columns"])
def scoring(request, monkeypatch):
    """Score given programs in the way of a CPU, or in that of a GPU on a CPU, too."""
    if request.param == "all columns":
        monkeypatch.setattr(loss, "_by_nonterminal", loss._all_columns)


def decoded_on(device, network, given, autocast):
    """Return a network's evaluation of programs, and what decoding each of its latents gives."""
    inference = Inference(network.to(device), autocast)
    machine = ConstraintMachine(device, 48)
    tensors = (given.node_tensors.to(device), given.step_tensors.to(device))
    rows = torch.arange(len(given.ids))
    decoded = decode_rows(inference, tensors, rows, machine, batch_size=1024)
    return decoded, inference.decode(torch.as_tensor(decoded.latents), machine, 1024).numpy()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
@pytest.mark.parametrize("value", [0.0, float("nan")])
@pytest.mark.parametrize("decoder_kind", ["gru", "transformer"])
@pytest.mark.usefixtures("scoring")
def test_equal_scores_and_nan_give_no_program_back(
    decoder_kind, value, autocast, device, small, batch
):
    network = build_network(small(decoder_kind=decoder_kind))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)
    given = batch(slice(0, 40))
    decoded, really = decoded_on(device, network, given, autocast)
    assert (decoded.ids == really).all()
    evaluated = evaluate_decoded(
        decoded, given.ids, count_nodes(given.ids), np.arange(len(given.ids)), None
    )
    assert evaluated.metrics["exact_match_rate"] == 0.0
    assert evaluated.metrics["compilation_rate"] == 1.0


@pytest.fixture(scope="module")
def half_trained(program_ids):
    """Return a network that training in bfloat16 on 80 programs left half-way."""
    config = AstAutoencoderConfig(
        hidden_dim=64, latent_dim=48, place_dim=16, max_decode_steps=48, precision="bfloat16"
    )
    torch.manual_seed(1)
    network = build_network(config)
    ids = program_ids[:80]
    nodes, steps = node_tensors(ids), step_tensors(ids)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    step = TrainStep(
        network,
        optimizer,
        UpdateSettings(clip_norm=1.0, autocast=torch.bfloat16),
        mean_steps=20.0,
    )
    rows = torch.arange(len(ids))
    batch = (
        NodeBatch.select(nodes, rows, nodes.kind.shape[1]),
        StepBatch.select(steps, rows, int(steps.lengths.max())),
    )
    for _ in range(24):
        step.train([lambda: batch], [torch.ones(len(rows))])
    return network


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.usefixtures("scoring")
def test_a_half_trained_bfloat16_network_is_decoded_row_by_row(half_trained, device, batch):
    """Some of its scores are equal, and rounded otherwise than those of decoding."""
    given = batch(slice(80))
    decoded, really = decoded_on(device, half_trained, given, torch.bfloat16)
    half_trained.to("cpu")
    assert (decoded.ids == really).all()
    exact = (really == given.ids).all(axis=1)
    assert 0.1 < exact.mean() < 0.95  # or the test tells little


def test_what_teacher_forcing_says_decides_no_program(learned, machine, monkeypatch):
    network, given = learned
    tensors = (given.node_tensors, given.step_tensors)
    found = []
    for claim in (torch.zeros_like, torch.ones_like):

        def claimed(*args, claim=claim):
            terms = loss.step_terms(*args)
            return replace(terms, wrong=claim(terms.wrong))

        monkeypatch.setattr(evaluation, "step_terms", claimed)
        inference = Inference(network, None)
        found.append(decode_rows(inference, tensors, torch.arange(24), machine, batch_size=10).ids)
    assert (found[0] == found[1]).all()


def test_metrics_count_what_was_decoded(program_ids, machine):
    ids = program_ids[:6]
    wrong = ids.astype(np.int64)
    wrong[4:] = program_ids[10:12]
    decoded = Decoded(latents=np.zeros((6, 4), np.float32), ids=wrong, nats=np.full(6, 2.0))
    evaluated = evaluate_decoded(decoded, ids, count_nodes(ids), np.arange(6), None)
    metrics = evaluated.metrics
    assert metrics["exact_match_rate"] == pytest.approx(4 / 6)
    assert 4 / 6 < metrics["similarity_score"] < 1
    assert metrics["loss"] == metrics["reconstruction_loss"] == 2.0
    assert metrics["compilation_rate"] == 1.0
    assert metrics["undefined_name_rate"] == 0.0
    assert metrics["too_long_rate"] == 0.0
    assert sorted(evaluated.compiled) == [4, 5]


def test_programs_that_are_too_long_count_as_missed(program_ids):
    ids = program_ids[:6]
    decoded = Decoded(
        latents=np.zeros((3, 4), np.float32), ids=ids[:3].astype(np.int64), nats=np.ones(3)
    )
    metrics = evaluate_decoded(decoded, ids, count_nodes(ids), np.arange(6), None).metrics
    assert metrics["exact_match_rate"] == metrics["similarity_score"] == 0.5
    assert metrics["too_long_rate"] == 0.5
    assert metrics["compilation_rate"] == 1.0


def test_python_is_asked_once_about_programs_that_are_written_more_than_once(program_ids):
    ids = program_ids[:6]
    wrong = ids.astype(np.int64)
    wrong[2:] = program_ids[10]
    asked = []

    def compile_all(programs):
        asked.extend(programs)
        return [replace(found, undefined=("x",)) for found in compile_here(programs)]

    decoded = Decoded(latents=np.zeros((6, 4), np.float32), ids=wrong, nats=np.ones(6))
    evaluated = evaluate_decoded(
        decoded, ids, count_nodes(ids), np.arange(6), None, compile_all=compile_all
    )
    assert len(asked) == 1
    assert sorted(evaluated.compiled) == [2, 3, 4, 5]
    assert evaluated.metrics["undefined_name_rate"] == pytest.approx(4 / 6)


def test_a_program_without_examples_satisfies_none(program_ids):
    ids = program_ids[:2]
    decoded = Decoded(
        latents=np.zeros((2, 4), np.float32), ids=ids.astype(np.int64), nats=np.ones(2)
    )

    class Bare:
        def judge(self, rows, programs, exact):
            some, none = np.ones(2, dtype=np.bool_), np.ones(0, dtype=np.bool_)
            return [Judged(passed=some, ran=some), Judged(passed=none, ran=none)]

    metrics = evaluate_decoded(decoded, ids, count_nodes(ids), np.arange(2), Bare()).metrics
    rates = [metrics[f"{name}_rate"] for name in ("one_example", "all_examples", "run")]
    assert rates == [0.5, 0.5, 0.5]


class FakeJudge:
    """Says that each program fails its third example and passes its second only if exact."""

    def judge(self, rows, programs, exact):
        return [
            Judged(
                passed=np.array([True, right, right]), ran=np.array([True, True, right], dtype=bool)
            )
            for right in exact.tolist()
        ]


def test_rates_of_examples_are_over_all_programs(program_ids):
    ids = program_ids[:4]
    wrong = ids[:3].astype(np.int64)
    wrong[2] = program_ids[9]
    decoded = Decoded(latents=np.zeros((3, 4), np.float32), ids=wrong, nats=np.ones(3))
    metrics = evaluate_decoded(decoded, ids, count_nodes(ids), np.arange(4), FakeJudge()).metrics
    assert metrics["one_example_rate"] == pytest.approx(3 / 4)
    assert metrics["all_examples_rate"] == pytest.approx(2 / 4)


def test_the_rate_of_runs_is_over_all_programs_and_by_length(program_ids):
    ids = program_ids[:4]
    wrong = ids[:3].astype(np.int64)
    wrong[2] = program_ids[9]  # two of its three runs end with a value; the fourth is too long
    decoded = Decoded(latents=np.zeros((3, 4), np.float32), ids=wrong, nats=np.ones(3))
    sizes = np.array([10, 30, 30, 70])
    metrics = evaluate_decoded(decoded, ids, sizes, np.arange(4), FakeJudge()).metrics
    assert metrics["run_rate"] == pytest.approx((1 + 1 + 2 / 3) / 4)
    by_length = [metrics[f"run_rate_{name}"] for name in ("le20", "le40", "gt60")]
    assert by_length == pytest.approx([1.0, (1 + 1 + 2 / 3) / 3, 0.0])
