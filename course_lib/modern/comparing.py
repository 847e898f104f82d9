"""Comparisons that are fair: what a step costs, trainings of equal time, and an interval from few seeds.

A training here is short, and its loss may be any function of the model and a batch. It does not know what is
compared, and draws nothing.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from course_lib import runtime
from course_lib.arguments import number, whole
from course_lib.context import get_batch
from course_lib.training import TrainConfig, cross_entropy, make_muon

Loss = Callable[[nn.Module, torch.Tensor], torch.Tensor]

# Student's t for a 95 % interval, for 2, 3, ... values
STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def next_token(model: Callable[[torch.Tensor], torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    """The usual loss: the cross-entropy at each next token of windows (B, T + 1).

    >>> next_token(lambda ids: torch.zeros(*ids.shape, 4), torch.tensor([[0, 1, 2]]))  # log(4)
    tensor(1.3863)
    """
    return cross_entropy(model(ids[:, :-1]), ids[:, 1:])


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of a few values, and the ends of a 95 % interval for it, by Student's t-distribution.

    >>> [round(x, 3) for x in interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484]
    """
    if not 2 <= len(values) <= len(STUDENT) + 1:
        raise ValueError(f"interval got {len(values)} values; it needs 2 to {len(STUDENT) + 1}.")
    mean = statistics.fmean(values)
    reach = STUDENT[len(values) - 2] * statistics.stdev(values) / math.sqrt(len(values))
    return mean, mean - reach, mean + reach


def learn(
    model: nn.Module,
    ids: torch.Tensor,
    steps: int,
    seed: int = 0,
    loss: Loss = next_token,
    context_length: int = 64,
    batch_size: int = 8,
    lr: float = 1e-2,
    watch: Callable[[int, nn.Module], object] | None = None,
) -> nn.Module:
    """Train by Muon for so many steps, at a rate that falls to 0; the same seed draws the same windows.

    `watch(step, model)` is called after each step.

    Shapes: ids (N,).

    >>> from course_lib.config import GPTConfig
    >>> from course_lib.model import GPT
    >>> small = GPT(GPTConfig(vocab_size=3, context_length=5, n_layers=1, n_heads=1, width=4))
    >>> model = learn(small, torch.tensor([0, 1, 2] * 9), steps=2, context_length=5)
    """
    steps, chance = whole("learn", "steps", steps, least=0), runtime.seed(seed)
    optimizer = make_muon(model, TrainConfig(steps=max(steps, 1), lr=number("learn", "lr", lr)))
    rates = [group["lr"] for group in optimizer.param_groups]
    model.train()
    for step in range(steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (1 - step / steps)
        x, y = get_batch(ids, batch_size, context_length, chance)
        optimizer.zero_grad(set_to_none=True)
        loss(model, torch.cat([x, y[:, -1:]], dim=1)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if watch is not None:
            watch(step, model)
    return model.eval()


def step_seconds(
    makers: Mapping[str, Callable[[], nn.Module]],
    ids: torch.Tensor,
    rounds: int = 8,
    steps: int = 4,
    losses: Mapping[str, Loss] | None = None,
) -> dict[str, float]:
    """What one step of training costs each model. Units: seconds of the processor, summed over its cores.

    The models take turns, and the quickest of their rounds counts: it is the one that was disturbed least by
    what else the computer does.

    >>> from course_lib.config import GPTConfig
    >>> from course_lib.model import GPT
    >>> config = GPTConfig(vocab_size=3, context_length=64, n_layers=1, n_heads=1, width=4)
    >>> list(step_seconds({"small": lambda: GPT(config)}, torch.tensor([0, 1, 2] * 99), rounds=1, steps=1))
    ['small']
    """
    taken: dict[str, list[float]] = {name: [] for name in makers}
    models = {name: make() for name, make in makers.items()}
    for turn in range(whole("step_seconds", "rounds", rounds) + 1):
        for name, model in models.items():
            began = time.process_time()
            learn(model, ids, steps, loss=(losses or {}).get(name, next_token))
            if turn:  # the first time is slower
                taken[name].append((time.process_time() - began) / steps)
    return {name: min(times) for name, times in taken.items()}
