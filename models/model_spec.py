"""What a model declares of itself so that it can be trained, searched and promoted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from models.effects import Applies
from models.progress import ProgressCallback
from models.ranking import Ranking
from models.task import Task


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric that a search can optimise.

    Attributes:
        name: as reported, for example `val/seq_acc`.
        mode: whether more or less is better.
        depends_on: config keys that change what the number measures, so that trials which differ
            in them cannot be compared by it.
        floor: its value before anything is learned.
        doc: one line for people.
    """

    name: str
    mode: Literal["max", "min"]
    depends_on: tuple[str, ...] = ()
    floor: float | None = None
    doc: str


@dataclass(frozen=True, kw_only=True)
class ModelCost:
    """What one trial takes.

    Attributes:
        num_parameters: trainable parameters.
        checkpoint_mb: size of one checkpoint file, optimizer included.
        memory_mb: estimated peak memory of training at the batch size.
        rows_per_epoch: training rows.
    """

    num_parameters: int
    checkpoint_mb: float
    memory_mb: float
    rows_per_epoch: int


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model: its settings, its data, how its task is built, what it reports.

    Attributes:
        config_type: settings dataclass; has at least `description epochs early_stop_patience seed
            save_top_k`.
        data_type: settings dataclass of the data.
        presets_file: the built-in presets.
        metrics: what a search can optimise; `main_metric` names the usual one.
        secondary_metric: decides between equal values of any other metric; nothing that may be
            searched changes what it measures, so that it compares trials, too.
        check_data: `(data settings) -> None`, at once; raises UserError for settings that
            contradict each other and for files that are not there.
        load_data: `(data settings, progress) -> data set`, arrays that can be shared.
        build_task: `(config, data set, device) -> Task`.
        describe_cost: `(config, data set) -> ModelCost`, without training; with None for the data
            set, for data like `usual_data`.
        applies: keys of the settings that act only where another key lets them.
        usual_data: what data without a name stand for, in a few words.
    """

    name: str
    config_type: type
    data_type: type
    presets_file: Path
    metrics: tuple[Metric, ...]
    main_metric: str
    secondary_metric: str
    load_data: Callable[[Any, ProgressCallback | None], Any]
    build_task: Callable[[Any, Any, str], Task]
    describe_cost: Callable[[Any, Any], ModelCost]
    usual_data: str
    applies: tuple[Applies, ...] = ()
    check_data: Callable[[Any], None] = lambda data: None

    def metric(self, name: str) -> Metric:
        """Return the metric of this name, which the model has."""
        return next(metric for metric in self.metrics if metric.name == name)

    def ranking(self, name: str) -> Ranking:
        """Return the order of epochs by the metric of this name."""
        secondary = self.metric(self.secondary_metric)
        return Ranking(
            metric=name,
            mode=self.metric(name).mode,
            secondary=secondary.name,
            secondary_mode=secondary.mode,
        )
