"""What all tests of models share."""

import pytest
import torch
from hypothesis import settings

# The same examples in every run, and no example that fails because the machine is busy.
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile("seeded")


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Networks this small are slower on two threads, and far slower on busy cores."""
    torch.set_num_threads(1)


@pytest.fixture
def generator():
    """Random numbers that are the same in every run."""
    return torch.Generator().manual_seed(0)
