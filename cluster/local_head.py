"""A Ray head on this machine: dashboard on loopback, token on, ended by the pid that was started.

`ray stop` ends every Ray of the machine by name, other users' too; this ends its own only.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError
from cluster.tokens import make_token, send_token

_START_S = 120.0
"""Ray itself gives its processes half a minute each."""
_BUSY_S = 25.0
"""A start that fails later failed by Ray's patience, as on a machine with much to do: once more."""
_END_S = 45.0
"""Ray drains a node for up to 30 s before it ends."""
_POLL_S = 0.2
_ANSWER_S = 2.0
_LEAVING_S = 3.0
"""For a head that was killed in this moment to leave its ports, or what it left to end."""
_NUM_LINES = 5
_children: list["subprocess.Popen[bytes]"] = []
"""Heads of this process, which outlive it unless it ends them."""


@dataclass(frozen=True, kw_only=True)
class LocalHead:
    """A head of this machine.

    Attributes:
        folder: of its files; its path is short, as sockets lie in it.
        port: where nodes and drivers join.
        dashboard_port: where jobs are submitted; on loopback only.
        agent_port: of Ray's agent on this machine; a second head needs another one.
        num_cpus: cores to give away; None: all.
        num_gpus: GPUs to give away; None: all.
    """

    folder: Path
    port: int = 6379
    dashboard_port: int = 8265
    agent_port: int = 52365
    num_cpus: int | None = None
    num_gpus: int | None = None

    @property
    def url(self) -> str:
        """The dashboard's address."""
        return f"http://127.0.0.1:{self.dashboard_port}"

    @property
    def state_file(self) -> Path:
        """Which process it is."""
        return self.folder / "head.json"

    @property
    def log_file(self) -> Path:
        """What it printed."""
        return self.folder / "head.log"

    @property
    def joined_file(self) -> Path:
        """Written by Ray once its own node has joined: trials could not begin before."""
        return self.ray_folder / "ray_current_cluster"

    @property
    def ray_folder(self) -> Path:
        """Where Ray's own files lie: a folder of its own, as Ray lets everybody write to it."""
        return self.folder / "ray"

    def command(self) -> list[str]:
        """Return the command that starts it and stays."""
        flags = {
            "--port": self.port,
            "--node-ip-address": "127.0.0.1",
            "--dashboard-host": "127.0.0.1",
            "--dashboard-port": self.dashboard_port,
            "--dashboard-agent-listen-port": self.agent_port,
            "--temp-dir": self.ray_folder,
            "--num-cpus": self.num_cpus,
            "--num-gpus": self.num_gpus,
        }
        given = [f"{name}={value}" for name, value in flags.items() if value is not None]
        return [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *given]


def running_pid(head: LocalHead) -> int | None:
    """Return the process of a head that was started here and lives, else None."""
    pid, started = _told(head)
    return pid if pid is not None and _started(pid) == started else None


def start_head(head: LocalHead) -> int:
    """Start a head, wait until trials can begin there, and return its process id.

    What a head of this folder left that was killed is ended first.

    Raises:
        ClusterError: its folder is another user's, its ports are taken, or it does not start; then
            the last lines of its log are in the message.
    """
    if (pid := running_pid(head)) is not None:
        return pid
    _make_private(head.folder)
    _end_leftovers(head)
    _refuse_taken_ports(head)
    make_token()
    send_token()
    began = time.monotonic()
    process, problem = _try_to_start(head)
    if process.poll() is not None and time.monotonic() - began > _BUSY_S:
        process, problem = _try_to_start(head)
    if problem is None:
        return process.pid
    if process.poll() is None:
        process.terminate()
    head.state_file.unlink(missing_ok=True)
    lines = head.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    said = "\n  ".join(lines[-_NUM_LINES:])
    raise ClusterError(f"Ray does not start on this machine ({problem}):\n  {said}")


def stop_head(head: LocalHead) -> bool:
    """End the head that was started here, and all that it started; return whether there was any.

    Raises:
        ClusterError: it does not end.
    """
    pid = running_pid(head)
    if pid is None:
        return _end_leftovers(head)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _END_S
    while _started(pid) is not None:
        if time.monotonic() > deadline:
            raise ClusterError(f"the head (process {pid}) does not end: see {head.log_file}")
        time.sleep(_POLL_S)
    _children[:] = [child for child in _children if child.poll() is None]
    head.state_file.unlink(missing_ok=True)
    return True


