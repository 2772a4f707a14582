"""Jobs of Slurm: a folder each on the shared disk, with the code, the script, the log and the end.

FOLDER/NAME/code        the package, unpacked
FOLDER/NAME/job.sh      the batch script; handed to sbatch again it goes on with its search
FOLDER/NAME/job.json    what is known of it
FOLDER/NAME/slurm_job   its number, once it began
FOLDER/NAME/job.log     what it printed
FOLDER/NAME/ray.log     what Ray's nodes printed
FOLDER/NAME/exit_code   how it ended
FOLDER/NAME/stopped     that somebody asked for its end, so that it is not queued again
"""

import codecs
import json
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError, UnknownJob
from cluster.job import ENDED, Job, JobInfo, JobState
from cluster.slurm.ray_script import SlurmRay, render_ray_script

_POLL_S = 0.5
_COMMAND_S = 60
_SOON_S = 30.0
"""Slurm may take so long to show a job that it has taken."""
_GONE = "Slurm does not know it any more, and it left no exit code: its node died, or it was killed"
_STATES: Mapping[str, JobState] = {
    "RUNNING": "running",
    "COMPLETING": "running",
    "STOPPED": "running",
    "SUSPENDED": "running",
}


@dataclass(frozen=True, kw_only=True)
class SlurmJobs:
    """The jobs of one folder.

    Attributes:
        folder: absolute, on a disk that all nodes see.
        settings: of every job, as `SlurmRay` takes them.
        flags: what people type to mean it, with a space before.
    """

    folder: Path
    settings: Mapping[str, Any]
    flags: str = ""

    def submit(self, job: Job) -> None:
        """Unpack a job's files, write its script and hand it to Slurm.

        Raises:
            ClusterError: there is a job of its name, or Slurm refuses it.
        """
        place = self.folder / job.name
        try:
            place.mkdir(parents=True)
        except FileExistsError as error:
            raise ClusterError(f"{place} is there already: choose another --name") from error
        except OSError as error:
            raise ClusterError(f"{place}: cannot be made: {error.strerror or error}") from error
        with zipfile.ZipFile(job.package) as package:
            package.extractall(place / "code")
        settings = {**self.settings, "environment": job.environment}
        ray = SlurmRay(name=job.name, folder=str(place), command=job.command, **settings)
        script = place / "job.sh"
        script.write_text(render_ray_script(ray), encoding="utf-8")
        try:
            number = _run("sbatch", "--parsable", str(script)).strip().partition(";")[0]
        except ClusterError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        known = {
            "slurm_job": number,
            "command": " ".join(job.command),
            "metadata": dict(job.metadata),
            "submitted": time.time(),
        }
        # Whoever asks for the jobs in this moment finds none of this name, or all of it.
        beside = place / ".job.json"
        beside.write_text(json.dumps(known, indent=2), encoding="utf-8")
        beside.replace(place / "job.json")

    def jobs(self) -> list[JobInfo]:
        """Return the jobs of the folder, the oldest first.

        Raises:
            ClusterError: there are none, and no Slurm that could have any.
        """
        known = [p.parent for p in self.folder.glob("*/job.json")]
        if not known and shutil.which("sbatch") is None:
            raise ClusterError(
                f"{self.folder} has no jobs, and there is no sbatch here: type this on a machine "
                "that has Slurm and sees the folder of its jobs"
            )
        return sorted((self.job(p.name) for p in known), key=lambda one: one.began or 0.0)

    def job(self, name: str) -> JobInfo:
        """Return one job.

        Raises:
            ClusterError: there is none of this name.
        """
        place = self._place(name)
        known = json.loads((place / "job.json").read_text(encoding="utf-8"))
        state, message = self._state(place, known)
        return JobInfo(
            name=name,
            state=state,
            command=known["command"],
            metadata={**known["metadata"], "slurm_job": _number(place, known)},
            began=known["submitted"],
            ended=_ended_at(place),
            message=message,
            goes_on_by=f"sbatch {place / 'job.sh'}",
        )

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield what a job printed, over all the times that Slurm began it."""
        log, position = self._place(name) / "job.log", 0
        text = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while True:
            ended = not follow or self.job(name).state in ENDED
            if log.exists():
                with log.open("rb") as file:
                    file.seek(position)
                    piece = file.read()
                position += len(piece)
                if piece:
                    yield text.decode(piece)
            if ended:
                return
            time.sleep(_POLL_S)

    def stop(self, name: str) -> None:
        """Ask a job to end in order; it is not queued again."""
        place = self._place(name)
        number = _number(place, json.loads((place / "job.json").read_text(encoding="utf-8")))
        (place / "stopped").touch()
        if self.job(name).state == "waiting":
            _run("scancel", number)
            (place / "exit_code").write_text("143\n", encoding="utf-8")
        else:
            _run("scancel", "--batch", "--signal=TERM", number)

    def _place(self, name: str) -> Path:
        place = self.folder / name
        if place.parent != self.folder or not (place / "job.json").is_file():
            raise UnknownJob(
                f"{self.folder} has no job '{name}': `tuner jobs{self.flags}` lists those that it "
                "has"
            )
        return place

    def _state(self, place: Path, known: Mapping[str, Any]) -> tuple[JobState, str]:
        if (end := _end(place)) is not None:
            return end
        said = _run(
            "squeue", "--noheader", "--format=%T", "--jobs", _number(place, known), may=True
        )
        if said.strip():
            return _STATES.get(said.split()[0], "waiting"), ""
        if (end := _end(place)) is not None:  # it ended while Slurm was asked
            return end
        if time.time() - known["submitted"] < _SOON_S:
            return "waiting", ""
        return "failed", _GONE


def _number(place: Path, known: Mapping[str, Any]) -> str:
    """Return Slurm's number of a job: the last one, if it was handed over again."""
    return _told(place / "slurm_job") or known["slurm_job"]


def _end(place: Path) -> tuple[JobState, str] | None:
    """Return how a job says that it ended, None if it has not."""
    code = _told(place / "exit_code")
    if not code:
        return None
    if code == "0":
        return "succeeded", ""
    if (place / "stopped").exists():
        return "stopped", ""
    return "failed", f"its command ended with exit code {code}"


def _ended_at(place: Path) -> float | None:
    """Return when a job ended, in seconds since 1970; None if it has not."""
    try:
        return (place / "exit_code").stat().st_mtime
    except FileNotFoundError:  # a job that is begun again deletes it
        return None


def _told(file: Path) -> str:
    """Return what a job's script wrote; empty while it has not, or has only opened the file."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _run(*command: str, may: bool = False) -> str:
    """Run a command of Slurm and return what it printed; with `may` it may fail."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
    except FileNotFoundError as error:
        raise ClusterError(
            f"there is no {command[0]} here: type this on a machine that has Slurm"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"{command[0]} does not answer: try again") from error
    if done.returncode != 0 and not may:
        raise ClusterError(f"{command[0]} refuses: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
