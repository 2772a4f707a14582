"""The line that an epoch of the Grammar-VAE shows."""

from models.training import EpochReport


def epoch_line(report: EpochReport, num_epochs: int, *, best: bool) -> str:
    """Return the line of an epoch; a star marks the best one so far."""
    m = report.metrics
    width = len(str(num_epochs))
    parts = [
        f"epoch {report.epoch:>{width}}/{num_epochs}",
        f"train loss {m['train/loss']:.3f} recon {m['train/recon']:.3f} kl {m['train/kl']:.2f} "
        f"seq_acc {m['train/seq_acc']:.4f} beta {m['train/beta']:.3g}",
        f"val seq_acc {m['val/seq_acc']:.4f} token_acc {m['val/token_acc']:.4f} "
        f"elbo {m['val/elbo']:.2f} kl/dim {m['val/kl_per_dim']:.3f}",
        f"{m['train/rows_per_s']:,.0f} rows/s {m['seconds']:.1f} s",
    ]
    return " | ".join(parts) + (" *" if best else "")
