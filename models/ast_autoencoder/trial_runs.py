"""Which share of programs' runs ends with a value, on inputs that fit them, in limited workers.

Programs from a latent of their own have no examples to be judged by. They run on the first
probes of their signature: edge cases and random values.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from models.programs.data.inputs import flat_probes
from models.programs.execution.outcomes import Outcome, Value
from models.programs.execution.program_pool import ProgramPool
from models.programs.language.tree import parameter_types

NUM_INPUTS = 6
"""Runs of each program."""


def trial_inputs(program: Sequence[int]) -> list[tuple[Value, ...]]:
    """Return the inputs that a program is tried on."""
    return list(flat_probes(tuple(parameter_types(program)))[:NUM_INPUTS])


def count_ends(outcomes: Iterable[Outcome]) -> Counter[str]:
    """Return how many runs ended with a "value", with each exception, and with each limit."""
    return Counter(each.error or each.status for each in outcomes)


def value_share(ends: Mapping[str, int]) -> float:
    """Return the share of runs that ended with a value; 0 where there were none."""
    return ends.get("value", 0) / max(sum(ends.values()), 1)


def trial_line(programs: Sequence[Sequence[int]]) -> str:
    """Run programs and say, as a comment of Python, how many runs end with a value."""
    with ProgramPool() as pool:
        found = pool.run([(program, trial_inputs(program)) for program in programs])
    ends = count_ends(outcome for outcomes in found for outcome in outcomes)
    others = [f"{count:,} {name}" for name, count in ends.most_common() if name != "value"]
    return (
        f"# {value_share(ends):.1%} of {sum(ends.values()):,} runs end with a value, "
        f"{NUM_INPUTS} inputs a program" + (f"; others: {', '.join(others)}" if others else "")
    )
