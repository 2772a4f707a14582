"""The folder of a run that has not begun: until its `search.yaml` is there, it is none.

A driver that breaks off before that removes it. One that was killed could not, and the next search
of the same name takes the folder over.
"""

import shutil

from tuner.record.events import RunChanged, read_events
from tuner.record.paths import RunPaths, is_run


def remove_unbegun(paths: RunPaths) -> None:
    """Remove the folder of a run that broke off before it began."""
    if not is_run(paths):
        shutil.rmtree(paths.folder, ignore_errors=True)


def is_unbegun(paths: RunPaths) -> bool:
    """Return whether a driver made the folder, and drew no trial in it before it was gone.

    Raises:
        RunCorrupt: a line of the event log cannot be what was written.
    """
    if is_run(paths):
        return False
    if not paths.lock_file.exists():  # it was killed in the moment that it made the folder
        return paths.folder.is_dir() and not any(paths.folder.iterdir())
    return all(isinstance(event, RunChanged) for event in read_events(paths.events_file))


def clear_unbegun(paths: RunPaths) -> None:
    """Remove what a killed driver left in the folder, which this process holds."""
    for place in paths.folder.iterdir():
        if place == paths.lock_file:
            continue
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()
