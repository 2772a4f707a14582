"""`tuner report`: write the report of a run, and say what it says first."""

import webbrowser
from pathlib import Path

from tuner.commands.console import output
from tuner.record.paths import find_run
from tuner.report.report import write_report

_KB = 1000


def report_run(name: str, out: str | None, *, show: bool, decode: bool) -> None:
    """Write the report and print its verdict and its place.

    Args:
        name: the run.
        out: the file to write, instead of the one in the run's folder.
        show: open it in the browser.
        decode: work out what the best trial decodes.

    Raises:
        UserError: no such run; see `write_report`.
    """
    console = output()

    def say(line: str) -> None:
        console.print(f"{line} ...")

    place = Path(out) if out else None
    file, verdict = write_report(find_run(name), place, decode=decode, say=say)
    console.print(verdict.sentence, soft_wrap=True)
    console.print(f"report: {file} ({file.stat().st_size / _KB:,.0f} kB)", soft_wrap=True)
    if show and not webbrowser.open(file.resolve().as_uri()):
        console.print("no browser could be opened here: copy the file to where there is one")
