"""What a trained Grammar-VAE makes of validation rows: ten decoded, its latents in a plane."""

from pathlib import Path

import numpy as np

from models.grammar.derivation import to_text
from models.grammar.grammar import Grammar
from models.grammar_vae.data import DataConfig, DerivationDataset, load_dataset
from models.grammar_vae.trained import TrainedModel, decode_ids, encode_ids, load_model
from models.training.showcase import (
    MOST_POINTS,
    NUM_DECODED,
    DecodedRow,
    Showcase,
    check_same_data,
    latent_plane,
    some_rows,
)


def showcase(checkpoint: Path, data: DataConfig) -> Showcase:
    """Return what a checkpoint makes of the validation rows of its data.

    Raises:
        UserError: checkpoint or data are missing, broken, or do not belong together.
    """
    model = load_model(checkpoint)
    dataset = load_dataset(data)
    check_same_data(checkpoint, model.training_data, dataset.name, dataset.digest)
    drawn = some_rows(dataset.val, MOST_POINTS)
    labels: list[str] = []
    if dataset.labels is not None:
        labels = [dataset.label_names[label] for label in dataset.labels[drawn]]
    plane = latent_plane(_latents(model, dataset, drawn), labels, "family" if labels else "")
    if model.grammar is None:
        why = "The model was trained on ids without a grammar, so rows cannot be written as text."
        return Showcase(what="rows", num_val=len(dataset.val), plane=plane, missing=(why,))
    decoded = _decoded(model, model.grammar, dataset)
    return Showcase(what="rows", num_val=len(dataset.val), decoded=decoded, plane=plane)


def _decoded(
    model: TrainedModel, grammar: Grammar, dataset: DerivationDataset
) -> tuple[DecodedRow, ...]:
    rows = some_rows(dataset.val, NUM_DECODED)
    found = []
    for row, ids in zip(rows, decode_ids(model, _latents(model, dataset, rows)), strict=True):
        own, other = dataset.ids[row], ids[ids >= 0]
        own = own[own >= 0]
        exact = np.array_equal(own, other)
        found.append(
            DecodedRow(original=to_text(grammar, own), decoded=to_text(grammar, other), exact=exact)
        )
    return tuple(found)


def _latents(model: TrainedModel, dataset: DerivationDataset, rows: np.ndarray) -> np.ndarray:
    return encode_ids(model, dataset.ids[rows][:, : model.num_steps])
