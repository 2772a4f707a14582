"""The share of runs that ends with a value."""

from models.ast_autoencoder.trial_runs import NUM_INPUTS, trial_inputs, trial_line, value_share
from models.programs.data.inputs import flat_probes
from models.programs.language.from_source import source_to_ids

DOUBLE = source_to_ids("def program(v0: int):\n    return v0 * 2").ids
FIRST = source_to_ids("def program(v0: list):\n    return v0[0]").ids


def test_values_exceptions_and_limits_are_counted():
    expected = sum(not inputs[0] for inputs in trial_inputs(FIRST))  # empty lists have no first
    assert expected > 0
    runs = 2 * NUM_INPUTS
    assert trial_line([DOUBLE, FIRST]) == (
        f"# {1 - expected / runs:.1%} of 12 runs end with a value, 6 inputs a program; "
        f"others: {expected} IndexError"
    )
    assert trial_line([DOUBLE]) == "# 100.0% of 6 runs end with a value, 6 inputs a program"


def test_inputs_are_the_first_probes_of_the_signature():
    assert trial_inputs(FIRST) == list(flat_probes(("list",))[:NUM_INPUTS])


def test_no_run_is_no_share():
    assert value_share({}) == 0
    assert value_share({"value": 3, "IndexError": 1}) == 0.75
