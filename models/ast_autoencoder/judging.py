"""Decoded programs on hidden examples, beside what trivial programs get.

Programs run in limited workers (`execution/`), never in this process. A program counts as
satisfying an example when it takes as many parameters and returns the same value, of the same
type. A program that equals the original is not run: the data set's examples came from it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.ast_autoencoder.data import ProgramDataset
from models.ast_autoencoder.example_text import Example
from models.ast_autoencoder.execution.outcomes import same_value
from models.ast_autoencoder.execution.program_pool import ProgramPool
from models.ast_autoencoder.language.tree import parameter_types

Ids = Sequence[int]

CONSTANTS = (0, False, "", [])
"""What the trivial baseline returns, whatever the input: the one of the original's type."""


class Judge:
    """Runs programs on the hidden examples of a data set's programs.

    Args:
        dataset: with examples.
        pool: of workers; they start with the first programs.
    """

    def __init__(self, dataset: ProgramDataset, pool: ProgramPool | None = None) -> None:
        self.dataset = dataset
        self.pool = pool or ProgramPool()

    def passed(
        self, rows: NDArray[np.int64], programs: Sequence[Ids], exact: NDArray[np.bool_]
    ) -> list[NDArray[np.bool_]]:
        """Return which hidden examples of each row its program satisfies.

        Args:
            rows: int64 (N,), of the data set.
            programs: N programs, each judged by its row's examples.
            exact: bool (N,), which are the row's own program.
        """
        examples = [self.dataset.hidden_examples(row) for row in rows.tolist()]
        results = [np.ones(len(each), dtype=np.bool_) for each in examples]
        run = [
            i
            for i in range(len(rows))
            if not exact[i]
            and examples[i]
            and len(parameter_types(programs[i])) == len(examples[i][0].inputs)
        ]
        for i in np.nonzero(~exact)[0]:
            results[i][:] = False
        tasks = [(programs[i], examples[i]) for i in run]
        for i, found in zip(run, self.pool.passed(tasks) if tasks else [], strict=True):
            results[i][:] = found
        return results

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
        passed = self.passed(rows, programs, np.zeros(len(rows), dtype=np.bool_))
        return rates("neighbour_", passed)

    def close(self) -> None:
        """End the workers."""
        self.pool.close()


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


def examples_passed(programs: Sequence[Ids], examples: Sequence[Example]) -> NDArray[np.bool_]:
    """Return which examples (columns) each program (rows) satisfies."""
    with ProgramPool() as pool:
        found = pool.passed([(program, examples) for program in programs])
    return np.array(found, dtype=np.bool_).reshape(len(programs), len(examples))
