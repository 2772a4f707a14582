"""A quick start and a quick end of Ray and its workers on this machine.

On two quiet cores Ray takes 3.4 s to start with the processes behind its dashboard and its log
monitor, which a search without a dashboard never asks for, and 1.8 s without them. Its end takes
1.3 s with patience and 0.3 s without. Ray starts a process a core ahead, which becomes a worker
when one is asked for; those of ours come from a fork server. No option of `ray.init` or
`ray.shutdown` says so, hence methods of Ray are replaced for a moment; a Ray that has no such
methods does as it always does.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

_UNREAD = {"RAY_enable_metrics_collection": "0", "RAY_task_events_report_interval_ms": "0"}
"""Variables that Ray reads when it is imported, and what they are where nobody reads metrics."""
_PATIENCE_S = 120.0
"""For Ray's node to answer: on cores that are far too busy Ray's own half a minute is too short."""
_POLL_S = 0.1


@contextmanager
def without_metrics() -> Iterator[None]:
    """Let a Ray that is imported in the block keep neither metrics nor a list of tasks.

    They are for its dashboard. Ray keeps counts of each name of a task for ever, 20 kB in the
    driver, and tasks are named after their trials. What the user has set wins.
    """
    added = _UNREAD.keys() - os.environ.keys()
    os.environ.update({name: _UNREAD[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def lean_start() -> Iterator[None]:
    """Let Ray start without dashboard, log monitor and autoscaler inside the block.

    What is left of the dashboard, an agent without which no node starts, takes its least form; to
    see whether it could take another, Ray would import 200 modules first. It also waits longer for
    a node that is slow, and ends at once when one of its processes dies, for which Ray would wait
    half a minute.
    """
    from ray._private import services, utils
    from ray._private.node import Node

    nodes: list[Any] = []
    ask = getattr(services, "get_node", None)

    def no_dashboard(node: Any, **options: Any) -> None:
        node._webui_url = ""  # what Ray sets when it starts without a dashboard
        nodes.append(node)

    def get_node(*where: Any) -> Any:
        assert ask is not None
        give_up = time.monotonic() + _PATIENCE_S
        while True:
            for name, _ in (dead for node in nodes for dead in node.dead_processes()):
                raise ChildProcessError(f"its process {name} died")
            try:
                return ask(*where)
            except RuntimeError:  # it is not there yet
                if time.monotonic() > give_up:
                    raise
            time.sleep(_POLL_S)

    with (
        _replaced(
            Node,
            start_api_server=no_dashboard,
            start_log_monitor=_nothing,
            start_monitor=_nothing,
        ),
        _replaced(services, get_node=get_node),
        _replaced(utils, get_dashboard_dependency_error=lambda: ImportError("nobody looks")),
    ):
        yield


@contextmanager
def quiet_address() -> Iterator[None]:
    """Let Ray look up this machine's address inside the block without a line on standard error.

    Its C++ code writes there that it reached nobody outside, before its level of logging is set.
    """
    from ray._private import services

    ask = getattr(services, "node_ip_address_from_perspective", None)

    def asked(*where: Any) -> Any:
        assert ask is not None
        with _closed_stderr():
            return ask(*where)

    with _replaced(services, node_ip_address_from_perspective=asked):
        yield


@contextmanager
def forked_workers(launcher: Path) -> Iterator[None]:
    """Let a Ray that starts in the block start its workers by another program, and none ahead.

    Args:
        launcher: the program that stands for Python in Ray's commands.
    """
    from ray._private import services

    start = services.start_ray_process

    def start_with(command: list[str], *arguments: Any, **options: Any) -> Any:
        return start([_changed(part, launcher) for part in command], *arguments, **options)

    with mock.patch.object(services, "start_ray_process", start_with):
        yield


def raylet_pid() -> int:
    """Return the process id of the Ray node that this process has started."""
    from ray._private import worker
    from ray._private.ray_constants import PROCESS_TYPE_RAYLET

    node = worker._global_node
    assert node is not None
    return node.all_processes[PROCESS_TYPE_RAYLET][0].process.pid


@contextmanager
def lean_workers() -> Iterator[None]:
    """Let Ray Tune take workers of this machine as they are inside the block.

    On a cluster, whose nodes come and go, it reserves a placement group for every worker and hands
    it an environment. Here it counts the resources itself, and workers inherit ours.
    """
    from ray.air.execution import FixedResourceManager
    from ray.tune.execution import tune_controller
    from ray.tune.execution.class_cache import _ActorClassCache

    own = "PlacementGroupResourceManager"
    with (
        mock.patch.object(tune_controller, own, FixedResourceManager),
        mock.patch.object(_ActorClassCache, "get", _as_it_is),
    ):
        yield


@contextmanager
def lean_tune() -> Iterator[None]:
    """Let Ray Tune do inside the block without what a search of ours never asks for.

    To count them, for a report on its usage, it imports the libraries of all callbacks that it
    knows, W&B among them: a second of a core before the first trial. Of each number that a trial
    reports it keeps five statistics, 17 kB a trial. It loads the trials' class anew for every
    trial, from Ray's control service. It keeps trials that have ended, to save them all, and each
    trial's last result, to print it. And it imports Ray's data sets to save none of them.
    """
    from ray.air._internal import usage
    from ray.tune import registry
    from ray.tune.execution import experiment_state
    from ray.tune.execution.tune_controller import TuneController
    from ray.tune.experiment import trial
    from ray.tune.progress_reporter import TrialProgressCallback
    from ray.tune.trainable.metadata import _TrainingRunMetadata

    with (
        _replaced(usage, tag_callbacks=_nothing),
        _replaced(experiment_state, out_of_band_serialize_dataset=nullcontext),
        _replaced(TuneController, on_step_end=_forgetting(TuneController.on_step_end)),
        _replaced(TrialProgressCallback, log_result=_nothing, on_trial_complete=_nothing),
        _replaced(_TrainingRunMetadata, update_metric=_nothing),
        _replaced(trial, get_trainable_cls=cache(registry.get_trainable_cls)),
    ):
        yield


def _forgetting(on_step_end: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return what ends a step of Ray Tune's loop, and lets go of trials that have ended."""

    def forget(controller: Any) -> None:
        on_step_end(controller)
        ended = controller._stopped_trials | controller._failed_trials
        # Those whose worker still ends are asked for by it.
        ended.difference_update(controller._trial_to_actor, controller._resetting_trials)
        if not ended:
            return
        controller._trials = [one for one in controller._trials if one not in ended]
        for trials in (
            controller._stopped_trials,
            controller._failed_trials,
            controller._live_trials,
            controller._trials_to_cache,
        ):
            trials.difference_update(ended)
        # What was asked of workers that never started, as a trial's wait was over before.
        actors = controller._actor_manager
        waiting = actors._pending_actors_to_enqueued_actor_tasks
        for actor in waiting.keys() - actors._pending_actors_to_attrs.keys():
            del waiting[actor]

    return forget


