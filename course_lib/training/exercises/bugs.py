"""A step of training that learns nothing by heart: the exercise on finding its bug."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.exercises import Mistake
from course_lib.training.exercises.loop import train_step
from course_lib.training.exercises.shared import Tensor


def _stubborn_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    optimizer.zero_grad()
    logits = model(x)
    probabilities = logits.softmax(dim=-1)
    loss = F.cross_entropy(probabilities.flatten(0, 1), y.flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


def _without_logarithm(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    optimizer.zero_grad()
    loss = F.nll_loss(model(x).softmax(-1).flatten(0, 1), y.flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


def _over_the_tokens(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x).softmax(dim=1).flatten(0, 1), y.flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


stubborn_step = replace(
    train_step,
    name="stubborn_step",
    title="Find the bug: a batch that is not learned",
    kind="bug",
    difficulty="medium",
    minutes=8,
    faulty=_stubborn_step,
    symptom=(
        "It runs without an error, and its first loss is that of an even guess, as it should be; but it "
        "can't learn a single batch by heart: the loss stays high."
    ),
    hints=(
        "Gradients are cleared, found and used, in the right order. So ask what the loss is a loss *of*: "
        "what does `F.cross_entropy` want to be given?",
        "Take a model that is quite sure, and right. What are its probabilities, and what would be the "
        "softmax of *those*, if they were taken for logits of 512 tokens?",
        "1 for the right token and 0 for 511 others is what it gets at best. As logits that is a guess "
        "hardly better than even: e to 1 against 511 times e to 0. Nothing larger than 1 ever arrives there.",
    ),
    explanation=(
        "`F.cross_entropy` takes the softmax itself. With another one before it, it gets numbers from 0 to "
        "1 for logits: even for a perfect model the loss is ln(511 + e) - 1 = 5.24, and that is where the "
        "curve ends. The line with the softmax goes, and the logits are handed over as they come.\n\n"
        "An even guess stays an even guess, however often one takes the softmax of it: so the first test "
        "can't see this fault, and the second one can. In a long training it would look like a model that "
        "is too small."
    ),
    mistakes=(
        *train_step.mistakes,
        Mistake(
            "minus the probability, not minus its logarithm",
            _without_logarithm,
            "`F.nll_loss` wants *logarithms* of probabilities, and takes no logarithm itself. Logits belong "
            "into `F.cross_entropy`, which does everything.",
        ),
        Mistake(
            "a softmax over the wrong axis, before the loss",
            _over_the_tokens,
            "It isn't the axis that is wrong: there should be no softmax before `F.cross_entropy` at all.",
        ),
    ),
)
