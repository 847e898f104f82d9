"""The exercise on the attention of a Llama: grouped queries, and turned queries and keys."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from course_lib.exercises import Case, Draw, Exercise, Forbidden, Mistake, ModuleCase, as_module, module_case
from course_lib.modern.exercises.places import _rotary
from course_lib.modern.exercises.shared import Tensor, drawn, made_otherwise


class _LlamaAttention(nn.Module):
    """Causal attention whose groups of heads share keys and values: x (B, T, C) -> (B, T, C)."""

    def __init__(self, width: int, n_heads: int, n_kv_heads: int, base: float) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.base = n_heads, n_kv_heads, base
        D = width // n_heads
        self.qkv = nn.Linear(width, (n_heads + 2 * n_kv_heads) * D, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        H, G = self.n_heads, self.n_kv_heads
        heads = self.qkv(x).reshape(B, T, H + 2 * G, C // H).transpose(1, 2)
        q, k, v = heads.split([H, G, G], dim=1)
        q, k = _rotary(q, self.base), _rotary(k, self.base)
        k, v = (part.repeat_interleave(H // G, dim=1) for part in (k, v))
        scores = q @ k.transpose(-2, -1) / math.sqrt(C // H)  # (B, H, T, T)
        later = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(diagonal=1)
        attn = scores.masked_fill(later, -math.inf).softmax(dim=-1)
        return self.out((attn @ v).transpose(1, 2).reshape(B, T, C))


def _case(B: int, T: int, H: int, G: int, D: int, base: float, seed: int) -> ModuleCase:
    x = 1.5 * drawn(B, T, H * D, seed=seed)
    return module_case(_LlamaAttention, H * D, H, G, base, seed=seed + 1, training=seed % 2 == 0, x=x)


def _cases() -> list[Case]:
    sizes = (
        (2, 3, 4, 2, 4, 10_000.0),
        (1, 5, 6, 2, 2, 100.0),
        (2, 4, 2, 2, 4, 10_000.0),
        (3, 2, 3, 1, 6, 10_000.0),
        (1, 1, 4, 2, 2, 10.0),
        (1, 30, 4, 2, 2, 50.0),
        (2, 6, 4, 2, 4, 20.0),
    )
    return [_case(*size, seed=70 + i) for i, size in enumerate(sizes)]


def _fresh(draw: Draw) -> ModuleCase:
    G = draw.integer(1, 2)
    H, D = G * draw.integer(1, 3), 2 * draw.integer(1, 2)
    x = draw.tensor(draw.integer(1, 2), draw.integer(1, 5), H * D, extremes=False)
    more = {"seed": draw.integer(0, 99), "training": draw.boolean()}
    return module_case(_LlamaAttention, H * D, H, G, draw.choose((10.0, 10_000.0)), **more, x=x)


class _InSteps(_LlamaAttention):
    """The same in steps, which mistakes replace one at a time."""

    def split(self, x: Tensor) -> tuple[Tensor, ...]:
        B, T, C = x.shape
        H, G = self.n_heads, self.n_kv_heads
        return self.qkv(x).reshape(B, T, H + 2 * G, C // H).transpose(1, 2).split([H, G, G], dim=1)

    def place(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, ...]:
        return _rotary(q, self.base), _rotary(k, self.base), v

    def share(self, part: Tensor) -> Tensor:
        return part.repeat_interleave(self.n_heads // self.n_kv_heads, dim=1)

    def scores(self, q: Tensor, k: Tensor) -> Tensor:
        return q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])

    def weigh(self, scores: Tensor) -> Tensor:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(diagonal=1)
        return scores.masked_fill(later, -math.inf).softmax(dim=-1)

    def join(self, mixed: Tensor) -> Tensor:
        return mixed.transpose(1, 2).flatten(2)

    def last(self, joined: Tensor) -> Tensor:
        return self.out(joined)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.place(*self.split(x))
        k, v = self.share(k), self.share(v)
        return self.last(self.join(self.weigh(self.scores(q, k)) @ v))


def _with(**steps: Callable[..., object]) -> type:
    return type("LlamaAttention", (_InSteps,), steps)


def _in_order(*order: int) -> Callable[..., tuple[Tensor, ...]]:
    """The parts of `qkv` taken in another order."""

    def split(self: _InSteps, x: Tensor) -> tuple[Tensor, ...]:
        B, T, C = x.shape
        sizes = [self.n_heads, self.n_kv_heads, self.n_kv_heads]
        lie = [0, 0, 0]
        heads = self.qkv(x).reshape(B, T, -1, C // self.n_heads).transpose(1, 2)
        pieces = heads.split([sizes[i] for i in order], dim=1)
        for place, part in enumerate(order):
            lie[part] = pieces[place]
        return tuple(lie)

    return split


def _torn(self: _InSteps, x: Tensor) -> tuple[Tensor, ...]:
    B, T, C = x.shape
    H, G = self.n_heads, self.n_kv_heads
    return self.qkv(x).reshape(B, H + 2 * G, T, C // H).split([H, G, G], dim=1)


def _turned_as_one(self: _InSteps, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    """Turned before the heads are split: one wide vector."""

    def turn(part: Tensor) -> Tensor:
        wide = part.transpose(1, 2).flatten(2)
        return _rotary(wide, self.base).unflatten(2, (part.shape[1], -1)).transpose(1, 2)

    return turn(q), turn(k), v


def _placed(which: str) -> Callable[..., tuple[Tensor, ...]]:
    def place(self: _InSteps, *parts: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            _rotary(part, self.base) if name in which else part
            for name, part in zip("qkv", parts, strict=True)
        )

    return place


def _along_the_heads(self: _InSteps, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    def turn(part: Tensor) -> Tensor:
        return _rotary(part.transpose(1, 2), self.base).transpose(1, 2)

    return turn(q), turn(k), v


def _three_of_each(module: nn.Module, width: int, n_heads: int, *_: float) -> None:
    module.qkv = nn.Linear(width, 3 * width + 1, bias=False)


def _with_biases(module: nn.Module, width: int, n_heads: int, n_kv_heads: int, base: float) -> None:
    module.qkv = nn.Linear(width, module.qkv.out_features)
    module.out = nn.Linear(width, width)


LlamaAttention = Exercise(
    name="LlamaAttention",
    topic="modern",
    title="Attention with grouped queries, as a class",
    piece="llama_attention_class",
    difficulty="hard",
    minutes=25,
    reference=_LlamaAttention,
    use=as_module,
    cases=_cases,
    fresh=_fresh,
    draws=8,
    forbidden=(
        Forbidden(
            ("multi_head_attention_forward", "_native_multi_head_attention"),
            "The exercise is to put the layer together yourself: split, turn, share, attend, join.",
        ),
    ),
    hints=(
        "Begin with your `MultiHeadAttention` of notebook 03. Three things change: `qkv` has fewer rows, "
        "queries and keys are turned, and keys and values are shared. And there are no biases.",
        "`self.qkv(x)` is (B, T, (H + 2G) · D), with G for `n_kv_heads`. Make heads of all of it, "
        "(B, H + 2G, "
        "T, D), then `.split([H, G, G], dim=1)`. Turn queries and keys with your `rotary`, once they are "
        "(B, H, T, D).",
        "Before the scores, give each query head its keys: `k.repeat_interleave(H // G, dim=1)` makes "
        "(B, H, T, D) of (B, G, T, D), and the same for the values. From there on it is notebook 03.",
    ),
    explanation=(
        "Query heads 0 to H/G - 1 read the first set of keys and values, the next H/G the second one: "
        "`repeat_interleave` (0, 0, 1, 1), not `repeat` (0, 1, 0, 1). Only k and v of G heads need "
        "to be kept "
        "while a text is written, H/G times fewer than before.\n\n"
        "Positions come in here, at queries and keys only, and in every layer anew. The values stay as they "
        "are: what is fetched doesn't depend on where it stood."
    ),
    mistakes=(
        Mistake(
            "keys and values are repeated in the wrong order",
            _with(
                share=lambda self, part: part.repeat(1, self.n_heads // self.n_kv_heads, 1, 1),
            ),
            "`repeat` gives 0, 1, 0, 1; the groups are neighbours, 0, 0, 1, 1: `repeat_interleave`.",
        ),
        Mistake(
            "all heads read the first keys and values",
            _with(
                share=lambda self, part: part[:, :1].repeat(1, self.n_heads, 1, 1),
            ),
            "There are `n_kv_heads` sets of them; each is for H / G neighbouring heads.",
        ),
        Mistake(
            "the mean of the keys and values is shared",
            _with(
                share=lambda self, part: part.mean(1, keepdim=True).repeat(1, self.n_heads, 1, 1),
            ),
            "Each group has keys and values of its own; nothing is averaged when the layer runs.",
        ),
        Mistake(
            "nothing is turned",
            _with(place=_placed("")),
            "Without rotary positions the layer doesn't know the order of the tokens: turn queries and keys.",
        ),
        Mistake(
            "the keys are not turned",
            _with(place=_placed("q")),
            "Then scores depend on the query's place alone. Turn queries *and* keys.",
        ),
        Mistake(
            "the queries are not turned",
            _with(place=_placed("k")),
            "Then scores depend on the key's place alone. Turn queries *and* keys.",
        ),
        Mistake(
            "the values are turned, too",
            _with(place=_placed("qkv")),
            "Positions belong into the scores. What is fetched stays as it is: don't turn the values.",
        ),
        Mistake(
            "turned before the heads are split",
            _with(place=_turned_as_one),
            "The pairs lie within a head, D wide: split into heads first, then turn.",
        ),
        Mistake(
            "the places run along the heads",
            _with(place=_along_the_heads),
            "`rotary` takes (B, H, T, D), with the tokens on the axis before the last: transpose first.",
        ),
        Mistake(
            "the base is always 10,000",
            _with(
                place=lambda self, q, k, v: (_rotary(q, 10_000.0), _rotary(k, 10_000.0), v),
            ),
            "`base` was handed in: keep it as `self.base`.",
        ),
        Mistake(
            "the keys come first in `qkv`",
            _with(split=_in_order(1, 0, 2)),
            "First the rows of all queries, then those of the keys, then those of the values.",
        ),
        Mistake(
            "the values come before the keys in `qkv`",
            _with(split=_in_order(0, 2, 1)),
            "First the rows of all queries, then those of the keys, then those of the values.",
        ),
        Mistake(
            "the heads are split without a transpose",
            _with(split=_torn),
            "That tears the tokens apart. `reshape(B, T, heads, D)` first, then `transpose(1, 2)`.",
        ),
        Mistake(
            "the heads are joined without transposing back",
            _with(join=lambda self, mixed: mixed.reshape(len(mixed), mixed.shape[2], -1)),
            "First `transpose(1, 2)`, then `reshape(B, T, C)`.",
        ),
        Mistake(
            "there is no mask",
            _with(weigh=lambda self, scores: scores.softmax(dim=-1)),
            "Every token sees the whole text. Hide what comes after it.",
        ),
        Mistake(
            "the scores are not divided by √D",
            _with(scores=lambda self, q, k: q @ k.transpose(-2, -1)),
            "Divide by the root of D, the width of a head.",
        ),
        Mistake(
            "the scores are divided by √C",
            _with(scores=lambda self, q, k: q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1] * q.shape[1])),
            "A head multiplies vectors of width D, so divide by √D.",
        ),
        Mistake(
            "the last matrix is not used",
            _with(last=lambda self, joined: joined + 0 * self.out(joined)),
            "`self.out` is made, but nothing goes through it. It mixes what the heads found.",
        ),
        Mistake(
            "the layers have biases",
            made_otherwise(_LlamaAttention, _with_biases),
            "A Llama has none: `nn.Linear(..., bias=False)`.",
        ),
        Mistake(
            "`qkv` has the wrong number of rows",
            made_otherwise(_LlamaAttention, _three_of_each),
            "H heads of queries, and G of keys and of values, each D wide: (H + 2G) · D rows.",
        ),
    ),
)
