"""The line of an epoch."""

from models.grammar_vae.console import epoch_parts
from models.training.epoch_progress import epoch_line
from models.training.loop import EpochReport

METRICS = {
    "train/loss": 12.3456,
    "train/recon": 11.0,
    "train/kl": 2.5,
    "train/seq_acc": 0.123456,
    "train/beta": 0.05,
    "train/rows_per_s": 12345.6,
    "val/seq_acc": 0.75,
    "val/token_acc": 0.987654,
    "val/elbo": -14.5,
    "val/kl_per_dim": 0.25,
    "seconds": 1.26,
}


def line(*, best):
    report = EpochReport(epoch=7, metrics=METRICS, finished=None, payload=lambda: {})
    return epoch_line(report, 100, epoch_parts(METRICS), "rows", best=best)


def test_an_epoch_is_one_line():
    assert line(best=False) == (
        "epoch   7/100 | train loss 12.346 recon 11.000 kl 2.50 seq_acc 0.1235 beta 0.05"
        " | val seq_acc 0.7500 token_acc 0.9877 elbo -14.50 kl/dim 0.250 | 12,346 rows/s 1.3 s"
    )


def test_a_star_marks_the_best():
    assert line(best=True) == line(best=False) + " *"
