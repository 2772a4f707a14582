"""Starts `tuner` in processes of their own, and finds all that belong to them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from tuner.record.paths import RunPaths

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 120.0
FAKE_MODEL = str(REPOSITORY / "tests" / "tuner")
"""Where Python finds it."""


class TunerProcess:
    """Starts one process after another; all have one folder for Ray's files.

    Args:
        folder: where runs, presets and what is printed go.
        program: what Python runs.
        on_path: folders where Python looks for modules, beside the repository.
    """

    def __init__(self, folder: Path, *program: str, on_path: str = "") -> None:
        self.folder = folder
        self.out, self.err = folder / "out", folder / "err"
        self.ray_folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))  # sockets: a short path
        self.process: subprocess.Popen[bytes] | None = None
        self._program = program or ("-m", "tuner")
        self.environment = {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), on_path])),
            "TUNER_RUNS": str(folder / "runs"),
            "TUNER_PRESETS": str(folder / "presets"),
            "RAY_TMPDIR": str(self.ray_folder),
        }

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        for file in (self.out, self.err):  # which may be one
            file.write_bytes(b"")
        with self.out.open("ab") as out, self.err.open("ab") as err:
            self.process = subprocess.Popen(
                [sys.executable, *self._program, *arguments],
                cwd=self.folder,
                env=self._whole_environment() | variables,
                stdout=out,
                stderr=err,
                start_new_session=True,  # as a shell gives every job a group of its own
            )
        return self.process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *self._program, *arguments],
            cwd=self.folder,
            env=self._whole_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def _whole_environment(self) -> dict[str, str]:
        """Return it with that of this process as it is now: a test may have changed it since."""
        return {**os.environ, **self.environment}

    @property
    def printed(self) -> str:
        return self.out.read_text()

    @property
    def said(self) -> str:
        return self.err.read_text()

    def signal(self, number: int) -> None:
        """Send a signal to the whole group, as a terminal does, so to Ray's processes too."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill the driver alone."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait_until(
        self, condition: Callable[[], object], what: str, *, alive: bool = False
    ) -> None:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"no {what}:\n{self.said}"
            assert not alive or self.process.poll() is None, f"ended before {what}:\n{self.said}"
            time.sleep(0.02)

    def processes(self, mark: str | None = None, *, inherited: bool = False) -> list[int]:
        """Return the processes that have a text in their command or the names of open files.

        Args:
            mark: the text; that of Ray's folder unless another is given.
            inherited: whether to look into the environment, too.
        """
        wanted = (mark or str(self.ray_folder)).encode()
        found = [one for one in Path("/proc").glob("[0-9]*") if int(one.name) != os.getpid()]
        return [
            int(one.name)
            for one in found
            if any(wanted in text for text in _texts(one, inherited=inherited))
        ]

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.ray_folder, ignore_errors=True)


class RunProcess(TunerProcess):
    """Drives one run, by the name `faulty`."""

    @property
    def paths(self) -> RunPaths:
        return RunPaths(self.folder / "runs" / "faulty")

    def num_reports(self) -> int:
        log = self.paths.events_file
        return log.read_text().count('"event": "report"') if log.exists() else 0

    def wait_for_reports(self, more: int) -> None:
        wanted = self.num_reports() + more
        self.wait_until(lambda: self.num_reports() >= wanted, "report", alive=True)


def _texts(process: Path, *, inherited: bool) -> Iterator[bytes]:
    for name in ("cmdline", "environ") if inherited else ("cmdline",):
        with suppress(OSError):  # it has ended
            yield (process / name).read_bytes()
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                yield bytes(descriptor.readlink())


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
