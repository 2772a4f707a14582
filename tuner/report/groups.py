"""Trials in three groups by their value, as the figures of parameters tell them apart."""

from dataclasses import dataclass

from tuner.record.results import Standing
from tuner.report.material import Material, top_trials
from tuner.report.thinning import some, some_words

GROUPS = ("best trial", "among the best", "others")


@dataclass(frozen=True, kw_only=True)
class Grouped:
    """The trials to draw, the best first, with the name of each one's group."""

    trials: tuple[Standing, ...]
    kinds: tuple[str, ...]
    num_top: int
    thinned: str

    @property
    def note(self) -> str:
        """What the groups are, and what is left out."""
        return f"Orange is the best trial, blue the rest of the best {self.num_top}. {self.thinned}"


def grouped(material: Material, at_most: int) -> Grouped:
    """Return the trials with a value in their groups; of very many a part."""
    valued = material.valued
    num_top = top_trials(valued)
    num_best = min(num_top, at_most // 2)
    shown = some(valued, at_most, num_best)
    kinds = [GROUPS[0 if one.rank == 1 else 1 if one.rank <= num_top else 2] for one in shown]
    return Grouped(
        trials=tuple(shown),
        kinds=tuple(kinds),
        num_top=num_top,
        thinned=some_words(len(shown), len(valued), num_best),
    )
