"""The AST autoencoder as a task of the training loop."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.ast_autoencoder.baselines import baseline_metrics, nearest_rows
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import ProgramDataset
from models.ast_autoencoder.evaluation import Evaluated, decode_rows, evaluate_decoded
from models.ast_autoencoder.inference import Inference
from models.ast_autoencoder.judging import judge_of
from models.ast_autoencoder.language.machine import ConstraintMachine
from models.ast_autoencoder.network import build_network
from models.ast_autoencoder.step import RowsStep, StepSettings, TrainStep
from models.ast_autoencoder.tensors import (
    NodeTensors,
    StepTensors,
    count_nodes,
    node_tensors,
    step_tensors,
)
from models.config_file import to_mapping
from models.errors import UserError
from models.optimization.determinism import allow_deterministic_products
from models.optimization.optimization import Optimization, OptimizationSettings
from models.optimization.parts import count_parts
from models.optimization.precision import autocast_dtype

_CPU_EVALUATION_BATCH = 1024
_GPU_EVALUATION_BATCH = 4096
_BASELINE_EPOCHS = 10
"""Trivial baselines change little: they are measured this often, and after the last epoch."""
_GPU_STEP_GRID = 8
_CPU_STEP_GRID = 4
"""Batches are cut to multiples of so many steps: a product of a new shape is prepared anew."""
_CAPTURABLE = ("gcn", "relational")
"""Kinds of encoders that work without the host's help, so that a CUDA graph can hold a step."""
_LEAST_WIDE = 512
"""Operations of narrower networks are too small for more threads than one."""
_LEAST_NARROW_BATCH = 32
"""With fewer programs a batch, bfloat16 products are slower on a CPU than those in float32."""


