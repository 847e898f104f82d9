"""Exercises and quizzes of notebook 05: the gradient of the loss, optimizers, schedules, a step, a power law.

`clinic` asks for the faults of the six runs that `course_lib.training.clinic` makes, in the order of their
letters. This module knows their answers only: it neither makes the runs nor draws them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.exercises import Case, Exercise, Mistake, Option, Property, Question, Quiz

Tensor = torch.Tensor


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _some_ids(V: int, *shape: int, seed: int) -> Tensor:
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


# The gradient of the loss ---------------------------------------------------------------------------------


def _cross_entropy_gradient(logits: Tensor, targets: Tensor) -> Tensor:
    """How the mean loss changes with each logit: logits (N, V), targets (N,) -> (N, V)."""
    one_hot = F.one_hot(targets, logits.shape[1])
    return (logits.softmax(dim=1) - one_hot) / len(targets)


def _gradient_cases() -> list[Case]:
    return [
        Case(torch.zeros(2, 2), torch.tensor([0, 1])),
        Case(2 * _random(3, 5, seed=10), torch.tensor([4, 0, 4])),
        Case(_random(1, 7, seed=11), torch.tensor([2])),
        Case(torch.tensor([[1000.0, 999.0, 0.0], [-1000.0, 0.0, 1.0]]), torch.tensor([1, 2])),
    ]


def _rows_sum_to_zero(answer: Callable[..., Tensor]) -> bool:
    sums = answer(_random(3, 5, seed=12), torch.tensor([1, 0, 4])).sum(dim=1)
    return torch.allclose(sums, torch.zeros_like(sums), atol=1e-5)


def _from_parts(combine: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A gradient made in another way from the logits, the probabilities and the one-hot rows."""

    def wrong(logits: Tensor, targets: Tensor) -> Tensor:
        return combine(logits, logits.softmax(dim=1), F.one_hot(targets, logits.shape[1]).float())

    return wrong


def _everywhere_minus_one(logits: Tensor, targets: Tensor) -> Tensor:
    gradient = logits.softmax(dim=1)
    gradient[:, targets] -= 1
    return gradient / len(targets)


def _softmax_over_the_guesses(logits: Tensor, targets: Tensor) -> Tensor:
    return (logits.softmax(dim=0) - F.one_hot(targets, logits.shape[1])) / len(targets)


def _overflowing(logits: Tensor, targets: Tensor) -> Tensor:
    powers = logits.exp()
    return (powers / powers.sum(dim=1, keepdim=True) - F.one_hot(targets, logits.shape[1])) / len(targets)


cross_entropy_gradient = Exercise(
    name="cross_entropy_gradient",
    topic="training",
    title="The gradient of the loss",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_cross_entropy_gradient,
    differentiable=False,
    cases=_gradient_cases,
    properties=(Property("balance", _rows_sum_to_zero, "each row of the gradient sums to 0"),),
    hints=(
        "For one guess, the gradient is *what the model said* minus *what was right*. Both are rows of V "
        "numbers that sum to 1.",
        "What the model said is `logits.softmax(dim=1)`. What was right is a row with a 1 at the target "
        "and 0 elsewhere: `F.one_hot(targets, V)`.",
        "That is the gradient of each guess's own loss. The loss is the mean over N guesses, so each of "
        "them counts for 1/N.",
    ),
    explanation=(
        "The loss of one guess is log Σ e^logit minus the right logit. The first part's gradient is the "
        "softmax, the second's is the one-hot row. The mean divides by N.\n\n"
        "A step against this gradient lifts the right token's logit by what its probability lacks of 1, and "
        "lowers each other one by the probability that it got. Nothing moves where the model was sure and "
        "right."
    ),
    mistakes=(
        Mistake(
            "not divided by the number of guesses",
            _from_parts(lambda logits, p, hot: p - hot),
            "That is the gradient of the *sum*. The loss is the mean over N guesses: divide by N.",
        ),
        Mistake(
            "divided by the size of the vocabulary",
            _from_parts(lambda logits, p, hot: (p - hot) / p.shape[1]),
            "The mean is over the N guesses, not over the V tokens of each: `len(targets)`.",
        ),
        Mistake(
            "divided by all numbers, N times V",
            _from_parts(lambda logits, p, hot: (p - hot) / p.numel()),
            "There are N losses in the mean, one for each guess. `.mean()` over an (N, V) tensor divides "
            "by V too.",
        ),
        Mistake(
            "the sign is turned round",
            _from_parts(lambda logits, p, hot: (hot - p) / len(p)),
            "That is the direction in which the loss *falls*. The gradient points uphill; the optimizer "
            "puts the minus.",
        ),
        Mistake(
            "the one-hot row is not taken away",
            _from_parts(lambda logits, p, hot: p / len(p)),
            "Then every logit would be pushed down, the right one too. Take 1 away at the target.",
        ),
        Mistake(
            "softmax over the guesses",
            _softmax_over_the_guesses,
            "Each guess spreads its probability over the vocabulary: the last axis, `dim=1`.",
        ),
        Mistake(
            "the softmax is left out",
            _from_parts(lambda logits, p, hot: (logits - hot) / len(p)),
            "What the model said are probabilities: take the softmax of the logits first.",
        ),
        Mistake(
            "the logarithm of the softmax",
            _from_parts(lambda logits, p, hot: (p.log() - hot) / len(p)),
            "The logarithm is in the loss. In its gradient stand the probabilities themselves.",
        ),
        Mistake(
            "only the right token's logit gets a gradient",
            _from_parts(lambda logits, p, hot: (p - 1) * hot / len(p)),
            "The softmax ties all logits together: to make one token likelier, the others are pushed "
            "down too.",
        ),
        Mistake(
            "the gradient with respect to the probabilities",
            _from_parts(lambda logits, p, hot: -hot / p / len(p)),
            "-1/p is how the loss changes with the right token's *probability*. One more link of the chain "
            "rule, through the softmax, leads to the logits.",
        ),
        Mistake(
            "1 is taken away in every row, at all targets",
            _everywhere_minus_one,
            "`gradient[:, targets]` means these columns in *every* row. Pair the rows with their columns: "
            "`gradient[torch.arange(N), targets]`.",
        ),
        Mistake(
            "the target's number is taken away",
            lambda logits, targets: (logits.softmax(dim=1) - targets[:, None]) / len(targets),
            "A target is a place in the vocabulary, not an amount. Take 1 away at that place.",
        ),
        Mistake(
            "e to the power of large logits overflows",
            _overflowing,
            "e^1000 does not fit into a float. `softmax` takes each row's largest logit away first.",
        ),
    ),
)


# Momentum -------------------------------------------------------------------------------------------------


def _momentum_step(
    weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float
) -> tuple[Tensor, Tensor]:
    """One step of gradient descent that remembers where it was going; all tensors have one shape."""
    velocity = momentum * velocity + gradient
    return weight - lr * velocity, velocity


def _momentum_cases() -> list[Case]:
    return [
        Case(torch.tensor([1.0, 2.0]), torch.tensor([4.0, -2.0]), torch.tensor([2.0, 0.0]), 0.1, 0.5),
        Case(_random(2, 3, seed=20), _random(2, 3, seed=21), _random(2, 3, seed=22), 0.2, 0.9),
        Case(_random(5, seed=23), _random(5, seed=24), torch.zeros(5), 0.5, 0.8),
    ]


def _damped(weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float):
    return _momentum_step(weight, (1 - momentum) * gradient, velocity, lr, momentum)


