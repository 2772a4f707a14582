"""A trained Grammar-VAE and what one does with it; `use.py` is its command.

    model = load_model(Path("best-seq_acc-12-0.9975.ckpt"))
    latents = encode(model, ["x + sin( 2 )"])
    texts = decode(model, latents)

Every decoded text is in the grammar, from any latent: decoding is constrained by it.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from models.commands.latents import between, checked_latents, nearest_latents
from models.config_file import to_config, to_mapping
from models.errors import UserError
from models.grammar.ambiguity import AmbiguityFinder
from models.grammar.decoding import DeviceTables, constrained_decode
from models.grammar.derivation import PAD_ID, pad, to_text
from models.grammar.grammar import Grammar
from models.grammar.machine import Machine
from models.grammar.masks import tables
from models.grammar.parsing import TextParser
from models.grammar.text_errors import excerpt
from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.late_grammar import fitting_grammar, no_grammar_error
from models.grammar_vae.network.network import GrammarVae, build_network
from models.molecules.forbidden import forbidden_for_productions, forbidden_for_structure
from models.molecules.machine import machine_of
from models.training.checkpoints import check_model, read_checkpoint, trained_network
from models.training.weights_file import ENDING, read_weights, write_weights

logger = logging.getLogger(__name__)

_ROWS_AT_ONCE = 1024
_LOGITS_AT_ONCE = 1 << 27
"""On a GPU, where many rows take as long as few: half a gigabyte."""
_MAX_SHOWN = 3
_EXPORTED = (
    *("model", "config", "grammar", "num_productions", "num_steps", "data", "epoch", "metrics"),
)
"""What an export has besides its weights; `left_sides` came later."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A network in evaluation mode with what turns text into its input and back.

    Attributes:
        grammar: None where the model was trained without one.
        tables: None likewise.
        machine: rules that decoding keeps to beyond the grammar; None where it asks for none.
        num_steps: longest derivation it takes and gives.
        num_productions: of the grammar, or that the masks knew.
        left_sides: what the masks knew of it; None with a grammar.
        epoch: after which the checkpoint was written.
        metrics: of that epoch.
        source: the checkpoint.
        training_data: name and digest of what it was trained on.
    """

    network: GrammarVae
    config: GrammarVaeConfig
    grammar: Grammar | None
    tables: DeviceTables | None
    machine: Machine | None
    num_steps: int
    num_productions: int
    left_sides: tuple[int, ...] | None
    epoch: int
    metrics: dict[str, float]
    source: Path
    training_data: dict[str, str]

    @cached_property
    def parser(self) -> TextParser:
        """Reads texts; made when the first one comes, since that takes a second."""
        return TextParser(_grammar_of(self))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.network.parameters()).device


def load_model(path: Path, device: str = "cpu", grammar: Grammar | None = None) -> TrainedModel:
    """Load a checkpoint of a training run or a search, or an export; runs no code from it.

    Args:
        path: the file.
        device: where the weights go.
        grammar: for a model that was trained on ids and masks alone: makes text of its ids.

    Raises:
        UserError: the file is no checkpoint of a Grammar-VAE, or `grammar` does not fit it.
    """
    if path.suffix == ENDING:
        payload = read_weights(path, device, keys=_EXPORTED)
    else:
        payload = read_checkpoint(path, device)
    keys = ("config", "grammar", "num_productions", "num_steps", "epoch", "data")
    check_model(payload, path, "grammar_vae", keys)
    config = to_config(GrammarVaeConfig, payload["config"], str(path))
    network = build_network(
        config, num_ids=payload["num_productions"], num_steps=payload["num_steps"]
    )
    network = trained_network(network, payload, path).to(device)
    grammar = _grammar_for(payload, path, grammar)
    return TrainedModel(
        network=network,
        config=config,
        grammar=grammar,
        tables=None if grammar is None else DeviceTables.build(tables(grammar), device),
        machine=None if grammar is None else machine_of(grammar, device),
        num_steps=payload["num_steps"],
        num_productions=payload["num_productions"],
        left_sides=None if grammar is not None else _left_sides(payload),
        epoch=payload["epoch"],
        metrics=payload.get("metrics", {}),
        source=path,
        training_data=payload["data"],
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
        "model": "grammar_vae",
        "config": to_mapping(model.config),
        "grammar": None if model.grammar is None else model.grammar.to_mapping(),
        "left_sides": model.left_sides,
        "num_productions": model.num_productions,
        "num_steps": model.num_steps,
        "data": model.training_data,
        "epoch": model.epoch,
        "metrics": model.metrics,
    }
    write_weights(path, model.network.state_dict(), about, half=half)


def encode(model: TrainedModel, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the posterior mean of each text, (texts, z_dim).

    Raises:
        UserError: a text is outside the grammar or has a longer derivation than the model takes.
    """
    return encode_derivations(model, derive(model, texts))


