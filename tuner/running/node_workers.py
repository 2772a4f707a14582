"""Workers of a search on a cluster: forked on each node from a process that has imported all.

A worker that imports for itself takes 3 to 10 s of a processor before its first trial. Ray has an
option for the program that starts a worker, `py_executable`, which it hands to bash on the node.
Ours there asks the fork server of the node, and else starts what Ray would have started, by the
Python of Ray's node: so any cluster will do, whoever has started it. See `node_client`.
"""

import logging
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import ray
from ray.exceptions import RayError
from ray.tune.execution import class_cache
from ray.tune.experiment import Trial

from tuner.running.trial_worker import BY_ITSELF
from tuner.running.unsaved import UnsavedCallback

logger = logging.getLogger(__name__)

_FORKED = {
    "working_dir",
    "py_modules",
    "env_vars",
    "excludes",
    "config",
    "worker_process_setup_hook",
}
"""Parts of a runtime env that leave a worker to the node's own Python."""
_LAUNCHER = f"""
while IFS= read -r -d "" word; do
    case $word in --python_worker_command=*) python=${{word#*=}};; esac
done < /proc/$PPID/cmdline
case $python in
    \\"*) python=${{python#?}} python=${{python%%\\"*}};;
    *) python=${{python%% *}};;
esac
exec 3>&1
{BY_ITSELF}=$("${{python:-python3}}" -P -m tuner.running.node_client "$0" "$@") && exit
export {BY_ITSELF}
shift
exec "${{python:-python3}}" "$@" 3>&-
"""
"""The parent is Ray's node, whose command says which Python starts its workers."""


def launcher(modules: Sequence[str], num_threads: int) -> str:
    """Return what stands for Python where Ray starts a worker.

    Args:
        modules: what the worker needs.
        num_threads: in which it trains.
    """
    return shlex.join(["bash", "-c", _LAUNCHER, ",".join(modules), str(num_threads)])


def why_not(runtime_env: Mapping[str, Any], platform: str = sys.platform) -> str | None:
    """Return why workers of a job cannot be forked; None if they can.

    Args:
        runtime_env: the job's.
        platform: of this machine, and so of the cluster, as Ray wants one Python for both.
    """
    if platform != "linux":
        return f"they are on Linux only, and this is {platform}"
    if others := sorted(
        name for name, value in runtime_env.items() if value and name not in _FORKED
    ):
        return f"the job's runtime env has `{others[0]}`, which starts them in its own way"
    return None


@contextmanager
def forked_on_nodes(modules: Sequence[str], num_threads: int) -> Iterator[None]:
    """Let workers of Ray Tune be forked inside the block, if they can be; the log says why not."""
    if reason := why_not(ray.get_runtime_context().runtime_env):
        logger.info("workers import for themselves, none is forked: %s", reason)
        yield
        return
    command = launcher(modules, num_threads)

    def get(cache: Any, trainable: type) -> Any:
        if trainable not in cache._cache:
            kept = {n: os.environ[n] for n in class_cache.ENV_VARS_TO_PROPAGATE if n in os.environ}
            variables = {**class_cache.DEFAULT_ENV_VARS, **kept}
            runtime_env = {"env_vars": variables, "py_executable": command}
            cache._cache[trainable] = ray.remote(runtime_env=runtime_env)(trainable)
        return cache._cache[trainable]

    with mock.patch.object(class_cache._ActorClassCache, "get", get):
        yield


class WorkerStarts(UnsavedCallback):
    """Asks workers whether they were forked, and logs once for every node why one was not."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._asked: dict[Any, str] = {}
        self._said: set[tuple[str, str]] = set()

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Ask a new worker."""
        worker = trial.temporary_state.ray_actor
        assert worker is not None
        name = worker._actor_id.hex()
        if name not in self._known:
            self._known.add(name)
            self._asked[worker.why_by_itself.remote()] = name

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Take the answers that are there."""
        if not self._asked:
            return
        answered, _ = ray.wait(list(self._asked), num_returns=len(self._asked), timeout=0)
        for one in answered:
            del self._asked[one]
            try:
                node, reason = ray.get(one)
            except RayError:  # it died
                continue
            if reason is not None and (node, reason) not in self._said:
                self._said.add((node, reason))
                logger.info("a worker on %s imports for itself, not forked: %s", node, reason)
