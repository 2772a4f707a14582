"""A callback of Ray Tune of which nothing is saved."""

from typing import Any

from ray.tune import Callback


class UnsavedCallback(Callback):
    """Gives Ray nothing to pickle: it saves its callbacks, but nothing is restored from them."""

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing."""
        return {}
