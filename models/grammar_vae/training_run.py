"""What the Grammar-VAE adds to a training run: its lines, and the report at the end."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.console import epoch_parts
from models.grammar_vae.cost import memory_need
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.report_metrics import report_on
from models.grammar_vae.report_text import report_lines, write_report
from models.grammar_vae.spec import GRAMMAR_VAE
from models.grammar_vae.task import GrammarVaeTask
from models.grammar_vae.trained import load_model
from models.training.layout import TopK
from models.training.loop import EpochReport
from models.training.memory import MemoryNeed
from models.training.run import ModelRun, TrainingRun


class GrammarVaeRun(ModelRun):
    """The Grammar-VAE's part of one training run."""

    spec = GRAMMAR_VAE
    checkpoints = TopK(metrics=("val/seq_acc", "val/loss"))

    def memory_need(self, config: GrammarVaeConfig, dataset: DerivationDataset) -> MemoryNeed:
        """Return what is said where memory runs out."""
        return memory_need(config, dataset)

    def sizes(self, task: GrammarVaeTask) -> str:
        """Return the numbers of rows and their length."""
        data = task.dataset
        return (
            f"{len(data.train):,} training rows, {len(data.val):,} validation rows, "
            f"up to {data.ids.shape[1]} steps"
        )

    def epoch_parts(self, metrics: Mapping[str, float]) -> list[str]:
        """Return what an epoch's line says of training and validation."""
        return epoch_parts(metrics)

    def closing(
        self, run: TrainingRun, task: GrammarVaeTask, last: EpochReport, best: Path
    ) -> Iterator[str]:
        """Report on the best checkpoint, with rows held back until the end where there are any."""
        model = load_model(best, run.device)
        report = report_on(model, run.dataset, "test" if len(run.dataset.test) else "val")
        yield from report_lines(report, model, run.dataset)
        for path in write_report(run.folder.path, report, model, run.dataset):
            yield f"wrote {path}"
        yield f"best checkpoint: {best}"
