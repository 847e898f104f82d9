"""What several test files need of the machine."""

import signal

import pytest
import torch


@pytest.fixture
def one_thread():
    """Tiny tensors are slower on two threads than on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def usual_ctrl_c():
    """A shell that starts tests in the background makes them deaf to Ctrl-C; these tests need to hear it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