class AstAutoencoderTask:
    """A network, its optimizer and a data set, all on one device.

    Args:
        config: the settings.
        dataset: programs with their splits.
        device: a torch device, for example `cpu` or `cuda`.
        eval_interval: evaluate in every so many epochs, and in the last.
        graphed: replay CUDA graphs; None does so on a GPU where the encoder allows it.

    Raises:
        UserError: every training or validation program is longer than the decoder may write.
    """

    def __init__(
        self,
        config: AstAutoencoderConfig,
        dataset: ProgramDataset,
        device: str,
        *,
        eval_interval: int = 1,
        graphed: bool | None = None,
    ) -> None:
        allow_deterministic_products()
        torch.manual_seed(config.seed)
        self.config = config
        self.dataset = dataset
        self.device = torch.device(device)
        self.eval_interval = eval_interval
        self.network = build_network(config).to(self.device)
        self.machine = ConstraintMachine(self.device, config.max_decode_steps)
        self.train_rows, self.train_too_long = self._split(dataset.train, "training")
        self.val_rows, self.val_too_long = self._split(dataset.val, "validation")
        self.lengths = torch.as_tensor(np.array(dataset.lengths))
        self.num_nodes = torch.as_tensor(count_nodes(dataset.ids))
        self.tensors = self._tensors()
        capturable = self.device.type == "cuda" and config.encoder_kind in _CAPTURABLE
        self.graphed = capturable if graphed is None else graphed
        self.inference = Inference(self.network, autocast_dtype(config.precision, self.device))
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.lr,
            weight_decay=config.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
            capturable=self.graphed,
        )
        self.epoch = 0
        self.last_evaluation: Evaluated | None = None
        self.on_batch: Callable[[int, int], None] = lambda done, total: None
        self.step = TrainStep(
            self.network,
            optimizer,
            StepSettings(
                clip_norm=config.clip_norm,
                autocast=autocast_dtype(
                    config.precision,
                    self.device,
                    batch_is_small=config.batch_size < _LEAST_NARROW_BATCH,
                ),
                mean_steps=float(self.lengths[self.train_rows].float().mean()),
            ),
        )
        self.optimization = Optimization(
            self.network,
            optimizer,
            RowsStep(
                self.step,
                *self.tensors,
                **self.threads,
                # The other kinds use operations that may have no deterministic form.
                deterministic=capturable and config.decoder_kind == "gru",
            ),
            OptimizationSettings(
                lr=config.lr,
                lr_schedule=config.lr_schedule,
                epochs=config.epochs,
                batch_size=config.batch_size,
                step_grid=self._step_grid,
                seed=config.seed,
            ),
            graphed=self.graphed,
        )
        self.judge = judge_of(dataset)
        self.network.train()

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train one epoch; see `Task.train_epoch`."""
        start = time.perf_counter()
        self.step.reset()
        lr = self.optimization.train_epoch(self.train_rows, self.lengths, self.on_batch)
        self.epoch = epoch
        means = self.step.means(epoch)
        seconds = time.perf_counter() - start
        return means | {"lr": lr, "rows_per_s": len(self.train_rows) / seconds}

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the validation programs; nothing in epochs between evaluations."""
        if self.epoch % self.eval_interval and self.epoch < self.config.epochs:
            return {}
        self.last_evaluation = self.evaluate_rows()
        metrics = dict(self.last_evaluation.metrics)
        self.optimization.on_validation_loss(metrics["loss"])
        if self.epoch % _BASELINE_EPOCHS == 0 or self.epoch >= self.config.epochs:
            metrics |= self.baselines()
        return metrics

    def evaluate_rows(self) -> Evaluated:
        """Decode the validation programs and judge them."""
        decoded = decode_rows(
            self.inference,
            self.tensors,
            self.val_rows,
            self.machine,
            batch_size=_GPU_EVALUATION_BATCH
            if self.device.type == "cuda"
            else _CPU_EVALUATION_BATCH,
        )
        rows = np.concatenate([self.val_rows.numpy(), self.val_too_long.numpy()])
        return evaluate_decoded(
            decoded, self.dataset.ids[rows], self.num_nodes[rows].numpy(), rows, self.judge
        )

    def baselines(self) -> dict[str, float]:
        """Return what trivial programs get on the validation programs; see `baselines.py`."""
        nodes, _ = self.tensors
        val = self.inference.encode(nodes, self.val_rows)
        train = self.inference.encode(nodes, self.train_rows)
        neighbours = self.train_rows[nearest_rows(val, train).cpu()].numpy()
        return baseline_metrics(self.dataset.ids, self.val_rows.numpy(), neighbours, self.judge)

    def state_dict(self) -> dict[str, Any]:
        """Return weights, optimizer, schedule and the state of the shuffle."""
        return self.optimization.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned; see `Optimization.load_state_dict`."""
        self.optimization.load_state_dict(state)

    def describe(self) -> dict[str, Any]:
        """Return the settings and the language: enough to rebuild the network."""
        from models.ast_autoencoder.language.kinds import language

        return {
            "model": "ast_autoencoder",
            "config": to_mapping(self.config),
            "language": language().grammar.digest,
            "data": {"name": self.dataset.name, "digest": self.dataset.digest},
        }

    @property
    def threads(self) -> dict[str, int]:
        """How threads share the work on a CPU; see `RowsStep`."""
        config = self.config
        # Threads would draw random numbers in an order of their own: training could not be
        # repeated.
        is_random = config.dropout > 0 or config.latent_noise > 0
        parts = count_parts(config.batch_size) if self.device.type == "cpu" else 1
        narrow = self.device.type == "cpu" and config.hidden_dim < _LEAST_WIDE
        return {
            "num_parts": 1 if is_random else parts,
            "num_threads": 1 if narrow else torch.get_num_threads(),
        }

    def _split(self, rows: np.ndarray, name: str) -> tuple[Tensor, Tensor]:
        """Return the rows that the decoder can write, and those that are too long."""
        chosen = torch.as_tensor(np.array(rows))
        lengths = torch.as_tensor(np.array(self.dataset.lengths))[chosen]
        fits = lengths <= self.config.max_decode_steps
        if not bool(fits.any()):
            raise UserError(
                f"max_decode_steps is {self.config.max_decode_steps}, but each of the "
                f"{len(chosen)} {name} programs takes more steps (the shortest "
                f"{int(lengths.min()) if len(lengths) else 0}): raise max_decode_steps"
            )
        return chosen[fits], chosen[~fits]

    def _tensors(self) -> tuple[NodeTensors, StepTensors]:
        """Make the arrays of the data set; rows of programs that are too long hold another."""
        ids = np.array(self.dataset.ids)
        ids[(self.lengths > self.config.max_decode_steps).numpy()] = ids[int(self.train_rows[0])]
        ids = ids[:, : self.config.max_decode_steps]
        return node_tensors(ids).to(self.device), step_tensors(ids).to(self.device)

    @property
    def _step_grid(self) -> int:
        """How finely batches are cut in time."""
        return _GPU_STEP_GRID if self.device.type == "cuda" else _CPU_STEP_GRID
