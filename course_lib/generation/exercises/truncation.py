"""Exercises on tokens that are ruled out: top-k, top-p."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake, Property
from course_lib.generation.exercises.shared import INFINITY, Tensor, drawn_logits, logits_of, random, turned

# Top-k ----------------------------------------------------------------------------------------------------


def _top_k(logits: Tensor, k: int) -> Tensor:
    """Rule out (with -inf) all but the k largest logits of each row: (B, V) -> (B, V)."""
    last_kept = logits.topk(min(k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < last_kept, -math.inf)


def _top_k_cases() -> list[Case]:
    ties = torch.tensor([[2.0, 1.0, 2.0, 0.0, 1.0], [1.0, 3.0, 0.0, -1.0, 5.0]])
    same = random(3, 7, seed=10)
    return [
        Case(torch.tensor([[1.0, 4.0, 3.0, 2.0]]), 2),
        Case(same, 3),
        Case(same, 5),
        Case(turned(random(5, 3, seed=11)), 1),
        Case(ties, 3),
        Case(ties, 1),
        Case(random(2, 3, seed=12), 5),
        Case(random(2, 300, seed=13), 70),
        Case(random(1, 1100, seed=14), 1050),
        Case(torch.tensor([[60.0, 70.0, 80.0], [3e-4, 2e-4, 5e-4]]), 2),
        Case(torch.tensor([[300.0, -200.0, 5.0, -350.0, 100.0]]), 4),  # probabilities would all be 0
        Case(torch.tensor([[9.0001, 9.0, 9.0002, 2.0]]), 2),
    ]


def _fresh_top_k(draw: Draw) -> Case:
    V = draw.integer(1, 12)
    k = draw.choose((draw.integer(1, V), draw.integer(1, V), draw.integer(1, V), V + 1, 50))
    logits = drawn_logits(draw, draw.integer(1, 4), V)
    return Case(100.0 * logits if draw.choose((False, False, False, True)) else logits, k)


def _last_kept(logits: Tensor, k: int) -> Tensor:
    return logits.topk(max(1, min(k, logits.shape[-1]))).values[:, -1:]


def _exactly_k(logits: Tensor, k: int) -> Tensor:
    best = logits.topk(min(k, logits.shape[-1]))
    return torch.full_like(logits, -INFINITY).scatter(-1, best.indices, best.values)


def _bars_in_a_row(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < _last_kept(logits, k)[:, 0], -INFINITY)


def _last_row_of_the_best(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < logits.topk(min(k, logits.shape[-1])).values[-1], -INFINITY)


def _k_of_all(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < logits.flatten().topk(min(k, logits.numel())).values[-1], -INFINITY)


def _k_smallest(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(-logits < _last_kept(-logits, k), -INFINITY)


def _sorted_top_k(logits: Tensor, k: int) -> Tensor:
    ordered = logits.sort(descending=True).values
    return ordered.masked_fill(torch.arange(logits.shape[-1]) >= k, -INFINITY)


def _top_k_unlimited(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < logits.topk(k).values[:, -1:], -INFINITY)


def _kth_of_sorted(logits: Tensor, k: int) -> Tensor:
    bar = logits.sort(descending=True).values[:, k - 1]
    return logits.masked_fill(logits < bar[:, None], -INFINITY)


def _kth_of_sorted_as_column(logits: Tensor, k: int) -> Tensor:
    return logits.masked_fill(logits < logits.sort(descending=True).values[:, k - 1 : k], -INFINITY)


def _top_k_with(logits: Tensor, k: int, low: float) -> Tensor:
    return logits.masked_fill(logits < _last_kept(logits, k), low)


def _places_of_all_rows(logits: Tensor, k: int) -> Tensor:
    places = logits.topk(min(k, logits.shape[-1])).indices
    kept = torch.full_like(logits, -INFINITY)
    kept[:, places] = logits[:, places]
    return kept


def _k_different(logits: Tensor, k: int) -> Tensor:
    bars = [row.unique()[-k:][:1] for row in logits]
    return logits.masked_fill(logits < torch.stack(bars), -INFINITY)


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
    fresh=_fresh_top_k,
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
        *(
            Mistake(
                "the others get the logit 0",
                answer,
                "The logit 0 is not the probability 0: e^0 is 1. Minus infinity rules a token out.",
            )
            for answer in (
                lambda logits, k: logits.masked_fill(logits < _last_kept(logits, k), 0.0),
                lambda logits, k: logits * (logits >= _last_kept(logits, k)),
            )
        ),
        *(
            Mistake(
                "the others get a low number, not minus infinity",
                partial(_top_k_with, low=low),
                "The softmax makes it 0 only as long as all logits are far above it. Minus infinity is below "
                "every number: `float('-inf')`.",
            )
            for low in (-1e9, -1e10, -1e8, -1e6, -1e4)
        ),
        Mistake(
            "the lowest bar of all rows for each row",
            lambda logits, k: logits.masked_fill(logits < _last_kept(logits, k).min(), -INFINITY),
            "Each row has k largest of its own, so each has its own bar: `values[:, -1:]`, a column.",
        ),
        Mistake(
            "what one row keeps, all rows keep",
            _places_of_all_rows,
            "`[:, indices]` takes the places of *all* rows from each row. Compare each row with its own bar, "
            "or `scatter` along the last axis.",
        ),
        Mistake(
            "the k largest of all rows together",
            _k_of_all,
            "Each row is a text of its own and keeps k tokens of its own: `topk` along the last axis.",
        ),
        *(
            Mistake(
                "the bars have lost their axis",
                answer,
                "One bar for each row, as (B,), lies along the *vocabulary* when it is compared with (B, V), "
                "or doesn't fit at all. `values[:, -1:]` keeps them as a column, (B, 1).",
            )
            for answer in (_bars_in_a_row, _last_row_of_the_best)
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
            "equal tokens count as one",
            _k_different,
            "Two tokens that are equally likely are two of the k. Look for the k-th largest among all "
            "logits, without making them different first.",
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
        *(
            Mistake(
                "it fails where k is larger than the vocabulary",
                wrong,
                "`topk(5)` of three tokens fails, and a sorted row of three has no fifth. There, all three "
                "should stay: `min(k, logits.shape[-1])`.",
            )
            for wrong in (_top_k_unlimited, _kth_of_sorted, _kth_of_sorted_as_column)
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
    same = 2 * random(3, 7, seed=20)
    return [
        Case(logits_of([0.2, 0.5, 0.3]), 0.6),
        Case(same, 0.8),
        Case(same, 0.35),
        Case(logits_of([0.05, 0.02, 0.9, 0.01, 0.02], [0.18, 0.23, 0.17, 0.2, 0.22]), 0.5),
        Case(random(2, 5, seed=21), 0.01),
        Case(random(2, 3, seed=22) + 7, 1.0),
        Case(turned(random(3, 5, seed=24)), 0.0),
        Case(random(2, 4, seed=26), 0),
        Case(torch.tensor([[0.5, 1.0, 0.0, 1.0, 1.0]]), 0.7),
        Case(torch.tensor([[1.0, -INFINITY, 2.0, 0.5, -INFINITY]]), 0.7),
        Case(torch.tensor([[60.0, 61.0, 59.0, -40.0], [3e-4, -4e-4, 9e-4, -9e-4]]), 0.7),
        Case(torch.tensor([[200.0, 201.0, 199.5], [-200.0, -201.0, -199.0]]), 0.7),
        Case(0.03 * random(1, 3000, seed=25), 9e-4),
    ]


def _fresh_top_p(draw: Draw) -> Case | None:
    logits = drawn_logits(draw, draw.integer(1, 4), draw.integer(1, 10))
    p = draw.choose((0.5, 0.9, 0.0, 1.0, 0.25, 0.95, 0.7, 0, 1, draw.real(0.0, 1.0), draw.real(0.0, 1.0)))
    return Case(logits, p) if _is_clear(logits, p) else None


def _is_clear(logits: Tensor, p: float) -> bool:
    """Whether neither rounding nor a choice between equal tokens decides which tokens stay."""
    each = logits.double().softmax(-1).sort(descending=True).values
    before = (each.cumsum(-1) - each)[:, 1:]
    near = (each[:, 1:] > 0) & ((before - p).abs() < 1e-4)
    dropped = before >= p
    edge = dropped & ~torch.cat([torch.zeros_like(dropped[:, :1]), dropped[:, :-1]], 1)
    tie = edge & (each[:, 1:] > 0) & (each[:, 1:] > 0.99999 * each[:, :-1])
    return not bool((near | tie).any())


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


def _as_many_as_in_the_first(logits: Tensor, p: float) -> Tensor:
    kept = int(_top_p(logits[:1], p).isfinite().sum())
    return logits.masked_fill(logits.argsort(descending=True).argsort() >= kept, -INFINITY)


def _needless(logits: Tensor, p: float, first: bool) -> tuple[Tensor, Tensor]:
    """Which places of the sorted row go (never the `first`, if so wanted), and the order of the tokens."""
    likeliest, order = logits.softmax(-1).sort(descending=True)
    needless = likeliest.cumsum(-1) - likeliest >= p
    needless[:, 0] &= not first
    return needless, order


def _order_not_undone(logits: Tensor, p: float, first: bool) -> Tensor:
    return logits.masked_fill(_needless(logits, p, first)[0], -INFINITY)


def _order_not_undone_nor_shifted(logits: Tensor, p: float, first: bool) -> Tensor:
    needless = logits.softmax(-1).sort(descending=True).values.cumsum(-1) > p
    needless[:, 0] &= not first
    return logits.masked_fill(needless, -INFINITY)


def _order_undone_wrongly(logits: Tensor, p: float, first: bool) -> Tensor:
    needless, order = _needless(logits, p, first)
    return logits.masked_fill(needless.gather(-1, order), -INFINITY)


def _sorted_top_p(logits: Tensor, p: float, first: bool) -> Tensor:
    return logits.sort(descending=True).values.masked_fill(_needless(logits, p, first)[0], -INFINITY)


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
        kept = torch.as_tensor(answer(logits.clone(), p)) > -INFINITY
        together = (probabilities * kept).sum(-1)
        least = probabilities.masked_fill(~kept, INFINITY).amin(-1)
        if not bool((together >= p - 1e-5).all()):
            return f"For p = {p}, what is kept does not reach p in every row."
        if not bool((together - least < p).all()):
            return f"For p = {p}, a smaller set would do in some row."
    return True


def _between_equals(answer: Callable[..., Tensor]) -> bool | str:
    """Of n equal tokens as many stay as reach p, also if they reach it exactly; or all, as equals."""
    for n, p in ((4, 0.5), (4, 0.25), (4, 0.75), (8, 0.125), (8, 0.625), (2, 0.5), (2, 1.0), (4, 0.3)):
        logits = torch.full((2, n + 2), -INFINITY)
        logits[0, :n], logits[1, 2:] = 0.0, 0.0
        kept = (torch.as_tensor(answer(logits, p)) > -INFINITY).sum(-1)
        wanted = math.ceil(n * p)
        if not bool(((kept == wanted) | (kept == n)).all()):
            return f"Of {n} equal tokens {wanted} reach p = {p}; yours keeps {kept.tolist()} in two rows."
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
    fresh=_fresh_top_p,
    properties=(
        Property("the nucleus", _reaches_p, "the tokens that are kept are the fewest that reach p together"),
        Property("equals", _between_equals, "a set that reaches p exactly is complete"),
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
            "a sum that is exactly p does not end it",
            lambda logits, p: _nucleus(logits, lambda sums, each: sums - each > p),
            "Two tokens of probability 0.25 *reach* 0.5: no third one is needed. What goes is what comes "
            "after a sum of p or more: `>=`.",
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
        *(
            Mistake(name, wrong, why)
            for first in (True, False)
            for name, wrong, why in (
                (
                    "the mask stays in sorted order",
                    partial(_order_not_undone, first=first),
                    "Place 0 of your mask belongs to the likeliest token, place 0 of `logits` to token 0. "
                    "Bring the mask back: `mask.scatter(-1, order, mask)`.",
                ),
                (
                    "the mask stays in sorted order",
                    partial(_order_not_undone_nor_shifted, first=first),
                    "Place 0 of your mask belongs to the likeliest token, place 0 of `logits` to token 0. "
                    "Bring the mask back: `mask.scatter(-1, order, mask)`. And the token with which the sum "
                    "goes beyond p is still needed to reach it.",
                ),
                (
                    "the order is undone the wrong way",
                    partial(_order_undone_wrongly, first=first),
                    "`gather` with `order` *reads* at the places in `order`: it would sort once more. You "
                    "want to *write* there: `scatter`. (Or gather with `order.argsort(-1)`.)",
                ),
                (
                    "the logits come back sorted",
                    partial(_sorted_top_p, first=first),
                    "Place v belongs to token v. Bring the result back to the order of the vocabulary.",
                ),
            )
        ),
        Mistake(
            "nothing is sorted",
            _not_sorted,
            "You add up in the order of the vocabulary, so token 0 is always kept, however unlikely. Begin "
            "with the likeliest.",
        ),
        *(
            Mistake(
                "sorted from the unlikely end",
                lambda logits, p, first=first: _nucleus(
                    logits, lambda sums, each: sums - each >= p, descending=False, first=first
                ),
                "`sort()` puts the smallest first, so you keep the unlikely tokens: `sort(descending=True)`.",
            )
            for first in (False, True)
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
        *(
            Mistake(
                "each probability by itself is compared with 1 - p",
                lambda logits, p, bar=bar: _by_each(logits, partial(bar, p=p)),
                "It is the *sum* of the likeliest tokens that must reach p. Sort, then `cumsum`.",
            )
            for bar in (
                lambda each, p: 1 - p,
                lambda each, p: each.amax(-1, keepdim=True).clamp(max=1 - p),  # the likeliest stays
            )
        ),
        Mistake(
            "as many tokens as in the first row",
            _as_many_as_in_the_first,
            "How many are needed differs from row to row, and that is the point of top-p: count along the "
            "last axis for each row.",
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
