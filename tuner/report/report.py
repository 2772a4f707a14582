"""The report of a run from its folder alone: read, work out, draw, write one HTML page."""

from collections.abc import Callable
from pathlib import Path

from models.config_file import write_text
from tuner.record.paths import RunPaths
from tuner.report.board import board_section
from tuner.report.confirmed import confirmed_section
from tuner.report.curves import curves_section
from tuner.report.edges import edges_section
from tuner.report.failures import failures_section
from tuner.report.importance import importance_section, importances
from tuner.report.material import Material, read_material
from tuner.report.page import render_page
from tuner.report.parallel import parallel_section
from tuner.report.repeating import repeating_section
from tuner.report.rungs import rungs_section
from tuner.report.section import Section
from tuner.report.showing import find_shown, showing_section
from tuner.report.slices import slices_section
from tuner.report.slots import slots_section
from tuner.report.trade_offs import trade_offs_section
from tuner.report.verdict import Verdict, verdict
from tuner.report.worth import worth_section


def sections_of(material: Material, showing: Section) -> list[Section]:
    """Return the sections in the order of the page; one is made before, as it takes the model."""
    found = importances(material)
    return [
        board_section(material),
        curves_section(material),
        importance_section(material, found),
        parallel_section(material),
        slices_section(material, found),
        trade_offs_section(material),
        edges_section(material),
        rungs_section(material),
        worth_section(material),
        slots_section(material),
        failures_section(material),
        showing,
        confirmed_section(material),
        repeating_section(material),
    ]


def write_report(
    paths: RunPaths,
    out: Path | None = None,
    *,
    decode: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Path, Verdict]:
    """Write the report of a run, whatever state it is in; return the file and the verdict.

    Args:
        paths: the run's files.
        out: where it goes, instead of the run's folder.
        decode: whether to work out what the best trial decodes, where that is not kept.
        say: is told what takes a while.

    Raises:
        RunCorrupt: a line of the event log cannot be what was written.
        UserError: the run's search cannot be read, or the file cannot be written.
    """
    material = read_material(paths)
    found = verdict(material)
    showing = showing_section(*find_shown(material, fresh=decode, say=say))
    page = render_page(material, found, sections_of(material, showing))
    file = out or paths.report_file
    write_text(file, page)
    return file, found
