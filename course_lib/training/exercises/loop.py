"""One step of training, and the same step in several parts: two exercises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.exercises import Case, Draw, Exercise, Mistake, Property
from course_lib.training.exercises.shared import (
    Made,
    Tensor,
    in_training,
    nothing,
    small_model,
    some_ids,
    table_model,
)


def _train_step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    """Let `model` (ids -> logits (B, T, V)) learn from one batch, x and y (B, T); gives the loss before."""
    optimizer.zero_grad()
    logits = model(x)
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


class _Descent:
    """What stands for `torch.optim.SGD` in the cases; the first one of torch's takes seconds to load."""

    def __init__(self, model: nn.Module, lr: float, momentum: float = 0.0) -> None:
        self.weights, self.lr, self.momentum, self.steps = list(model.parameters()), lr, momentum, 0
        self.velocities = [torch.zeros_like(weight) for weight in self.weights]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [{"params": self.weights, "lr": self.lr, "momentum": self.momentum}]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self.weights:
            weight.grad = None if set_to_none or weight.grad is None else torch.zeros_like(weight)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None if closure is None else closure()
        self.steps += 1
        with torch.no_grad():
            for weight, velocity in zip(self.weights, self.velocities, strict=True):
                if weight.grad is not None:
                    velocity.mul_(self.momentum).add_(weight.grad)
                    weight -= self.lr * velocity
        return loss


def _train_cases() -> list[Case]:
    table, ids = Made("model", table_model, (2,)), torch.tensor([[0, 1]])
    cases = [Case(table, Made("optimizer", _Descent, (1.0,)), ids, ids.flip(1))]
    for V, C, B, T, lr in ((7, 3, 2, 5, 0.5), (5, 2, 3, 2, 0.3)):
        x, y = some_ids(V, 2, B, T, seed=70 + V)
        made = Made("model", small_model, (V, C, 80 + V)), Made("optimizer", _Descent, (lr,))
        cases.append(Case(*made, x, y))
    x, y = some_ids(7, 2, 5, 2, seed=200).transpose(-2, -1)  # as one gets them by cutting or turning
    cases.append(Case(*_learner(7, 3, 201, 0.2, 0.9), x, y))
    for B, T, V in ((1100, 2, 5), (1, 1100, 5), (2, 3, 1100)):
        cases.append(Case(*_learner(V, 2, 202, 0.2), *some_ids(V, 2, B, T, seed=203)))
    cases.append(Case(*_learner(1, 2, 204, 0.2), *torch.zeros(2, 1, 2, dtype=torch.long)))  # a loss of 0
    cases.append(
        Case(*_learner(300, 2, 205, 0.2), torch.tensor([[0, 299, 256]]), torch.tensor([[299, 256, 0]]))
    )
    return cases


def _learner(V: int, C: int, seed: int, lr: float, momentum: float = 0.0) -> tuple[Made, Made]:
    return Made("model", small_model, (V, C, seed)), Made("optimizer", _Descent, (lr, momentum))


def _train_fresh(draw: Draw) -> Case:
    V, C, B, T = draw.integer(2, 7), draw.integer(1, 4), draw.integer(1, 4), draw.integer(1, 5)
    rates = draw.choose((0.5, 0.1, 2.0)), draw.choose((0.0, 0.5, 0.9))
    made = _learner(V, C, draw.integer(0, 50), *rates)
    return Case(*made, draw.ids(V, B, T), draw.ids(V, B, T))


def _two_steps(
    answer: Callable[..., float], model: Made, optimizer: Made, x: Tensor, y: Tensor
) -> dict[str, Any] | None:
    """What two steps in a row give, on a fresh model."""
    learner = model()
    stepper = optimizer(learner)
    losses = [answer(learner, stepper, x, y) for _ in range(2)]
    if losses[0] is None or losses[0] is ...:
        return None
    weights = [weight.detach() for weight in learner.parameters()]
    after = {"weights afterwards": weights, "in training afterwards": in_training(learner)}
    return {"loss of step 1": losses[0], "loss of step 2": losses[1], **after}


