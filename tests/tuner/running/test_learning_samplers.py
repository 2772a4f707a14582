"""What the samplers draw from: ranges of millions of values, too."""

import optuna
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import GPSampler
from optuna.trial import TrialState, create_trial

from models.training.ranking import Ranking
from tuner.running.learning_samplers import (
    CmaSampler,
    GeneticSampler,
    ProcessSampler,
    _on_grid,
    _smooth,
)
from tuner.running.progress import Progress
from tuner.running.space_optuna import always_active
from tuner.search.domains import FloatRange
from tuner.search.space import Parameter, Space

MILLIONS = IntDistribution(1, 10**9)
SPACE = Space(
    parameters=tuple(
        Parameter(key=k, domain=FloatRange(low=0.1, high=1.0)) for k in ("lr", "beta")
    ),
    preset={"lr": 0.5, "beta": 0.5},
)


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


def test_a_gaussian_process_lists_no_values_of_a_wide_range(monkeypatch, make_search):
    """Optuna's own lists them for each draw, 8 GB here, if it is given their steps."""
    given, real = [], GPSampler.sample_relative

    def draw(sampler, study, trial, ranges):
        given.append(ranges)
        assert ranges == {"x": FloatDistribution(1.0, 1e9)}
        return real(sampler, study, trial, ranges)

    monkeypatch.setattr(GPSampler, "sample_relative", draw)
    known = [_ended(-1 - place, 10**9 - place * 10**6) for place in range(12)]
    sampler = ProcessSampler(0, make_search().space, known)
    sampler.begin(0)
    study = optuna.create_study(sampler=sampler)
    drawn = sampler.sample_relative(study, study.ask(), {"x": MILLIONS})["x"]
    assert len(given) == 1
    assert type(drawn) is int
    assert 1 <= drawn <= 10**9


def _ended(number, x):
    trial = create_trial(params={"x": x}, distributions={"x": MILLIONS}, value=float(x))
    trial.number = number
    trial.intermediate_values = {1: float(x)}
    return trial


@pytest.mark.parametrize("name", ["cmaes", "nsga2"])
def test_a_generation_that_was_learned_is_let_go(name):
    progress = Progress(Ranking(metric="score", mode="max"))
    genetic = name == "nsga2"
    sampler = (
        GeneticSampler(0, SPACE, population=8)
        if genetic
        else CmaSampler(0, SPACE, progress=progress)
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    space = always_active(SPACE)
    for number in range(60):
        sampler.begin(number)
        drawn = sampler.sample_relative(study, create_trial(state=TrialState.RUNNING), space)
        row = create_trial(
            state=TrialState.RUNNING, params={**SPACE.preset, **drawn}, distributions=space
        )
        study._storage.create_new_trial(study._study_id, template_trial=row)
        if not genetic:
            progress.report(number, 1, {"score": row.params["lr"]})
        if number % 10 == 9:
            study.tell(number, state=TrialState.FAIL)
        else:
            study.tell(number, row.params["lr"])
    assert len(sampler._ended._known) < 8
    assert len(progress._costs) < 8
