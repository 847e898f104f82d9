"""Exercises and quiz of notebook 02: windows, the loss, counting, vectors, a recurrent step, positions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional as F

from course_lib.exercises import (
    Case,
    Draw,
    Exercise,
    Forbidden,
    Mistake,
    Option,
    Property,
    Question,
    Quiz,
)


def _random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Windows and targets --------------------------------------------------------------------------------------


def _windows(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows of T inputs side by side, and for each the T targets that stand one place further on."""
    count = (len(ids) - 1) // T  # every input needs a right-hand neighbour, so the last token is none
    inputs = ids[: count * T].reshape(count, T)
    targets = ids[1 : count * T + 1].reshape(count, T)
    return inputs, targets


def _windows_cases() -> list[Case]:
    sizes = ((7, 3), (8, 4), (11, 2), (6, 5), (9, 4), (2, 1), (5, 1))
    many = torch.randint(60_000, (2100,), generator=torch.Generator().manual_seed(1))
    return [
        *(Case(_numbers(length, seed=length), T) for length, T in sizes),
        Case(torch.tensor([0, 0, 0, 5, 5, 0, 0, 5]), 2),
        Case(many[::2], 3),
        Case(many[:300], 70),
        Case(many, 2),
        Case(many, 1040),
    ]


def _fresh_windows(draw: Draw) -> Case:
    T = draw.integer(1, 6)
    count, rest = draw.integer(1, 4), draw.integer(0, T - 1)
    ids = draw.ids(draw.choose((7, 2, 300, 50_000)), count * T + 1 + rest, 2)
    return Case(ids[:, 0] if draw.boolean() else ids[:, 0].contiguous(), T)


def _numbers(length: int, seed: int) -> torch.Tensor:
    return torch.randperm(50, generator=torch.Generator().manual_seed(seed))[:length]


