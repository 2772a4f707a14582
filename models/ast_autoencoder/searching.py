"""A search for a program as its user sees it: progress, the program, what it does not satisfy."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.ast_autoencoder.judging import examples_passed
from models.ast_autoencoder.synthesis import Synthesis, synthesize
from models.ast_autoencoder.trained import Ids, TrainedModel
from models.commands.progress import show_progress
from models.programs.execution.example_text import Example
from models.programs.execution.program_pool import ProgramPool
from models.programs.language.to_source import ids_to_source
from models.training.contracts import ProgressCallback


class Wanted(Protocol):
    """How far to search."""

    @property
    def max_candidates(self) -> int:
        """Different programs to run at most."""
        ...

    @property
    def beam(self) -> int:
        """Programs decoded from each latent."""
        ...

    @property
    def seed(self) -> int:
        """Of the latents."""
        ...


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best program of a search.

    Attributes:
        synthesis: the program, and how many examples it satisfies.
        missed: the examples that it does not satisfy.
    """

    synthesis: Synthesis
    missed: list[Example]

    @property
    def lines(self) -> list[str]:
        """The program with comments that say what it is worth."""
        found, of = self.synthesis, self.synthesis.num_passed + len(self.missed)
        counts = f"{found.num_passed} of {of} examples; {found.num_candidates:,} candidates tried"
        source = ids_to_source(found.program)
        if not self.missed:
            return [source, f"# satisfies all {counts}"]
        missed = [f"# not satisfied: {each.inputs!r} -> {each.output!r}" for each in self.missed]
        return [source, f"# NO SOLUTION: the best program found satisfies {counts}", *missed]


def search(
    model: TrainedModel,
    wanted: Wanted,
    examples: Sequence[Example],
    like: NDArray[np.floating] | None,
) -> Found:
    """Search a program that satisfies the examples, and show how far the search is on stderr."""
    with show_progress() as progress, ProgramPool() as pool:

        def passed(programs: Sequence[Ids], examples: Sequence[Example]) -> NDArray[np.bool_]:
            return examples_passed(programs, examples, pool)

        best = synthesize(
            model,
            examples,
            passed,
            max_candidates=wanted.max_candidates,
            beam=wanted.beam,
            seed=wanted.seed,
            like=like,
            on_round=_show_round(progress, wanted.max_candidates, len(examples)),
        )
        satisfied = passed([best.program], examples)[0]
    missed = [each for each, right in zip(examples, satisfied, strict=True) if not right]
    return Found(synthesis=best, missed=missed)


def _show_round(
    progress: ProgressCallback, max_candidates: int, num_examples: int
) -> Callable[[Synthesis], None]:
    """Return what shows a round: candidates as progress, and a line when there is a better one."""
    start, shown = time.perf_counter(), 0

    def show(best: Synthesis) -> None:
        nonlocal shown
        progress("candidates", best.num_candidates, max_candidates)
        if best.num_passed > shown:
            shown = best.num_passed
            sys.stderr.write(  # a bar lets lines pass above it
                f"best so far: {shown} of {num_examples} examples, after "
                f"{best.num_candidates:,} candidates and {time.perf_counter() - start:.0f} s\n"
            )

    return show
