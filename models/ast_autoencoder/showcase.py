"""What a trained AST autoencoder makes of validation programs: ten decoded, and its latents."""

from pathlib import Path

import numpy as np

from models.ast_autoencoder.data import DataConfig, ProgramDataset, load_dataset
from models.ast_autoencoder.trained import TrainedModel, decode, encode, load_model
from models.errors import UserError
from models.programs.language.to_source import ids_to_source
from models.training.showcase import (
    MOST_POINTS,
    NUM_DECODED,
    DecodedRow,
    Showcase,
    check_same_data,
    latent_plane,
    some_rows,
)
from models.wording import count

_LENGTHS = (20, 40)
"""Productions up to which a program counts as short and as middling."""


def showcase(checkpoint: Path, data: DataConfig) -> Showcase:
    """Return what a checkpoint makes of the validation programs of its data.

    Raises:
        UserError: checkpoint or data are missing, broken, or do not belong together.
    """
    model = load_model(checkpoint)
    dataset = load_dataset(data)
    check_same_data(checkpoint, model.training_data, dataset.name, dataset.digest)
    fitting = dataset.val[dataset.lengths[dataset.val] <= model.config.max_decode_steps]
    if not len(fitting):
        raise UserError(
            f"no validation program has {model.config.max_decode_steps} productions or fewer, "
            "which is all that the model writes: search a larger max_decode_steps"
        )
    drawn = some_rows(fitting, MOST_POINTS)
    labels = [_length_words(int(dataset.lengths[row])) for row in drawn]
    latents = encode(model, [_ids(dataset, row) for row in drawn])
    lost = len(dataset.val) - len(fitting)
    long = count(lost, "validation program", "is", "are")
    return Showcase(
        what="programs",
        num_val=len(dataset.val),
        decoded=_decoded(model, dataset, fitting),
        plane=latent_plane(latents, labels, "length in productions"),
        missing=(f"{long} longer than the model writes.",) if lost else (),
    )


def _decoded(
    model: TrainedModel, dataset: ProgramDataset, fitting: np.ndarray
) -> tuple[DecodedRow, ...]:
    originals = [_ids(dataset, row) for row in some_rows(fitting, NUM_DECODED)]
    programs = decode(model, encode(model, originals))
    return tuple(
        DecodedRow(
            original=ids_to_source(original),
            decoded=ids_to_source(program),
            exact=original == program,
        )
        for original, program in zip(originals, programs, strict=True)
    )


def _ids(dataset: ProgramDataset, row: int) -> list[int]:
    ids = dataset.ids[row]
    return ids[ids >= 0].tolist()


def _length_words(length: int) -> str:
    short, middling = _LENGTHS
    if length <= short:
        return f"1 to {short}"
    return f"{short + 1} to {middling}" if length <= middling else f"{middling + 1} and more"
