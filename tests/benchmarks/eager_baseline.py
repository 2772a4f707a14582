"""The same Grammar-VAE written the straightforward way: what `train_speed.py` compares with.

One-hot rows of full width come from a DataLoader with workers, masks are unpacked bit by bit,
the layers are PyTorch's own in float32, and every step runs eagerly. The lean form of it wastes
nothing on the way: ids lie in memory and batches of like length are cut to their longest row. What
it gains is what the plain form wastes; what is left to the product is the product's own.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from models.grammar_vae.config import GrammarVaeConfig
from models.grammar_vae.data import DerivationDataset
from models.grammar_vae.network import encoder_channels
from models.optimization.batches import training_batches

NUM_STEPS = 114
"""The fixed width of the system that users come from; the longest row has 97 steps."""


class Rows(Dataset):
    """One-hot rows and their unpacked masks."""

    def __init__(self, dataset: DerivationDataset) -> None:
        self.rows = np.asarray(dataset.train)
        self.num_ids = dataset.num_productions
        ids = np.asarray(dataset.ids, dtype=np.int64)
        self.ids = np.pad(ids, ((0, 0), (0, NUM_STEPS - ids.shape[1])), constant_values=-1)
        table = np.asarray(dataset.table)[np.asarray(dataset.left_sides)]
        self.packed = np.packbits(table, axis=-1)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        ids = self.ids[self.rows[place]]
        real = ids >= 0
        one_hot = np.zeros((NUM_STEPS, self.num_ids), dtype=np.float32)
        one_hot[np.nonzero(real)[0], ids[real]] = 1.0
        packed = np.where(real[:, None], self.packed[np.maximum(ids, 0)], 0).astype(np.uint8)
        masks = np.unpackbits(packed, axis=-1)[:, : self.num_ids].astype(np.float32)
        return torch.from_numpy(one_hot), torch.from_numpy(masks), torch.from_numpy(ids)


class Block(nn.Module):
    def __init__(self, before: int, channels: int, kernel: int, residual: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(before, channels, kernel, padding="same")
        self.norm = nn.LayerNorm(channels) if residual else nn.Identity()
        self.shortcut = nn.Conv1d(before, channels, 1) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        out = F.gelu(self.norm(self.conv(x).mT)).mT
        return out if self.shortcut is None else out + self.shortcut(x)


class Network(nn.Module):
    def __init__(self, config: GrammarVaeConfig, num_ids: int) -> None:
        super().__init__()
        widths = [num_ids, *encoder_channels(config)]
        residual = config.encoder_style == "residual"
        self.blocks = nn.Sequential(
            *(
                Block(before, width, kernel, residual)
                for before, width, kernel in zip(widths, widths[1:], config.kernels, strict=False)
            )
        )
        self.flatten = config.encoder_pool == "flatten"
        features = widths[-1] * (NUM_STEPS if self.flatten else 1)
        self.posterior = nn.Linear(features, 2 * config.z_dim)
        self.repeat = config.decoder_input == "repeat_latent"
        hidden, layers = config.decoder_hidden, config.decoder_layers
        self.start = nn.Linear(config.z_dim, layers * hidden)
        self.step_input = nn.Parameter(torch.randn(hidden) * 0.1)
        width = config.z_dim if self.repeat else hidden
        self.gru = nn.GRU(width, hidden, layers, batch_first=True, dropout=config.decoder_dropout)
        self.layers = layers
        self.head = nn.Linear(hidden, num_ids)

    def forward(self, one_hot: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.blocks(one_hot.mT)
        pooled = x.flatten(1) if self.flatten else x.mean(2)
        mean, log_variance = self.posterior(pooled).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        if self.repeat:
            states = self.gru(z[:, None].repeat(1, one_hot.shape[1], 1))[0]
        else:
            start = torch.tanh(self.start(z)).view(len(z), self.layers, -1)
            inputs = self.step_input.expand(len(z), one_hot.shape[1], -1)
            states = self.gru(inputs, start.transpose(0, 1).contiguous())[0]
        return self.head(states), mean, log_variance


def baseline_rows_per_s(
    config: GrammarVaeConfig,
    dataset: DerivationDataset,
    device: str,
    num_batches: int,
    clock: Callable[[], float] = time.perf_counter,
    *,
    lean: bool = False,
) -> float:
    """Return training speed after two batches of warm-up, of the plain or the lean form."""
    network = Network(config, dataset.num_productions).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.lr)
    start, num_rows = 0.0, 0
    for number, batch in enumerate((_lean_batches if lean else _batches)(config, dataset, device)):
        if number == 2:
            _wait(device)
            start, num_rows = clock(), 0
        if number == num_batches + 2:
            break
        one_hot, masks, ids = batch
        logits, mean, log_variance = network(one_hot)
        masked = logits.masked_fill(masks == 0, -1e9).flatten(0, 1)
        nats = F.cross_entropy(masked, ids.flatten(), ignore_index=-1, reduction="sum")
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        loss = nats / len(ids) + (config.beta * kl.clamp(min=config.free_bits)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimizer.step()
        loss.item()
        num_rows += len(ids)
    _wait(device)
    return num_rows / (clock() - start)


def _batches(
    config: GrammarVaeConfig, dataset: DerivationDataset, device: str
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    loader = DataLoader(
        Rows(dataset),
        batch_size=config.batch_size,
        shuffle=True,
        num_workers=8 if device == "cuda" else 1,
        pin_memory=device == "cuda",
    )
    for batch in loader:
        one_hot, masks, ids = (part.to(device, non_blocking=True) for part in batch)
        yield one_hot, masks, ids


def _lean_batches(
    config: GrammarVaeConfig, dataset: DerivationDataset, device: str
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    assert config.encoder_pool == "mean", "a flattened encoder needs rows of full width"
    ids = torch.as_tensor(np.asarray(dataset.ids, dtype=np.int64)).to(device)
    table = torch.as_tensor(np.asarray(dataset.table)[np.asarray(dataset.left_sides)]).to(device)
    lengths = (ids >= 0).sum(1).cpu()
    shuffle = torch.Generator().manual_seed(config.seed)
    rows = torch.as_tensor(np.array(dataset.train))
    for batch in training_batches(rows, lengths, config.batch_size, 1, shuffle):
        part = ids[batch.rows.to(device), : batch.num_steps]
        real = (part >= 0)[..., None]
        one_hot = F.one_hot(part.clamp(min=0), dataset.num_productions) * real
        masks = table[part.clamp(min=0)] & real
        yield one_hot.float(), masks.float(), part


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
