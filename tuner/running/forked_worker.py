"""Turns a process that was just forked by the fork server into a worker of Ray."""

import os
import runpy
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_IDS_DRAWN = 1024
"""More than the first thread of a worker draws."""
_IDS_THREADS = 16
"""More than other threads of a worker draw ids."""


def leave_ids() -> None:
    """Let Ray's core in this process, which has forked a worker, skip the ids of that one.

    All workers are forked with the same generators of ids: that of this thread, which importing Ray
    has used, and a pool of which every other thread is given a generator when it draws its first
    id. Skipped in the workers, they would take more threads for each one, and so process ids, which
    threads share: 256 workers on one machine took twice as many as there are.
    """
    if "ray" not in sys.modules:
        return
    from ray._raylet import ObjectRef  # pyright: ignore[reportAttributeAccessIssue]

    for _ in range(_IDS_DRAWN):
        ObjectRef.from_random()
    for _ in range(_IDS_THREADS):
        skip = threading.Thread(target=ObjectRef.from_random)
        skip.start()
        skip.join()


def become(request: dict[str, Any], files: Sequence[int]) -> None:
    """Turn this process, just forked, into the one that was asked for; does not return."""
    code = 1
    try:
        os.setsid()  # Ray ends a worker together with its process group
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for place, file in enumerate(files):
            os.dup2(file, place)
            os.close(file)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(str(request["folder"]))
        _look_like_new()
        sys.argv = list(request["command"])
        sys.path[0] = str(Path(sys.argv[0]).parent)
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        os._exit(code)


def _look_like_new() -> None:
    """Let Ray's core in this worker be as if it were imported here, if it is imported.

    It keeps some variables from the moment of its import, and reads again here whether Ray wants a
    token, which is known only when Ray is there. Another is CUDA_VISIBLE_DEVICES, from which a
    trial is given its card: what forks the workers may be there before the MPS daemon, behind which
    cards have other names, or be shown no card itself. Python keeps where temporary files go.
    """
    tempfile.tempdir = None
    if "ray" not in sys.modules:
        return
    from ray._private import utils, worker
    from ray._raylet import Config  # pyright: ignore[reportAttributeAccessIssue]

    Config.initialize("")
    worker.global_worker.original_visible_accelerator_ids = utils.get_visible_accelerator_ids()
