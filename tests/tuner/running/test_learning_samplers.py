"""What the samplers draw from: ranges of millions of values, too."""

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import GPSampler
from optuna.trial import create_trial

from tuner.running.learning_samplers import _on_grid, _smooth

MILLIONS = IntDistribution(1, 10**9)


@pytest.mark.parametrize(
    ("one", "smooth"),
    [
        (MILLIONS, FloatDistribution(1.0, 1e9)),
        (IntDistribution(1, 10**9, log=True), FloatDistribution(1.0, 1e9, log=True)),
        (FloatDistribution(0.0, 1.0, step=1e-6), FloatDistribution(0.0, 1.0)),
        (IntDistribution(1, 512), IntDistribution(1, 512)),
        (FloatDistribution(0.0, 1.0), FloatDistribution(0.0, 1.0)),
    ],
)
def test_ranges_of_many_steps_are_drawn_without_steps(one, smooth):
    assert _smooth(one) == smooth


@pytest.mark.parametrize(
    ("one", "drawn", "value"),
    [
        (MILLIONS, 7.6, 8),
        (MILLIONS, 1e9 + 0.4, 10**9),
        (IntDistribution(2, 10**6, step=2), 5.2, 6),
        (FloatDistribution(0.0, 1.0, step=0.25), 0.3, 0.25),
        (FloatDistribution(0.0, 1.0), 0.3, 0.3),
    ],
)
def test_what_was_drawn_is_moved_to_the_nearest_step(one, drawn, value):
    found = _on_grid(drawn, one)
    assert (found, type(found)) == (value, type(value))


def test_a_gaussian_process_lists_no_values_of_a_wide_range():
    """Optuna's own lists them for each draw: 8 GB here."""
    study = optuna.create_study(sampler=GPSampler(seed=0, n_startup_trials=0))
    for value in (10, 10**6, 10**9):
        study.add_trial(
            create_trial(params={"x": value}, distributions={"x": MILLIONS}, value=float(value))
        )
    space = {"x": _smooth(MILLIONS)}
    drawn = study.sampler.sample_relative(study, study.ask(), space)["x"]
    assert 1 <= _on_grid(drawn, MILLIONS) <= 10**9
