"""The gradient of the loss, by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from course_lib.exercises import Case, Draw, Exercise, Forbidden, Mistake
from course_lib.training.exercises.shared import Tensor, random, some_ids


def _cross_entropy_gradient(logits: Tensor, targets: Tensor) -> Tensor:
    """How the mean loss changes with each logit: logits (N, V), targets (N,) -> (N, V)."""
    one_hot = F.one_hot(targets, logits.shape[1])
    return (logits.softmax(dim=1) - one_hot) / len(targets)


def _gradient_cases() -> list[Case]:
    return [
        Case(torch.zeros(2, 2), torch.tensor([0, 1])),
        Case(2 * random(3, 5, seed=10), torch.tensor([4, 0, 4])),
        Case(random(1, 7, seed=11), torch.tensor([2])),
        Case(random(1, 7, seed=11), torch.tensor([0])),
        Case(torch.tensor([[9e-4, -9e-4]]), torch.tensor([1])),
        Case(random(2, 300, seed=16), torch.tensor([299, 256])),
        Case(torch.tensor([[1000.0, 999.0, 0.0], [-1000.0, 0.0, 1.0]]), torch.tensor([1, 2])),
        Case(torch.tensor([[-300.0, -301.0, -305.0], [0.0, -1.0, -400.0]]), torch.tensor([1, 0])),
        Case(torch.tensor([[5.0, 5.0, -2.0], [0.0, 0.0, 0.0], [60.0, 59.0, 0.0]]), torch.tensor([1, 1, 1])),
        Case(torch.tensor([[3.0], [-1.0]]), torch.tensor([0, 0])),  # a single token to choose from
        Case(random(4, 3, seed=13).T, torch.tensor([3, 0, 3])),
        *(
            Case(random(N, V, seed=14), some_ids(V, N, seed=15))
            for N, V in ((300, 3), (2, 300), (1100, 3), (2, 1100))
        ),
    ]


def _gradient_fresh(draw: Draw) -> Case:
    N, V = draw.integer(1, 5), draw.integer(1, 7)
    return Case(draw.logits(N, V), draw.ids(V, N))


def _from_parts(combine: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A gradient made in another way from the logits, the probabilities and the one-hot rows."""

    def wrong(logits: Tensor, targets: Tensor) -> Tensor:
        return combine(logits, logits.softmax(dim=1), F.one_hot(targets, logits.shape[1]).float())

    return wrong


def _everywhere_minus_one(logits: Tensor, targets: Tensor) -> Tensor:
    gradient = logits.softmax(dim=1)
    gradient[:, targets] -= 1
    return gradient / len(targets)


def _width_guessed(logits: Tensor, targets: Tensor) -> Tensor:
    return (logits.softmax(dim=1) - F.one_hot(targets)) / len(targets)


def _softmax_over_the_guesses(logits: Tensor, targets: Tensor) -> Tensor:
    return (logits.softmax(dim=0) - F.one_hot(targets, logits.shape[1])) / len(targets)


def _overflowing(logits: Tensor, targets: Tensor) -> Tensor:
    powers = logits.exp()
    return (powers / powers.sum(dim=1, keepdim=True) - F.one_hot(targets, logits.shape[1])) / len(targets)


_NO_LOGARITHM = "The logarithm is in the loss. In its gradient stand the probabilities themselves."


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
    fresh=_gradient_fresh,
    forbidden=(
        Forbidden(
            ("backward", "grad"),
            "torch works the slopes out there. Now do it yourself: what the model said, minus what was "
            "right.",
            in_code=("autograd", "grad", "jacobian", "jacrev", "jacfwd", "vjp", "jvp"),
        ),
    ),
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
            "the number of tokens is guessed from the targets",
            _width_guessed,
            "Without its second argument, `one_hot` takes the largest target that happens to be there. The "
            "logits know how many tokens there are: `F.one_hot(targets, logits.shape[1])`.",
        ),
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
            "one softmax over all guesses together",
            lambda logits, targets: (
                (logits.flatten().softmax(0).reshape(logits.shape) - F.one_hot(targets, logits.shape[1]))
                / len(targets)
            ),
            "Each guess has a probability of 1 to spread over the vocabulary: `softmax(dim=1)`.",
        ),
        Mistake(
            "the softmax is left out",
            _from_parts(lambda logits, p, hot: (logits - hot) / len(p)),
            "What the model said are probabilities: take the softmax of the logits first.",
        ),
        Mistake(
            "the logarithm of the softmax",
            _from_parts(lambda logits, p, hot: (p.log() - hot) / len(p)),
            _NO_LOGARITHM,
        ),
        Mistake(
            "the logarithm of the softmax",
            _from_parts(lambda logits, p, hot: (logits.log_softmax(1) - hot) / len(p)),
            _NO_LOGARITHM,
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
