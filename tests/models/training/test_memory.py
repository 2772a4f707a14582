"""Running out of memory: how it is noticed."""

import errno
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import models
from models.errors import UserError
from models.training import memory
from models.training.memory import (
    OutOfMemory,
    free_memory_mb,
    is_out_of_memory,
    peak_memory_bytes,
)

ROOT = Path(models.__file__).parents[1]


SAYS_SO = (
    "CUDA out of memory. Tried to allocate 2.00 GiB",
    "CUDA error: out of memory",
    "MPS backend out of memory (MPS allocated: 9.0 GB)",
    "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried",
    "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: not enough memory: you tried",
    "unable to mmap 512 bytes from file <a>: Cannot allocate memory (12)",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
)
"""Messages as torch gives them; a trial of a search has to understand the same ones."""


@pytest.mark.parametrize("message", SAYS_SO)
def test_every_message_of_torch_is_understood(message):
    assert is_out_of_memory(RuntimeError(message))


def test_every_phrase_stands_in_a_message():
    assert all(any(phrase in text.lower() for text in SAYS_SO) for phrase in memory.SAYS_SO)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OutOfMemory("out of memory on cpu: --batch_size 4 should fit"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (UserError("notes on running out of memory.csv: no such file"), False),
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate "
                      "memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)  # fmt: skip
def test_what_says_that_memory_has_run_out(error, expected):
    assert is_out_of_memory(error) is expected


def test_some_memory_is_free_here():
    assert 1 < free_memory_mb("cpu") < 1e8


def test_the_tightest_limit_counts(monkeypatch):
    monkeypatch.setattr(memory, "_host_limits", lambda: iter([3e9, 1e9, 2e9]))
    assert free_memory_mb("cpu") == 1000


def test_a_limit_of_the_shell_counts():
    code = "from models.training.memory import free_memory_mb; print(free_memory_mb('cpu'))"
    limit = 6_000_000_000
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert 0 < float(done.stdout) < limit / 1e6


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel tells no peak")
def test_the_peak_of_a_process_is_not_that_of_its_parent():
    code = (
        "import subprocess, sys; held = bytearray(10**9); held[::4096] = bytes(len(held[::4096]));"
        "print(subprocess.run([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE).stdout)"
    )
    ask = "from models.training.memory import peak_memory_bytes as p; print(int(p()))"
    done = subprocess.run(
        [sys.executable, "-c", code, ask], capture_output=True, text=True, check=True, cwd=ROOT
    )
    peak = int(done.stdout.strip().removeprefix("b'").removesuffix("\\n'"))
    assert 0 < peak < 8e8
    assert peak_memory_bytes() > 5e7
