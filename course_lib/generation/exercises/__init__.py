"""Exercises and quiz of notebook 06: reshaping a distribution, the draw, the loop, beams, the cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from course_lib.exercises import Case, Exercise, Mistake, Option, Property, Question, Quiz

Tensor = torch.Tensor
INFINITY = math.inf


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _logits_of(*rows: list[float]) -> Tensor:
    """Logits whose softmax is the given rows of probabilities."""
    return torch.tensor(rows).log()


# Temperature ----------------------------------------------------------------------------------------------


def _temperature(logits: Tensor, value: float) -> Tensor:
    """Sharper below 1, flatter above 1: logits (B, V) -> (B, V)."""
    return logits / value


def _temperature_cases() -> list[Case]:
    return [
        Case(torch.tensor([[1.0, 3.0]]), 0.5),
        Case(_random(2, 5, seed=1), 2.0),
        Case(3 * _random(3, 7, seed=2), 0.7),
        Case(torch.tensor([[2.0, -INFINITY, -1.0]]), 0.25),
        Case(_random(2, 3, seed=3), 1.0),
    ]


def _divided_in_place(logits: Tensor, value: float) -> Tensor:
    logits /= value
    return logits


temperature = Exercise(
    name="temperature",
    topic="generation",
    title="Temperature",
    difficulty="easy",
    minutes=5,
    reference=_temperature,
    differentiable=False,
    cases=_temperature_cases,
    hints=(
        "What counts in a softmax are the differences between logits. A low temperature must make them "
        "larger.",
        "At half the temperature, differences are twice as large. Which operation does that?",
    ),
    explanation=(
        "A difference of 2 between two logits is a ratio of e² between their probabilities. Divided by a "
        "temperature of 0.5 it is 4, and the ratio e⁴: the likely tokens gain. Divided by 2 it is 1, and the "
        "ratio e: the unlikely ones gain. The order of the tokens stays, and none is ruled out.\n\n"
        "What comes back are logits still, so that top-k, top-p and the draw can follow."
    ),
    mistakes=(
        Mistake(
            "multiplied instead of divided",
            lambda logits, value: logits * value,
            "Then a temperature below 1 flattens and one above 1 sharpens: the wrong way round. Divide.",
        ),
        Mistake(
            "it gives probabilities",
            lambda logits, value: (logits / value).softmax(-1),
            "The division is right. Stop there: what follows (top-k, top-p, the draw) expects logits and "
            "takes the softmax itself.",
        ),
        Mistake(
            "the probabilities are divided",
            lambda logits, value: logits.softmax(-1) / value,
            "All probabilities get the same factor, so none gains on another, and they don't sum to 1 any "
            "more. Divide the logits.",
        ),
        Mistake(
            "log-probabilities instead of logits",
            lambda logits, value: (logits / value).log_softmax(-1),
            "They give the same probabilities, so nothing would break. But the task is only to divide: give "
            "back `logits / value` as it is.",
        ),
        Mistake(
            "the logits are made log-probabilities first",
            lambda logits, value: logits.log_softmax(-1) / value,
            "They give the same probabilities, so nothing would break. But there is no need: divide the "
            "logits as they come.",
        ),
        Mistake(
            "the power is taken of the probabilities",
            lambda logits, value: logits.softmax(-1) ** (1 / value),
            "p^(1/T) is what a temperature does to a probability, before all are made to sum to 1. To a "
            "logit, which is a logarithm, it does something simpler: a division.",
        ),
        Mistake(
            "a power of the logits",
            lambda logits, value: logits ** (1 / value),
            "The power belongs to probabilities. Logits are logarithms (and often negative): there the power "
            "becomes a division.",
        ),
        Mistake(
            "nothing is changed",
            lambda logits, value: 1 * logits,
            "`value` is not used yet.",
        ),
        Mistake(
            "the logits are divided in place",
            _divided_in_place,
            "`logits /= value` writes into the caller's tensor. `logits / value` makes a new one.",
        ),
    ),
)


# Top-k ----------------------------------------------------------------------------------------------------


def _top_k(logits: Tensor, k: int) -> Tensor:
    """Rule out (with -inf) all but the k largest logits of each row: (B, V) -> (B, V)."""
    last_kept = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < last_kept, -math.inf)


def _top_k_cases() -> list[Case]:
    ties = torch.tensor([[2.0, 1.0, 2.0, 0.0, 1.0], [1.0, 3.0, 0.0, -1.0, 5.0]])
    return [
        Case(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2),
        Case(_random(3, 7, seed=10), 3),
        Case(_random(5, 3, seed=11), 1),
        Case(ties, 3),
        Case(_random(2, 3, seed=12), 5),
    ]


def _last_kept(logits: Tensor, k: int) -> Tensor:
    return logits.topk(max(1, min(k, logits.shape[-1]))).values[:, -1:]


def _exactly_k(logits: Tensor, k: int) -> Tensor:
    best = logits.topk(min(k, logits.shape[-1]))
    return torch.full_like(logits, -INFINITY).scatter(-1, best.indices, best.values)


def _k_of_all(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < logits.flatten().topk(min(k, logits.numel())).values[-1], -INFINITY)


def _k_smallest(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(-logits < _last_kept(-logits, k), -INFINITY)


def _sorted_top_k(logits: Tensor, k: int) -> Tensor:
    ordered = logits.sort(descending=True).values
    return ordered.masked_fill(torch.arange(logits.shape[-1]) >= k, -INFINITY)


def _top_k_unlimited(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < logits.topk(k).values[:, -1:], -INFINITY)


def _top_k_in_place(logits: Tensor, k: int) -> Tensor:
    logits[logits < _last_kept(logits, k)] = -INFINITY
    return logits


top_k = Exercise(
    name="top_k",
    topic="generation",
    title="Top-k",
    difficulty="easy",
    minutes=8,
    reference=_top_k,
    differentiable=False,
    cases=_top_k_cases,
    hints=(
        "If you knew each row's k-th largest logit, a comparison would say which tokens go.",
        "`logits.topk(k).values` has the shape (B, k), largest first. `[:, -1:]` is its last column, kept "
        "as a column. (`topk` fails if k is larger than V.)",
        "`logits.masked_fill(mask, -math.inf)` puts minus infinity where the mask is True.",
    ),
    explanation=(
        "The k-th largest logit of a row is the bar: what lies below it goes, what reaches it stays, also a "
        "tie with it. Minus infinity gives the probability 0, and the softmax shares out its part among the "
        "rest. If k is larger than the vocabulary, `min` sees to it that all stay."
    ),
    mistakes=(
        Mistake(
            "the others get the logit 0",
            lambda logits, k: logits.masked_fill(logits < _last_kept(logits, k), 0.0),
            "The logit 0 is not the probability 0: e^0 is 1. Minus infinity rules a token out.",
        ),
        Mistake(
            "the k largest of all rows together",
            _k_of_all,
            "Each row is a text of its own and keeps k tokens of its own: `topk` along the last axis.",
        ),
        Mistake(
            "the bar of the first row for all rows",
            lambda logits, k: logits.masked_fill(logits < _last_kept(logits, k)[0], -INFINITY),
            "Each row has its own k-th largest: keep the bars as a column (B, 1), with `[:, -1:]`.",
        ),
        Mistake(
            "only the k values are given back",
            lambda logits, k: logits.topk(min(k, logits.shape[-1])).values,
            "The result must have a place for every token, (B, V), or nobody knows which tokens these are.",
        ),
        Mistake(
            "the ids are given back",
            lambda logits, k: logits.topk(min(k, logits.shape[-1])).indices,
            "Logits are wanted: those of these ids as they were, minus infinity for all others.",
        ),
        Mistake(
            "the logits come back in another order",
            _sorted_top_k,
            "Place v belongs to token v. A sorted row gives every logit to a wrong token.",
        ),
        Mistake(
            "the last one kept is lost",
            lambda logits, k: logits.masked_fill(logits <= _last_kept(logits, k), -INFINITY),
            "The k-th largest is one of the k. Rule out what is *below* it: `<`, not `<=`.",
        ),
        Mistake(
            "one token too many",
            lambda logits, k: _top_k(logits, k + 1),
            "The bar is the k-th largest: column k - 1, or -1, of `topk(k)`.",
        ),
        Mistake(
            "one of two equal tokens is dropped",
            _exactly_k,
            "Which of two equally likely tokens goes would be arbitrary. Compare with the k-th largest value "
            "instead of using its place, and ties stay.",
        ),
        Mistake(
            "the smallest are kept",
            _k_smallest,
            "Rule out what is smaller than the bar, not what is larger.",
        ),
        Mistake(
            "it gives probabilities",
            lambda logits, k: _top_k(logits, k).softmax(-1),
            "What follows expects logits and takes the softmax itself.",
        ),
        Mistake(
            "it fails where k is larger than the vocabulary",
            _top_k_unlimited,
            "`topk(5)` of three tokens fails. There, all three should stay: `min(k, logits.shape[-1])`.",
        ),
        Mistake(
            "the logits are changed in place",
            _top_k_in_place,
            "Somebody may still need them as they were. `masked_fill` makes a new tensor.",
        ),
    ),
)


# Top-p ----------------------------------------------------------------------------------------------------


def _top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the fewest likeliest tokens whose probabilities reach p together: logits (B, V) -> (B, V)."""
    likeliest, order = logits.softmax(-1).sort(descending=True)
    before = likeliest.cumsum(-1) - likeliest  # what the tokens that are likelier have together
    needless = before >= p
    needless[:, 0] = False
    return logits.masked_fill(needless.scatter(-1, order, needless), -math.inf)


