"""The exercise on the draw: a die picks one of the tokens."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from course_lib.exercises import Case, Draw, Exercise, Forbidden, Mistake, Property
from course_lib.generation.exercises.shared import INFINITY, Tensor, drawn_logits, logits_of, random, turned


def _draw(logits: Tensor, dice: Tensor) -> Tensor:
    """One id per row, each with its probability: logits (B, V), dice (B,) in [0, 1) -> ids (B,)."""
    heights = logits.softmax(-1).cumsum(-1)  # where each token's stretch of the line ends
    places = dice[:, None] * heights[:, -1:]  # the sum of all may be rounded to a little less than 1
    return (heights <= places).sum(-1)


def _draw_cases() -> list[Case]:
    impossible = torch.tensor([[-INFINITY, 0.0, 0.0], [0.0, -INFINITY, 1.0]])
    few, many = 2 * random(3, 2, seed=31), random(8, 300, seed=38)
    return [
        Case(logits_of(*[[0.2, 0.3, 0.5]] * 3), torch.tensor([0.1, 0.25, 0.9])),
        Case(turned(0.7 * random(5, 7, seed=37)), torch.tensor([0.03, 0.35, 0.52, 0.71, 0.97])),
        Case(few, torch.tensor([0.9, 0.2, 0.45])),
        Case(few, torch.tensor([0.2, 0.9, 0.95])),
        Case(random(3, 2, seed=39), torch.tensor([0.3, 0.8, 0.6])),
        Case(torch.tensor([[200.0, 201.0, 199.5]]), torch.tensor([0.5])),
        Case(impossible, torch.tensor([0.0, 0.9])),
        Case(logits_of([0.2, 0.3, 0.5], [0.1, 0.6, 0.3]), torch.tensor([0.0, 0.0])),
        Case(torch.zeros(1, 5), torch.tensor([0.5])),
        Case(torch.zeros(3, 4), torch.tensor([0.5, 0.25, 0.75])),
        Case(torch.tensor([[9e-4, 0.0], [0.0, 9e-4]]), torch.tensor([0.5001, 0.4999])),
        Case(logits_of([4e-4, 0.4996, 0.5]), torch.tensor([5e-4])),
        Case(many, _just_past_a_border(many)),
        *_near_the_ends(),
    ]


def _near_the_ends() -> list[Case]:
    """Dice near 0 and near 1, which fall on tokens that nothing else falls on."""
    rare = [3e-5, 4e-4, 0.01]
    logits = logits_of(*[[*rare, 1 - 2 * sum(rare), *rare[::-1]]] * 6)
    return [Case(logits, torch.tensor([1.5e-5, 2e-4, 0.005, 0.995, 0.9998, 0.999985]))]


def _just_past_a_border(logits: Tensor) -> Tensor:
    """For each row a die at the beginning of some token's stretch."""
    ends = logits.double().softmax(-1).cumsum(-1)
    token = (torch.arange(len(logits)) * 37 + 5).remainder(logits.shape[1] - 1)[:, None] + 1
    after, before = ends.gather(-1, token), ends.gather(-1, token - 1)
    return (0.97 * before + 0.03 * after)[:, 0].float()


def _fresh_draw(draw: Draw) -> Case | None:
    B = draw.integer(1, 4)
    if draw.choose((False, False, True)):  # 1, 2, 4 or 8 equal tokens: dice can fall exactly on a border
        V = draw.choose((2, 4, 8, 1))
        logits = torch.full((B, V + draw.integer(0, 2)), -INFINITY)
        for row in logits:
            row[draw.shuffled(range(len(row)))[:V]] = 0.0
        return Case(logits, torch.tensor([draw.integer(0, 7) / 8 for _ in range(B)]))
    logits = drawn_logits(draw, B, draw.integer(1, 9))
    dice = torch.tensor([draw.real(0.0, 0.999) for _ in range(B)])
    return Case(logits, dice) if _is_clear(logits, dice) else None


def _is_clear(logits: Tensor, dice: Tensor) -> bool:
    """Whether no die lies so near to a border that rounding decides."""
    ends = logits.double().softmax(-1).cumsum(-1)
    never = (ends == 0) & (dice[:, None] == 0)
    return bool((never | ((ends - dice[:, None]).abs() > 1e-5)).all())


def _heights(logits: Tensor) -> Tensor:
    return logits.softmax(-1).cumsum(-1)


def _hit(ends: Tensor, dice: Tensor) -> Tensor:
    """The first of the ends that is above each row's die; the last one where none is."""
    return (ends <= dice[:, None]).sum(-1).clamp(max=ends.shape[-1] - 1)


