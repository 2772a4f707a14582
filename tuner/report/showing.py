"""What the best trial makes of validation rows: decoded rows and the plane of its latents.

It takes the trial's checkpoint, the data and the model, so the result is kept in the run's folder:
the report can then be made again where those are gone.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.config_file import to_config, to_mapping, write_text
from models.errors import UserError
from models.training.showcase import LatentPlane, Showcase
from models.wording import count
from tuner.record.paths import RunPaths
from tuner.record.results import Standing, kept_checkpoints
from tuner.record.trial_checkpoints import CHECKPOINT_FILE
from tuner.report.figures.showing import draw_plane
from tuner.report.material import Material
from tuner.report.section import Figure, Section, Table
from tuner.report.wording import share

_MOST_LABELS = 20


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A showcase with the trial and the epoch that it is of."""

    number: int
    trial: str
    epoch: int
    showcase: Showcase


def find_shown(
    material: Material, *, fresh: bool, say: Callable[[str], None]
) -> tuple[Shown | None, str | None]:
    """Return what the best trial with a checkpoint shows, kept or worked out, or why nothing.

    Args:
        material: the run.
        fresh: whether it may be worked out, which takes the data and the model.
        say: is told before that, as it takes a while.
    """
    kept, found = _read(material.run.paths), _best_checkpoint(material)
    spec = material.search.spec
    if spec.showcase is None:
        return None, f"The model {spec.name} does not say how its rows are shown."
    if found is None and kept is None:
        return None, "No checkpoint of a trial with a value is on disk, so none can decode."
    if found is None or (kept and (kept.trial, kept.epoch) == (found[0].row.trial, found[1])):
        return kept, None
    if not fresh:
        return kept, "Decoding was left out (`--no_decoding`)."
    return _work_out(material, found, kept, say)


def _work_out(
    material: Material,
    found: tuple[Standing, int, Path],
    kept: Shown | None,
    say: Callable[[str], None],
) -> tuple[Shown | None, str | None]:
    one, epoch, file = found
    show = material.search.spec.showcase
    assert show is not None
    say(f"decoding validation rows with trial {one.row.number}")
    try:
        showcase = show(file, material.search.data)
    except UserError as error:
        return kept, f"Trial {one.row.number} cannot be shown: {error}."
    except (ImportError, MemoryError, OSError, RuntimeError) as error:
        # A machine that lacks a package or memory has a use for the rest of the page.
        what = f"{type(error).__name__}: {error}".removesuffix(": ")
        return kept, f"Trial {one.row.number} cannot be shown on this machine: {what}."
    shown = Shown(number=one.row.number, trial=one.row.trial, epoch=epoch, showcase=showcase)
    content = json.dumps(to_mapping(shown))
    try:
        write_text(material.run.paths.showcase_file, content + "\n")
    except UserError as error:  # another user's run, or a full disk: it can be read all the same
        return shown, f"It is not kept for the next report: {error}."
    return shown, None


def showing_section(shown: Shown | None, why: str | None) -> Section:
    """Return the section."""
    title = "What the best trial decodes"
    missing = (why,) if why else ()
    if shown is None:
        return Section(anchor="showing", title=title, missing=missing)
    showcase = shown.showcase
    figures: tuple[Figure, ...] = ()
    words = [_decoded_words(shown)] if showcase.decoded else []
    if showcase.plane is not None and len(showcase.plane.x) > 1:
        words += _plane_words(showcase.plane)
        figures = (_figure(showcase.plane, showcase),)
    return Section(
        anchor="showing",
        title=title,
        words=tuple(words),
        missing=(*missing, *showcase.missing),
        figures=figures,
        tables=(_table(showcase),) if showcase.decoded else (),
    )


def nearest_share(plane: LatentPlane) -> float:
    """Return how many points have one of their own label next to them in the plane."""
    places = np.stack([np.array(plane.x), np.array(plane.y)], axis=1)
    distance = ((places[:, None] - places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1)
    labels = np.array(plane.labels)
    return float((labels == labels[nearest]).mean())


def _decoded_words(shown: Shown) -> str:
    decoded = shown.showcase.decoded
    exact = sum(row.exact for row in decoded)
    return (
        f"{exact} of {len(decoded)} validation {shown.showcase.what} taken at random come back "
        f"exactly from trial {shown.number} (epoch {shown.epoch})."
    )


def _plane_words(plane: LatentPlane) -> list[str]:
    words = [f"The plane holds {share(sum(plane.explained))} of the latents' variance."]
    names = sorted(set(plane.labels))
    if len(names) > 1:
        own = nearest_share(plane)
        by_chance = sum((plane.labels.count(name) / len(plane.labels)) ** 2 for name in names)
        words.append(
            f"Of {len(plane.x):,} points {share(own)} have one of the same {plane.labelled_by} "
            f"next to them; {share(by_chance)} would by chance."
        )
    return words


def _figure(plane: LatentPlane, showcase: Showcase) -> Figure:
    labels = list(plane.labels) or [showcase.what] * len(plane.x)
    names = _names(labels)
    shown = [label if label in names else "others" for label in labels]
    notes = [f"Principal components of the latents of {len(plane.x):,} of "
             f"{count(showcase.num_val, 'validation row')}."]  # fmt: skip
    if not plane.labels:
        notes.append("The data do not say what kind a row is of.")
    return Figure(
        name="plane",
        title=f"Latents by {plane.labelled_by}" if plane.labels else "Latents",
        spec=draw_plane([*names, *(["others"] if "others" in shown else [])], plane.explained),
        data={"plane": {"x": plane.x, "y": plane.y, "label": shown}},
        note=" ".join(notes),
    )


def _names(labels: list[str]) -> list[str]:
    counts: dict[str, int] = defaultdict(int)
    for label in labels:
        counts[label] += 1
    common = sorted(counts, key=lambda label: (-counts[label], label))[:_MOST_LABELS]
    return sorted(common)


def _table(showcase: Showcase) -> Table:
    rows = showcase.decoded
    return Table(
        title=f"{len(rows)} validation {showcase.what}, and what they decode to",
        columns=("", "original", "decoded"),
        rows=tuple(("=" if row.exact else "", row.original, row.decoded) for row in rows),
        note="= comes back exactly.",
    )


def _best_checkpoint(material: Material) -> tuple[Standing, int, Path] | None:
    """Return the best trial that has a checkpoint on disk, its best one and the file."""
    for one in material.valued:
        kept = [
            (point, folder / CHECKPOINT_FILE)
            for point, folder in kept_checkpoints(material.run.paths, one.row)
            if (folder / CHECKPOINT_FILE).is_file()
        ]
        if kept:
            point, file = min(kept, key=lambda item: item[0].cost(material.ranking))
            return one, point.epoch, file
    return None


def _read(paths: RunPaths) -> Shown | None:
    """Return what was kept; what cannot be read is worked out again."""
    try:
        content = json.loads(paths.showcase_file.read_text(encoding="utf-8"))
        return to_config(Shown, dict(content), str(paths.showcase_file))
    except (OSError, ValueError, TypeError):
        return None
