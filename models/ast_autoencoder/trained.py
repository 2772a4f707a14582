"""A trained AST autoencoder and what one does with it; `use.py` is its command.

    model = load_model(Path("best_model.pt"))
    latents = encode(model, [source_to_ids(text).ids])
    programs = decode(model, latents)

Every decoded program compiles, from any latent: decoding is constrained by the language.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.ast_autoencoder.beam import beam_search
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.decoding import best_offer, sampler
from models.ast_autoencoder.decoding import decode as decode_latents
from models.ast_autoencoder.network.batches import NodeBatch
from models.ast_autoencoder.network.encoder import on_sphere
from models.ast_autoencoder.network.growth import grown
from models.ast_autoencoder.network.network import AstAutoencoder, build_network
from models.ast_autoencoder.network.tensors import node_tensors
from models.commands.latents import between, checked_latents
from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.grammar.derivation import PAD_ID, pad
from models.programs.language.kinds import language
from models.programs.language.machine import ConstraintMachine
from models.programs.language.versions import KNOWN, versions
from models.training.checkpoints import check_model, read_checkpoint, trained_network
from models.training.weights_file import ENDING, read_weights, write_weights

_ROWS_AT_ONCE = 1024

Ids = Sequence[int]
"""A program as the productions of its derivation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedModel:
    """A network in evaluation mode with the machine that constrains its decoder.

    Attributes:
        source: the checkpoint.
        training_data: name and digest of what it was trained on.
        num_productions: of the language, the first ones: those of the oldest version that has all
            of its training programs.
    """

    network: AstAutoencoder
    config: AstAutoencoderConfig
    machine: ConstraintMachine
    source: Path
    training_data: dict[str, str]
    num_productions: int = field(default_factory=lambda: max(versions().values()))

    def lacks(self, program: Ids) -> bool:
        """Return whether a program has productions that are newer than the model."""
        return max(program, default=0) >= self.num_productions

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.machine.device


def load_model(path: Path, device: str = "cpu") -> TrainedModel:
    """Load a checkpoint of a training run or a search, or an export; runs no code from it.

    Raises:
        UserError: the file is no checkpoint of an AST autoencoder, or of another language.
    """
    payload = (read_weights if path.suffix == ENDING else read_checkpoint)(path, device)
    check_model(payload, path, "ast_autoencoder", ("config", "data"))
    num_productions = versions().get(payload.get("language", ""))
    if num_productions is None:
        raise UserError(
            f"{path}: trained on another version of the language of programs: train again, or "
            "use the release that it was trained with"
        )
    config = to_config(AstAutoencoderConfig, payload["config"], str(path))
    if num_productions < max(versions().values()):
        payload["task"]["network"] = grown(payload["task"]["network"], num_productions)
    return TrainedModel(
        network=trained_network(build_network(config), payload, path).to(device),
        config=config,
        machine=ConstraintMachine(device, config.max_decode_steps),
        source=path,
        training_data=payload["data"],
        num_productions=versions().get(payload.get(KNOWN, ""), num_productions),
    )


def export_model(model: TrainedModel, path: Path, *, half: bool = False) -> None:
    """Write the weights as safetensors, with all that `load_model` needs in the metadata.

    Args:
        model: the model.
        path: the file.
        half: write them in half precision.

    Raises:
        UserError: the name ends otherwise than with `.safetensors`, or cannot be written.
    """
    about = {
        "model": "ast_autoencoder",
        "config": to_mapping(model.config),
        "language": language().grammar.digest,  # `load_model` has grown older ones
        KNOWN: next(part for part, size in versions().items() if size == model.num_productions),
        "data": model.training_data,
    }
    write_weights(path, model.network.state_dict(), about, half=half)


@torch.no_grad()
def encode(model: TrainedModel, programs: Sequence[Ids]) -> NDArray[np.float32]:
    """Return the latent of each program, (programs, latent_dim).

    Raises:
        UserError: a program is longer than the model may decode, or has productions that the
            language got after those of its training.
    """
    for number, program in enumerate(programs, start=1):
        if len(program) > model.config.max_decode_steps or model.lacks(program):
            which = f"program {number} of {len(programs)}" if len(programs) > 1 else "the program"
            raise UserError(_why_not(model, program, which))
    parts = [np.zeros((0, model.config.latent_dim), dtype=np.float32)]
    for first in range(0, len(programs), _ROWS_AT_ONCE):
        nodes = node_tensors(pad(list(programs[first : first + _ROWS_AT_ONCE]))).to(model.device)
        rows = torch.arange(len(nodes.kind), device=model.device)
        batch = NodeBatch.select(nodes, rows, nodes.kind.shape[1])
        parts.append(model.network.encode(batch).cpu().numpy())
    return np.concatenate(parts)


