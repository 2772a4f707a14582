"""Decoded programs on hidden examples, beside what trivial programs get.

Programs run in limited workers (`execution/`), never in this process. A program counts as
satisfying an example when it takes as many parameters and returns the same value, of the same
type. A program that equals the original is not run: the data set's examples came from it, so it
satisfies them all and each of its runs ends with a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ast_autoencoder.data import ProgramDataset
from models.programs.execution.example_text import Example
from models.programs.execution.outcomes import same_value
from models.programs.execution.program_pool import ProgramPool
from models.programs.language.compiling import Compiled
from models.programs.language.tree import parameter_types

Ids = Sequence[int]

CONSTANTS = (0, False, "", [])
"""What the trivial baseline returns, whatever the input: the one of the original's type."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What one program does on the hidden examples of its row.

    Args:
        passed: bool (examples,), which it satisfies.
        ran: bool (examples,), on which it ends with a value, right or wrong, instead of an
            exception or a limit. A program of another number of parameters never does.
    """

    passed: NDArray[np.bool_]
    ran: NDArray[np.bool_]


class Judge:
    """Runs programs on the hidden examples of a data set's programs.

    Args:
        dataset: with examples.
        pool: of workers; they start with the first programs.
    """

    def __init__(self, dataset: ProgramDataset, pool: ProgramPool | None = None) -> None:
        self.dataset = dataset
        self.pool = pool or ProgramPool()

    def judge(
        self, rows: NDArray[np.int64], programs: Sequence[Ids], exact: NDArray[np.bool_]
    ) -> list[Judged]:
        """Return what each program does on the hidden examples of its row.

        Args:
            rows: int64 (N,), of the data set.
            programs: N programs, each judged by its row's examples; nobody looks at those of
                rows that are exact.
            exact: bool (N,), which are the row's own program.
        """
        examples = [self.dataset.hidden_examples(row) for row in rows.tolist()]
        perfect = {size: _alike(size, value=True) for size in {len(each) for each in examples}}
        results = [
            perfect[len(each)] if is_exact else _alike(len(each), value=False)
            for each, is_exact in zip(examples, exact.tolist(), strict=True)
        ]
        run = [
            i
            for i in range(len(rows))
            if not exact[i]
            and examples[i]
            and len(parameter_types(programs[i])) == len(examples[i][0].inputs)
        ]
        tasks = [(programs[i], examples[i]) for i in run]
        for i, found in zip(run, self.pool.checked(tasks) if tasks else [], strict=True):
            results[i].passed[:] = [each.passed for each in found]
            results[i].ran[:] = [each.ran for each in found]
        return results

    def compiled(self, programs: Sequence[Ids]) -> list[Compiled]:
        """Return what Python says to each program; the workers ask it, many at a time."""
        return self.pool.compiled(programs)

    def constant_rates(self, rows: NDArray[np.int64]) -> dict[str, float]:
        """Return how often a program that always returns the same gets one or all examples."""
        right = [
            [
                any(same_value(each.output, value) for value in CONSTANTS)
                for each in self.dataset.hidden_examples(row)
            ]
            for row in rows.tolist()
        ]
        return rates("constant_", [np.array(each, dtype=np.bool_) for each in right])

    def neighbour_rates(
        self, rows: NDArray[np.int64], neighbours: NDArray[np.int64]
    ) -> dict[str, float]:
        """Return how often a training program gets one or all examples of a row.

        Args:
            rows: int64 (N,), of the data set.
            neighbours: int64 (N,), the row whose program is judged by each.
        """
        programs = [ids[ids >= 0].tolist() for ids in self.dataset.ids[neighbours]]
        judged = self.judge(rows, programs, np.zeros(len(rows), dtype=np.bool_))
        return rates("neighbour_", [each.passed for each in judged])

    def start(self) -> None:
        """Start the workers, and do not wait for them: programs are to come soon."""
        self.pool.start()

    def close(self) -> None:
        """End the workers."""
        self.pool.close()


def _alike(size: int, *, value: bool) -> Judged:
    """Return that of so many examples all turn out alike."""
    return Judged(passed=np.full(size, value), ran=np.full(size, value))


def judge_of(dataset: ProgramDataset) -> Judge | None:
    """Return the judge of a data set, None where it has no examples."""
    return Judge(dataset) if dataset.has_examples else None


def rates(prefix: str, passed: Sequence[NDArray[np.bool_]]) -> dict[str, float]:
    """Return the shares of programs that satisfy one example or more, and all of them."""
    count = max(len(passed), 1)
    return {
        f"{prefix}one_example_rate": sum(bool(each.any()) for each in passed) / count,
        f"{prefix}all_examples_rate": sum(bool(each.all()) for each in passed) / count,
    }


def examples_passed(
    programs: Sequence[Ids], examples: Sequence[Example], pool: ProgramPool | None = None
) -> NDArray[np.bool_]:
    """Return which examples (columns) each program (rows) satisfies.

    Args:
        programs: with one signature, that of the examples.
        examples: of all programs.
        pool: runs them; one of its own by default, whose workers end with the call.
    """
    if pool is None:
        with ProgramPool() as own:
            return examples_passed(programs, examples, own)
    found = pool.passed([(program, examples) for program in programs])
    return np.array(found, dtype=np.bool_).reshape(len(programs), len(examples))