def _not_shifted(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, _ = _windows(ids, T)
    return inputs, inputs


def _next_window(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    pieces = ids[: len(ids) // T * T].reshape(-1, T)
    return pieces[:-1], pieces[1:]


def _every_place(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    pieces = ids.unfold(0, T + 1, 1)
    return pieces[:, :-1], pieces[:, 1:]


def _wrapped(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    count = len(ids) // T
    return ids[: count * T].reshape(count, T), ids.roll(-1)[: count * T].reshape(count, T)


def _last_window_lost(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    starts = list(range(0, len(ids) - T - 1, T))
    rows = torch.tensor(starts, dtype=torch.long)[:, None] + torch.arange(T)
    return ids[rows], ids[rows + 1]


def _last_window_lost_by_loop(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, ...]:
    starts = range(0, len(ids) - T - 1, T)
    return tuple(torch.stack([ids[s + more : s + more + T] for s in starts]) for more in (0, 1))


def _each_row_rolled(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, _ = _windows(ids, T)
    return inputs, inputs.roll(-1, dims=1)


def _one_more_window(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    count = len(ids) // T
    return ids[: count * T].reshape(count, T), ids[1 : count * T + 1].reshape(count, T)


def _one_more_window_by_view(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    count = len(ids) // T
    return ids[: count * T].view(-1, T), ids[1 : count * T + 1].view(-1, T)


def _one_more_window_by_loop(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, ...]:
    starts = [row * T for row in range(len(ids) // T)]
    return tuple(torch.stack([ids[s + more : s + more + T] for s in starts]) for more in (0, 1))


def _short_last_kept(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, ...]:
    starts = range(0, len(ids), T)
    return tuple(torch.stack([ids[s + more : s + more + T] for s in starts]) for more in (0, 1))


def _one_window_less(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    return _windows(ids[: (len(ids) // T - 1) * T + 1], T)


def _pieces_of_one_more(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    count = len(ids) // (T + 1)
    pieces = ids[: count * (T + 1)].reshape(count, T + 1)
    return pieces[:, :-1], pieces[:, 1:]


def _filled_up(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    missing = -(len(ids) - 1) % T
    return _windows(torch.cat([ids, ids.new_zeros(missing)]), T)


windows = Exercise(
    name="windows",
    topic="context",
    title="Windows and targets",
    difficulty="easy",
    minutes=10,
    reference=_windows,
    cases=_windows_cases,
    fresh=_fresh_windows,
    hints=(
        "Write a stream of seven tokens on paper, and T = 3 below it. Which tokens are inputs, which are "
        "targets? Which token is never an input?",
        "The last token has no right-hand neighbour, so there are `(len(ids) - 1) // T` windows. Take as "
        "many tokens as they need, and `reshape` them.",
        "The targets are the same stretch of the stream, begun one place later: `ids[1 : count * T + 1]`.",
    ),
    explanation=(
        "Inputs and targets are two stretches of one stream, of equal length, the second begun one place "
        "later. `reshape` cuts both into rows of T.\n\n"
        "Each row is T tasks at once: at every place the model sees what stands at that place and to its "
        "left, and has to guess the target. So no target costs a forward pass of its own."
    ),
    mistakes=(
        Mistake(
            "the targets are the inputs themselves",
            _not_shifted,
            "Then the model is asked for a token that it has just been shown. Its loss goes to zero, and it "
            "has learned to copy. Start the targets one place later.",
        ),
        Mistake(
            "inputs and targets are swapped",
            lambda ids, T: _windows(ids, T)[::-1],
            "The model would have to guess the token *before* the one it sees. What comes next stands one "
            "place to the **right**, and goes into the second result.",
        ),
        Mistake(
            "the targets are one whole window further on",
            _next_window,
            "The target of each token is its right-hand neighbour, one place further on, not T places.",
        ),
        Mistake(
            "a window starts at every place",
            _every_place,
            "Those windows overlap, and each target would be used T times. Here a window begins where "
            "the one before it ends.",
        ),
        Mistake(
            "the last target wraps round to the beginning",
            _wrapped,
            "`roll` puts the first token behind the last one, where it never stood. The last token has no "
            "target, so there are `(len(ids) - 1) // T` windows.",
        ),
        *(
            Mistake(
                "there are `len(ids) // T` windows",
                answer,
                "Each input needs a neighbour to its right, so the last token is never an input: where T "
                "divides the number of ids, one target would be missing. Count with `(len(ids) - 1) // T`.",
            )
            for answer in (_one_more_window, _one_more_window_by_view, _one_more_window_by_loop)
        ),
        Mistake(
            "the short last piece is kept",
            _short_last_kept,
            "A window needs T ids and one more. `range(0, len(ids), T)` begins one at the end that has "
            "fewer, and rows of different lengths make no tensor: `range(0, len(ids) - T, T)`.",
        ),
        Mistake(
            "there are `len(ids) // T - 1` windows",
            _one_window_less,
            "One token at the end has no neighbour to its right, not a whole window of them. Take the one "
            "away before dividing: `(len(ids) - 1) // T`.",
        ),
        Mistake(
            "a token is left out between two windows",
            _pieces_of_one_more,
            "Cut into pieces of T + 1, the last token of each piece is a target but never an input. A window "
            "begins where the one before it ends: the last target of one is the first input of the next.",
        ),
        Mistake(
            "the short last piece is filled up",
            _filled_up,
            "The ids that fill it up never stood in the text, and the model would learn to guess them. Leave "
            "the last piece out.",
        ),
        Mistake(
            "the windows are columns, not rows",
            lambda ids, T: tuple(part.T for part in _windows(ids, T)),
            "The shape should be (number of windows, T): one window in each row. `reshape(count, T)` reads "
            "the line row by row.",
        ),
        *(
            Mistake(
                "the last whole window is left out",
                answer,
                "A window from `start` needs the tokens up to and including `start + T`. So `start` may be "
                "as large as `len(ids) - T - 1`, and `range` must end one behind that.",
            )
            for answer in (_last_window_lost, _last_window_lost_by_loop)
        ),
        Mistake(
            "the last target of each window is its own first token",
            _each_row_rolled,
            "`roll` turns each row round in itself. The last target is the token that comes next in the "
            "line: take the targets from `ids`, one place later, not from the inputs.",
        ),
    ),
)


# A bug to find --------------------------------------------------------------------------------------------


def _costly_windows(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, targets = [], []
    for start in range(0, len(ids) - T, T):
        window = ids[start : start + T]
        inputs.append(window)
        targets.append(window.roll(-1))
    return torch.stack(inputs), torch.stack(targets)


def _windows_of_the_line(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, targets = [], []
    for start in range(0, len(ids) - T, T):
        window = ids[start : start + T]
        inputs.append(window)
        targets.append(ids[start + 1 : start + T + 1])
    return torch.stack(inputs), torch.stack(targets)


costly_windows = replace(
    windows,
    name="costly_windows",
    title="Find the bug: windows that cost something",
    kind="bug",
    difficulty="easy",
    minutes=8,
    reference=_windows_of_the_line,
    faulty=_costly_windows,
    symptom=(
        "Days follow each other with certainty, so to guess the next one should cost nothing. With these "
        "windows it costs more the shorter they are, and nothing only where a window is a week long."
    ),
    hints=(
        "Twice the length, and fewer targets are wrong. So how many are wrong in each window, and where?",
        "Take a window of three days, Monday to Wednesday. What is the target of each of them here, and what "
        "should it be? Why does no one notice if a window is just one week?",
        "The target of a window's last day stands in the line, behind the window, so it can't be had from "
        "the window alone.",
    ),
    explanation=(
        "`roll(-1)` turns a window round in itself: what falls out in front comes back at the end. So the "
        "last target of each window is its own first token, which is one wrong target in T. In a window of "
        "seven days the first day happens to be what comes after the last.\n\n"
        "Nothing crashes, the shapes are right, and in a long window it is hardly seen in the loss. A text "
        "in which everything is certain brings it to light: there, any cost is too much."
    ),
)


# The loss -------------------------------------------------------------------------------------------------


def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean of -log(probability of the target), in nats; logits (N, V), targets (N,)."""
    largest = logits.max(dim=-1, keepdim=True).values
    shifted = logits - largest  # now exp gives at most 1, and one of them is 1
    log_probabilities = shifted - shifted.exp().sum(dim=-1, keepdim=True).log()
    right = log_probabilities[torch.arange(len(targets)), targets]
    return -right.mean()


def _cross_entropy_cases() -> list[Case]:
    return [
        Case(torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, -1.0]]), torch.tensor([0, 1])),
        Case(2 * _random(5, 7), torch.tensor([6, 0, 3, 3, 1])),
        Case(torch.zeros(3, 2), torch.tensor([0, 1, 1])),
        Case(torch.tensor([[1000.0, 999.0, 0.0], [0.0, 500.0, 0.0]]), torch.tensor([1, 1])),
        Case(torch.tensor([[0.0, 300.0]]), torch.tensor([0])),
        Case(torch.tensor([[0.0, 90.0]]), torch.tensor([0])),  # e^90 does not fit, e^-90 does
        Case(torch.tensor([[-1000.0, -1001.0, -1003.0], [900.0, 0.0, -900.0]]), torch.tensor([2, 0])),
        Case(
            torch.tensor([[-200.0, 1.0, 0.0]]), torch.tensor([1])
        ),  # the largest by its size is not the largest
        Case(torch.tensor([[5e-4, -5e-4], [0.001, 0.25]]), torch.tensor([1, 0])),
        Case(_random(3, 3, seed=1), torch.tensor([2, 2, 0])),
        Case(_random(1, 5, seed=2), torch.tensor([3])),
        Case(_random(5, 4, seed=3).T, torch.tensor([4, 9, 0, 9, 2, 9, 4, 9])[::2]),
        Case(_random(2, 300, seed=4), torch.tensor([299, 258])),
        Case(_random(2, 1100, seed=4), torch.tensor([1099, 1050])),
        Case(_random(1100, 3, seed=5), torch.arange(1100) % 3),
    ]


def _fresh_logits(draw: Draw) -> Case:
    N, V = draw.integer(1, 6), draw.integer(1, 6)
    logits = draw.tensor(N, V) if draw.boolean() else draw.logits(N, V) * draw.choose((1.0, 1.0, 9.0))
    return Case(logits, draw.ids(V, N, 2)[:, 0])


def _picked(log_probabilities: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return log_probabilities.gather(-1, targets[:, None])[:, 0]


def _overflow(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (logits.exp().sum(-1).log() - _picked(logits, targets)).mean()


def _softmax_overflows(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -_picked(logits.exp() / logits.exp().sum(-1, keepdim=True), targets).log().mean()


def _a_little_added(little: float, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -(_picked(logits.softmax(-1), targets) + little).log().mean()


def _at_least_a_little(little: float, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -_picked(logits.softmax(-1), targets).clamp(min=little).log().mean()


def _underflow(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -_picked(logits.softmax(-1).log(), targets).mean()


def _wrong_axis(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -_picked(logits.log_softmax(0), targets).mean()


def _log_of_mean(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -_picked(logits.softmax(-1), targets).mean().log()


def _not_logarithm(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (1 - _picked(logits.softmax(-1), targets)).mean()


def _largest_of_all(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return _overflow(logits - logits.max(), targets)


def _largest_from_zero(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return _overflow(logits - logits.max(-1, keepdim=True).values.clamp(min=0.0), targets)


def _largest_by_size(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return _overflow(logits - logits.abs().max(-1, keepdim=True).values, targets)


def _every_target(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -logits.log_softmax(-1)[:, targets].mean()


def _sum_cut_off(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return (logits.logsumexp(-1).detach() - _picked(logits, targets)).mean()


def _losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return -_picked(logits.log_softmax(-1), targets)


def _without_axis(of_sum: bool, of_largest: bool) -> Callable[..., torch.Tensor]:
    def wrong(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        shifted = logits - logits.max(dim=-1, keepdim=not of_largest).values
        log_probabilities = shifted - shifted.exp().sum(dim=-1, keepdim=not of_sum).log()
        return -log_probabilities[torch.arange(len(targets)), targets].mean()

    return wrong


_AXIS_LOST = (
    "an axis is lost on the way",
    "`max` and `sum` drop the axis they run over. Then a row's total no longer stands beside its row: the "
    "sizes don't fit, or worse, they happen to. `keepdim=True` keeps the axis, with size 1.",
)


cross_entropy = Exercise(
    name="cross_entropy",
    topic="context",
    title="The loss, from logits",
    difficulty="medium",
    minutes=15,
    reference=_cross_entropy,
    cases=_cross_entropy_cases,
    fresh=_fresh_logits,
    draws=24,
    forbidden=(
        Forbidden(
            (
                "cross_entropy",
                "cross_entropy_loss",
                "nll_loss",
                "log_softmax",
                "softmax",
                "softmin",
                "logsumexp",
                "logaddexp",
                "logcumsumexp",
                "softplus",
                "logsigmoid",
                "log_sigmoid",
                "special_log_softmax",
                "special_softmax",
                "special_logsumexp",
            ),
            "The exercise is to build it yourself: use only `exp`, `log`, sums and maxima.",
        ),
    ),
    hints=(
        "Three steps: logits to logarithms of probabilities, pick the one of the target in each row, average."
        " Which of them can go wrong with a logit of 1000?",
        "log(e^a / (e^a + e^b + ...)) = a - log(e^a + e^b + ...). Taking the same number away from all "
        "logits of a row changes nothing: take away the largest, and `exp` stays below 1.",
        "To pick one entry from each row: `log_probabilities[torch.arange(len(targets)), targets]`.",
    ),
    explanation=(
        "The logarithm of a softmax is *logit minus log of the sum of exponentials*. With the largest logit "
        "taken out first, every exponential is at most 1 and one of them is exactly 1, so that the sum can "
        "neither overflow nor be 0. The softmax itself is never formed: a probability of e^-300 is 0 in "
        "float32, but its logarithm, -300, is an ordinary number."
    ),
    mistakes=(
        *(
            Mistake(
                "exp is taken of logits as large as they are",
                answer,
                "e^89 is already more than float32 can hold. Take the row's largest logit away first; the "
                "probabilities stay the same.",
            )
            for answer in (_overflow, _softmax_overflows)
        ),
        *(
            Mistake(
                "a small number keeps the probability away from 0",
                partial(answer, little),
                "Then no surprise can be more than about minus the logarithm of that number, however wrong "
                "the guess. Never form the probability: logit minus log of the sum of exponentials, after "
                "taking away the largest logit.",
            )
            for answer in (_a_little_added, _at_least_a_little)
            for little in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6)
        ),
        Mistake(
            "the softmax first, then its logarithm",
            _underflow,
            "A very small probability is rounded to 0, and log(0) is minus infinity. Put the two together: "
            "logit minus log of the sum of exponentials, after taking away the largest logit.",
        ),
        Mistake(
            "the softmax runs over the rows",
            _wrong_axis,
            "Each row is one prediction and sums to 1 over the vocabulary, the **last** axis.",
        ),
        Mistake(
            "the minus is missing",
            lambda logits, targets: -_cross_entropy(logits, targets),
            "The logarithm of a probability is negative or 0. A loss should be the smaller the better: put a "
            "minus in front.",
        ),
        Mistake(
            "the sum instead of the mean",
            lambda logits, targets: _cross_entropy(logits, targets) * len(targets),
            "A batch of twice the size would have twice the loss. Divide by the number of targets.",
        ),
        Mistake(
            "it is in bits",
            lambda logits, targets: _cross_entropy(logits, targets) / math.log(2),
            "That is right in bits (logarithm to base 2). The course measures in nats: `log`, to base e.",
        ),
        Mistake(
            "the logarithm of the mean probability",
            _log_of_mean,
            "First the logarithm, then the mean. The other way round, one confident guess would hide "
            "several very bad ones.",
        ),
        Mistake(
            "one minus the probability",
            _not_logarithm,
            "That can never be more than 1, however sure and wrong the model was. The surprise is "
            "-log(probability).",
        ),
        Mistake(
            "the mean over the whole vocabulary",
            lambda logits, targets: -logits.log_softmax(-1).mean(),
            "Only the entry of the token that really came counts. Pick it with `targets` before you average.",
        ),
        Mistake(_AXIS_LOST[0], _without_axis(of_sum=True, of_largest=False), _AXIS_LOST[1]),
        Mistake(_AXIS_LOST[0], _without_axis(of_sum=False, of_largest=True), _AXIS_LOST[1]),
        Mistake(_AXIS_LOST[0], _without_axis(of_sum=True, of_largest=True), _AXIS_LOST[1]),
        Mistake(
            "the largest logit of all is taken away, not each row's own",
            _largest_of_all,
            "In a row that lies far below it, every exponential is rounded to 0, and log(0) is minus "
            "infinity. Use `max(dim=-1, keepdim=True)`.",
        ),
        Mistake(
            "the largest logit is looked for from 0",
            _largest_from_zero,
            "Where all logits of a row lie far below 0, every exponential is rounded to 0. The largest of "
            "the row may be negative: start from the row itself.",
        ),
        Mistake(
            "the target's logit is taken away, not the largest",
            lambda logits, targets: (logits - _picked(logits, targets)[:, None]).exp().sum(-1).log().mean(),
            "That is right on paper. But where the target's logit lies 89 or more below another, `exp` of "
            "the difference is more than float32 can hold: take the largest away.",
        ),
        Mistake(
            "the largest logit is looked for by its size",
            _largest_by_size,
            "With `abs`, -1000 counts as large. Then 1000 is taken away from a row that lies below 0, every "
            "exponential is rounded to 0, and log(0) is minus infinity. Take the maximum as it is.",
        ),
        Mistake(
            "every row is paired with every target",
            _every_target,
            "`log_probabilities[:, targets]` takes all the targets' columns from each row. Each row has one "
            "target: `log_probabilities[torch.arange(N), targets]`.",
        ),
        Mistake(
            "one loss for each row, not their mean",
            _losses,
            "These are the right surprises, and one step is missing: their mean.",
        ),
        Mistake(
            "the sum of exponentials is cut off from its gradient",
            _sum_cut_off,
            "Then only the target's own logit is pushed, always up, and no other is ever pushed down. All of "
            "the loss must be computed with tensors: no `.detach()`, `.item()`, `no_grad` or `math.log`.",
        ),
        Mistake(
            "the result is cut off from its gradient",
            lambda logits, targets: _cross_entropy(logits, targets).detach(),
            "Without the gradient nothing can be learned from this loss. Leave out `.detach()` and "
            "`no_grad`.",
        ),
    ),
)


# Counting -------------------------------------------------------------------------------------------------


def _bigram_probabilities(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Row a: how probable each token is after token a; all alike where nothing came after a. (V, V)."""
    counts = torch.zeros(vocab_size, vocab_size)
    for before, after in pairwise(ids):
        counts[before, after] += 1
    totals = counts.sum(dim=1, keepdim=True)
    return torch.where(totals > 0, counts / totals.clamp(min=1), 1 / vocab_size)


def _bigram_cases() -> list[Case]:
    generator = torch.Generator().manual_seed(3)
    return [
        Case(torch.tensor([0, 1, 0, 1, 0, 2]), 3),
        Case(torch.tensor([4, 2, 2, 2, 0, 2, 4]), 5),
        Case(torch.randint(7, (60,), generator=generator), 7),
        Case(torch.tensor([1, 0]), 2),
        Case(torch.tensor([0, 1, 1]), 5),
        Case(torch.tensor([0]), 1),
        Case(torch.tensor([0, 0, 0, 0]), 1),
        Case(torch.tensor([3]), 4),
        Case(torch.tensor([2, 9, 0, 9, 0, 9, 2, 9, 0, 9])[::2], 4),
        Case(torch.tensor([0] * 2100 + [1, 0] * 20), 3),  # too many for counts in bytes or in 16 bits
        Case(torch.tensor([299, 1, 299, 257, 299, 1, 257]), 300),
    ]


def _fresh_line(draw: Draw) -> Case:
    vocab_size = draw.integer(1, 7)
    ids = draw.ids(vocab_size, draw.integer(1, 14), 2)[:, 0]
    return Case(ids if draw.boolean() else ids.contiguous(), vocab_size + draw.choose((0, 0, 2)))


def _pair_counts(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    pairs = ids[:-1] * vocab_size + ids[1:]
    return torch.bincount(pairs, minlength=vocab_size**2).reshape(vocab_size, vocab_size).float()


def _rows_to_shares(counts: torch.Tensor) -> torch.Tensor:
    totals = counts.sum(dim=1, keepdim=True)
    return torch.where(totals > 0, counts / totals.clamp(min=1), 1 / len(counts))


def _once_each(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return _rows_to_shares((_pair_counts(ids, vocab_size) > 0).float())


def _columns(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return _rows_to_shares(_pair_counts(ids, vocab_size).T)


def _of_all_pairs(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    return counts / counts.sum()


def _divided_by_zero(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    return counts / counts.sum(dim=1, keepdim=True)


def _zero_rows(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)


def _one_added(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return _rows_to_shares(_pair_counts(ids, vocab_size) + 1)


def _axis_of_totals_lost(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    totals = counts.sum(dim=1)
    return torch.where(totals > 0, counts / totals.clamp(min=1), 1 / vocab_size)


def _divided_by(
    totals: Callable[[torch.Tensor], torch.Tensor], mend: Callable[[torch.Tensor], torch.Tensor]
) -> Callable[..., torch.Tensor]:
    """Answers that divide by totals of the wrong shape or axis, and leave rows without counts as they are."""

    def answer(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
        counts = _pair_counts(ids, vocab_size)
        return counts / mend(totals(counts))

    return answer


def _axis_lost_and_only_nan_filled(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    return (counts / counts.sum(dim=1)).nan_to_num(1 / vocab_size, posinf=torch.inf)


def _axis_lost_and_nan_made_0(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    return (counts / counts.sum(dim=1)).nan_to_num()


def _axis_lost_and_counts_made_shares(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    counts[counts.sum(dim=1) == 0] = 1 / vocab_size
    return counts / counts.sum(dim=1)


def _axis_lost_after_clamping(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    shares = counts / counts.sum(dim=1).clamp(min=1)
    shares[counts.sum(dim=1) == 0] = 1 / vocab_size
    return shares


_AS_THEY_ARE: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
    lambda totals: totals,
    lambda totals: totals.clamp(min=1),
    *(partial(torch.add, other=little) for little in (1e-10, 1e-9, 1e-8)),
)


def _once_each_and_divided(mend: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    def answer(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
        counts = (_pair_counts(ids, vocab_size) > 0).float()
        return counts / mend(counts.sum(dim=1, keepdim=True))

    return answer


def _axis_lost_and_rows_mended(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    totals = counts.sum(dim=1)
    shares = counts / totals
    shares[totals == 0] = 1 / vocab_size
    return shares


def _axis_lost_and_holes_filled(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    return (counts / counts.sum(dim=1)).nan_to_num(1 / vocab_size)


def _axis_lost_and_counts_filled(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts = _pair_counts(ids, vocab_size)
    counts[counts.sum(dim=1) == 0] = 1
    return counts / counts.sum(dim=1)


def _column_totals(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return _rows_to_shares(_pair_counts(ids, vocab_size).T).T


def _guessed_size(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return _bigram_probabilities(ids, int(ids.max()) + 1)


def _wrapped_pairs(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return _bigram_probabilities(torch.cat([ids, ids[:1]]), vocab_size)


def _divided_by_occurrences(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts, seen = _pair_counts(ids, vocab_size), torch.bincount(ids, minlength=vocab_size)[:, None]
    return torch.where(seen > 0, counts / seen.clamp(min=1), 1 / vocab_size)


def _divided_by_occurrences_if_followed(ids: torch.Tensor, vocab_size: int) -> torch.Tensor:
    counts, seen = _pair_counts(ids, vocab_size), torch.bincount(ids, minlength=vocab_size)[:, None]
    return torch.where(counts.sum(1, keepdim=True) > 0, counts / seen.clamp(min=1), 1 / vocab_size)


_EMPTY_ROWS_TOO = "And a row without counts has a total of 0: give every token 1 / vocab_size there."

bigram_probabilities = Exercise(
    name="bigram_probabilities",
    topic="context",
    title="From counts to probabilities",
    difficulty="easy",
    minutes=10,
    reference=_bigram_probabilities,
    differentiable=False,
    cases=_bigram_cases,
    fresh=_fresh_line,
    hints=(
        "First a table of counts, (V, V), full of zeros: for each pair of neighbours, one more in the row of "
        "the first and the column of the second. Then make each row sum to 1.",
        "`counts.sum(dim=1, keepdim=True)` gives the total of each row, as a column. For which rows must you "
        "not divide by it?",
        "`torch.where(totals > 0, ..., 1 / vocab_size)` takes the second value in rows without counts. "
        "Divide by `totals.clamp(min=1)`, so that there is never a division by 0.",
    ),
    explanation=(
        "Row a holds what came after token a. Divided by its total, it is a distribution: the model's "
        "prediction after a. A token that nothing came after has told us nothing, and all tokens alike is "
        "the distribution that says so.\n\n"
        "This table is a whole language model. It was fitted without a gradient: the shares of the counts "
        "are the table with the lowest possible loss on the text that was counted."
    ),
    mistakes=(
        Mistake(
            "repeated pairs are counted once",
            _once_each,
            "`counts[ids[:-1], ids[1:]] += 1` reads all entries, adds 1, and writes them back: a pair that "
            "comes five times is written five times with the same value. Count in a loop, or with "
            "`counts.index_put_(..., accumulate=True)`.",
        ),
        *(
            Mistake(
                "repeated pairs are counted once",
                _once_each_and_divided(mend),
                "`counts[ids[:-1], ids[1:]] += 1` reads all entries, adds 1, and writes them back: a pair "
                "that comes five times is written five times with the same value. Count in a loop, or with "
                f"`counts.index_put_(..., accumulate=True)`. {_EMPTY_ROWS_TOO}",
            )
            for mend in _AS_THEY_ARE
        ),
        Mistake(
            "rows and columns are swapped",
            _columns,
            "Row a should hold what came **after** a: `counts[before, after]`. Yours tells what came before.",
        ),
        Mistake(
            "every count is divided by the number of all pairs",
            _of_all_pairs,
            "That is how probable the *pair* is. Given the first token, its row must sum to 1: divide each "
            "row by its own total.",
        ),
        Mistake(
            "a row without counts is divided by zero",
            _divided_by_zero,
            "0 / 0 is `nan`. Where nothing was counted, give every token the probability 1 / vocab_size.",
        ),
        Mistake(
            "a row without counts stays zero",
            _zero_rows,
            "Something will come next, so each row must sum to 1. Where nothing was counted, give every "
            "token 1 / vocab_size.",
        ),
        *(
            Mistake(
                "the totals have lost their axis",
                answer,
                "`counts.sum(dim=1)` is a row of numbers, and dividing by it divides each *column* by the "
                "total of another row. No error tells, since the table is square. `keepdim=True` keeps the "
                "totals as a column, each beside its own row.",
            )
            for answer in (
                *(_axis_of_totals_lost, _axis_lost_and_rows_mended),
                *(_axis_lost_and_holes_filled, _axis_lost_and_counts_filled),
                *(_axis_lost_and_only_nan_filled, _axis_lost_and_counts_made_shares),
                _axis_lost_after_clamping,
            )
        ),
        *(
            Mistake(
                "the totals have lost their axis",
                answer,
                "`counts.sum(dim=1)` is a row of numbers, and dividing by it divides each *column* by the "
                "total of another row. `keepdim=True` keeps the totals as a column, each beside its own row. "
                f"{_EMPTY_ROWS_TOO}",
            )
            for answer in (
                *(_divided_by(lambda counts: counts.sum(dim=1), mend) for mend in _AS_THEY_ARE),
                _axis_lost_and_nan_made_0,
            )
        ),
        Mistake(
            "each column sums to 1",
            _column_totals,
            "Row a is what comes after a, so each **row** must sum to 1: `sum(dim=1, keepdim=True)`.",
        ),
        *(
            Mistake(
                "each column sums to 1",
                _divided_by(lambda counts: counts.sum(dim=0), mend),
                "Row a is what comes after a, so each **row** must sum to 1: `sum(dim=1, keepdim=True)`. "
                f"{_EMPTY_ROWS_TOO}",
            )
            for mend in _AS_THEY_ARE
        ),
        Mistake(
            "the size of the vocabulary is guessed from the ids",
            _guessed_size,
            "Tokens that never came have a row and a column too. The table is (vocab_size, vocab_size).",
        ),
        Mistake(
            "the first token is taken to follow the last",
            _wrapped_pairs,
            "`roll` puts the first token behind the last one, where it never stood. The pairs are `ids[:-1]` "
            "with `ids[1:]`.",
        ),
        *(
            Mistake(
                "divided by how often the token comes",
                answer,
                "The last token of the line came once more than it was followed by something. Divide each "
                "row by its own total, the number of pairs that begin with the token.",
            )
            for answer in (_divided_by_occurrences, _divided_by_occurrences_if_followed)
        ),
        Mistake(
            "the counts are not divided",
            _pair_counts,
            "The counts are right, and one step is missing: make each row sum to 1.",
        ),
        Mistake(
            "one is added to every count",
            _one_added,
            "A good idea for later (it keeps unseen pairs possible), but the task here is the plain shares.",
        ),
    ),
)


def _backoff(ids: torch.Tensor, context: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Probabilities of the next token, mixed from what followed the last 0, 1, 2, ... tokens."""
    stream, recent = ids.tolist(), context.tolist()
    probabilities = torch.full((vocab_size,), 1 / vocab_size)
    for length in range(len(recent) + 1):
        last = recent[len(recent) - length :]
        counts = torch.zeros(vocab_size)
        for i in range(length, len(stream)):
            if stream[i - length : i] == last:
                counts[stream[i]] += 1
        # The shorter context's opinion weighs as much as one token that was counted.
        probabilities = (counts + probabilities) / (counts.sum() + 1)
    return probabilities


@dataclass(frozen=True)
class _World:
    """A line of ids that was read, and its vocabulary; `names` gives the ids of the tokens in `_STREAM`."""

    names: tuple[int, ...]
    vocab_size: int

    def read(self, *tokens: int) -> torch.Tensor:
        return torch.tensor(self.named(tokens), dtype=torch.long)

    def named(self, tokens: Iterable[int]) -> list[int]:
        return [self.names[token] for token in tokens]

    def given(self, answer: Callable[..., Any], *context: int) -> torch.Tensor:
        """What an answer gives after a context."""
        return torch.as_tensor(answer(self.read(*_STREAM), self.read(*context), self.vocab_size)).double()

    def asked(self, answer: Callable[..., Any], *context: int) -> dict[int, float]:
        """The probability of each token of `_STREAM` after a context."""
        p = self.given(answer, *context)
        return {token: float(p[id]) for token, id in enumerate(self.names)}


# 0 1 -> 2, but 1 alone is mostly followed by 3; 7 8 9 -> 0, but 8 9 mostly by 2; 4 is the commonest token; 5
# comes once, 6 never.
_STREAM = (0, 1, 2, 4, 4, 1, 3, 4, 1, 3, 4, 4, 1, 3, 0, 1, 2, 4, 4, 4, 4, 5)
_STREAM += (7, 8, 9, 0, 4, 8, 9, 2, 4, 8, 9, 2, 7, 8, 9, 0, 4, 8, 9, 2, 4, 4, 8, 9, 2, 4)
_SMALL = (_World(tuple(range(10)), 10), _World((4, 0, 9, 2, 1, 3, 5, 8, 12, 7), 13))
_LARGE = _World((290, 299, 258, 0, 260, 270, 1, 280, 2, 288), 300)
_CONTEXTS = ((0, 1), (6, 6), (), (4,), (5,), (7, 8, 9), (6, 0, 1), (4, 4, 1, 3, 0, 1, 2))


def _in_small_worlds(holds: Callable[[_World, Any], bool | str]) -> Callable[[Any], bool | str]:
    """A property of an answer that holds whatever the tokens are called."""

    def everywhere(answer: Any) -> bool | str:
        return next((held for held in (holds(w, answer) for w in _SMALL) if held is not True), True)

    return everywhere


def _in_a_large_world(answer: Any) -> bool | str:
    all_of_it = (_has_a_number_each, _is_distribution, _listens, _counts_the_next, _listens_to_all)
    all_of_it += (_trusts_the_longer, _backs_off, _backs_off_to_nothing, _is_never_sure)
    found = (holds(_LARGE, answer) for holds in all_of_it)
    return next((held for held in found if held is not True), True)


def _has_a_number_each(world: _World, answer: Any) -> bool | str:
    shapes = [tuple(world.given(answer, *context).shape) for context in _CONTEXTS]
    wrong = next((shape for shape in shapes if shape != (world.vocab_size,)), None)
    return wrong is None or f"Its shape is {wrong}, but there are {world.vocab_size} tokens."


def _is_distribution(world: _World, answer: Any) -> bool | str:
    for context in _CONTEXTS:
        p = world.given(answer, *context)
        if not torch.isfinite(p).all() or p.min() < 0 or abs(float(p.sum()) - 1) > 1e-4:
            return f"After the context {world.named(context)} they sum to {float(p.sum()):.4g}."
    return True


def _is_never_sure(world: _World, answer: Any) -> bool | str:
    for context in _CONTEXTS:
        p = world.given(answer, *context)
        if p.min() <= 0:
            return f"After the context {world.named(context)}, token {int(p.argmin())} has no chance at all."
    return True


def _differ(one: dict[int, float], other: dict[int, float]) -> bool:
    return any(abs(one[token] - other[token]) > 1e-6 for token in one)


def _listens(world: _World, answer: Any) -> bool | str:
    if _differ(world.asked(answer, 1), world.asked(answer)):
        return True
    return f"It gives the same whether the last token is {world.names[1]} or there is none."


def _counts_the_next(world: _World, answer: Any) -> bool | str:
    for last, following in ((8, 9), (7, 8), (0, 1)):
        p, names = world.asked(answer, last), world.names
        if p[following] <= p[last]:
            return (
                f"After [{names[last]}] always came {names[following]}, but yours gives it "
                f"{p[following]:.3f}, and {p[last]:.3f} to {names[last]} itself."
            )
    return True


def _listens_to_all(world: _World, answer: Any) -> bool | str:
    for longer in ((0, 1), (7, 8, 9)):
        if not _differ(world.asked(answer, *longer), world.asked(answer, *longer[1:])):
            return f"It gives the same after {world.named(longer)} and after {world.named(longer[1:])}."
    return True


def _trusts_the_longer(world: _World, answer: Any) -> bool | str:
    for context, right, other in (((0, 1), 2, 3), ((7, 8, 9), 0, 2)):
        p = world.asked(answer, *context)
        if p[right] <= p[other]:
            return (
                f"After {world.named(context)} always came {world.names[right]}, but yours gives it "
                f"{p[right]:.3f}, and {p[other]:.3f} to {world.names[other]}."
            )
    return True


def _backs_off(world: _World, answer: Any) -> bool | str:
    without, names = world.asked(answer), world.names
    # 8 9 was seen, but not 9 8: the order of the context counts.
    for context, often, never in (((6, 1), 3, 0), ((6, 6, 1), 3, 0), ((9, 8), 9, 2)):
        p, last = world.asked(answer, *context), [names[context[-1]]]
        known = f"{world.named(context)} was never seen, but after {last} {names[often]} came often"
        chance = f"yours gives it {p[often]:.3f} there"
        if p[often] <= 1.15 * without[often]:
            return f"{known}; yet {chance} and {without[often]:.3f} without any context."
        if p[often] <= p[never]:
            return f"{known} and {names[never]} never; yet {chance}, and {p[never]:.3f} to {names[never]}."
    return True


def _backs_off_to_nothing(world: _World, answer: Any) -> bool | str:
    for context in ((6,), (6, 6), (), (1, 6)):  # the last: only its first token was seen
        p = world.asked(answer, *context)
        if p[4] < max(p.values()) or p[4] <= p[0]:
            known = f"{world.named(context)} was never seen" if context else "There is no context"
            return f"{known}; then the commonest token, {world.names[4]}, is best."
    return True


def _only_last(ids: torch.Tensor, context: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return _backoff(ids, context[-1:], vocab_size)


def _no_share_for_others(ids: torch.Tensor, context: torch.Tensor, vocab_size: int) -> torch.Tensor:
    stream, recent = ids.tolist(), context.tolist()
    for length in range(len(recent), -1, -1):
        last = recent[len(recent) - length :]
        after = [stream[i] for i in range(length, len(stream)) if stream[i - length : i] == last]
        if after:
            return torch.bincount(torch.tensor(after), minlength=vocab_size) / len(after)
    return torch.full((vocab_size,), 1 / vocab_size)


def _no_backoff(ids: torch.Tensor, context: torch.Tensor, vocab_size: int) -> torch.Tensor:
    stream, last = ids.tolist(), context.tolist()
    counts = torch.ones(vocab_size)
    for i in range(len(last), len(stream)):
        if stream[i - len(last) : i] == last:
            counts[stream[i]] += 1
    return counts / counts.sum()


def _too_much(ids: torch.Tensor, context: torch.Tensor, vocab_size: int) -> torch.Tensor:
    return 2 * _backoff(ids, context, vocab_size)


def _longest_least(ids: torch.Tensor, context: torch.Tensor, vocab_size: int) -> torch.Tensor:
    mixed = [_backoff(ids, context[len(context) - n :], vocab_size) for n in range(len(context) + 1)]
    return mixed[0] if len(context) else mixed[-1]


def _counting_after(
    choose: Callable[[list[int], int], list[int]], longest_first: bool = False
) -> Callable[..., torch.Tensor]:
    """The reference, but for what `choose(context, length)` takes of the context."""

    def answer(ids: torch.Tensor, context: torch.Tensor, vocab_size: int) -> torch.Tensor:
        stream, recent = ids.tolist(), context.tolist()
        probabilities = torch.full((vocab_size,), 1 / vocab_size)
        lengths = range(len(recent) + 1)
        for length in reversed(lengths) if longest_first else lengths:
            part = choose(recent, length)
            counts = torch.zeros(vocab_size)
            for i in range(length, len(stream)):
                if stream[i - length : i] == part:
                    counts[stream[i]] += 1
            probabilities = (counts + probabilities) / (counts.sum() + 1)
        return probabilities

    return answer


def _last(context: list[int], length: int) -> list[int]:
    return context[len(context) - length :]


def _context_itself(ids: torch.Tensor, context: torch.Tensor, vocab_size: int) -> torch.Tensor:
    """Counts the last token of each place that looks like the context, not the one after it."""
    stream, recent = ids.tolist(), context.tolist()
    probabilities = torch.full((vocab_size,), 1 / vocab_size)
    for length in range(len(recent) + 1):
        counts = torch.zeros(vocab_size)
        for i in range(length, len(stream)):
            if stream[i - length : i] == recent[len(recent) - length :]:
                counts[stream[i - 1]] += 1
        probabilities = (counts + probabilities) / (counts.sum() + 1)
    return probabilities


def _tells_ids_apart(answer: Callable[..., torch.Tensor]) -> bool:
    """Whether what follows 11, 2 is not taken for what follows 1, 12."""
    ids = torch.tensor([11, 2, 7, 1, 12, 5] * 3 + [1, 12, 5] * 3)
    probabilities = answer(ids, torch.tensor([11, 2]), 13)
    return bool(probabilities[7] > probabilities[5])


backoff = Exercise(
    name="backoff",
    topic="context",
    title="An n-gram that backs off, your way",
    kind="explore",
    mark="more",
    difficulty="hard",
    minutes=20,
    open_ended=True,
    reference=_backoff,
    cases=lambda: [
        Case(_SMALL[0].read(*_STREAM), _SMALL[0].read(0, 1), 10),
        Case(_SMALL[1].read(*_STREAM), _SMALL[1].read(), 13),
        Case(torch.tensor([2, 0, 0, 1, 2, 1, 0, 0]), torch.tensor([0, 1]), 3),
    ],
    properties=(
        Property(
            "shape",
            _in_small_worlds(_has_a_number_each),
            "there is one probability for each token of the vocabulary",
        ),
        Property(
            "distribution", _in_small_worlds(_is_distribution), "probabilities are not negative and sum to 1"
        ),
        Property("listens", _in_small_worlds(_listens), "what came before has a say"),
        Property("next", _in_small_worlds(_counts_the_next), "it tells what comes after the context"),
        Property(
            "ids",
            _tells_ids_apart,
            "tokens are compared one by one, and not the figures of their ids: 11 and 2 are not 1 and 12",
        ),
        Property("whole", _in_small_worlds(_listens_to_all), "the whole context has a say"),
        Property(
            "longer",
            _in_small_worlds(_trusts_the_longer),
            "a longer context, once seen, has more say than a shorter one",
        ),
        Property(
            "shorter",
            _in_small_worlds(_backs_off),
            "a context never seen gives way to the longest one that was",
        ),
        Property(
            "empty",
            _in_small_worlds(_backs_off_to_nothing),
            "with nothing else to go by, frequent tokens are probable",
        ),
        Property("possible", _in_small_worlds(_is_never_sure), "no token is impossible"),
        Property("large", _in_a_large_world, "all of this is so for a large vocabulary too"),
    ),
    hints=(
        "Begin with the prediction for no context at all, then improve it with the last token, then with "
        "the last two, and so on. How much should a longer context say if it was seen only once?",
        "One way: start with all tokens alike. For each length, count what followed the last `length` "
        "tokens, and take `(counts + old_probabilities) / (counts.sum() + 1)`. What happens where all counts "
        "are 0?",
    ),
    explanation=(
        "Each round lets a longer context speak, and gives the prediction so far the weight of one counted "
        "token. A context never seen has no counts, so the prediction stays what it was: that is backing "
        "off. Nothing ever gets to 0, since the first round began with all tokens alike.\n\n"
        "There are many right answers. This one is close to MacKay and Peto 1995 "
        "(doi:10.1017/S1351324900000218); `NGramModel` uses modified Kneser-Ney smoothing, which was found "
        "to be the best of them by Chen and Goodman 1999 (doi:10.1006/csla.1999.0128)."
    ),
    mistakes=(
        Mistake(
            "not the whole context is used",
            _only_last,
            "If the last two tokens were seen together before, what came after both says more than what came "
            "after the last one alone; and so on for three. Try the whole context first.",
        ),
        Mistake(
            "the wrong end of the context counts",
            _counting_after(lambda context, length: context[:length]),
            "The last token of the context stands right before the one that is asked for. Shorten the "
            "context at its **beginning**: `context[1:]`.",
        ),
        *(
            Mistake(
                "the context is read backwards",
                answer,
                "In the line that was read the tokens stand in the order of the context: `[7, 8]` is found "
                "as `7, 8`, not as `8, 7`. Leave its order, and shorten it at its beginning: `context[1:]`.",
            )
            for answer in (
                _counting_after(lambda context, length: _last(context, length)[::-1]),
                _counting_after(lambda context, length: _last(context[::-1], length)),
            )
        ),
        Mistake(
            "how frequent the tokens are is not counted",
            _counting_after(lambda context, length: context[-length:]),
            "After no context at all, every token of the line counts. Does your loop begin with the length "
            "0, and is the context empty then? -0 is 0, so `context[-0:]` is the whole of it; "
            "`context[len(context) - length :]` is right for 0 too.",
        ),
        Mistake(
            "the shortest context has the last word",
            _counting_after(_last, longest_first=True),
            "What is mixed in last weighs most. Begin with no context at all, then let longer and longer "
            "ones change the prediction.",
        ),
        Mistake(
            "the context's last token is counted, not the one after it",
            _context_itself,
            "If `stream[i - n : i]` is the context, what came next is `stream[i]`: a slice ends before its "
            "second number.",
        ),
        Mistake(
            "what was not seen is impossible",
            _no_share_for_others,
            "Unseen is not impossible, and a probability of 0 costs an infinite loss the first time it is "
            "wrong. Let the longer context keep a little back for the shorter one to hand out.",
        ),
        Mistake(
            "a context never seen makes all tokens alike",
            _no_backoff,
            "Before giving up altogether, look at the context without its first token, and so on down to no "
            "context at all.",
        ),
        Mistake(
            "the probabilities don't sum to 1",
            _too_much,
            "Divide by their sum at the end, or see to it that each step takes away as much as it gives.",
        ),
        Mistake(
            "the context is not used at all",
            _longest_least,
            "It counts how frequent tokens are, whatever came before. Count only after places that look like "
            "the context.",
        ),
    ),
)


# Vectors --------------------------------------------------------------------------------------------------


def _embedding_lookup(ids: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """The row of `table` for each id: ids (B, T), table (V, C), result (B, T, C)."""
    one_hot = F.one_hot(ids, num_classes=len(table)).to(table.dtype)
    return one_hot @ table


def _lookup_cases() -> list[Case]:
    return [
        Case(torch.tensor([[6, 1, 1], [0, 3, 2]]), _random(7, 5)),
        Case(torch.tensor([[2], [0], [1]]), _random(3, 2, seed=1)),
        Case(torch.tensor([[0, 1]]), _random(7, 2, seed=2)),
        Case(torch.tensor([[1, 0]]), torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])),
        Case(torch.tensor([[0]]), _random(1, 1, seed=3)),
        Case(torch.tensor([[2, 0], [1, 1], [0, 2]]), _random(3, 3, seed=4)),
        Case(torch.tensor([[0, 4, 4], [3, 1, 2]]).T, _random(2, 5, seed=5).T),
        Case(torch.tensor([[299, 257], [0, 299]]), 90 * _random(300, 2, seed=6)),
        Case(torch.arange(1100)[:, None] % 2, _random(2, 2, seed=7) / 3000),
        Case(torch.arange(1100)[None] % 2, _random(2, 2, seed=8)),
        Case(torch.tensor([[1099, 1, 1050]]), _random(1100, 2, seed=9)),
        Case(torch.tensor([[1, 0]]), _random(2, 1100, seed=10)),
    ]


def _fresh_lookup(draw: Draw) -> Case:
    V = draw.integer(1, 9)
    return Case(draw.ids(V, draw.integer(1, 3), draw.integer(1, 5)), draw.tensor(V, draw.integer(1, 4)))


def _one_hot_of(count: Callable[[torch.Tensor, int], int]) -> Callable[..., torch.Tensor]:
    """An answer whose one-hot rows are so long, by the ids and the rows of the table."""

    def answer(ids: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        return F.one_hot(ids, num_classes=count(ids, len(table))).to(table.dtype) @ table

    return answer


embedding_lookup = Exercise(
    name="embedding_lookup",
    topic="context",
    title="A vector for each token",
    difficulty="easy",
    minutes=5,
    reference=_embedding_lookup,
    cases=_lookup_cases,
    fresh=_fresh_lookup,
    forbidden=(
        Forbidden(
            ("[ids]", "embedding", "embedding_bag", "index_select", "gather", "take", "take_along_dim"),
            "The exercise is to see that it is a product: one-hot rows times the table.",
        ),
        Forbidden(
            ("[id]",),
            "No loop is needed for that: `table[ids]` takes all the rows at once. The exercise is to see "
            "that it is a product: one-hot rows times the table.",
        ),
    ),
    hints=(
        "`F.one_hot(ids, num_classes=...)` makes rows with a single 1. What does such a row give when it is "
        "multiplied with the table? Try it on paper with three tokens.",
        "`one_hot` gives whole numbers, and torch only multiplies matrices of the same type: turn them into "
        "the table's with `.to(table.dtype)`. Then `@`.",
    ),
    explanation=(
        "A row with a single 1 at place i, times a matrix, is that matrix's row i. So looking a vector up is "
        "a linear layer without bias, applied to one-hot rows: the table is its weight matrix, and it is "
        "learned like any other. Nobody really multiplies by all those zeros: `table[ids]`, which is what "
        "`nn.Embedding` does, gives the same."
    ),
    mistakes=(
        Mistake(
            "one-hot rows of whole numbers",
            lambda ids, table: F.one_hot(ids, num_classes=len(table)) @ table,
            "`one_hot` gives int64, the table is float32, and `@` wants the same type on both sides: "
            "`.to(table.dtype)`.",
        ),
        Mistake(
            "the number of tokens is guessed from the batch",
            lambda ids, table: F.one_hot(ids).to(table.dtype) @ table,
            "Without `num_classes`, `one_hot` takes the largest id that happens to be there. The table knows "
            "how many tokens there are: `len(table)`.",
        ),
        *(
            Mistake(
                "the one-hot rows are not as long as the table",
                answer,
                "The ids go from 0 to V - 1 and the table has V rows, so a one-hot row has V places: "
                "`num_classes=len(table)`.",
            )
            for answer in (_one_hot_of(lambda ids, V: V - 1), _one_hot_of(lambda ids, V: V + 1))
        ),
        *(
            Mistake(
                "the size of the batch is taken for the number of tokens",
                answer,
                "How many texts there are and how long they are says nothing about the ids in them. A "
                "one-hot row needs a place for each *token of the vocabulary*: `num_classes=len(table)`.",
            )
            for answer in (
                *(_one_hot_of(lambda ids, V: ids.shape[0]), _one_hot_of(lambda ids, V: ids.shape[1])),
                _one_hot_of(lambda ids, V: ids.numel()),
            )
        ),
        Mistake(
            "the width of the vectors is taken for the number of tokens",
            lambda ids, table: F.one_hot(ids, num_classes=table.shape[1]).to(table.dtype) @ table,
            "The table is (V, C): V rows, one for each token. A one-hot row needs a place for each *token*: "
            "`num_classes=len(table)`.",
        ),
        Mistake(
            "the table is turned over",
            lambda ids, table: F.one_hot(ids, num_classes=len(table)).to(table.dtype) @ table.T,
            "A one-hot row has V numbers, and the table V rows: (..., V) @ (V, C) fits as it is.",
        ),
        Mistake(
            "the token's number is used as a size",
            lambda ids, table: ids[..., None] * table[0],
            "Token 6 is not six times token 1: ids are names, not amounts. Each id picks a row of its own.",
        ),
        Mistake(
            "the row before is taken",
            lambda ids, table: table[ids - 1],
            "Ids start at 0: token i has row i.",
        ),
        Mistake(
            "columns are picked, not rows",
            lambda ids, table: table.T[ids.clamp(max=table.shape[1] - 1)],
            "The table is (V, C): one **row** per token.",
        ),
        Mistake(
            "the texts of the batch are joined",
            lambda ids, table: table[ids.flatten()],
            "The result should keep the shape of `ids` and get one axis more: (B, T, C).",
        ),
        Mistake(
            "the vectors of a text are added up",
            lambda ids, table: table[ids].sum(1),
            "Each place in the text keeps a vector of its own; the model needs to know which token stands "
            "where.",
        ),
        Mistake(
            "the table is cut off from its gradient",
            lambda ids, table: table.detach()[ids],
            "Then the vectors stay as they were drawn. They are parameters, and should be learned.",
        ),
    ),
)


def _nearest(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    """The k rows whose direction is most like that of row `index`, the most similar first, without itself."""
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    cosines = unit @ unit[index]
    cosines[index] = -torch.inf
    return cosines.topk(k).indices.tolist()


def _nearest_cases() -> list[Case]:
    lengths = torch.tensor([3.0, 0.2, 1.0, 0.5, 2.0, 1.5, 0.3])[:, None]
    return [
        Case(_random(7, 3) * lengths, 2, 2),
        Case(_random(7, 3) * lengths, 5, 2),
        Case(_random(7, 3) * lengths, 2, 6),
        Case(_random(7, 5, seed=4) * lengths, 0, 3),
        Case(torch.tensor([[1.0, 0.0], [0.1, 0.01], [5.0, 5.0], [-1.0, 0.1], [0.9, -0.5]]), 0, 2),
        Case(torch.tensor([[1.0, 0.0], [-1.0, 0.1], [-1.0, -0.5]]), 0, 2),
        Case(torch.tensor([[1.0, 2.0], [2.0, -1.0], [0.5, 1.0], [1.0, 1.0]]), 2, 2),  # 0: the same direction
        Case(torch.tensor([[2.0, -1.0], [1.0, 2.0], [1.0, 2.0]]), 1, 1),
        Case(torch.tensor([[1.0, 0.1], [-3.0, 0.1]]), 1, 1),
        Case(torch.tensor([[0.01, 0.0], [-2.0, 0.0]]), 0, 1),  # as far apart as can be, and still the nearest
        Case(90 * _random(5, 3, seed=5), 3, 4),
        Case(_random(5, 3, seed=6) / 4000, 4, 4),
        Case(_random(3, 6, seed=7).T * 100 + 60, 0, 5),
        Case(_random(80, 70, seed=8), 79, 70),
        Case(_spread(300), 290, 3),
        Case(_spread(300), 290, 260),
        Case(_spread(1100), 1090, 3),
    ]


def _spread(count: int) -> torch.Tensor:
    """Directions all around, no two equally far from a third."""
    angles = (torch.arange(count) * 1.9) ** 2 % 6.28
    return torch.stack([angles.cos(), angles.sin()], dim=1) * torch.linspace(0.5, 2.0, count)[:, None]


def _fresh_vectors(draw: Draw) -> Case | None:
    V, C = draw.integer(2, 8), draw.integer(2, 4)
    vectors = draw.tensor(V, C) * draw.positive(V, 1)
    index, k = draw.integer(0, V - 1), draw.integer(1, V - 1)
    if draw.boolean():  # one more row in the very same direction
        vectors[index - 1] = vectors[index] * draw.choose((1.0, 2.0, 0.25))
    unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-9)
    cosines = (unit @ unit[index])[torch.arange(V) != index].sort().values
    clear = bool((vectors.norm(dim=-1) > 1e-4).all()) and bool((cosines.diff() > 1e-3).all())
    return Case(vectors, index, k) if clear else None


def _order(scores: torch.Tensor, index: int, k: int) -> list[int]:
    scores[index] = -torch.inf
    return scores.topk(k).indices.tolist()


def _with_itself(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    return F.cosine_similarity(vectors, vectors[index], dim=-1).topk(k).indices.tolist()


def _furthest(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    return _order(-F.cosine_similarity(vectors, vectors[index], dim=-1), index, k)


def _the_cosines(vectors: torch.Tensor, index: int, k: int) -> list[float]:
    cosines = F.cosine_similarity(vectors, vectors[index], dim=-1)
    cosines[index] = -torch.inf
    return cosines.topk(k).values.tolist()


def _first_taken_for_itself(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    return (unit @ unit[index]).argsort(descending=True, stable=True)[1 : k + 1].tolist()


def _first_of_topk_taken_for_itself(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    return (unit @ unit[index]).topk(k + 1).indices[1:].tolist()


def _numbers_without_it(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    cosines = F.cosine_similarity(vectors, vectors[index], dim=-1)
    return torch.cat([cosines[:index], cosines[index + 1 :]]).topk(k).indices.tolist()


def _taken_out_of_k(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    return [row for row in _with_itself(vectors, index, k) if row != index]


def _own_cosine_0(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    cosines = F.cosine_similarity(vectors, vectors[index], dim=-1)
    cosines[index] = 0.0
    return cosines.topk(k).indices.tolist()


def _columns_made_unit(vectors: torch.Tensor, index: int, k: int) -> list[int]:
    unit = vectors / vectors.norm(dim=0, keepdim=True)
    return _order(unit @ unit[index], index, k)


nearest = Exercise(
    name="nearest",
    topic="context",
    title="Nearest neighbours",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=10,
    reference=_nearest,
    differentiable=False,
    cases=_nearest_cases,
    fresh=_fresh_vectors,
    draws=24,
    hints=(
        "The cosine of two vectors is their product when both have length 1. So make all rows that long "
        "first: divide by `vectors.norm(dim=-1, keepdim=True)`.",
        "`unit @ unit[index]` gives all cosines at once. A vector is most similar to itself: give that entry "
        "minus infinity. `topk(k).indices` has the places of the k largest, in order.",
    ),
    explanation=(
        "With all rows at length 1, one product of matrix and vector gives every cosine. The vector itself "
        "would always win with a cosine of 1, so it is taken out of the race, and `topk` gives the others "
        "in order."
    ),
    mistakes=(
        Mistake(
            "a vector is its own neighbour",
            _with_itself,
            "The cosine of a vector with itself is 1, and nothing is larger. Take row `index` out before you "
            "pick.",
        ),
        Mistake(
            "the plain product, in which long vectors win",
            lambda vectors, index, k: _order(vectors @ vectors[index], index, k),
            "Frequent tokens tend to have longer vectors, and would be everyone's neighbours. The cosine "
            "looks at the direction alone: divide by both lengths.",
        ),
        Mistake(
            "the straight distance instead of the angle",
            lambda vectors, index, k: _order(-(vectors - vectors[index]).norm(dim=-1), index, k),
            "Two vectors in the same direction are far apart if one is long. Compare angles: divide by the "
            "lengths first.",
        ),
        *(
            Mistake(
                "the first in the order is taken for the vector itself",
                answer,
                "Another row may have the same direction, and then stand before it. Take out row `index`, "
                "whatever its rank.",
            )
            for answer in (_first_taken_for_itself, _first_of_topk_taken_for_itself)
        ),
        Mistake(
            "the rows behind it have lost their numbers",
            _numbers_without_it,
            "Without row `index`, every row behind it moves up by one, and its number is one too small. "
            "Leave the row in its place, and make its cosine minus infinity.",
        ),
        Mistake(
            "it is taken out of the k when they are chosen",
            _taken_out_of_k,
            "Then one is missing. Choose k + 1, or take row `index` out before you choose.",
        ),
        Mistake(
            "the nearest come last",
            lambda vectors, index, k: _nearest(vectors, index, k)[::-1],
            "They are the right rows, in the wrong order: `argsort` goes upwards unless it is asked for "
            "`descending=True`.",
        ),
        Mistake(
            "the vector's own cosine is made 0",
            _own_cosine_0,
            "Cosines go down to -1: where all others are negative, 0 is the largest. Minus infinity is below "
            "all of them.",
        ),
        Mistake(
            "the columns are made length 1, not the rows",
            _columns_made_unit,
            "A vector is a row, so its length runs over the last axis: `vectors.norm(dim=-1, keepdim=True)`.",
        ),
        Mistake(
            "opposite directions count as alike",
            lambda vectors, index, k: _order(
                F.cosine_similarity(vectors, vectors[index], dim=-1).abs(), index, k
            ),
            "A cosine of -1 is the very opposite direction, the least similar of all. Leave the sign.",
        ),
        Mistake(
            "in the order of the table",
            lambda vectors, index, k: sorted(_nearest(vectors, index, k)),
            "They are the right rows. They should come with the nearest first.",
        ),
        Mistake(
            "the least similar ones",
            _furthest,
            "A large cosine means a similar direction: take the largest.",
        ),
        Mistake(
            "the cosines, not the places",
            _the_cosines,
            "`topk` gives `values` and `indices`; the question is *which* rows they are.",
        ),
    ),
)


# Memory ---------------------------------------------------------------------------------------------------


def _recurrent_step(
    x: torch.Tensor, state: torch.Tensor, W_x: torch.Tensor, W_h: torch.Tensor, b: torch.Tensor
) -> torch.Tensor:
    """The new state (B, H) from a token's vector x (B, C), the old state (B, H), and the weights."""
    return torch.tanh(x @ W_x + state @ W_h + b)


def _step_cases() -> list[Case]:
    def case(B: int, C: int, H: int, seed: int) -> Case:
        parts = [_random(*shape, seed=seed + i) for i, shape in enumerate(((B, C), (B, H), (C, H), (H, H)))]
        return Case(*parts, _random(H, seed=seed + 9))

    x, state, W_x, W_h, b = case(3, 2, 2, 60).args
    turned = (part.T.contiguous().T for part in (x, state, W_x, W_h))
    return [
        case(2, 3, 5, 0),
        case(1, 2, 2, 20),
        case(7, 5, 3, 40),
        case(1, 1, 1, 80),
        Case(*turned, b),
        Case(90 * x, 90 * state, W_x / 90, W_h / 90, b),
        Case(x / 4000, state / 4000, 900 * W_x, 900 * W_h, b / 4000),
        Case(900 * x, 900 * state, W_x / 4000, W_h / 4000, b),
        Case(x, state, W_x, W_h, 60 * b),
        Case(x / 100, state, 9000 * W_x, W_h, torch.full((2,), -60.0)),
        Case(x, state / 100, W_x, 9000 * W_h, b),
        Case(*(part / 5 for part in case(70, 70, 70, 100).args)),
        case(1100, 2, 2, 120),
        Case(*(part / 20 for part in case(1, 1100, 2, 140).args)),
        Case(*(part / 20 for part in case(1, 2, 1100, 160).args)),
    ]


def _fresh_recurrent(draw: Draw) -> Case:
    B, C, H = draw.integer(1, 4), draw.integer(1, 4), draw.integer(1, 4)
    shapes = ((B, C), (B, H), (C, H), (H, H), (H,))
    return Case(*(draw.tensor(*shape, extremes=False) for shape in shapes))


recurrent_step = Exercise(
    name="recurrent_step",
    topic="context",
    title="One step of a recurrent network",
    difficulty="easy",
    minutes=5,
    reference=_recurrent_step,
    cases=_step_cases,
    fresh=_fresh_recurrent,
    draws=16,
    hints=(
        "Two things come together: the new token and the old state. Each goes through its own matrix; the "
        "results are added, with the bias.",
        "x is (B, C) and W_x is (C, H), so `x @ W_x` is (B, H). Do the same with the state. Then tanh of the "
        "sum, which keeps every entry between -1 and 1.",
    ),
    explanation=(
        "The same five letters at every token: the network has one set of weights, however long the text. "
        "All that it knows of the past must fit into `state`, and each step writes over it."
    ),
    mistakes=(
        Mistake(
            "the tanh is missing",
            lambda x, state, W_x, W_h, b: x @ W_x + state @ W_h + b,
            "Without it, many steps are one long matrix product: the state grows without bound or dies out, "
            "and nothing but linear functions can be computed.",
        ),
        Mistake(
            "the old state is not used",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_x + b),
            "Then the network knows only the newest token. The old state comes in by `state @ W_h`.",
        ),
        Mistake(
            "the old state is added outside of the tanh",
            lambda x, state, W_x, W_h, b: state + torch.tanh(x @ W_x + state @ W_h + b),
            "That is another network (a residual one). Here the new state is the tanh alone.",
        ),
        Mistake(
            "the state's matrix is transposed",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_x + state @ W_h.T + b),
            "`nn.Linear` keeps its weights transposed, but here they are given as (H, H), to be used as they "
            "are: `state @ W_h`.",
        ),
        Mistake(
            "the token's matrix is transposed",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_x.T + state @ W_h + b),
            "`nn.Linear` keeps its weights transposed, but here they are given as (C, H), to be used as they "
            "are: `x @ W_x`.",
        ),
        Mistake(
            "both matrices are transposed",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_x.T + state @ W_h.T + b),
            "`nn.Linear` keeps its weights transposed, but here they are given to be used as they are: "
            "`x @ W_x` and `state @ W_h`.",
        ),
        Mistake(
            "the matrices are swapped",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_h + state @ W_x + b),
            "`W_x` is for the token's vector x, `W_h` for the state.",
        ),
        Mistake(
            "the bias is added outside of the tanh",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_x + state @ W_h) + b,
            "The state would leave the range from -1 to 1. Add `b` before the tanh.",
        ),
        Mistake(
            "products entry by entry",
            lambda x, state, W_x, W_h, b: torch.tanh(x * W_x + state * W_h + b),
            "`*` multiplies entries that stand at the same place. Each new entry should be a sum over all "
            "entries of the old: that is `@`.",
        ),
        Mistake(
            "the old state is cut off from its gradient",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_x + state.detach() @ W_h + b),
            "Then no gradient flows back through time, and nothing is learned of what came more than one "
            "token ago. Leave out `.detach()`.",
        ),
        Mistake(
            "the bias is missing",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_x + state @ W_h),
            "Add `b` before the tanh.",
        ),
        Mistake(
            "two tanhs instead of one",
            lambda x, state, W_x, W_h, b: torch.tanh(x @ W_x) + torch.tanh(state @ W_h + b),
            "Token and state should be weighed against each other: first add them, then one tanh of the sum.",
        ),
        Mistake(
            "a sigmoid in place of tanh",
            lambda x, state, W_x, W_h, b: torch.sigmoid(x @ W_x + state @ W_h + b),
            "A sigmoid gives 0 to 1 and suits gates. A state should be able to be negative too: tanh.",
        ),
    ),
)


# Positions ------------------------------------------------------------------------------------------------


def _sinusoidal_positions(T: int, width: int) -> torch.Tensor:
    """A vector for each of T positions: sine, cosine of a fast wave, sine, cosine of a slower one, ..."""
    positions = torch.arange(T).float()[:, None]
    even = torch.arange(0, width, 2).float()
    angles = positions / 10000 ** (even / width)
    table = torch.zeros(T, width)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()
    return table


def _waves(positions: torch.Tensor, wavelengths: torch.Tensor) -> torch.Tensor:
    angles = positions[:, None] / wavelengths
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


def _lengths(width: int) -> torch.Tensor:
    return 10000 ** (torch.arange(0, width, 2) / width)


def _halves(T: int, width: int) -> torch.Tensor:
    table = _sinusoidal_positions(T, width)
    return torch.cat([table[:, 0::2], table[:, 1::2]], dim=1)


def _cosine_first(T: int, width: int) -> torch.Tensor:
    return _sinusoidal_positions(T, width).reshape(T, -1, 2).flip(-1).flatten(1)


def _only_sines(T: int, width: int) -> torch.Tensor:
    return torch.sin(torch.arange(T)[:, None] / 10000 ** (torch.arange(width) / width))


def _own_exponents(T: int, width: int) -> torch.Tensor:
    angles = torch.arange(T)[:, None] / 10000 ** (torch.arange(width) / width)
    return torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos())


def _doubled_columns(T: int, width: int) -> torch.Tensor:
    angles = torch.arange(T)[:, None] / 10000 ** (2 * torch.arange(width) / width)
    return torch.where(torch.arange(width) % 2 == 0, angles.sin(), angles.cos())


def _doubled_pairs(T: int, width: int) -> torch.Tensor:
    return _waves(torch.arange(T).float(), 10000 ** (2 * torch.arange(0, width, 2) / width))


def _faster(T: int, width: int) -> torch.Tensor:
    return _waves(torch.arange(T).float(), 1 / _lengths(width))


def _multiplied(T: int, width: int) -> torch.Tensor:
    """The same as `_faster` on paper; so large an angle is rounded in another way."""
    return _waves((torch.arange(T)[:, None] * _lengths(width)).flatten(), torch.ones(1)).reshape(T, width)


def _reaching_the_end(T: int, width: int) -> torch.Tensor:
    return _waves(torch.arange(T).float(), 10000 ** torch.linspace(0, 1, width // 2))


sinusoidal_positions = Exercise(
    name="sinusoidal_positions",
    topic="context",
    title="Positions from waves",
    difficulty="medium",
    minutes=15,
    reference=_sinusoidal_positions,
    differentiable=False,
    atol=1e-4,  # float32 and float64 part at far positions
    cases=(
        Case(3, 4),
        Case(7, 2),
        Case(5, 6),
        Case(1, 8),
        Case(3, 8),
        Case(1, 2),
        Case(12, 10),
        Case(70, 4),
        Case(2, 140),
        Case(2, 1100),
        Case(300, 6),
        Case(2100, 2),
    ),
    fresh=lambda draw: Case(draw.integer(1, 12), 2 * draw.integer(1, 8)),
    draws=16,
    hints=(
        "Make the angles first, one row per position and one column per wave: position divided by the wave's "
        "length. A column of positions divided by a row of lengths does all at once.",
        "The lengths are `10000 ** (even / width)` with `even` = 0, 2, 4, ...: `torch.arange(0, width, 2)`. "
        "Give the positions a second axis with `[:, None]`.",
        "`table[:, 0::2]` are the columns 0, 2, 4, ... and `table[:, 1::2]` the columns 1, 3, 5, ... Put the "
        "sines into the first, the cosines into the second.",
    ),
    explanation=(
        "Each pair of columns is a hand of a clock: sine and cosine of one angle. The first hand turns by "
        "one radian per token, the last one some ten thousand times as slowly. Together they tell positions "
        "apart far beyond the longest text, and going k places on turns every hand by a fixed angle, "
        "wherever you start."
    ),
    mistakes=(
        Mistake(
            "all sines first, then all cosines",
            _halves,
            "Some programs do that, and it would serve as well. Here, as in the paper, they take turns: "
            "sine, cosine, sine, cosine.",
        ),
        Mistake(
            "cosine before sine",
            _cosine_first,
            "Even columns (0, 2, ...) hold sines, odd ones cosines. Position 0 begins 0, 1, 0, 1.",
        ),
        Mistake(
            "the exponent grows half as fast as it should",
            lambda T, width: _waves(torch.arange(T).float(), 10000 ** (torch.arange(width // 2) / width)),
            "The exponent is 2i / width for pair i, so that it nears 1 at the last pair. Use "
            "`torch.arange(0, width, 2)`, which counts in twos.",
        ),
        Mistake(
            "each column has an exponent of its own",
            _own_exponents,
            "A sine and the cosine beside it belong to the same angle: columns 0 and 1 share the exponent 0, "
            "columns 2 and 3 the exponent 2 / width, and so on.",
        ),
        Mistake(
            "2i is doubled once more",
            _doubled_pairs,
            "`torch.arange(0, width, 2)` counts 0, 2, 4, ..., which is 2i already. Divide it by the width as "
            "it is.",
        ),
        Mistake(
            "the column's number is doubled",
            _doubled_columns,
            "The 2 in 2i belongs to the number of the *pair*: i = 0, 1, 2, ... for columns 0 and 1, 2 and 3, "
            "4 and 5. `torch.arange(0, width, 2)` is 2i already.",
        ),
        *(
            Mistake(
                f"the base is {base}, not 10000",
                lambda T, width, base=base: _waves(
                    torch.arange(T).float(), base ** (torch.arange(0, width, 2) / width)
                ),
                "The lengths of the waves go up to nearly 10,000 times 2π: `10000 ** (even / width)`.",
            )
            for base in (1000, 100000)
        ),
        Mistake(
            "the last wave is exactly 10000 long",
            _reaching_the_end,
            "The exponents are 2i / width, and stop before 1. Some programs let them reach 1, and it would "
            "serve as well, but the paper and the course do not.",
        ),
        Mistake(
            "the angles are counted in whole turns",
            lambda T, width: _waves(2 * math.pi * torch.arange(T), _lengths(width)),
            "The angle is the position divided by `10000 ** ...`, as it is. With 2π in it, the first wave "
            "would be at the same place at every position.",
        ),
        *(
            Mistake(
                "the waves get faster instead of slower",
                answer,
                "Divide the position by `10000 ** ...`; don't multiply.",
            )
            for answer in (_faster, _multiplied)
        ),
        Mistake(
            "positions start at 1",
            lambda T, width: _waves(torch.arange(1, T + 1).float(), _lengths(width)),
            "The first position is 0, whose sines are 0 and cosines 1.",
        ),
        Mistake(
            "sines only",
            _only_sines,
            "A sine alone does not tell on which side of the wave you are. Each wave needs both: sine and "
            "cosine of the same angle.",
        ),
    ),
)


# What a result shows --------------------------------------------------------------------------------------


cost_of_two = Exercise(
    name="cost_of_two",
    topic="context",
    title="Explain: what do two tokens cost?",
    kind="explain",
    difficulty="easy",
    minutes=3,
    reference=5.30,
    atol=0.15,
    cases=(),
    hints=(
        "Find the height of the curve above each of the two probabilities.",
        "The probability of both is a product. What does the logarithm make of a product?",
    ),
    explanation=(
        "0.69 above one half and 4.61 above 0.01: together 5.30. The same comes out of the product, -ln(0.5 "
        "· 0.01) = -ln 0.005. Nearly all of it is the price of one bad guess: that is how the mean of many "
        "good ones is spoilt by a few."
    ),
    mistakes=(
        Mistake(
            "the mean of the two",
            2.65,
            "That is what a token costs on average. The question is what both of them cost together.",
        ),
        Mistake(
            "the surprises were multiplied",
            3.18,
            "Probabilities are multiplied. Surprises are logarithms, and add up.",
        ),
        Mistake(
            "the second token alone",
            4.61,
            "The first one costs something as well: half sure is not sure.",
        ),
        Mistake(
            "the probability of both",
            0.005,
            "That is how probable the two are together. What they cost is its surprise.",
        ),
        Mistake(
            "the probabilities were added",
            0.67,
            "That is the surprise of 0.51. But that both come is less probable than either of them: "
            "multiply.",
        ),
    ),
)


louder_event = Exercise(
    name="louder_event",
    topic="context",
    title="Explain: a louder event",
    kind="explain",
    difficulty="medium",
    minutes=5,
    reference="a",
    cases=(),
    hints=(
        "Begin with the first number: it is tanh(1) now. What is the largest that tanh can give?",
        "From the second token on, the rule sees the state alone. Does it know how the state came about?",
    ),
    explanation=(
        "tanh(3) is 0.995, where tanh(1) was 0.762: however loud the event, the state stays below 1. After "
        "that, only the state counts, and each quiet token about halves it, whatever its size. So at every "
        "place about a quarter to a third more is left, less than one more token of remembering.\n\n"
        "What decides how long an event is remembered is the factor, not how strongly it was written. That "
        "is why gates, which can hold the factor near 1, help so much."
    ),
    mistakes=(
        Mistake(
            "tanh was forgotten",
            "b",
            "So it would be without tanh. But no state can get above 1, and 0.762 is most of that already.",
        ),
        Mistake(
            "what is strong was taken to fade more slowly",
            "c",
            "A quiet token multiplies the state by the same 0.5, be it large or small. Nothing in the rule "
            "makes it slower.",
        ),
        Mistake(
            "the start was taken to make no difference",
            "d",
            "No state gets above 1, so not three times. And half of something larger stays larger: the "
            "difference shrinks in step with the state.",
        ),
    ),
)


quiz = Quiz(
    topic="context",
    questions=(
        Question(
            "A model's loss is 0.693 nats per token, which is ln 2. What else is true?",
            (
                Option(
                    "Its perplexity is 2, and it pays 1 bit per token.",
                    "e^0.693 = 2, and 0.693 / ln 2 = 1. It is as unsure as somebody who chooses between "
                    "two equally good tokens each time.",
                    right=True,
                ),
                Option(
                    "Its accuracy is 69.3 %, and it errs in 30.7 % of cases.",
                    "A loss is no share of right guesses. It says how much probability the right token "
                    "got, on the average of logarithms.",
                ),
                Option(
                    "Its perplexity is 0.693, and it pays 2 bits per token.",
                    "The other way round: perplexity is e to the loss in nats, and a bit is ln 2 nats.",
                ),
                Option(
                    "Its right tokens all had a probability of one half.",
                    "It may be so, but half of them with probability 1 and half with 1/4 give the same mean.",
                ),
            ),
        ),
        Question(
            "Why does an 8-gram model predict hardly better than a 5-gram, though it sees three tokens more?",
            (
                Option(
                    "What stands more than four tokens back says hardly anything about the next one.",
                    "It does: who the story is about was said long before. The GPT's curve goes on "
                    "falling there.",
                ),
                Option(
                    "Its table of counts has become too large for the memory, and loses rare entries.",
                    "Only contexts that were seen are kept, and of each length there are no more than "
                    "tokens in the text. Nothing is lost.",
                ),
                Option(
                    "Many of its contexts of seven tokens were never seen, and there it falls back on "
                    "shorter ones.",
                    "What it falls back on are the short contexts that the 5-gram knows too, and so both "
                    "say about the same.",
                    right=True,
                ),
                Option(
                    "It forgets the beginning of its context while it reads on, as a recurrent network does.",
                    "An n-gram compares its context exactly, and that is its trouble: one strange token, "
                    "and nothing is found.",
                ),
            ),
        ),
        Question(
            "' Monday' and ' Friday' get similar vectors. Why?",
            (
                Option(
                    "The table starts out with words of one kind side by side, and training keeps them "
                    "there.",
                    "It starts with random numbers, and the ids of the two are just numbers as well.",
                ),
                Option(
                    "They stand in similar places: what helps to predict around one helps around the other.",
                    "The gradients that arrive at both rows push them in the same directions. Nobody "
                    "tells the model what a day is.",
                    right=True,
                ),
                Option(
                    "They share the letters *day*, from which the model sees that they belong together.",
                    "The model does not see letters, only ids. To it, ' Monday' and ' monkey' have "
                    "nothing in common.",
                ),
                Option(
                    "They often stand next to each other, so that their vectors are pulled together.",
                    "They hardly ever do. What matters is that they stand next to the *same others*.",
                ),
            ),
        ),
        Question(
            "A plain recurrent network does not learn to use a token 50 places back. What is in its way?",
            (
                Option(
                    "It looks at the last token alone, and can't carry others along.",
                    "Its state carries earlier ones along; it could remember, if it learned to.",
                ),
                Option(
                    "It has other weights at each place, and those far back are trained too seldom.",
                    "They are the same at every place. That is what makes it recurrent.",
                ),
                Option(
                    "Its table of positions ends, and what lies beyond has no place of its own.",
                    "It has none: it reads token by token, and so the order is in its steps.",
                ),
                Option(
                    "The gradient goes through 50 steps, and is almost gone when it arrives.",
                    "It is multiplied at every step, mostly by something below 1. What gets no gradient "
                    "is not learned. Gates help; attention makes the way back one step long.",
                    right=True,
                ),
            ),
        ),
        Question(
            "On validation text, your model's loss is clearly below the entropy floor. What do you conclude?",
            (
                Option(
                    "The model predicts better than the world that wrote the text.",
                    "On average nothing can be: the floor is what the choices of the text themselves cost.",
                ),
                Option(
                    "The model has seen its targets: something is wrong.",
                    "Perhaps the targets were not shifted, or the validation text was in the training "
                    "text. A floor catches what would otherwise look like a triumph.",
                    right=True,
                ),
                Option(
                    "The model stopped too early, and needs more training.",
                    "A longer training lowers the loss further. It can't be what is wrong with a loss "
                    "that is too low.",
                ),
                Option(
                    "The floor is that of another model, and must be renewed.",
                    "The floor is a property of the text and of how it is cut into tokens. Models don't "
                    "come into it.",
                ),
            ),
        ),
    ),
)
