"""What a key of a space may depend on: another key that has one of some values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.search.domains import same_value


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The key has one of the values, searched or from the preset."""

    key: str
    values: tuple[Any, ...]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether the condition holds for complete settings."""
        return any(same_value(values[self.key], value) for value in self.values)


def condition_mapping(when: Sequence[Condition]) -> dict[str, Any]:
    """Return the conditions as they stand in a search file, under `when`."""
    conditions = {
        condition.key: (
            condition.values[0]
            if len(condition.values) == 1 and not isinstance(condition.values[0], list)
            else list(condition.values)
        )
        for condition in when
    }
    return {"when": conditions} if conditions else {}
