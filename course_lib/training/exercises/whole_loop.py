"""The whole training: an exercise."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.exercises import Case, Draw, Exercise, Mistake
from course_lib.training.exercises.shared import Made, Tensor, in_training, small_model, some_ids


def _train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[tuple[Tensor, Tensor]],
    rate: Callable[[int], float],
    measure: Callable[[nn.Module], float],
    steps: int,
    every: int,
    max_norm: float,
) -> list[tuple[int, float, float]]:
    """Train `model`, ids -> logits (B, T, V); gives, now and then, (steps done, loss, what was measured)."""
    model.train()
    records = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        x, y = next(batches)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()
        if (step + 1) % every == 0 or step + 1 == steps:
            model.eval()
            with torch.no_grad():
                records.append((step + 1, loss.item(), measure(model)))
            model.train()
    return records


# What the cases are made of -------------------------------------------------------------------------------


class _Descent:
    """What stands for an optimizer: gradient descent with momentum, in two groups, that writes down its
    rates."""

    def __init__(self, model: nn.Module, momentum: float) -> None:
        weights, self.momentum, self.rates = list(model.parameters()), momentum, []
        self.param_groups = [{"params": weights[:1], "lr": 9.0}, {"params": weights[1:], "lr": 9.0}]
        self.velocities = {id(weight): torch.zeros_like(weight) for weight in weights}

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self._weights():
            weight.grad = None if set_to_none or weight.grad is None else torch.zeros_like(weight)

    @torch.no_grad()
    def step(self) -> None:
        self.rates.append([float(group["lr"]) for group in self.param_groups])
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    velocity = self.velocities[id(weight)].mul_(self.momentum).add_(weight.grad)
                    weight -= group["lr"] * velocity

    def _weights(self) -> Iterator[Tensor]:
        return itertools.chain(*(group["params"] for group in self.param_groups))


def _falling(step: int, peak: float, warmup: float) -> float:
    return peak * min(1.0, (step + 1) / warmup) / (1 + 0.1 * step)


class _Counted:
    """Batches without end, each one new, that know how many were taken."""

    def __init__(self, V: int, B: int, T: int, seed: int) -> None:
        self.sizes, self.seed, self.taken = (V, 2, B, T), seed, 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        self.taken += 1
        x, y = some_ids(*self.sizes, seed=1000 * self.seed + self.taken)
        return x, y


class _Measure:
    """What stands for the validation: a number from the model, and in which state it was looked at."""

    def __init__(self, V: int) -> None:
        self.ids, self.states = torch.arange(V)[None], []

    def __call__(self, model: nn.Module) -> float:
        self.states.append((any(in_training(model)), torch.is_grad_enabled()))
        return model(self.ids).detach().square().mean().item()


def _case(
    steps: int,
    every: int,
    max_norm: float,
    seed: int,
    *,
    V: int = 5,
    B: int = 2,
    T: int = 3,
    peak: float = 0.3,
) -> Case:
    return Case(
        Made("model", small_model, (V, 3, seed)),
        Made("optimizer", _Descent, (0.5,)),
        Made("batches", _Counted, (V, B, T, seed)),
        Made("rate", _falling, (peak, 3.0)),
        Made("measure", _Measure, (V,)),
        steps=steps,
        every=every,
        max_norm=max_norm,
    )


def _cases() -> list[Case]:
    return [
        _case(4, 2, 1.0, 1),
        _case(5, 2, 0.3, 2, V=7, B=3, T=2),  # the last step is none of the fifth
        _case(6, 1, 100.0, 3, peak=2.0),  # nothing is clipped
        _case(3, 9, 0.05, 4, B=1, T=1),
        _case(7, 3, 0.5, 5, V=3, B=4, peak=1.0),
        _case(3, 2, 5e-4, 6, peak=20.0),  # hardly anything is left of the gradients
        _case(70, 66, 1.0, 7, B=1, T=2),  # many steps
    ]


def _fresh(draw: Draw) -> Case:
    sizes = {"V": draw.integer(2, 6), "B": draw.integer(1, 3), "T": draw.integer(1, 4)}
    limit, peak = draw.choose((0.5, 1.0, 0.1, 50.0)), draw.choose((0.3, 1.0, 0.05))
    return _case(draw.integer(1, 7), draw.integer(1, 4), limit, draw.integer(0, 50), **sizes, peak=peak)


def _trained(
    answer: Callable[..., Any],
    model: Made,
    optimizer: Made,
    batches: Made,
    rate: Made,
    measure: Made,
    steps: int,
    every: int,
    max_norm: float,
) -> dict[str, Any] | None:
    """All that can be seen of a training, on a fresh model."""
    learner, drawn, measured = model().eval(), batches(), measure()
    stepper = optimizer(learner)
    records = answer(learner, stepper, drawn, rate, measured, steps, every, max_norm)
    if records is None or records is ...:
        return None
    inside, asking = zip(*measured.states, strict=True) if measured.states else ((), ())
    return {
        "records": records,
        "plain numbers in the records": not _holds_tensors(records),
        "rates of the steps": stepper.rates,
        "batches taken": drawn.taken,
        "in training while it is measured": list(inside),
        "gradients kept while it is measured": list(asking),
        "in training afterwards": in_training(learner),
        "weights afterwards": [weight.detach() for weight in learner.parameters()],
    }


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, list | tuple) and any(map(_holds_tensors, value)))


# Mistakes -------------------------------------------------------------------------------------------------


def _loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


def _measured(model: nn.Module, measure: Callable[[nn.Module], float]) -> float:
    model.eval()
    with torch.no_grad():
        found = measure(model)
    model.train()
    return found


def _clip(model: nn.Module, max_norm: float) -> None:
    nn.utils.clip_grad_norm_(model.parameters(), max_norm)


def _clip_each(model: nn.Module, max_norm: float) -> None:
    for weight in model.parameters():
        nn.utils.clip_grad_norm_([weight], max_norm)


def _set_rate(optimizer: Any, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def _set_first(optimizer: Any, rate: float) -> None:
    optimizer.param_groups[0]["lr"] = rate


def _is_due(step: int, steps: int, every: int) -> bool:
    return (step + 1) % every == 0 or step + 1 == steps


def _training_with(
    begin: Callable[[nn.Module], Any] = lambda model: model.train(),
    number: Callable[[int], int] = lambda step: step,
    set_rate: Callable[[Any, float], None] = _set_rate,
    zero: Callable[[Any], None] = lambda optimizer: optimizer.zero_grad(),
    late_zero: Callable[[Any], None] = lambda optimizer: None,
    clip: Callable[[nn.Module, float], None] = _clip,
    clip_early: Callable[[nn.Module, float], None] = lambda model, max_norm: None,
    measured: Callable[..., float] = _measured,
    is_due: Callable[[int, int, int], bool] = _is_due,
    count: Callable[[int], int] = lambda step: step + 1,
    number_of: Callable[[Tensor], Any] = lambda loss: loss.item(),
) -> Callable[..., list]:
    """A training with some of its parts done otherwise."""

    def wrong(model, optimizer, batches, rate, measure, steps, every, max_norm) -> list:
        begin(model)
        records = []
        for step in range(steps):
            set_rate(optimizer, rate(number(step)))
            loss = _loss(model, *next(batches))
            zero(optimizer)
            clip_early(model, max_norm)
            loss.backward()
            late_zero(optimizer)
            clip(model, max_norm)
            optimizer.step()
            if is_due(step, steps, every):
                records.append((count(step), number_of(loss), measured(model, measure)))
        return records

    return wrong


def _for_all_batches(model: nn.Module, optimizer: Any, batches: Iterator, *others: Any) -> list:
    """One batch is drawn before anybody looks whether there are enough steps."""
    records = _train(model, optimizer, batches, *others)
    next(batches)
    return records


def _the_same_batch(model: nn.Module, optimizer: Any, batches: Iterator, *others: Any) -> list:
    return _train(model, optimizer, itertools.repeat(next(batches)), *others)


def _measured_in_training(model: nn.Module, measure: Callable[[nn.Module], float]) -> float:
    with torch.no_grad():
        return measure(model)


def _with_gradients(model: nn.Module, measure: Callable[[nn.Module], float]) -> float:
    model.eval()
    found = measure(model)
    model.train()
    return found


def _left_in_eval(model: nn.Module, measure: Callable[[nn.Module], float]) -> float:
    model.eval()
    with torch.no_grad():
        return measure(model)


train = Exercise(
    name="train",
    topic="training",
    title="The whole training",
    difficulty="hard",
    minutes=20,
    reference=_train,
    cases=_cases,
    fresh=_fresh,
    draws=4,
    use=_trained,
    differentiable=False,
    rtol=1e-3,
    atol=1e-4,
    may_change_inputs=True,
    hints=(
        "One turn of the loop: set the rate, take a batch, compute the loss, forget the old gradients, go "
        "backward, clip, step. Then, if it is time, measure and write down.",
        "The rate belongs into *every* entry of `optimizer.param_groups`. `next(batches)` gives one batch; a "
        "`for` over all of them would never end. `nn.utils.clip_grad_norm_(model.parameters(), max_norm)` "
        "clips in place.",
        "After step number `step` (from 0), `step + 1` steps are done: write down when that divides by "
        "`every`, and at the last. Measure between `model.eval()` and `model.train()`, under "
        "`torch.no_grad()`.",
    ),
    explanation=(
        "These fifteen lines train everything from the smallest GPT to the largest; the rest is bookkeeping. "
        "The order matters: old gradients go before `backward`, clipping stands between `backward` and "
        "`step`, and the rate is set before the step that uses it.\n\n"
        "The loss that is written down is that of the batch just seen, from before the step. What is "
        "measured belongs to the weights after it, in evaluation mode, without gradients."
    ),
    mistakes=(
        Mistake(
            "old gradients are never forgotten",
            _training_with(zero=lambda optimizer: None),
            "torch adds new gradients to what is there. `optimizer.zero_grad()` before each `backward`.",
        ),
        Mistake(
            "the gradients are forgotten before the step",
            _training_with(late_zero=lambda optimizer: optimizer.zero_grad()),
            "`zero_grad` after `backward` throws away what was just found. It goes before.",
        ),
        Mistake(
            "the gradients are not clipped",
            _training_with(clip=lambda model, max_norm: None),
            "Between `backward` and `step`: `nn.utils.clip_grad_norm_(model.parameters(), max_norm)`.",
        ),
        Mistake(
            "they are clipped before there are any",
            _training_with(
                zero=lambda optimizer: None,
                clip=lambda model, max_norm: None,
                clip_early=_clip,
            ),
            "Clipping changes the gradients that `backward` has left: it comes after that, before the step.",
        ),
        Mistake(
            "each weight's gradient is clipped alone",
            _training_with(clip=_clip_each),
            "They are shrunk together, by one factor, so that their common direction stays: hand over "
            "`model.parameters()` all at once.",
        ),
        Mistake(
            "the rate is never set",
            _training_with(set_rate=lambda optimizer, rate: None),
            "An optimizer keeps its rate in its groups: `for group in optimizer.param_groups: group['lr'] = "
            "rate(step)`.",
        ),
        Mistake(
            "only the first group gets the rate",
            _training_with(set_rate=_set_first),
            "An optimizer may hold several groups, such as matrices and biases: go through all of "
            "`optimizer.param_groups`.",
        ),
        Mistake(
            "the rate is one step ahead",
            _training_with(number=lambda step: step + 1),
            "The first step has the number 0: `rate(0)`.",
        ),
        Mistake(
            "it always reads the same batch",
            _the_same_batch,
            "`next(batches)` stands outside of the loop. Every step takes a new one.",
        ),
        Mistake(
            "one batch too many is taken",
            _for_all_batches,
            "A `for` over the batches takes one before it can stop. Count the steps: a `next(batches)` each.",
        ),
        Mistake(
            "it is measured in training mode",
            _training_with(measured=_measured_in_training),
            "Dropout and the like must be off: `model.eval()` before, `model.train()` afterwards.",
        ),
        Mistake(
            "it stays in evaluation mode once it was measured",
            _training_with(measured=_left_in_eval),
            "From the first measurement on it trains without dropout. `model.train()` after each.",
        ),
        Mistake(
            "gradients are kept while it is measured",
            _training_with(measured=_with_gradients),
            "Nothing is learned from it, so nothing need be kept for a way back: `with torch.no_grad():`.",
        ),
        Mistake(
            "the model is not set to training",
            _training_with(begin=lambda model: None),
            "It came in evaluation mode, as it is after writing. `model.train()` first.",
        ),
        Mistake(
            "the last step is not written down",
            _training_with(is_due=lambda step, steps, every: (step + 1) % every == 0),
            "After the last step too, whatever its number: `... or step + 1 == steps`.",
        ),
        Mistake(
            "it is written down at steps 0, `every`, and so on",
            _training_with(
                is_due=lambda step, steps, every: step % every == 0 or step + 1 == steps,
            ),
            "After step number `step` there are `step + 1` steps done; that number divides by `every`.",
        ),
        Mistake(
            "the steps are counted from 0",
            _training_with(count=lambda step: step),
            "Write down how many steps are *done*: `step + 1`.",
        ),
        Mistake(
            "the losses are tensors",
            _training_with(number_of=lambda loss: loss),
            "A tensor that asks for gradients keeps all that it was made from, and memory fills up. "
            "`loss.item()` is the plain number.",
        ),
    ),
)