def _make_private(folder: Path) -> None:
    """Make a folder that nobody else can write to; in /tmp anybody can have made it before."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ClusterError(
            f"the folder {folder} cannot be made ({error.strerror or error}): name another "
            "`folder:` in the profile"
        ) from error
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ClusterError(
            f"others can write to {folder}: delete it, or name another `folder:` in the profile"
        )


def _refuse_taken_ports(head: LocalHead) -> None:
    """Refuse a port where somebody listens: the answers of another Ray would be taken for ours."""
    deadline = time.monotonic() + _LEAVING_S
    for name in ("port", "dashboard_port", "agent_port"):
        port = getattr(head, name)
        while _listens(port):
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"{name} is {port}, where another program of this machine listens: name "
                    "another in a profile of yours (`tuner cluster show local` prints one to start "
                    f"from); to a Ray that runs there searches go by --address {head.url}"
                )
            time.sleep(_POLL_S)


def _listens(port: int) -> bool:
    """Return whether a program of this machine listens at a port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), _ANSWER_S):
        return True
    return False


def _try_to_start(head: LocalHead) -> tuple["subprocess.Popen[bytes]", object | None]:
    head.joined_file.unlink(missing_ok=True)  # of a head that was killed
    process = _spawn(head)
    return process, _wait_until_it_answers(head, process)


def _spawn(head: LocalHead) -> "subprocess.Popen[bytes]":
    """Start a head, in a session of processes of its own, and write down which it is."""
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}
    # Jobs run `python`: this one, whether or not its environment is activated.
    own = Path(sys.executable).parent
    environment["PATH"] = os.pathsep.join(filter(None, (str(own), os.environ.get("PATH"))))
    environment.pop("RAY_ADDRESS", None)
    with head.log_file.open("wb") as log:
        process = subprocess.Popen(
            head.command(),
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    _children.append(process)
    state = {"pid": process.pid, "started": _started(process.pid), "url": head.url}
    head.state_file.write_text(json.dumps(state), encoding="utf-8")
    return process


def _wait_until_it_answers(head: LocalHead, process: "subprocess.Popen[bytes]") -> object | None:
    """Wait until the dashboard answers and the head's node has joined; return what is amiss.

    The dashboard answers seconds before: where the node is late, Ray ends the whole head.
    """
    from cluster.ray_jobs import RayJobs

    deadline = time.monotonic() + _START_S
    problem: object = f"nothing answered within {_START_S:.0f} s"
    while process.poll() is None and time.monotonic() < deadline:
        try:
            RayJobs(head.url).jobs()
            if head.joined_file.exists():
                return None
            problem = f"its dashboard answers, its node did not join within {_START_S:.0f} s"
        except ClusterError as error:
            problem = error
        time.sleep(_POLL_S)
    return problem if process.poll() is None else f"it ended with exit code {process.returncode}"


def _end_leftovers(head: LocalHead) -> bool:
    """End what a head that was killed left: its agents listen on; return whether there was any."""
    left = _leftovers(head)
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _LEAVING_S
        for pid in _leftovers(head):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while _leftovers(head) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    return bool(left)


def _leftovers(head: LocalHead) -> list[int]:
    """Return the processes of a head that is dead itself.

    They are of its session, whose number the system gives nobody else while one of them lives.
    """
    pid, _ = _told(head)
    if pid is None or _started(pid) is not None:
        return []
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        number = int(folder.name)
        with suppress(OSError):
            own = folder.stat().st_uid == os.getuid() and os.getsid(number) == pid
            found += [number] if own and _started(number) is not None else []
    return found


def _told(head: LocalHead) -> tuple[int | None, object]:
    """Return which process the head is or was, and when it began."""
    try:
        state = json.loads(head.state_file.read_text(encoding="utf-8"))
        return int(state["pid"]), state["started"]
    except (OSError, ValueError, KeyError):
        return None, None


def _started(pid: int) -> int | None:
    """Return when a process began, in ticks since the machine's start; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else int(fields[19])
