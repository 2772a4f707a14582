"""The AST autoencoder as a task of the training loop."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.ast_autoencoder.baselines import baseline_metrics, nearest_rows
from models.ast_autoencoder.config import AstAutoencoderConfig
from models.ast_autoencoder.data import ProgramDataset
from models.ast_autoencoder.evaluation import (
    Evaluated,
    compile_here,
    decode_rows,
    evaluate_decoded,
)
from models.ast_autoencoder.inference import Inference
from models.ast_autoencoder.judging import judge_of
from models.ast_autoencoder.network.batches import NodeBatch, StepBatch
from models.ast_autoencoder.network.network import build_network
from models.ast_autoencoder.network.tensors import (
    NodeTensors,
    StepTensors,
    count_nodes,
)
from models.ast_autoencoder.prepared import prepared_tensors
from models.ast_autoencoder.step import TrainStep
from models.errors import UserError
from models.optimization.determinism import (
    allow_deterministic_products,
    deterministic_operations,
)
from models.optimization.optimizers import AdamW
from models.optimization.parts import torch_threads
from models.optimization.precision import autocast_dtype
from models.programs.language.kinds import language
from models.programs.language.machine import ConstraintMachine
from models.programs.language.versions import KNOWN, oldest_version
from models.training.contracts import Rows
from models.training.network_task import NetworkTask

_CPU_EVALUATION_BATCH = 1024
_GPU_EVALUATION_BATCH = {"gru": 1 << 15, "transformer": 4096}
"""A step takes as long for few rows as for many; a transformer keeps all steps of each row."""
_BASELINE_EPOCHS = 10
"""Trivial baselines change little: they are measured this often, and after the last epoch."""
_CAPTURABLE = ("gcn", "relational")
"""Kinds of encoders that work without the host's help, so that a CUDA graph can hold a step."""
_LEAST_WIDE = 512
"""Operations of narrower networks are too small for more threads than one."""
_LEAST_NARROW_BATCH = 32
"""With fewer programs a batch, bfloat16 products are slower on a CPU than those in float32."""


