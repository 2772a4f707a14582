"""`tuner dashboard`: optuna-dashboard on the study of a run, while it runs or later."""

import sys

from models.errors import UserError
from tuner.commands.console import orderly_sigterm
from tuner.commands.watch import await_run
from tuner.record.results import read_environment


def dashboard(name: str, *, port: int, storage: str | None) -> None:
    """Serve the page of a run until Ctrl-C or SIGTERM.

    Args:
        name: of the run.
        port: of this machine; 0 takes a free one.
        storage: URL of the study's database, where it has a password, which is in no record.

    Raises:
        UserError: no such run, its study cannot be read, or the port is taken.
    """
    from tuner.running.study_dashboard import Dashboard
    from tuner.running.study_place import known_place

    with orderly_sigterm():
        paths = await_run(name)
        environment = read_environment(paths.environment_file)
        if storage is not None and (environment.get("study") or {}).get("storage") is None:
            raise UserError(f"the study of '{paths.name}' is in its folder: leave --storage out")
        place = known_place(paths, environment, storage)
        server = Dashboard(place, port)
        sys.stdout.write(
            f"{paths.name}: {server.url}\n"
            "for this machine only, and to look at: the search goes on by itself. "
            "Ctrl-C ends the page.\n"
        )
        sys.stdout.flush()
        try:
            server.serve()
        except KeyboardInterrupt:
            sys.stderr.write("\nthe page is gone; the run goes on\n")
