"""The report of a run from its folder alone: read, work out, draw, write one HTML page."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from models.config_file import write_text
from tuner.record.paths import RunPaths
from tuner.report.board import board_section
from tuner.report.curves import curves_section
from tuner.report.failures import failures_section
from tuner.report.material import Material, read_material
from tuner.report.page import render_page
from tuner.report.section import Section
from tuner.report.verdict import Verdict, verdict

MakeSection: TypeAlias = Callable[[Material], Section]

SECTIONS: tuple[MakeSection, ...] = (
    board_section,
    curves_section,
    failures_section,
)
"""The sections in the order of the page."""


def write_report(paths: RunPaths, out: Path | None = None) -> tuple[Path, Verdict]:
    """Write the report of a run, whatever state it is in; return the file and the verdict.

    Args:
        paths: the run's files.
        out: where it goes, instead of the run's folder.

    Raises:
        RunCorrupt: a line of the event log cannot be what was written.
        UserError: the run's search cannot be read, or the file cannot be written.
    """
    material = read_material(paths)
    found = verdict(material)
    page = render_page(material, found, [make(material) for make in SECTIONS])
    file = out or paths.report_file
    write_text(file, page)
    return file, found
