"""How often the data of a search were sent: once to every node, whose workers share the copy."""

from collections.abc import Mapping

import ray
from ray.experimental import get_object_locations

from models.wording import count

_TIMEOUT_MS = 5000
_MB = 1e6


def data_words(data: ray.ObjectRef, workers: Mapping[str, str]) -> str:
    """Return in words how many copies of the data there are, and who reads them.

    Args:
        data: as they lie in Ray's object store.
        workers: the node of each.
    """
    place = get_object_locations([data], _TIMEOUT_MS).get(data, {})
    copies, size = len(place.get("node_ids", ())), (place.get("object_size") or 0) / _MB
    readers = f"{count(len(workers), 'worker')} on {count(len(set(workers.values())), 'node')}"
    return (
        f"the data ({size:.1f} MB) lie in the object store of {count(copies, 'node')}, "
        f"a copy each, for {readers}"
    )
