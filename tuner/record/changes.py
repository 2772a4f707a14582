"""What is no longer as it was when a run began: its code, its packages, its data."""

from collections.abc import Mapping
from typing import Any

from tuner.record.liveness import latest_driver

_SHORT = 12


def code_changes(environment: Mapping[str, Any], driver: Mapping[str, Any]) -> list[str]:
    """Return in what the code of a new driver differs from that of the one before, a line each.

    Args:
        environment: the run's.
        driver: the new driver, as `describe_driver` returns it.
    """
    known = latest_driver(environment)
    lines = []
    if known.get("commit") != driver["commit"]:
        lines.append(
            f"the code is at commit {_short(driver['commit'])}, the run's was at "
            f"{_short(known.get('commit'))}"
        )
    elif known.get("diff_digest") != driver["diff_digest"]:
        lines.append("the code differs from its commit in another way than the run's did")
    before, now = known.get("packages", {}), driver["packages"]
    lines += [
        f"{name} is {now.get(name, 'not installed')}, the run had {before.get(name, 'none')}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    return lines


def data_changes(environment: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Return in what the data differ from those that the run had, a line each."""
    before = latest_driver(environment).get("data") or environment.get("data", {})
    return [
        f"the data's {key} is {_short(data.get(key))}, the run had {_short(before.get(key))}"
        for key in ("digest", "num_train", "num_val", "num_test")
        if before.get(key) != data.get(key)
    ]


def _short(value: object) -> str:
    return "unknown" if value is None else str(value)[:_SHORT]
