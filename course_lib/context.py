"""Context: what a language model may look at, and the first models that use it.

Documents become one stream of token ids; windows and batches are cut from it, with the targets shifted by
one. Three models look at more and more of the past: n-grams that count, a small network that reads a fixed
window, a recurrent network that reads everything. All of them map ids (B, T) to logits (B, T, V). The ways to
tell a model *where* a token stands (learned, sinusoidal, rotary positions) are here too. This module does not
know attention, training or tokenizers' insides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

# From documents to batches ------------------------------------------------------------------------


def encode_documents(documents: Iterable[str], tokenizer: Any) -> torch.Tensor:
    """Turn documents into one stream of ids, with the end-of-text token before, between and after them.

    So every document starts with the same sign, and a model can learn how documents begin and when they end.

    Shapes: the result is (N,), int64, on the CPU.

    >>> from course_lib.tokens import CharTokenizer
    >>> encode_documents(["ab", "b"], CharTokenizer.train("ab"))  # a = 0, b = 1, end of text = 2
    tensor([2, 0, 1, 2, 1, 2])
    """
    if isinstance(documents, str):
        raise ValueError(
            "encode_documents got one str, needed a list of documents; write encode_documents([text], ...)."
        )
    end = tokenizer.end_id
    ids = [end]
    for document in documents:
        ids += tokenizer.encode(document)
        ids.append(end)
    return torch.tensor(ids, dtype=torch.int64)


def windows(ids: torch.Tensor, T: int, stride: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut a stream into windows of T inputs, and the T targets that stand one place further on.

    A window starts every `stride` tokens (T if not given, so that each target is used once); a last piece
    that is too short is left out.

    Shapes: ids (N,), both results (number of windows, T), int64.
    Raises: ValueError if the stream is too short for one window.

    >>> x, y = windows(torch.tensor([1, 2, 3, 4, 5, 6]), T=2)
    >>> x.tolist(), y.tolist()
    ([[1, 2], [3, 4]], [[2, 3], [4, 5]])
    """
    if stride is not None and stride < 1:
        raise ValueError(f"windows got stride={stride}; it must be at least 1.")
    _check_stream(ids, T)
    pieces = ids.unfold(0, T + 1, stride or T).long()
    return pieces[:, :-1], pieces[:, 1:]