def derive(model: TrainedModel, texts: Sequence[str]) -> list[list[int]]:
    """Return the derivation of each text.

    Raises:
        UserError: a text is outside the grammar or has a longer derivation than the model takes.
    """
    _grammar_of(model)
    derivations = []
    for number, text in enumerate(texts, start=1):
        where = f"text {number}" if len(texts) > 1 else ""
        derivation = model.parser.derive(text, where)
        if len(derivation) > model.num_steps:
            raise UserError(
                f"{excerpt(text, 0)} takes {len(derivation)} productions; this model takes "
                f"at most {model.num_steps}: shorten it, or train on longer rows"
            )
        derivations.append(derivation)
    _warn_of_second_derivation(model, texts)
    return derivations


def encode_derivations(
    model: TrainedModel, derivations: Sequence[Sequence[int]]
) -> NDArray[np.float32]:
    """Return the posterior mean of each derivation, (rows, z_dim); says which cannot come back."""
    _warn_of_forbidden(model, derivations)
    return encode_ids(model, pad(derivations, model.num_steps))


@torch.no_grad()
def encode_ids(model: TrainedModel, ids: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the posterior mean of each derivation (rows, time), padded with -1: (rows, z_dim)."""
    if len(ids) == 0:
        return np.zeros((0, model.config.z_dim), np.float32)
    parts = [
        model.network.encode(rows.to(model.device)).mean.cpu()
        for rows in torch.as_tensor(np.array(ids)).long().split(_rows_at_once(model))
    ]
    return torch.cat(parts).numpy()


def decode(
    model: TrainedModel,
    latents: NDArray[np.floating],
    temperature: float = 0.0,
    seed: int = 0,
) -> list[str]:
    """Return the text of each latent (rows, z_dim), valid under the grammar whatever the latent.

    Args:
        model: the model.
        latents: any finite numbers.
        temperature: 0 takes the most likely production at every step, above 0 samples.
        seed: of the sampling.

    Raises:
        UserError: no grammar, or latents of the wrong width or not finite.
    """
    grammar = _grammar_of(model)
    return [
        to_text(grammar, row[row >= 0]) for row in decode_ids(model, latents, temperature, seed)
    ]


@torch.no_grad()
def decode_ids(
    model: TrainedModel, latents: NDArray[np.floating], temperature: float = 0.0, seed: int = 0
) -> NDArray[np.int64]:
    """Return the derivation of each latent (rows, z_dim): (rows, num_steps), padded with -1.

    Rules beyond the grammar may take more steps than `num_steps` to close what is open.
    """
    _grammar_of(model)
    assert model.tables is not None
    z = torch.as_tensor(checked_latents(latents, model.config.z_dim))
    _check_least("seed", seed, 0)
    generator = torch.Generator(model.device).manual_seed(seed)
    parts = []
    for rows in z.split(_rows_at_once(model)):
        logits = model.network.decode(rows.to(model.device), model.num_steps)
        ids = constrained_decode(logits, model.tables, temperature, generator, model.machine)
        parts.append(ids.cpu())
    return joined(parts).numpy()


def _rows_at_once(model: TrainedModel) -> int:
    if model.device.type == "cpu":
        return _ROWS_AT_ONCE
    return max(_ROWS_AT_ONCE, _LOGITS_AT_ONCE // (model.num_steps * model.num_productions))


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Return ids (rows, time) of several decodings as one; some may have taken more steps."""
    longest = max(part.shape[1] for part in parts)
    return torch.cat([F.pad(part, (0, longest - part.shape[1]), value=PAD_ID) for part in parts])


def reconstruct(model: TrainedModel, texts: Sequence[str]) -> list[str]:
    """Return what each text decodes to from its posterior mean."""
    return decode(model, encode(model, texts))


def beside_decoded(
    model: TrainedModel, derivations: Sequence[Sequence[int]]
) -> list[tuple[str, str]]:
    """Return the text of each derivation, as the grammar writes it, and what it decodes to."""
    grammar = _grammar_of(model)
    texts = [to_text(grammar, derivation) for derivation in derivations]
    return list(zip(texts, decode(model, encode_derivations(model, derivations)), strict=True))


def sample(
    model: TrainedModel, num_samples: int, temperature: float = 0.0, seed: int = 0
) -> list[str]:
    """Return texts decoded from standard normal latents."""
    _check_least("num", num_samples, 0)
    _check_least("seed", seed, 0)
    z = np.random.default_rng(seed).standard_normal((num_samples, model.config.z_dim))
    return decode(model, z, temperature, seed)


def interpolate(model: TrainedModel, first: str, last: str, num_points: int = 7) -> list[str]:
    """Return the texts on the straight line between two posterior means, both ends included."""
    _check_least("num", num_points, 2)
    return decode(model, between(encode(model, [first, last]), num_points))


def nearest(
    model: TrainedModel, text: str, corpus: NDArray[np.integer], num_rows: int = 5
) -> list[tuple[float, str]]:
    """Return the rows of a corpus whose posterior means lie nearest to that of a text.

    Args:
        model: the model.
        text: what to look for.
        corpus: derivations (rows, time), padded with -1.
        num_rows: how many.

    Returns:
        Euclidean distance and text, nearest first.

    Raises:
        UserError: the text is outside the grammar, or the corpus has longer rows than the model.
    """
    grammar = _grammar_of(model)
    _check_least("num", num_rows, 1)
    longest = int((corpus >= 0).sum(1).max(initial=0))
    if longest > model.num_steps:
        raise UserError(
            f"the corpus has a row of {longest} productions; this model was trained on at most "
            f"{model.num_steps}: give a corpus of shorter rows"
        )
    corpus = corpus[:, : model.num_steps]  # padding only
    found = nearest_latents(encode(model, [text])[0], encode_ids(model, corpus), num_rows)
    return [(distance, to_text(grammar, corpus[row][corpus[row] >= 0])) for distance, row in found]


def _warn_of_second_derivation(model: TrainedModel, texts: Sequence[str]) -> None:
    """Say so where a text could have been derived otherwise; only slow grammars have such texts."""
    grammar = _grammar_of(model)
    if model.parser.algorithm == "lalr":
        return
    finder = AmbiguityFinder(grammar)
    for text in texts:
        parting = finder.second_derivation(text)
        if parting is not None:
            logger.warning(
                "'%s' has two derivations in the grammar %s (%s): the one whose productions stand "
                "first is taken, here and in other such texts",
                text,
                grammar.name,
                parting,
            )
            return


def _warn_of_forbidden(model: TrainedModel, derivations: Sequence[Sequence[int]]) -> None:
    """Say which texts cannot come back, as decoding keeps to rules that forbid them."""
    grammar = _grammar_of(model)
    if model.machine is None or not derivations:
        return
    ids = pad(derivations)
    why = forbidden_for_productions(ids, grammar)
    for found in forbidden_for_structure(ids, grammar):
        why = found | why
    if why:
        shown = [
            f"{excerpt(to_text(grammar, derivations[row]), 0)}: {why[row]}"
            for row in sorted(why)[:_MAX_SHOWN]
        ]
        logger.warning(
            "%d of %d texts cannot come back, since decoding keeps to the rules of molecules: %s%s",
            len(why),
            len(derivations),
            "; ".join(shown),
            "; ..." if len(why) > _MAX_SHOWN else "",
        )


def _check_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise UserError(f"{name} is {value}: give {least} or more")


def _grammar_of(model: TrainedModel) -> Grammar:
    if model.grammar is None:
        raise no_grammar_error(model.source)
    return model.grammar


def _grammar_for(payload: Mapping[str, Any], path: Path, given: Grammar | None) -> Grammar | None:
    """Return the grammar of a checkpoint, or else the given one if it fits."""
    if payload["grammar"] is not None:
        own = Grammar.from_mapping(payload["grammar"], str(path))
        if given is not None and given.digest != own.digest:
            raise UserError(
                f"{path}: was trained with its own grammar ({own.name}), which {given.name} is "
                "not: leave --grammar out"
            )
        return own if given is None else given  # it may ask for constraints that came later
    if given is None:
        return None
    try:
        return fitting_grammar(given, payload["num_productions"], _left_sides(payload))
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _left_sides(payload: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return what masks told of left-hand sides; checkpoints made before do not say."""
    sides = payload.get("left_sides")
    return None if sides is None else tuple(sides)
