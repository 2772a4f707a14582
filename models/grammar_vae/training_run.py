"""What the Grammar-VAE adds to a training run: its lines, and the report at the end."""

from collections.abc import Iterator
from pathlib import Path

from models.grammar_vae.console import epoch_parts
from models.grammar_vae.cost import memory_need
from models.grammar_vae.datasets.long_rows import long_rows_note
from models.grammar_vae.report_metrics import report_on
from models.grammar_vae.report_text import REPORT_NAME, report_lines, write_report
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import load_model
from models.training.console import Console
from models.training.layout import TopK
from models.training.loop import EpochReport
from models.training.run import ModelRun, TrainingRun

NO_GRAMMAR = (
    "no grammar: ids and masks hold no text, so val/prior_unique, val/prior_novel, coefficient "
    "errors and prior samples are left out, and val/seq_acc is under the masks alone.\n"
    "Pass --grammar (a built-in name or a YAML file) now to have them, or later to "
    "python -m models.grammar_vae.use, whose encode, decode, reconstruct, sample, interpolate and "
    "nearest need it."
)


def _notes(task: GrammarVaeTask) -> Iterator[str]:
    """Say what is left out without a grammar, and which rows make all others slow."""
    if task.dataset.grammar is None:
        yield NO_GRAMMAR
    far = long_rows_note(task.dataset.lengths, lambda row: f"row {row}")
    if far is not None:
        yield far


def _close(
    run: TrainingRun, task: GrammarVaeTask, last: EpochReport, best: Path, console: Console
) -> None:
    """Report on the best checkpoint, with rows held back until the end where there are any."""
    data = run.dataset
    split = "test" if len(data.test) else "val"
    what = f"report of {best.name} on {len(getattr(data, split)):,} {split} rows"
    console.line(f"{what} ...")
    console.working(what)
    model = load_model(best, run.device)
    report = report_on(model, data, split)
    for line in report_lines(report, model, data):
        console.line(line)
    for path in write_report(run.folder.path, report, model, data):
        console.line(f"wrote {path}")
    console.line(f"best checkpoint: {best}")


GRAMMAR_VAE_RUN = ModelRun(
    spec=GRAMMAR_VAE,
    checkpoints=TopK(metrics=("val/seq_acc", "val/loss")),
    memory_need=memory_need,
    epoch_parts=epoch_parts,
    close=_close,
    left_by_close=lambda run: run.folder.path / REPORT_NAME,
    build_task=GrammarVaeTask,
    opening=lambda task: f", up to {task.dataset.ids.shape[1]} steps",
    notes=_notes,
)
