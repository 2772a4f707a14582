"""Programs from examples: a search in latent space and in the decoder's beam.

Candidates are decoded with the examples' signature, run on the examples in limited workers, and
ranked by how many they satisfy. Each round looks around the best latents so far and draws new
ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ast_autoencoder.trained import Ids, TrainedModel, decode_beam, random_latents
from models.errors import UserError
from models.programs.execution.example_text import Example
from models.programs.language.kinds import MAX_PARAMETERS, TYPES, Type, language

Passed = Callable[[Sequence[Ids], Sequence[Example]], NDArray[np.bool_]]
"""Which examples (columns) each program (rows) satisfies, worked out in limited workers."""

_ROUND = 32
"""Latents a round."""
_ELITE = 8
_SPREAD = 0.25
"""Steps around the best latents, in units of a latent's coordinates, which are about 1."""


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """What a search found.

    Attributes:
        program: satisfies the most examples of all candidates; of equals the shortest.
        num_passed: how many it satisfies.
        num_candidates: different programs that were run.
    """

    program: tuple[int, ...]
    num_passed: int
    num_candidates: int


def synthesize(
    model: TrainedModel,
    examples: Sequence[Example],
    passed: Passed,
    *,
    max_candidates: int = 20_000,
    beam: int = 8,
    seed: int = 0,
    like: NDArray[np.floating] | None = None,
) -> Synthesis:
    """Search a program that satisfies all examples.

    Args:
        model: the model.
        examples: one or more, of one signature.
        passed: runs programs.
        max_candidates: different programs to run at most.
        beam: programs decoded from each latent.
        seed: of the latents.
        like: latents to draw like, for example those of training programs.

    Raises:
        UserError: no examples, or of different or unknown signatures.
    """
    prefix = signature(examples)
    seen: dict[tuple[int, ...], int] = {}
    best = Synthesis(program=(), num_passed=-1, num_candidates=0)
    elite, elite_scores = np.zeros((0, model.config.latent_dim), np.float32), np.zeros(0)
    number = 0
    while (
        len(seen) < max_candidates
        and best.num_passed < len(examples)
        and number < _max_rounds(max_candidates)
    ):
        latents = _round(model, elite, seed + number, like)
        number += 1
        owners, programs = _new_programs(decode_beam(model, latents, beam, prefix), seen)
        del owners[max_candidates - len(seen) :], programs[max_candidates - len(seen) :]
        scores = passed(programs, examples).sum(axis=1) if programs else np.zeros(0, int)
        seen.update(zip(programs, scores.tolist(), strict=True))
        best = _better(best, programs, scores)
        of_latent = np.zeros(len(latents))
        np.maximum.at(of_latent, owners, scores)
        elite, elite_scores = _keep(
            np.concatenate([elite, latents]), np.concatenate([elite_scores, of_latent])
        )
    return Synthesis(program=best.program, num_passed=best.num_passed, num_candidates=len(seen))


def signature(examples: Sequence[Example]) -> tuple[int, ...]:
    """Return the productions of the signature that examples have.

    Raises:
        UserError: no examples, different signatures, or values of another type.
    """
    if not examples:
        raise UserError("no examples: give one or more")
    types = {
        (*(_type_of(value) for value in example.inputs), _type_of(example.output))
        for example in examples
    }
    if len(types) > 1:
        raise UserError(
            f"examples of different types: {sorted(types)}: all must have the same signature"
        )
    *inputs, output = types.pop()
    if not 1 <= len(inputs) <= MAX_PARAMETERS:
        raise UserError(f"{len(inputs)} inputs: programs take 1 to {MAX_PARAMETERS}")
    of = language()
    kinds = [f"param_{each}" for each in inputs[:-1]] + [f"last_{inputs[-1]}"]
    return (of.id_of(f"program_{output}"), *map(of.id_of, kinds))


def _type_of(value: object) -> Type:
    for name, value_type in zip(TYPES, (int, bool, str, list), strict=True):
        if type(value) is value_type:
            if value_type is list and not all(type(item) is int for item in value):  # pyright: ignore[reportGeneralTypeIssues]
                break
            return name
    raise UserError(f"{value!r}: values are int, bool, str or lists of int")


def _max_rounds(max_candidates: int) -> int:
    """Return when to give up finding new programs."""
    return 10 + max_candidates // _ROUND


def _round(
    model: TrainedModel,
    elite: NDArray[np.float32],
    seed: int,
    like: NDArray[np.floating] | None,
) -> NDArray[np.float32]:
    """Return latents: half around the best ones, as far as there are any, the rest drawn anew."""
    rng = np.random.default_rng(seed)
    num_around = min(_ROUND // 2, len(elite) * 4)
    drawn = random_latents(model, _ROUND - num_around, seed, like)
    if num_around == 0:
        return drawn
    around = elite[rng.integers(0, len(elite), num_around)]
    around = around + _SPREAD * rng.standard_normal(around.shape)
    return np.concatenate([around.astype(np.float32), drawn])


def _new_programs(
    beams: Sequence[Sequence[Ids]], seen: dict[tuple[int, ...], int]
) -> tuple[list[int], list[tuple[int, ...]]]:
    """Return the programs that were not run before, each with the latent that it came from."""
    new: dict[tuple[int, ...], int] = {}
    for owner, programs in enumerate(beams):
        for program in map(tuple, programs):
            if program not in seen:
                new.setdefault(program, owner)
    return list(new.values()), list(new)


def _better(
    best: Synthesis, programs: Sequence[tuple[int, ...]], scores: NDArray[np.integer]
) -> Synthesis:
    for program, score in zip(programs, scores.tolist(), strict=True):
        if (score, -len(program)) > (best.num_passed, -len(best.program)):
            best = Synthesis(program=program, num_passed=score, num_candidates=0)
    return best


def _keep(
    latents: NDArray[np.float32], scores: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.floating]]:
    order = np.argsort(-scores, kind="stable")[:_ELITE]
    return latents[order], scores[order]
