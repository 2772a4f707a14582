"""`tuner resume`: go on with a run, then show what it found."""

from collections.abc import Sequence
from functools import partial

from models.commands.progress import show_progress
from tuner.commands.search import show_end
from tuner.estimate.disk import model_sizes
from tuner.estimate.fit import check_place
from tuner.record.paths import find_run, runs_folder
from tuner.record.search_copy import read_search
from tuner.running.address import given_address
from tuner.running.fork_server import StartedServer
from tuner.running.mirror import home_of
from tuner.running.resuming import ResumeOptions, resume_run
from tuner.running.runner import RunOptions
from tuner.search.machine import this_machine
from tuner.search.storage import is_bucket


def resume(
    name: str,
    *,
    trials: int | None,
    hours: float | None,
    gpu_hours: float | None,
    no_improvement: int | None,
    target: float | None,
    anyway: bool,
    address: str | None,
    dashboard: bool,
    storage: str | None,
    command: Sequence[str],
    server: StartedServer | None = None,
) -> None:
    """Go on with the run and print its leaderboard.

    Raises:
        UserError: no such run, nothing is left to do, or it cannot go on.
        SearchInterrupted: somebody ended it; the message says what is left.
    """
    paths = home_of(name, runs_folder()) if is_bucket(name) else find_run(name)
    machine = None if given_address(address) else this_machine()
    with show_progress() as progress:
        options = RunOptions(
            address=address,
            dashboard=dashboard,
            storage=storage,
            command=command,
            server=server,
            progress=progress,
            model_sizes=model_sizes,
            check_room=partial(check_place, machine=machine),
        )
        changes = ResumeOptions(
            trials=trials,
            hours=hours,
            gpu_hours=gpu_hours,
            no_improvement=no_improvement,
            target=target,
            anyway=anyway,
        )
        show_end(lambda: resume_run(paths, options, changes), read_search(paths))
