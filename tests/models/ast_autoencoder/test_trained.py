"""What one does with a trained AST autoencoder."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from program_rules.checking import check_programs

from models.ast_autoencoder import trained
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.task import AstAutoencoderTask
from models.commands.latents import nearest_latents
from models.errors import UserError
from models.grammar.derivation import pad
from models.programs.data.chunks import make_chunk
from models.programs.language.from_source import source_to_ids
from models.programs.language.versions import versions
from models.training.checkpoints import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(program_ids, tmp_path_factory):
    """A checkpoint of a network that has learned a few programs by heart."""
    ids = program_ids[:20]
    rows = np.arange(20)
    data = SimpleNamespace(
        ids=ids, lengths=(ids >= 0).sum(1), train=rows, val=rows, has_examples=False,
        name="programs", digest="0123",
    )  # fmt: skip
    config = AstAutoencoderConfig(
        hidden_dim=64, latent_dim=48, place_dim=16, max_decode_steps=48, lr=0.01, batch_size=20,
        precision="float32",
    )  # fmt: skip
    task = AstAutoencoderTask(config, data, "cpu")
    for epoch in range(1, 61):
        task.train_epoch(epoch)
    path = tmp_path_factory.mktemp("model") / "best_model.pt"
    write_checkpoint(path, {**task.describe(), "task": task.state_dict()})
    return path


@pytest.fixture
def model(checkpoint):
    return trained.load_model(checkpoint)


@pytest.fixture
def known(program_ids):
    return [row[row >= 0].tolist() for row in program_ids[:20]]


def test_what_was_learned_is_given_back(model, known):
    assert trained.reconstruct(model, known) == known


def test_decoded_programs_are_legal_from_any_latent(model):
    latents = 10 * np.random.default_rng(0).standard_normal((30, 48))
    programs = trained.decode(model, latents, temperature=2.0, top_k=30, seed=1)
    check_programs(pad(programs))
    assert programs == trained.decode(model, latents, temperature=2.0, top_k=30, seed=1)


def test_interpolation_starts_and_ends_at_the_programs(model, known):
    path = trained.interpolate(model, known[0], known[1], 5)
    assert (path[0], path[-1], len(path)) == (known[0], known[1], 5)
    check_programs(pad(path))


def test_a_program_is_nearest_to_itself(model, known):
    latents = trained.encode(model, known)
    distance, row = nearest_latents(latents[3], latents, 2)[0]
    assert (distance, row) == (0.0, 3)


def test_the_best_of_a_beam_is_what_was_learned(model, known):
    beams = trained.decode_beam(model, trained.encode(model, known[:3]), 4)
    assert [programs[0] for programs in beams] == known[:3]


def test_random_latents_may_be_drawn_like_others(model):
    like = np.full((50, 48), 3.0) + np.random.default_rng(0).standard_normal((50, 48)) * 0.1
    drawn = trained.random_latents(model, 200, seed=1, like=like)
    assert drawn.mean() == pytest.approx(3.0, abs=0.02)
    assert drawn.std(0).mean() == pytest.approx(0.1, abs=0.02)
    assert trained.random_latents(model, 200).std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        (np.zeros((2, 5)), r"takes \(rows, 48\)"),
        (np.full((1, 48), np.nan), "NaN or numbers beyond"),
    ],
)
def test_latents_of_another_kind_are_refused(latents, message, model):
    with pytest.raises(UserError, match=message):
        trained.decode(model, latents)


def test_programs_that_are_too_long_are_refused(model, known):
    with pytest.raises(UserError, match="writes at most 48"):
        trained.encode(model, [known[0] * 20])


def test_programs_of_a_later_language_than_those_of_the_training_are_refused(tmp_path):
    plain = [list(made.ids) for made in make_chunk(99, 0, 20)[0][:4]]
    later = list(source_to_ids("def f(s: set[int]) -> int:\n    return len(sorted(s))").ids)
    ids = pad([*plain, later])
    data = SimpleNamespace(
        ids=ids, lengths=(ids >= 0).sum(1), train=np.arange(4), val=np.array([4]),
        has_examples=False, name="programs", digest="0123",
    )  # fmt: skip
    task = AstAutoencoderTask(AstAutoencoderConfig(hidden_dim=16, batch_size=4), data, "cpu")
    write_checkpoint(tmp_path / "a.pt", {**task.describe(), "task": task.state_dict()})
    model = trained.load_model(tmp_path / "a.pt")
    assert model.num_productions == min(versions().values())
    assert len(trained.encode(model, plain)) == 4
    with pytest.raises(
        UserError, match=f"first {model.num_productions} .*program 2 of 2 has newer ones .*_set"
    ):
        trained.encode(model, [plain[0], later])


def test_checkpoints_of_others_are_refused(checkpoint, tmp_path):
    payload = torch.load(checkpoint, weights_only=True)
    for key, value, message in (
        ("model", "grammar_vae", "a checkpoint of grammar_vae"),
        ("language", "other", "another version of the language"),
        ("config", payload["config"] | {"hidden_dim": 32}, "do not fit its settings"),
    ):
        path = tmp_path / f"{key}.pt"
        torch.save(payload | {key: value}, path)
        with pytest.raises(UserError, match=message):
            trained.load_model(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda p: p["config"].update(hidden_dim=32),
            "its weights do not fit its settings: ",
        ),
        (lambda p: p.pop("config"), "a checkpoint of ast_autoencoder without config: take another"),
        (lambda p: p.pop("task"), "a checkpoint of ast_autoencoder without weights"),
    ],
)
def test_a_checkpoint_that_does_not_fit_itself_is_told_in_a_line(model, tmp_path, change, message):
    payload = torch.load(model.source, weights_only=True)
    change(payload)
    torch.save(payload, tmp_path / "bad.pt")
    with pytest.raises(UserError, match=message) as caught:
        trained.load_model(tmp_path / "bad.pt")
    assert "\n" not in str(caught.value)