def get_batch(
    ids: torch.Tensor,
    batch_size: int,
    T: int,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
    starts: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw windows of T inputs, and their targets, from anywhere in the stream.

    Every window of T + 1 neighbours is equally likely, the first and the last included. With `starts`, only
    those that begin at one of these places: at the beginnings of documents (`document_starts`), say, so that
    no name is asked for that was said before the window.

    Shapes: ids (N,), starts (number of places,), both results (batch_size, T), int64.
    Raises: ValueError if the stream is too short for one window, or a place is too near to its end.

    >>> x, y = get_batch(torch.arange(10), 2, 3, torch.Generator().manual_seed(0))
    >>> bool((y == x + 1).all())  # here the next token is always one more
    True
    """
    _check_stream(ids, T)
    if batch_size < 1:
        raise ValueError(f"get_batch got batch_size={batch_size}; it must be at least 1.")
    if starts is not None and not (
        len(starts) and 0 <= int(starts.min()) <= int(starts.max()) < len(ids) - T
    ):
        raise ValueError(
            f"get_batch got starts from {starts.tolist()[:1]} on; needed at least one, all from 0 to "
            f"{len(ids) - T - 1}, so that a window of {T} and its last target fit: use document_starts."
        )
    where = generator.device if generator is not None else "cpu"
    places = len(ids) - T if starts is None else len(starts)
    drawn = torch.randint(places, (batch_size,), generator=generator, device=where).to(ids.device)
    drawn = drawn if starts is None else starts.to(ids.device)[drawn]
    pieces = ids.unfold(0, T + 1, 1)[drawn].to(device=device, dtype=torch.int64)
    return pieces[:, :-1], pieces[:, 1:]


def document_starts(ids: torch.Tensor, end_id: int, T: int) -> torch.Tensor:
    """The places of the end-of-text tokens after which a window of T inputs, and their targets, still fits.

    Shapes: ids (N,), the result (number of places,), int64.
    Raises: ValueError if there is none.

    >>> document_starts(torch.tensor([9, 1, 2, 9, 3, 9]), end_id=9, T=2)
    tensor([0, 3])
    """
    starts = (ids[: max(0, len(ids) - T)] == end_id).nonzero()[:, 0]
    if not len(starts):
        raise ValueError(
            f"document_starts found no end-of-text token ({end_id}) with {T + 1} tokens from it on; make the "
            "stream with encode_documents, from more text, or choose a smaller T."
        )
    return starts


def document_batches(
    ids: torch.Tensor, end_id: int, batch_size: int, T: int
) -> Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]:
    """A source of batches whose windows begin where documents do, for `course_lib.training.train`.

    A window that begins in the middle of a story asks for names that were said before it: what can't be known
    is noise, and it hides how much looking back would help.

    Shapes: ids (N,); the batches (batch_size, T).
    Raises: ValueError if no window fits.

    >>> batches = document_batches(torch.tensor([9, 1, 2, 9, 3, 4, 5, 9]), end_id=9, batch_size=3, T=2)
    >>> x, y = batches(torch.Generator().manual_seed(0))
    >>> x[:, 0].tolist()
    [9, 9, 9]
    """
    starts = document_starts(ids, end_id, T)
    return lambda generator: get_batch(ids, batch_size, T, generator, starts=starts)


def _check_stream(ids: torch.Tensor, T: int) -> None:
    if ids.ndim != 1 or ids.is_floating_point():
        raise ValueError(
            f"Got ids of shape {tuple(ids.shape)} and type {ids.dtype}; needed one stream of whole numbers, "
            "(N,): make it with encode_documents."
        )
    if T < 1:
        raise ValueError(f"Got a window of T={T} tokens; it must be at least 1.")
    if len(ids) <= T:
        raise ValueError(
            f"Got a text of {len(ids)} tokens; a window of {T} and its last target need {T + 1}: "
            "give more text or a smaller T."
        )


# Counting: n-grams --------------------------------------------------------------------------------


class _Contexts:
    """All contexts of one length that were seen, and what came after each of them.

    A context is known by a number: its place in `keys`, the sorted codes (number of the context that is one
    token shorter) * V + (the token further back). What followed context c stands in rows `starts[c]` to
    `starts[c + 1]` of `tokens` and `share`. `rest[c]` is the probability that is left for the shorter context
    to hand out.
    """

    def __init__(self, keys: torch.Tensor, contexts: torch.Tensor, following: torch.Tensor, vocab_size: int):
        codes, counts = torch.unique(contexts * vocab_size + following, return_counts=True)
        owner, self.tokens = codes // vocab_size, codes % vocab_size
        self.keys = keys
        self.starts = torch.searchsorted(owner, torch.arange(len(keys) + 1))
        given_up = _discounts(counts)[counts.clamp(max=3)]
        totals = torch.zeros(len(keys)).index_add_(0, owner, counts.float())
        self.share = (counts - given_up) / totals[owner]
        saved = torch.zeros(len(keys)).index_add_(0, owner, given_up)
        self.rest = torch.where(totals > 0, saved / totals.clamp(min=1), 1.0)

    def find(self, codes: torch.Tensor) -> torch.Tensor:
        """The numbers of the contexts with these codes, -1 where there is none."""
        places = torch.searchsorted(self.keys, codes).clamp(max=len(self.keys) - 1)
        return torch.where(self.keys[places] == codes, places, -1)

    def mix(self, probabilities: torch.Tensor, found: torch.Tensor) -> None:
        """Where a context was found, let it speak first and the shorter one share the rest; (N, V), in
        place.
        """
        rows = (found >= 0).nonzero()[:, 0]
        contexts = found[rows]
        scale = torch.ones(len(found))
        scale[rows] = self.rest[contexts]
        probabilities *= scale[:, None]
        first, last = self.starts[contexts], self.starts[contexts + 1]
        sizes = last - first
        # One line for each (row, token that followed its context): count up within each row from its `first`.
        entries = torch.arange(int(sizes.sum())) + (first - sizes.cumsum(0) + sizes).repeat_interleave(sizes)
        probabilities[rows.repeat_interleave(sizes), self.tokens[entries]] += self.share[entries]


class NGramModel:
    """Predicts the next token by what followed the last `order - 1` tokens in the text it was fitted on.

    Every count gives up a fixed part of itself, and what is saved is handed out as the next shorter context
    would, down to single tokens and at last to all tokens alike. So nothing is impossible, and the
    probabilities sum to 1. A context never seen backs off to the longest one that was. The shorter contexts
    don't count how often a token came, but after how many different contexts: "Francisco" is frequent, but
    only after "San". This is modified Kneser-Ney smoothing, interpolated, the best of the classical methods.

    Called with ids (B, T) it gives log-probabilities (B, T, V), float32, which serve as logits. At the
    beginning of a window it uses the shorter contexts that there are.

    Units: nats.
    Raises: ValueError for ids outside the vocabulary, or when asked before it was fitted.
    Source: Kneser and Ney 1995 (doi:10.1109/ICASSP.1995.479394); Chen and Goodman 1999, section 3
    (doi:10.1006/csla.1999.0128).

    >>> model = NGramModel(order=2, vocab_size=3).fit(torch.tensor([0, 1, 0, 1, 0, 2]))
    >>> p = model(torch.tensor([[0]])).exp()[0, 0]  # 1 followed 0 twice, 2 once, 0 never
    >>> bool(p[1] > p[2] > p[0] > 0), round(float(p.sum()), 5)
    (True, 1.0)
    """

    def __init__(self, order: int, vocab_size: int):
        if order < 1 or vocab_size < 1:
            raise ValueError(
                f"NGramModel got order={order}, vocab_size={vocab_size}; both must be at least 1."
            )
        self.order = order
        self.vocab_size = vocab_size
        self._levels: list[_Contexts] = []
        self.distinct: list[
            int
        ] = []  # how many different n-grams were seen, for n = 1, 2, ... up to the order

    def fit(self, ids: torch.Tensor) -> NGramModel:
        """Count a stream of ids (N,); what was counted before is forgotten. Returns the model itself."""
        _check_stream(ids, 1)
        ids = self._checked(ids.cpu().long())
        V, top = self.vocab_size, min(self.order, len(ids)) - 1
        # The empty context comes first: number 0, followed by every token of the text.
        keys, contexts = torch.zeros(1, dtype=torch.int64), torch.zeros(len(ids), dtype=torch.int64)
        self._levels, self.distinct = [], [len(ids.unique())]
        for length in range(top):
            longer_keys, longer = torch.unique(contexts[1:] * V + ids[: -length - 1], return_inverse=True)
            grams, number = torch.unique(longer * V + ids[length + 1 :], return_inverse=True)
            # A place in the text for each different n-gram that is one longer; any place will do.
            place = torch.empty_like(grams).index_copy_(0, number, torch.arange(len(number)))
            self._levels.append(_Contexts(keys, contexts[1:][place], ids[length + 1 :][place], V))
            self.distinct.append(len(grams))
            keys, contexts = longer_keys, longer
        self._levels.append(_Contexts(keys, contexts, ids[top:], V))
        return self

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        B, T = self._checked_batch(ids).shape
        probabilities = torch.full((B * T, self.vocab_size), 1 / self.vocab_size)
        for level, found in zip(self._levels, self._lookup(ids), strict=True):
            level.mix(probabilities, found.flatten())
        return probabilities.log_().view(B, T, self.vocab_size).to(ids.device)

    def context_found(self, ids: torch.Tensor) -> torch.Tensor:
        """How many of the last tokens the model can use at each place: the length of the longest context it
        has seen.

        Shapes: ids (B, T), result (B, T).

        >>> model = NGramModel(order=3, vocab_size=4).fit(torch.tensor([0, 1, 2, 0, 1]))
        >>> model.context_found(torch.tensor([[0, 1, 3, 0, 2]]))  # 0 | 0 1 | none | 0 | 2
        tensor([[1, 2, 0, 1, 1]])
        """
        self._checked_batch(ids)
        return torch.stack(self._lookup(ids)).ge(0).sum(0).sub(1).to(ids.device)

    def _lookup(self, ids: torch.Tensor) -> list[torch.Tensor]:
        """For each length of context, its number at each place (B, T), -1 where it was never seen."""
        ids = ids.cpu().long()
        found = torch.zeros_like(ids)
        numbers = [found]
        for length, level in enumerate(self._levels[1:], start=1):
            # The token `length` places back; before the window there is none, so nothing can be found.
            back = F.pad(ids, (length - 1, 0))[:, : ids.shape[1]]
            known = found.ge(0) & (torch.arange(ids.shape[1]) >= length - 1)
            found = torch.where(known, level.find(found * self.vocab_size + back), -1)
            numbers.append(found)
        return numbers

    def _checked_batch(self, ids: torch.Tensor) -> torch.Tensor:
        if not self._levels:
            raise ValueError("This NGramModel has counted nothing yet; call fit(ids) first.")
        if ids.ndim != 2:
            raise ValueError(
                f"NGramModel got ids of shape {tuple(ids.shape)}, needed (B, T); for one text write "
                "ids[None]."
            )
        return self._checked(ids)

    def _checked(self, ids: torch.Tensor) -> torch.Tensor:
        low, high = (int(ids.min()), int(ids.max())) if ids.numel() else (0, 0)
        if low < 0 or high >= self.vocab_size:
            raise ValueError(
                f"NGramModel got the id {low if low < 0 else high}, but its ids go from 0 to "
                f"{self.vocab_size - 1}; give it the vocab_size of the tokenizer."
            )
        return ids


def _discounts(counts: torch.Tensor) -> torch.Tensor:
    """How much a count of 0, 1, 2, and 3 or more gives up (Chen and Goodman 1999, equation 26).

    Where the text is too small for that, all give up the same, at worst a half.
    """
    n1, n2, n3, n4 = (int((counts == count).sum()) for count in (1, 2, 3, 4))
    same = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
    twice = 2 - 3 * same * n3 / n2 if n2 else 0.0
    thrice = 3 - 4 * same * n4 / n3 if n3 else 0.0
    if not (n1 and 0 < twice < 2 and 0 < thrice < 3):
        twice = thrice = same
    return torch.tensor([0.0, same, twice, thrice])


# Learning: a window, a state ----------------------------------------------------------------------


class WindowMLP(nn.Module):
    """Predicts the next token from the last `window` tokens with a network of one hidden layer.

    The vectors of these tokens are laid side by side and go through tanh(W x + b) to the logits. Before the
    beginning of the text stand zeros. The weights come from `generator`, if one is given.

    Shapes: ids (B, T) -> logits (B, T, vocab_size).
    Source: Bengio, Ducharme, Vincent and Jauvin 2003, section 2 (https://jmlr.org/papers/v3/bengio03a.html),
    without its optional direct connections.

    >>> WindowMLP(vocab_size=7, window=3)(torch.zeros(2, 5, dtype=torch.long)).shape
    torch.Size([2, 5, 7])
    """

    def __init__(
        self,
        vocab_size: int,
        window: int = 8,
        width: int = 64,
        hidden: int = 256,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        if min(vocab_size, window, width, hidden) < 1:
            raise ValueError(
                f"WindowMLP got vocab_size={vocab_size}, window={window}, width={width}, hidden={hidden}; "
                "all must be at least 1."
            )
        self.window = window
        self.tokens = nn.Embedding(vocab_size, width)
        self.hidden = nn.Linear(window * width, hidden)
        self.head = nn.Linear(hidden, vocab_size)
        _draw_weights(self, generator)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = F.pad(self.tokens(ids), (0, 0, self.window - 1, 0))
        x = x.unfold(1, self.window, 1).flatten(2)  # (B, T, width * window)
        return self.head(torch.tanh(self.hidden(x)))


class RecurrentLM(nn.Module):
    """Predicts the next token from a state that is carried along the text and renewed by every token.

    `kind` is "gru" (gates decide what of the state is kept, see `gru_step`), "lstm" or "rnn" (the plain tanh
    cell). The weights come from `generator`, if one is given.

    Shapes: ids (B, T) -> logits (B, T, vocab_size).
    Source: Elman 1990 (doi:10.1016/0364-0213(90)90002-E) for "rnn"; Hochreiter and Schmidhuber 1997
    (doi:10.1162/neco.1997.9.8.1735) for "lstm"; Cho and others 2014, section 2.3 (arXiv:1406.1078) for "gru".

    >>> RecurrentLM(vocab_size=7, width=6)(torch.zeros(2, 5, dtype=torch.long)).shape
    torch.Size([2, 5, 7])
    """

    KINDS = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}

    def __init__(
        self,
        vocab_size: int,
        width: int = 128,
        n_layers: int = 1,
        kind: str = "gru",
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        if kind not in self.KINDS:
            raise ValueError(
                f"RecurrentLM got kind={kind!r}; choose one of {', '.join(map(repr, self.KINDS))}."
            )
        if min(vocab_size, width, n_layers) < 1 or not 0 <= dropout < 1:
            raise ValueError(
                f"RecurrentLM got vocab_size={vocab_size}, width={width}, n_layers={n_layers}, "
                f"dropout={dropout}; the sizes must be at least 1 and dropout in [0, 1)."
            )
        self.tokens = nn.Embedding(vocab_size, width)
        between = dropout if n_layers > 1 else 0.0  # torch applies it between layers only
        self.cells = self.KINDS[kind](width, width, n_layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, vocab_size)
        _draw_weights(self, generator)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        states, _ = self.cells(self.dropout(self.tokens(ids)))
        return self.head(self.dropout(states))


def gru_step(x: torch.Tensor, state: torch.Tensor, cell: nn.GRU) -> torch.Tensor:
    """One step of a gated recurrent unit, written out: the new state after reading `x`. Uses the cell's first
    layer.

    The gate z says how much of the old state is kept; r, how much of it the candidate n for the new one may
    see.

    Shapes: x (B, width), state (B, width) -> (B, width).
    Source: Cho and others 2014, section 2.3 (arXiv:1406.1078), in torch's variant (r applied after the
    product).

    >>> cell = torch.nn.GRU(3, 3, batch_first=True)
    >>> x = torch.randn(2, 1, 3)
    >>> torch.allclose(gru_step(x[:, 0], torch.zeros(2, 3), cell), cell(x)[0][:, 0], atol=1e-6)
    True
    """
    from_x = F.linear(x, cell.weight_ih_l0, cell.bias_ih_l0)
    from_state = F.linear(state, cell.weight_hh_l0, cell.bias_hh_l0)
    r_x, z_x, n_x = from_x.chunk(3, dim=-1)
    r_s, z_s, n_s = from_state.chunk(3, dim=-1)
    r, z = torch.sigmoid(r_x + r_s), torch.sigmoid(z_x + z_s)
    n = torch.tanh(n_x + r * n_s)
    return (1 - z) * n + z * state


def _draw_weights(model: nn.Module, generator: torch.Generator | None) -> None:
    """Uniform weights whose products keep the size of what goes in; small token vectors, so that what is
    learned soon outweighs what was drawn; biases zero.
    """
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, nn.Embedding):
                nn.init.normal_(parameter, std=0.1, generator=generator)
            elif "bias" in name:
                nn.init.zeros_(parameter)
            else:
                bound = 1 / math.sqrt(parameter.shape[1])
                nn.init.uniform_(parameter, -bound, bound, generator=generator)


# Positions ----------------------------------------------------------------------------------------

Places = slice | torch.Tensor  # the same positions for all texts, or one row of them for each (B, T)


class LearnedPositions(nn.Embedding):
    """A learned vector for each position, as in GPT-2.

    Shapes: called with `slice(start, stop)` gives (stop - start, width); with positions (B, T) gives (B, T,
    width).

    >>> positions = LearnedPositions(context_length=5, width=4)
    >>> positions(slice(0, 3)).shape, positions(torch.tensor([[0, 1], [0, 0]])).shape
    (torch.Size([3, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(self, context_length: int, width: int):
        super().__init__(context_length, width)

    def forward(self, places: Places) -> torch.Tensor:
        return self.weight[places]


class _Tables(nn.Module):
    """Buffers that follow from a formula: they move with the model, aren't saved, and are computed anew
    whenever the model changes its device or number format, so that going through half precision leaves no
    trace in them.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, table in self.tables(None).items():
            self.register_buffer(name, table, persistent=False)

    def tables(self, device: torch.device | None) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def _apply(self, fn: Any, recurse: bool = True) -> nn.Module:
        super()._apply(fn, recurse)
        device = next(self.buffers()).device
        for name, table in self.tables(device).items():
            setattr(self, name, table.to(getattr(self, name).dtype))
        return self


class SinusoidalPositions(_Tables):
    """A fixed vector for each position: sines and cosines of slower and slower waves, nothing learned.

    Entry 2i is sin(position / 10000^(2i / width)), entry 2i + 1 the cosine of the same, all times `scale`.

    Shapes: as `LearnedPositions`.
    Source: Vaswani and others 2017, section 3.5 (arXiv:1706.03762).

    >>> SinusoidalPositions(context_length=5, width=4)(slice(0, 1))
    tensor([[0., 1., 0., 1.]])
    """

    def __init__(self, context_length: int, width: int, scale: float = 1.0):
        self._size = (context_length, width, scale)
        super().__init__()

    def tables(self, device: torch.device | None) -> dict[str, torch.Tensor]:
        context_length, width, scale = self._size
        cos, sin = rotary_angles(context_length, width + width % 2, device=device)
        waves = torch.stack([sin, cos], dim=-1).flatten(1)[:, :width]  # sine, cosine, sine, cosine, ...
        return {"table": scale * waves}

    def forward(self, places: Places) -> torch.Tensor:
        return self.table[places]


class RotaryPositions(_Tables):
    """The cosines and sines of `rotary_angles` for a whole context, kept ready.

    Shapes: called with `slice(start, stop)` gives two tensors (stop - start, D/2); with positions (B, T), two
    of (B, 1, T, D/2), which fit queries and keys (B, H, T, D).

    >>> cos, sin = RotaryPositions(context_length=5, head_width=4)(slice(0, 3))
    >>> cos.shape
    torch.Size([3, 2])
    """

    def __init__(self, context_length: int, head_width: int, base: float = 10_000.0):
        self._size = (context_length, head_width, base)
        super().__init__()

    def tables(self, device: torch.device | None) -> dict[str, torch.Tensor]:
        cos, sin = rotary_angles(*self._size, device=device)
        return {"cos": cos, "sin": sin}

    def forward(self, places: Places) -> tuple[torch.Tensor, torch.Tensor]:
        cos, sin = self.cos[places], self.sin[places]
        return (cos, sin) if isinstance(places, slice) else (cos[:, None], sin[:, None])


def rotary_angles(
    T: int, D: int, base: float = 10_000.0, offset: int = 0, device: torch.device | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The cosines and sines by which `apply_rotary` turns queries and keys at positions offset, offset + 1,
    ...

    Pair i of a head's numbers turns by position / base^(2i / D): the first pair fast, the last one very
    slowly.

    Shapes: both results (T, D/2), float32.
    Raises: ValueError if D is odd.
    Source: Su and others 2021, section 3.2.2 (arXiv:2104.09864).

    >>> cos, sin = rotary_angles(T=3, D=4)
    >>> cos[0].tolist(), sin[0].tolist()  # position 0 is not turned
    ([1.0, 1.0], [0.0, 0.0])
    """
    if D < 1 or D % 2:
        raise ValueError(
            f"rotary_angles got a head width of D={D}; it turns pairs of numbers, so D must be even."
        )
    frequencies = 1.0 / base ** (torch.arange(0, D, 2, device=device).float() / D)
    angles = torch.arange(offset, offset + T, device=device).float()[:, None] * frequencies
    return angles.cos(), angles.sin()


def apply_rotary(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn each pair of numbers in a head by its angle, so that query times key depends on their distance
    only.

    A pair is made of number i and number i + D/2 (Llama's convention; the paper pairs neighbours, which is
    the same up to the order of the numbers).

    Shapes: x (..., T, D), cos and sin (..., T, D/2) -> (..., T, D), in x's number format.
    Source: Su and others 2021, section 3.4.2 (arXiv:2104.09864).

    >>> quarter_turn = (torch.zeros(1, 1), torch.ones(1, 1))  # cos 90 degrees = 0, sin 90 degrees = 1
    >>> apply_rotary(torch.tensor([[3.0, 4.0]]), *quarter_turn)
    tensor([[-4.,  3.]])
    """
    # (a, b) becomes (a cos - b sin, b cos + a sin); rolling by half a head puts (b, a) beside (a, b).
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    turned = x * torch.cat([cos, cos], dim=-1) + swapped * torch.cat([-sin, sin], dim=-1)
    return turned.to(x.dtype)