def _old_velocity(weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float):
    return weight - lr * velocity, momentum * velocity + gradient


def _no_velocity(weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float):
    return weight - lr * gradient, momentum * velocity + gradient


def _rate_inside(weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float):
    velocity = momentum * velocity + lr * gradient
    return weight - velocity, velocity


def _rate_twice(weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float):
    return _momentum_step(weight, lr * gradient, velocity, lr, momentum)


def _looks_ahead(weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float):
    velocity = momentum * velocity + gradient
    return weight - lr * (gradient + momentum * velocity), velocity


def _points_downhill(weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float):
    velocity = momentum * velocity - gradient
    return weight + lr * velocity, velocity


def _momentum_in_place(weight: Tensor, gradient: Tensor, velocity: Tensor, lr: float, momentum: float):
    velocity *= momentum
    velocity += gradient
    weight -= lr * velocity
    return weight, velocity


momentum_step = Exercise(
    name="momentum_step",
    topic="training",
    title="A step with momentum",
    kind="explore",
    difficulty="easy",
    minutes=8,
    reference=_momentum_step,
    differentiable=False,
    cases=_momentum_cases,
    hints=(
        "Two lines. First the velocity: keep the share `momentum` of the old one, and add the gradient. Then "
        "the step.",
        "The step goes against the *new* velocity: `weight - lr * velocity`. Make new tensors, leave the old "
        "ones as they are.",
    ),
    explanation=(
        "The velocity is a sum of all gradients so far, older ones with ever smaller weights: 1, momentum, "
        "momentum², ... What points the same way at every step adds up, to 1/(1 - momentum) times a single "
        "gradient; what changes its sign cancels.\n\n"
        "This is `torch.optim.SGD`'s form. Others multiply the new gradient by `lr` or by `1 - momentum` "
        "first: the same idea, but a rate that suits one form doesn't suit the other."
    ),
    mistakes=(
        Mistake(
            "the new gradient is multiplied by 1 - momentum",
            _damped,
            "That is a running mean, as in Adam. Here the gradient is added in full, so that the velocity "
            "can grow.",
        ),
        Mistake(
            "the step uses the old velocity",
            _old_velocity,
            "First renew the velocity, then step with the new one. Otherwise each gradient comes a step "
            "late.",
        ),
        Mistake(
            "the step uses the gradient alone",
            _no_velocity,
            "The velocity is right, but the step must go along it: `weight - lr * velocity`.",
        ),
        Mistake(
            "it steps uphill",
            lambda weight, gradient, velocity, lr, momentum: _momentum_step(
                weight, gradient, velocity, -lr, momentum
            ),
            "The gradient points to where the loss grows. Go the other way: `weight - ...`.",
        ),
        Mistake(
            "the rate is multiplied into the velocity",
            _rate_inside,
            "Some books do that. In torch's form the velocity holds gradients only, and `lr` comes in at the "
            "step. It matters when the rate changes on the way.",
        ),
        Mistake(
            "the rate is multiplied in twice",
            _rate_twice,
            "`lr` belongs to the step alone: `velocity = momentum * velocity + gradient`.",
        ),
        Mistake(
            "momentum multiplies the gradient, not the old velocity",
            lambda weight, gradient, velocity, lr, momentum: _momentum_step(
                weight, momentum * gradient, velocity, lr, 1.0
            ),
            "It is the old velocity that fades: `momentum * velocity + gradient`. Like this it would never "
            "slow down.",
        ),
        Mistake(
            "Nesterov's look ahead",
            _looks_ahead,
            "That is `torch.optim.SGD(..., nesterov=True)`. Plain momentum steps by `lr * velocity`.",
        ),
        Mistake(
            "the velocity points downhill",
            _points_downhill,
            "The weights come out right only if the old velocity was kept that way as well. In torch's form "
            "it adds gradients up, and the minus is in the step.",
        ),
        Mistake(
            "velocity and weight are in the wrong order",
            lambda *inputs: _momentum_step(*inputs)[::-1],
            "Give the new weight first, then the new velocity.",
        ),
        Mistake(
            "the new velocity is not given back",
            lambda *inputs: _momentum_step(*inputs)[0],
            "The next step needs it: `return weight, velocity`.",
        ),
        Mistake(
            "the inputs are changed",
            _momentum_in_place,
            "`-=`, `*=` and `+=` write into the tensors that were handed in. `weight = weight - ...` makes a "
            "new one.",
        ),
    ),
)


# AdamW ----------------------------------------------------------------------------------------------------