def _watched_step(answer: Callable[..., float]) -> tuple[Any, set[str]]:
    """What an answer gives for one step, and which of 'backward' and 'step' happened."""
    model, happened = small_model(5, 2, 90), set()
    optimizer = _Descent(model, 0.1)
    for weight in model.parameters():
        weight.register_hook(lambda gradient: happened.add("backward"))
    loss = answer(model, optimizer, *some_ids(5, 2, 2, 3, seed=91))
    return loss, happened | ({"step"} if optimizer.steps else set())


def _gives_a_float(answer: Callable[..., float]) -> bool:
    return not isinstance(_watched_step(answer)[0], Tensor)


def _stepwise(
    before: Callable[[torch.optim.Optimizer], None] = lambda optimizer: optimizer.zero_grad(),
    loss: Callable[[Tensor, Tensor], Tensor] = lambda logits, y: F.cross_entropy(
        logits.flatten(0, 1), y.flatten()
    ),
    backward: Callable[[Tensor], None] = lambda loss: loss.backward(),
    between: Callable[[torch.optim.Optimizer], None] = lambda optimizer: None,
    step: Callable[[torch.optim.Optimizer], None] = lambda optimizer: optimizer.step(),
    give: Callable[[Tensor], Any] = lambda loss: loss.item(),
) -> Callable[..., Any]:
    """A training step with some of its parts done otherwise."""

    def wrong(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Any:
        before(optimizer)
        found = loss(model(x), y)
        backward(found)
        between(optimizer)
        step(optimizer)
        return give(found)

    return wrong


def _shifted_again(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), y[:, 1:].flatten())


def _reshaped(logits: Tensor, y: Tensor) -> Tensor:
    B, T, V = logits.shape
    return F.cross_entropy(logits.reshape(B, V, T), y)


def _softmax_first(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits.softmax(-1).flatten(0, 1), y.flatten())


