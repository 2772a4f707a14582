"""What all tests of models share."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Networks this small are slower on two threads, and far slower on busy cores."""
    torch.set_num_threads(1)
