"""The sampler of a search, by its name."""

from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from optuna.trial import FrozenTrial, TrialState, create_trial

from tuner.running.bounded_sampler import BoundedTPESampler
from tuner.running.progress import Progress
from tuner.running.space_optuna import parameters
from tuner.running.spread_samplers import GridSampler, SpreadSampler
from tuner.running.study import build_sampler
from tuner.running.trial_streams import SeededRandomSampler
from tuner.search.search import KnownTrial, Search

if TYPE_CHECKING:  # SciPy and PyTorch take seconds to import
    from tuner.running.learning_samplers import CmaSampler, GeneticSampler, ProcessSampler

    Plain: TypeAlias = BoundedTPESampler | SeededRandomSampler | SpreadSampler | GridSampler
    Sampler: TypeAlias = Plain | GeneticSampler | ProcessSampler | CmaSampler

BY_PROGRESS = ("tpe", "gp", "cmaes")
"""Samplers that rank trials by what they reported; for others nobody need keep it."""

_FEWEST, _MOST, _GENERATIONS = 4, 50, 6


def sampler_of(search: Search, progress: Progress | None = None) -> "Sampler":
    """Build the sampler of a search; one that learns knows the results of earlier runs.

    Args:
        search: the search.
        progress: what its trials reported, by which they are ranked.
    """
    earlier = [_earlier_trial(one, -1 - n, search) for n, one in enumerate(search.known)]
    name, seed, space = search.searcher.sampler, search.seed, search.space
    if name in ("random", "tpe"):
        return build_sampler(name, seed, earlier, progress)
    if name in ("qmc", "grid"):
        return SpreadSampler(seed, space) if name == "qmc" else GridSampler(seed)
    from tuner.running.learning_samplers import CmaSampler, GeneticSampler, ProcessSampler

    if name == "nsga2":
        size = max(_FEWEST, min(_MOST, search.num_trials // _GENERATIONS))
        return GeneticSampler(seed, space, earlier, population=size)
    return {"gp": ProcessSampler, "cmaes": CmaSampler}[name](seed, space, earlier, progress)


def _earlier_trial(known: KnownTrial, number: int, search: Search) -> FrozenTrial:
    """Return a trial of an earlier run as Optuna has trials; its number is below 0."""
    params, distributions = parameters(search.space, known.values)
    trial = create_trial(state=TrialState.RUNNING, params=params, distributions=distributions)
    trial.number = number
    trial.state = TrialState.COMPLETE if known.is_complete else TrialState.PRUNED
    trial.datetime_complete = datetime.fromtimestamp(0)
    if len(known.scores) == 1:
        trial.intermediate_values = {known.num_epochs: known.scores[0]}
    trial.values = list(known.scores)
    return trial
