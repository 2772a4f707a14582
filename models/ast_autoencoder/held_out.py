"""The test part of a data set: the best model of a run on it, once, when training has ended.

Nothing is chosen by what comes out here.
"""

import json

from models.ast_autoencoder.console import closing_lines
from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.validation_rows import validation_rows
from models.config_file import write_text
from models.errors import UserError
from models.training.checkpoints import read_checkpoint
from models.training.layout import ArtifactFolder


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
        evaluated = task.evaluate_test()
    except UserError as error:
        return [f"test: {error}"]
    metrics = {f"test/{name}": value for name, value in evaluated.metrics.items()}
    content = {
        "checkpoint": best.name,
        "epoch": payload["epoch"],
        "metrics": metrics,
        "programs": validation_rows(evaluated, task.dataset, {}),
    }
    write_text(folder.test, json.dumps(content, indent=1) + "\n")
    lines = [f"test: {line}" for line in closing_lines(metrics, "test")]
    return [*lines, f"test: {best.name} of epoch {payload['epoch']}; wrote {folder.test}"]
