"""The text VAE as a task of the training loop."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.contracts import ModelCost, Rows
from models.training.network_task import NetworkTask
from models.training.summed_step import SummedStep, UpdateSettings
from text_vae.config import TextVaeConfig
from text_vae.data import TextDataset
from text_vae.network import TextVae

_MB = 1e6


class TextStep(SummedStep):
    """A step on rows of characters."""

    def __init__(self, network: TextVae, config: TextVaeConfig, settings: UpdateSettings) -> None:
        optimizer = torch.optim.Adam(network.parameters(), lr=config.lr)
        sums = ("rows", "loss", "grad_norm", "updates")
        super().__init__(network, optimizer, settings, sums, "lower lr")
        self.network, self.config = network, config

    def draw(self, num_rows: int) -> tuple[Tensor]:
        return (torch.randn(num_rows, self.config.z_dim, device=self.device),)

    def forward(self, ids: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, logvar = self.network.encode(ids)
        z = mean + noise * (logvar / 2).exp()
        loss = recon_of(self.network, z, ids) + self.config.beta * kl_of(mean, logvar)
        return loss, torch.stack([torch.ones_like(loss), loss.detach()])

    def means_of(self, sums: Mapping[str, float]) -> dict[str, float]:
        return {"loss": sums["loss"] / sums["rows"]}


class TextVaeTask(NetworkTask):
    """A network, its optimizer and a data set; see `Task`."""

    model = "text_vae"

    def __init__(
        self, config: TextVaeConfig, dataset: TextDataset, device: str, micro_batches: int = 1
    ) -> None:
        super().__init__(config, dataset, device, micro_batches)
        self.network = network_of(config, len(dataset.characters)).to(device)
        self.ids = ids = torch.as_tensor(dataset.ids.astype(np.int64), device=device)
        step = TextStep(self.network, config, self.update_settings(None))
        self.train_by(step, lambda rows, num_steps: (ids[rows, :num_steps],))

    @torch.no_grad()
    def evaluate_on(self, rows: Rows) -> dict[str, float]:
        ids = self.ids[self.rows(rows)]
        mean, logvar = self.network.encode(ids)
        recon = recon_of(self.network, mean, ids).mean().item()
        kl = kl_of(mean, logvar).mean().item()
        exact = (self.network.write(mean, ids.shape[1]) == ids).all(1)
        return {
            "seq_acc": exact.double().mean().item(),
            "recon": recon,
            "kl": kl,
            "loss": recon + self.config.beta * kl,
        }

    def rebuilt_from(self) -> dict[str, Any]:
        return {"characters": self.dataset.characters}


def network_of(config: TextVaeConfig, num_characters: int) -> TextVae:
    return TextVae(num_characters=num_characters, hidden=config.hidden, z_dim=config.z_dim)


def recon_of(network: TextVae, z: Tensor, ids: Tensor) -> Tensor:
    """Return the cross-entropy of each row in nats, the first end included and no other."""
    real = F.pad(ids, (1, 0), value=1)[:, :-1] > 0
    nats = F.cross_entropy(network.decode(z, ids).mT, ids, reduction="none")
    return (nats * real).sum(1)


def kl_of(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return the KL divergence of each row to the prior in nats."""
    return ((mean**2 + logvar.exp() - 1 - logvar) / 2).sum(1)


def describe_cost(config: TextVaeConfig, dataset: TextDataset | None) -> ModelCost:
    """Return what training takes; see `ModelSpec.describe_cost`."""
    num_characters = 30 if dataset is None else len(dataset.characters)
    steps, rows = (20, 1000) if dataset is None else (dataset.ids.shape[1], len(dataset.train))
    with torch.device("meta"):
        network = network_of(config, num_characters)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    activations = config.batch_size * steps * 20 * config.hidden
    return ModelCost(
        num_parameters=parameters,
        checkpoint_mb=3 * parameters * 4 / _MB,
        memory_mb=450 + (4 * parameters + activations) * 4 / _MB,
        rows_per_epoch=rows,
    )