def _by_rank(logits: Tensor, dice: Tensor) -> tuple[Tensor, Tensor]:
    """The place in the sorted row where the die falls, and the order of the tokens."""
    probabilities, order = logits.softmax(-1).sort(descending=True)
    return (probabilities.cumsum(-1) <= dice[:, None]).sum(-1), order


def _likeliest_first(logits: Tensor, dice: Tensor) -> Tensor:
    rank, order = _by_rank(logits, dice)
    return order.gather(-1, rank[:, None])[:, 0]


def _as_often_as_likely(answer: Callable[..., Tensor]) -> bool | str:
    """A thousand dice, spread evenly: each token turns up as often as its probability says."""
    logits, n = random(1, 5, seed=32), 1000
    dice = (torch.arange(n) + 0.5) / n
    ids = torch.as_tensor(answer(logits.expand(n, 5).clone(), dice))
    counts = F.one_hot(ids.long().reshape(-1), 5).sum(0)
    return bool(((counts / n - logits.softmax(-1)[0]).abs() < 2 / n).all())


def _the_highest_die(answer: Callable[..., Tensor]) -> bool | str:
    """Even where rounded sums end below 1, the highest die gives a token, the last."""
    logits = random(4, 300, seed=288)
    logits[:, -1] = 3.0
    ids = torch.as_tensor(answer(logits, torch.full((4,), 1 - 2**-24))).reshape(-1).tolist()
    wrong = next((id for id in ids if id != 299), None)
    return True if wrong is None else f"With 300 tokens, the die 0.99999994 gives the id {wrong}, not 299."


