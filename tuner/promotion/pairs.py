"""A promoted preset on disk: its file and the folder of its checkpoints, which appear as a pair.

    presets/MODEL/FILE.yaml     the preset, by which both are found; a file of its own, or yours
    presets/MODEL/NAME/         its checkpoints and its card

Everything is built in `.NAME.part` first, which is where a disk fills up. Then two renames publish
it, the file's last: whoever is killed in between leaves a folder without a preset, which no command
takes for one, and which `leftovers` finds.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from models.config_file import write_text
from models.errors import UserError
from models.presets import Preset
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


def folder_of(preset: Preset) -> Path:
    """Return the folder of a preset's checkpoints."""
    return preset.source.parent / preset.name


def stage(preset: Preset, files: Mapping[str, tuple[Path, str]], text: str) -> None:
    """Build the pair of a preset beside its place.

    Args:
        preset: with the file that it is going to stand in as its source.
        files: of each checkpoint's name the file to copy and what the card says, the best first.
        text: the whole content of the preset's file as it is going to be.

    Raises:
        OSError, UserError: the disk is full, or a checkpoint cannot be read.
    """
    part = _part(preset)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    said = {name: words for name, (_, words) in files.items()}
    write_text(part / CARD_FILE, render_card(preset, said))
    for name, (source, _) in files.items():
        read_checkpoint(source)  # a damaged one is no winner
        _copy(source, part / name)
    write_text(part / _PRESET_FILE, text)


def publish(preset: Preset, before: str | None) -> None:
    """Give a pair that was built its names; nothing more is written.

    Args:
        preset: whose pair.
        before: the content of its file when the pair was built; None where there was no file.

    Raises:
        UserError: somebody has changed the file meanwhile.
    """
    if content_of(preset.source) != before:
        raise UserError(f"{preset.source}: somebody has changed it meanwhile: repeat the command")
    folder = folder_of(preset)
    if is_leftover(folder):
        shutil.rmtree(folder)
    _part(preset).rename(folder)
    (folder / _PRESET_FILE).replace(preset.source)


def withdraw(preset: Preset) -> None:
    """Remove the folder of a pair that this process has built, as far as it came."""
    for rest in (folder_of(preset), _part(preset)):
        shutil.rmtree(rest, ignore_errors=True)


def put_back(file: Path, before: str | None, ours: Container[str | None]) -> None:
    """Give a preset file the content that it had before, if it has one of ours; None removes it."""
    if content_of(file) not in ours:
        return
    if before is None:
        file.unlink(missing_ok=True)
    else:
        write_text(file, before)


def restore(folder: Path, files: Mapping[str, tuple[Path, str]]) -> None:
    """Copy checkpoints into the folder of a preset that has lost them."""
    folder.mkdir(exist_ok=True)
    for name, (source, _) in files.items():
        part = folder / f".{name}{_PART}"
        _copy(source, part)
        part.rename(folder / name)


def content_of(file: Path) -> str | None:
    """Return the content of a preset file, None where there is none.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return file.read_bytes().decode() if file.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from error


def is_leftover(folder: Path) -> bool:
    """Return whether the folder of a preset was left by a crash before its preset was written."""
    card = folder / CARD_FILE
    if not card.is_file() or _stands_in_a_file(folder):
        return False
    return card.read_text(encoding="utf-8", errors="replace").startswith(first_line(folder.name))


def leftovers(folder: Path) -> list[Path]:
    """Return what killed promotions left in a folder of presets: folders without their preset."""
    found = sorted(one for one in folder.glob("*") if one.is_dir())
    return [one for one in found if is_part(one) or is_leftover(one)]


def remove_parts(folder: Path) -> None:
    """Remove what killed promotions were building; the caller holds the lock, so nobody builds."""
    for one in leftovers(folder):
        if is_part(one):
            shutil.rmtree(one)


def is_part(path: Path) -> bool:
    """Return whether a folder is one that a pair is built in."""
    return path.name.startswith(".") and path.suffix == _PART


def _stands_in_a_file(folder: Path) -> bool:
    """Return whether a file beside the folder has a preset of its name; the file may be broken."""
    if folder.with_name(f"{folder.name}.yaml").exists():
        return True
    key = re.compile(rf"(?m)^(['\"]?){re.escape(folder.name)}\1\s*:")
    files = folder.parent.glob("*.yaml")
    return any(key.search(file.read_text(encoding="utf-8", errors="replace")) for file in files)


def _part(preset: Preset) -> Path:
    return preset.source.with_name(f".{preset.name}{_PART}")


def _copy(source: Path, target: Path) -> None:
    """Copy a file, and wait until the disk has it: the preset that names it follows."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
