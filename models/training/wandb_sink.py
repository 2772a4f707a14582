"""Weights & Biases as a sink: online with a login and a network, else offline, never a question.

W&B prints nothing of its own; what it would say is one line of ours. All its files lie in the
run's folder, from where `wandb sync` uploads an offline run.
"""

import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import wandb
from wandb.errors import UsageError

from models.errors import UserError

INIT_TIMEOUT_S = 15.0
"""How long to wait for the server at the start; then the run is logged offline."""
FINISH_TIMEOUT_S = 60.0
"""How long to wait for uploads at the end; what is not uploaded stays on disk."""


class WandbSink:
    """Logs to one W&B run, with the epoch as the horizontal axis."""

    def __init__(self, run: "wandb.Run") -> None:
        self._run = run
        run.define_metric("*", step_metric="epoch")
        run.define_metric("train/step_*", step_metric="step")

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Hand the metrics to W&B, which uploads in the background."""
        self._run.log({"epoch": epoch, **metrics})

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Hand running means to W&B, with the optimizer step as their axis."""
        self._run.log({**metrics, "step": step})

    def close(self, *, failed: bool = False) -> None:
        """Upload what is pending, for at most `FINISH_TIMEOUT_S`."""
        self._run.finish(exit_code=1 if failed else 0)


def open_wandb(
    project: str,
    name: str,
    folder: Path,
    run_settings: Mapping[str, Any],
    say: Callable[[str], None],
) -> WandbSink | None:
    """Open a W&B run, or return None where `WANDB_MODE=disabled` turns W&B off.

    A folder keeps the id of its run, so that a resumed training goes on in the same W&B run, or
    `wandb sync` puts its parts into one.

    Raises:
        UserError: W&B refuses the project or the name.
    """
    os.environ.setdefault("WANDB_CACHE_DIR", str(folder / "wandb" / "cache"))
    mode, reason = wandb_mode()
    if mode == "disabled":
        say("W&B: off (WANDB_MODE=disabled)")
        return None
    keys = {
        "project": project,
        "name": name,
        "dir": str(folder),
        "config": dict(run_settings),
        "id": run_id(folder),
    }
    if mode == "online":
        try:
            run = _start("online", {**keys, "resume": "allow"})
        except wandb.Error as error:
            reason = unusable(error)
            wandb.teardown()  # it still holds the id
        else:
            say(f"W&B: {run.url}")
            return WandbSink(run)
    run = _start("offline", keys)
    parts = Path(run.dir).parents[1] / "offline-run-*"
    say(f"W&B: logging offline ({reason}); upload with: wandb sync {parts}")
    return WandbSink(run)


def wandb_mode() -> tuple[str, str]:
    """Return online, offline or disabled, and why where it is not online."""
    settings = wandb.setup(settings=wandb.Settings(silent=True, console="off")).settings
    if settings.mode == "disabled":
        return "disabled", ""
    if settings.mode in ("offline", "dryrun"):
        return "offline", "as asked by WANDB_MODE or its settings"
    try:
        logged_in = wandb.login(prompt=False, verify=False)
    except (wandb.Error, ValueError) as error:  # such as a key of the wrong length
        return "offline", f"the login is not usable: {_first_line(error)}"
    return ("online", "") if logged_in else ("offline", "not logged in")


def _start(mode: str, keys: Mapping[str, Any]) -> "wandb.Run":
    try:
        return start_run(mode, **keys)
    except (UsageError, ValueError) as error:
        raise UserError(
            f"--wandb_project {keys['project']} --wandb_run {keys['name']}: W&B refuses them: "
            f"{_first_line(error)}"
        ) from error


def start_run(mode: str, settings: Mapping[str, Any] | None = None, **keys: Any) -> "wandb.Run":
    """Start a run of W&B that prints nothing.

    Args:
        mode: online or offline.
        settings: of W&B, beside ours.
        keys: what `wandb.init` takes.
    """
    ours = {"silent": True, "console": "off", "init_timeout": INIT_TIMEOUT_S}
    ours |= {"finish_timeout": FINISH_TIMEOUT_S, **(settings or {})}
    return wandb.init(mode=mode, settings=wandb.Settings(**ours), **keys)  # pyright: ignore


def unusable(error: Exception) -> str:
    """Return why a run is offline whose server failed."""
    return f"the server cannot be used: {_first_line(error)}"


def run_id(folder: Path) -> str:
    """Return the id that the folder keeps, a new one at first."""
    path = folder / "wandb" / "run_id"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(uuid.uuid4().hex[:12], encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
