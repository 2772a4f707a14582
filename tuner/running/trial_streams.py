"""Random numbers that depend on the search's seed and the trial's number, and on nothing before.

A sampler that kept one stream for the whole search could not go on in another process: where the
stream stood is in no record. With a stream of its own for every trial, a draw depends on the seed,
the number and what the study holds.
"""

import numpy as np
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial


def trial_stream(seed: int, number: int, attempt: int = 0) -> np.random.RandomState:
    """Return the stream of one attempt to draw one trial; streams are independent of each other."""
    sequence = np.random.SeedSequence([seed, number, attempt])
    return np.random.RandomState(np.random.MT19937(sequence))


class SeededRandomSampler(RandomSampler):
    """Draws at random, every trial from a stream of its own."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._seed = seed

    def begin(self, number: int, attempt: int = 0) -> None:
        """Take the stream of this trial for what is drawn from now on."""
        self._rng._rng = trial_stream(self._seed, number, attempt)

    def learn_infeasible(self, trial: FrozenTrial) -> None:
        """Take a point that must not be trained, of which chance learns nothing."""