def _top_p_cases() -> list[Case]:
    return [
        Case(_logits_of([0.2, 0.5, 0.3]), 0.6),
        Case(2 * _random(3, 7, seed=20), 0.8),
        Case(_logits_of([0.05, 0.02, 0.9, 0.01, 0.02], [0.18, 0.23, 0.17, 0.2, 0.22]), 0.5),
        Case(_random(2, 5, seed=21), 0.01),
        Case(_random(2, 3, seed=22) + 7, 1.0),
        Case(_random(3, 5, seed=24), 0.0),
        Case(torch.tensor([[1.0, -INFINITY, 2.0, 0.5, -INFINITY]]), 0.7),
    ]


def _nucleus(
    logits: Tensor, drop: Callable[[Tensor, Tensor], Tensor], descending: bool = True, first: bool = False
) -> Tensor:
    """Top-p with another rule: `drop` sees the sums up to and including each token, and its probability."""
    probabilities, order = logits.softmax(-1).sort(descending=descending)
    needless = drop(probabilities.cumsum(-1), probabilities)
    if first:
        needless[:, 0] = False
    return logits.masked_fill(needless.scatter(-1, order, needless), -INFINITY)


def _by_each(logits: Tensor, bar: Callable[[Tensor], Tensor | float]) -> Tensor:
    """Each probability compared with a bar of its own row."""
    probabilities = logits.softmax(-1)
    return logits.masked_fill(probabilities < bar(probabilities), -INFINITY)


def _needless(logits: Tensor, p: float) -> tuple[Tensor, Tensor]:
    """Which places of the sorted row go, and the order of the tokens."""
    likeliest, order = logits.softmax(-1).sort(descending=True)
    return likeliest.cumsum(-1) - likeliest >= p, order


def _order_not_undone(logits: Tensor, p: float) -> Tensor:
    return logits.masked_fill(_needless(logits, p)[0], -INFINITY)


def _order_undone_wrongly(logits: Tensor, p: float) -> Tensor:
    needless, order = _needless(logits, p)
    return logits.masked_fill(needless.gather(-1, order), -INFINITY)


def _sorted_top_p(logits: Tensor, p: float) -> Tensor:
    return logits.sort(descending=True).values.masked_fill(_needless(logits, p)[0], -INFINITY)


def _not_sorted(logits: Tensor, p: float) -> Tensor:
    probabilities = logits.softmax(-1)
    return logits.masked_fill(probabilities.cumsum(-1) - probabilities >= p, -INFINITY)


def _no_softmax(logits: Tensor, p: float) -> Tensor:
    largest, order = logits.sort(descending=True)
    needless = largest.cumsum(-1) - largest >= p
    return logits.masked_fill(needless.scatter(-1, order, needless), -INFINITY)


def _top_p_in_place(logits: Tensor, p: float) -> Tensor:
    logits[_top_p(logits, p) == -INFINITY] = -INFINITY
    return logits


def _reaches_p(answer: Callable[..., Tensor]) -> bool | str:
    """What is kept reaches p, and would not without its least likely token."""
    logits = 3 * _random(5, 7, seed=23)
    probabilities = logits.softmax(-1)
    for p in (0.3, 0.6, 0.95):
        kept = answer(logits.clone(), p) > -INFINITY
        together = (probabilities * kept).sum(-1)
        least = probabilities.masked_fill(~kept, INFINITY).amin(-1)
        if not bool((together >= p - 1e-5).all()):
            return f"For p = {p}, what is kept does not reach p in every row."
        if not bool((together - least < p).all()):
            return f"For p = {p}, a smaller set would do in some row."
    return True