@contextmanager
def quick_end() -> Iterator[None]:
    """Let Ray kill its processes inside the block, not ask them to end one after another.

    The raylet, killed, takes its workers and agents along within half a second.
    """
    from ray._private.node import Node

    end = getattr(Node, "kill_all_processes", _nothing)

    def kill(node: Any, **options: Any) -> None:
        end(node, check_alive=False, allow_graceful=False, wait=True)

    with _replaced(Node, kill_all_processes=kill):
        yield


@contextmanager
def _closed_stderr() -> Iterator[None]:
    """Let what the process writes to its standard error, by whatever library, go nowhere."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _replaced(owner: Any, **functions: Callable[..., Any]) -> Iterator[None]:
    """Replace those of the functions that the class or module has."""
    with ExitStack() as stack:
        for name, function in functions.items():
            if hasattr(owner, name):
                stack.enter_context(mock.patch.object(owner, name, function))
        yield


def _as_it_is(cache: Any, trainable: type) -> Any:
    import ray

    if trainable not in cache._cache:
        cache._cache[trainable] = ray.remote(trainable)
    return cache._cache[trainable]


def _changed(part: str, launcher: Path) -> str:
    """Return a part of the command that starts Ray's node."""
    flag, _, value = part.partition("=")
    if flag == "--num_prestart_python_workers":
        return f"{flag}=0"
    if flag == "--python_worker_command" and value.startswith(sys.executable):
        return f"{flag}={launcher}{value.removeprefix(sys.executable)}"
    return part


def _nothing(*arguments: Any, **options: Any) -> None:
    pass
