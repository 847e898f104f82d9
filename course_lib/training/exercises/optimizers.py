"""A step of an optimizer: momentum, and AdamW."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake, Property
from course_lib.training.exercises.shared import Tensor, random

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
        Case(random(2, 3, seed=20), random(2, 3, seed=21), random(2, 3, seed=22), 0.2, 0.9),
        Case(random(2, 3, seed=215), random(2, 3, seed=216), random(2, 3, seed=217), 0.2, 0.9),
        Case(random(5, seed=23), random(5, seed=24), torch.zeros(5), 0.5, 0.8),
        Case(random(5, seed=23), random(5, seed=209), random(5, seed=210), 0.2, 0.8),
        Case(random(5, seed=23), torch.zeros(5), random(5, seed=210), 0.2, 0.8),  # it rolls on
        Case(*(90 * random(3, 2, seed=s).T for s in (25, 26, 27)), 1.0, 5e-4),  # little is remembered
        Case(*(8e-4 * random(2, 1, 3, seed=s) for s in (28, 29, 200)), 0.0, 0.9),  # no step
        Case(*(random(2, 1, 3, 2, seed=s) for s in (206, 207, 208)), 8e-4, 0.9),
        *(Case(*(random(*s, seed=i) for i in (201, 202, 203)), 0.1, 0.7) for s in ((1100, 2), (2, 1100))),
    ]


def _momentum_fresh(draw: Draw) -> Case:
    shape = draw.shape((1, 4), (1, 3))
    lr, momentum = draw.choose((0.5, 0.01, 1.0, 2.0)), draw.choose((0.5, 0.9, 0.1, 0.99))
    return Case(*(draw.tensor(*shape) for _ in range(3)), lr, momentum)


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
    fresh=_momentum_fresh,
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
            "momentum multiplies the gradient as well",
            lambda weight, gradient, velocity, lr, momentum: _momentum_step(
                weight, momentum * gradient, velocity, lr, momentum
            ),
            "Only the old velocity fades, the new gradient counts in full: `momentum * velocity + gradient`.",
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
            "the weight stays as it was",
            lambda weight, gradient, velocity, lr, momentum: (weight, momentum * velocity + gradient),
            "The velocity is right. Now the step along it: `weight - lr * velocity`.",
        ),
        Mistake(
            "the velocity stays as it was",
            lambda weight, gradient, velocity, lr, momentum: (
                weight - lr * (momentum * velocity + gradient),
                velocity,
            ),
            "The step is right. Give back the *new* velocity, so that the next step can build on it.",
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
    weight, gradient, mean, square = (random(*shape, seed=seed + i) for i in range(4))
    return weight, gradient, mean, square.abs()


def _adamw_cases() -> list[Case]:
    weight, gradient = torch.tensor([1.0, -2.0]), torch.tensor([4.0, -0.5])
    start = torch.zeros(2)
    return [
        Case(weight, gradient, start, start, 1, 0.1, (0.9, 0.99), 1e-8, 0.0),
        *(Case(*_adamw_inputs(2, 3, seed=s), 5, 0.2, (0.9, 0.95), 1e-8, 0.5) for s in (30, 211)),
        Case(*_adamw_inputs(7, seed=40), 3, 0.5, (0.8, 0.9), 0.25, 0.3),
        Case(torch.ones(3), torch.zeros(3), torch.zeros(3), torch.zeros(3), 1, 0.1, (0.9, 0.99), 1e-8, 0.2),
        Case(*_adamw_inputs(3, 2, seed=50), 2000, 0.3, (0.9, 0.99), 1e-8, 0.1),  # nothing left to correct
        Case(weight, 1000 * gradient, start, start, 1, 0.1, (0.9, 0.99), 1e-12, 0.0),
        Case(weight, 8e-4 * gradient, 7e-4 * gradient, 6e-4 * start.add(1), 2, 0.1, (0.5, 0.9), 1e-3, 0.0),
        Case(*_turned(90.0, 3, 4), 4, 0.2, (0.5, 0.9), 0.0, 0.1),
        *(Case(*_adamw_inputs(*s, seed=54), 70, 0.2, (0.9, 0.98), 1e-8, 0.1) for s in ((1100, 2), (2, 1100))),
        *(  # so late that only a long memory still begins at 0
            Case(*_adamw_inputs(2, 3, seed=55), step, 0.2, (1 - 5 / step, 1 - 1 / step), 1e-8, 0.1)
            for step in (5000, 20_000, 200_000)
        ),
        Case(8e-4 * weight, gradient, start, start.add(1), 2, 5e-4, (0.5, 0.9), 1e-8, 0.1),
        Case(90 * weight, gradient, -3 * gradient, start.add(1), 3, 1.0, (5e-4, 0.9), 1e-8, 8e-4),
        Case(weight, gradient, gradient / 2, start.add(1), 3, 0.0, (0.95, 0.5), 1e-8, 0.1),  # a rate of 0
        Case(*_adamw_inputs(2, 1, 2, 3, seed=58), 3, 0.1, (0.0, 0.5), 1e-8, 0.1),
    ]


def _turned(scale: float, *shape: int) -> list[Tensor]:
    """The same inputs, larger, and with the axes turned in memory."""
    return [(scale * part).T.contiguous().T for part in _adamw_inputs(*shape, seed=204)]


def _adamw_fresh(draw: Draw) -> Case:
    shape = draw.shape((1, 4), (1, 3))
    weight, gradient, mean = (draw.tensor(*shape) for _ in range(3))
    step, square = draw.choose((2, 3, 10, 70, 2000)), mean.square() + draw.positive(*shape, low=0.1, high=4.0)
    if draw.boolean():
        mean, square, step = torch.zeros(shape), torch.zeros(shape), 1
    betas = draw.choose(((0.9, 0.99), (0.5, 0.9), (0.9, 0.95), (0.0, 0.5)))
    rest = draw.choose((0.5, 0.01, 1.0)), betas, draw.choose((1e-8, 1e-3, 0.25)), draw.choose((0.0, 0.1, 0.5))
    return Case(weight, gradient, mean, square, step, *rest)


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


def _multiplied_by_steps(average: Tensor, beta: float, t: int) -> Tensor:
    return average / (1 - beta * t)


def _power_of_the_rest(average: Tensor, beta: float, t: int) -> Tensor:
    return average / (1 - beta) ** t


def _first_beta_for_both(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    step, beta = inputs[4], inputs[6][0]
    return _Adam(correct_square=lambda average, _, t: average / (1 - beta**step))(*inputs)


def _share_of_the_new(*inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    weight, gradient, mean, square, step, lr, (beta1, beta2), eps, weight_decay = inputs
    mean = (1 - beta1) * mean + beta1 * gradient
    square = (1 - beta2) * square + beta2 * gradient**2
    size = (square / (1 - beta2**step)).sqrt() + eps
    return weight * (1 - lr * weight_decay) - lr * mean / (1 - beta1**step) / size, mean, square


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


def _eps_fixed(weight, gradient, mean, square, step, lr, betas, eps, weight_decay):
    return _adamw_step(weight, gradient, mean, square, step, lr, betas, 1e-8, weight_decay)


def _leaves_the_gradient(answer: Callable[..., Any]) -> bool:
    weight, gradient, mean, square = torch.tensor([[0.5, -2.0], [0.25, 3.0], [1.0, -0.5], [0.5, 2.0]])
    kept = gradient.clone()
    answer(weight, gradient, mean, square, 3, 0.125, (0.75, 0.5), 1e-3, 0.25)
    return torch.equal(gradient, kept)


adamw_step = Exercise(
    name="adamw_step",
    topic="training",
    title="A step of AdamW",
    difficulty="hard",
    minutes=20,
    reference=_adamw_step,
    differentiable=False,
    cases=_adamw_cases,
    fresh=_adamw_fresh,
    may_change_inputs=True,
    properties=(
        Property(
            "gradient",
            _leaves_the_gradient,
            "the gradient stays what it was: it is the weight, `mean` and `square` that a step renews",
        ),
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
            "divided by (1 - beta)^step, not by 1 - beta^step",
            _Adam(correct=_power_of_the_rest, correct_square=_power_of_the_rest),
            "In step 1 the two are the same. But what shrinks with each step, by the factor beta, is what is "
            "still *missing*: `1 - beta**step` has been reached.",
        ),
        Mistake(
            "both are corrected with the first beta",
            _first_beta_for_both,
            "Each mean comes on its way as its own beta lets it: `square` is corrected with `betas[1]`.",
        ),
        Mistake(
            "beta is taken for the share of what is new",
            _share_of_the_new,
            "A beta of 0.9 keeps 0.9 of the old mean, and takes 0.1 of the new gradient. With your shares "
            "nearly nothing of the past would be left.",
        ),
        Mistake(
            "the root of a negative number is taken",
            _Adam(correct=_multiplied_by_steps, correct_square=_multiplied_by_steps),
            "`1 - beta**step`, with a power, is never below 0. `1 - beta * step` is, and so is the same the "
            "other way round; the square divided by that has no root but `nan`.",
        ),
        Mistake(
            "the steps are counted from 0",
            _Adam(correct=_one_more, correct_square=_one_more),
            "`step` is 1 in the first step already: `1 - beta**step`, nothing added.",
        ),
        Mistake(
            "eps is always 1e-8",
            _eps_fixed,
            "`eps` is an argument: add what was handed in.",
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
            "only the new weight is given back",
            lambda *inputs: _adamw_step(*inputs)[0],
            "The next step needs both averages: `return weight, mean, square`.",
        ),
    ),
)
