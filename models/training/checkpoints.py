"""Checkpoint files: written beside and renamed, read without unpickling code.

A run folder holds three kinds: `best-seq_acc-{epoch}-{value}.ckpt` and
`best-loss-{epoch}-{value}.ckpt` (the best `save_top_k` of each) and `last.ckpt`.
"""

import math
import pickle
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import torch

from models.errors import UserError
from models.layers.weights import load_weights
from models.training.layout import LAST
from models.training.ranking import Cost, Ranking

FORMAT = 1
_STARTS = (b"PK\x03\x04", b"\x80")
"""Of what torch writes: a zip archive, and before version 1.6 a pickle."""

NetworkT = TypeVar("NetworkT", bound=torch.nn.Module)

_Rank: TypeAlias = tuple[float, Cost]
"""What sorts files: first the value that the file name says, in four decimals."""


def write_checkpoint(path: Path, payload: Mapping[str, Any], *, make_folder: bool = True) -> None:
    """Write a checkpoint beside its place, then rename it, in a folder that is made if need be.

    Raises:
        UserError: the disk is full or the folder cannot be written; an older file is intact.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            torch.save({"format": FORMAT, **payload}, file)
        beside.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        beside.unlink(missing_ok=True)
        raise UserError(
            f"{path}: the checkpoint cannot be written ({error}). "
            "Free disk space or choose another folder; earlier checkpoints are intact"
        ) from error


def snapshot(state: Any) -> Any:
    """Return nested mappings and sequences with every tensor copied to main memory.

    The copy stays as it is while the tensors are trained on.
    """
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {key: snapshot(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(snapshot(value) for value in state)
    return state


def read_checkpoint(path: Path, device: str = "cpu", *, mmap: bool = False) -> dict[str, Any]:
    """Read a checkpoint with `weights_only=True`, so that no code in it can run.

    Args:
        path: the file.
        device: where its tensors go.
        mmap: leave the tensors on disk until they are used, to look at the rest.

    Raises:
        UserError: the file is missing, damaged, or no checkpoint of this project.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    _check_start(path)
    try:
        with warnings.catch_warnings():  # of pickles that torch did not write
            warnings.simplefilter("ignore")
            payload = torch.load(path, map_location=device, weights_only=True, mmap=mmap)
    except pickle.UnpicklingError as error:  # torch's own message says how to run the code
        raise UserError(
            f"{path}: not read, since it holds more than tensors and plain values, and that "
            "could run code"
        ) from error
    except Exception as error:  # a torn file raises anything from EOFError to RuntimeError
        raise UserError(
            f"{path}: not a checkpoint, or damaged ({type(error).__name__}): take another one"
        ) from error
    if not isinstance(payload, dict) or payload.get("format") != FORMAT:
        raise UserError(f"{path}: not a checkpoint of format {FORMAT} of this project")
    return payload


