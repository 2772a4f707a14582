"""Searches that run on one cluster at once give each other room.

Ray serves who asks first, and a worker of ours goes from trial to trial without giving its slot
back. So the search that began first would hold all slots to its end. Here a search asks for no more
slots than its fair share while others want some, and where it holds more it gives a worker up
whenever a trial ends. No trial is cut off for that.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import ray
from ray.air.execution import PlacementGroupResourceManager
from ray.tune.execution import tune_controller
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

from tuner.running.fair_shares import Claim, Claims, RayStore, fair_slots
from tuner.running.ray_session import num_slots, usable_nodes
from tuner.search.search import Search

_INTERVAL_S = 2.0


class FairPlacement(PlacementGroupResourceManager):
    """Asks Ray for the slots of a search, within its fair share.

    Args:
        claims: what the searches of the cluster want.
        slots: which nodes there are for this search, and how many slots they have, asked anew as
            nodes come and go.
        say: told when it begins to share the cluster, and when it has it for itself again.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        claims: Claims,
        slots: Callable[[], tuple[frozenset[str], int]],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        update_interval_s: float = 0.1,
    ) -> None:
        super().__init__(update_interval_s)
        self._claims = claims
        self._slots = slots
        self._say = say
        self._clock = clock
        self._began = time.time()
        self._beats = itertools.count()
        self._due = 0.0
        self._held_back: list[Any] = []
        self._num_leaving = 0
        self._num_slots = 0
        self._limit: int | None = None

    def request_resources(self, resource_request: Any) -> None:
        """Ask Ray for a slot, now or when the share allows it."""
        self._held_back.append(resource_request)
        self._keep_to_share()

    def cancel_resource_request(self, resource_request: Any) -> None:
        """Want one slot less."""
        if resource_request in self._held_back:
            self._held_back.remove(resource_request)
        else:
            super().cancel_resource_request(resource_request)

    def update_state(self) -> None:
        """See what has come, and what other searches want."""
        super().update_state()
        if self._clock() >= self._due:
            self._due = self._clock() + _INTERVAL_S
            self._look_around()
        self._keep_to_share()

    def free_resources(self, acquired_resource: Any) -> None:
        """Give a slot back."""
        self._num_leaving = max(0, self._num_leaving - 1)
        super().free_resources(acquired_resource)

    def may_keep_worker(self) -> bool:
        """Return whether the worker of a trial that has ended may take another one."""
        if self._limit is None:
            return True
        # Without a slot of its own a search takes turns with the others.
        if self._limit > 0 and len(self._acquired_pgs) - self._num_leaving <= self._limit:
            return True
        self._num_leaving += 1
        return False

    def clear(self) -> None:
        """Ask for nothing any more; called again when Ray is gone already."""
        self._held_back.clear()
        if ray.is_initialized():
            self._claims.withdraw()
            requests = (self._request_to_staged_pgs, self._request_to_ready_pgs)
            for group in itertools.chain(
                self._acquired_pgs, *(groups for kind in requests for groups in kind.values())
            ):
                ray.util.remove_placement_group(group)
        super().__init__(self.update_interval_s)

    def _look_around(self) -> None:
        nodes, self._num_slots = self._slots()
        if not self._num_slots:
            return
        num_wanted = len(self._held_back) + len(self._pg_to_request)
        own = Claim(
            began=self._began,
            wants=min(1.0, num_wanted / self._num_slots),
            nodes=nodes,
            beat=next(self._beats),
        )
        self._claims.write(own)
        before, self._limit = self._limit, fair_slots(own, self._claims.others(), self._num_slots)
        if self._limit is not None and before is None:
            self._say(
                f"other searches want slots, too: this one takes {self._limit} of "
                f"{self._num_slots} from now on, as its trials end"
            )
        elif self._limit is None and before is not None:
            self._say(f"no other search wants slots any more: all {self._num_slots} are free")

    def _keep_to_share(self) -> None:
        """Ask Ray for as many slots as the share allows, and take back what is beyond it."""
        limit = self._limit
        if limit is None:
            while self._held_back:
                super().request_resources(self._held_back.pop(0))
            return
        room = max(1, limit) - len(self._pg_to_request)
        while room > 0 and self._held_back:
            super().request_resources(self._held_back.pop(0))
            room -= 1
        for request in self._not_in_use()[: max(0, -room)]:
            super().cancel_resource_request(request)
            self._held_back.append(request)

    def _not_in_use(self) -> list[Any]:
        """Return what was asked for and has no worker yet, slots that have not come first."""
        kinds = (self._request_to_staged_pgs, self._request_to_ready_pgs)
        return [
            request
            for kind in kinds
            for request, groups in kind.items()
            for _ in range(len(groups))
        ]


@contextmanager
def fair_workers(search: Search, say: Callable[[str], None]) -> Iterator[None]:
    """Let Ray Tune ask for workers as `FairPlacement` does inside the block."""
    claims = Claims(RayStore(), ray.get_runtime_context().get_job_id())
    keep = TuneController._maybe_cache_trial_actor
    managers: list[FairPlacement] = []

    def make() -> FairPlacement:
        managers.append(FairPlacement(claims, lambda: _slots_of(search), say))
        return managers[-1]

    def keep_fairly(controller: Any, trial: Trial) -> bool:
        return all(one.may_keep_worker() for one in managers) and keep(controller, trial)

    with (
        mock.patch.object(tune_controller, "PlacementGroupResourceManager", make),
        mock.patch.object(TuneController, "_maybe_cache_trial_actor", keep_fairly),
    ):
        try:
            yield
        finally:
            for manager in managers:
                manager.clear()


def _slots_of(search: Search) -> tuple[frozenset[str], int]:
    return frozenset(node["NodeID"] for node in usable_nodes(search)), num_slots(search)
