"""Exercises on tokens that are ruled out: top-k, top-p."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from course_lib.exercises import Case, Exercise, Mistake, Property
from course_lib.generation.exercises.shared import INFINITY, Tensor, logits_of, random

# Top-k ----------------------------------------------------------------------------------------------------


def _top_k(logits: Tensor, k: int) -> Tensor:
    """Rule out (with -inf) all but the k largest logits of each row: (B, V) -> (B, V)."""
    last_kept = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < last_kept, -math.inf)


def _top_k_cases() -> list[Case]:
    ties = torch.tensor([[2.0, 1.0, 2.0, 0.0, 1.0], [1.0, 3.0, 0.0, -1.0, 5.0]])
    return [
        Case(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2),
        Case(random(3, 7, seed=10), 3),
        Case(random(5, 3, seed=11), 1),
        Case(ties, 3),
        Case(random(2, 3, seed=12), 5),
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
        Case(logits_of([0.2, 0.5, 0.3]), 0.6),
        Case(2 * random(3, 7, seed=20), 0.8),
        Case(logits_of([0.05, 0.02, 0.9, 0.01, 0.02], [0.18, 0.23, 0.17, 0.2, 0.22]), 0.5),
        Case(random(2, 5, seed=21), 0.01),
        Case(random(2, 3, seed=22) + 7, 1.0),
        Case(random(3, 5, seed=24), 0.0),
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
    logits = 3 * random(5, 7, seed=23)
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
