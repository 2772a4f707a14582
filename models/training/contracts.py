"""The contract of a model: what it gives so that it can be trained, searched and promoted.

A model is a `ModelSpec` in `models/registry.py`. Its settings are a `Config`; `load_data` gives a
`Dataset`, and `build_task` makes a `Task` of both. `tests/models/test_task_contract.py` holds every
model to what is written here.
"""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from models.effects import Applies
from models.training.ranking import Ranking
from models.training.showcase import Showcase

ProgressCallback = Callable[[str, int, int], None]
"""Called with a description, how much is done, and the total."""


def named_files(data: Any) -> dict[str, list[Path]]:
    """Return the files that settings of data name by their path, with all in a folder, by key."""
    named = {key: Path(value) for key, value in vars(data).items() if isinstance(value, str)}
    files = {key: [path] for key, path in named.items() if path.is_file()}
    for key, path in named.items():
        if path.is_dir():
            files[key] = sorted(file for file in path.rglob("*") if file.is_file())
    return files


def silent(description: str, done: int, total: int) -> None:
    """Ignore a progress report."""


Rows: TypeAlias = np.ndarray | Sequence[int]
"""Row numbers of a data set, or a number for each of its rows."""


READ_CHECKPOINT = """\
from pathlib import Path
from models.training.checkpoints import read_checkpoint

content = read_checkpoint(Path("{checkpoint}"))
print(content["epoch"], content["metrics"], content["config"])"""
"""What any checkpoint can be asked."""


class Config(Protocol):
    """Settings: a frozen, keyword-only dataclass of plain values, in which every key has a default.

    Raises:
        UserError: keys that contradict each other, where it is built.
    """

    @property
    def description(self) -> str:
        """One line for people."""
        ...

    @property
    def epochs(self) -> int:
        """Passes over the training rows."""
        ...

    @property
    def early_stop_patience(self) -> int:
        """Epochs without a better main metric before training ends; 0 never ends it."""
        ...

    @property
    def seed(self) -> int:
        """Of initial weights, the order of batches, and noise."""
        ...

    @property
    def save_top_k(self) -> int:
        """How many best checkpoints are kept."""
        ...

    @property
    def architecture(self) -> dict[str, object]:
        """The keys that the weights depend on, with their values: a run that goes on keeps them."""
        ...


class Dataset(Protocol):
    """Rows with their split: a frozen dataclass, whose arrays processes share and only read.

    Rows that are held out until a run has ended stand in `test`, where there are any. Reading and
    checking is done when one exists: nothing here raises.
    """

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def digest(self) -> str:
        """The same for the same rows and split only: a checkpoint goes on with no other data."""
        ...

    @property
    def lengths(self) -> Rows:
        """Real steps of every row, in the unit in which the model reads it; at least 1."""
        ...

    @property
    def train(self) -> Rows:
        """Numbers of the rows to train on, counted from 0; a part of them makes a smaller set."""
        ...

    @property
    def val(self) -> Rows:
        """Numbers of the rows to validate on, none of them in `train`."""
        ...


