"""A batch of texts that grow token by token, and the model's logits for what comes next.

With a key/value cache each token is computed once; without one the whole text is read again for each new
token. Both give the same logits. This module does not know how tokens are chosen.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import nn

from course_lib.arguments import flag, id_list, is_number, is_whole, many, shown, whole, wrong
from course_lib.attention import KVCache
from course_lib.generation.lean import lean
from course_lib.model import GPT
from course_lib.model.stepping import Stepper, can_step
from course_lib.training.evaluation import context_of, device_of

MOST_TOKENS = 10**8  # in all texts of a batch together
Prompt = Sequence[int] | torch.Tensor


class Decoder:
    """Texts in a batch, each with its own length, and the model that continues them.

    `model` is any function from ids (B, T) to logits (B, T, V) in which no position sees a later one. If it
    has `make_cache`, the cache is used. The texts stand flush right in one table; what fills up the left is
    never looked at. Past the end of the context, the window slides: the model sees the last `context_length`
    tokens and the cache, whose entries know of tokens that have slid out, is no longer used.

    Raises: ValueError for an empty prompt, one longer than the context, or ids outside the vocabulary; later,
    for logits that are no numbers.

    >>> def successor(ids):  # a model that is sure that after n comes n + 1
    ...     return torch.nn.functional.one_hot((ids + 1) % 10, 10).float()
    >>> texts = Decoder(successor, [[3], [7, 8]], room=2)
    >>> texts.next_logits().argmax(-1)
    tensor([4, 9])
    """

    def __init__(
        self,
        model: Callable[..., torch.Tensor],
        prompts: Sequence[Prompt],
        room: int,
        context_length: int | None = None,
        use_cache: bool = True,
    ):
        if not callable(model) or isinstance(model, type):
            raise ValueError(
                f"generate got {shown(model)} as its model; needed a function from ids (B, T) to logits "
                "(B, T, V), such as a GPT."
            )
        prompts = many("Decoder", "prompts", prompts, "prompts, each a list of ids")
        rows = [id_list("A prompt", prompt) for prompt in prompts]
        use_cache = flag("generate", "use_cache", use_cache)
        self.model = model
        if context_length is not None:
            context_length = whole("generate", "context_length", context_length)
        self.context_length = context_of(model, context_length, required=False)
        self.vocab_size: int | None = getattr(getattr(model, "config", None), "vocab_size", None)
        room = whole("Decoder", "room", room, 0)
        check_room(len(rows), room)
        _check_prompts(rows, self.context_length, self.vocab_size)
        self.device = device_of(model)
        self.filled = max(map(len, rows))  # columns in use
        self.pads = [self.filled - len(row) for row in rows]
        # The filling repeats the row's own first token: "all ids so far" then holds nothing foreign.
        table = [row[:1] * pad + row + [0] * room for row, pad in zip(rows, self.pads, strict=True)]
        self._table = torch.tensor(table, device=self.device)
        self._padding = torch.tensor(self.pads, device=self.device)
        self._real: torch.Tensor | None = None  # which columns are text; None: all of them
        if any(self.pads):
            self._real = torch.arange(self._table.shape[1], device=self.device) >= self._padding[:, None]
        self._cache: Any = model.make_cache(len(rows)) if use_cache and hasattr(model, "make_cache") else None
        self._cached = 0  # columns in the cache
        self._options = {"last_only": True} if _can_skip(model) else {}

    @property
    def ids(self) -> torch.Tensor:
        """The texts so far (B, T); shorter ones are filled up on the left with their own first token."""
        return self._table[:, : self.filled]

    @property
    def lengths(self) -> list[int]:
        """The number of tokens of each text."""
        return [self.filled - pad for pad in self.pads]

    def next_logits(self) -> torch.Tensor:
        """The logits (B, V), in float32, of the token that follows each text.

        Raises: ValueError if a row has NaN or infinity among them, or nothing that is possible.
        """
        if self._cache is not None and self.context_length is not None and self.filled > self.context_length:
            self._cache = None
        logits = (self._reread() if self._cache is None else self._read_on()).float()
        highest = logits.amax(-1).tolist()  # NaN wherever one is in a row
        if not all(map(math.isfinite, highest)):
            _refuse(highest, self.lengths)
        return logits

    def append(self, tokens: torch.Tensor) -> None:
        """Add one token to each text; `tokens` is (B,)."""
        good = isinstance(tokens, torch.Tensor) and tokens.shape == self._table.shape[:1] and is_whole(tokens)
        if not good or self.filled == self._table.shape[1]:
            raise ValueError(
                f"Decoder.append got {shown(tokens)}; it needs whole numbers ({len(self._table)},), and has "
                f"room for {self._table.shape[1] - self.filled} more of them."
            )
        self._table[:, self.filled] = tokens
        self.filled += 1

    def reorder(self, rows: torch.Tensor) -> None:
        """Let text i become a copy of text `rows[i]`, for beam search; prompts must be equally long."""
        good = isinstance(rows, torch.Tensor) and rows.ndim == 1 and len(rows) and is_whole(rows)
        if not good or not 0 <= int(rows.min()) <= int(rows.max()) < len(self._table):
            raise wrong(
                "Decoder.reorder", "rows", rows, f"whole numbers (N,) from 0 to {len(self._table) - 1}"
            )
        self._table = self._table[rows]
        if self._cache is not None:
            self._cache.reorder(rows)

    @cached_property
    def _model(self) -> Callable[..., torch.Tensor]:
        """The model without bookkeeping; made at the first step, when the model is in its final mode."""
        return lean(self.model) if isinstance(self.model, nn.Module) else self.model

    @cached_property
    def _stepper(self) -> Stepper | None:
        """What takes one new token of one text in fewer calls, where the model allows that."""
        single = len(self._table) == 1 and can_step(self.model)
        return Stepper(self._model) if single and isinstance(self._model, GPT) else None

    def _ask(self, ids: torch.Tensor, **options: Any) -> torch.Tensor:
        """The model's logits for all of `ids`, or for the last only.

        Raises: ValueError if it gives anything else.
        """
        logits = self._model(ids, **options)
        if (
            not isinstance(logits, torch.Tensor)
            or logits.ndim != 3
            or len(logits) != len(ids)
            or logits.shape[1] not in (1, ids.shape[1])
            or not logits.shape[2]
        ):
            raise ValueError(
                f"The model gave {shown(logits)} for ids of shape {tuple(ids.shape)}; generate needs a "
                "tensor of logits (B, T, V): one score for each token of the vocabulary at each place."
            )
        return logits

    def _read_on(self) -> torch.Tensor:
        new = self._table[:, self._cached : self.filled]
        self._cached = self.filled
        if self._real is None:
            if new.shape == (1, 1) and self._steps():
                return self._stepper(new, self._cache)[:, -1]
            return self._ask(new, cache=self._cache, **self._options)[:, -1]
        key_mask = self._real[:, : self.filled]
        return self._ask(new, cache=self._cache, key_mask=key_mask, **self._options)[:, -1]

    def _steps(self) -> bool:
        own = isinstance(self._cache, KVCache) and not torch.is_autocast_enabled("cpu")
        return own and self._stepper is not None and not self._stepper.watched

    def _reread(self) -> torch.Tensor:
        earliest = 0 if self.context_length is None else max(0, self.filled - self.context_length)
        if self._real is None:
            return self._ask(self._table[:, earliest : self.filled], **self._options)[:, -1]
        # Shorter rows now end in filling on the right instead, where no token of theirs looks.
        start = self._padding.clamp(min=earliest)
        last = self.filled - 1 - start
        columns = start[:, None] + torch.arange(int(last.max()) + 1, device=self.device)
        logits = self._ask(self._table.gather(1, columns.clamp(max=self.filled - 1)))
        return logits[torch.arange(len(last), device=self.device), last]


def check_room(texts: int, tokens: int) -> None:
    """Raises ValueError for more new tokens than could be kept, before they fill the memory.

    >>> check_room(texts=1, tokens=10**9)
    Traceback (most recent call last):
    ValueError: Got 1 x 1000000000 new tokens to make room for; at most 100000000 fit: write fewer.
    """
    if texts * tokens > MOST_TOKENS:
        raise ValueError(
            f"Got {texts} x {tokens} new tokens to make room for; at most {MOST_TOKENS} fit: write fewer."
        )


def as_stops(stop_tokens: Iterable[int] | int | None, vocab_size: int | None = None) -> frozenset[int]:
    """The stop tokens as a set; one may be given by itself, and None is none.

    Raises: ValueError for what is no id, or no id of this vocabulary, at which no text would ever stop.

    >>> sorted(as_stops([3, 1])), sorted(as_stops(7)), sorted(as_stops(None))
    ([1, 3], [7], [])
    """
    if stop_tokens is None:
        return frozenset()
    stops = frozenset(id_list("stop_tokens", [stop_tokens] if is_number(stop_tokens) else stop_tokens))
    if vocab_size is not None and max(stops, default=0) >= vocab_size:
        raise ValueError(
            f"stop_tokens has the id {max(stops)}, but this model's ids go from 0 to {vocab_size - 1}; "
            "take those of its own tokenizer."
        )
    return stops


def _refuse(highest: list[float], lengths: list[int]) -> None:
    row = next(i for i, value in enumerate(highest) if not math.isfinite(value))
    if highest[row] == -math.inf:
        raise ValueError(
            f"After {lengths[row]} tokens of text {row}, the model rules out every token (all logits are "
            "-inf); at least one must be possible."
        )
    raise ValueError(
        f"After {lengths[row]} tokens of text {row}, the model's logits hold {highest[row]}, which is no "
        "number to choose by; if training brought it, take earlier weights, or a lower learning rate."
    )


def _can_skip(model: Callable[..., torch.Tensor]) -> bool:
    """Whether the model can leave out the logits of all positions but the last."""
    return isinstance(model, nn.Module) and "last_only" in inspect.signature(model.forward).parameters


def _check_prompts(rows: list[list[int]], context_length: int | None, vocab_size: int | None) -> None:
    if not rows or not all(rows):
        raise ValueError(
            "A prompt is empty, but the model needs a token to go on from: give the end-of-text token."
        )
    longest = max(map(len, rows))
    if context_length is not None and longest > context_length:
        raise ValueError(
            f"A prompt has {longest} tokens, but the model's context holds {context_length}; shorten it, "
            f"e.g. to its last {context_length} tokens."
        )
    low, high = min(map(min, rows)), max(map(max, rows))
    if low < 0 or (vocab_size is not None and high >= vocab_size):
        raise ValueError(
            f"A prompt holds the id {low if low < 0 else high}, but this model's ids go from 0 to "
            f"{'...' if vocab_size is None else vocab_size - 1}; encode it with the model's own tokenizer."
        )