draw = Exercise(
    name="draw",
    topic="generation",
    title="Drawing a token",
    difficulty="medium",
    minutes=10,
    reference=_draw,
    differentiable=False,
    cases=_draw_cases,
    fresh=_fresh_draw,
    properties=(
        Property("fairness", _as_often_as_likely, "each token comes as often as its probability says"),
        Property("the highest die", _the_highest_die, "even the highest die falls on the last token"),
    ),
    forbidden=(
        Forbidden(
            ("multinomial", "Categorical"),
            "It throws a die of its own. Here the dice are given: find the token that each of them falls on.",
        ),
    ),
    hints=(
        "Lay the probabilities 0.2, 0.3, 0.5 end to end: the stretches end at 0.2, 0.5 and 1. On whose "
        "stretch does the die 0.25 fall?",
        "`logits.softmax(-1).cumsum(-1)` are the ends. The token's id is the number of stretches that the "
        "die has left behind.",
        "A comparison with `dice[:, None]`, one die per row as a column, gives (B, V). Counting the True "
        "ones of a row is `.sum(-1)`. And where rounding lets the last end fall below a very high die? "
        "Multiplied by that end, `heights[:, -1:]`, all dice stay on the line.",
    ),
    explanation=(
        "The ends of the stretches rise along the row. Those at or below the die belong to tokens that it "
        "has passed, and their number is the id of the next one. A token of probability p has a stretch of "
        "length p, so it is hit with probability p; a token that was ruled out has none, and is never hit, "
        "not even by the die 0.\n\n"
        "Sums of rounded numbers may end at 0.9999999. Multiplied by that end, even the highest die falls "
        "on the line. `torch.searchsorted(heights, places, right=True)` counts faster; `torch.multinomial` "
        "throws its own die."
    ),
    mistakes=(
        Mistake(
            "always the likeliest token",
            lambda logits, dice: logits.argmax(-1),
            "That is greedy: the die is not used at all.",
        ),
        *(
            Mistake(
                "the softmax is left out",
                wrong,
                "Logits are no probabilities: they can be negative, and don't sum to 1. Take the softmax "
                "first.",
            )
            for wrong in (
                lambda logits, dice: (logits.cumsum(-1) <= dice[:, None]).sum(-1),
                lambda logits, dice: (logits.cumsum(-1) < dice[:, None]).sum(-1),
                lambda logits, dice: _hit(logits.cumsum(-1), dice),
                lambda logits, dice: (logits.cumsum(-1) <= dice[:, None] * logits.sum(-1, True)).sum(-1),
                lambda logits, dice: (logits.cumsum(-1) > dice[:, None]).int().argmax(-1),
                lambda logits, dice: torch.searchsorted(logits.cumsum(-1), dice[:, None], right=True)[:, 0],
            )
        ),
        *(
            Mistake(
                "the softmax is not finished",
                wrong,
                "`exp` makes the logits positive, but the stretches must also be 1 long together: divide by "
                "their sum, which is what the softmax does.",
            )
            for wrong in (
                lambda logits, dice: (logits.exp().cumsum(-1) <= dice[:, None]).sum(-1),
                lambda logits, dice: _hit(logits.exp().cumsum(-1), dice),
            )
        ),
        *(
            Mistake(
                "the highest die falls off the end",
                wrong,
                "Sums of rounded numbers may end at 0.9999999, and a die above that lies on no token's "
                "stretch: a count then gives V, which is no id, and `argmax` gives 0. Multiply the dice by "
                "the last end, `heights[:, -1:]`, and they stay on the line.",
            )
            for wrong in (
                lambda logits, dice: (_heights(logits) <= dice[:, None]).sum(-1),
                lambda logits, dice: (_heights(logits) > dice[:, None]).int().argmax(-1),
            )
        ),
        Mistake(
            "the probabilities are not laid end to end",
            lambda logits, dice: (logits.softmax(-1) <= dice[:, None]).sum(-1),
            "You compare the die with each probability by itself. Where a stretch ends depends on all before "
            "it: `cumsum(-1)`.",
        ),
        Mistake(
            "the first token that is more likely than the die is high",
            lambda logits, dice: (logits.softmax(-1) > dice[:, None]).int().argmax(-1),
            "You compare the die with each probability by itself. Where a stretch ends depends on all before "
            "it: `cumsum(-1)`.",
        ),
        Mistake(
            "all tokens are equally likely",
            lambda logits, dice: (dice * logits.shape[-1]).long(),
            "The die is cut into V equal parts. A token's part must be as long as its probability.",
        ),
        Mistake(
            "the next token after the one that was hit",
            lambda logits, dice: (_heights(logits) <= dice[:, None]).sum(-1) + 1,
            "If the die has passed no stretch, it lies on that of token 0. The count is the id, without + 1.",
        ),
        Mistake(
            "the token before the one that was hit",
            lambda logits, dice: (_heights(logits) <= dice[:, None]).sum(-1) - 1,
            "If the die has passed one stretch, it lies on that of token 1. The count is the id, without - "
            "1.",
        ),
        Mistake(
            "the end that is nearest to the die",
            lambda logits, dice: (_heights(logits) - dice[:, None]).abs().argmin(-1),
            "The die lies on the stretch that ends *after* it, even where the end before it is nearer.",
        ),
        Mistake(
            "an impossible token can be hit by the die 0",
            lambda logits, dice: (_heights(logits) < dice[:, None]).sum(-1),
            "If token 0 is ruled out, its stretch ends at 0 and has no length. The die 0 must count it as "
            "passed: `<=` (in `searchsorted`, `right=True`).",
        ),
        Mistake(
            "the place in the sorted row instead of the id",
            lambda logits, dice: _by_rank(logits, dice)[0],
            "After sorting, place 0 is the likeliest token, not token 0. No sorting is needed here.",
        ),
        Mistake(
            "the likeliest token lies first",
            _likeliest_first,
            "A fair draw too, but by another arrangement: here the tokens lie in the order of their ids, so "
            "that the same dice give everybody the same text. No sorting is needed.",
        ),
        Mistake(
            "one die for all rows",
            lambda logits, dice: (_heights(logits) <= dice[0]).sum(-1),
            "Each row has a die of its own: `dice[:, None]` puts them into a column.",
        ),
        Mistake(
            "the first row's tokens for all rows",
            lambda logits, dice: _draw(logits[:1].expand_as(logits), dice),
            "Each row has probabilities of its own, so borders of its own: keep the axis B, and sum along "
            "the last one.",
        ),
        Mistake(
            "the dice lie along the vocabulary",
            lambda logits, dice: (_heights(logits) <= dice).sum(-1),
            "(B, V) compared with (B,) puts one die under each *token* (or fails, if B isn't V). One die per "
            "row is a column: `dice[:, None]`.",
        ),
        *(
            Mistake(
                "the softmax runs over the rows",
                wrong,
                "Each row is the distribution of one text: `softmax(-1)`.",
            )
            for wrong in (
                lambda logits, dice: (logits.softmax(0).cumsum(-1) <= dice[:, None]).sum(-1),
                lambda logits, dice: _hit(logits.softmax(0).cumsum(-1), dice),
            )
        ),
        Mistake(
            "the ids come as a column",
            lambda logits, dice: _draw(logits, dice)[:, None],
            "The tokens are right, and the shape should be (B,), not (B, 1).",
        ),
        Mistake(
            "the numbers are floats",
            lambda logits, dice: _draw(logits, dice).float(),
            "The tokens are right. But an id is a whole number, or nothing can be looked up with it: "
            "`.long()`.",
        ),
        Mistake(
            "the token's probability instead of its id",
            lambda logits, dice: logits.softmax(-1).gather(-1, _draw(logits, dice)[:, None])[:, 0],
            "The id is wanted: a whole number from 0 to V - 1.",
        ),
    ),
)