class Task(Protocol):
    """A model with its data and optimizer on one device, ready to be trained epoch by epoch.

    Building one seeds torch with the settings' seed. Metric keys carry no `train/` or `val/` prefix
    here; the loop adds it. Values are finite floats where training is sound.

    Attributes:
        on_batch: called in `train_epoch` with how many of how many batches were handed to the
            device, from 1 on. What it raises leaves `train_epoch` as it is, as do an interrupt and
            what torch says when memory has run out; the task is not used any more then.
    """

    on_batch: Callable[[int, int], None]

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch (counted from 1) and return its means over rows.

        Raises:
            TrainingDiverged: a loss or gradient is not finite.
        """
        ...

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the validation rows, as Python floats.

        Every random state stays as it was, so that evaluating changes no training. Among the
        metrics are those that the spec declares; an epoch that is not evaluated gives none. A loss
        that is not finite is returned, and the loop raises TrainingDiverged.
        """
        ...

    def evaluate_on(self, rows: Rows) -> dict[str, float]:
        """Return what `evaluate` would if these were the validation rows, and change nothing."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes in training: tensors and plain values only.

        `num_updates` is among them, the optimizer steps so far. Random states of torch are not:
        the loop keeps them.
        """
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; training goes on bit for bit.

        Raises:
            KeyError, RuntimeError, TypeError or ValueError: the state is of another model; the loop
                tells it as a UserError.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return what a checkpoint needs to stand alone: plain values only.

        `model` is the spec's name, `config` the settings, and `data` the data set's `name` and
        `digest`; what else rebuilds the network stands beside them.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric that a search can optimise.

    Attributes:
        name: as reported, for example `val/seq_acc`.
        mode: whether more or less is better.
        depends_on: config keys that change what the number measures, so that trials which differ
            in them cannot be compared by it.
        floor: its value before anything is learned.
        is_share: whether it lies between 0 and 1, so that no two values differ by more than 1.
        absent: `(data set) -> why`, in words, these data give no value of it; empty where they do.
        doc: one line for people.
    """

    name: str
    mode: Literal["max", "min"]
    depends_on: tuple[str, ...] = ()
    floor: float | None = None
    is_share: bool = False
    absent: Callable[[Any], str] = lambda dataset: ""
    doc: str


share = partial(Metric, is_share=True)
"""A metric between 0 and 1, as accuracies are."""
PARAMS = Metric(name="params", mode="min", doc="numbers that training adjusts, of any model")
"""The size of the network, which searches report for the model: the same in every epoch."""


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

    Importing the module of a spec imports no torch: the functions import their model when called.

    Attributes:
        name: as in searches, in `models/registry.py` and in names of folders.
        config_type: settings; see `Config`.
        data_type: settings of the data: a frozen, keyword-only dataclass, too.
        presets_file: the built-in presets.
        metrics: what a search can optimise, each reported by `Task.evaluate`; `main_metric` names
            the usual one, which no setting changes the meaning of.
        secondary_metric: decides between equal values of any other metric; nothing that may be
            searched changes what it measures, so that it compares trials, too.
        changeable: keys with which a checkpoint of other values goes on as if it had had them.
        early_metric: tells trials apart at a rung while any other metric is equal, as one that
            counts whole rows is 0 in all of them at first: the one whose early values go with the
            late ones of `main_metric`. Nothing that may be searched changes what it measures;
            `secondary_metric` unless another is given.
        load_data: `(data settings, progress) -> data set`; raises UserError for settings that
            contradict each other and for files that are missing or broken.
        build_task: `(config, data set, device) -> Task`, the device a torch one, such as `cuda`;
            raises UserError where the settings do not suit the data.
        splits_batches: whether `build_task` also takes `micro_batches`, the number of parts in
            which a batch is worked on one after another to need less memory: of the same settings
            they make the same steps, up to rounding and to numbers that the network itself draws,
            and take up the same checkpoints. A trial that runs out of memory then tries again.
        describe_cost: `(config, data set) -> ModelCost`, without training; with None for the data
            set, for data like `usual_data`.
        usual_data: what data without a name stand for, in a few words.
        cost_as_trained: `(config, content of a checkpoint) -> ModelCost`, for the data that the
            checkpoint was trained on; None where the number of parameters hangs on no data.
        applies: keys of the settings that act only where another key lets them.
        annealing: keys that hold for how many of the first epochs the loss is another one than
            later, with the share of that number in which it is; trials that differ in them cannot
            be compared before.
        check_data: `(data settings) -> None`, at once; raises UserError for settings that
            contradict each other and for files that are not there.
        data_files: `(data settings) -> files by the key that names them`, all that a machine needs
            to load them; the first of a key is the one that it names, or its folder.
        package: the Python package whose module `train` is the command that trains it;
            `models.<name>` unless another is given.
        data_flags: names of that command's flags for settings of the data that are not flags by
            their own name.
        example: Python that loads a checkpoint and uses it, of which `{checkpoint}` is the path.
        limits: what it cannot do, in a sentence or two, for the card of a trained model.
        showcase: `(checkpoint, data settings) -> Showcase`: what a trained model makes of
            validation rows, for people; raises UserError where checkpoint or data are missing,
            broken or do not belong together. None for a model that has nothing to show.
    """

    name: str
    config_type: type
    data_type: type
    presets_file: Path
    metrics: tuple[Metric, ...]
    main_metric: str
    secondary_metric: str
    load_data: Callable[[Any, ProgressCallback | None], Dataset]
    build_task: Callable[..., Task]
    describe_cost: Callable[[Any, Any], ModelCost]
    usual_data: str
    cost_as_trained: Callable[[Any, Mapping[str, Any]], ModelCost] | None = None
    applies: tuple[Applies, ...] = ()
    annealing: Mapping[str, float] = field(default_factory=dict)
    check_data: Callable[[Any], None] = lambda data: None
    changeable: tuple[str, ...] = ()
    early_metric: str = ""
    data_files: Callable[[Any], Mapping[str, Sequence[Path]]] = named_files
    package: str = ""
    splits_batches: bool = True
    data_flags: Mapping[str, str] = field(default_factory=lambda: {"seed": "data_seed"})
    example: str = READ_CHECKPOINT
    limits: str = ""
    showcase: Callable[[Path, Any], Showcase] | None = None

    @property
    def home(self) -> str:
        """The Python package that the model lives in."""
        return self.package or f"models.{self.name}"

    @property
    def train_command(self) -> str:
        """What to type for the command that trains it, without flags."""
        return f"python -m {self.home}.train"

    def training_command(self, preset: str, data: Mapping[str, Any] | None = None) -> str:
        """Return what to type to train a preset, on data of these settings where they are given."""
        words = [*self.train_command.split(), "--config", preset]
        for key, value in (data or {}).items():
            if value is not None:
                words += [f"--{self.data_flags.get(key, key)}", str(value)]
        return shlex.join(words)

    @property
    def objectives(self) -> tuple[Metric, ...]:
        """What a search can optimise: the metrics, and the size of the network."""
        return (*self.metrics, PARAMS)

    def metric(self, name: str) -> Metric:
        """Return the metric of this name, which the model has."""
        return next(metric for metric in self.objectives if metric.name == name)

    def reach(self, metric: str) -> float:
        """Return by how much two values of a metric can differ at most."""
        return 1.0 if any(one.is_share for one in self.metrics if one.name == metric) else math.inf

    def ranking(self, name: str) -> Ranking:
        """Return the order of epochs by the metric of this name."""
        return self._ranking(name, self.secondary_metric)

    def rung_ranking(self, name: str) -> Ranking:
        """Return the order of trials at a rung by the metric of this name."""
        return self._ranking(name, self.early_metric or self.secondary_metric)

    def _ranking(self, name: str, between_equals: str) -> Ranking:
        secondary = self.metric(between_equals)
        return Ranking(
            metric=name,
            mode=self.metric(name).mode,
            secondary=secondary.name,
            secondary_mode=secondary.mode,
        )
