"""What a program does on the probes of its signature, and whether that is worth keeping."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass

from models.programs.data.inputs import flat_probes, probe_inputs
from models.programs.execution.interpreter import Executable
from models.programs.execution.limits import Limits
from models.programs.execution.outcomes import Outcome, text_of
from models.programs.language.kinds import Type

PROGRAM_LIMITS = Limits(max_steps=5_000, max_int_bits=63, max_length=1_000)
"""Of programs of a data set on their inputs: whatever they compute fits 64 bits and a screen."""

MIN_RUNNING = 0.75
"""Share of the probes on which a program must return."""

MAX_SAME = 0.875
"""Share of the probes that return at most the same value."""

FAILS = "fails on more than a quarter of the probes"
CONSTANT = "returns one value on all probes"
NEARLY_CONSTANT = "returns one value on more than 7 of 8 probes"
IGNORES_PARAMETER = "a parameter never matters"


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What a program does on the probes of its signature.

    Args:
        types: of its parameters.
        returns: type of its value.
        keys: one for each probe; equal where the outcomes are.
        steps: that each probe took.
        watched: of a watched program, what each probe came to and the blocks that it ran.
    """

    types: tuple[Type, ...]
    returns: Type
    keys: tuple[str, ...]
    steps: tuple[int, ...] = ()
    watched: tuple[tuple[Outcome, frozenset[int]], ...] = ()

    @property
    def digest(self) -> int:
        """64 bits that stand for signature and outcomes."""
        text = json.dumps([self.types, self.returns, self.keys])
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")

    def flaw(self) -> str | None:
        """Say why a program that behaves like this is of no use, or None when it is."""
        values = [key for key in self.keys if is_value(key)]
        if len(values) < MIN_RUNNING * len(self.keys):
            return FAILS
        most = Counter(values).most_common(1)[0][1]
        if most == len(values):
            return CONSTANT
        if most > MAX_SAME * len(self.keys):
            return NEARLY_CONSTANT
        return None if self._all_matter() else IGNORES_PARAMETER

    def _all_matter(self) -> bool:
        """Tell whether each parameter, changed alone, changes some value."""
        matters = [False] * len(self.types)
        place = 0
        for group in probe_inputs(self.types):
            first = self.keys[place]
            for parameter in range(len(self.types)):
                other = self.keys[place + 1 + parameter]
                if first != other and is_value(first) and is_value(other):
                    matters[parameter] = True
            place += len(group)
        return all(matters)


def observe(
    executable: Executable,
    types: tuple[Type, ...],
    returns: Type,
    min_running: float = MIN_RUNNING,
) -> Behaviour | None:
    """Run a program on its probes; None as soon as it cannot return on the share of them."""
    probes = flat_probes(types)
    failures_left = int((1 - min_running) * len(probes))
    keys, steps, watched = [], [], []
    for inputs in probes:
        outcome, visited = executable.watch(inputs)
        failures_left -= outcome.status != "value"
        if failures_left < 0:
            return None
        keys.append(outcome_key(outcome))
        steps.append(executable.steps)
        if executable.is_watched:
            watched.append((outcome, visited))
    return Behaviour(
        types=types,
        returns=returns,
        keys=tuple(keys),
        steps=tuple(steps),
        watched=tuple(watched),
    )


def outcome_key(outcome: Outcome) -> str:
    """Return a text that is the same for the same outcomes; values are told apart by type."""
    return (
        text_of(outcome.value)
        if outcome.status == "value"
        else f"!{outcome.status} {outcome.error}"
    )


def is_value(key: str) -> bool:
    """Tell whether an outcome's key is that of a value."""
    return not key.startswith("!")