class AstAutoencoderTask(NetworkTask):
    """The task of an AST autoencoder on programs.

    Args:
        eval_interval: evaluate in every so many epochs, and in the last.
        graphed: replay CUDA graphs; None does so on a GPU where the encoder allows it.

    Raises:
        UserError: every training or validation program is longer than the decoder may write.
    """

    model = "ast_autoencoder"
    # A product of a new shape is prepared anew, on a CPU, too.
    cpu_step_grid, gpu_step_grid = 4, 8

    def __init__(
        self,
        config: AstAutoencoderConfig,
        dataset: ProgramDataset,
        device: str,
        *,
        eval_interval: int = 1,
        micro_batches: int = 1,
        graphed: bool | None = None,
    ) -> None:
        allow_deterministic_products()  # before cuBLAS is first used
        super().__init__(config, dataset, device, micro_batches)
        self.eval_interval = eval_interval
        self.network = build_network(config).to(self.device)
        self.machine = ConstraintMachine(self.device, config.max_decode_steps)
        self.train_rows, self.train_too_long = self._split(dataset.train, "training")
        self.val_rows, self.val_too_long = self._split(dataset.val, "validation")
        self.num_nodes = torch.as_tensor(count_nodes(dataset.ids))
        self.tensors = self._tensors()
        capturable = self.device.type == "cuda" and config.encoder_kind in _CAPTURABLE
        # A captured step cannot read the rate and the count of updates from the host: a
        # capturable optimizer keeps them on the device.
        self.graphed = capturable if graphed is None else graphed
        self.inference = Inference(self.network, autocast_dtype(config.precision, self.device))
        optimizer = AdamW(
            self.network.parameters(),
            lr=config.lr,
            weight_decay=config.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
            capturable=self.graphed,
        )
        self.last_evaluation: Evaluated | None = None
        is_small = config.batch_size < _LEAST_NARROW_BATCH
        dtype = autocast_dtype(config.precision, self.device, batch_is_small=is_small)
        step = TrainStep(
            self.network,
            optimizer,
            self.update_settings(dtype),
            mean_steps=float(self.lengths[self.train_rows].float().mean()),
        )
        self.train_by(
            step,
            partial(_select, *self.tensors),
            width=config.hidden_dim,
            draws_numbers=config.dropout > 0 or config.latent_noise > 0,
            # Other kinds than these use operations that may have no deterministic form.
            around=self._around(deterministic=capturable and config.decoder_kind == "gru"),
        )
        self.judge = judge_of(dataset)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train on every row once, while the processes start that judge what comes of it."""
        if self.judge is not None:
            self.judge.start()
        return super().train_epoch(epoch)

    def validate(self) -> dict[str, float]:
        """Return the metrics of the validation programs; nothing in epochs between evaluations."""
        if self.epoch % self.eval_interval and self.epoch < self.config.epochs:
            return {}
        self.last_evaluation = self.evaluate_rows(self.val_rows, self.val_too_long)
        metrics = dict(self.last_evaluation.metrics)
        if self.epoch % _BASELINE_EPOCHS == 0 or self.epoch >= self.config.epochs:
            metrics |= self.baselines(self.val_rows)
        return metrics

    def evaluate_on(self, rows: Rows) -> dict[str, float]:
        """Return the metrics of any programs, without baselines."""
        return self.evaluate_rows(*self._split(rows, "chosen")).metrics

    def evaluate_part(self, name: str, num: int | None = None) -> Evaluated:
        """Decode the programs of a part and judge them, beside the baselines.

        Args:
            name: of the part: train, val or test.
            num: programs at most, from the first on; None takes all.

        Raises:
            UserError: every one of them is longer than the decoder may write.
        """
        rows, too_long = self._split(getattr(self.dataset, name)[:num], name)
        evaluated = self.evaluate_rows(rows, too_long)
        return replace(evaluated, metrics=evaluated.metrics | self.baselines(rows))

    def evaluate_rows(self, rows: Tensor, too_long: Tensor) -> Evaluated:
        """Decode programs and judge them; those that are too long to decode count as missed."""
        decoded = decode_rows(
            self.inference,
            self.tensors,
            rows,
            self.machine,
            batch_size=_GPU_EVALUATION_BATCH[self.config.decoder_kind]
            if self.device.type == "cuda"
            else _CPU_EVALUATION_BATCH,
        )
        all_rows = np.concatenate([rows.numpy(), too_long.numpy()])
        return evaluate_decoded(
            decoded,
            self.dataset.ids[all_rows],
            self.num_nodes[all_rows].numpy(),
            all_rows,
            self.judge,
            compile_all=compile_here if self.judge is None else self.judge.compiled,
        )

    def baselines(self, rows: Tensor) -> dict[str, float]:
        """Return what trivial programs get on given ones; see `baselines.py`."""
        nodes, _ = self.tensors
        latents = self.inference.encode(nodes, rows)
        train = self.inference.encode(nodes, self.train_rows)
        neighbours = self.train_rows[nearest_rows(latents, train).cpu()].numpy()
        return baseline_metrics(self.dataset.ids, rows.numpy(), neighbours, self.judge)

    def rebuilt_from(self) -> dict[str, Any]:
        """Return the version of the language, and the oldest one that has all training programs."""
        last_id = int(self.dataset.ids[self.dataset.train].max(initial=-1))
        return {"language": language().grammar.digest, KNOWN: oldest_version(last_id)}

    def _around(self, *, deterministic: bool) -> Callable[[], AbstractContextManager[object]]:
        """Return what a batch is worked on in: a fixed order on a GPU, few threads on a CPU."""
        if self.device.type == "cuda":
            return deterministic_operations if deterministic else nullcontext
        if self.device.type == "cpu" and self.config.hidden_dim < _LEAST_WIDE:
            return partial(torch_threads, 1)
        return nullcontext

    def _split(self, rows: Rows, name: str) -> tuple[Tensor, Tensor]:
        """Return the rows that the decoder can write, and those that are too long."""
        chosen = self.rows(rows)
        lengths = self.lengths[chosen]
        fits = lengths <= self.config.max_decode_steps
        if not bool(fits.any()):
            raise UserError(
                f"max_decode_steps is {self.config.max_decode_steps}, but each of the "
                f"{len(chosen)} {name} programs takes more steps (the shortest "
                f"{int(lengths.min()) if len(lengths) else 0}): raise max_decode_steps"
            )
        return chosen[fits], chosen[~fits]

    def _tensors(self) -> tuple[NodeTensors, StepTensors]:
        # Rows keep their positions, and no split names those that are too long.
        return prepared_tensors(
            self.dataset.ids,
            (self.lengths > self.config.max_decode_steps).numpy(),
            max_steps=self.config.max_decode_steps,
            spare=int(self.train_rows[0]),
            device=self.device,
        )


def _select(
    nodes: NodeTensors, steps: StepTensors, rows: Tensor, num_steps: int
) -> tuple[NodeBatch, StepBatch]:
    """Return the graphs of programs and their derivations."""
    # A program has no more nodes than steps, and hardly fewer.
    return NodeBatch.select(nodes, rows, num_steps), StepBatch.select(steps, rows, num_steps)
