"""Which searched keys told good trials from the others: PED-ANOVA (Watanabe et al. 2023).

Optuna works it out on trials in memory, which are made of the run's record. Chance finds
differences, too: what remains when the values are dealt out to the trials anew says how much.
"""

import copy
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, create_trial

from models.wording import count
from tuner.report.coordinates import axes_of
from tuner.report.figures.importance import draw_importance
from tuner.report.material import Material
from tuner.report.section import Figure, Section
from tuner.report.statistics import LEVEL
from tuner.report.thinning import some
from tuner.report.wording import listing, share
from tuner.search.domains import Choice, FloatRange, ScalarDomain

LEAST_TRIALS = 10
_MOST_TRIALS = 500
_NUM_DRAWS = (100, 40)
"""So often trials are drawn anew; of more than a hundred trials the fewer times."""
_MANY = 100
_BEST_SHARE = 0.1
_LEAST_BEST = 5
_CHANCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Importance:
    """How much of what tells good trials apart is one key's.

    Attributes:
        name: the key, or the item of a list.
        value: its share of all keys' importance.
        low: the lower end of its interval.
        high: its upper end.
        by_chance: the share that 95 of 100 keys without any influence stay below.
        num_active: the trials in which it is active.
        conditional: whether it is active in some trials only.
    """

    name: str
    value: float
    low: float
    high: float
    by_chance: float
    num_active: int
    conditional: bool

    @property
    def is_clear(self) -> bool:
        """Whether it is more than chance."""
        return self.value > self.by_chance


@dataclass(frozen=True, kw_only=True)
class Importances:
    """All keys, the most important first, with what was compared."""

    items: tuple[Importance, ...]
    num_trials: int
    num_best: int
    num_valued: int


