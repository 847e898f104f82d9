"""Exercises and quiz of notebook 03: masks, the softmax, attention, heads, positions as a bias, blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from course_lib.exercises import (
    Case,
    Draw,
    Exercise,
    Forbidden,
    Mistake,
    ModuleCase,
    Option,
    Question,
    Quiz,
    as_module,
    causal,
    module_case,
)

Tensor = torch.Tensor


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# The causal mask ------------------------------------------------------------------------------------------


def _causal_mask(T: int) -> Tensor:
    """(T, T), True where the query of a row may look at the key of a column: itself and what came before."""
    return torch.ones(T, T, dtype=torch.bool).tril()


causal_mask = Exercise(
    name="causal_mask",
    topic="attention",
    title="The causal mask",
    difficulty="easy",
    minutes=5,
    reference=_causal_mask,
    differentiable=False,
    cases=(Case(3), Case(5), Case(2), Case(7), Case(1), Case(70), Case(300), Case(600)),
    fresh=lambda draw: Case(draw.integer(1, 20)),
    draws=8,
    hints=(
        "Draw a square for T = 3. The rows look, the columns are looked at. Row 0 may look at column 0 only. "
        "Which entries are True?",
        "`torch.ones(T, T, dtype=torch.bool)` is all True. `.tril()` keeps the lower triangle and the "
        "diagonal.",
    ),
    explanation=(
        "Row t is True in the columns 0 to t: the token at t sees itself and what came before it. `tril` (the"
        " lower triangle) keeps exactly these.\n\n"
        "Two loops, or `torch.arange(T)[:, None] >= torch.arange(T)`, give the same."
    ),
    mistakes=(
        Mistake(
            "the upper triangle",
            lambda T: torch.ones(T, T, dtype=torch.bool).triu(),
            "Row t is the token that looks. Yours sees itself and everything *after* it: it reads the text "
            "backwards. `tril`, not `triu`.",
        ),
        Mistake(
            "no token sees itself",
            lambda T: torch.ones(T, T, dtype=torch.bool).tril(-1),
            "The diagonal is allowed: a token knows itself, and what is predicted is the one after it. "
            "Without it, the first token would have nothing at all to look at.",
        ),
        Mistake(
            "one token of the future is visible",
            lambda T: torch.ones(T, T, dtype=torch.bool).tril(1),
            "The token right after this one is the very one to be predicted. Stop at the diagonal.",
        ),
        Mistake(
            "True where the token may not look",
            lambda T: ~_causal_mask(T),
            "Other libraries do it that way. In this course, and in torch's `scaled_dot_product_attention`, "
            "True means *may look*.",
        ),
        Mistake(
            "ones and zeros instead of True and False",
            lambda T: torch.ones(T, T).tril(),
            "A mask answers a yes-or-no question, so it is boolean: `dtype=torch.bool`. With 1.0 and 0.0, "
            "`~mask` and `masked_fill` don't work.",
        ),
        Mistake(
            "nothing is hidden",
            lambda T: torch.ones(T, T, dtype=torch.bool),
            "Every token sees the whole text, what comes after it included.",
        ),
        Mistake(
            "each token sees only itself",
            lambda T: torch.eye(T, dtype=torch.bool),
            "That is the diagonal alone. A token also sees all that came before it: the triangle below.",
        ),
        Mistake(
            "minus infinity and 0 instead of True and False",
            lambda T: torch.full((T, T), -math.inf).triu(1),
            "Such a table can be *added* to scores. Here the question is only who may look at whom: True and "
            "False, `dtype=torch.bool`.",
        ),
        Mistake(
            "an axis too many",
            lambda T: _causal_mask(T)[None],
            "The shape should be (T, T): one row for each token that looks, one column for each that is "
            "looked at. Where a batch needs it, it broadcasts by itself.",
        ),
    ),
)


# The softmax ----------------------------------------------------------------------------------------------


def _softmax(scores: Tensor) -> Tensor:
    """Weights from scores: positive, and each row (the last axis) sums to 1."""
    largest = scores.max(dim=-1, keepdim=True).values
    weights = (scores - largest).exp()  # at most 1, and 1 at least once in each row
    return weights / weights.sum(dim=-1, keepdim=True)


def _softmax_cases() -> list[Case]:
    masked = _random(5, 5, seed=1).masked_fill(~_causal_mask(5), float("-inf"))
    return [
        Case(torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, -1.0]])),
        Case(_random(2, 3, 5, 7, seed=2)),
        Case(masked),
        Case(torch.tensor([[1000.0, 999.0], [-1000.0, -1001.0], [3.0, 3.0]])),
        Case(torch.tensor([[90.0, 89.0, 0.0]])),
        Case(torch.tensor([0.5, 2.0, -1.0, 2.0])),
        Case(_random(3, 4, 2, seed=3).transpose(0, 2)),
        Case(_random(2, 1100, seed=4)),
        Case(_random(1100, 2, seed=5)),
        Case(torch.tensor([[-math.inf, 1.0, 2.0], [-200.0, 0.0, 1.0], [0.0, 200.0, -math.inf]])),
        Case(torch.tensor([[5e-4, -5e-4], [-60.0, -55.0], [0.25, 7.0]])),
    ]


def _fresh_scores(draw: Draw) -> Case:
    shape = draw.shape((1, 4), (1, 5))
    if draw.boolean():
        return Case(draw.tensor(*shape))
    return Case(draw.logits(*shape, hidden=True) * draw.choose((1.0, 1.0, 20.0)))


def _flat_softmax(scores: Tensor) -> Tensor:
    return scores.flatten().softmax(0).reshape(scores.shape)


def _shared_by_all(scores: Tensor) -> Tensor:
    weights = (scores - scores.max(-1, keepdim=True).values).exp()
    return weights / weights.sum()


def _one_largest(scores: Tensor) -> Tensor:
    weights = (scores - scores.max()).exp()
    return weights / weights.sum(-1, keepdim=True)


def _overflows(scores: Tensor) -> Tensor:
    return scores.exp() / scores.exp().sum(-1, keepdim=True)


def _largest_from_zero(scores: Tensor) -> Tensor:
    weights = (scores - scores.max(-1, keepdim=True).values.clamp(min=0.0)).exp()
    return weights / weights.sum(-1, keepdim=True)


def _absolute_largest(scores: Tensor) -> Tensor:
    weights = (scores - scores.abs().max(-1, keepdim=True).values).exp()
    return weights / weights.sum(-1, keepdim=True)


def _sum_without_axis(scores: Tensor) -> Tensor:
    weights = (scores - scores.max(-1, keepdim=True).values).exp()
    return weights / weights.sum(-1)


def _largest_without_axis(scores: Tensor) -> Tensor:
    weights = (scores - scores.max(-1).values).exp()
    return weights / weights.sum(-1, keepdim=True)


def _neither_with_axis(scores: Tensor) -> Tensor:
    weights = (scores - scores.max(-1).values).exp()
    return weights / weights.sum(-1)


def _overflows_without_axis(scores: Tensor) -> Tensor:
    return scores.exp() / scores.exp().sum(-1)


_TOGETHER = (
    "all entries together sum to 1",
    "Each row is a distribution of its own. Sum with `dim=-1, keepdim=True`.",
)
_AXIS_LOST = (
    "an axis is lost on the way",
    "`max` and `sum` drop the axis they run over. Then a total no longer stands beside its own row: the "
    "sizes don't fit, or worse, they happen to. `keepdim=True` keeps the axis, with size 1.",
)


softmax = Exercise(
    name="softmax",
    topic="attention",
    title="Softmax over the keys",
    difficulty="easy",
    minutes=10,
    reference=_softmax,
    cases=_softmax_cases,
    fresh=_fresh_scores,
    draws=24,
    forbidden=(
        Forbidden(
            ("softmax", "log_softmax", "softmin", "logsumexp", "special_softmax", "_softmax"),
            "The exercise is to build it yourself: write it with `exp`, `sum` and `max`.",
        ),
    ),
    hints=(
        "Each row belongs to one query and must sum to 1. Which axis do you sum over, if the keys are in the "
        "columns?",
        "`scores.exp().sum(dim=-1, keepdim=True)` gives each row's total as a column, ready to divide by. "
        "What happens to a score of 1000?",
        "Take each row's own largest score away first: `scores.max(dim=-1, keepdim=True).values`. The "
        "weights stay the same.",
    ),
    explanation=(
        "The last axis counts the keys: the weights that one query hands out sum to 1 over it. Taking the "
        "row's largest score away cancels in the division, and keeps every exponential at 1 or below. A "
        "score of minus infinity gives the weight 0, which is how a mask works."
    ),
    mistakes=(
        Mistake(
            "the softmax runs over the queries",
            lambda scores: scores.softmax(-2),
            "Now each *column* sums to 1: the keys share out the queries among themselves. A query must "
            "share out its attention among the keys, along the last axis (`dim=-1`).",
        ),
        Mistake(
            "the softmax runs over the first axis",
            lambda scores: scores.softmax(0),
            "With a batch in front, axis 0 counts the texts. Count from the end, `dim=-1`, and it is right "
            "for any number of axes in front.",
        ),
        Mistake(
            "the softmax runs over axis 1",
            lambda scores: scores.softmax(1),
            "That is the last axis of a table, and of nothing else. Count from the end, `dim=-1`, and it is "
            "right for any number of axes in front.",
        ),
        Mistake(_TOGETHER[0], _flat_softmax, _TOGETHER[1]),
        Mistake(_TOGETHER[0], _shared_by_all, _TOGETHER[1]),
        Mistake(
            "exp is taken of scores as large as they are",
            _overflows,
            "e^89 is already more than float32 can hold, and infinity divided by infinity is `nan`. Take "
            "each row's largest score away first.",
        ),
        Mistake(
            "the largest score of all is taken away, not each row's own",
            _one_largest,
            "In a row whose scores are all far below that, every exponential is rounded to 0, and 0 / 0 is "
            "`nan`. Use `max(dim=-1, keepdim=True)`.",
        ),
        Mistake(
            "the largest score is looked for from 0",
            _largest_from_zero,
            "A row of scores far below 0 has a largest score too, and it is negative. Start from the row "
            "itself, not from 0: `scores.max(dim=-1, keepdim=True).values`.",
        ),
        Mistake(
            "the largest without its sign",
            _absolute_largest,
            "In a row with a score far below 0, that takes far too much away, and every exponential is "
            "rounded to 0. It is the largest score itself that must become 0, not the one furthest from 0.",
        ),
        Mistake(_AXIS_LOST[0], _sum_without_axis, _AXIS_LOST[1]),
        Mistake(_AXIS_LOST[0], _largest_without_axis, _AXIS_LOST[1]),
        Mistake(_AXIS_LOST[0], _neither_with_axis, _AXIS_LOST[1]),
        Mistake(_AXIS_LOST[0], _overflows_without_axis, _AXIS_LOST[1]),
        Mistake(
            "divided by the sum of the scores",
            lambda scores: scores / scores.sum(-1, keepdim=True),
            "Scores may be negative, and so would such weights be. `exp` first makes all of them positive.",
        ),
        Mistake(
            "not divided by the sum",
            lambda scores: (scores - scores.max(-1, keepdim=True).values).exp(),
            "The exponentials are right, and one step is missing: divide by the sum of the row.",
        ),
        Mistake(
            "it gives logarithms",
            lambda scores: scores.log_softmax(-1),
            "That is the logarithm of the weights. Attention needs the weights themselves.",
        ),
        Mistake(
            "cut off from its gradient",
            lambda scores: _softmax(scores).detach(),
            "Without a gradient the scores can't be learned. Leave out `.detach()` and `no_grad`.",
        ),
    ),
)


# Attention ------------------------------------------------------------------------------------------------


def _scaled_dot_product(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q kᵀ / √D) v, where the mask is True. q (..., T, D), k and v (..., S, D)."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1) @ v


def _attend_cases() -> list[Case]:
    window = torch.ones(5, 5, dtype=torch.bool).tril() & torch.ones(5, 5, dtype=torch.bool).triu(-1)
    return [
        Case(*_qkv(3, 3, 2, seed=3), _causal_mask(3)),
        Case(*_qkv(5, 7, 3, seed=4)),
        Case(*_qkv(5, 5, 3, 2, 3, seed=5), _causal_mask(5)),
        Case(*_qkv(5, 5, 7, seed=6), window),
        Case(*_qkv(2, 5, 3, seed=7), torch.tensor([[True, True, False, True, True]] * 2)),
        *_broadcast_cases(),
        *_extreme_cases(),
    ]


def _broadcast_cases() -> list[Case]:
    """Masks of two to four axes, also None by name, and queries, keys and values in another layout."""
    row = torch.tensor([[True, False, True, True]])
    of_each_text = torch.tensor([[[True, True, True]] * 2, [[True, False, False], [True, True, False]]])
    turned = (x.transpose(0, 2).contiguous().transpose(0, 2) for x in _qkv(2, 3, 4, 2, seed=11))
    of_each_head = torch.rand(2, 3, 2, 4, generator=torch.Generator().manual_seed(12)) < 0.5
    of_each_head[..., 1] = True
    return [
        Case(*_qkv(3, 4, 2, seed=9), row),
        Case(*_qkv(3, 4, 2, 2, seed=10), mask=row[None]),
        Case(*turned, of_each_text),
        Case(*_qkv(2, 4, 5, 2, 3, seed=12), of_each_head),
        Case(*_qkv(2, 4, 5, 2, 3, seed=13), mask=of_each_head[:, :1, :1]),
        Case(*_qkv(2, 3, 4, 3, seed=14), mask=None),
        Case(*_qkv(1, 1, 2, seed=15), torch.tensor([[True]])),
    ]


def _extreme_cases() -> list[Case]:
    """Scores far below those that are hidden, large and tiny numbers, many tokens, wide vectors."""
    q, k, v = _qkv(4, 4, 2, seed=16)
    far_below = (torch.tensor([[200.0, 0.0]]), torch.tensor([[0.0, 1.0], [-200.0, 1.0]]))
    high = torch.tensor([[30.0, 0.0]]), torch.tensor([[6.0, 1.0], [5.95, 0.0], [-6.0, 0.0]])
    across = torch.tensor([[0.0, 2.0]]), torch.tensor([[3.0, 0.0], [1.0, 1.0], [-1.0, 0.0]])  # scores of 0
    low = torch.tensor([[-30.0, 0.0]]), torch.tensor([[6.0, 1.0], [5.95, 0.0]])
    long_q, long_k, long_v = _qkv(3, 1100, 2, seed=17)
    late = torch.arange(1100).expand(3, 1100) > 1060
    return [
        Case(*far_below, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[False, True]])),
        Case(*high, _random(3, 2, seed=20)),
        Case(*across, _random(3, 2, seed=20), torch.tensor([[True, True, False]])),
        Case(*low, _random(2, 2, seed=21), torch.tensor([[True, True]])),
        Case(100 * q, k / 100, 90 * v, _causal_mask(4)),
        Case(q / 4000, 700 * k, v / 4000, _causal_mask(4)),
        Case(700 * q, k / 4000, v, _causal_mask(4)),
        Case(long_q, long_k, long_v, late),
        Case(*_qkv(1100, 2, 3, seed=18), torch.arange(1100)[:, None] % 3 >= torch.arange(2)),
        Case(*(x / 3 for x in _qkv(2, 3, 1100, seed=19))),
    ]


def _fresh_attention(draw: Draw) -> Case:
    before = draw.shape((0, 2), (1, 3))
    T, S, D = draw.integer(1, 6), draw.integer(1, 6), draw.integer(1, 5)
    q = draw.tensor(*before, T, D, extremes=False) * draw.choose((1.0, 1.0, 4.0))
    k = draw.tensor(*before, S, D, extremes=False)
    v = draw.tensor(*before, S, D)
    axes = draw.integer(0, len(before) + 2)
    if axes < 2:
        return Case(q, k, v) if axes == 0 else Case(q, k, v, None)
    shape = [draw.choose((size, 1)) for size in (*before, T)] + [S]
    mask = draw.mask(*shape[-axes:])
    return Case(q, k, v, mask) if draw.boolean() else Case(q, k, v, mask=mask)


def _qkv(T: int, S: int, D: int, *before: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    return (
        2 * _random(*before, T, D, seed=seed),
        2 * _random(*before, S, D, seed=seed + 100),
        _random(*before, S, D, seed=seed + 200),
    )


def _scores(q: Tensor, k: Tensor, mask: Tensor | None, scale: float, hidden: float = -math.inf) -> Tensor:
    scores = q @ k.transpose(-2, -1) * scale
    return scores if mask is None else scores.masked_fill(~mask, hidden)


def _unscaled(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scores(q, k, mask, 1.0).softmax(-1) @ v


def _divided_by_width(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scores(q, k, mask, 1 / q.shape[-1]).softmax(-1) @ v


def _divided_by_length(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scores(q, k, mask, 1 / math.sqrt(k.shape[-2])).softmax(-1) @ v


def _multiplied(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scores(q, k, mask, math.sqrt(q.shape[-1])).softmax(-1) @ v


def _over_queries(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scores(q, k, mask, q.shape[-1] ** -0.5).softmax(-2) @ v


def _masked_after(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    attn = _scores(q, k, None, q.shape[-1] ** -0.5).softmax(-1)
    return (attn if mask is None else attn.masked_fill(~mask, 0.0)) @ v


def _masked_with_zero(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scores(q, k, mask, q.shape[-1] ** -0.5, hidden=0.0).softmax(-1) @ v


def _mask_upside_down(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scaled_dot_product(q, k, v, None if mask is None else ~mask)


def _weights_only(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scores(q, k, mask, q.shape[-1] ** -0.5).softmax(-1)


def _no_softmax(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _scores(q, k, mask, q.shape[-1] ** -0.5, hidden=0.0) @ v


def _keys_turned_by(turn: tuple[int, int] | None) -> Callable[..., Tensor]:
    def wrong(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        reversed_axes = range(k.ndim - 1, -1, -1)  # what `.T` does
        turned = k.permute(*reversed_axes) if turn is None else k.transpose(*turn)
        scores = q @ turned / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return scores.softmax(-1) @ v

    return wrong


_COUNTED_FROM_THE_FRONT = (
    "the axes of the keys are counted from the front",
    "That fits one number of axes only. With a batch in front, or several heads, or neither, it swaps others "
    "than the last two. `k.transpose(-2, -1)` counts from the end, and is right whatever stands before.",
)


def _mask_taken_for_granted(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1) @ v


def _mask_added(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores if mask is None else scores + mask).softmax(-1) @ v


def _own_softmax(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    weights = _scores(q, k, mask, q.shape[-1] ** -0.5).exp()
    return weights / weights.sum(-1, keepdim=True) @ v


def _weights_cut_off(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    return _weights_only(q, k, v, mask).detach() @ v


scaled_dot_product = Exercise(
    name="scaled_dot_product",
    topic="attention",
    title="Scaled dot-product attention",
    difficulty="medium",
    minutes=15,
    reference=_scaled_dot_product,
    cases=_attend_cases,
    fresh=_fresh_attention,
    draws=20,
    forbidden=(
        Forbidden(
            ("scaled_dot_product_attention", "multi_head_attention_forward"),
            "The exercise is to see what is inside: write its four steps yourself.",
        ),
    ),
    hints=(
        "Four steps: scores from queries and keys, hide what may not be seen, softmax over the keys, mix the "
        "values. Each is one line.",
        "`k.transpose(-2, -1)` swaps the last two axes, whatever stands in front. Divide by "
        "`math.sqrt(q.shape[-1])`, the root of a query's width.",
        'Hide before the softmax: `scores.masked_fill(~mask, float("-inf"))`. Without a mask, hide nothing.',
    ),
    explanation=(
        "Each query is multiplied with each key: one score per pair, (T, S). Divided by √D, so that the "
        "scores stay of the order of 1 however wide the vectors are. What may not be seen gets the score "
        "minus infinity, and so the weight 0, and the softmax shares out the whole attention among the rest. "
        "The weights then mix the values.\n\n"
        "Since `@` and `transpose(-2, -1)` work on the last two axes, the same lines serve one text, a batch "
        "of texts, and many heads."
    ),
    mistakes=(
        Mistake(
            "the scores are not divided by √D",
            _unscaled,
            "The scores then grow with the width of the vectors, and the softmax picks one key and ignores "
            "the others. Divide by `math.sqrt(q.shape[-1])`.",
        ),
        Mistake(
            "the scores are divided by D, not by its root",
            _divided_by_width,
            "A sum of D random products has a *variance* of D, so its usual size is √D. Divided by D, the "
            "scores get too small, and the attention is nearly a plain average.",
        ),
        Mistake(
            "the scores are divided by the root of the number of keys",
            _divided_by_length,
            "A score is a sum over the D entries of a query, not over the keys: it is D that makes it grow.",
        ),
        Mistake(
            "the scores are multiplied by √D",
            _multiplied,
            "That makes the scores larger still. Divide.",
        ),
        Mistake(
            "the weights are divided by √D, not the scores",
            lambda q, k, v, mask=None: _unscaled(q, k, v, mask) / math.sqrt(q.shape[-1]),
            "The weights then sum to less than 1, and the softmax is as saturated as before. Divide the "
            "scores, before the softmax.",
        ),
        Mistake(
            "the softmax runs over the queries",
            _over_queries,
            "Each query shares out its attention among the keys: `softmax(dim=-1)`.",
        ),
        Mistake(
            "the mask comes after the softmax",
            _masked_after,
            "The hidden keys have already taken their share of the sum, so what is left sums to less than "
            "1, and it depends on tokens that should not be seen. Put minus infinity into the scores, before "
            "the softmax.",
        ),
        Mistake(
            "hidden keys get the score 0",
            _masked_with_zero,
            "The score 0 is not the weight 0: e^0 is 1. Minus infinity gives the weight 0.",
        ),
        Mistake(
            "it looks where the mask is False",
            _mask_upside_down,
            "In this course True means *may look*: fill where `~mask`.",
        ),
        Mistake(
            "the mask is not used",
            lambda q, k, v, mask=None: _scaled_dot_product(q, k, v),
            "Where `mask` is False, the score must become minus infinity.",
        ),
        Mistake(
            "the weights are given back, not the mixed values",
            _weights_only,
            "The weights are right, and one step is missing: mix the values, `attn @ v`.",
        ),
        Mistake(_COUNTED_FROM_THE_FRONT[0], _keys_turned_by(None), _COUNTED_FROM_THE_FRONT[1]),
        Mistake(_COUNTED_FROM_THE_FRONT[0], _keys_turned_by((0, 1)), _COUNTED_FROM_THE_FRONT[1]),
        Mistake(_COUNTED_FROM_THE_FRONT[0], _keys_turned_by((1, 2)), _COUNTED_FROM_THE_FRONT[1]),
        Mistake(
            "a mask is taken for granted",
            _mask_taken_for_granted,
            "`mask` may be None: then all may look everywhere. Hide something only `if mask is not None`.",
        ),
        Mistake(
            "the mask is added to the scores",
            _mask_added,
            "True counts as 1 there and False as 0, so a hidden key has a score lower by 1 and no more. Put "
            "minus infinity where the mask is False.",
        ),
        Mistake(
            "hidden keys get a score that is only rather low",
            lambda q, k, v, mask=None: (
                _scores(q, k, mask, q.shape[-1] ** -0.5, hidden=-100.0).softmax(-1) @ v
            ),
            "Where the scores of the visible keys are lower still, the hidden ones win. Minus infinity, "
            '`float("-inf")`, is below any score.',
        ),
        Mistake(
            "exp is taken of scores as large as they are",
            _own_softmax,
            "e^89 is already more than float32 can hold. `scores.softmax(dim=-1)` takes the largest away "
            "first, as yours did in exercise 2.",
        ),
        Mistake(
            "the softmax is left out",
            _no_softmax,
            "Scores can be negative, and don't sum to 1. The softmax makes weights of them.",
        ),
        Mistake(
            "cut off from its gradient",
            lambda q, k, v, mask=None: _scaled_dot_product(q, k, v, mask).detach(),
            "Queries, keys and values are learned, so gradients must arrive. Leave out `.detach()` and "
            "`no_grad`.",
        ),
        Mistake(
            "the weights are cut off from their gradient",
            _weights_cut_off,
            "Then the values learn, and where to look is never learned: no gradient arrives at queries and "
            "keys. Leave out `.detach()` and `no_grad`.",
        ),
    ),
)


# A window of the past -------------------------------------------------------------------------------------


def _causal_window(T: int, window: int) -> Tensor:
    """(T, T), True for the last `window` keys up to and including the query's own."""
    queries, keys = torch.arange(T)[:, None], torch.arange(T)
    return (keys <= queries) & (keys > queries - window)


