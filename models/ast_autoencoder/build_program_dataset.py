"""Build a data set of programs: random ones, or the functions of your own Python files.

    python -m models.ast_autoencoder.build_program_dataset --out data/programs-1000 --n 1000
    python -m models.ast_autoencoder.build_program_dataset --out data/mine --from_source src

With both --n and --from_source the random programs follow your own. Your files are parsed, and
what fits the language is run by an interpreter of its own in limited processes; they are never
imported. The same seed gives the same programs, whatever the number of workers.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from models.ast_autoencoder.data import records_of
from models.commands.flags import build_flags, read_flags
from models.commands.process import run_command
from models.commands.progress import show_progress
from models.errors import UserError
from models.programs.data.chunks import MadeProgram
from models.programs.data.collection import generate_programs, study_programs
from models.programs.data.dataset import ProgramRecord, dataset_of
from models.programs.data.human_weights import Style
from models.programs.data.report import (
    length_counts,
    rejection_lines,
    source_lines,
    summary,
)
from models.programs.data.source_functions import find_functions
from models.programs.data.splits import VAL_SHARE
from models.programs.data.writing import check_folder, write_dataset
from models.training.contracts import ProgressCallback

MOST_TEST_SHARE = 0.5
_COMMAND = "python -m models.ast_autoencoder.build_program_dataset"


@dataclass(frozen=True, kw_only=True)
class BuildFlags:
    """All flags of the command."""

    out: Path
    """Folder to write; made where missing."""
    n: int | None = None
    """Random programs to generate."""
    seed: int = 42
    """Seeds the random programs and the inputs of examples."""
    max_steps: int = 100
    """Steps of a program's derivation at most, a few more than its nodes; see max_decode_steps."""
    style: Style = "plain"
    """Random programs: plain, a bit of everything, or human, shaped like what people write."""
    test_share: float = 0.0
    """Part of the programs to hold out of training and validation until a run has ended."""
    val_share: float = VAL_SHARE
    """Part of the programs that validates; of a million a hundredth will do."""
    from_source: Path | None = None
    """Take the functions of the Python files below this folder that fit the language."""
    workers: int | None = None
    """Processes; by default as many as there are cores to use."""
    overwrite: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Replace the data set that --out holds."""


@dataclass(kw_only=True)
class _Collected:
    """Programs so far, and what is said about them.

    Args:
        records: of the data set.
        lines: for people.
        about: for the metadata.
    """

    records: list[ProgramRecord] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """Run the command."""
    raise SystemExit(run_command(lambda: _run(sys.argv[1:])))


def _run(arguments: Sequence[str]) -> None:
    given = read_flags(BuildFlags, arguments, _COMMAND)
    flags = build_flags(BuildFlags, given.arguments, _COMMAND, __doc__)
    _check_flags(flags)
    check_folder(flags.out, flags.overwrite)
    try:
        _build(flags)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"No half-written data set is left in {flags.out}") from None


def _check_flags(flags: BuildFlags) -> None:
    mistakes = []
    if flags.n is None and flags.from_source is None:
        mistakes.append("give --n, random programs to generate, or --from_source, a folder")
    if flags.n is not None and flags.n < 2:
        mistakes.append(f"--n {flags.n}: take at least 2, one to train on and one to validate on")
    if not 0 <= flags.test_share <= MOST_TEST_SHARE:
        mistakes.append(
            f"--test_share {flags.test_share:g}: take 0 to {MOST_TEST_SHARE:g}: some programs "
            "validate, and some must be left to train on"
        )
    if not 0 < flags.val_share <= MOST_TEST_SHARE:
        mistakes.append(
            f"--val_share {flags.val_share:g}: take more than 0, up to {MOST_TEST_SHARE:g}: some "
            "programs must be left to train on"
        )
    elif flags.val_share + flags.test_share >= 1:
        mistakes.append(
            f"--val_share {flags.val_share:g} and --test_share {flags.test_share:g} leave nothing "
            "to train on: take less of one"
        )
    if flags.seed < 0:
        mistakes.append(f"--seed {flags.seed} must not be negative: take 0 or above")
    if flags.workers is not None and flags.workers < 1:
        mistakes.append(f"--workers {flags.workers}: take at least 1")
    if mistakes:
        raise UserError(*mistakes)


def _build(flags: BuildFlags) -> None:
    collected = _Collected(about={"seed": flags.seed, "max_steps": flags.max_steps})
    if flags.style != "plain":
        collected.about["style"] = flags.style
    if flags.test_share:
        collected.about["test_share"] = flags.test_share
    if flags.val_share != VAL_SHARE:
        collected.about["val_share"] = flags.val_share
    with show_progress() as progress:
        if flags.from_source is not None:
            _collect_functions(flags, flags.from_source, collected, progress)
        if flags.n is not None:
            _generate(flags, flags.n, collected, progress)
    dataset = dataset_of(
        collected.records, flags.out.resolve().name, flags.test_share, flags.val_share
    )
    collected.about["lengths"] = length_counts(dataset)
    write_dataset(dataset, flags.out, about=collected.about, overwrite=flags.overwrite)
    print("\n".join([*collected.lines, summary(dataset, flags.out)]))


def _collect_functions(
    flags: BuildFlags, folder: Path, collected: _Collected, progress: ProgressCallback
) -> None:
    """Add the functions below a folder that fit the language and return on enough inputs."""
    found, report = find_functions(folder, flags.max_steps, progress)
    studied = study_programs(
        [function.program.ids for function in found],
        flags.seed,
        num_workers=flags.workers,
        progress=progress,
    )
    for function, result in zip(found, studied, strict=True):
        if isinstance(result, MadeProgram):
            record = ProgramRecord(
                program=function.program,
                behaviour=result.behaviour,
                examples_text=result.examples_text,
                source=function.source,
            )
            collected.records.append(record)
        else:
            report.refuse(result, function.source)
    lines = source_lines(report, len(collected.records))
    if not collected.records and flags.n is None:
        raise UserError(f"from_source ({folder}): nothing to keep", *lines)
    collected.lines += lines
    collected.about["from_source"] = {
        "files": report.num_files,
        "files_left_out": report.unread,
        "functions": report.num_functions,
        "kept": len(collected.records),
        "refused": {reason: entry.count for reason, entry in report.refused.items()},
    }


def _generate(
    flags: BuildFlags, num_programs: int, collected: _Collected, progress: ProgressCallback
) -> None:
    """Add random programs that do something else than those there are."""
    generated = generate_programs(
        num_programs,
        flags.seed,
        max_steps=flags.max_steps,
        style=flags.style,
        num_workers=flags.workers,
        known={record.behaviour for record in collected.records},
        progress=progress,
    )
    collected.records += records_of(generated)
    collected.lines += rejection_lines(generated.rejected, generated.num_drawn)
    collected.about["generated"] = {
        "drawn": generated.num_drawn,
        "rejected": dict(generated.rejected),
    }


if __name__ == "__main__":
    main()
