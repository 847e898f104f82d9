"""What this machine has and how fast it is: cores, GPU, multiplications and trained tokens a second.

For `course_lib.doctor`. torch and the model are imported inside functions, since this must work where they
are missing. It judges nothing: it gives numbers and names.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable


def cores() -> int:
    """How many CPU cores this process may use.

    >>> cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu() -> str:
    """The name of the GPU that torch can use, or "" if there is none."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return "Apple GPU (mps)" if torch.backends.mps.is_available() else ""


def unused_gpu() -> bool:
    """Whether there is an NVIDIA GPU that this build of torch cannot use."""
    import torch

    return torch.version.cuda is None and torch.version.hip is None and shutil.which("nvidia-smi") is not None


# Speed --------------------------------------------------------------------------------------------


def matmul_speed(seconds: float = 3.0, size: int = 1024) -> float:
    """How fast torch multiplies two float32 matrices on the course's device.

    Units: operations per second; a product of two n × n matrices takes 2·n³.

    >>> matmul_speed(seconds=0.01, size=8) > 0
    True
    """
    import torch

    from course_lib.runtime import device

    matrix = torch.ones(size, size, device=device()) / size

    def multiply() -> None:
        (matrix @ matrix)[0, 0].item()  # reading a number waits for a GPU to be done

    return 2 * size**3 * rate(multiply, seconds)


def training_speed(seconds: float = 6.0, preset: str = "tiny", batch_size: int = 8) -> float:
    """How many tokens a second a preset is trained on here, on the course's device.

    The text is random, which takes as long as any other. Units: tokens per second.
    """
    import torch

    from course_lib import runtime
    from course_lib.config import GPTConfig
    from course_lib.model import GPT
    from course_lib.training import TrainConfig, cross_entropy, make_optimizer

    where = runtime.device()
    generator = torch.Generator().manual_seed(0)
    config = GPTConfig.preset(preset)
    model = GPT(config, generator=generator).to(where)
    optimizer = make_optimizer(model, TrainConfig(steps=1))
    ids = torch.randint(config.vocab_size, (batch_size, config.context_length), generator=generator).to(where)

    def step() -> None:
        optimizer.zero_grad()
        loss = cross_entropy(model(ids), ids)
        loss.backward()
        optimizer.step()
        loss.item()

    return ids.numel() * rate(step, seconds)


def rate(action: Callable[[], None], seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """How often a second `action` can be done, tried for `seconds` and at least once.

    The first time is not counted: memory is set aside then, and caches are filled.

    >>> ticks = iter([0.0, 0.5, 1.0, 1.5])
    >>> rate(lambda: None, seconds=1.5, clock=lambda: next(ticks))
    2.0
    """
    action()
    count, began = 0, clock()
    while True:
        action()
        count += 1
        passed = clock() - began
        if passed >= seconds:
            return count / max(passed, 1e-9)
