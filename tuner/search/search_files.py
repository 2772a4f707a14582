"""Where search files are found: by path, or by the name of one that ships."""

from pathlib import Path

import search_spaces
from models.commands.standard_input import is_stream
from models.errors import UserError, unknown_name


def shipped_searches() -> dict[str, Path]:
    """Return the searches that ship, by name: `<model>/<file name without .yaml>`."""
    folder = Path(search_spaces.__file__).parent
    return {
        f"{file.parent.name}/{file.stem}": file
        for file in sorted(folder.glob("*/*.yaml"), key=lambda file: file.as_posix())
    }


def search_name(source: str) -> str:
    """Return the name of a search that ships, by its file; others are named by their path."""
    names = {file.resolve(): name for name, file in shipped_searches().items()}
    return names.get(Path(source).resolve(), source)


def find_search_file(path_or_name: str | Path) -> Path:
    """Return the file of a search; `-`, standard input, and pipes are themselves.

    Raises:
        UserError: neither a file nor a search that ships; the nearest is named.
    """
    if Path(path_or_name).is_file() or is_stream(Path(path_or_name)):
        return Path(path_or_name)
    shipped = shipped_searches()
    name = str(path_or_name).removesuffix(".yaml")
    if name not in shipped:
        where = "" if Path(path_or_name).is_absolute() else f" in {Path.cwd()}"
        raise UserError(
            f"{unknown_name('search file', str(path_or_name), shipped)}. "
            f"Nor is there a file {path_or_name}{where}"
        )
    return shipped[name]
