"""A search from Python, without the command line.

    from tuner import search
    run = search("grammar_vae/quickstart", budget={"num_trials": 4}, name="first")
    print(run.to_frame())

It is the same search as that of a file: checked, run, recorded, to be resumed and promoted alike.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from models.presets import find_preset
from tuner.commands.search import fit_checks
from tuner.record.paths import find_run
from tuner.record.results import Run, read_run
from tuner.running.address import given_address
from tuner.running.runner import RunOptions, run_search
from tuner.search.loading import read_content
from tuner.search.machine import this_machine
from tuner.search.overrides import apply_overrides
from tuner.search.reader import SearchReader
from tuner.search.search_files import find_search_file


def search(
    file: str | Path | None = None,
    *,
    name: str | None = None,
    overrides: str | Iterable[str] = (),
    address: str | None = None,
    stream: TextIO | None = None,
    **blocks: Any,
) -> Run:
    """Run a search and return what became of it.

    Args:
        file: a search file, or one that ships by its name; None takes all from `blocks`.
        name: the run's name; None makes one up.
        overrides: changes, as `budget.num_trials=8`; one alone may be text.
        address: a Ray cluster to join; None takes this machine.
        stream: where the progress is shown; None is standard error.
        blocks: what stands at the top of a search file (`model`, `space`, ...), in place of the
            file's block of this name.

    Raises:
        UserError: the search has mistakes, each with its key, or cannot be run.
        SearchInterrupted: somebody ended it; `tuner resume` goes on.
    """
    overrides = [overrides] if isinstance(overrides, str) else overrides
    path = None if file is None else find_search_file(file)
    content = {**({} if path is None else read_content(path)), **blocks}
    machine = None if given_address(address) else this_machine()
    reader = SearchReader(
        apply_overrides(content, overrides),
        str(path or "python"),
        find_preset,
        check_files=True,
        find_run=find_run,
        machine=machine,
    )
    checked = reader.read()
    said = stream or sys.stderr
    for line in checked.advice:
        said.write(f"advice: {line}\n")
    options = RunOptions(
        name=name,
        address=address,
        stream=said,
        command=("python", *sys.argv),
        **fit_checks(checked, machine),
    )
    return run_search(checked, options)


def results(run: str) -> Run:
    """Return what became of a run, by its name or folder: `results("first").to_frame()`.

    Raises:
        UserError: no such run, or a damaged one.
    """
    return read_run(find_run(run))