def _adamw_step(
    weight: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of AdamW; `step` counts from 1. Gives the new weight and the two new averages."""
    mean = betas[0] * mean + (1 - betas[0]) * gradient
    square = betas[1] * square + (1 - betas[1]) * gradient**2
    direction = mean / (1 - betas[0] ** step)
    usual_size = (square / (1 - betas[1] ** step)).sqrt()
    weight = weight - lr * weight_decay * weight
    return weight - lr * direction / (usual_size + eps), mean, square


def _adamw_inputs(*shape: int, seed: int) -> tuple[Tensor, ...]:
    weight, gradient, mean, square = (_random(*shape, seed=seed + i) for i in range(4))
    return weight, gradient, mean, square.abs()


def _adamw_cases() -> list[Case]:
    weight, gradient = torch.tensor([1.0, -2.0]), torch.tensor([4.0, -0.5])
    start = torch.zeros(2)
    return [
        Case(weight, gradient, start, start, 1, 0.1, (0.9, 0.99), 1e-8, 0.0),
        Case(*_adamw_inputs(2, 3, seed=30), 5, 0.2, (0.9, 0.95), 1e-8, 0.5),
        Case(*_adamw_inputs(7, seed=40), 3, 0.5, (0.8, 0.9), 0.25, 0.3),
        Case(torch.ones(3), torch.zeros(3), torch.zeros(3), torch.zeros(3), 1, 0.1, (0.9, 0.99), 1e-8, 0.2),
    ]


def _no_matter_how_large(answer: Callable[..., tuple[Tensor, ...]]) -> bool:
    """A first step with a gradient a thousand times as large goes as far."""
    weight, gradient, none = _random(5, seed=50), _random(5, seed=51), torch.zeros(5)
    rest = (none, none, 1, 0.1, (0.9, 0.99), 1e-12, 0.0)
    return torch.allclose(answer(weight, gradient, *rest)[0], answer(weight, 1000 * gradient, *rest)[0])


@dataclass(frozen=True)
class _Adam:
    """AdamW with some part done otherwise: a function for each part that people get wrong."""

    gradient: Callable[..., Tensor] = lambda gradient, weight, decay: gradient
    size: Callable[..., Tensor] = lambda gradient, mean: gradient**2
    correct: Callable[[Tensor, float, int], Tensor] = lambda average, beta, t: average / (1 - beta**t)
    correct_square: Callable[[Tensor, float, int], Tensor] = lambda average, beta, t: average / (1 - beta**t)
    divisor: Callable[[Tensor, float], Tensor] = lambda square, eps: square.sqrt() + eps
    decay: Callable[[Tensor, float, float], Tensor] = lambda weight, lr, decay: lr * decay * weight
    sign: float = -1.0
    keep_corrected: bool = False

    def __call__(self, weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
        gradient = self.gradient(gradient, weight, weight_decay)
        mean = betas[0] * mean + (1 - betas[0]) * gradient
        square = betas[1] * square + (1 - betas[1]) * self.size(gradient, mean)
        direction = self.correct(mean, betas[0], step)
        usual = self.correct_square(square, betas[1], step)
        new = weight - self.decay(weight, lr, weight_decay)
        new = new + self.sign * lr * direction / self.divisor(usual, eps)
        return (new, direction, usual) if self.keep_corrected else (new, mean, square)


def _uncorrected(average: Tensor, beta: float, t: int) -> Tensor:
    return average


def _one_more(average: Tensor, beta: float, t: int) -> Tensor:
    return average / (1 - beta ** (t + 1))


def _not_raised(average: Tensor, beta: float, t: int) -> Tensor:
    return average / (1 - beta)


def _betas_swapped(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _adamw_step(*inputs[:6], inputs[6][::-1], *inputs[7:])


def _decay_last(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    new, mean, square = _adamw_step(weight, gradient, mean, square, step, lr, betas, eps, 0.0)
    return new * (1 - lr * weight_decay), mean, square


def _eps_before(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    eps = eps / math.sqrt(1 - betas[1] ** step)
    return _adamw_step(weight, gradient, mean, square, step, lr, betas, eps, weight_decay)


def _old_averages(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    _, new_mean, new_square = _adamw_step(weight, gradient, mean, square, step, lr, betas, eps, weight_decay)
    usual = (square / (1 - betas[1] ** step)).sqrt() + eps
    weight = weight * (1 - lr * weight_decay)
    return weight - lr * mean / (1 - betas[0] ** step) / usual, new_mean, new_square


def _adamw_in_place(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    new = _adamw_step(weight, gradient, mean, square, step, lr, betas, eps, weight_decay)
    for old, value in zip((weight, mean, square), new, strict=True):
        old.copy_(value)
    return weight, mean, square


adamw_step = Exercise(
    name="adamw_step",
    topic="training",
    title="A step of AdamW",
    difficulty="hard",
    minutes=20,
    reference=_adamw_step,
    differentiable=False,
    cases=_adamw_cases,
    properties=(
        Property("scale", _no_matter_how_large, "the size of a step doesn't depend on the gradient's scale"),
    ),
    hints=(
        "Four steps: renew the two averages, correct both, shrink the weight, step. The averages that you "
        "give back are the uncorrected ones: the correction is only for this step.",
        "`mean = beta1 * mean + (1 - beta1) * gradient`, and likewise `square`, with beta2 and "
        "`gradient**2`. "
        "Each is corrected by dividing by `1 - beta**step`.",
        "The step is `lr * corrected_mean / (corrected_square.sqrt() + eps)`. The decay takes `lr * "
        "weight_decay * weight` away from the weight itself, before that, and never enters the averages.",
    ),
    explanation=(
        "`mean` says which way the gradient has pointed lately, `square` how large it usually is. Their "
        "ratio has no unit: every weight moves by about `lr`, whether its gradients are large or tiny.\n\n"
        "Both averages begin at 0, and so are too small at first, by the factor 1 - beta^step exactly. The "
        "decay acts on the weight alone; mixed into the gradient, it would be divided by `usual_size` as "
        "well, and weights with large gradients would hardly decay (Loshchilov and Hutter 2019)."
    ),
    mistakes=(
        Mistake(
            "no bias correction",
            _Adam(correct=_uncorrected, correct_square=_uncorrected),
            "Both averages begin at 0. Divide each by `1 - beta**step`.",
        ),
        Mistake(
            "only the mean is corrected",
            _Adam(correct_square=_uncorrected),
            "`square` begins at 0 as well, and its beta is larger: without the correction the first steps "
            "are far too long.",
        ),
        Mistake(
            "only the square is corrected",
            _Adam(correct=_uncorrected),
            "`mean` begins at 0 as well: divide it by `1 - betas[0]**step`.",
        ),
        Mistake(
            "divided by 1 - beta, not by 1 - beta^step",
            _Adam(correct=_not_raised, correct_square=_not_raised),
            "That is right for the first step alone. The correction must fade: `1 - beta**step`.",
        ),
        Mistake(
            "the steps are counted from 0",
            _Adam(correct=_one_more, correct_square=_one_more),
            "`step` is 1 in the first step already: `1 - beta**step`, nothing added.",
        ),
        Mistake(
            "the corrected averages are given back",
            _Adam(keep_corrected=True),
            "Then the next step would correct them once more. Give back the averages as they are, and use "
            "the corrected ones in this step only.",
        ),
        Mistake(
            "eps is inside the root",
            _Adam(divisor=lambda square, eps: (square + eps).sqrt()),
            "Adam adds `eps` after the root: `square.sqrt() + eps`.",
        ),
        Mistake(
            "eps is left out",
            _Adam(divisor=lambda square, eps: square.sqrt()),
            "A weight whose gradients were all 0 would get 0 / 0, which is `nan`.",
        ),
        Mistake(
            "eps is added before the bias correction",
            _eps_before,
            "First correct `square`, then take the root, then add `eps`.",
        ),
        Mistake(
            "the root is left out",
            _Adam(divisor=lambda square, eps: square + eps),
            "`square` is in squares of the gradient. Its root has the gradient's own size.",
        ),
        Mistake(
            "the gradient is not squared",
            _Adam(size=lambda gradient, mean: gradient.abs()),
            "The second average is of `gradient**2`; the root at the end brings it back to size.",
        ),
        Mistake(
            "the square of the mean instead of the mean of the squares",
            _Adam(size=lambda gradient, mean: mean**2),
            "`square` averages `gradient**2`. With the mean's square, a gradient that changes its sign "
            "would look small.",
        ),
        Mistake(
            "the decay is mixed into the gradient",
            _Adam(
                gradient=lambda gradient, weight, decay: gradient + decay * weight,
                decay=lambda weight, lr, decay: 0 * weight,
            ),
            "That is Adam with an L2 penalty. The W in AdamW says that the decay acts on the weight itself.",
        ),
        Mistake(
            "the decay is left out",
            _Adam(decay=lambda weight, lr, decay: 0 * weight),
            "Take `lr * weight_decay * weight` away from the weight.",
        ),
        Mistake(
            "the decay is not multiplied with the rate",
            _Adam(decay=lambda weight, lr, decay: decay * weight),
            "In torch the weight shrinks by `lr * weight_decay` of itself, so that the decay follows the "
            "schedule.",
        ),
        Mistake(
            "the decay comes after the step",
            _decay_last,
            "The weight that decays is the old one. Afterwards the step itself would be shrunk too.",
        ),
        Mistake(
            "the two betas are swapped",
            _betas_swapped,
            "`betas[0]` is for the mean, `betas[1]` for the squares.",
        ),
        Mistake(
            "the step uses the old averages",
            _old_averages,
            "Renew both averages first, then step: this gradient belongs in.",
        ),
        Mistake(
            "it steps uphill",
            _Adam(sign=1.0),
            "The gradient points to where the loss grows. Go the other way.",
        ),
        Mistake(
            "the inputs are changed",
            _adamw_in_place,
            "`mul_`, `add_`, `+=` and the like write into the tensors that were handed in. Make new ones.",
        ),
    ),
)


# The rate -------------------------------------------------------------------------------------------------


def _learning_rate(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    """Up in a straight line to `peak`, then down along half a cosine to `floor * peak`, and stay there."""
    if step < warmup:
        return peak * step / warmup
    done = min(1.0, (step - warmup) / (steps - warmup))
    height = (1 + math.cos(math.pi * done)) / 2
    return peak * (floor + (1 - floor) * height)


def _rate_cases() -> list[Case]:
    of_100 = {"steps": 100, "peak": 0.5, "warmup": 20, "floor": 0.1}
    return [
        Case(10, 100, 2.0, 20, 0.0),
        Case(60, 100, 2.0, 20, 0.0),
        *(Case(step, *of_100.values()) for step in (0, 1, 20, 40, 60, 93, 100, 130)),
        *(Case(step, 7, 0.003, 0, 0.25) for step in (0, 2, 7)),
    ]


def _cosine(
    step: int,
    steps: int,
    peak: float,
    warmup: int,
    floor: float,
    bend: Callable[[float], float] = lambda done: (1 + math.cos(math.pi * done)) / 2,
    blend: Callable[[float, float, float], float] = lambda peak, floor, height: (
        peak * (floor + (1 - floor) * height)
    ),
    from_zero: bool = False,
    capped: bool = True,
) -> float:
    """A schedule whose descent may be wrong in some way."""
    if step < warmup:
        return peak * step / warmup
    done = step / steps if from_zero else (step - warmup) / (steps - warmup)
    return blend(peak, floor, bend(min(1.0, done) if capped else done))


def _no_warmup(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return _learning_rate(max(step, warmup), steps, peak, warmup, floor)


def _from_the_floor(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    if step < warmup:
        return peak * (floor + (1 - floor) * step / warmup)
    return _learning_rate(step, steps, peak, warmup, floor)


def _next_step(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return _learning_rate(step + 1 if step < warmup else step, steps, peak, warmup, floor)


def _whole_steps(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return peak * (step // warmup) if step < warmup else _learning_rate(step, steps, peak, warmup, floor)


def _peak_in_the_warmup(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return peak * step / warmup if step <= warmup else _learning_rate(step, steps, peak, warmup, floor)


def _ends_at_zero(step: int, steps: int, peak: float, warmup: int, floor: float) -> float:
    return _learning_rate(step, steps, peak, warmup, floor) if step < steps else 0.0


learning_rate = Exercise(
    name="learning_rate",
    topic="training",
    title="Warm-up, then half a cosine",
    difficulty="easy",
    minutes=10,
    reference=_learning_rate,
    cases=_rate_cases,
    atol=1e-9,
    hints=(
        "Two cases: before `warmup`, a straight line from 0 to `peak`; from there on, the way down. Which "
        "fraction of the way down is done at a given step?",
        "`done = (step - warmup) / (steps - warmup)`, at most 1. `(1 + math.cos(math.pi * done)) / 2` falls "
        "from 1 to 0 while `done` grows from 0 to 1.",
        "Stretch that so that it falls from 1 to `floor`: `floor + (1 - floor) * height`. All of it "
        "times `peak`.",
    ),
    explanation=(
        "During the warm-up the rate is `peak * step / warmup`. Then half a cosine wave, moved and squeezed "
        "so that it runs from 1 to `floor`: flat at the top, steep in the middle, flat at the end. `min` "
        "keeps a training that goes on after `steps` at the floor; a cosine alone would climb again.\n\n"
        "`floor` is a fraction of the peak, so 0.1 means a tenth. `schedules.cosine_schedule` is the same "
        "without `peak`: a factor that multiplies whatever rate a parameter has."
    ),
    mistakes=(
        Mistake(
            "the warm-up is left out",
            _no_warmup,
            "Before step `warmup` the rate rises in a straight line from 0: `peak * step / warmup`.",
        ),
        Mistake(
            "the warm-up begins at the floor",
            _from_the_floor,
            "It begins at 0: `peak * step / warmup`. The floor is for the end.",
        ),
        Mistake(
            "the warm-up is one step ahead",
            _next_step,
            "At step 0 the rate is 0 here, and at step `warmup` it is `peak`: no `+ 1`.",
        ),
        Mistake(
            "whole-number division in the warm-up",
            _whole_steps,
            "`step // warmup` is 0 all the way. A single `/` gives the fraction.",
        ),
        Mistake(
            "divided by a warm-up of no steps",
            _peak_in_the_warmup,
            "With `warmup=0` the very first step is on the way down. Ask `step < warmup`, not `<=`.",
        ),
        Mistake(
            "the cosine begins at step 0",
            partial(_cosine, from_zero=True),
            "Then the rate jumps down where the warm-up ends. The way down begins there: "
            "`(step - warmup) / (steps - warmup)`.",
        ),
        Mistake(
            "it climbs again after the end",
            partial(_cosine, capped=False),
            "Past `steps` the cosine turns round. Keep `done` at 1: `min(1.0, ...)`.",
        ),
        Mistake(
            "it falls to 0 after the end",
            _ends_at_zero,
            "At the end, and after it, the rate stays at `floor * peak`.",
        ),
        Mistake(
            "a whole cosine wave",
            partial(_cosine, bend=lambda done: (1 + math.cos(2 * math.pi * done)) / 2),
            "That falls and rises again. Half a wave is enough: `math.cos(math.pi * done)`.",
        ),
        Mistake(
            "the cosine is used as it is, from 1 to -1",
            partial(_cosine, bend=lambda done: math.cos(math.pi * done)),
            "A rate below zero would climb the loss. `(1 + cos) / 2` runs from 1 to 0.",
        ),
        Mistake(
            "a straight line down",
            partial(_cosine, bend=lambda done: 1 - done),
            "That is a good schedule too (`linear_schedule`), but another one. Here: half a cosine.",
        ),
        Mistake(
            "the floor is left out",
            partial(_cosine, blend=lambda peak, floor, height: peak * height),
            "It ends at `floor * peak`, not at 0: `floor + (1 - floor) * height`.",
        ),
        Mistake(
            "the floor is added on top",
            partial(_cosine, blend=lambda peak, floor, height: peak * (floor + height)),
            "Then the rate jumps above the peak. Squeeze the cosine to the height that is left: `1 - floor`.",
        ),
        Mistake(
            "the floor is taken for a rate",
            partial(_cosine, blend=lambda peak, floor, height: floor + (peak - floor) * height),
            "`floor` is a fraction of the peak: the lowest rate is `floor * peak`.",
        ),
        Mistake(
            "cut off at the floor",
            partial(_cosine, blend=lambda peak, floor, height: peak * max(floor, height)),
            "The curve should reach the floor at the end, smoothly, and not run along it before.",
        ),
        Mistake(
            "the peak is left out",
            lambda step, steps, peak, warmup, floor: _learning_rate(step, steps, 1.0, warmup, floor),
            "That is the factor. Multiply it by `peak`, on both sides of the warm-up's end.",
        ),
    ),
)


# Clipping -------------------------------------------------------------------------------------------------


def _clip_gradients(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    """All gradients, shrunk by one factor so that together they are no longer than `max_norm`."""
    length = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    factor = (max_norm / (length + 1e-6)).clamp(max=1.0)
    return [gradient * factor for gradient in gradients]


def _clip_cases() -> list[Case]:
    return [
        Case([torch.tensor([3.0]), torch.tensor([4.0])], 1.0),
        Case([_random(2, 3, seed=60), 3 * _random(5, seed=61), _random(7, seed=62)], 2.0),
        Case([0.1 * _random(2, 3, seed=63), 0.2 * _random(5, seed=64)], 3.0),
        Case([torch.zeros(2), torch.zeros(3, 2)], 1.0),
    ]


def _one_direction(answer: Callable[..., list[Tensor]]) -> bool:
    """What was ten times as long stays ten times as long."""
    one = _random(3, seed=65)
    small, large = answer([one, 10 * one], 0.5)
    return torch.allclose(10 * small, large, atol=1e-5)


def _scaled(length: Callable[[list[Tensor]], Any]) -> Callable[..., list[Tensor]]:
    """Clipping by some other length."""

    def wrong(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
        factor = (max_norm / (torch.as_tensor(length(gradients)) + 1e-6)).clamp(max=1.0)
        return [gradient * factor for gradient in gradients]

    return wrong


def _flat(gradients: list[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients])


def _each_alone(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    return [_clip_gradients([gradient], max_norm)[0] for gradient in gradients]


def _always_scaled(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    return [gradient * max_norm / (_flat(gradients).norm() + 1e-6) for gradient in gradients]


def _to_one(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    length = _flat(gradients).norm()
    return [gradient / length if length > max_norm else gradient for gradient in gradients]


def _clip_in_place(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    factor = (max_norm / (_flat(gradients).norm() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient *= factor
    return gradients


def _thrown_away(gradients: list[Tensor], max_norm: float) -> list[Tensor]:
    keep = float(_flat(gradients).norm() <= max_norm)
    return [keep * gradient for gradient in gradients]


clip_gradients = Exercise(
    name="clip_gradients",
    topic="training",
    title="Clip the gradients together",
    difficulty="easy",
    minutes=8,
    reference=_clip_gradients,
    differentiable=False,
    cases=_clip_cases,
    properties=(Property("direction", _one_direction, "all gradients shrink by the same factor"),),
    hints=(
        "Think of all numbers of all gradients as one long vector. How long is it? By which factor must it "
        "shrink, if at all?",
        "The length is the root of the sum of *all* squares: add `gradient.square().sum()` over the list, "
        "then take the root once.",
        "The factor is `max_norm / (length + 1e-6)`, but at most 1. Give back a new list with every gradient "
        "times that factor.",
    ),
    explanation=(
        "One length for all, one factor for all: the direction of the step is kept, only its length is "
        "limited. Most steps are shorter than `max_norm` and pass unchanged; a step from one bad batch is "
        "not allowed to undo a hundred good ones (Pascanu, Mikolov and Bengio 2013).\n\n"
        "The 1e-6 keeps a gradient of zeros from a division by zero, and is too small to see otherwise. "
        "`nn.utils.clip_grad_norm_` does the same in place, and returns the length before."
    ),
    mistakes=(
        Mistake(
            "each tensor is clipped on its own",
            _each_alone,
            "Then some shrink and some don't, and the direction turns. Measure one length over all of them.",
        ),
        Mistake(
            "each number is clipped",
            lambda gradients, max_norm: [gradient.clamp(-max_norm, max_norm) for gradient in gradients],
            "That is clipping by value, and turns the direction. Here all numbers shrink by one factor.",
        ),
        Mistake(
            "short gradients are stretched",
            _always_scaled,
            "Only what is longer than `max_norm` is scaled: the factor is at most 1.",
        ),
        Mistake(
            "scaled to the length 1",
            _to_one,
            "It should become `max_norm` long: `gradient * max_norm / length`.",
        ),
        Mistake(
            "the lengths of the tensors are added up",
            _scaled(lambda gradients: sum(gradient.norm() for gradient in gradients)),
            "Two sides of 3 and 4 have a diagonal of 5, not of 7. Add the *squares*, then take the root.",
        ),
        Mistake(
            "the root is left out",
            _scaled(lambda gradients: _flat(gradients).square().sum()),
            "The sum of the squares is the length squared. Take its root.",
        ),
        Mistake(
            "the sum of the sizes instead of the length",
            _scaled(lambda gradients: _flat(gradients).abs().sum()),
            "A vector's length is the root of the sum of its squares.",
        ),
        Mistake(
            "the largest number instead of the length",
            _scaled(lambda gradients: _flat(gradients).abs().max()),
            "All numbers count for the length: the root of the sum of their squares.",
        ),
        Mistake(
            "the mean of the squares instead of their sum",
            _scaled(lambda gradients: _flat(gradients).square().mean().sqrt()),
            "Then a larger model could make longer steps. The length takes the *sum* of the squares.",
        ),
        Mistake(
            "the longest tensor's length",
            _scaled(lambda gradients: max(gradient.norm() for gradient in gradients)),
            "Together they are longer than the longest of them. Add up the squares of all.",
        ),
        Mistake(
            "what is too long is thrown away",
            _thrown_away,
            "A long gradient still knows the direction. Shrink it, and keep it.",
        ),
        Mistake(
            "it gives the length",
            lambda gradients, max_norm: _flat(gradients).norm(),
            "torch's function returns the length, since it changes the gradients in place. Here, give back "
            "the new gradients.",
        ),
        Mistake(
            "it gives one long vector",
            lambda gradients, max_norm: _clip_gradients([_flat(gradients)], max_norm)[0],
            "The scaling is right, but each weight needs a gradient of its own shape: a list as it came in.",
        ),
        Mistake(
            "the inputs are changed",
            _clip_in_place,
            "`*=` and `mul_` write into the tensors that were handed in. Give back new ones.",
        ),
    ),
)


# One step of training -------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class _Made:
    """Something that is made afresh for every call (a model, an optimizer), with the name seen in the
    call."""

    name: str
    make: Callable[..., Any]
    with_: tuple[float, ...] = ()

    def __repr__(self) -> str:
        return self.name

    def __call__(self, *more: Any) -> Any:
        return self.make(*more, *self.with_)

    @property
    def __name__(self) -> str:
        return self.name


def _table(V: int) -> nn.Module:
    """The smallest model: a row of logits for each token, all 0."""
    model = nn.Embedding(V, V)
    nn.init.zeros_(model.weight)
    return model


def _small(V: int, C: int, seed: int) -> nn.Module:
    """Two layers with fixed weights, ids (B, T) -> logits (B, T, V)."""
    model = nn.Sequential(nn.Embedding(V, C), nn.Linear(C, V))
    for number, weight in enumerate(model.parameters()):
        weight.data = _random(*weight.shape, seed=seed + number)
    return model


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

    def __init__(self, model: nn.Module, lr: float) -> None:
        self.weights, self.lr, self.steps = list(model.parameters()), lr, 0

    def zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self.weights:
            weight.grad = None if set_to_none or weight.grad is None else torch.zeros_like(weight)

    @torch.no_grad()
    def step(self) -> None:
        self.steps += 1
        for weight in self.weights:
            if weight.grad is not None:
                weight -= self.lr * weight.grad


def _train_cases() -> list[Case]:
    table, ids = _Made("model", _table, (2,)), torch.tensor([[0, 1]])
    cases = [Case(table, _Made("optimizer", _Descent, (1.0,)), ids, ids.flip(1))]
    for V, C, B, T, lr in ((7, 3, 2, 5, 0.5), (5, 2, 3, 2, 0.3)):
        x, y = _some_ids(V, 2, B, T, seed=70 + V)
        made = _Made("model", _small, (V, C, 80 + V)), _Made("optimizer", _Descent, (lr,))
        cases.append(Case(*made, x, y))
    return cases


def _two_steps(
    answer: Callable[..., float], model: _Made, optimizer: _Made, x: Tensor, y: Tensor
) -> dict[str, Any] | None:
    """What two steps in a row give, on a fresh model."""
    learner = model()
    stepper = optimizer(learner)
    losses = [answer(learner, stepper, x, y) for _ in range(2)]
    if losses[0] is None or losses[0] is ...:
        return None
    weights = [weight.detach() for weight in learner.parameters()]
    return {"loss of step 1": losses[0], "loss of step 2": losses[1], "weights afterwards": weights}


def _watched_step(answer: Callable[..., float]) -> tuple[Any, set[str]]:
    """What an answer gives for one step, and which of 'backward' and 'step' happened."""
    model, happened = _small(5, 2, 90), set()
    optimizer = _Descent(model, 0.1)
    for weight in model.parameters():
        weight.register_hook(lambda gradient: happened.add("backward"))
    loss = answer(model, optimizer, *_some_ids(5, 2, 2, 3, seed=91))
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


def _nothing(*_: Any) -> None:
    pass


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
            _stepwise(before=_nothing),
            "`backward` adds to what is there: the second step would go along both gradients. Begin with "
            "`optimizer.zero_grad()`.",
        ),
        Mistake(
            "the gradients are zeroed before the step can use them",
            _stepwise(between=lambda optimizer: optimizer.zero_grad()),
            "Between `backward` and `step` the gradients must stay. Zero them at the very beginning.",
        ),
        Mistake(
            "the optimizer never steps",
            _stepwise(step=_nothing),
            "The gradients are there, but nobody moves the weights: `optimizer.step()`.",
        ),
        Mistake(
            "no gradients are computed",
            _stepwise(backward=_nothing),
            "Without `loss.backward()` the optimizer finds no gradients, and silently does nothing.",
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
            "the loss is measured after the step",
            _measured_after,
            "The step needs one forward pass only. Give the loss that it has computed, of the weights "
            "before.",
        ),
    ),
)


# Accumulation ---------------------------------------------------------------------------------------------


def _accumulate(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> float:
    """Leave the gradient of one large batch in `.grad`, made from small ones; gives the mean loss."""
    targets = sum(int((y != -100).sum()) for _, y in batches)
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="sum") / targets
        loss.backward()
        total += loss.item()
    return total


def _with_gaps(V: int, B: int, T: int, seed: int, hidden: int) -> tuple[Tensor, Tensor]:
    """A batch (x, y) whose first texts have their last `hidden` targets ignored."""
    x, y = _some_ids(V, 2, B, T, seed=seed)
    y = y.clone()
    y[: B - 1, T - hidden :] = -100
    return x, y


def _accumulate_cases() -> list[Case]:
    table, small = _Made("model", _table, (2,)), _Made("model", _small, (7, 3, 100))
    first = (torch.tensor([[0, 1, 1]]), torch.tensor([[1, 1, 0]]))
    second = (torch.tensor([[1, 0]]), torch.tensor([[0, -100]]))
    other = _Made("model", _small, (5, 2, 110))
    sizes = ((2, 3, 1), (1, 5, 0), (3, 2, 1))
    return [
        Case(table, [first, second]),
        Case(small, [_with_gaps(7, B, T, 101 + B, hidden) for B, T, hidden in sizes]),
        Case(other, [_with_gaps(5, 2, 7, 111, 6), _with_gaps(5, 3, 2, 112, 0)]),
    ]


def _gradients_of(model: nn.Module) -> list[Tensor]:
    """The gradients in a model, zeros where there are none."""
    return [torch.zeros_like(w) if w.grad is None else w.grad.clone() for w in model.parameters()]


def _accumulated(
    answer: Callable[..., float], model: _Made, batches: list[tuple[Tensor, Tensor]]
) -> dict[str, Any] | None:
    learner = model()
    loss = answer(learner, batches)
    if loss is None or loss is ...:
        return None
    return {"mean loss": loss, "gradients": _gradients_of(learner)}


def _mean_is_a_float(answer: Callable[..., float]) -> bool:
    return not isinstance(answer(_small(5, 2, 120), [_with_gaps(5, 2, 3, 121, 1)]), Tensor)


def _parts(
    loss: Callable[..., Tensor],
    give: Callable[[list[Tensor], list[Tensor]], Any] = lambda losses, targets: sum(losses).item(),
    before: Callable[[nn.Module], None] = _nothing,
    backward: Callable[[Tensor], None] = lambda loss: loss.backward(),
) -> Callable[..., Any]:
    """Batch after batch, with the part `loss(logits, y, all targets)` of each."""

    def wrong(model: nn.Module, batches: list[tuple[Tensor, Tensor]]) -> Any:
        targets, losses = [y for _, y in batches], []
        for x, y in batches:
            before(model)
            losses.append(loss(model(x).flatten(0, 1), y.flatten(), targets))
            backward(losses[-1])
        return give([part.detach() for part in losses], targets)

    return wrong


def _counted(targets: list[Tensor]) -> int:
    return sum(int((y != -100).sum()) for y in targets)


def _share(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum") / _counted(targets)


def _own_mean(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y)


def _own_sum(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum")


def _mean_by_batches(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y) / len(targets)


def _mean_by_texts(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum") / sum(map(len, targets))


def _mean_with_ignored(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y, reduction="sum") / sum(part.numel() for part in targets)


def _weighed_with_ignored(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return F.cross_entropy(logits, y) * y.numel() / sum(part.numel() for part in targets)


def _ignored_as_token_0(logits: Tensor, y: Tensor, targets: list[Tensor]) -> Tensor:
    return _mean_with_ignored(logits, y.clamp(min=0), targets)


accumulate = Exercise(
    name="accumulate",
    topic="training",
    title="A large batch in small parts",
    kind="explore",
    difficulty="medium",
    minutes=12,
    reference=_accumulate,
    cases=_accumulate_cases,
    use=_accumulated,
    properties=(
        Property(
            "float", _mean_is_a_float, "the loss is given as a plain number, without the graph behind it"
        ),
    ),
    hints=(
        "`backward` adds to the gradients that are there. So call it once for each batch, and make sure that "
        "the parts you add are parts of one mean. By what must each batch's sum of losses be divided?",
        "By the number of targets in *all* batches: count them first, `(y != -100).sum()` for each batch. "
        "The batches don't all have as many.",
        '`F.cross_entropy(..., reduction="sum") / targets` is a batch\'s part. Backward on each part, and '
        "add up the `.item()` of each.",
    ),
    explanation=(
        "The mean loss of everything is one sum divided by one number. The sum can be split up among the "
        "batches, and so can its gradient, since `backward` adds. The number must be known before the first "
        "part.\n\n"
        "The mean of the batches' means is something else unless all have equally many targets: it gives a "
        "target in a small batch more weight. Hugging Face's Trainer had this fault until late 2024."
    ),
    mistakes=(
        Mistake(
            "the mean of the batches' means",
            _parts(_mean_by_batches),
            "A batch with few targets then counts as much as one with many. Divide each batch's *sum* by the "
            "number of all targets.",
        ),
        Mistake(
            "the batches' means are added up",
            _parts(_own_mean),
            "Each batch's mean is a whole mean already; their sum grows with the number of batches. Divide "
            "each batch's sum by the number of all targets.",
        ),
        Mistake(
            "nothing is divided",
            _parts(_own_sum),
            "That is the sum over all targets. Divide by how many there are.",
        ),
        Mistake(
            "the loss is divided, the gradients are not",
            _parts(_own_sum, lambda losses, targets: sum(losses).item() / _counted(targets)),
            "Dividing the number that you return doesn't touch what `backward` has added. Divide each part "
            "*before* `backward`.",
        ),
        Mistake(
            "the ignored targets are counted",
            _parts(_mean_with_ignored),
            "A target of -100 costs nothing, and must not make the mean smaller: count `(y != -100).sum()`.",
        ),
        Mistake(
            "the ignored targets are counted in the batches' weights",
            _parts(_weighed_with_ignored),
            "Each mean is right, but its weight should be the number of targets that count: "
            "`(y != -100).sum()`, not `y.numel()`.",
        ),
        Mistake(
            "the ignored targets are taken for token 0",
            _parts(_ignored_as_token_0),
            "-100 means that no guess is asked for there. `F.cross_entropy` leaves such targets out by "
            "itself.",
        ),
        Mistake(
            "divided by the number of texts",
            _parts(_mean_by_texts),
            "The mean is over targets, and a text has many. Count `(y != -100).sum()`.",
        ),
        Mistake(
            "only the last batch's gradients are left",
            _parts(_share, before=lambda model: model.zero_grad()),
            "Each batch's part needs its `backward`, and nothing may be zeroed in between: the gradients "
            "should add up.",
        ),
        Mistake(
            "backward is never called",
            _parts(_share, backward=_nothing),
            "The loss is right, but no gradients were left: call `backward` on each part.",
        ),
        Mistake(
            "it gives the last batch's part of the loss",
            _parts(_share, lambda losses, targets: losses[-1].item()),
            "The gradients are right. Add up the parts' losses, and return their sum.",
        ),
        Mistake(
            "the loss is given as a tensor",
            _parts(_share, lambda losses, targets: sum(losses)),
            "Add up `loss.item()`, so that a plain number comes out and no graph is kept alive.",
        ),
    ),
)


# A power law ----------------------------------------------------------------------------------------------


def _fit_power_law(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    """The (a, b) of loss - floor = a * size**(-b), by least squares in logarithms; sizes, losses (N,)."""
    x, y = sizes.log(), (losses - floor).log()
    from_mean = x - x.mean()
    slope = (from_mean * (y - y.mean())).sum() / from_mean.square().sum()
    height = y.mean() - slope * x.mean()
    return height.exp().item(), -slope.item()


def _law_cases() -> list[Case]:
    three, five = torch.tensor([2.0, 20.0, 300.0]), torch.tensor([3.0, 10.0, 40.0, 100.0, 700.0])
    noise = 0.2 * _random(5, seed=130)
    return [
        Case(torch.tensor([1.0, 4.0, 16.0]), torch.tensor([5.0, 3.0, 2.0]), 1.0),
        Case(torch.tensor([100.0, 10_000.0]), torch.tensor([3.5, 2.0]), 1.5),
        Case(three, 0.7 + torch.tensor([4.0, 1.5, 0.9]), 0.7),
        Case(five, 1.2 + 3 * five**-0.3 * noise.exp(), 1.2),
    ]


def _twice_as_far_above(answer: Callable[..., tuple[float, float]]) -> bool:
    """Losses twice as far above the floor: a doubles, b stays."""
    sizes, above = torch.tensor([1.0, 5.0, 20.0]), torch.tensor([3.0, 2.0, 0.5])
    a, b = answer(sizes, 1 + above, 1.0)
    twice, same = answer(sizes, 1 + 2 * above, 1.0)
    return math.isclose(twice, 2 * a, rel_tol=1e-3) and math.isclose(same, b, rel_tol=1e-3)


def _line(
    of_x: Callable[[Tensor], Tensor] = torch.log,
    of_y: Callable[[Tensor], Tensor] = torch.log,
    give: Callable[[float, float], tuple[float, float]] = lambda height, slope: (math.exp(height), -slope),
    swap: bool = False,
) -> Callable[..., tuple[float, float]]:
    """A straight line through other numbers, or with something else made of it."""

    def wrong(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
        x, y = of_x(sizes), of_y(losses - floor)
        x, y = (y, x) if swap else (x, y)
        from_mean = x - x.mean()
        slope = (from_mean * y).sum() / from_mean.square().sum()
        return give((y.mean() - slope * x.mean()).item(), slope.item())

    return wrong


def _without_floor(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    return _fit_power_law(sizes, losses, 0.0)


def _floor_added(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    return _fit_power_law(sizes, losses, -floor)


def _logs_apart(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    return _line(of_y=lambda above: (above + floor).log() - floor)(sizes, losses, floor)


def _first_and_last(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    return _fit_power_law(sizes[[0, -1]], losses[[0, -1]], floor)


def _through_the_origin(sizes: Tensor, losses: Tensor, floor: float) -> tuple[float, float]:
    x, y = sizes.log(), (losses - floor).log()
    return 1.0, -((x * y).sum() / x.square().sum()).item()


fit_power_law = Exercise(
    name="fit_power_law",
    topic="training",
    title="Fit a power law",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_fit_power_law,
    cases=_law_cases,
    rtol=1e-3,
    properties=(
        Property("scale", _twice_as_far_above, "losses twice as far above the floor double a and keep b"),
    ),
    hints=(
        "Take logarithms on both sides of `loss - floor = a * size**(-b)`. What was a power becomes a "
        "straight line. Which are its x, its y, its slope?",
        "`log(loss - floor) = log(a) - b * log(size)`. Fit a line through x = log(size), y = log(loss - "
        "floor): the slope is the sum of (x - mean x)(y - mean y), divided by the sum of (x - mean x)².",
        "`b` is *minus* the slope. The line's height at x = 0, `y.mean() - slope * x.mean()`, is log(a).",
    ),
    explanation=(
        "In logarithms the law is a line with the slope -b and the height log(a); the least-squares line has "
        "a formula for both (`np.polyfit(x, y, 1)` computes the same).\n\n"
        "A `floor` that is a little wrong bends the points, most of all where the loss is close to it, and b "
        "changes with it. Here it is known, as the little world's entropy is; for real text it has to be "
        "fitted too, and that takes many more points (Hoffmann and others 2022)."
    ),
    mistakes=(
        Mistake(
            "the floor is not taken away",
            _without_floor,
            "What falls as a power is the part *above* the floor: take the logarithm of `losses - floor`.",
        ),
        Mistake(
            "the floor is added",
            _floor_added,
            "Take it away: `losses - floor`.",
        ),
        Mistake(
            "the floor is taken away after the logarithm",
            _logs_apart,
            "First `losses - floor`, then the logarithm of that.",
        ),
        Mistake(
            "b has the wrong sign",
            _line(give=lambda height, slope: (math.exp(height), slope)),
            "The law says `size**(-b)`: the line falls, and b is *minus* its slope.",
        ),
        Mistake(
            "a is left as a logarithm",
            _line(give=lambda height, slope: (height, -slope)),
            "The line's height is log(a). Take e to the power of it.",
        ),
        Mistake(
            "logarithms to base 10, but powers of e",
            _line(torch.log10, torch.log10),
            "Keep to one base. With `log10` the height is turned back by `10**height`.",
        ),
        Mistake(
            "only the sizes are taken as logarithms",
            _line(of_y=lambda y: y, give=lambda height, slope: (height, -slope)),
            "That fits a logarithm, not a power. Take the logarithm of `losses - floor` as well.",
        ),
        Mistake(
            "only the losses are taken as logarithms",
            _line(of_x=lambda x: x),
            "That fits an exponential decay, not a power. Take the logarithm of the sizes as well.",
        ),
        Mistake(
            "x and y are swapped",
            _line(swap=True),
            "The sizes' logarithms are x, the losses' are y.",
        ),
        Mistake(
            "a line through the first and last point only",
            _first_and_last,
            "All points count: least squares. Two points alone take all of their noise.",
        ),
        Mistake(
            "a line through the origin",
            _through_the_origin,
            "That sets a to 1. Let the line have a height of its own: take both means away first.",
        ),
        Mistake(
            "b and a are in the wrong order",
            lambda sizes, losses, floor: _fit_power_law(sizes, losses, floor)[::-1],
            "Give (a, b): first the factor, then the power.",
        ),
    ),
)


# The clinic -----------------------------------------------------------------------------------------------

# Each fault as an option, what one would see if it were that, and why it is that.
_FAULTS = {
    "targets_not_shifted": (
        "The targets are not shifted: each token is asked to be its own target.",
        "Then both losses would drop to nearly 0 at once, since copying is learned in no time, and the model "
        "would write one letter again and again.",
        "Copying is learned in a few steps: both losses drop far below the floor and stay there. What it has "
        "learned is to repeat, and that is what it writes. `y` must be one token further on than `x`.",
    ),
    "no_mask": (
        "The causal mask is missing: each token sees those that follow it.",
        "Then both losses would begin like the healthy run's and fall through the floor later, for fresh "
        "stories too, while what it writes is nonsense.",
        "It begins like any other, until it finds out that the answer stands in the next place. Then it "
        "falls through the floor, for fresh stories as well. When it writes, the next place is still empty: "
        "nonsense.",
    ),
    "rate_too_high": (
        "The learning rate is far too high, from beginning to end.",
        "Then both losses would jump up after a first gain and stay high to the end, since every later "
        "step overshoots too. What it writes would hardly be words.",
        "Every step overshoots: the losses jump, and end high for trained, held-out and fresh stories alike. "
        "Take a tenth of the rate and look again.",
    ),
    "no_warmup": (
        "The warm-up is missing: the first step has the full rate already.",
        "Then the run would be off course from its very first measurements, and improve quietly from there: "
        "parallel to the healthy one, and above it.",
        "The trouble lies at the beginning: before Adam's averages mean anything, full steps threw the "
        "weights somewhere from which the way back is long. Later on the curve is as quiet as the healthy "
        "one, only higher.",
    ),
    "validated_in_training": (
        "Validation is measured in training mode, with dropout on.",
        "Then the same finished model would get a different loss each time it is measured, and validation "
        "would lie close to the training loss, which has dropout in it too.",
        "The weights are as good as the healthy run's, only the measuring is wrong: three measurements give "
        "three numbers. Dropout burdens the validation loss as it does the training loss; in the healthy run "
        "validation is free of it, and lower. `model.eval()` first.",
    ),
    "leaked_validation": (
        "The validation stories are among the training stories.",
        "Then both losses would sink together, very low, and only fresh stories would show that they were "
        "learned by heart.",
        "Both losses sink together, for the model has seen its exam before. Fresh stories cost it far more: "
        "it has learned its few stories by heart. Split by story, and before anything else.",
    ),
}
_RUNS = {
    "A": "leaked_validation",
    "B": "no_mask",
    "C": "rate_too_high",
    "D": "validated_in_training",
    "E": "targets_not_shifted",
    "F": "no_warmup",
}


def _diagnosis(letter: str, fault: str) -> Question:
    options = (
        Option(text, because if name == fault else then, right=name == fault)
        for name, (text, then, because) in _FAULTS.items()
    )
    return Question(f"Run {letter}: which fault is it?", tuple(options))


clinic = Quiz(
    topic="training.clinic",  # counted apart from `quiz`
    questions=tuple(_diagnosis(letter, fault) for letter, fault in _RUNS.items()),
)


# Quiz -----------------------------------------------------------------------------------------------------


quiz = Quiz(
    topic="training",
    questions=(
        Question(
            "Your model has 512 tokens to choose from. Before the first step its loss is 11 nats. What do "
            "you make of it?",
            (
                Option(
                    "Nothing: any loss will do for a start, training brings it down.",
                    "There is a right number for the start: log 512 = 6.2, an even guess. It is the cheapest "
                    "test there is.",
                ),
                Option(
                    "The text is hard: 11 nats is its entropy.",
                    "An even guess costs 6.2 nats on any text, so no text of 512 tokens can need more.",
                ),
                Option(
                    "Its first guesses are sure of themselves, and wrong: the weights begin too large.",
                    "An even guess over 512 tokens costs log 512 = 6.2 nats. To do worse, a model must put "
                    "much on some tokens without knowing anything.",
                    right=True,
                ),
                Option(
                    "The learning rate is too high.",
                    "No step has been made yet.",
                ),
            ),
        ),
        Question(
            "Someone leaves out Adam's bias correction, with betas of 0.9 and 0.999. How long is the first "
            "step?",
            (
                Option(
                    "About three times the rate.",
                    "mean is 0.1 times the gradient, the root of square √0.001 = 0.032 times its size; the "
                    "ratio is 3.2. Steps stay too long for hundreds of steps.",
                    right=True,
                ),
                Option(
                    "A tenth of the rate, as the mean is only a tenth of the gradient.",
                    "What it is divided by is too small as well, and even more so.",
                ),
                Option(
                    "The rate, as before: both averages are too small, and that cancels.",
                    "They are too small by different factors: 0.1, and the root of 0.001.",
                ),
                Option(
                    "Without end, since square begins at 0.",
                    "By the time of the first step, square has taken in the first gradient.",
                ),
            ),
        ),
        Question(
            "You make the batch four times as large, and keep the number of steps. What do you buy?",
            (
                Option(
                    "A quarter of the noise in each gradient, for the same tokens.",
                    "Noise falls with the root of the batch, and each step now reads four times as much.",
                ),
                Option(
                    "A gradient that is four times as long.",
                    "The loss is a mean, and so is its gradient: it points more truly, and is not longer.",
                ),
                Option(
                    "The same loss in a quarter of the steps, always.",
                    "Only while noise is what holds the training up. From a certain size on, better "
                    "gradients don't save steps any more.",
                ),
                Option(
                    "Half the noise in each gradient, for four times the tokens.",
                    "The noise of a mean falls with the root. Whether that is worth the tokens depends: with "
                    "small batches mostly yes, with large ones less and less.",
                    right=True,
                ),
            ),
        ),
        Question(
            "The training loss still falls, the validation loss has been rising for a thousand steps. Which "
            "weights do you keep?",
            (
                Option(
                    "The last ones: their training loss is the lowest.",
                    "What has been gained since is knowledge of these very texts, at the cost of others.",
                ),
                Option(
                    "Those of the lowest validation loss, saved on the way.",
                    "They do best on text that wasn't trained on. Since they were chosen by it, that number "
                    "is a little too good: report one from a third set.",
                    right=True,
                ),
                Option(
                    "The last ones, trained further on the validation text.",
                    "That would bring the number down, and make it worthless: nothing is left to measure by.",
                ),
                Option(
                    "The first ones of all, before anything could be learned by heart.",
                    "Until the turn, what was learned helped on new text as well.",
                ),
            ),
        ),
        Question(
            "A checkpoint holds the weights and the number of the step, nothing else. The training goes on "
            "from it. What is different from one that never stopped?",
            (
                Option(
                    "Nothing: what is learned is in the weights.",
                    "The weights are all that is needed for writing. For the next step, more is.",
                ),
                Option(
                    "The loss starts at an even guess again.",
                    "The weights were kept, and with them what they can do.",
                ),
                Option(
                    "The rate: it goes through its warm-up again.",
                    "The number of the step was kept, and the schedule depends on nothing else.",
                ),
                Option(
                    "Adam's averages begin at 0 again, and other batches are drawn.",
                    "So the steps differ, and the curve often shows a bump. For the same curve to the last "
                    "bit, the optimizer's state and those of the random generators must be kept too.",
                    right=True,
                ),
            ),
        ),
    ),
)
