"""The GPT: token ids in, a score for every possible next token out.

`GPT(config)` is one class for the whole course: GPT-2's parts by default, and by options those of today's
models (RMSNorm, SwiGLU, rotary positions, grouped queries, norms on queries and keys). It does not know
training, generation or optimizers.

The names in a GPT: `tokens` and `positions` turn ids into vectors, `blocks` hold `norm1`, `attention` (`qkv`,
`out`), `norm2` and `mlp` (`up`, `down`, with SwiGLU also `gate`), then come `norm` and `head`, whose matrix
is that of `tokens` if tied.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import (
    check_floats,
    check_ids,
    check_instance,
    check_size,
    flag,
    number,
    shown,
    whole,
)
from course_lib.attention import KVCache, MultiHeadAttention, Remember, causal_mask
from course_lib.config import GPTConfig
from course_lib.context import LearnedPositions, Places, RotaryPositions, SinusoidalPositions
from course_lib.model.activations import fast_gelu
from course_lib.runtime import check_generator

INIT_STD = 0.02  # the size of fresh weights, as in GPT-2
MOST_LAYERS = 10_000  # building them takes some seconds


def layer_norm(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, eps: float = 1e-5
) -> torch.Tensor:
    """Bring each vector to mean 0 and variance 1, then stretch and shift each entry as learned.

    Shapes: x (..., C), weight and bias (C,) -> (..., C).
    Source: Ba, Kiros and Hinton 2016, section 3 (arXiv:1607.06450).

    >>> layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), eps=0.0)
    tensor([-1.,  1.])
    """
    check_norm("layer_norm", x, weight, bias, eps)
    mean = x.mean(dim=-1, keepdim=True)
    variance = (x - mean).square().mean(dim=-1, keepdim=True)
    out = (x - mean) / torch.sqrt(variance + eps) * weight
    return out if bias is None else out + bias


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
    """Bring each vector to a mean square of 1, then stretch each entry as learned; no mean, no shift.

    Shapes: x (..., C), weight (C,) -> (..., C).
    Source: Zhang and Sennrich 2019, section 4 (arXiv:1910.07467).

    >>> rms_norm(torch.tensor([1.0, 7.0]), torch.ones(2), eps=0.0)  # the mean square is 25
    tensor([0.2000, 1.4000])
    """
    check_norm("rms_norm", x, weight, None, eps)
    return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps) * weight


def check_norm(
    owner: str, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, eps: float
) -> None:
    """Raises ValueError unless weight and bias have one number for each entry of a vector.

    >>> check_norm("rms_norm", torch.ones(2, 3), torch.ones(2), None, 1e-5)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: rms_norm got weight=a Tensor of shape (2,) and type torch.float32; it needs (C,) for ...
    """
    check_eps(owner, eps)
    if not (isinstance(x, torch.Tensor) and x.ndim and x.is_floating_point()):
        raise ValueError(f"{owner} got x={shown(x)}; it needs floats (..., C).")
    for name, value in (("weight", weight), ("bias", bias)):
        fits = isinstance(value, torch.Tensor) and value.shape == x.shape[-1:]
        if not fits and (name == "weight" or value is not None):
            raise ValueError(
                f"{owner} got {name}={shown(value)}; it needs (C,) for vectors of {x.shape[-1]}."
            )


def check_eps(owner: str, eps: float) -> float:
    """What is added so that nothing is divided by 0.

    >>> check_eps("rms_norm", 1)
    1.0
    """
    return float(number(owner, "eps", eps, "0 or more, e.g. 1e-5", lambda e: 0 <= e < math.inf))


class LayerNorm(nn.Module):
    """`layer_norm` with its learned weight and (if wanted) bias, by torch's fused kernel.

    Shapes: (..., width) -> (..., width).

    >>> LayerNorm(2)(torch.tensor([1.0, 3.0])).detach().round(decimals=3)
    tensor([-1.,  1.])
    """

    def __init__(self, width: int, bias: bool = True, eps: float = 1e-5):
        super().__init__()
        width, bias = whole("LayerNorm", "width", width), flag("LayerNorm", "bias", bias)
        self.eps = check_eps("LayerNorm", eps)
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_vectors("LayerNorm", x, self.weight)
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class RMSNorm(nn.Module):
    """`rms_norm` with its learned weight, by torch's own function.

    Shapes: (..., width) -> (..., width).

    >>> RMSNorm(2)(torch.tensor([1.0, 7.0])).detach()
    tensor([0.2000, 1.4000])
    """

    def __init__(self, width: int, eps: float = 1e-5):
        super().__init__()
        self.eps = check_eps("RMSNorm", eps)
        self.weight = nn.Parameter(torch.ones(whole("RMSNorm", "width", width)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_vectors("RMSNorm", x, self.weight)
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class MLP(nn.Module):
    """What each token does by itself: out to a wider space, a bend, and back.

    The bend is GPT-2's GELU (in its tanh form), or with activation="relu2" the square of ReLU.

    Shapes: (B, T, C) -> (B, T, C).
    Source: Radford and others 2019; Hendrycks and Gimpel 2016 (arXiv:1606.08415) on GELU; So and others 2021
    (arXiv:2109.08668) on squared ReLU.

    >>> MLP(GPTConfig(n_heads=2, width=6))(torch.zeros(2, 3, 6)).shape
    torch.Size([2, 3, 6])
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        check_config("MLP", config)
        self.width = config.width
        self.squared = config.activation == "relu2"
        self.up = nn.Linear(config.width, config.mlp_hidden, bias=config.bias)
        self.down = nn.Linear(config.mlp_hidden, config.width, bias=config.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_floats("MLP", "x", x, self.width)
        x = self.up(x)
        x = F.relu(x).square() if self.squared else fast_gelu(x)
        return self.down(x)


class SwiGLU(nn.Module):
    """An MLP with a gate: one matrix proposes, another, bent by SiLU, decides how much of it gets through.

    Shapes: (B, T, C) -> (B, T, C).
    Source: Shazeer 2020, section 2 (arXiv:2002.05202).

    >>> SwiGLU(GPTConfig(n_heads=2, width=6, activation="swiglu"))(torch.zeros(2, 3, 6)).shape
    torch.Size([2, 3, 6])
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        check_config("SwiGLU", config)
        self.width = config.width
        self.gate = nn.Linear(config.width, config.mlp_hidden, bias=config.bias)
        self.up = nn.Linear(config.width, config.mlp_hidden, bias=config.bias)
        self.down = nn.Linear(config.mlp_hidden, config.width, bias=config.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        check_floats("SwiGLU", "x", x, self.width)
        return self.down(F.silu(self.gate(x)) * self.up(x))


def check_config(owner: str, config: GPTConfig) -> None:
    """Raises ValueError for what is no configuration.

    >>> check_config("MLP", "tiny")
    Traceback (most recent call last):
    ValueError: MLP got config='tiny'; it must be a GPTConfig, e.g. GPTConfig.preset("tiny").
    """
    check_instance(owner, "config", config, GPTConfig, 'a GPTConfig, e.g. GPTConfig.preset("tiny")')


def check_vectors(owner: str, x: torch.Tensor, weight: torch.Tensor) -> None:
    """Raises ValueError for vectors that a norm with this weight can't take; it costs half a microsecond.

    >>> check_vectors("LayerNorm", torch.ones(2, 3).double(), torch.ones(3))
    Traceback (most recent call last):
    ValueError: LayerNorm got x of torch.float64, but its weights are torch.float32; give it x.float().
    """
    check_floats(owner, "x", x, weight.shape[-1])
    if x.dtype is torch.float64 and weight.dtype is not torch.float64:
        raise ValueError(
            f"{owner} got x of {x.dtype}, but its weights are {weight.dtype}; give it x.float()."
        )


def make_norm(config: GPTConfig) -> LayerNorm | RMSNorm:
    """The kind of norm that a configuration asks for.

    >>> type(make_norm(GPTConfig(norm="rmsnorm"))).__name__
    'RMSNorm'
    """
    check_config("make_norm", config)
    if config.norm == "rmsnorm":
        return RMSNorm(config.width, config.norm_eps)
    return LayerNorm(config.width, config.bias, config.norm_eps)


class Block(nn.Module):
    """One layer: tokens look at each other, then each thinks for itself; both add to what was there.

    The norms stand before each part, so that the sum itself, the residual stream, runs through untouched.

    Shapes: x (B, T, C) -> (B, T, C); the other arguments are those of `MultiHeadAttention`.
    Source: Radford and others 2019, section 2.3; Xiong and others 2020 (arXiv:2002.04745) on norms before the
    parts.

    >>> Block(GPTConfig(n_heads=2, width=6))(torch.zeros(2, 3, 6)).shape
    torch.Size([2, 3, 6])
    """

    def __init__(self, config: GPTConfig):
        super().__init__()
        check_config("Block", config)
        self.norm1 = make_norm(config)
        self.attention = MultiHeadAttention(config)
        self.norm2 = make_norm(config)
        self.mlp = SwiGLU(config) if config.activation == "swiglu" else MLP(config)
        self.dropout = config.dropout

    def forward(
        self,
        x: torch.Tensor,
        mask: torch.Tensor | None = None,
        rotary: tuple[torch.Tensor, torch.Tensor] | None = None,
        remember: Remember | None = None,
    ) -> torch.Tensor:
        x = x + self._drop(self.attention(self.norm1(x), mask, rotary, remember))
        return x + self._drop(self.mlp(self.norm2(x)))

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, self.dropout) if self.training and self.dropout else x


class GPT(nn.Module):
    """A language model: for each place in a text, the logits of the token that comes next.

    The weights come from `generator` (same seed, same weights), or from torch's own random numbers.

    Shapes: ids (B, T) -> logits (B, T, V).
    Raises: ValueError for ids that are no (B, T) whole numbers, outside the vocabulary, or longer than the
    context.
    Source: Radford and others 2019, section 2.3, "Language Models are Unsupervised Multitask Learners";
    Vaswani and others 2017 (arXiv:1706.03762).

    >>> model = GPT(GPTConfig(vocab_size=11, context_length=8, n_layers=2, n_heads=2, width=6))
    >>> model(torch.tensor([[1, 2, 3], [4, 5, 6]])).shape
    torch.Size([2, 3, 11])
    """

    def __init__(self, config: GPTConfig, generator: torch.Generator | None = None):
        super().__init__()
        check_config("GPT", config)
        _check_size(config)
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.width)
        self.positions = _make_positions(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = make_norm(config)
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.tokens.weight
        self.initialize(generator)

    def initialize(self, generator: torch.Generator | None = None) -> None:
        """Draw fresh weights as GPT-2 does: normal with a deviation of 0.02, biases zero, norms neutral.

        The matrices that write to the residual stream are made smaller by √(2 × layers), so that the sum of
        all their contributions starts out no larger in a deep model than in a shallow one.
        """
        check_generator("GPT", generator)
        residual_std = INIT_STD / math.sqrt(2 * self.config.n_layers)
        for name, parameter in self.named_parameters():  # the tied matrix comes once
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 1:
                nn.init.ones_(parameter)
            else:
                std = residual_std if name.endswith(("attention.out.weight", "mlp.down.weight")) else INIT_STD
                nn.init.normal_(parameter, 0.0, std, generator=generator)

    def forward(
        self,
        ids: torch.Tensor,
        cache: KVCache | None = None,
        key_mask: torch.Tensor | None = None,
        last_only: bool = False,
    ) -> torch.Tensor:
        """The logits of what follows each of the `ids`.

        With a `cache`, `ids` holds only the tokens that are new, and the cache is extended by them. For texts
        of different lengths, fill up the shorter ones on the left and give `key_mask` (B, S), False at the
        filling; S counts all columns so far, the cached ones included. What comes out at the filling has no
        meaning.

        With `last_only`, only the logits of what follows the last token, (B, 1, V): enough for writing.
        """
        start, last_only = self._check(ids, cache), flag("GPT", "last_only", last_only)
        B, T = ids.shape
        places: Places = slice(start, start + T)
        mask = None
        if key_mask is not None:
            places, mask = _places_and_mask(key_mask, B, T, start)
        elif start and T > 1:
            mask = causal_mask(T, start + T, ids.device)
        x = self._embed(ids, places)
        rotary = self.positions(places) if isinstance(self.positions, RotaryPositions) else None
        for layer, block in enumerate(self.blocks):
            x = block(x, mask, rotary, partial(cache.append, layer) if cache is not None else None)
        if cache is not None:
            cache.length += T
        return self.head(self.norm(x[:, -1:] if last_only else x))

    def make_cache(self, batch_size: int, capacity: int | None = None) -> KVCache:
        """An empty cache for `batch_size` texts, with room for the whole context, or for `capacity` tokens.

        >>> model = GPT(GPTConfig(vocab_size=11, context_length=8, n_layers=2, n_heads=2, width=6))
        >>> cache = model.make_cache(batch_size=1)
        >>> first = model(torch.tensor([[1, 2, 3]]), cache=cache)
        >>> then = model(torch.tensor([[4]]), cache=cache)
        >>> torch.allclose(then[:, 0], model(torch.tensor([[1, 2, 3, 4]]))[:, 3], atol=1e-6)
        True
        """
        room = self.config.context_length if capacity is None else capacity
        batch_size, room = (
            whole("make_cache", "batch_size", batch_size),
            whole("make_cache", "capacity", room),
        )
        if not 1 <= room <= self.config.context_length:
            raise ValueError(
                f"make_cache got batch_size={batch_size}, capacity={room}; needed a batch of at least 1 "
                f"and a capacity from 1 to the context_length, {self.config.context_length}."
            )
        return KVCache(self.config.n_layers, batch_size, room)

    def parameter_count(self, embeddings: bool = True) -> int:
        """How many numbers are learned, shared ones counted once.

        With embeddings=False, without the tables in which ids and positions are looked up.

        >>> config = GPTConfig(vocab_size=7, context_length=5, n_layers=1, n_heads=1, width=2, mlp_width=3)
        >>> GPT(config).parameter_count()  # 14 + 10 + (4 + 18 + 6 + 4 + 9 + 8) + 4, the head being tied
        77
        """
        embeddings = flag("parameter_count", "embeddings", embeddings)
        tables = {
            id(p) for table in (self.tokens, self.positions) if table is not None for p in table.parameters()
        }
        return sum(p.numel() for p in self.parameters() if embeddings or id(p) not in tables)

    def _embed(self, ids: torch.Tensor, places: Places) -> torch.Tensor:
        if ids.device.type != "cpu":  # where a wrong id would end the program, or be read as zeros
            check_ids("GPT", ids, self.config.vocab_size)
        try:
            x = self.tokens(ids)
        except IndexError:
            check_ids("GPT", ids, self.config.vocab_size)
            raise
        if isinstance(self.positions, LearnedPositions | SinusoidalPositions):
            x = x + self.positions(places)
        dropout = self.config.dropout
        return F.dropout(x, dropout) if self.training and dropout else x

    def _check(self, ids: torch.Tensor, cache: KVCache | None) -> int:
        """How many tokens come before these, after looking whether they can be read at all."""
        if not isinstance(ids, torch.Tensor):
            raise ValueError(
                f"GPT got ids={shown(ids)}; needed a tensor of shape (B, T): for one text write "
                "torch.tensor([ids])."
            )
        if ids.ndim != 2 or ids.dtype not in (torch.int64, torch.int32) or not ids.numel():
            raise ValueError(
                f"Got ids of shape {tuple(ids.shape)} and type {ids.dtype}; needed whole numbers (int64) of "
                "shape (B, T) with B and T at least 1: for one text write torch.tensor([ids])."
            )
        if cache is not None:
            check_instance("GPT", "cache", cache, KVCache, "a cache, such as model.make_cache(batch_size)")
        start = cache.length if cache is not None else 0
        if start + ids.shape[1] > self.config.context_length:
            before = f" after {start} in the cache" if start else ""
            raise ValueError(
                f"Got {ids.shape[1]} tokens{before}, but the context holds {self.config.context_length}; "
                f"shorten the text, e.g. to its last {self.config.context_length} tokens."
            )
        return start


def _check_size(config: GPTConfig) -> None:
    """Raises ValueError for a GPT that could never be built, before somebody waits for it."""
    whole("GPT", "n_layers", config.n_layers, 1, MOST_LAYERS)
    tables = 2 * config.vocab_size + config.context_length
    check_size("GPT", config.width * (tables + config.n_layers * (2 * config.width + 2 * config.mlp_hidden)))


def _make_positions(config: GPTConfig) -> LearnedPositions | SinusoidalPositions | RotaryPositions | None:
    if config.positions == "learned":
        return LearnedPositions(config.context_length, config.width)
    if config.positions == "sinusoidal":
        # Waves of height 1 would drown fresh token vectors. (Their mean square is half of that.)
        return SinusoidalPositions(config.context_length, config.width, scale=INIT_STD * math.sqrt(2))
    if config.positions == "rotary":
        return RotaryPositions(config.context_length, config.head_width, config.rope_base)
    return None


def _places_and_mask(key_mask: torch.Tensor, B: int, T: int, start: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each new token stands in its own text (B, T), and what it may look at (B, 1, T, S)."""
    S = start + T
    if not isinstance(key_mask, torch.Tensor):
        raise ValueError(f"Got key_mask={shown(key_mask)}; needed booleans of shape {(B, S)}.")
    if key_mask.shape != (B, S) or key_mask.dtype != torch.bool:
        raise ValueError(
            f"Got a key_mask of shape {tuple(key_mask.shape)} and type {key_mask.dtype}; needed booleans of "
            f"shape {(B, S)}: one for each text and column, the cached ones included."
        )
    places = (key_mask.cumsum(dim=1) - 1).clamp(min=0)[:, start:]
    columns = torch.arange(S, device=key_mask.device)
    new = columns[start:, None]
    # The filling looks at itself, though nobody looks at it: a query without any key would give no number.
    return places, key_mask[:, None, None, :] & (columns <= new) | (columns == new)
