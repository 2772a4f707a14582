import errno
import math

import pytest
import torch

from models.errors import UserError
from models.training import memory
from models.training.loop import TrainingDiverged
from models.training.memory import OutOfMemory
from tuner.running.trial_failure import (
    ObjectiveNotFinite,
    cause_of,
    failure_result,
    innermost_line,
    short_message,
)


def raised(error, cause=None):
    try:
        raise error from cause
    except Exception as caught:  # noqa: BLE001  (every kind is raised here)
        return caught


@pytest.mark.parametrize("phrase", memory.SAYS_SO)
def test_a_trial_understands_what_training_understands_of_memory(phrase):
    said = RuntimeError(f"CUDA error: {phrase.upper()} in step 3")
    assert cause_of(said) == "oom"
    assert cause_of(raised(UserError("last.ckpt: cannot be written"), said)) == "oom"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (TrainingDiverged(3, 1, "loss", "lower lr"), "nan"),
        (ObjectiveNotFinite("val/x is nan"), "nan"),
        (MemoryError(), "oom"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "oom"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "oom"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "oom"),
        (torch.OutOfMemoryError("CUDA out of memory"), "oom"),
        (OutOfMemory("out of memory on cpu: try half the --batch_size"), "oom"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "oom"),
        (ValueError("out of memory"), "error"),  # a model's own words, not those of torch
        (OSError(errno.ENOSPC, "No space left on device"), "disk"),
        (OSError(errno.EROFS, "Read-only file system"), "disk"),
        (UserError("last.ckpt: cannot be written (No space left on device)"), "disk"),
        (ValueError("shapes differ"), "error"),
    ],
)
def test_causes(error, cause):
    assert cause_of(error) == cause


def test_the_cause_may_stand_behind_another_exception():
    error = raised(UserError("cannot be written"), OSError(errno.EDQUOT, "quota"))
    assert cause_of(error) == "disk"


def test_messages_are_one_short_line():
    assert short_message(ValueError("a\n  b")) == "ValueError: a b"
    assert short_message(ValueError()) == "ValueError"
    assert short_message(UserError("beta is 2: lower it")) == "beta is 2: lower it"
    assert len(short_message(ValueError("x" * 1000))) == 300


def test_the_line_of_code_is_named():
    assert "test_trial_failure.py" in innermost_line(raised(ValueError()))
    assert innermost_line(ValueError()) is None


def test_the_last_result_has_every_objective():
    result = failure_result(raised(ValueError("no")), ["val/a", "val/b"])
    assert math.isnan(result["val/a"])
    assert math.isnan(result["val/b"])
    assert result["finished"] == "error"
    assert result["done"] is True


def test_what_failures_have_in_common_is_their_type_or_the_words_to_the_user():
    faults = [failure_result(error, [])["fault"] for error in (ValueError("3"), UserError("lr: x"))]
    assert faults == ["ValueError", "lr: x"]
