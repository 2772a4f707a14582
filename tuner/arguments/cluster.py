"""`tuner submit`, `jobs`, `status`, `logs`, `stop`, `fetch`, `cluster`: what can be typed."""

import argparse
from typing import Any

from tuner.arguments.command import add_command
from tuner.arguments.searching import add_search_file, overrides_of


def add_submit(commands: Any) -> None:
    """Add `tuner submit`."""
    parser = add_command(
        commands,
        "submit",
        _submit,
        "Hand a search to a cluster as a job.",
        "tuner submit grammar_vae/quickstart --cluster local --wait",
    )
    add_search_file(parser)
    parser.add_argument("--name", help="name of run and job (default: user, search and time)")
    parser.add_argument(
        "--trials", type=int, metavar="N", help="short for --set budget.num_trials=N"
    )
    _add_choice(parser)
    parser.add_argument(
        "--storage",
        metavar="PLACE",
        action="append",
        default=[],
        help="where the run lies, or a database for the study, as `tuner search` takes it",
    )
    parser.add_argument("--wait", action="store_true", help="follow the job to its end")
    parser.add_argument(
        "--again", action="store_true", help="submit it though the same search was submitted"
    )


def add_jobs(commands: Any) -> None:
    """Add `tuner jobs`, `status`, `logs` and `stop`."""
    listing = add_command(
        commands, "jobs", _jobs, "List the jobs of a cluster.", "tuner jobs --cluster local"
    )
    _add_choice(listing)
    for name, run, summary in (
        ("status", _status, "Say what became of a job."),
        ("logs", _logs, "Print what a job printed."),
        ("stop", _stop, "End a job in order: its trials keep their last checkpoint."),
    ):
        parser = add_command(commands, name, run, summary, f"tuner {name} first --cluster local")
        parser.add_argument("job", help="name of the job")
        _add_choice(parser)
        if name == "logs":
            parser.add_argument(
                "-f", "--follow", action="store_true", help="go on until the job ends"
            )


def add_fetch(commands: Any) -> None:
    """Add `tuner fetch`."""
    parser = add_command(
        commands,
        "fetch",
        _fetch,
        "Bring a run home; what is here already is not sent again.",
        "tuner fetch first --cluster local",
    )
    parser.add_argument("run", help="name of the job, the run's folder on the cluster, or s3://...")
    parser.add_argument("--to", metavar="DIR", help="folder of runs (default: runs)")
    _add_choice(parser)


def add_cluster(commands: Any) -> None:
    """Add `tuner cluster` with its actions."""
    parser = add_command(
        commands, "cluster", _list, "List, start or end clusters.", "tuner cluster start local"
    )
    parser.otherwise = "list"
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    add_command(actions, "list", _list, "List the profiles that ship.", "tuner cluster list")
    for name, run, summary in (
        ("start", _start, "Start Ray on this machine."),
        ("stop", _end, "End the Ray that was started on this machine."),
        ("show", _show, "Print what Ray's launcher is given, or the profile."),
    ):
        action = add_command(actions, name, run, summary, f"tuner cluster {name} local")
        action.add_argument("profile", nargs="?", default="local", help="name or file of a profile")


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cluster", metavar="PROFILE", help="name of a profile that ships, or the file of yours"
    )
    parser.add_argument(
        "--address",
        metavar="URL",
        help="dashboard of a Ray cluster (default: RAY_API_SERVER_ADDRESS, else "
        "http://127.0.0.1:8265)",
    )


def _choice(options: argparse.Namespace) -> Any:
    from tuner.commands.clusters import ClusterChoice

    return ClusterChoice(profile=options.cluster, address=options.address)


def _submit(options: argparse.Namespace) -> int:
    from tuner.commands.submit import submit

    return submit(
        options.file,
        overrides_of(options),
        choice=_choice(options),
        name=options.name,
        storage=options.storage,
        again=options.again,
        wait=options.wait,
    )


def _jobs(options: argparse.Namespace) -> None:
    from tuner.commands.jobs import show_jobs

    show_jobs(_choice(options))


def _status(options: argparse.Namespace) -> None:
    from tuner.commands.jobs import show_status

    show_status(options.job, _choice(options))


def _logs(options: argparse.Namespace) -> int:
    from tuner.commands.jobs import show_logs

    return show_logs(options.job, _choice(options), follows=options.follow)


def _stop(options: argparse.Namespace) -> None:
    from tuner.commands.jobs import stop_job

    stop_job(options.job, _choice(options))


def _fetch(options: argparse.Namespace) -> None:
    from tuner.commands.fetch import fetch

    fetch(options.run, _choice(options), to=options.to)


def _list(options: argparse.Namespace) -> None:
    from tuner.commands.cluster import list_clusters

    list_clusters()


def _start(options: argparse.Namespace) -> None:
    from tuner.commands.cluster import start_cluster

    start_cluster(options.profile)


def _show(options: argparse.Namespace) -> None:
    from tuner.commands.cluster import show_cluster

    show_cluster(options.profile)


def _end(options: argparse.Namespace) -> None:
    from tuner.commands.cluster import stop_cluster

    stop_cluster(options.profile)
