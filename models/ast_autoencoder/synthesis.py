"""Programs from examples: a search in latent space and in the decoder's beam.

Candidates are decoded with the examples' signature, run on the examples in limited workers, and
ranked by how many they satisfy. Each round looks around the best latents so far and draws new
ones.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.ast_autoencoder.example_checks import check_examples, signature
from models.ast_autoencoder.trained import Ids, TrainedModel, decode_beam, random_latents
from models.programs.execution.example_text import Example

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
    seconds: float = float("inf"),
    beam: int = 8,
    seed: int = 0,
    like: NDArray[np.floating] | None = None,
    near: NDArray[np.float32] | None = None,
    on_round: Callable[[Synthesis], None] = lambda best: None,
) -> Synthesis:
    """Search a program that satisfies all examples.

    Args:
        model: the model.
        examples: one or more, of one signature.
        passed: runs programs.
        max_candidates: different programs to run at most.
        seconds: no round begins after so long.
        beam: programs decoded from each latent.
        seed: of the latents.
        like: latents to draw like, for example those of training programs.
        near: latents to look around first.
        on_round: told the best so far, at the start and after every round.

    Raises:
        UserError: no examples, examples of different or unknown signatures, or such that
            contradict each other.
    """
    check_examples(examples)
    prefix = signature(examples)
    seen: dict[tuple[int, ...], int] = {}
    best = Synthesis(program=(), num_passed=-1, num_candidates=0)
    elite = np.zeros((0, model.config.latent_dim), np.float32) if near is None else near[:_ELITE]
    elite_scores = np.zeros(len(elite))
    number, end = 0, time.monotonic() + seconds
    on_round(best)
    while (
        len(seen) < max_candidates
        and best.num_passed < len(examples)
        and number < _max_rounds(max_candidates)
        and time.monotonic() < end
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
        best = replace(best, num_candidates=len(seen))
        on_round(best)
    return best


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