def _both_sides(T: int, window: int) -> Tensor:
    places = torch.arange(T)
    return (places[:, None] - places).abs() < window


def _window_without_itself(T: int, window: int) -> Tensor:
    return _causal_window(T, window) & ~torch.eye(T, dtype=torch.bool)


causal_window = Exercise(
    name="causal_window",
    topic="attention",
    title="Only the last few tokens",
    kind="explore",
    mark="more",
    difficulty="easy",
    minutes=10,
    reference=_causal_window,
    differentiable=False,
    cases=(
        Case(5, 2),
        Case(7, 3),
        Case(3, 5),
        Case(5, 1),
        Case(2, 2),
        Case(1, 1),
        Case(1, 4),
        Case(12, 9),
        Case(80, 70),
        Case(300, 260),
        Case(600, 530),
        Case(2, 1100),
    ),
    fresh=lambda draw: Case(draw.integer(1, 12), draw.integer(1, 14)),
    draws=16,
    hints=(
        "The causal mask is `keys <= queries`. What else must hold of a key, if only the last `window` ones "
        "count?",
        "With `window = 1` a token sees only itself; with `window = 2` itself and the one before. So a key "
        "at s is too far away as soon as s <= t - window.",
        "`torch.arange(T)[:, None]` is a column, `torch.arange(T)` a row: comparing them gives a square.",
    ),
    explanation=(
        "A band below the diagonal, `window` wide. Cost and memory then grow with T times `window`, no "
        "longer with T times T.\n\n"
        "What lies further back is not lost: the token before has seen the one before it, and so on. L "
        "layers with windows of W tokens reach L·(W - 1) tokens back (Beltagy and others 2020; in use in "
        "Mistral 7B, Jiang and others 2023)."
    ),
    mistakes=(
        Mistake(
            "one key too many",
            lambda T, window: _causal_window(T, window + 1),
            "The token itself is one of the `window` keys. With `window = 1` only the diagonal is True.",
        ),
        Mistake(
            "one key too few",
            lambda T, window: _causal_window(T, window - 1),
            "The token itself is one of the `window` keys, and `window - 1` before it are the others. With "
            "`window = 1` the diagonal is True; a key at s is too far away as soon as s <= t - window.",
        ),
        *(
            Mistake(
                "the token itself is left out",
                answer,
                "A token sees itself, and it counts as one of the `window` keys: `keys <= queries`.",
            )
            for answer in (_window_without_itself, lambda T, window: _window_without_itself(T, window + 1))
        ),
        Mistake(
            "everything that comes later is seen",
            lambda T, window: torch.ones(T, T, dtype=torch.bool).triu(1 - window),
            "That hides what is too far back, and nothing of the future: both conditions must hold, also "
            "`keys <= queries`.",
        ),
        Mistake(
            "it looks ahead as well",
            _both_sides,
            "The window reaches back only. Keep the causal condition: `keys <= queries`.",
        ),
        Mistake(
            "the window is not used",
            lambda T, window: _causal_mask(T),
            "That is the whole past. Hide the keys that are `window` or more positions back.",
        ),
        Mistake(
            "the first tokens of the text instead of the last ones",
            lambda T, window: _causal_mask(T) & (torch.arange(T) < window),
            "The window moves along with the query: count from the query backwards, not from the beginning.",
        ),
        Mistake(
            "the next tokens instead of the last ones",
            lambda T, window: _causal_window(T, window).T,
            "Rows look, columns are looked at. Yours is the window turned over: it reaches ahead. "
            "`torch.arange(T)[:, None]` are the queries, `torch.arange(T)` the keys.",
        ),
        Mistake(
            "cut into blocks",
            lambda T, window: (
                _causal_mask(T) & (torch.arange(T)[:, None] // window == torch.arange(T) // window)
            ),
            "The window moves along with each query; it doesn't jump from block to block. The first token of "
            "a block would see nothing of what came just before.",
        ),
        Mistake(
            "only the key that is just far enough",
            lambda T, window: _causal_window(T, window) & ~_causal_window(T, window - 1),
            "All of the last `window` keys are seen, not only the first of them.",
        ),
        Mistake(
            "True where the token may not look",
            lambda T, window: ~_causal_window(T, window),
            "True means *may look*.",
        ),
        Mistake(
            "ones and zeros instead of True and False",
            lambda T, window: _causal_window(T, window).float(),
            "A mask answers a yes-or-no question, so it is boolean: `dtype=torch.bool`.",
        ),
    ),
)


# Heads ----------------------------------------------------------------------------------------------------


def _split_heads(x: Tensor, n_heads: int) -> Tensor:
    """(B, T, C) to (B, H, T, D): each head gets its own D of the C numbers of every token."""
    B, T, C = x.shape
    return x.reshape(B, T, n_heads, C // n_heads).transpose(1, 2)


def _tokens_torn_apart(x: Tensor, n_heads: int) -> Tensor:
    B, T, C = x.shape
    return x.reshape(B, n_heads, T, C // n_heads)


def _tokens_torn_apart_by_view(x: Tensor, n_heads: int) -> Tensor:
    B, T, C = x.shape
    return x.view(B, n_heads, T, C // n_heads)


def _interleaved(x: Tensor, n_heads: int) -> Tensor:
    B, T, C = x.shape
    return x.reshape(B, T, C // n_heads, n_heads).permute(0, 3, 1, 2)


def _not_transposed(x: Tensor, n_heads: int) -> Tensor:
    B, T, C = x.shape
    return x.reshape(B, T, n_heads, C // n_heads)


def _fresh_heads(draw: Draw) -> Case:
    n_heads = draw.integer(1, 12)
    return Case(draw.tensor(draw.integer(1, 3), draw.integer(1, 6), n_heads * draw.integer(1, 4)), n_heads)


def _cut_into_n_heads(x: Tensor, n_heads: int) -> Tensor:
    B, T, C = x.shape
    return x.reshape(B, T, C // n_heads, n_heads).transpose(1, 2)


split_heads = Exercise(
    name="split_heads",
    topic="attention",
    title="Split into heads",
    difficulty="easy",
    minutes=10,
    reference=_split_heads,
    cases=lambda: [
        Case(torch.arange(12.0).reshape(1, 2, 6), 3),
        Case(_random(2, 3, 10, seed=9), 2),
        Case(_random(3, 5, 7, seed=10), 7),
        Case(_random(2, 7, 3, seed=11), 1),
        Case(_random(5, 2, 4, seed=12).transpose(0, 1), 2),
        Case(_random(1, 1, 6, seed=13), 6),
        Case(_random(1100, 2, 2, seed=14), 2),
        Case(_random(1, 1100, 2, seed=15), 1),
        Case(100 * _random(2, 3, 144, seed=16), 72),
        Case(_random(1, 2, 1100, seed=17), 1100),
        Case(_random(1, 2, 1100, seed=18), 1),
    ],
    fresh=_fresh_heads,
    draws=12,
    hints=(
        "Two steps. First cut the last axis, C, into (H, D). Then bring the heads in front of the tokens.",
        "`reshape(B, T, n_heads, C // n_heads)` cuts the numbers of each token into pieces, one per head. "
        "Which two axes have to change places after that?",
        "`transpose(1, 2)` swaps axis 1 (tokens) with axis 2 (heads).",
    ),
    explanation=(
        "`reshape` cuts the C numbers of *each token* into H pieces of D. Then the axes of tokens and heads "
        "change places, so that the last two are (T, D): what attention works on. No number is computed, "
        "and nothing is mixed.\n\n"
        "To join, go back the same way: `transpose(1, 2)` first, then `reshape(B, T, C)`."
    ),
    mistakes=(
        *(
            Mistake(
                "reshaped straight to (B, H, T, D)",
                answer,
                "The shape is right and the contents are not: `reshape` fills in the order in which the "
                "numbers lie in memory, so the first head gets all the numbers of the first few tokens. Cut "
                "each token first, (B, T, H, D), then transpose.",
            )
            for answer in (_tokens_torn_apart, _tokens_torn_apart_by_view)
        ),
        Mistake(
            "each head takes every H-th number",
            _interleaved,
            "That works as well for a model that was trained so, but torch, GPT-2 and Llama give head 0 the "
            "*first* D numbers: cut into (n_heads, C // n_heads), in this order.",
        ),
        Mistake(
            "the heads stand behind the tokens",
            _not_transposed,
            "The last two axes must be (T, D), or else a head would attend to the other heads. Swap axes 1 "
            "and 2.",
        ),
        Mistake(
            "the last two axes are swapped",
            lambda x, n_heads: _split_heads(x, n_heads).transpose(-2, -1),
            "The result should be (B, H, T, D): tokens before the width.",
        ),
        Mistake(
            "each head is n_heads wide",
            _cut_into_n_heads,
            "There should be `n_heads` heads of width C // n_heads. Yours are C // n_heads heads of width "
            "n_heads: the two sizes have changed places.",
        ),
        Mistake(
            "the heads stand in front of the batch",
            lambda x, n_heads: _split_heads(x, n_heads).transpose(0, 1),
            "The batch stays in front: (B, H, T, D). `torch.stack(heads, dim=1)` puts a list of heads there.",
        ),
        Mistake(
            "the heads come in reverse order",
            lambda x, n_heads: _split_heads(x, n_heads).flip(1),
            "Head 0 gets the first D numbers.",
        ),
        Mistake(
            "cut off from its gradient",
            lambda x, n_heads: _split_heads(x, n_heads).detach(),
            "What is split was computed from weights that must learn, so gradients must pass. Leave out "
            "`.detach()`, `no_grad`, and the way through lists or NumPy.",
        ),
    ),
)


# Several heads together -----------------------------------------------------------------------------------


def _multi_head_attention(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int
) -> Tensor:
    """Causal attention with several heads. x (B, T, C), each matrix (C, C), result (B, T, C)."""
    B, T, C = x.shape
    q, k, v = (_split_heads(x @ w, n_heads) for w in (w_q, w_k, w_v))  # (B, H, T, D)
    out = _scaled_dot_product(q, k, v, _causal_mask(T))
    return out.transpose(1, 2).reshape(B, T, C) @ w_out


def _heads_case(B: int, T: int, n_heads: int, D: int, seed: int) -> Case:
    C = n_heads * D
    matrices = (1.5 * _random(C, C, seed=seed + i) / math.sqrt(C) for i in range(1, 5))
    return Case(_random(B, T, C, seed=seed), *matrices, n_heads)


def _heads_cases() -> list[Case]:
    sizes = ((2, 3, 2, 5), (1, 5, 3, 2), (3, 2, 7, 1), (2, 7, 1, 3), (1, 1, 2, 2), (2, 3, 2, 3))
    return [_heads_case(*size, seed=20 + 10 * i) for i, size in enumerate(sizes)] + _odd_heads_cases()


def _odd_heads_cases() -> list[Case]:
    """The same matrix twice, another layout, large and tiny numbers, long texts, many heads, a low score."""
    x, w_q, w_k, w_v, w_out, H = _heads_case(2, 4, 2, 2, seed=100).args
    turned = [x.transpose(0, 2).contiguous().transpose(0, 2), *(w.T.contiguous().T for w in (w_q, w_k, w_v))]
    ones, first = torch.ones(1, 2, 1), torch.ones(1, 1)
    low = torch.tensor([[[1.0], [-1.0]]])
    return [
        Case(x, w_q, w_q, w_q, w_out, H),
        Case(*turned, w_out.T.contiguous().T, H),
        Case(80 * x, w_q / 80, w_k / 80, 90 * w_v, 90 * w_out, H),
        Case(x / 4000, 900 * w_q, 900 * w_k, w_v, 900 * w_out, H),
        Case(x, w_q / 4000, 4000 * w_k, w_v / 4000, w_out, H),
        Case(x, 4000 * w_q, w_k / 4000, 90 * w_v, w_out / 4000, H),
        Case(low, 200 * first, -200 * first, first, first, 1),
        Case(ones, first, first, first, first, 1),
        _heads_case(1, 70, 1, 2, seed=110),
        _heads_case(1100, 2, 2, 1, seed=120),
        _heads_case(1, 2, 72, 1, seed=130),
        _heads_case(1, 2, 260, 1, seed=140),
    ]


def _fresh_multi_head(draw: Draw) -> Case:
    n_heads = draw.integer(1, 9)
    C = n_heads * draw.integer(1, 3)
    x = draw.tensor(draw.integer(1, 3), draw.integer(1, 5), C, extremes=False) * draw.choose((1.0, 1.0, 2.0))
    matrices = (draw.tensor(C, C, extremes=False) * (1.5 / math.sqrt(C)) for _ in range(4))
    return Case(x, *matrices, n_heads)


def _parts(x: Tensor, *matrices: Tensor, n_heads: int) -> list[Tensor]:
    return [_split_heads(x @ w, n_heads) for w in matrices]


def _mixed(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, n_heads: int) -> Tensor:
    q, k, v = _parts(x, w_q, w_k, w_v, n_heads=n_heads)
    return _scaled_dot_product(q, k, v, _causal_mask(x.shape[1]))


def _joined(out: Tensor) -> Tensor:
    return out.transpose(1, 2).flatten(2)


def _joined_in_memory_order(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int
) -> Tensor:
    return _mixed(x, w_q, w_k, w_v, n_heads).reshape(x.shape) @ w_out


def _torn_apart(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int) -> Tensor:
    q, k, v = (_tokens_torn_apart(x @ w, n_heads) for w in (w_q, w_k, w_v))
    return _joined(_scaled_dot_product(q, k, v, _causal_mask(x.shape[1]))) @ w_out


def _without_mask(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int) -> Tensor:
    return _joined(_scaled_dot_product(*_parts(x, w_q, w_k, w_v, n_heads=n_heads))) @ w_out


def _scaled_by_full_width(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int
) -> Tensor:
    return _multi_head_attention(x, w_q / math.sqrt(n_heads), w_k, w_v, w_out, n_heads)


def _by_reshape_alone(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int
) -> Tensor:
    q, k, v = (_tokens_torn_apart(x @ w, n_heads) for w in (w_q, w_k, w_v))
    return _scaled_dot_product(q, k, v, _causal_mask(x.shape[1])).reshape(x.shape) @ w_out


def _not_scaled(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int) -> Tensor:
    return _multi_head_attention(x, w_q * math.sqrt(x.shape[-1] / n_heads), w_k, w_v, w_out, n_heads)


def _mask_of_the_future(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int
) -> Tensor:
    mixed = _scaled_dot_product(*_parts(x, w_q, w_k, w_v, n_heads=n_heads), _causal_mask(x.shape[1]).T)
    return _joined(mixed) @ w_out


def _hidden_with_zero(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int
) -> Tensor:
    q, k, v = _parts(x, w_q, w_k, w_v, n_heads=n_heads)
    return _joined(_masked_with_zero(q, k, v, _causal_mask(x.shape[1]))) @ w_out


def _hidden_after(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int) -> Tensor:
    q, k, v = _parts(x, w_q, w_k, w_v, n_heads=n_heads)
    return _joined(_masked_after(q, k, v, _causal_mask(x.shape[1]))) @ w_out


def _heads_left_apart(mask_of: Callable[[int, int], Tensor | None]) -> Callable[..., Tensor]:
    """Attention on (B, T, H, D), with the mask that is made for T tokens and H heads."""

    def wrong(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int) -> Tensor:
        B, T, C = x.shape
        q, k, v = ((x @ w).reshape(B, T, n_heads, C // n_heads) for w in (w_q, w_k, w_v))
        return _scaled_dot_product(q, k, v, mask_of(T, n_heads)).flatten(2) @ w_out

    return wrong


_IN_OUT = (
    "`nn.Linear` keeps its matrix as (out, in) and multiplies by the transpose. Here the matrices are (in, "
    "out): `x @ w_q`."
)


multi_head_attention = Exercise(
    name="multi_head_attention",
    topic="attention",
    title="Multi-head attention",
    difficulty="hard",
    minutes=20,
    reference=_multi_head_attention,
    cases=_heads_cases,
    fresh=_fresh_multi_head,
    draws=10,
    properties=(
        causal(
            lambda: _random(2, 5, 6, seed=70),
            lambda answer, x: answer(x, *_heads_case(2, 5, 3, 2, seed=71).args[1:]),
        ),
    ),
    forbidden=(
        Forbidden(
            ("multi_head_attention_forward", "_native_multi_head_attention"),
            "The exercise is to put it together yourself: split, attend, join.",
        ),
    ),
    hints=(
        "You have all the pieces: `split_heads`, `causal_mask`, `scaled_dot_product`. Copy their code into "
        "this cell or call them. What is missing is the first step (x times the three matrices) and the last "
        "(join, times w_out).",
        "Queries are `split_heads(x @ w_q, n_heads)`, (B, H, T, D), and keys and values likewise. Attention "
        "works on the last two axes, so all heads are done at once.",
        "Join in the reverse order of splitting: `out.transpose(1, 2).reshape(B, T, C)`. Then `@ w_out`.",
    ),
    explanation=(
        "Three matrices make queries, keys and values; each is split, so that every head attends with its "
        "own D numbers; the heads are joined, and the last matrix mixes what they found.\n\n"
        "All heads run in the same three lines, since attention works on the last two axes only. The width "
        "of a *head* goes into √D, not the width of the model."
    ),
    mistakes=(
        Mistake(
            "the heads are joined without transposing back",
            _joined_in_memory_order,
            "(B, H, T, D) reshaped straight to (B, T, C) puts numbers of several tokens into one row. First "
            "`transpose(1, 2)`, then `reshape`.",
        ),
        Mistake(
            "the heads are split without a transpose",
            _torn_apart,
            "`reshape(B, n_heads, T, D)` has the right shape, and tears the tokens apart. Cut each token "
            "first, `reshape(B, T, n_heads, D)`, then `transpose(1, 2)`.",
        ),
        Mistake(
            "the heads are split and joined by `reshape` alone",
            _by_reshape_alone,
            "`reshape(B, n_heads, T, D)` has the right shape, and tears the tokens apart: a head then mixes "
            "pieces of the same tokens, and never sees the others. Cut each token first, "
            "`reshape(B, T, n_heads, D)`, then `transpose(1, 2)`; and back the same way.",
        ),
        *(
            Mistake(
                "each token attends to its own heads",
                _heads_left_apart(mask_of),
                "Attention works on the last two axes. They must be (T, D), so that tokens look at tokens: "
                "after the cut comes `transpose(1, 2)`.",
            )
            for mask_of in (
                lambda T, n_heads: _causal_mask(n_heads),
                lambda T, n_heads: _causal_mask(T),
                lambda T, n_heads: None,
            )
        ),
        Mistake(
            "the last matrix is left out",
            lambda x, w_q, w_k, w_v, w_out, n_heads: _joined(_mixed(x, w_q, w_k, w_v, n_heads)),
            "Without it the heads only stand side by side. `w_out` mixes what they found.",
        ),
        Mistake(
            "there is no mask",
            _without_mask,
            "Every token sees the whole text. Hide what comes after it.",
        ),
        Mistake(
            "hidden keys get the score 0",
            _hidden_with_zero,
            "The score 0 is not the weight 0: e^0 is 1. Minus infinity gives the weight 0.",
        ),
        Mistake(
            "the mask comes after the softmax",
            _hidden_after,
            "The hidden keys have already taken their share of the sum. Put minus infinity into the scores, "
            "before the softmax.",
        ),
        Mistake(
            "the mask hides the past",
            _mask_of_the_future,
            "A token sees itself and what came *before* it: `causal_mask(T)`, the lower triangle.",
        ),
        Mistake(
            "the scores are not divided by √D",
            _not_scaled,
            "Without the division the scores grow with the width of a head. Divide by the root of D = "
            "C / n_heads.",
        ),
        Mistake(
            "the scores are divided by √C",
            _scaled_by_full_width,
            "A head multiplies vectors of width D = C / n_heads, so divide by √D.",
        ),
        Mistake(
            "one head with the full width",
            lambda x, w_q, w_k, w_v, w_out, n_heads: _multi_head_attention(x, w_q, w_k, w_v, w_out, 1),
            "The vectors are not split, so that there is one set of weights, not n_heads of them.",
        ),
        Mistake(
            "keys and values are swapped",
            lambda x, w_q, w_k, w_v, w_out, n_heads: _multi_head_attention(x, w_q, w_v, w_k, w_out, n_heads),
            "`w_k` makes what a token is found by, `w_v` what it hands over. The values are what is mixed.",
        ),
        Mistake(
            "queries and keys are swapped",
            lambda x, w_q, w_k, w_v, w_out, n_heads: _multi_head_attention(x, w_k, w_q, w_v, w_out, n_heads),
            "`w_q` makes what a token looks for, `w_k` what it is found by. The scores are q kᵀ: queries in "
            "the rows.",
        ),
        Mistake(
            "x is added already",
            lambda x, w_q, w_k, w_v, w_out, n_heads: (
                x + _multi_head_attention(x, w_q, w_k, w_v, w_out, n_heads)
            ),
            "Give what attention has found, and nothing else. Adding it to the stream comes in notebook 04.",
        ),
        Mistake(
            "the matrices are transposed",
            lambda x, w_q, w_k, w_v, w_out, n_heads: _multi_head_attention(
                x, w_q.T, w_k.T, w_v.T, w_out.T, n_heads
            ),
            _IN_OUT,
        ),
        Mistake(
            "the matrices of queries, keys and values are transposed",
            lambda x, w_q, w_k, w_v, w_out, n_heads: _multi_head_attention(
                x, w_q.T, w_k.T, w_v.T, w_out, n_heads
            ),
            _IN_OUT,
        ),
        Mistake(
            "the last matrix is transposed",
            lambda x, w_q, w_k, w_v, w_out, n_heads: _multi_head_attention(
                x, w_q, w_k, w_v, w_out.T, n_heads
            ),
            _IN_OUT,
        ),
    ),
)


# The same as a class --------------------------------------------------------------------------------------


class _MultiHeadAttention(nn.Module):
    """Causal attention with several heads, and the four matrices it learns: x (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        H, D = self.n_heads, C // self.n_heads
        q, k, v = (part.reshape(B, T, H, D).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1))
        scores = q @ k.transpose(-2, -1) / math.sqrt(D)  # (B, H, T, T)
        later = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(diagonal=1)
        attn = scores.masked_fill(later, -math.inf).softmax(dim=-1)
        return self.out((attn @ v).transpose(1, 2).reshape(B, T, C))


def _layer_case(B: int, T: int, n_heads: int, D: int, seed: int, training: bool = True) -> ModuleCase:
    width = n_heads * D
    x = _random(B, T, width, seed=seed)
    return module_case(_MultiHeadAttention, width, n_heads, seed=seed + 1, training=training, x=x)


def _layer_cases() -> list[Case]:
    sizes = (
        (2, 3, 2, 5),
        (1, 5, 3, 2),
        (3, 2, 7, 1),
        (2, 7, 1, 3),
        (2, 3, 2, 3),
        (1, 1, 2, 2),
        (1, 70, 1, 2),
    )
    cases = [_layer_case(*size, seed=300 + i, training=i % 2 == 0) for i, size in enumerate(sizes)]
    return [*cases, _low_score()]


def _low_score() -> ModuleCase:
    """The first token's score with itself is so low that a hidden one must be lower than any number."""
    case = _layer_case(1, 2, 1, 1, seed=310)
    low = {"x": torch.tensor([[[1.0], [-1.0]]]), "qkv.weight": torch.tensor([[200.0], [-200.0], [1.0]])}
    return ModuleCase(*case.args, **{**case.kwargs, **low, "qkv.bias": torch.zeros(3)})


def _fresh_layer(draw: Draw) -> Case:
    n_heads, D = draw.integer(1, 4), draw.integer(1, 3)
    x = draw.tensor(draw.integer(1, 3), draw.integer(1, 5), n_heads * D, extremes=False)
    more = {"seed": draw.integer(0, 99), "training": draw.boolean()}
    return module_case(_MultiHeadAttention, n_heads * D, n_heads, **more, x=x)


class _InSteps(_MultiHeadAttention):
    """The same in steps, which mistakes replace one at a time."""

    def parts(self, x: Tensor) -> list[Tensor]:
        return [self.split(part) for part in self.qkv(x).chunk(3, dim=-1)]

    def split(self, x: Tensor) -> Tensor:
        return _split_heads(x, self.n_heads)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return _scaled_dot_product(q, k, v, _causal_mask(q.shape[-2]))

    def join(self, mixed: Tensor) -> Tensor:
        return _joined(mixed)

    def last(self, joined: Tensor, x: Tensor) -> Tensor:
        return self.out(joined)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.join(self.attend(*self.parts(x))), x)


def _layer_with(**steps: Callable[..., Any]) -> type:
    return type("MultiHeadAttention", (_InSteps,), steps)


def _parts_in_order(*order: int) -> Callable[..., list[Tensor]]:
    def parts(self: _InSteps, x: Tensor) -> list[Tensor]:
        found = self.qkv(x).chunk(3, dim=-1)
        return [self.split(found[i]) for i in order]

    return parts


def _cut_by_head_first(self: _InSteps, x: Tensor) -> tuple[Tensor, ...]:
    return _split_heads(self.qkv(x), self.n_heads).chunk(3, dim=-1)


def _stretched(factor: Callable[[Tensor, int], float]) -> Callable[..., Tensor]:
    """Attention with scores of another size."""

    def attend(self: _InSteps, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return _scaled_dot_product(q * factor(q, self.n_heads), k, v, _causal_mask(q.shape[-2]))

    return attend


class _WithoutBias(_MultiHeadAttention):
    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__(width, n_heads)
        self.qkv = nn.Linear(width, 3 * width, bias=False)


class _Narrow(_MultiHeadAttention):
    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__(width, n_heads)
        self.qkv = nn.Linear(width, width)


MultiHeadAttention = Exercise(
    name="MultiHeadAttention",
    topic="attention",
    title="Multi-head attention as a class",
    piece="attention_class",
    difficulty="hard",
    minutes=20,
    reference=_MultiHeadAttention,
    use=as_module,
    cases=_layer_cases,
    fresh=_fresh_layer,
    draws=8,
    forbidden=(
        Forbidden(
            ("multi_head_attention_forward", "_native_multi_head_attention"),
            "The exercise is to put the layer together yourself: split, attend, join.",
        ),
    ),
    hints=(
        "What is learned is made in `__init__`: two `nn.Linear`, one from C to 3C and one from C to C. What "
        "is computed stands in `forward`, and is what your function did, with `self.qkv(x)` for the three "
        "products.",
        "`self.qkv(x)` is (B, T, 3C); `.chunk(3, dim=-1)` cuts it into queries, keys and values, each "
        "(B, T, C), which are then split into heads.",
        "Keep `n_heads` as `self.n_heads`. Make the mask in `forward`, for the T that came, on `x.device`. "
        "At the end: join, then `self.out(...)`.",
    ),
    explanation=(
        "The function got its matrices handed in; the class owns them. `nn.Linear` registers its weight and "
        "bias, so that an optimizer finds them in `parameters()` and a file in `state_dict()`, under the "
        "names of the attributes: `qkv.weight`, `qkv.bias`, `out.weight`, `out.bias`.\n\n"
        "One matrix of 3C rows does what three of C rows did, in a single product. The mask is nothing "
        "learned: it is made for the length that came, or kept with `register_buffer`."
    ),
    mistakes=(
        Mistake(
            "the heads are split without a transpose",
            _layer_with(split=lambda self, x: _tokens_torn_apart(x, self.n_heads)),
            "`reshape(B, n_heads, T, D)` has the right shape, and tears the tokens apart. Cut each token "
            "first, `reshape(B, T, n_heads, D)`, then `transpose(1, 2)`.",
        ),
        Mistake(
            "the heads are joined without transposing back",
            _layer_with(join=lambda self, mixed: mixed.reshape(len(mixed), mixed.shape[2], -1)),
            "(B, H, T, D) reshaped straight to (B, T, C) puts numbers of several tokens into one row. First "
            "`transpose(1, 2)`, then `reshape`.",
        ),
        Mistake(
            "there is no mask",
            _layer_with(attend=lambda self, q, k, v: _scaled_dot_product(q, k, v)),
            "Every token sees the whole text. Hide what comes after it.",
        ),
        Mistake(
            "the mask comes after the softmax",
            _layer_with(
                attend=lambda self, q, k, v: _masked_after(q, k, v, _causal_mask(q.shape[-2])),
            ),
            "The hidden keys have already taken their share of the sum. Put minus infinity into the scores, "
            "before the softmax.",
        ),
        Mistake(
            "the scores are not divided by √D",
            _layer_with(attend=_stretched(lambda q, n_heads: math.sqrt(q.shape[-1]))),
            "Without the division the scores grow with the width of a head. Divide by the root of D = "
            "C / n_heads.",
        ),
        Mistake(
            "the scores are divided by √C",
            _layer_with(attend=_stretched(lambda q, n_heads: 1 / math.sqrt(n_heads))),
            "A head multiplies vectors of width D = C / n_heads, so divide by √D.",
        ),
        Mistake(
            "one head with the full width",
            _layer_with(split=lambda self, x: _split_heads(x, 1)),
            "The vectors are not split, so that there is one set of weights, not n_heads of them.",
        ),
        Mistake(
            "the keys come first in `qkv`",
            _layer_with(parts=_parts_in_order(1, 0, 2)),
            "The first C rows of `qkv` make queries, the next C keys, the last C values: `q, k, v = "
            "self.qkv(x).chunk(3, dim=-1)`. Weights from elsewhere fit in no other order.",
        ),
        Mistake(
            "the values come before the keys in `qkv`",
            _layer_with(parts=_parts_in_order(0, 2, 1)),
            "The first C rows of `qkv` make queries, the next C keys, the last C values: `q, k, v = "
            "self.qkv(x).chunk(3, dim=-1)`. Weights from elsewhere fit in no other order.",
        ),
        Mistake(
            "each head's three parts lie together in `qkv`",
            _layer_with(parts=_cut_by_head_first),
            "Some models keep them so. Here all queries come first: cut (B, T, 3C) into three, then each of "
            "the three into heads.",
        ),
        Mistake(
            "the last matrix is not used",
            _layer_with(last=lambda self, joined, x: joined),
            "`self.out` is made, but nothing goes through it. It mixes what the heads found.",
        ),
        Mistake(
            "x is added already",
            _layer_with(last=lambda self, joined, x: x + self.out(joined)),
            "Give what attention has found, nothing else. Adding it to the stream is the block's business.",
        ),
        Mistake(
            "`qkv` has no bias",
            _WithoutBias,
            "`nn.Linear` has a bias unless it is told otherwise, and GPT-2's layers have theirs.",
        ),
        Mistake(
            "`qkv` is as narrow as x",
            _Narrow,
            "It makes three vectors of each token: `nn.Linear(width, 3 * width)`.",
        ),
        Mistake(
            "cut off from its gradient",
            _layer_with(last=lambda self, joined, x: self.out(joined.detach())),
            "Nothing arrives at `qkv`, so it would never learn. Leave out `.detach()` and `no_grad`.",
        ),
    ),
)


# A bug to find ----------------------------------------------------------------------------------------------


def _leaky_heads(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int) -> Tensor:
    B, T, C = x.shape
    D = C // n_heads
    q, k, v = ((x @ w).reshape(B, T, n_heads, D).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(D)
    later = torch.ones(T, T, dtype=torch.bool).triu(diagonal=1)
    attn = scores.masked_fill(later, -math.inf).softmax(dim=-1)
    return (attn @ v).reshape(B, T, C) @ w_out


def _mended_heads(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_out: Tensor, n_heads: int) -> Tensor:
    B, T, C = x.shape
    D = C // n_heads
    q, k, v = ((x @ w).reshape(B, T, n_heads, D).transpose(1, 2) for w in (w_q, w_k, w_v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(D)
    later = torch.ones(T, T, dtype=torch.bool).triu(diagonal=1)
    attn = scores.masked_fill(later, -math.inf).softmax(dim=-1)
    return (attn @ v).transpose(1, 2).reshape(B, T, C) @ w_out


leaky_heads = replace(
    multi_head_attention,
    name="leaky_heads",
    title="Find the bug: heads that leak",
    kind="bug",
    difficulty="medium",
    minutes=10,
    reference=_mended_heads,
    faulty=_leaky_heads,
    symptom=(
        "All its shapes are right, its mask hides the future, and with one head it does well; but with "
        "several, a change of the last token moves the output at earlier ones."
    ),
    hints=(
        "With a single head all is well. So look at the steps that treat the heads: where they are made, and "
        "where they are put together again.",
        "Follow the last token. After attention, where in `attn @ v`, of shape (B, H, T, D), are its numbers "
        "of head 0? And in which row of (B, T, C) do these numbers lie in the end?",
        "`reshape` keeps the line of numbers as it is, and cuts it in other places; only `transpose` changes "
        "which axis comes first. The heads were brought before the tokens. They must go back behind them.",
    ),
    explanation=(
        "`(attn @ v).reshape(B, T, C)` reads (B, H, T, D) in its order: all tokens of head 0 first. So the "
        "first rows of the result are filled with what head 0 found for *all* tokens, the last one too. The "
        "mask did its work; the leak comes after it.\n\n"
        "`.transpose(1, 2)` brings (B, T, H, D) back, and then `reshape` joins what lies side by side. No "
        "shape tells, and in training the leak looks like progress. What finds it is the test of the section "
        "on leaks: change a later token, and see whether an earlier output moves."
    ),
)


# Positions as a bias --------------------------------------------------------------------------------------


def _alibi_bias(T: int, n_heads: int) -> Tensor:
    """(H, T, T), to be added to the scores: -slope·distance for the past, minus infinity for the future."""
    slopes = 2.0 ** (-8 * torch.arange(1, n_heads + 1) / n_heads)
    places = torch.arange(T)
    distance = places[:, None] - places  # (T, T): how far back the key stands
    bias = -slopes[:, None, None] * distance
    return bias.masked_fill(distance < 0, float("-inf"))


def _alibi(T: int, slopes: Tensor, hidden: float = -math.inf) -> Tensor:
    distance = torch.arange(T)[:, None] - torch.arange(T)
    return (-slopes[:, None, None] * distance).masked_fill(distance < 0, hidden)


def _slopes(n_heads: int, first: int = 1, base: float = 2.0) -> Tensor:
    return base ** (-8 * torch.arange(first, n_heads + first) / n_heads)


def _future_open(T: int, n_heads: int) -> Tensor:
    distance = torch.arange(T)[:, None] - torch.arange(T)
    return -_slopes(n_heads)[:, None, None] * distance


def _from_the_beginning(T: int, n_heads: int) -> Tensor:
    rise = _slopes(n_heads)[:, None, None] * torch.arange(T).expand(T, T)
    return rise.masked_fill(~_causal_mask(T), -math.inf)


def _itself_hidden(T: int, n_heads: int) -> Tensor:
    return _alibi_bias(T, n_heads).masked_fill(torch.eye(T, dtype=torch.bool), -math.inf)


alibi_bias = Exercise(
    name="alibi_bias",
    topic="attention",
    title="Nearer counts for more",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=15,
    reference=_alibi_bias,
    differentiable=False,
    cases=(
        Case(3, 2),
        Case(5, 4),
        Case(2, 8),
        Case(7, 3),
        Case(1, 2),
        Case(3, 1),
        Case(5, 12),
        Case(12, 2),
        Case(70, 2),
        Case(3, 70),
        Case(300, 1),
        Case(2, 1100),
    ),
    fresh=lambda draw: Case(draw.integer(1, 9), draw.integer(1, 12)),
    draws=16,
    hints=(
        "First the distances, (T, T): `places[:, None] - places` is t - s, how far back the key stands. "
        "Below the diagonal they are positive. What are they above it?",
        "The slopes for H heads: 2 to the power of -8/H, -16/H, and so on down to -8. As a tensor: "
        "`2.0 ** (-8 * torch.arange(1, n_heads + 1) / n_heads)`.",
        "`slopes[:, None, None]` has the shape (H, 1, 1), so that its product with (T, T) is (H, T, T). Fill "
        "in minus infinity where the distance is negative.",
    ),
    explanation=(
        "Each head pays for distance at a price of its own. One with a steep slope reads the last few "
        "words, one with a gentle slope nearly everything. Nothing is learned, and a distance that was never "
        "seen in training just costs a little more, which is why such models can read texts longer than "
        "those they were trained on (Press, Smith and Lewis 2022)."
    ),
    mistakes=(
        Mistake(
            "what is far away is favoured",
            lambda T, n_heads: _alibi(T, -_slopes(n_heads)),
            "A bias is added to the score, so distance must make it smaller: put a minus in front.",
        ),
        Mistake(
            "later keys are not hidden",
            _future_open,
            "Above the diagonal the distance is negative, so the bias is positive there: the model would "
            "look ahead more than back. Put minus infinity there.",
        ),
        Mistake(
            "later keys get the bias 0",
            lambda T, n_heads: _alibi(T, _slopes(n_heads), hidden=0.0),
            "A bias of 0 hides nothing. Minus infinity does.",
        ),
        Mistake(
            "the future gets a large number, not minus infinity",
            lambda T, n_heads: _alibi_bias(T, n_heads).clamp(min=-1e9),
            "Only minus infinity hides a key for sure, whatever its score: `masked_fill(..., "
            "float('-inf'))`.",
        ),
        Mistake(
            "the first slope is 1",
            lambda T, n_heads: _alibi(T, _slopes(n_heads, first=0)),
            "The powers run from -8/H to -8: count the heads from 1, `torch.arange(1, n_heads + 1)`.",
        ),
        Mistake(
            "the slopes come in reverse order",
            lambda T, n_heads: _alibi(T, _slopes(n_heads).flip(0)),
            "Head 0 has the steepest slope, 2 to the power of -8/H, and the last one 2 to the power of -8.",
        ),
        Mistake(
            "the slopes don't depend on how many heads there are",
            lambda T, n_heads: _alibi(T, 2.0 ** -torch.arange(1.0, n_heads + 1)),
            "1/2, 1/4, 1/8 and so on is right for 8 heads only. For H heads the powers go in steps of -8/H.",
        ),
        Mistake(
            "the powers are of e, not of 2",
            lambda T, n_heads: _alibi(T, _slopes(n_heads, base=math.e)),
            "`torch.exp` makes powers of e = 2.718...; the slopes are powers of 2: `2.0 ** ...`.",
        ),
        Mistake(
            "a token can't see itself",
            _itself_hidden,
            "The distance to itself is 0, and so is the bias. Hide only what comes later: `distance < 0`.",
        ),
        Mistake(
            "later keys count as equally far",
            lambda T, n_heads: (
                -_slopes(n_heads)[:, None, None] * (torch.arange(T)[:, None] - torch.arange(T)).abs()
            ),
            "A key that comes later must not be seen at all: put minus infinity there, so that it is a "
            "causal mask as well.",
        ),
        Mistake(
            "all heads have the same slope",
            lambda T, n_heads: _alibi(T, _slopes(n_heads)[:1].expand(n_heads)),
            "Each head has its own: some look near, some far.",
        ),
        Mistake(
            "counted from the beginning of the text",
            _from_the_beginning,
            "The softmax can't tell the difference, since each row is only shifted by one number, and some "
            "programs do it like that. But here the bias should say how far away a key is: 0 on the "
            "diagonal.",
        ),
    ),
)


# Block by block -------------------------------------------------------------------------------------------


def _online_step(
    largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One more block of keys for one query. scores (S,), values (S, D), mixed (D,); the rest are numbers."""
    new_largest = torch.maximum(largest, scores.max())
    correction = (largest - new_largest).exp()  # the old sums were measured against the old largest
    weights = (scores - new_largest).exp()
    return new_largest, total * correction + weights.sum(), mixed * correction + weights @ values


def _online_cases() -> list[Case]:
    start = (torch.tensor(-math.inf), torch.tensor(0.0), torch.zeros(3))
    later = (torch.tensor(1.5), torch.tensor(2.5), _random(3, seed=90))
    return [
        Case(*start, torch.tensor([1.0, 3.0]), _random(2, 3, seed=91)),
        Case(*later, torch.tensor([2.0, 0.5, 4.0, 1.0, 0.0]), _random(5, 3, seed=92)),  # a new largest
        Case(*later, torch.tensor([-2.0, 0.5]), _random(2, 3, seed=93)),  # the old largest stays
        Case(torch.tensor(99.0), torch.tensor(1.5), torch.ones(2), torch.tensor([100.0]), torch.ones(1, 2)),
        Case(*later, torch.tensor([1.5, 0.5, 1.5]), _random(3, 3, seed=94)),  # as large as the old largest
        Case(
            torch.tensor(-0.0037),
            torch.tensor(77.7123),
            90 * _random(5, seed=95),
            torch.tensor([0.51234, -1.98765, 0.0007]),
            _random(5, 3, seed=96).T * 90,
        ),
        Case(
            torch.tensor(7e-4),
            torch.tensor(9e-4),
            _random(2, seed=97) / 3000,
            torch.tensor([-0.61234, 5e-4]),
            _random(2, 2, seed=98) / 3000,
        ),
        Case(
            torch.tensor(-1.23456),
            torch.tensor(1.23456),
            _random(1100, seed=99),
            _random(1100, seed=87),
            _random(1100, 1100, seed=88),
        ),
        Case(
            torch.tensor(-999.0), torch.tensor(2.0), torch.ones(1), torch.tensor([-1000.0]), torch.ones(1, 1)
        ),
        Case(*start, torch.tensor([-3e4, -3e4 - 1]), _random(2, 3, seed=89)),  # far below 0
    ]


def _fresh_step(draw: Draw) -> Case:
    S, D = draw.integer(1, 6), draw.integer(1, 4)
    scores, values = draw.logits(S) * draw.choose((1.0, 1.0, 9.0)), draw.tensor(S, D)
    if draw.integer(0, 3) == 0:
        return Case(torch.tensor(-math.inf), torch.tensor(0.0), torch.zeros(D), scores, values)
    above = draw.choose((0.0, 1.5, -1.5, 40.0, -40.0))
    return Case(scores.max() + above, draw.positive(1)[0], draw.tensor(D), scores, values)


def _total_not_corrected(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top, _, new_mixed = _online_step(largest, total, mixed, scores, values)
    return top, total + (scores - top).exp().sum(), new_mixed


def _mixed_not_corrected(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top, new_total, _ = _online_step(largest, total, mixed, scores, values)
    return top, new_total, mixed + (scores - top).exp() @ values


def _nothing_corrected(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top = torch.maximum(largest, scores.max())
    weights = (scores - top).exp()
    return top, total + weights.sum(), mixed + weights @ values


def _upside_down(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top = torch.maximum(largest, scores.max())
    weights, factor = (scores - top).exp(), (top - largest).exp()
    return top, total * factor + weights.sum(), mixed * factor + weights @ values


def _old_largest_forgotten(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top = scores.max()
    weights, factor = (scores - top).exp(), (largest - top).exp()
    return top, total * factor + weights.sum(), mixed * factor + weights @ values


def _divided_already(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top, new_total, new_mixed = _online_step(largest, total, mixed, scores, values)
    return top, new_total, new_mixed / new_total


def _no_largest(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    weights = scores.exp()
    return torch.maximum(largest, scores.max()), total + weights.sum(), mixed + weights @ values


def _new_against_old(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top, weights = torch.maximum(largest, scores.max()), (scores - largest).exp()
    factor = (largest - top).exp()
    return top, total * factor + weights.sum(), mixed * factor + weights @ values


def _by_the_blocks_own(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top, weights = torch.maximum(largest, scores.max()), (scores - scores.max()).exp()
    factor = (largest - top).exp()
    return top, total * factor + weights.sum(), mixed * factor + weights @ values


def _new_as_they_are(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top, weights = torch.maximum(largest, scores.max()), scores.exp()
    factor = (largest - top).exp()
    return top, total * factor + weights.sum(), mixed * factor + weights @ values


def _only_the_block(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top = torch.maximum(largest, scores.max())
    weights = (scores - top).exp()
    return top, weights.sum(), weights @ values


def _values_not_weighted(largest: Tensor, total: Tensor, mixed: Tensor, scores: Tensor, values: Tensor):
    top, new_total, _ = _online_step(largest, total, mixed, scores, values)
    return top, new_total, mixed * (largest - top).exp() + values.sum(0)


online_step = Exercise(
    name="online_step",
    topic="attention",
    title="Softmax, one block at a time",
    kind="explore",
    mark="more",
    difficulty="hard",
    minutes=20,
    reference=_online_step,
    differentiable=False,
    cases=_online_cases,
    fresh=_fresh_step,
    draws=20,
    hints=(
        "Three numbers are kept: the largest score so far, the sum of e^(score - largest), and the sum of "
        "e^(score - largest) times value. Only the first changes in a simple way. What do the others lack "
        "when a larger score turns up?",
        "`torch.maximum(largest, scores.max())` is the new largest. Each old term was e^(score - old), and "
        "should be e^(score - new). By which factor do these differ?",
        "By `correction = (largest - new_largest).exp()`, for all old terms alike: `total * correction + "
        "...`, and `mixed * correction + ...`.",
    ),
    explanation=(
        "e^(score - new) = e^(score - old) · e^(old - new). So when a larger score turns up, all that was "
        "summed so far is multiplied by one factor, and nothing has to be looked at again. In the first step "
        "the factor is e^(-∞) = 0, and all that is multiplied by it is 0 anyway.\n\n"
        "After the last block, `mixed / total` is the softmax-weighted mean of all values, exactly. Nowhere "
        "was there a row of all weights: this is what lets FlashAttention do without the (T, T) map (Milakov "
        "and Gimelshein 2018; Dao and others 2022)."
    ),
    mistakes=(
        Mistake(
            "the old sum is not corrected",
            _total_not_corrected,
            "`total` was summed against the old largest score. Multiply it by e^(old - new) before you add.",
        ),
        Mistake(
            "the old mixture is not corrected",
            _mixed_not_corrected,
            "`mixed` holds e^(score - old) times value, so it needs the same factor e^(old - new) as "
            "`total`.",
        ),
        Mistake(
            "nothing old is corrected",
            _nothing_corrected,
            "Old and new terms are then measured against different largest scores, and can't be added. "
            "Multiply the old ones by e^(old - new).",
        ),
        Mistake(
            "the correction is upside down",
            _upside_down,
            "The new largest score is larger, so the old terms must *shrink*: e^(old - new), which is at "
            "most 1.",
        ),
        Mistake(
            "the old largest score is forgotten",
            _old_largest_forgotten,
            "If the block's scores are all small, the largest is still the old one: "
            "`torch.maximum(largest, scores.max())`.",
        ),
        Mistake(
            "the block's terms are measured against the old largest score",
            _new_against_old,
            "The new terms must be measured against the *new* largest score as well: e^(score - new). At the "
            "very beginning the old one is minus infinity.",
        ),
        Mistake(
            "the block's terms are measured against the block's own largest score",
            _by_the_blocks_own,
            "Old and new terms can be added only if all are measured against the same score: the largest so "
            "far, which may be an old one.",
        ),
        Mistake(
            "only the new block counts",
            _only_the_block,
            "What was summed before is lost. Multiply it by e^(old - new), and add the new terms to it.",
        ),
        Mistake(
            "the values are not weighted",
            _values_not_weighted,
            "Each value counts with its own weight e^(score - new): `weights @ values`.",
        ),
        Mistake(
            "the mixture comes before the total",
            lambda *inputs: [_online_step(*inputs)[i] for i in (0, 2, 1)],
            "The order is `largest, total, mixed`, so that the three can go into the next step as they are.",
        ),
        Mistake(
            "divided in every step",
            _divided_already,
            "Divide once, after the last block. Otherwise the next block would be added to a mean, not to a "
            "sum.",
        ),
        Mistake(
            "no largest score is taken away",
            _no_largest,
            "e^100 does not fit into float32. Measure every score against the largest so far.",
        ),
        Mistake(
            "no largest score is taken away from the block's scores",
            _new_as_they_are,
            "e^100 does not fit into float32, and old and new terms must be measured alike: `(scores - "
            "new_largest).exp()`.",
        ),
    ),
)


# What a result shows --------------------------------------------------------------------------------------


size_at_100 = Exercise(
    name="size_at_100",
    topic="attention",
    title="Explain: how large are the scores?",
    kind="explain",
    difficulty="easy",
    minutes=3,
    reference=10.0,
    atol=1.5,
    cases=(),
    hints=(
        "The rows of the table have D = 64 and D = 256; 100 lies between them.",
        "Which column do you need, the variance or the typical size? And which of the two grows like D?",
    ),
    explanation=(
        "A sum of D random terms has a variance of about D, and a typical size of about √D: for D = 100 "
        "that is 10, a little above the row of D = 64 and well below that of 256. Four times the width, "
        "twice the score: that is why one divides by √D, and not by D."
    ),
    mistakes=(
        Mistake(
            "the variance was read",
            100.0,
            "The first column is the mean of the *squares*. The typical size is its root, the second column.",
        ),
        Mistake(
            "the size was taken to grow in step with D",
            25.0,
            "From D = 16 to D = 64 the width is four times as large, and the size only twice.",
        ),
        Mistake(
            "read off halfway between the sizes at D = 16 and D = 64",
            6.0,
            "100 is larger than 64, so the size is larger than 8.",
        ),
        Mistake(
            "what the scores are multiplied by",
            0.1,
            "1/√100 is what brings them back to a size of 1. The question is how large they are before that.",
        ),
    ),
)


sure_at_the_end = Exercise(
    name="sure_at_the_end",
    topic="attention",
    title="Explain: worse than guessing",
    kind="explain",
    difficulty="medium",
    minutes=5,
    reference="b",
    cases=(),
    hints=(
        "Guessing evenly among ten digits costs ln 10 at every position. What must a model do to pay more?",
        "The loss is minus the logarithm of what the right digit was given. Compare one who gives each digit "
        "a tenth with one who gives some digit three tenths, and the others less than a tenth.",
    ),
    explanation=(
        "Elsewhere it copies the digit to its right. At the last position nothing stands to the right, so "
        "what it fetches says nothing about what comes; but it fetches something, and favours a digit for "
        "it. Where nobody can know, even weights are the best there are, and every preference is paid for: "
        "a loss above ln 10 is the mark of a guess that is too sure."
    ),
    mistakes=(
        Mistake(
            "too little training",
            "a",
            "The digits are random: no training brings anyone below ln 10 there, and to guess evenly needs "
            "none at all. It did not fail to learn, it learned something that doesn't help here.",
        ),
        Mistake(
            "too many tokens to look at",
            "c",
            "The model with a mask sees just as many tokens from the last position, and pays what guessing "
            "costs.",
        ),
        Mistake(
            "chance",
            "d",
            "There are hundreds of windows, so hundreds of last positions. In other windows their mean would "
            "move by some hundredths, and this is a matter of tenths.",
        ),
    ),
)


# Quiz -----------------------------------------------------------------------------------------------------


quiz = Quiz(
    topic="attention",
    questions=(
        Question(
            "Queries and keys are random, of width D. Somebody leaves out the division by √D and makes D "
            "a hundred times as large. What happens?",
            (
                Option(
                    "Nothing much: the softmax makes the weights sum to 1 anyway.",
                    "They do sum to 1, but it matters how they are spread. Larger differences between "
                    "scores give one key nearly everything.",
                ),
                Option(
                    "The scores grow about tenfold, and the softmax saturates.",
                    "The variance of a score is D, its usual size √D. One key then gets nearly all the "
                    "weight, and most queries get hardly any gradient.",
                    right=True,
                ),
                Option(
                    "The scores grow about a hundredfold, and the softmax overflows.",
                    "Random products have either sign and partly cancel: it is the variance that grows a "
                    "hundredfold, the size only tenfold. And a softmax that first takes the largest score "
                    "away doesn't overflow.",
                ),
                Option(
                    "The scores shrink, and attention becomes a plain mean.",
                    "That would be the other end: scores near 0, as when one divides by D where √D is "
                    "enough.",
                ),
            ),
        ),
        Question(
            "A mask is applied after the softmax: the weights of later tokens are set to 0. What is wrong?",
            (
                Option(
                    "The later tokens had their share in the sum: the rest sums to less than 1, and "
                    "depends on them.",
                    "A change in a later token moves the outputs before it, so the future leaks. Minus "
                    "infinity before the softmax leaves no trace.",
                    right=True,
                ),
                Option(
                    "Nothing: a weight of 0 is a weight of 0, and minus infinity would have made the same "
                    "zeros.",
                    "The later token gets no weight, but it has made the other weights smaller. So the "
                    "future leaks.",
                ),
                Option(
                    "It has computed weights for tokens that are thrown away, which costs time for nothing.",
                    "It costs the same. The trouble is that the future leaks.",
                ),
                Option(
                    "Gradients can't pass through a weight of 0, so that the later tokens never learn "
                    "anything.",
                    "No gradient should pass there: those tokens are not to be used here. The trouble is "
                    "that the future leaks through the other weights.",
                ),
            ),
        ),
        Question(
            "You shuffle the tokens that go into an attention layer without mask and without positions. "
            "What comes out?",
            (
                Option(
                    "The same vectors as before, row for row in their old order.",
                    "The rows belong to tokens, and the tokens have moved.",
                ),
                Option(
                    "Other vectors, since each token now has other neighbours.",
                    "A weighted mean doesn't know in which order its terms were added, and without "
                    "positions there are no neighbours.",
                ),
                Option(
                    "The same vectors, shuffled in the same way.",
                    "The layer sees a set, not a line. That's why order has to be put in: by the mask, by "
                    "positions, or by a bias.",
                    right=True,
                ),
                Option(
                    "An error, since the queries no longer fit the keys.",
                    "Each query meets the same keys as before, and no shape has changed.",
                ),
            ),
        ),
        Question(
            "What does FlashAttention save?",
            (
                Option(
                    "The products between blocks: a query meets the keys of its own block.",
                    "Every query still meets every key, block after block.",
                ),
                Option(
                    "The exactness of the softmax, which it replaces by a quicker estimate.",
                    "It is exact. Only the order in which the sums are formed is another one.",
                ),
                Option(
                    "The values, which are not needed once the weights are known.",
                    "Without values there would be nothing to mix.",
                ),
                Option(
                    "The memory for the map of weights, though not the multiplications.",
                    "Block by block, with a running largest score and a running sum, no full row of "
                    "weights is ever stored. Less traffic to memory also makes it faster.",
                    right=True,
                ),
            ),
        ),
        Question(
            "A head puts 90 % of its weight on the name at the beginning of the story. What do you know?",
            (
                Option(
                    "What the model understood here: who the story is about.",
                    "The map says where a head read. It doesn't say what the layers after it made of that.",
                ),
                Option(
                    "Why the model predicts what it does here: because of the name.",
                    "Perhaps. To find out, change something: cover the name, or switch the head off, and "
                    "see whether the prediction moves.",
                ),
                Option(
                    "What this head mostly passes on from here: the value of that token.",
                    "That is what a weight means. What it is used for, the map doesn't say. And above the "
                    "first layer, the value at that position holds more than the name: it has been mixed "
                    "before.",
                    right=True,
                ),
                Option(
                    "Where the model looks from here: the other heads read the name, too.",
                    "Each head has its own queries and keys, and its own map.",
                ),
            ),
        ),
    ),
)