top_p = Exercise(
    name="top_p",
    topic="generation",
    title="Top-p",
    difficulty="hard",
    minutes=15,
    reference=_top_p,
    differentiable=False,
    cases=_top_p_cases,
    properties=(
        Property("the nucleus", _reaches_p, "the tokens that are kept are the fewest that reach p together"),
    ),
    hints=(
        "Sort the probabilities of a row, the largest first. Go along and add up. A token is needed as long "
        "as those *before* it have not reached p.",
        "`likeliest, order = logits.softmax(-1).sort(descending=True)`. `likeliest.cumsum(-1)` counts each "
        "token itself too: take `likeliest` away again, and it is the sum before it.",
        "Your mask is in the sorted order: its place i belongs to token `order[i]`. `mask.scatter(-1, order, "
        "mask)` brings it back to the order of the vocabulary.",
    ),
    explanation=(
        "A token is needed while the likelier ones have not reached p. So the one that crosses p is kept, "
        "and at least one always is. The mask was found in sorted order; `scatter` writes its entry i to "
        "the place of the token that came i-th.\n\n"
        "Where the model is sure, one or two tokens reach p; where it is not, many are needed. That is what "
        "top-k can't do (Holtzman and others 2020, section 3.1)."
    ),
    mistakes=(
        Mistake(
            "the token that crosses p is dropped",
            lambda logits, p: _nucleus(logits, lambda sums, each: sums > p),
            "Then what is kept does not *reach* p, and where the likeliest token alone has more than p, "
            "nothing is left. Compare p with the sum *before* each token.",
        ),
        Mistake(
            "the token that crosses p is dropped, unless it is the first",
            lambda logits, p: _nucleus(logits, lambda sums, each: sums > p, first=True),
            "Rescuing the likeliest token is not enough: the one that crosses p belongs to the set too. "
            "Compare p with the sum *before* each token.",
        ),
        Mistake(
            "with p = 0 nothing is left",
            lambda logits, p: _nucleus(logits, lambda sums, each: sums - each >= p),
            "Nothing stands before the likeliest token, and 0 >= 0: so it goes too. It must always stay: "
            "`needless[:, 0] = False`.",
        ),
        Mistake(
            "one token too many",
            lambda logits, p: _nucleus(logits, lambda sums, each: (sums - each).roll(1, -1) >= p, first=True),
            "The set is complete with the token that crosses p; yours has one more. Has the mask been moved "
            "by one place twice?",
        ),
        Mistake(
            "the mask stays in sorted order",
            _order_not_undone,
            "Place 0 of your mask belongs to the likeliest token, place 0 of `logits` to token 0. Bring the "
            "mask back: `mask.scatter(-1, order, mask)`.",
        ),
        Mistake(
            "the order is undone the wrong way",
            _order_undone_wrongly,
            "`gather` with `order` *reads* at the places in `order`: it would sort once more. You want to "
            "*write* there: `scatter`. (Or gather with `order.argsort(-1)`.)",
        ),
        Mistake(
            "the logits come back sorted",
            _sorted_top_p,
            "Place v belongs to token v. Bring the result back to the order of the vocabulary.",
        ),
        Mistake(
            "nothing is sorted",
            _not_sorted,
            "You add up in the order of the vocabulary, so token 0 is always kept, however unlikely. Begin "
            "with the likeliest.",
        ),
        Mistake(
            "sorted from the unlikely end",
            lambda logits, p: _nucleus(logits, lambda sums, each: sums - each >= p, descending=False),
            "`sort()` puts the smallest first, so you keep the unlikely tokens: `sort(descending=True)`.",
        ),
        Mistake(
            "from the unlikely end, p is compared where 1 - p belongs",
            lambda logits, p: _nucleus(logits, lambda sums, each: sums <= p, descending=False),
            "Coming from the unlikely end is a good way too. But what may go there is 1 - p together: "
            "`sums <= 1 - p`.",
        ),
        Mistake(
            "each probability by itself is compared with p",
            lambda logits, p: _by_each(logits, lambda probabilities: p),
            "It is the *sum* of the likeliest tokens that must reach p. Sort, then `cumsum`.",
        ),
        Mistake(
            "each probability by itself is compared with 1 - p",
            lambda logits, p: _by_each(logits, lambda probabilities: 1 - p),
            "It is the *sum* of the likeliest tokens that must reach p. Sort, then `cumsum`.",
        ),
        Mistake(
            "min-p instead of top-p",
            lambda logits, p: _by_each(logits, lambda all_: p * all_.amax(-1, keepdim=True)),
            "A token at least p times as likely as the likeliest: a good rule, and younger than this one. "
            "Top-p adds the probabilities up.",
        ),
        Mistake(
            "the logits are added up, not the probabilities",
            _no_softmax,
            "p is a probability, so take the softmax before you sort and add.",
        ),
        Mistake(
            "the others get the logit 0",
            lambda logits, p: _top_p(logits, p).masked_fill(_top_p(logits, p) == -INFINITY, 0.0),
            "The logit 0 is not the probability 0: e^0 is 1. Minus infinity rules a token out.",
        ),
        Mistake(
            "it gives probabilities",
            lambda logits, p: _top_p(logits, p).softmax(-1),
            "The set is right. Give back the logits of its tokens; the draw takes the softmax itself.",
        ),
        Mistake(
            "the logits are changed in place",
            _top_p_in_place,
            "Somebody may still need them as they were. `masked_fill` makes a new tensor.",
        ),
    ),
)


# The draw -------------------------------------------------------------------------------------------------


def _draw(logits: Tensor, dice: Tensor) -> Tensor:
    """One id per row, each with its probability: logits (B, V), dice (B,) in [0, 1) -> ids (B,)."""
    heights = logits.softmax(-1).cumsum(-1)  # where each token's stretch of the line ends
    places = dice[:, None] * heights[:, -1:]  # the sum of all may be rounded to a little less than 1
    return (heights <= places).sum(-1)


def _draw_cases() -> list[Case]:
    impossible = torch.tensor([[-INFINITY, 0.0, 0.0], [0.0, -INFINITY, 1.0]])
    return [
        Case(_logits_of(*[[0.2, 0.3, 0.5]] * 3), torch.tensor([0.1, 0.25, 0.9])),
        Case(0.7 * _random(5, 7, seed=37), torch.tensor([0.03, 0.35, 0.52, 0.71, 0.97])),
        Case(2 * _random(3, 2, seed=31), torch.tensor([0.9, 0.2, 0.45])),
        Case(impossible, torch.tensor([0.0, 0.9])),
        Case(torch.zeros(1, 5), torch.tensor([0.5])),
    ]


def _heights(logits: Tensor) -> Tensor:
    return logits.softmax(-1).cumsum(-1)


def _by_rank(logits: Tensor, dice: Tensor) -> tuple[Tensor, Tensor]:
    """The place in the sorted row where the die falls, and the order of the tokens."""
    probabilities, order = logits.softmax(-1).sort(descending=True)
    return (probabilities.cumsum(-1) <= dice[:, None]).sum(-1), order


def _likeliest_first(logits: Tensor, dice: Tensor) -> Tensor:
    rank, order = _by_rank(logits, dice)
    return order.gather(-1, rank[:, None])[:, 0]


