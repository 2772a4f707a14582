"""Running out of memory."""

import re

import pytest

from models.ast_autoencoder.cost import describe_cost, memory_need
from models.ast_autoencoder.task import AstAutoencoderTask
from models.ast_autoencoder.training_run import ast_autoencoder_run
from models.training.folders import new_artifact_folder
from models.training.memory import USABLE, OutOfMemory, out_of_memory
from models.training.run import TrainingRun
from models.training.sinks import LogSettings


def test_the_batch_size_that_is_named_fits_and_one_more_does_not(small, dataset):
    need = memory_need(small(), dataset)
    message = str(out_of_memory(need, 100_000, "cpu", free_mb=600))
    named = re.search(r"--batch_size (\d+) should fit", message)
    assert named is not None, message
    size = int(named[1])
    needed = [describe_cost(small(batch_size=s), dataset).memory_mb for s in (size, size + 1)]
    assert needed[0] <= 600 * USABLE < needed[1]


def test_too_little_memory_for_any_batch_is_told(small, dataset):
    need = memory_need(small(), dataset)
    assert "no batch size fits" in str(out_of_memory(need, 8, "cpu", free_mb=10))


def test_training_that_runs_out_ends_with_the_message(monkeypatch, small, dataset, tmp_path):
    def no_memory(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes")

    monkeypatch.setattr(AstAutoencoderTask, "train_epoch", no_memory)
    run = TrainingRun(
        model=ast_autoencoder_run(eval_interval=1, log_interval=10),
        config=small(),
        dataset=dataset,
        folder=new_artifact_folder(tmp_path),
        log=LogSettings(no_wandb=True),
        run_settings={},
        write_settings=lambda: None,
        name="tiny",
        resume=None,
        device="cpu",
    )
    with pytest.raises(OutOfMemory, match="out of memory on cpu: tried --batch_size"):
        run.train()
