"""A part of a data set judged by a trained model: the test part when a run ends, any part later.

Nothing is chosen by what comes out here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from models.ast_autoencoder.console import closing_lines
from models.ast_autoencoder.data import ProgramDataset
from models.ast_autoencoder.evaluation import Evaluated
from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.validation_rows import validation_rows
from models.config_file import write_text
from models.errors import UserError
from models.training.checkpoints import read_checkpoint
from models.training.layout import ArtifactFolder

if TYPE_CHECKING:
    from models.ast_autoencoder.trained import TrainedModel

Part = Literal["train", "val", "test"]


def held_out_lines(task: AstAutoencoderTask, folder: ArtifactFolder) -> list[str]:
    """Judge the best model on the test part and write `test.json`; return lines for people.

    Args:
        task: after training; its network has the best model's weights then.
        folder: of the run.
    """
    if not len(task.dataset.test):
        return []
    best = folder.best_model if folder.best_model.is_file() else folder.final_model
    payload = read_checkpoint(best, str(task.device))
    task.network.load_state_dict(payload["task"]["network"])
    try:
        evaluated = task.evaluate_part("test")
    except UserError as error:
        return [f"test: {error}"]
    about = {"checkpoint": best.name, "epoch": payload["epoch"]}
    lines = _write(folder.test, "test", about, evaluated, task.dataset)
    lines = [f"test: {line}" for line in lines]
    return [*lines, f"test: {best.name} of epoch {payload['epoch']}; wrote {folder.test}"]


def part_lines(
    model: "TrainedModel", dataset: ProgramDataset, part: Part, num: int | None, out: Path | None
) -> list[str]:
    """Judge a part as a run judges its test part, with the same lines and the same file.

    Args:
        model: what to judge.
        dataset: with the part.
        part: which.
        num: programs of it at most, from its first on; None takes all.
        out: folder for `PART.json`, or None.

    Raises:
        UserError: the part is empty, or each of its programs is longer than the model may write.
    """
    rows = getattr(dataset, part)
    if not len(rows):
        raise UserError(f"{dataset.name}: has no {part} programs: choose another --split")
    task = AstAutoencoderTask(model.config, dataset, str(model.device))
    task.network.load_state_dict(model.network.state_dict())
    evaluated = task.evaluate_part(part, num)
    count = len(evaluated.rows)
    shown = f"{count:,}" if count == len(rows) else f"the first {count:,} of {len(rows):,}"
    lines = [f"{part}: {shown} programs of {dataset.name}, {model.source.name}"]
    path = None if out is None else out / f"{part}.json"
    lines += _write(path, part, {"checkpoint": model.source.name}, evaluated, dataset)
    if model.training_data["digest"] != dataset.digest:
        lines.append(
            f"note: the model was trained on other programs or another split "
            f"({model.training_data['name']}); some of these may be among its training programs"
        )
    return lines if path is None else [*lines, f"wrote {path}"]


def _write(
    path: Path | None,
    part: Part,
    about: Mapping[str, Any],
    evaluated: Evaluated,
    dataset: ProgramDataset,
) -> list[str]:
    """Write metrics and a row for each program, where there is a path; return lines on them."""
    metrics = {f"{part}/{name}": value for name, value in evaluated.metrics.items()}
    if path is not None:
        programs = validation_rows(evaluated, dataset, {})
        content = {**about, "metrics": metrics, "programs": programs}
        write_text(path, json.dumps(content, indent=1) + "\n")
    return closing_lines(metrics, part)