def _as_often_as_likely(answer: Callable[..., Tensor]) -> bool | str:
    """A thousand dice, spread evenly: each token turns up as often as its probability says."""
    logits, n = _random(1, 5, seed=32), 1000
    dice = (torch.arange(n) + 0.5) / n
    ids = answer(logits.expand(n, 5).clone(), dice)
    counts = F.one_hot(ids.long().reshape(-1), 5).sum(0)
    return bool(((counts / n - logits.softmax(-1)[0]).abs() < 2 / n).all())


draw = Exercise(
    name="draw",
    topic="generation",
    title="Drawing a token",
    difficulty="medium",
    minutes=10,
    reference=_draw,
    cases=_draw_cases,
    properties=(
        Property("fairness", _as_often_as_likely, "each token comes as often as its probability says"),
    ),
    hints=(
        "Lay the probabilities 0.2, 0.3, 0.5 end to end: the stretches end at 0.2, 0.5 and 1. On whose "
        "stretch does the die 0.25 fall?",
        "`logits.softmax(-1).cumsum(-1)` are the ends. The token's id is the number of stretches that the "
        "die has left behind.",
        "A comparison with `dice[:, None]`, one die per row as a column, gives (B, V). Counting the True "
        "ones of a row is `.sum(-1)`.",
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
        Mistake(
            "the softmax is left out",
            lambda logits, dice: (logits.cumsum(-1) <= dice[:, None]).sum(-1),
            "Logits are no probabilities: they can be negative, and don't sum to 1. Take the softmax first.",
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
            "the dice lie along the vocabulary",
            lambda logits, dice: (_heights(logits) <= dice).sum(-1),
            "(B, V) compared with (B,) puts one die under each *token* (or fails, if B isn't V). One die per "
            "row is a column: `dice[:, None]`.",
        ),
        Mistake(
            "the softmax runs over the rows",
            lambda logits, dice: (logits.softmax(0).cumsum(-1) <= dice[:, None]).sum(-1),
            "Each row is the distribution of one text: `softmax(-1)`.",
        ),
        Mistake(
            "the ids come as a column",
            lambda logits, dice: _draw(logits, dice)[:, None],
            "The tokens are right, and the shape should be (B,), not (B, 1).",
        ),
        Mistake(
            "the token's probability instead of its id",
            lambda logits, dice: logits.softmax(-1).gather(-1, _draw(logits, dice)[:, None])[:, 0],
            "The id is wanted: a whole number from 0 to V - 1.",
        ),
    ),
)


# The loop -------------------------------------------------------------------------------------------------


def _generate(
    model: Callable,
    ids: list[int],
    max_new_tokens: int,
    context_length: int,
    choose: Callable,
    stop: int | None,
) -> list[int]:
    """The prompt and what the model writes after it, up to `max_new_tokens` ids or the id `stop`."""
    text = list(ids)
    for _ in range(max_new_tokens):
        seen = torch.tensor([text[-context_length:]])  # (1, T)
        token = int(choose(model(seen)[:, -1]))
        text.append(token)
        if token == stop:
            break
    return text


@dataclass(frozen=True)
class _Named:
    """A function with the name that a learner sees in the call; equal ones compare equal."""

    name: str
    do: Callable[[Tensor], Tensor]

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, x: Tensor) -> Tensor:
        return self.do(x)


def _next_is_the_sum(ids: Tensor) -> Tensor:
    """Logits (1, T, 7): sure that next comes the sum of all ids seen, modulo 7; after that, the one above."""
    if not isinstance(ids, Tensor):
        raise TypeError(f"the model needs a tensor of ids, (1, T), and got a {type(ids).__name__}")
    if ids.ndim != 2:
        raise IndexError(f"the model needs ids of shape (1, T), and got {tuple(ids.shape)}")
    sums = ids.cumsum(1) % 7
    return 5.0 * F.one_hot(sums, 7) + 2.5 * F.one_hot((sums + 1) % 7, 7)


def _chooser(place: int) -> Callable[[Tensor], Tensor]:
    def choose(logits: Tensor) -> Tensor:
        if logits.ndim != 2:
            raise ValueError(f"choose needs logits of shape (1, V), and got {tuple(logits.shape)}")
        return logits.topk(place + 1).indices[:, place]

    return choose


_SUM = _Named("sum_modulo_7", _next_is_the_sum)
_LIKELIEST = _Named("likeliest", _chooser(0))
_SECOND = _Named("second_likeliest", _chooser(1))


def _generate_cases() -> list[Case]:
    return [
        Case(_SUM, [1, 2], 3, 8, _LIKELIEST, None),
        Case(_SUM, [1, 3, 2], 7, 2, _LIKELIEST, None),
        Case(_SUM, [2, 5, 3, 6, 4], 3, 3, _SECOND, 6),
        Case(_SUM, [1, 2], 7, 8, _LIKELIEST, 6),
        Case(_SUM, [3, 4], 5, 3, _LIKELIEST, 0),
        Case(_SUM, [6, 4, 6], 2, 8, _LIKELIEST, 6),
        Case(_SUM, [5], 0, 3, _LIKELIEST, 5),
    ]


def _loop(
    see: Callable[[list[int], int, int], list[int]] = lambda text, prompt, context: text[-context:],
    read: Callable[[Tensor, Callable], Tensor] = lambda logits, choose: choose(logits[:, -1]),
    ends: Callable[[list[int], int | None], bool] = lambda text, stop: text[-1] == stop,
    extra: Callable[[int], int] = lambda prompt: 0,
    give: Callable[[list[int], int, int | None], object] = lambda text, prompt, stop: text,
) -> Callable[..., object]:
    """The loop with one part done in another way."""

    def wrong(
        model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
    ) -> object:
        text, prompt = list(ids), len(ids)
        for _ in range(max_new_tokens + extra(prompt)):
            seen = torch.tensor([see(text, prompt, context_length)])
            text.append(int(read(model(seen), choose).reshape(-1)[0]))
            if ends(text, stop):
                break
        return give(text, prompt, stop)

    return wrong


