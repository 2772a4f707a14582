"""A promoted preset on disk: its file and the folder of its checkpoints, which appear as a pair.

    presets/MODEL/NAME.yaml     the preset, by which both are found
    presets/MODEL/NAME/         its checkpoints and its card

Everything is built in `.NAME.part` first, which is where a disk fills up. Then two renames publish
it, the file's last: whoever is killed in between leaves a folder without a file, which no command
takes for a preset, and which `leftovers` finds.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from models.config_file import write_text
from models.presets import Preset, render_preset
from models.training.checkpoints import read_checkpoint
from tuner.promotion.model_card import first_line, render_card

CARD_FILE = "README.md"
_PRESET_FILE = "preset.yaml"
"""What the preset's file is called until it is published."""
_PART = ".part"


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one process at a time promote into a folder of presets; the lock dies with its holder."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # file systems without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def stage(preset: Preset, files: Mapping[str, tuple[Path, str]], header: str) -> None:
    """Build the pair of a preset beside its place.

    Args:
        preset: with the file that it is going to be as its source.
        files: of each checkpoint's name the file to copy and what the card says, the best first.
        header: the first line of the preset's file.

    Raises:
        OSError, UserError: the disk is full, or a checkpoint cannot be read.
    """
    part = _part(preset.source)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    said = {name: words for name, (_, words) in files.items()}
    write_text(part / CARD_FILE, render_card(preset, said))
    for name, (source, _) in files.items():
        read_checkpoint(source)  # a damaged one is no winner
        _copy(source, part / name)
    write_text(part / _PRESET_FILE, render_preset(preset, header))


def publish(file: Path) -> None:
    """Give a pair that was built its names; nothing more is written."""
    folder = file.with_suffix("")
    if is_leftover(file):
        shutil.rmtree(folder)
    _part(file).rename(folder)
    (folder / _PRESET_FILE).rename(file)


def restore(folder: Path, files: Mapping[str, tuple[Path, str]]) -> None:
    """Copy checkpoints into the folder of a preset that has lost them."""
    folder.mkdir(exist_ok=True)
    for name, (source, _) in files.items():
        part = folder / f".{name}{_PART}"
        _copy(source, part)
        part.rename(folder / name)


def withdraw(file: Path) -> None:
    """Remove a pair that this process has built, as far as it came."""
    file.unlink(missing_ok=True)
    for rest in (file.with_suffix(""), _part(file)):
        shutil.rmtree(rest, ignore_errors=True)


def is_leftover(file: Path) -> bool:
    """Return whether the folder of a preset was left by a crash before its file was written."""
    card = file.with_suffix("") / CARD_FILE
    if file.exists() or not card.is_file():
        return False
    return card.read_text(encoding="utf-8", errors="replace").startswith(first_line(file.stem))


def leftovers(folder: Path) -> list[Path]:
    """Return what killed promotions left in a folder of presets: folders without their file."""
    found = sorted(one for one in folder.glob("*") if one.is_dir())
    return [one for one in found if is_part(one) or is_leftover(folder / f"{one.name}.yaml")]


def remove_parts(folder: Path) -> None:
    """Remove what killed promotions were building; the caller holds the lock, so nobody builds."""
    for one in leftovers(folder):
        if is_part(one):
            shutil.rmtree(one)


def is_part(path: Path) -> bool:
    """Return whether a folder is one that a pair is built in."""
    return path.name.startswith(".") and path.suffix == _PART


def _part(file: Path) -> Path:
    return file.with_name(f".{file.stem}{_PART}")


def _copy(source: Path, target: Path) -> None:
    """Copy a file, and wait until the disk has it: the preset that names it follows."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
