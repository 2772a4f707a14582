"""The text VAE as a task of the training loop."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.config_file import to_mapping
from models.optimization.optimization import Optimization, OptimizationSettings
from models.training.contracts import ModelCost
from models.training.loop import TrainingDiverged
from text_vae.config import TextVaeConfig
from text_vae.data import TextDataset
from text_vae.network import TextVae

_MB = 1e6


class TextVaeTask:
    """A network, its optimizer and a data set; see `Task`."""

    def __init__(self, config: TextVaeConfig, dataset: TextDataset, device: str) -> None:
        torch.manual_seed(config.seed)
        self.config, self.dataset = config, dataset
        sizes = {"hidden": config.hidden, "z_dim": config.z_dim}
        self.network = TextVae(num_characters=len(dataset.characters), **sizes).to(device)
        self.ids = torch.as_tensor(dataset.ids.astype(np.int64), device=device)
        self.lengths = torch.as_tensor(np.array(dataset.lengths))
        self.on_batch: Callable[[int, int], None] = lambda done, total: None
        self.epoch, self.losses = 0, list[tuple[float, int]]()
        self.optimization = Optimization(
            self.network,
            torch.optim.Adam(self.network.parameters(), lr=config.lr),
            self,
            OptimizationSettings(
                lr=config.lr,
                lr_schedule="constant",
                epochs=config.epochs,
                batch_size=config.batch_size,
                step_grid=1,
                seed=config.seed,
            ),
            graphed=False,
        )

    def train_epoch(self, epoch: int) -> dict[str, float]:
        self.epoch, self.losses = epoch, []
        rows = torch.as_tensor(np.array(self.dataset.train))
        lr = self.optimization.train_epoch(rows, self.lengths, self.on_batch)
        total = sum(loss * num_rows for loss, num_rows in self.losses)
        return {"loss": total / len(rows), "lr": lr}

    def __call__(self, rows: Tensor, num_steps: int, weight: Tensor | None) -> None:
        """Train on one batch; see `Work`."""
        ids = self.ids[rows, :num_steps]
        mean, logvar = self.network.encode(ids)
        z = mean + torch.randn_like(mean) * (logvar / 2).exp()
        loss = self._recon(z, ids) + self.config.beta * _kl(mean, logvar)
        if not math.isfinite(loss.item()):
            raise TrainingDiverged(self.epoch, len(self.losses) + 1, "the loss", "lower lr")
        self.losses.append((loss.item(), len(rows)))
        self.optimization.optimizer.zero_grad()
        loss.backward()
        self.optimization.optimizer.step()

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        ids = self.ids[torch.as_tensor(np.array(self.dataset.val))]
        mean, logvar = self.network.encode(ids)
        recon, kl = self._recon(mean, ids).item(), _kl(mean, logvar).item()
        exact = (self.network.write(mean, ids.shape[1]) == ids).all(1)
        return {
            "seq_acc": exact.double().mean().item(),
            "recon": recon,
            "kl": kl,
            "loss": recon + self.config.beta * kl,
        }

    def state_dict(self) -> dict[str, Any]:
        return self.optimization.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.optimization.load_state_dict(state)

    def describe(self) -> dict[str, Any]:
        return {
            "model": "text_vae",
            "config": to_mapping(self.config),
            "characters": self.dataset.characters,
            "data": {"name": self.dataset.name, "digest": self.dataset.digest},
        }

    def _recon(self, z: Tensor, ids: Tensor) -> Tensor:
        """Return the cross-entropy in nats a row, the first end included and no other."""
        real = F.pad(ids, (1, 0), value=1)[:, :-1] > 0
        nats = F.cross_entropy(self.network.decode(z, ids).mT, ids, reduction="none")
        return (nats * real).sum(1).mean()


def _kl(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the KL divergence to the prior in nats a row."""
    return ((mean**2 + logvar.exp() - 1 - logvar) / 2).sum(1).mean()


def describe_cost(config: TextVaeConfig, dataset: TextDataset | None) -> ModelCost:
    """Return what training takes; see `ModelSpec.describe_cost`."""
    num_characters = 30 if dataset is None else len(dataset.characters)
    steps, rows = (20, 1000) if dataset is None else (dataset.ids.shape[1], len(dataset.train))
    with torch.device("meta"):
        network = TextVae(num_characters=num_characters, hidden=config.hidden, z_dim=config.z_dim)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    activations = config.batch_size * steps * 20 * config.hidden
    return ModelCost(
        num_parameters=parameters,
        checkpoint_mb=3 * parameters * 4 / _MB,
        memory_mb=450 + (4 * parameters + activations) * 4 / _MB,
        rows_per_epoch=rows,
    )
