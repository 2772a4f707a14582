"""What one does with a trained model: texts in, texts out, whatever the latents."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.errors import UserError
from models.grammar.derivation import to_text
from models.grammar.grammar import Grammar
from models.grammar_vae.trained import (
    decode,
    decode_ids,
    encode,
    encode_ids,
    interpolate,
    load_model,
    nearest,
    reconstruct,
    sample,
)
from models.training.checkpoints import read_checkpoint, write_checkpoint

TEXTS = ["1 / 3 + exp( 3 ) + sin( 1 / 3 )", "x", "2 + 3 + 3 + sin( x / 2 )"]


@pytest.fixture(scope="module")
def model(checkpoint):
    return load_model(checkpoint)


@pytest.fixture(scope="module")
def train_texts(half_trained):
    dataset = half_trained.dataset
    return [to_text(dataset.grammar, row[row >= 0]) for row in dataset.ids[dataset.train]]


def test_a_checkpoint_is_all_that_is_needed(model, half_trained, checkpoint):
    assert model.config == half_trained.config
    assert model.grammar == half_trained.dataset.grammar
    assert model.num_steps == 14
    assert model.source == checkpoint
    assert model.training_data == {
        "name": "equations",
        "digest": half_trained.dataset.digest,
    }
    assert not model.network.training


def test_a_latent_is_the_posterior_mean_of_its_text(model, half_trained):
    latents = encode(model, TEXTS)
    assert latents.shape == (3, 12)
    assert latents.dtype == np.float32
    derivations = [model.parser.derive(text) for text in TEXTS]
    for latent, ids in zip(latents, derivations, strict=True):
        alone = encode_ids(model, np.array([ids]))
        np.testing.assert_allclose(latent, alone[0], rtol=1e-4, atol=1e-5)


def test_reconstruction_gives_back_as_many_rows_as_validation_says(
    model, half_trained, train_texts
):
    exact = sum(
        text == again
        for text, again in zip(train_texts, reconstruct(model, train_texts), strict=True)
    )
    share = half_trained.validation_of(half_trained.dataset.train)()["seq_acc"]
    assert exact / len(train_texts) == share
    assert 0 < exact < len(train_texts)


LATENTS = arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.just(12)),
    elements=st.one_of(
        st.floats(-5, 5),
        st.floats(-1e-30, 1e-30),
        st.sampled_from([3.4e38, -3.4e38, 1e20, -1e20, 0.0, 5e-324]),
    ),
)


@settings(max_examples=60, deadline=None)
@given(latents=LATENTS, temperature=st.sampled_from([0.0, 0.0, 1e-6, 1.0, 1e6]))
def test_every_text_is_in_the_grammar_from_any_latent(model, latents, temperature):
    texts = decode(model, latents, temperature)
    assert len(texts) == len(latents)
    for text in texts:
        ids = model.parser.derive(text)
        assert len(ids) <= model.num_steps
        assert to_text(model.grammar, np.array(ids)) == text


@settings(max_examples=30, deadline=None)
@given(latents=LATENTS, temperature=st.sampled_from([0.0, 1.0]))
def test_every_derivation_is_complete(model, stack_steps, latents, temperature):
    ids = decode_ids(model, latents, temperature)
    assert ids.shape == (len(latents), model.num_steps)
    for row in ids.tolist():
        assert stack_steps(model.grammar, [i for i in row if i >= 0]) == 0
        length = row.index(-1) if -1 in row else len(row)
        assert all(i < 0 for i in row[length:])


def test_many_rows_decode_as_each_alone(model):
    latents = np.random.default_rng(0).standard_normal((1100, 12))  # more than go at once
    together = decode(model, latents)
    picked = [0, 1023, 1024, 1099]
    assert [together[row] for row in picked] == [decode(model, latents[[r]])[0] for r in picked]


def test_no_texts_have_no_latents(model):
    assert encode(model, []).shape == (0, 12)
    assert decode(model, np.zeros((0, 12))) == []


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        (np.zeros((2, 11)), r"latents have shape \(2, 11\): this model takes \(rows, 12\)"),
        (np.zeros(12), r"latents have shape \(12,\): this model takes \(rows, 12\)"),
        (np.zeros((1, 2, 12)), r"latents have shape \(1, 2, 12\)"),
        (np.full((1, 12), np.nan), "latents hold NaN or numbers beyond float32"),
        (np.full((1, 12), -np.inf), "latents hold NaN or numbers beyond float32"),
        (np.full((1, 12), 1e300), "latents hold NaN or numbers beyond float32"),
        (np.full((1, 12), "a"), "latents are of type <U1: give real numbers"),
        (np.zeros((1, 12), complex), "latents are of type complex128: give real numbers"),
        (np.zeros((1, 12), bool), "latents are of type bool: give real numbers"),
    ],
)
def test_latents_that_mean_nothing_are_refused(model, latents, message):
    with pytest.raises(UserError, match=message):
        decode(model, latents)


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int64])
def test_latents_of_any_number_type_decode_alike(model, kind):
    whole = np.arange(24).reshape(2, 12) % 5 - 2
    assert decode(model, whole.astype(kind)) == decode(model, whole.astype(np.float32))


def test_a_text_outside_the_grammar_is_told_with_its_number_and_place(model):
    with pytest.raises(UserError, match=r"^column 5: unexpected 'y' in 'x \+ y'"):
        encode(model, ["x + y"])
    with pytest.raises(UserError, match=r"^text 2, column 3: .*'x \?'"):
        encode(model, ["x", "x ?"])


def test_a_text_that_is_too_long_is_told_with_both_lengths(model):
    long = "*".join(["x"] * 8)
    message = f"^'{re.escape(long)}' takes 16 productions; .* at most 14: shorten it, or train on"
    with pytest.raises(UserError, match=message):
        encode(model, [long])
    assert len(encode(model, [" + ".join(["x"] * 7)])) == 1


def test_samples_are_texts_of_standard_normal_latents(model):
    z = np.random.default_rng(5).standard_normal((20, 12))
    assert sample(model, 20, seed=5) == decode(model, z)
    assert sample(model, 20, seed=5) != sample(model, 20, seed=6)
    assert sample(model, 0) == []


def test_sampling_follows_its_seed(model):
    latents = np.zeros((30, 12))
    first = decode(model, latents, temperature=1.0, seed=3)
    assert decode(model, latents, temperature=1.0, seed=3) == first
    assert decode(model, latents, temperature=1.0, seed=4) != first
    assert len(set(decode(model, latents))) == 1
    assert len(set(first)) > 1


def test_interpolation_ends_at_the_reconstructions(model):
    first, last = TEXTS[0], TEXTS[2]
    points = interpolate(model, first, last, 9)
    assert len(points) == 9
    assert [points[0], points[-1]] == reconstruct(model, [first, last])
    assert interpolate(model, first, last, 2) == reconstruct(model, [first, last])
    middle = encode(model, [first, last]).mean(0, keepdims=True)
    assert points[4] == decode(model, middle)[0]


def test_interpolation_between_a_text_and_itself_stays_there(model):
    assert set(interpolate(model, TEXTS[0], TEXTS[0], 5)) == set(reconstruct(model, TEXTS[:1]))


def test_the_nearest_neighbour_of_a_row_is_itself(model, half_trained, train_texts):
    corpus = half_trained.dataset.ids
    for text in train_texts[:5]:
        found = nearest(model, text, corpus, 4)
        assert found[0][1] == text
        assert found[0][0] == pytest.approx(0.0, abs=1e-5)
        assert [distance for distance, _ in found] == sorted(distance for distance, _ in found)


def test_the_nearest_are_those_of_the_distances_one_by_one(model, half_trained):
    corpus = half_trained.dataset.ids
    z, rows = encode(model, ["x"])[0], encode_ids(model, corpus)
    distances = [float(np.sqrt(((row - z) ** 2).sum())) for row in rows]
    found = nearest(model, "x", corpus, 3)
    np.testing.assert_allclose([d for d, _ in found], sorted(distances)[:3], rtol=1e-4)
    best = corpus[int(np.argmin(distances))]
    assert found[0][1] == to_text(model.grammar, best[best >= 0])


def test_more_nearest_than_rows_are_all_rows(model, half_trained):
    assert len(nearest(model, "x", half_trained.dataset.ids[:3], 99)) == 3
    assert nearest(model, "x", half_trained.dataset.ids[:0], 5) == []


def test_a_corpus_may_be_padded_but_not_longer_than_the_model(model, half_trained):
    wider = np.pad(half_trained.dataset.ids, ((0, 0), (0, 6)), constant_values=-1)
    expected = nearest(model, "x", half_trained.dataset.ids, 3)
    assert nearest(model, "x", wider, 3) == expected
    long = np.array([model.parser.derive(" + ".join(["x"] * 8))])
    with pytest.raises(UserError, match=r"corpus has a row of 16 productions; .* at most 14"):
        nearest(model, "x", long, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: sample(m, -1), "num is -1: give 0 or more"),
        (lambda m: sample(m, 1, seed=-1), "seed is -1: give 0 or more"),
        (lambda m: sample(m, 1, temperature=-1.0), r"temperature is -1\.0: it must be 0"),
        (lambda m: interpolate(m, "x", "1", 1), "num is 1: give 2 or more"),
        (lambda m: nearest(m, "x", np.zeros((1, 2), int), 0), "num is 0: give 1 or more"),
        (lambda m: decode(m, np.zeros((1, 12)), seed=-1), "seed is -1: give 0 or more"),
    ],
)
def test_numbers_out_of_bounds_are_refused(model, call, message):
    with pytest.raises(UserError, match=message):
        call(model)


def test_a_model_without_a_grammar_has_latents_but_no_text(checkpoint, tmp_path, model):
    path = tmp_path / "bare.ckpt"
    write_checkpoint(path, read_checkpoint(checkpoint) | {"grammar": None})
    bare = load_model(path)
    ids = np.array([model.parser.derive("x")])
    assert np.array_equal(encode_ids(bare, ids), encode_ids(model, ids))
    for call in (
        lambda: encode(bare, ["x"]),
        lambda: decode(bare, np.zeros((1, 12))),
        lambda: sample(bare, 1),
    ):
        with pytest.raises(UserError, match=r"bare\.ckpt: trained on ids and masks without"):
            call()


def test_a_checkpoint_of_another_model_is_refused(checkpoint, tmp_path):
    path = tmp_path / "other.ckpt"
    write_checkpoint(path, read_checkpoint(checkpoint) | {"model": "ast_autoencoder"})
    with pytest.raises(UserError, match=r"other\.ckpt: a checkpoint of ast_autoencoder, not of"):
        load_model(path)


def test_settings_of_a_checkpoint_are_checked(checkpoint, tmp_path):
    path, payload = tmp_path / "other.ckpt", read_checkpoint(checkpoint)
    write_checkpoint(path, payload | {"config": payload["config"] | {"z_dmi": 3}})
    with pytest.raises(UserError, match=r"other\.ckpt: unknown key 'z_dmi'. Did you mean 'z_dim'"):
        load_model(path)


def test_the_device_is_where_the_weights_are(model):
    assert model.device.type == "cpu"
    assert replace(model, num_steps=3).device.type == "cpu"


def test_a_text_with_two_derivations_is_told_once(model, caplog):
    lines = ["S -> S '+' S", "S -> 'x'"]
    sums = Grammar.from_mapping({"start": "S", "productions": lines}, "sums")
    other = replace(model, grammar=sums)
    encode(other, ["x+x"])
    assert not caplog.records
    encode(other, ["x+x", "x+x+x", "x+x+x"])
    assert [record.getMessage() for record in caplog.records] == [
        "'x+x+x' has two derivations in the grammar sums (production 0 (S -> S '+' S) in two "
        "ways): the one whose productions stand first is taken, here and in other such texts"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["config"].update(z_dim=5), "its weights do not fit its settings: .* tensors"),
        (lambda p: p.pop("config"), "a checkpoint of grammar_vae without config: take another one"),
        (lambda p: p.pop("task"), "a checkpoint of grammar_vae without weights"),
    ],
)
def test_a_checkpoint_that_does_not_fit_itself_is_told_in_a_line(
    checkpoint, tmp_path, change, message
):
    payload = torch.load(checkpoint, weights_only=True)
    change(payload)
    torch.save(payload, tmp_path / "bad.ckpt")
    with pytest.raises(UserError, match=message) as caught:
        load_model(tmp_path / "bad.ckpt")
    assert "\n" not in str(caught.value)