def _check_start(path: Path) -> None:
    """Refuse a file that torch never wrote; torch takes any text for code that it must not run."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not start.startswith(_STARTS):
        raise UserError(
            f"{path}: not a checkpoint, or damaged: it does not begin as one: give a .ckpt or .pt "
            "file of a training, or an exported .safetensors"
        )


def check_model(payload: Mapping[str, Any], path: Path, model: str, keys: Iterable[str]) -> None:
    """Check that a checkpoint is of a model and holds what its network is rebuilt from.

    Args:
        payload: of the checkpoint.
        path: of the file, for messages.
        model: name of the model.
        keys: that must be there besides the weights.

    Raises:
        UserError: it is of another model, or something is missing.
    """
    if payload.get("model") != model:
        raise UserError(f"{path}: a checkpoint of {payload.get('model')}, not of {model}")
    missing = [key for key in keys if key not in payload]
    if not isinstance(payload.get("task"), dict) or "network" not in payload["task"]:
        missing.append("weights")
    if missing:
        raise UserError(
            f"{path}: a checkpoint of {model} without {', '.join(missing)}: take another one"
        )


def trained_network(network: NetworkT, payload: Mapping[str, Any], path: Path) -> NetworkT:
    """Return a network with the weights of a checkpoint, in evaluation mode.

    Raises:
        UserError: the weights are of another network.
    """
    try:
        load_weights(network, payload["task"]["network"])
    except ValueError as error:
        raise UserError(f"{path}: its weights do not fit its settings: {error}") from error
    return network.eval()


def best_name(ranking: Ranking, epoch: int, value: float) -> str:
    """Return the name of the checkpoint file of an epoch that is among the best."""
    return f"best-{ranking.label}-{epoch}-{value:.4f}.ckpt"


def best_checkpoint(folder: Path, rankings: Iterable[Ranking]) -> Path | None:
    """Return the best file in `folder` by the first of the rankings whose metric named any there.

    Raises:
        UserError: files whose names tie, and one of them cannot be read.
    """
    for ranking in rankings:
        ranked = _ranked(folder, ranking)
        if ranked:
            return ranked[0][1]
    return None


class CheckpointKeeper:
    """Keeps `last.ckpt` and the best `top_k` files of every ranking in one folder.

    Its memory is the files themselves, so it goes on rightly after a resume.
    """

    def __init__(self, folder: Path, rankings: tuple[Ranking, ...], top_k: int) -> None:
        self.folder = folder
        self.rankings = rankings
        self.top_k = top_k

    def update(
        self, epoch: int, metrics: Mapping[str, float], save: Callable[[Path], None]
    ) -> list[Path]:
        """Write this epoch's files, delete those that fell out; return the new best files."""
        last = self.folder / LAST
        save(last)
        written = []
        for ranking in self.rankings:
            value = metrics.get(ranking.metric, math.nan)
            if math.isnan(value):  # compares with nothing
                continue
            path = self.folder / best_name(ranking, epoch, value)
            if self._place(ranking, epoch, metrics) < self.top_k:
                _link(last, path)
                written.append(path)
                for _, old in _ranked(self.folder, ranking)[self.top_k :]:
                    old.unlink()
        return written

    def is_best(self, label: str, epoch: int, metrics: Mapping[str, float]) -> bool:
        """Return whether no file that is kept is of a better epoch, by the ranking of a label."""
        return all(
            self._place(ranking, epoch, metrics) == 0
            for ranking in self.rankings
            if ranking.label == label
        )

    def best(self, label: str) -> Path | None:
        """Return the best file of the ranking with this label."""
        return best_checkpoint(self.folder, (r for r in self.rankings if r.label == label))

    def _place(self, ranking: Ranking, epoch: int, metrics: Mapping[str, float]) -> int:
        """Return how many files of other epochs are better than this epoch."""
        rank = _rank(ranking, metrics[ranking.metric], metrics, epoch)
        others = _ranked(self.folder, ranking, tied_with=rank[0])
        return sum(other < rank for other, path in others if _epoch_of(path) != epoch)


def _ranked(
    folder: Path, ranking: Ranking, tied_with: float | None = None
) -> list[tuple[_Rank, Path]]:
    """Return the files of a ranking, best first.

    File names hold four decimals of the value and nothing else: among files whose names tie, and
    those that tie with `tied_with`, the metrics inside decide.
    """
    files = list(folder.glob(f"best-{ranking.label}-*.ckpt"))
    named = {file: _rank(ranking, _value_of(file), {}, _epoch_of(file)) for file in files}
    first = Counter(rank[0] for rank in named.values())
    if tied_with is not None:
        first[tied_with] += 1
    ranked = [
        (_rank_inside(ranking, file) if first[rank[0]] > 1 else rank, file)
        for file, rank in named.items()
    ]
    return sorted(ranked)


def _rank(ranking: Ranking, value: float, metrics: Mapping[str, float], epoch: int) -> _Rank:
    named = ranking.cost({ranking.metric: float(f"{value:.4f}")}, epoch)
    return named[0], ranking.cost({ranking.metric: value, **metrics}, epoch)


def _rank_inside(ranking: Ranking, file: Path) -> _Rank:
    metrics = _metrics_of(file, file.stat().st_mtime_ns)
    return _rank(ranking, _value_of(file), metrics, _epoch_of(file))


@lru_cache(maxsize=256)
def _metrics_of(path: Path, changed: int) -> Mapping[str, float]:
    """Return the metrics in a checkpoint; `changed` is its time, since a file may be replaced."""
    return read_checkpoint(path, mmap=True).get("metrics", {})


def _parts(path: Path) -> tuple[int, float]:
    match = re.search(r"-(\d+)-(-?(?:\d+\.\d+|inf))\.ckpt$", path.name)
    if match is None:
        raise UserError(f"{path}: not a checkpoint name (best-METRIC-EPOCH-VALUE.ckpt): move it")
    return int(match[1]), float(match[2])


def _epoch_of(path: Path) -> int:
    return _parts(path)[0]


def _value_of(path: Path) -> float:
    return _parts(path)[1]


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; the next `last.ckpt` replaces only the first one."""
    beside = target.with_name(f".{target.name}.part")
    beside.unlink(missing_ok=True)
    try:
        beside.hardlink_to(source)
    except OSError:  # file systems without hard links
        _copy(source, beside)
    beside.replace(target)


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        target.unlink()
        raise UserError(f"{target}: cannot be written: {error.strerror}") from error
