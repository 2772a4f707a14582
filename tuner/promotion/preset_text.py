"""A preset written into a file: one of its own, or the end of one that somebody keeps by hand."""

from pathlib import Path

from models.config_file import parse_yaml, to_mapping
from models.errors import UserError
from models.presets import Preset, preset_folders, render_preset


def check_own_file(file: Path, model: str) -> Path:
    """Return the file as an absolute path, if presets of the model are looked up there.

    Raises:
        UserError: they are not.
    """
    found = file.resolve()
    folders = [folder.resolve() / model for folder in preset_folders()]
    if found.suffix == ".yaml" and found.parent in folders:
        return found
    raise UserError(
        f"--into {file}: a preset there would not be found by its name: give a file "
        f"{' or '.join(f'{folder}/*.yaml' for folder in folders)}, or name another folder in "
        "TUNER_PRESETS"
    )


def text_with(before: str | None, preset: Preset, header: str) -> str:
    """Return the content of a preset file with one more preset, all else as it stands.

    Args:
        before: the content so far; None for a new file, which gets the header.
        preset: to be added at the end.
        header: what a new file begins with, or the block of the preset.

    Raises:
        UserError: nothing can be appended to the file as it is written.
    """
    block = render_preset(preset, header)
    if before is None:
        return block
    text = before.rstrip("\n") + "\n\n" + block if before.strip() else before + block
    try:
        old, new = (parse_yaml(content, "") for content in (before, text))
    except UserError as error:
        raise _refusal(preset, str(error)) from error
    expected = dict(old) if isinstance(old, dict) else {}
    if not isinstance(new, dict) or {k: new[k] for k in new if k != preset.name} != expected:
        raise _refusal(preset, "it is no mapping from names to settings in block style")
    if to_mapping(preset.config).items() > new[preset.name].items():
        raise _refusal(preset, "the preset would not be what it is")
    return text


def _refusal(preset: Preset, why: str) -> UserError:
    return UserError(
        f"{preset.source}: no preset can be appended to it ({why.strip(': ')}): mend it, or give "
        "another file"
    )
