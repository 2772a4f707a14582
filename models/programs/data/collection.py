"""Programs by way of worker processes: random ones, twins left out, and studies of given ones.

The same seed gives the same programs, whatever the number of workers: chunks are taken in order.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from models.errors import UserError
from models.programs.data.chunks import CHUNK_PROGRAMS, EQUAL, MadeProgram
from models.programs.data.human_weights import Style
from models.programs.execution.pool import LostJob, WorkerPool
from models.programs.execution.worker_process import WorkerSettings
from models.training.contracts import ProgressCallback, silent
from models.wording import are, count

MIN_MAX_STEPS = 10
"""The smallest bound on the steps of a program that leaves something to choose."""

LOST = "lost with its worker process"

_SETTINGS = WorkerSettings(module="models.programs.data.worker", job_timeout_s=300.0)
_STUDY_BATCH = 20
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
    max_steps: int = 100,
    style: Style = "plain",
    num_workers: int | None = None,
    known: Collection[int] = (),
    progress: ProgressCallback = silent,
) -> Generated:
    """Return random programs that do different things.

    Args:
        num_programs: how many.
        seed: of the choices.
        max_steps: of a program's derivation.
        style: what the programs are to be like.
        num_workers: processes; as many as this process may use cores by default.
        known: behaviours of other programs; none like them are returned.
        progress: told how many programs there are.

    Raises:
        UserError: a number out of range, or there are not so many different programs.
    """
    _check(num_programs, seed, max_steps)
    kept: dict[int, MadeProgram] = {}
    rejected: Counter[str] = Counter()
    num_vain = num_chunks = 0
    with WorkerPool(_SETTINGS, num_workers) as pool:
        chunks = pool.run(("chunk", seed, number, max_steps, style) for number in itertools.count())
        for result in chunks:
            num_before = len(kept)
            for program in _new_programs(result, known, rejected):
                _keep_shortest(program, kept, rejected)
                if len(kept) == num_programs:
                    break
            num_chunks += 1
            progress("generate", len(kept), num_programs)
            if len(kept) == num_programs:
                chunks.close()
                break
            num_vain = 0 if len(kept) > num_before else num_vain + 1
            if num_vain == _MAX_VAIN_CHUNKS:
                raise UserError(
                    f"only {count(len(kept), 'program')} of up to {max_steps} steps that do "
                    f"different things {are(len(kept), 'were')} found, not {num_programs:,}: "
                    "ask for fewer, or allow more steps"
                )
    drawn = num_chunks * CHUNK_PROGRAMS
    return Generated(programs=tuple(kept.values()), rejected=rejected, num_drawn=drawn)


def study_programs(
    programs: Sequence[Sequence[int]],
    seed: int,
    *,
    num_workers: int | None = None,
    progress: ProgressCallback = silent,
) -> list[MadeProgram | str]:
    """Return given programs with behaviour and examples, or why one is of no use.

    Args:
        programs: their derivations.
        seed: of the choice of inputs.
        num_workers: processes; as many as this process may use cores by default.
        progress: told how many are done.
    """
    found: list[MadeProgram | str] = []
    starts = range(0, len(programs), _STUDY_BATCH)
    with WorkerPool(_SETTINGS, num_workers) as pool:
        batches = [[list(ids) for ids in programs[s : s + _STUDY_BATCH]] for s in starts]
        results = pool.run(("study", seed, batch) for batch in batches)
        for batch, result in zip(batches, results, strict=True):
            studies = [LOST] * len(batch) if isinstance(result, LostJob) else result
            found += [s if isinstance(s, str) else MadeProgram.from_plain(s) for s in studies]
            progress("run", len(found), len(programs))
    return found


def _new_programs(
    result: object, known: Collection[int], rejected: Counter[str]
) -> Iterator[MadeProgram]:
    """Yield the programs of a chunk that do nothing known, and count the others."""
    if isinstance(result, LostJob):
        rejected[LOST] += CHUNK_PROGRAMS
        return
    assert isinstance(result, tuple)  # what the worker returns
    programs, reasons = result
    rejected.update(reasons)
    for content in programs:
        program = MadeProgram.from_plain(content)
        if program.behaviour in known:
            rejected[EQUAL] += 1
        else:
            yield program


def _keep_shortest(
    program: MadeProgram, kept: dict[int, MadeProgram], rejected: Counter[str]
) -> None:
    """Keep a program that does something new, or the same as another in fewer nodes."""
    other = kept.get(program.behaviour)
    if other is not None:
        rejected[EQUAL] += 1
    if other is None or program.num_nodes < other.num_nodes:
        kept[program.behaviour] = program


def _check(num_programs: int, seed: int, max_steps: int) -> None:
    mistakes = []
    if num_programs < 1:
        mistakes.append(f"{num_programs} programs: ask for at least 1")
    if seed < 0:
        mistakes.append(f"seed ({seed}) must not be negative: take 0 or above")
    if max_steps < MIN_MAX_STEPS:
        mistakes.append(
            f"max_steps ({max_steps}) must be at least {MIN_MAX_STEPS}: fewer make no programs"
        )
    if mistakes:
        raise UserError(*mistakes)