def importances(material: Material) -> Importances | None:
    """Return the importance of every key, or None where there are too few trials."""
    valued = material.valued
    if len(valued) < LEAST_TRIALS or len({one.value for one in valued}) < 2:
        return None
    chosen = some(valued, _MOST_TRIALS, _MOST_TRIALS // 10)
    axes = axes_of(material.search.space)
    points = [material.flat(one) for one in chosen]
    costs = np.array([-material.sign * one.value for one in chosen])
    fraction = min(0.5, max(_BEST_SHARE, _LEAST_BEST / len(chosen)))
    domains = {axis.name: (axis.domain, _distribution(axis.domain)) for axis in axes}
    trials = [_trial(point, domains) for point in points]
    rng = np.random.default_rng(0)
    num = len(trials)
    found = _evaluate(trials, costs, fraction)
    drawn, dealt = [], []
    for _ in range(_NUM_DRAWS[num > _MANY]):
        rows = rng.integers(num, size=num)
        drawn.append(_shares(_evaluate([trials[row] for row in rows], costs[rows], fraction)))
        # Against the total of this run: a share of pure chance is worth nothing.
        dealt.append(_evaluate(trials, rng.permutation(costs), fraction))
    total = sum(found.values())
    if total <= 0:
        return None
    tail = (1 - LEVEL) / 2
    items = []
    for axis in (axis for axis in axes if axis.name in found):
        low, high = np.quantile([one.get(axis.name, 0.0) for one in drawn], [tail, 1 - tail])
        chance = np.quantile([one.get(axis.name, 0.0) for one in dealt], _CHANCE) / total
        value = found[axis.name] / total
        items.append(
            Importance(
                name=axis.name,
                value=value,
                # Of few trials, drawn anew, so many are the same that the share may lie outside.
                low=min(value, float(low)),
                high=max(value, float(high)),
                by_chance=min(1.0, float(chance)),
                num_active=sum(axis.name in point for point in points),
                conditional=axis.conditional,
            )
        )
    items.sort(key=lambda one: -one.value)
    num_best = round(fraction * num)
    return Importances(
        items=tuple(items), num_trials=num, num_best=num_best, num_valued=len(valued)
    )


def importance_section(material: Material, found: Importances | None) -> Section:
    """Return the section; `found` are the importances, where there are trials enough."""
    title = "What mattered"
    if found is None:
        return Section(anchor="importance", title=title, missing=(_why_none(material),))
    columns: dict[str, list[Any]] = {
        "key": [one.name for one in found.items],
        "share": [one.value for one in found.items],
        "low": [one.low for one in found.items],
        "high": [one.high for one in found.items],
        "chance": [one.by_chance for one in found.items],
        "kind": ["more than chance" if one.is_clear else "within chance" for one in found.items],
    }
    figure = Figure(
        name="importance",
        spec=draw_importance(len(found.items), columns["kind"]),
        data={"importance": columns},
        note=_note(found),
    )
    return Section(anchor="importance", title=title, words=words(found), figures=(figure,))


def _why_none(material: Material) -> str:
    have = len(material.valued)
    if have < LEAST_TRIALS:
        return (
            f"{count(have, 'trial')} with a value {'is' if have == 1 else 'are'} too few to tell "
            f"what mattered: it takes {LEAST_TRIALS}."
        )
    ((value, num),) = Counter(one.value for one in material.valued).most_common(1)
    if num == have:
        return "All trials have the same value, so no key made a difference."
    return (
        f"{num:,} of {have:,} trials have the value {value:.4g}: the best cannot be told from the "
        "others."
    )


def words(found: Importances) -> tuple[str, ...]:
    """Say what mattered, and how sure that is."""
    clear = [one for one in found.items if one.is_clear]
    said = []
    if clear:
        first = [
            f"{one.name} explains {share(one.value)} ({share(one.low)} to {share(one.high)})"
            for one in clear[:3]
        ]
        said.append(f"{listing(first)} of what tells the best trials from the others.")
    else:
        said.append("No key stands out from chance: no more can be said from these trials.")
    hardly = [one.name for one in found.items if not one.is_clear]
    if clear and hardly:
        said.append(f"{listing(hardly)} did not matter more than chance would have it.")
    if found.num_trials < 4 * LEAST_TRIALS:
        said.append(
            f"{count(found.num_trials, 'trial')} are few for this: the intervals count for more "
            "than the shares."
        )
    return tuple(said)


def _note(found: Importances) -> str:
    notes = [
        f"PED-ANOVA: how the best {found.num_best} of {found.num_trials:,} trials differ from all "
        f"of them, key by key. Bars are shares of all keys together, lines {share(LEVEL)} "
        "intervals from drawing trials anew, ticks what a key without influence reaches in 5 of "
        "100 cases. Trials stopped early count with their best value."
    ]
    if found.num_trials < found.num_valued:
        notes.append(f"Taken are {found.num_trials:,} of {found.num_valued:,} trials.")
    partly = [one for one in found.items if one.conditional]
    if partly:
        named = listing([f"{one.name} in {one.num_active:,}" for one in partly], 12)
        notes.append(f"Keys that are active in some trials only: {named}.")
    return " ".join(notes)


class _Study:
    """What PED-ANOVA asks of a study, over trials in memory: less is better.

    A study of Optuna's own takes ten times as long to fill as to evaluate.
    """

    directions = (StudyDirection.MINIMIZE,)

    def __init__(self, trials: Sequence[FrozenTrial], costs: Sequence[float]) -> None:
        self._trials = []
        for number, (trial, cost) in enumerate(zip(trials, costs, strict=True)):
            own = copy.copy(trial)
            own.number = own._trial_id = number  # a trial that is drawn twice counts twice
            own.values = [float(cost)]
            self._trials.append(own)

    def get_trials(self, **_: Any) -> list[FrozenTrial]:
        return self._trials

    def _is_multi_objective(self) -> bool:
        return False


def _evaluate(
    trials: Sequence[FrozenTrial], costs: NDArray[np.float64], fraction: float
) -> dict[str, float]:
    evaluator = PedAnovaImportanceEvaluator(target_quantile=fraction)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, which the words say better
        return evaluator.evaluate(cast("optuna.Study", _Study(trials, costs.tolist())))


def _shares(found: dict[str, float]) -> dict[str, float]:
    total = sum(found.values())
    return {name: value / total for name, value in found.items()} if total else {}


def _trial(
    point: Mapping[str, Any], domains: Mapping[str, tuple[ScalarDomain, BaseDistribution]]
) -> FrozenTrial:
    active = {name: found for name, found in domains.items() if name in point}
    return create_trial(
        value=0.0,
        params={name: _param(domain, point[name]) for name, (domain, _) in active.items()},
        distributions={name: distribution for name, (_, distribution) in active.items()},
    )


def _param(domain: ScalarDomain, value: Any) -> Any:
    if isinstance(domain, Choice):
        return domain.labels[domain.options.index(domain.nearest(value))]
    return domain.nearest(value)


def _distribution(domain: ScalarDomain) -> BaseDistribution:
    if isinstance(domain, Choice):
        return CategoricalDistribution(domain.labels)
    if isinstance(domain, FloatRange):
        step = None if domain.log else domain.step  # of which Optuna knows none in a log range
        return FloatDistribution(domain.low, domain.high, log=domain.log, step=step)
    step = 1 if domain.log else domain.step
    return IntDistribution(domain.low, domain.high, log=domain.log, step=step)