def decode(
    model: TrainedModel,
    latents: NDArray[np.floating],
    *,
    temperature: float = 0.0,
    top_k: int | None = None,
    seed: int = 0,
) -> list[list[int]]:
    """Return the program of each latent (rows, latent_dim), legal whatever the latent.

    Args:
        model: the model.
        latents: any finite numbers; they are put on the sphere that the model's latents lie on.
        temperature: 0 takes the most likely production at every step, above 0 samples.
        top_k: sample among so many of the best.
        seed: of the sampling.

    Raises:
        UserError: latents of the wrong width or not finite, or a temperature below 0.
    """
    choose = best_offer
    if temperature != 0:
        choose = sampler(torch.Generator(model.device).manual_seed(seed), temperature, top_k)
    programs: list[list[int]] = []
    for rows in _checked(model, latents).split(_ROWS_AT_ONCE):
        ids = decode_latents(model.network, rows.to(model.device), model.machine, choose)
        programs += [row[row != PAD_ID].tolist() for row in ids.cpu()]
    return programs


def decode_beam(
    model: TrainedModel, latents: NDArray[np.floating], width: int, prefix: Ids = ()
) -> list[list[list[int]]]:
    """Return the programs that a beam finds for each latent, the most likely first.

    Raises:
        UserError: latents of the wrong width or not finite, or a width below 1.
    """
    if width < 1:
        raise UserError(f"the beam is {width} wide: it must be 1 or more")
    found: list[list[list[int]]] = []
    for rows in _checked(model, latents).split(max(1, _ROWS_AT_ONCE // width)):
        ids, total = beam_search(
            model.network, rows.to(model.device), model.machine, width, prefix=prefix
        )
        for beams, scores in zip(ids.cpu(), total.cpu(), strict=True):
            kept = beams[scores > -torch.inf]
            found.append([row[row != PAD_ID].tolist() for row in kept])
    return found


def reconstruct(model: TrainedModel, programs: Sequence[Ids]) -> list[list[int]]:
    """Return what each program decodes to."""
    return decode(model, encode(model, programs))


def interpolate(model: TrainedModel, first: Ids, last: Ids, num_points: int = 7) -> list[list[int]]:
    """Return the programs on the shortest way between two latents, both ends included."""
    return decode(model, between(encode(model, [first, last]), num_points))


def random_latents(
    model: TrainedModel, count: int, seed: int = 0, like: NDArray[np.floating] | None = None
) -> NDArray[np.float32]:
    """Return latents drawn at random, (count, latent_dim).

    Args:
        model: the model.
        count: how many.
        seed: of the draw.
        like: latents (rows, latent_dim) whose mean and covariance to draw from; by default from
            the whole sphere, most of which no program is near to.
    """
    rng = np.random.default_rng(seed)
    width = model.config.latent_dim
    if like is None or len(like) < 2:
        return rng.standard_normal((count, width)).astype(np.float32)
    # A draw from the sample covariance is a combination of its centred rows.
    centred = like - like.mean(0)
    shares = rng.standard_normal((count, len(like))) / np.sqrt(len(like) - 1)
    return (like.mean(0) + shares @ centred).astype(np.float32)


def _why_not(model: TrainedModel, program: Ids, which: str) -> str:
    """Say why a model cannot take a program: it is too long, or newer."""
    longest = model.config.max_decode_steps
    if len(program) > longest:
        return (
            f"{which} takes {len(program)} productions; this model writes at most {longest}: "
            "shorten it, or train with a larger max_decode_steps"
        )
    kinds = [language().kinds[each] for each in program if each >= model.num_productions]
    names = ", ".join(dict.fromkeys(kind.name for kind in kinds if kind.slot is None))
    return (
        f"{model.source} was trained on programs of the first {model.num_productions} productions "
        f"of the language, and {which} has newer ones ({names or 'variables'}): train a model on "
        "such programs, or write it otherwise"
    )


def _checked(model: TrainedModel, latents: NDArray[np.floating]) -> torch.Tensor:
    return on_sphere(torch.as_tensor(checked_latents(latents, model.config.latent_dim)))
