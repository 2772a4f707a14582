"""What the line of an epoch of the Grammar-VAE shows."""

from collections.abc import Mapping


def epoch_parts(m: Mapping[str, float]) -> list[str]:
    """Return what is shown of training and of validation."""
    return [
        f"train loss {m['train/loss']:.3f} recon {m['train/recon']:.3f} kl {m['train/kl']:.2f} "
        f"seq_acc {m['train/seq_acc']:.4f} beta {m['train/beta']:.3g}",
        f"val seq_acc {m['val/seq_acc']:.4f} token_acc {m['val/token_acc']:.4f} "
        f"elbo {m['val/elbo']:.2f} kl/dim {m['val/kl_per_dim']:.3f}",
    ]
