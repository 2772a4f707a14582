"""A search for a program as its user sees it: progress, the program, what it does not satisfy."""

import logging
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from models.ast_autoencoder.example_checks import check_examples, types_of
from models.commands.progress import show_progress
from models.errors import UserError
from models.programs.execution.example_text import Example, parse_example, read_examples
from models.programs.execution.interpreter import Interpreter
from models.programs.language.to_source import ids_to_source
from models.programs.synthesis.search import Answer, search_programs
from models.training.contracts import ProgressCallback
from models.training.devices import DeviceName
from models.wording import count

if TYPE_CHECKING:
    from models.ast_autoencoder.data import ProgramDataset
    from models.ast_autoencoder.synthesis import Synthesis

logger = logging.getLogger(__name__)

_SHARE = 2 / 3
"""Of the time, for the enumeration where a model is to go on from its best programs."""
_ENDLESS = 10**9


class Wanted(Protocol):
    """What to search, and how far."""

    @property
    def example(self) -> tuple[str, ...]:
        """Examples as texts."""
        ...

    @property
    def examples(self) -> Path | None:
        """Or a file of them."""
        ...

    @property
    def model(self) -> str | None:
        """Name of a model."""
        ...

    @property
    def seconds(self) -> int:
        """How long to search at most."""
        ...

    @property
    def device(self) -> DeviceName | None:
        """Of the model."""
        ...

    @property
    def max_candidates(self) -> int | None:
        """Different programs of the model to run at most."""
        ...

    @property
    def beam(self) -> int | None:
        """Programs decoded from each latent."""
        ...

    @property
    def seed(self) -> int | None:
        """Of the latents."""
        ...


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best program of a search.

    Attributes:
        program: its derivation; empty if no program satisfies any example.
        num_tried: expressions, loops and programs that were looked at.
        seconds: that the search took.
        satisfied: the examples that it satisfies.
        missed: the others.
    """

    program: tuple[int, ...]
    num_tried: int
    seconds: float
    satisfied: list[Example]
    missed: list[Example]

    @property
    def lines(self) -> list[str]:
        """The program with comments that say what it is worth."""
        of = len(self.satisfied) + len(self.missed)
        tried = f"{count(self.num_tried, 'candidate')} tried"
        counts = f"{len(self.satisfied)} of {count(of, 'example')}; {tried}"
        source = [ids_to_source(self.program)] if self.program else []
        if not self.missed:
            return [*source, f"# satisfies all {counts} in {self.seconds:.1f} s"]
        missed = [f"# not satisfied: {each.inputs!r} -> {each.output!r}" for each in self.missed]
        return [*source, f"# NO SOLUTION: the best program found satisfies {counts}", *missed]


def examples_of(wanted: Wanted) -> list[Example]:
    """Return the examples of a wanted.

    Raises:
        UserError: there are none, they cannot be read, or contradict each other.
    """
    if (wanted.examples is None) == (not wanted.example):
        raise UserError('pass either --example "([1, 2],) -> 3" ... or --examples FILE.json')
    examples = (
        read_examples(wanted.examples)
        if wanted.examples is not None
        else [parse_example(text) for text in wanted.example]
    )
    check_examples(examples)
    return examples


def check_model_flags(wanted: Wanted) -> None:
    """Check that no flag about a model is given without one.

    Raises:
        UserError: one is.
    """
    for name in ("device", "data_dir", "max_candidates", "beam", "seed"):
        value = getattr(wanted, name)
        if wanted.model is None and value is not None:
            raise UserError(
                f"--{name} {value} would be ignored: it is about a model: pass --model, or leave "
                "it out"
            )


def in_vain(found: Found, seconds: int) -> str:
    """Return what is said of a search that found no program that satisfies all examples."""
    num_examples = len(found.satisfied) + len(found.missed)
    return (
        f"no program was found that satisfies all {num_examples} examples within {seconds} s"
        f"{'; the best one is shown' if found.program else ''}: try more --seconds, or examples "
        "that are smaller\n"
    )


def search(
    wanted: Wanted,
    examples: Sequence[Example],
    checkpoint: Path | None,
    dataset: "ProgramDataset | None",
) -> Found:
    """Search a program that satisfies the examples, and show how far the search is on stderr.

    Args:
        wanted: how far to search.
        examples: one or more, that do not contradict each other.
        checkpoint: of a model, in whose latent space to look around the best programs.
        dataset: programs whose latents those of the model are drawn like.
    """
    began = time.perf_counter()
    types, returns = types_of(examples)
    with show_progress() as progress:
        shown = _Shown(progress, wanted.seconds, len(examples))
        answer = search_programs(
            types, returns, examples, on_level=shown.level,
            seconds=wanted.seconds if checkpoint is None else wanted.seconds * _SHARE,
        )  # fmt: skip
        if answer.cut:
            logger.warning("%s", answer.cut)
        program, num_tried = answer.program, answer.num_tried
        if checkpoint is not None and answer.num_passed < len(examples):
            shown.num_tried = answer.num_tried
            best = _near(wanted, examples, checkpoint, dataset, answer=answer, shown=shown)
            num_tried += best.num_candidates
            if best.num_passed > answer.num_passed or not program:
                program = best.program
    outcomes = Interpreter().run(program, [each.inputs for each in examples])
    right = [o.returned(each.output) for o, each in zip(outcomes, examples, strict=True)]
    return Found(
        program=program,
        num_tried=num_tried,
        seconds=time.perf_counter() - began,
        satisfied=[each for each, fits in zip(examples, right, strict=True) if fits],
        missed=[each for each, fits in zip(examples, right, strict=True) if not fits],
    )


def _near(
    wanted: Wanted,
    examples: Sequence[Example],
    checkpoint: Path,
    dataset: "ProgramDataset | None",
    *,
    answer: Answer,
    shown: "_Shown",
) -> "Synthesis":
    """Search the latent space of a model around the best programs of the enumeration."""
    # torch takes seconds to import, and most programs are found without.
    from models.ast_autoencoder.judging import examples_passed
    from models.ast_autoencoder.synthesis import synthesize
    from models.ast_autoencoder.trained import encode, load_model
    from models.ast_autoencoder.use import training_latents
    from models.programs.execution.program_pool import ProgramPool
    from models.training.devices import device_named

    model = load_model(checkpoint, device_named(wanted.device or "auto"))
    longest = model.config.max_decode_steps
    fits = [each for each in answer.near if len(each) <= longest and not model.lacks(each)]
    with ProgramPool() as pool:
        return synthesize(
            model,
            examples,
            lambda programs, of: examples_passed(programs, of, pool),
            max_candidates=wanted.max_candidates or _ENDLESS,
            seconds=shown.left,
            beam=wanted.beam or 8,
            seed=wanted.seed or 0,
            like=training_latents(model, dataset),
            near=encode(model, fits) if fits else None,
            on_round=shown.round,
        )


class _Shown:
    """Shows how far a search is: seconds as progress, and a line when there is a better program."""

    def __init__(self, progress: ProgressCallback, seconds: int, num_examples: int) -> None:
        self.num_tried = 0
        self._progress, self._seconds, self._of = progress, seconds, num_examples
        self._start, self._shown = time.perf_counter(), 0

    @property
    def left(self) -> float:
        """Seconds until the search ends."""
        return self._seconds - (time.perf_counter() - self._start)

    def level(self, answer: Answer) -> None:
        """Show a level of the enumeration."""
        self._show(answer.num_passed, answer.num_tried)

    def round(self, best: "Synthesis") -> None:
        """Show a round of the search in latent space."""
        self._show(best.num_passed, self.num_tried + best.num_candidates)

    def _show(self, num_passed: int, num_tried: int) -> None:
        took = self._seconds - self.left
        self._progress("seconds", min(int(took), self._seconds), self._seconds)
        if num_passed > self._shown:
            self._shown = num_passed
            sys.stderr.write(  # a bar lets lines pass above it
                f"best so far: {num_passed} of {count(self._of, 'example')}, after "
                f"{count(num_tried, 'candidate')} and {took:.0f} s\n"
            )
