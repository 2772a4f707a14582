"""Random programs, as many as wanted: chunks made by worker processes, twins left out.

The same seed gives the same programs, whatever the number of workers: chunks are taken in order.
"""

import itertools
from collections import Counter
from dataclasses import dataclass

from models.ast_autoencoder.execution.pool import Lost, WorkerPool
from models.ast_autoencoder.execution.worker_process import WorkerSettings
from models.ast_autoencoder.programs.chunks import CHUNK_PROGRAMS, EQUAL, MadeProgram
from models.errors import UserError
from models.progress import ProgressCallback, silent

MIN_MAX_NODES = 10
"""The smallest bound on the nodes of a program that leaves something to choose."""

LOST = "lost with its worker process"

_MODULE = "models.ast_autoencoder.programs.worker"
_CHUNK_TIMEOUT_S = 300.0
_MAX_VAIN_CHUNKS = 100
"""In a row, without a new program; then there are no more."""


@dataclass(frozen=True, kw_only=True)
class Generated:
    """Random programs.

    Args:
        programs: no two of them do the same on the probes.
        rejected: reason -> programs that were drawn and left out.
        num_drawn: programs drawn in all.
    """

    programs: tuple[MadeProgram, ...]
    rejected: Counter[str]
    num_drawn: int


def generate_programs(
    num_programs: int,
    seed: int,
    *,
    max_nodes: int = 100,
    num_workers: int | None = None,
    progress: ProgressCallback = silent,
) -> Generated:
    """Return random programs that do different things.

    Args:
        num_programs: how many.
        seed: of the choices.
        max_nodes: of a program's graph.
        num_workers: processes; as many as this process may use cores by default.
        progress: told how many programs there are.

    Raises:
        UserError: a number out of range, or there are not so many different programs.
    """
    _check(num_programs, seed, max_nodes)
    kept: dict[int, MadeProgram] = {}
    rejected: Counter[str] = Counter()
    settings = WorkerSettings(module=_MODULE, job_timeout_s=_CHUNK_TIMEOUT_S)
    num_vain = num_chunks = 0
    with WorkerPool(settings, num_workers) as pool:
        chunks = pool.run((seed, number, max_nodes) for number in itertools.count())
        for result in chunks:
            num_before = len(kept)
            _add(result, kept, rejected, num_programs)
            num_chunks += 1
            progress("generate", len(kept), num_programs)
            if len(kept) == num_programs:
                chunks.close()
                break
            num_vain = 0 if len(kept) > num_before else num_vain + 1
            if num_vain == _MAX_VAIN_CHUNKS:
                raise UserError(
                    f"only {len(kept):,} programs of up to {max_nodes} nodes that do different "
                    f"things were found, not {num_programs:,}: ask for fewer, or allow more nodes"
                )
    drawn = num_chunks * CHUNK_PROGRAMS
    return Generated(programs=tuple(kept.values()), rejected=rejected, num_drawn=drawn)


def _add(
    result: object, kept: dict[int, MadeProgram], rejected: Counter[str], num_programs: int
) -> None:
    """Add the programs of a chunk that do something new, or the same in fewer nodes."""
    if isinstance(result, Lost):
        rejected[LOST] += CHUNK_PROGRAMS
        return
    assert isinstance(result, tuple)
    programs, reasons = result
    rejected.update(reasons)
    for content in programs:
        program = MadeProgram.from_plain(content)
        known = kept.get(program.behaviour)
        if known is not None:
            rejected[EQUAL] += 1
        if known is None or program.num_nodes < known.num_nodes:
            kept[program.behaviour] = program
        if len(kept) == num_programs:
            return


def _check(num_programs: int, seed: int, max_nodes: int) -> None:
    mistakes = []
    if num_programs < 1:
        mistakes.append(f"{num_programs} programs: ask for at least 1")
    if seed < 0:
        mistakes.append(f"seed ({seed}) must not be negative: take 0 or above")
    if max_nodes < MIN_MAX_NODES:
        mistakes.append(
            f"max_nodes ({max_nodes}) must be at least {MIN_MAX_NODES}: fewer make no programs"
        )
    if mistakes:
        raise UserError("\n".join(mistakes))