def _summed(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum")


def _per_text(logits: Tensor, y: Tensor) -> Tensor:
    return _summed(logits, y) / len(y)


def _itself(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    return _train_step(model, optimizer, x, x)


def _left_in_eval(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    model.eval()
    return _train_step(model, optimizer, x, y)


def _in_eval(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    loss = _left_in_eval(model, optimizer, x, y)
    model.train()
    return loss


def _measured_after(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> float:
    _train_step(model, optimizer, x, y)
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()


train_step = Exercise(
    name="train_step",
    topic="training",
    title="One step of training",
    difficulty="medium",
    minutes=12,
    reference=_train_step,
    cases=_train_cases,
    fresh=_train_fresh,
    draws=16,
    use=_two_steps,
    properties=(
        Property("float", _gives_a_float, "the loss is given as a plain number, without the graph behind it"),
        Property(
            "backward",
            lambda answer: "backward" in _watched_step(answer)[1],
            "the gradients are computed (`loss.backward()`)",
        ),
        Property(
            "step",
            lambda answer: "step" in _watched_step(answer)[1],
            "the optimizer makes its step (`optimizer.step()`)",
        ),
    ),
    hints=(
        "Five things in a row: forget the old gradients, guess, measure, find the gradients, move the "
        "weights. Then give the loss as a number.",
        "`F.cross_entropy` wants (N, V) and (N,). The logits are (B, T, V), the targets (B, T): join B and T "
        "with `flatten(0, 1)` and `flatten()`.",
        "`optimizer.zero_grad()` first, `loss.backward()` and `optimizer.step()` last. `loss.item()` is the "
        "number.",
    ),
    explanation=(
        "`backward` *adds* to the gradients that are there, so the old ones must go first. All B·T guesses "
        "of the batch are one long list for the loss, which is their mean. The loss is that of the weights "
        "before the step.\n\n"
        "`.item()` makes a plain number of it. A list of loss *tensors* would keep the graph of every step "
        "alive."
    ),
    mistakes=(
        Mistake(
            "the old gradients are not zeroed",
            _stepwise(before=nothing),
            "`backward` adds to what is there: the second step would go along both gradients. Begin with "
            "`optimizer.zero_grad()`.",
        ),
        Mistake(
            "the optimizer steps when there are no gradients",
            _stepwise(between=lambda optimizer: optimizer.zero_grad()),
            "It moves the weights along what `backward` has left, so nothing may clear that in between, and "
            "`backward` must come first: `zero_grad`, then `backward`, then `step`.",
        ),
        Mistake(
            "the optimizer never steps",
            _stepwise(step=nothing),
            "The gradients are there, but nobody moves the weights: `optimizer.step()`.",
        ),
        Mistake(
            "no gradients are computed",
            _stepwise(backward=nothing),
            "Without `loss.backward()`, or with a loss that is cut off from the model (`.detach()`), the "
            "optimizer finds no gradients, and silently does nothing.",
        ),
        Mistake(
            "the loss is given as a tensor",
            _stepwise(give=lambda loss: loss),
            "A tensor holds on to the graph it came from. `loss.item()` is the plain number.",
        ),
        Mistake(
            "the losses are summed",
            _stepwise(loss=_summed),
            "Then a larger batch makes a longer step. Take the mean over all targets, the default of "
            "`F.cross_entropy`.",
        ),
        Mistake(
            "divided by the number of texts only",
            _stepwise(loss=_per_text),
            "Each of the B·T targets counts as one guess. Divide by all of them.",
        ),
        Mistake(
            "only the last position counts",
            _stepwise(loss=lambda logits, y: F.cross_entropy(logits[:, -1], y[:, -1])),
            "Every position makes a guess, and has a target. Leaving the others out wastes most of the "
            "batch.",
        ),
        Mistake(
            "B, T and V are reshaped instead of swapped",
            _stepwise(loss=_reshaped),
            "`reshape` and `view` don't move axes, they cut the same row of numbers elsewhere, so logits of "
            "different tokens get mixed. Use `flatten(0, 1)`, or `transpose(1, 2)`.",
        ),
        Mistake(
            "the logits are given with their three axes",
            _stepwise(loss=lambda logits, y: F.cross_entropy(logits, y)),
            "`F.cross_entropy` takes the *second* axis for the classes, and that is T here. Join B and T "
            "first: `logits.flatten(0, 1)`, `y.flatten()`.",
        ),
        Mistake(
            "a softmax before the loss",
            _stepwise(loss=_softmax_first),
            "`F.cross_entropy` wants logits and takes the softmax itself. Twice, it can never become sure.",
        ),
        Mistake(
            "the model is left in evaluation mode",
            _left_in_eval,
            "`model.eval()` switches off what belongs to training, such as dropout, and nobody switches it "
            "on again. A step of training needs no `eval`.",
        ),
        Mistake(
            "the model is in evaluation mode during the step",
            _in_eval,
            "`model.eval()` switches off what belongs to training, such as dropout. A step of training needs "
            "no `eval`.",
        ),
        Mistake(
            "the optimizer steps twice",
            _stepwise(step=lambda optimizer: (optimizer.step(), optimizer.step())),
            "One batch, one gradient, one step.",
        ),
        Mistake(
            "the targets are shifted once more",
            _stepwise(loss=_shifted_again),
            "y is shifted already: `y[:, t]` is what comes after `x[:, t]`. Shifted again, the model would "
            "learn the token after the next.",
        ),
        Mistake(
            "the input is taken for the target",
            _itself,
            "Then the model learns to repeat what it sees. The targets are in `y`.",
        ),
        Mistake(
            "it steps uphill",
            _stepwise(backward=lambda loss: (-loss).backward()),
            "The optimizer steps against the gradients it finds, so `loss.backward()` is enough: no minus.",
        ),
        Mistake(
            "the loss is measured after the step",
            _measured_after,
            "The step needs one forward pass only. Give the loss that it has computed, of the weights "
            "before.",
        ),
    ),
)
