"""Running out of memory: what is said."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import models
from models.grammar_vae.cost import memory_need, memory_of
from models.training.memory import out_of_memory

ROOT = Path(models.__file__).parents[1]


def test_the_batch_size_that_is_named_fits_and_one_more_does_not(equations, tiny):
    config = tiny(batch_size=100_000)
    needed = memory_of(config, num_productions=12, num_steps=14)
    message = str(out_of_memory(memory_need(config, equations), 100_000, "cpu", free_mb=200))
    assert message.startswith(
        "out of memory on cpu: tried --batch_size 100000 with rows of 14 steps and "
        f"{needed.num_parameters:,} parameters, about {needed.total_mb(100_000):,.0f} MB where "
        "200 MB were free. "
    )
    size = int(re.search(r"--batch_size (\d+) should fit", message)[1])
    assert needed.total_mb(size) <= 0.85 * 200 < needed.total_mb(size + 1)


@pytest.mark.parametrize(
    ("free_mb", "advice"), [(1e6, "try half the --batch_size"), (0.01, "no batch size fits")]
)
def test_the_advice_never_contradicts_what_happened(equations, tiny, free_mb, advice):
    assert f" {advice}; or lower --encoder_hidden" in str(
        out_of_memory(memory_need(tiny(), equations), tiny().batch_size, "cpu", free_mb)
    )


def test_training_that_runs_out_of_memory_ends_with_one_message(tmp_path):
    limit = 3_000_000_000
    command = "--dataset equations --num_rows 50 --decoder_hidden 20000"
    done = subprocess.run(
        [sys.executable, "-m", "models.grammar_vae.train", *command.split()],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("tokenise")]
    assert len(lines) == 1
    assert lines[0].startswith("error: out of memory on cpu: tried --batch_size 256 with rows of")
    assert "no batch size fits; or lower --encoder_hidden" in lines[0]