def _without_batch(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    return _generate(lambda seen: model(seen[0]), ids, max_new_tokens, context_length, choose, stop)


def _as_a_list(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    return _generate(lambda seen: model(seen.tolist()), ids, max_new_tokens, context_length, choose, stop)


def _prompt_lengthened(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    ids += _generate(model, ids, max_new_tokens, context_length, choose, stop)[len(ids) :]
    return ids


def _beginning_forgotten(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    for _ in range(max_new_tokens):
        ids = ids[-context_length:]
        ids = [*ids, int(choose(model(torch.tensor([ids]))[:, -1]))]
        if ids[-1] == stop:
            break
    return ids


def _stops_before(
    model: Callable, ids: list[int], max_new_tokens: int, context_length: int, choose: Callable, stop: int
) -> list[int]:
    text = list(ids)
    while len(text) < len(ids) + max_new_tokens and text[-1] != stop:
        text = _generate(model, text, 1, context_length, choose, None)
    return text


generate = Exercise(
    name="generate",
    topic="generation",
    title="The loop that writes",
    difficulty="medium",
    minutes=15,
    reference=_generate,
    cases=_generate_cases,
    hints=(
        "Make a list of your own from `ids`. Then, up to `max_new_tokens` times: show the model the text, "
        "take what it says about the next id, choose, append. Leave the loop after `stop`.",
        "`text[-context_length:]` is what fits. `torch.tensor([...])` around it, in brackets, has the batch "
        "axis: (1, T).",
        "The model gives (1, T, V): a guess after each id. The one about what comes next is `logits[:, -1]`, "
        "(1, V). `int(choose(...))` makes a plain number of the answer.",
    ),
    explanation=(
        "The model is asked the same question again and again: what comes after this? Each answer becomes a "
        "part of the next question. All but the last position guess at ids that are already there, and are "
        "not needed.\n\n"
        "The text keeps its beginning, though the model sees only the last `context_length` ids of it. "
        "`token == stop` is never true for `stop=None`, and right for id 0 too. What the loop doesn't do is "
        "choose: greedy, top-p, or a person at the keyboard fit in alike."
    ),
    mistakes=(
        Mistake(
            "the whole text is shown to the model",
            _loop(see=lambda text, prompt, context: text),
            "A model has positions for `context_length` ids, no more: show it `text[-context_length:]`.",
        ),
        Mistake(
            "the first ids of the text are shown, not the last",
            _loop(see=lambda text, prompt, context: text[:context]),
            "When the context is full, it is the beginning that must go: `text[-context_length:]`.",
        ),
        Mistake(
            "only the newest id is shown",
            _loop(see=lambda text, prompt, context: text[-1:]),
            "Without a cache the model remembers nothing between two calls. Show it the whole context again.",
        ),
        Mistake(
            "the model is always shown the prompt",
            _loop(see=lambda text, prompt, context: text[:prompt][-context:]),
            "What was just written must be part of the next question, or every answer is the same.",
        ),
        Mistake(
            "one id too few is shown",
            _loop(see=lambda text, prompt, context: text[-context + 1 :]),
            "`context_length` ids fit, and the new one isn't among them yet: `text[-context_length:]`.",
        ),
        Mistake(
            "the guess of the first position is taken",
            _loop(read=lambda logits, choose: choose(logits[:, 0])),
            "The first position says what comes after the *first* id. The last one, `[:, -1]`, says what "
            "comes next.",
        ),
        Mistake(
            "always the likeliest id",
            _loop(read=lambda logits, choose: logits[:, -1].argmax(-1)),
            "How to choose is not the loop's business: call `choose`.",
        ),
        Mistake(
            "only the new ids are given back",
            _loop(give=lambda text, prompt, stop: text[prompt:]),
            "The text begins with the prompt: start from `list(ids)`.",
        ),
        Mistake(
            "the beginning of the text is forgotten",
            _beginning_forgotten,
            "The model sees only the end of the text, but the text itself stays whole. Cut a copy for the "
            "model.",
        ),
        Mistake(
            "the stop is left out of the text",
            _loop(give=lambda text, p, stop: text[:-1] if len(text) > p and text[-1] == stop else text),
            "The stop is a token like others, and part of the text: append first, then look.",
        ),
        Mistake(
            "it does not stop",
            _loop(ends=lambda text, stop: False),
            "After the id `stop` the text is over: leave the loop.",
        ),
        Mistake(
            "the id 0 does not stop",
            _loop(ends=lambda text, stop: bool(stop) and text[-1] == stop),
            "0 counts as false in Python, so `if stop` takes the id 0 for no stop at all. Write "
            "`stop is not None`, or just `token == stop`.",
        ),
        Mistake(
            "a stop in the prompt ends the text",
            _loop(ends=lambda text, stop: stop in text),
            "Only a *new* stop counts: compare the token that was just written.",
        ),
        Mistake(
            "a prompt that ends with the stop is not continued",
            _stops_before,
            "Only a *new* stop counts. (A prompt may well begin after the end of another text.) Look at the "
            "token after it was appended.",
        ),
        Mistake(
            "the prompt counts as new ids",
            _loop(extra=lambda prompt: -prompt),
            "`max_new_tokens` ids come after the prompt, however long that is.",
        ),
        Mistake(
            "one new id too many",
            _loop(extra=lambda prompt: 1),
            "`max_new_tokens` times and no more: `range(max_new_tokens)`. With 0, the prompt comes back.",
        ),
        Mistake(
            "one new id too few",
            _loop(extra=lambda prompt: -1),
            "`range(max_new_tokens)` runs `max_new_tokens` times.",
        ),
        Mistake(
            "choose gets logits of another shape",
            _loop(read=lambda logits, choose: choose(logits)),
            "It needs the last position alone and still the batch axis, (1, V): `logits[:, -1]`.",
        ),
        Mistake(
            "the ids have no batch axis",
            _without_batch,
            "A model takes (B, T), also for one text: `torch.tensor([...])` around the list gives (1, T).",
        ),
        Mistake(
            "the model gets a list",
            _as_a_list,
            "A model takes a tensor of ids, (1, T): `torch.tensor([text[-context_length:]])`.",
        ),
        Mistake(
            "the batch axis is still there",
            _loop(give=lambda text, prompt, stop: torch.tensor([text])),
            "The ids of one text are wanted, as a list: `[0].tolist()` of your tensor.",
        ),
        Mistake(
            "the prompt itself was made longer",
            _prompt_lengthened,
            "The list belongs to the caller, who may want to continue it a second time. Start from "
            "`list(ids)`.",
        ),
    ),
)


# Against repetition ---------------------------------------------------------------------------------------


def _repetition_penalty(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Make the tokens that were seen less likely: logits (B, V), ids (B, T) seen so far -> (B, V)."""
    seen = logits.gather(-1, ids)  # (B, T)
    return logits.scatter(-1, ids, torch.where(seen < 0, seen * penalty, seen / penalty))


def _repetition_cases() -> list[Case]:
    return [
        Case(torch.tensor([[4.0, -1.0, 3.0]]), torch.tensor([[0, 1, 1]]), 2.0),
        Case(2 * _random(2, 5, seed=40), torch.tensor([[3, 0, 3], [1, 4, 2]]), 1.3),
        Case(_random(3, 7, seed=41), torch.tensor([[6, 6], [0, 5], [2, 1]]), 1.5),
        Case(_random(2, 3, seed=42), torch.tensor([[1, 1, 2, 1, 1], [0, 0, 0, 0, 0]]), 0.5),
    ]


def _seen(logits: Tensor, ids: Tensor) -> Tensor:
    """(B, V), True for the tokens that occur in the row's text."""
    return torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)


def _penalised(logits: Tensor, penalty: float) -> Tensor:
    return torch.where(logits < 0, logits * penalty, logits / penalty)


def _where_seen(change: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
    """Another change to the tokens that were seen."""
    return lambda logits, ids, penalty: torch.where(_seen(logits, ids), change(logits, penalty), logits)


def _each_time(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    for place in range(ids.shape[1]):
        logits = _repetition_penalty(logits, ids[:, place : place + 1], penalty)
    return logits


def _by_count(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    return logits - penalty * F.one_hot(ids, logits.shape[-1]).sum(1)


def _all_rows_alike(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    return _repetition_penalty(logits, ids.reshape(1, -1).expand(len(logits), -1), penalty)


def _penalised_in_place(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    return logits.copy_(_repetition_penalty(logits, ids, penalty))


repetition_penalty = Exercise(
    name="repetition_penalty",
    topic="generation",
    title="A penalty for repetition",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_repetition_penalty,
    differentiable=False,
    cases=_repetition_cases,
    hints=(
        "A seen token's logit must become *smaller*. Dividing 4 by 2 does that. Dividing -4 by 2 makes it "
        "larger; what helps there?",
        "`logits.gather(-1, ids)` reads the logits of the seen tokens, (B, T); `logits.scatter(-1, ids, "
        "new)` gives a copy with new ones at their places. In between: `torch.where(condition, a, b)`.",
        "A token that occurs twice is read twice, both times the old logit, and written twice with the same "
        "number. So it is penalised once, as it should be.",
    ),
    explanation=(
        "Positive logits are divided, negative ones multiplied: either way they go down, if the penalty is "
        "above 1. Each token is penalised once, however often it was seen (Keskar and others 2019, section "
        "4.1).\n\n"
        "It is a crude tool. Adding 5 to all logits changes no probability, yet it changes what the penalty "
        "does. And it hits words that a text can't do without, such as *the*."
    ),
    mistakes=(
        Mistake(
            "negative logits are divided too",
            _where_seen(lambda logits, penalty: logits / penalty),
            "-4 divided by 2 is -2: the token becomes *more* likely. Multiply where the logit is negative.",
        ),
        Mistake(
            "positive logits are multiplied, negative ones divided",
            _where_seen(lambda logits, penalty: torch.where(logits < 0, logits / penalty, logits * penalty)),
            "That makes what was seen *more* likely. The other way round.",
        ),
        Mistake(
            "what was seen is multiplied, positive or not",
            _where_seen(lambda logits, penalty: logits * penalty),
            "4 times 2 is 8: the token becomes more likely. Divide where the logit is positive.",
        ),
        Mistake(
            "a token is penalised each time it was seen",
            _each_time,
            "Once is enough, however often it was seen. Read all old logits before you write new ones.",
        ),
        Mistake(
            "the penalty is subtracted",
            _where_seen(lambda logits, penalty: logits - penalty),
            "That is another known rule (the presence penalty), for which 0 changes nothing. Here 1 changes "
            "nothing: divide or multiply.",
        ),
        Mistake(
            "the penalty is subtracted once for each time",
            _by_count,
            "That is another known rule (the frequency penalty). Here: divide or multiply, once.",
        ),
        Mistake(
            "what was not seen is penalised",
            lambda logits, ids, penalty: torch.where(_seen(logits, ids), logits, _penalised(logits, penalty)),
            "It is the tokens in `ids` that should become less likely.",
        ),
        Mistake(
            "all tokens are penalised",
            lambda logits, ids, penalty: _penalised(logits, penalty),
            "Only the tokens that occur in the row's `ids`. For all of them, it is more or less a "
            "temperature.",
        ),
        Mistake(
            "each row is penalised for the texts of all rows",
            _all_rows_alike,
            "Row b of `logits` belongs to row b of `ids`, and to no other. `gather` and `scatter` along the "
            "last axis keep them apart; `logits[:, ids]` doesn't.",
        ),
        Mistake(
            "what was seen is ruled out",
            _where_seen(lambda logits, penalty: torch.full_like(logits, -INFINITY)),
            "A text can't go on without ever using a word twice. Make them less likely, by the factor "
            "`penalty`.",
        ),
        Mistake(
            "the probabilities are divided",
            lambda logits, ids, penalty: _where_seen(lambda p, by: p / by)(logits.softmax(-1), ids, penalty),
            "The rule is about logits, and gives logits: no softmax here.",
        ),
        Mistake(
            "only the newest token is penalised",
            lambda logits, ids, penalty: _repetition_penalty(logits, ids[:, -1:], penalty),
            "All ids of the text so far count, not only the last.",
        ),
        Mistake(
            "only the logits of seen tokens are given back",
            lambda logits, ids, penalty: _penalised(logits.gather(-1, ids), penalty),
            "These numbers are right. Write them back to their places: `logits.scatter(-1, ids, ...)`, (B, "
            "V).",
        ),
        Mistake(
            "the logits are changed in place",
            _penalised_in_place,
            "Somebody may still need them as they were. `scatter` makes a new tensor, `scatter_` doesn't.",
        ),
    ),
)


# Beams ----------------------------------------------------------------------------------------------------


def _beam_step(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best continuations of all beams: scores (W,), log_probs (W, V) -> scores, parents, tokens."""
    totals = scores[:, None] + log_probs  # (W, V)
    best, places = totals.flatten().topk(width)
    V = log_probs.shape[1]
    return best, places // V, places % V


def _beam_cases() -> list[Case]:
    first = _logits_of([0.6, 0.3, 0.1], [0.1, 0.1, 0.8])
    only_one = torch.tensor([0.0, -INFINITY, -INFINITY])
    return [
        Case(torch.tensor([0.5, 0.4]).log(), first, 2),
        Case(torch.zeros(1), _random(1, 5, seed=50).log_softmax(-1), 3),
        Case(_random(3, seed=51) - 4, _random(3, 7, seed=52).log_softmax(-1), 5),
        Case(_random(5, seed=53) - 2, (2 * _random(5, 2, seed=54)).log_softmax(-1), 3),
        Case(only_one, _random(3, 3, seed=55).log_softmax(-1), 3),
        Case(torch.tensor([-9.0, -1.0]), _random(2, 5, seed=56).log_softmax(-1), 2),
    ]


def _step(
    total: Callable[[Tensor, Tensor], Tensor] = lambda scores, log_probs: scores[:, None] + log_probs,
    by: Callable[[Tensor], int] = lambda log_probs: log_probs.shape[1],
    largest: bool = True,
    give: Callable[..., tuple] = lambda best, parents, tokens: (best, parents, tokens),
) -> Callable[..., tuple]:
    """A step with one part done in another way."""

    def wrong(scores: Tensor, log_probs: Tensor, width: int) -> tuple:
        best, places = total(scores, log_probs).flatten().topk(width, largest=largest)
        return give(best, places // by(log_probs), places % by(log_probs))

    return wrong


def _step_without_sum(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    _, parents, tokens = _beam_step(scores, log_probs, width)
    return log_probs[parents, tokens], parents, tokens


def _one_child_each(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    best, tokens = (scores[:, None] + log_probs).max(-1)
    best, parents = best.topk(min(width, len(scores)))
    return best, parents, tokens[parents]


def _one_child_each_in_place(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    best, tokens = (scores[:, None] + log_probs).max(-1)
    return best, torch.arange(len(scores)), tokens


def _children_of_the_best(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    parent = scores.argmax()
    best, tokens = (scores[parent] + log_probs[parent]).topk(min(width, log_probs.shape[1]))
    return best, parent.expand(len(tokens)), tokens


def _best_of_each(scores: Tensor, log_probs: Tensor, width: int) -> tuple[Tensor, ...]:
    best, tokens = (scores[:, None] + log_probs).topk(min(width, log_probs.shape[1]))
    return best, torch.arange(len(scores))[:, None].expand_as(tokens), tokens


beam_step = Exercise(
    name="beam_step",
    topic="generation",
    title="One step of beam search",
    kind="explore",
    difficulty="hard",
    minutes=15,
    reference=_beam_step,
    differentiable=False,
    cases=_beam_cases,
    hints=(
        "W beams with V continuations each make W times V candidates. Probabilities of a text are "
        "multiplied, so their logarithms are added: what is each candidate's total, as a table (W, V)?",
        "`scores[:, None] + log_probs` is that table. Laid flat, with `.flatten()`, one `topk` finds the "
        "best of all, wherever they come from.",
        "In the flat table, row w begins at place w·V. So which row and which column is place 9, if V is 7? "
        "Whole-number division, and what is left over.",
    ),
    explanation=(
        "A candidate's score is the log-probability of its whole text: its beam's, plus its own token's. "
        "All W·V compete together. A good beam can have several children, a poor one none at all and then "
        "it is gone. Place i of the flat table is row i // V (the parent) and column i % V (the token).\n\n"
        "At the start there is one text only. Either begin with one beam, or give all but the first the "
        "score minus infinity: otherwise every beam brings the same children, and stays a copy of the first."
    ),
    mistakes=(
        Mistake(
            "the beams' own scores are left out",
            _step(total=lambda scores, log_probs: log_probs),
            "A likely token after an unlikely beginning is an unlikely text. Add each beam's score: "
            "`scores[:, None] + log_probs`.",
        ),
        Mistake(
            "the new scores are those of the last token alone",
            _step_without_sum,
            "The right ones are chosen. But a beam's score is that of its whole text: give back the totals.",
        ),
        Mistake(
            "log-probabilities are multiplied",
            _step(total=lambda scores, log_probs: scores[:, None] * log_probs),
            "Probabilities are multiplied; their logarithms are added.",
        ),
        Mistake(
            "the scores lie along the vocabulary",
            _step(total=lambda scores, log_probs: scores + log_probs),
            "(W,) + (W, V) puts a score under each *token* (or fails, if W isn't V). One score per beam is a "
            "column: `scores[:, None]`.",
        ),
        Mistake(
            "each beam keeps its best child",
            _one_child_each,
            "Then no beam ever dies, and none has two children: W greedy texts side by side. All W·V "
            "candidates compete together.",
        ),
        Mistake(
            "each beam keeps its best child, in its own place",
            _one_child_each_in_place,
            "Then no beam ever dies, and none has two children: W greedy texts side by side. All W·V "
            "candidates compete together, and the best comes first.",
        ),
        Mistake(
            "only the best beam has children",
            _children_of_the_best,
            "The second beam may have the better continuation: that is what it is kept for. All W·V "
            "candidates compete together.",
        ),
        Mistake(
            "the best of each beam, not of all",
            _best_of_each,
            "That makes W times `width` beams. Lay the table flat before `topk`: `.flatten()`.",
        ),
        Mistake(
            "divided by the number of beams, not of tokens",
            _step(by=len),
            "A row of the table has V entries, so row w begins at place w·V: divide by `log_probs.shape[1]`.",
        ),
        Mistake(
            "parents and tokens are exchanged",
            _step(give=lambda best, parents, tokens: (best, tokens, parents)),
            "The order is scores, parents, tokens. The parent is `// V`, the token `% V`.",
        ),
        Mistake(
            "places in the flat table instead of tokens",
            lambda scores, log_probs, width: _step(
                give=lambda best, parents, tokens: (best, parents, parents * log_probs.shape[1] + tokens)
            )(scores, log_probs, width),
            "The token is what is left over when a place is divided by V: `% V`.",
        ),
        Mistake(
            "the worst are kept",
            _step(largest=False),
            "Log-probabilities are negative, and the best is the one nearest to 0: the largest.",
        ),
        Mistake(
            "the best comes last",
            _step(give=lambda *all_: tuple(part.flip(0) for part in all_)),
            "Best first: `topk` already gives them in that order.",
        ),
        Mistake(
            "the scores are probabilities",
            _step(give=lambda best, parents, tokens: (best.exp(), parents, tokens)),
            "Leave the logarithms: after a hundred tokens, a probability is too small for float32.",
        ),
    ),
)


# What the cache costs -------------------------------------------------------------------------------------


def _cache_bytes(
    n_layers: int, n_heads: int, head_width: int, tokens: int, texts: int, bytes_per_number: int
) -> int:
    """The memory for the keys and values of all tokens of all texts, in bytes."""
    numbers_per_token = 2 * n_layers * n_heads * head_width  # a key and a value, in each head of each layer
    return numbers_per_token * tokens * texts * bytes_per_number


def _without(*left_out: int) -> Callable[..., int]:
    """The product without some of the sizes."""
    return lambda *sizes: 2 * math.prod(size for i, size in enumerate(sizes) if i not in left_out)


cache_bytes = Exercise(
    name="cache_bytes",
    topic="generation",
    title="What the cache costs",
    kind="explore",
    difficulty="easy",
    minutes=8,
    reference=_cache_bytes,
    cases=(
        Case(1, 2, 3, 5, 1, 2),
        Case(2, 3, 5, 7, 11, 4),
        Case(12, 12, 64, 1024, 1, 4),
        Case(32, 8, 128, 8192, 16, 2),
    ),
    hints=(
        "Which two vectors does attention need again from every earlier token? The query isn't one of them.",
        "Each head of each layer keeps two vectors of `head_width` numbers for each token of each text.",
        "Count the numbers first, then multiply by the bytes of one number. All is one product.",
    ),
    explanation=(
        "A key and a value, hence the 2, for each token, in each head of each layer. For GPT-2 (12 layers, "
        "12 heads of width 64, 1024 tokens, 4 bytes) that is 75 million bytes a text, 72 KiB a token.\n\n"
        "The last case is Llama 3 8B (Grattafiori and others 2024), whose 32 heads share the keys and "
        "values of 8. Still, 16 texts of 8192 tokens take 17 GB, more than its weights do."
    ),
    mistakes=(
        Mistake(
            "only the keys, or only the values",
            lambda *sizes: math.prod(sizes),
            "Attention needs both from every earlier token: twice as much.",
        ),
        Mistake(
            "the queries are kept as well",
            lambda *sizes: 3 * math.prod(sizes),
            "A query is used once, at its own step. Later tokens look at keys and values only: 2, not 3.",
        ),
        Mistake(
            "the layers are left out",
            _without(0),
            "Each layer has keys and values of its own.",
        ),
        Mistake(
            "the heads are left out",
            _without(1),
            "`head_width` is the width of *one* head, and each head has keys and values of its own.",
        ),
        Mistake(
            "the width of a head is left out",
            _without(2),
            "A key is a vector of `head_width` numbers, not one number.",
        ),
        Mistake(
            "the texts are left out",
            _without(4),
            "Each text of the batch has its own past.",
        ),
        Mistake(
            "the tokens are left out",
            _without(3),
            "Every token that was read or written stays in the cache: that is what makes it grow.",
        ),
        Mistake(
            "numbers are counted, not bytes",
            _without(5),
            "That is how many numbers are kept. Each takes `bytes_per_number` bytes.",
        ),
        Mistake(
            "bits instead of bytes",
            lambda *sizes: 16 * math.prod(sizes),
            "A byte has 8 bits, but bytes are what is asked for.",
        ),
        Mistake(
            "the tokens are squared",
            lambda *sizes: 2 * sizes[3] * math.prod(sizes),
            "A table of all pairs of tokens holds attention weights. These aren't kept: each step needs only "
            "its own row.",
        ),
        Mistake(
            "the width is squared",
            lambda *sizes: 2 * sizes[1] * sizes[2] * math.prod(sizes),
            "Width times width are the *matrices* that make keys and values. The cache holds what they have "
            "made: one vector of that width for each token.",
        ),
        Mistake(
            "megabytes instead of bytes",
            lambda *sizes: 2 * math.prod(sizes) / 1e6,
            "Bytes are asked for: a whole number, without a division.",
        ),
    ),
)


# Quiz -----------------------------------------------------------------------------------------------------


quiz = Quiz(
    topic="generation",
    questions=(
        Question(
            "A model always takes the likeliest token. After a while it writes the same sentence over and "
            "over. Why doesn't it get out?",
            (
                Option(
                    "Its cache is full, so it has forgotten that it wrote the sentence before.",
                    "It is the other way round: it sees the sentence very well, and copies it.",
                ),
                Option(
                    "The logits get smaller with every token, until all are alike.",
                    "They don't wear out: each step computes them anew from the context. In a loop the "
                    "model is usually surer than before.",
                ),
                Option(
                    "Having read it twice, it finds a third time likelier still; and without chance, the "
                    "same context leads to the same next token.",
                    "In the text that models learn from, what was just repeated often is repeated again. "
                    "Each round makes the next one likelier (Holtzman and others 2020), and greedy never "
                    "takes a side road.",
                    right=True,
                ),
                Option(
                    "The sentence occurs so often in the training data.",
                    "It need not occur there at all. What was learned is that repetition goes on.",
                ),
            ),
        ),
        Question(
            "At one step a single token is nearly sure, at the next a hundred are equally good. Which "
            "setting rules out nearly all others at the first and keeps most of the hundred at the second?",
            (
                Option(
                    "`top_p=0.9`",
                    "At the first step one token has more than 0.9; at the second it takes ninety to reach "
                    "it.",
                    right=True,
                ),
                Option(
                    "`top_k=40`",
                    "It keeps 40 both times: too many at the first step, too few at the second.",
                ),
                Option(
                    "`temperature=0.5`",
                    "It makes unlikely tokens less likely, but rules none out; and a hundred equal ones stay "
                    "equal.",
                ),
                Option(
                    "`repetition_penalty=1.2`",
                    "That depends on what was written before, not on how sure the model is.",
                ),
            ),
        ),
        Question(
            "What does the cache of keys and values save, and what does it cost?",
            (
                Option(
                    "It saves memory and costs time: old keys must be fetched.",
                    "It is bought with memory. Fetching old keys takes time, but much less than computing "
                    "them again.",
                ),
                Option(
                    "It saves the attention to earlier tokens: a new token looks only at itself.",
                    "The new token still looks at all keys. They just needn't be computed again.",
                ),
                Option(
                    "It saves time, and costs a little accuracy: old keys don't know the new token.",
                    "Under a causal mask they never did. The logits are the same, up to rounding.",
                ),
                Option(
                    "Earlier tokens needn't go through the model again; memory grows with every token.",
                    "A step then costs one token's way through the model. Two vectors a token, in every head "
                    "of every layer, have to be kept.",
                    right=True,
                ),
            ),
        ),
        Question(
            "Prompts of 3 and 7 tokens are continued in one batch. The shorter row is filled up with 4 "
            "padding tokens at its beginning. What else is needed so that it reads as if it stood alone?",
            (
                Option(
                    "Nothing: a trained model knows that padding means nothing.",
                    "It has never seen padding in training, and takes it for text like any other.",
                ),
                Option(
                    "The padding must be hidden by the mask, and positions counted from the first real "
                    "token.",
                    "Otherwise its tokens look at the padding, and the first word stands at position 4.",
                    right=True,
                ),
                Option(
                    "The padding belongs at the end; then the causal mask hides it and all is well.",
                    "The causal mask does hide it. But then the row's last position, from which the next "
                    "token is read, is padding, and new tokens would come after it.",
                ),
                Option(
                    "The padding must be left out of the loss.",
                    "In training, yes. When writing there is no loss, but there is attention.",
                ),
            ),
        ),
        Question(
            "Beam search finds texts to which the model gives a higher probability than to drawn ones of the "
            "same length. Yet people often prefer the drawn ones for a story. Why?",
            (
                Option(
                    "The likeliest text has no surprises in it: what people write isn't the likeliest word "
                    "each time.",
                    "It tends to be dull and to repeat itself. For a translation, where little is open, the "
                    "likeliest text may well be what you want.",
                    right=True,
                ),
                Option(
                    "Beam search stops too early; with more beams the likeliest text would be the best.",
                    "More beams find likelier texts still, which often makes it worse: they get shorter and "
                    "emptier.",
                ),
                Option(
                    "Drawing looks at more texts, and picks the best of them.",
                    "Drawing follows a single text and compares it with none.",
                ),
                Option(
                    "Beam search gives a model's second choice at each step, to be different.",
                    "It keeps several beginnings, and those with the highest probability as a whole.",
                ),
            ),
        ),
    ),
)
