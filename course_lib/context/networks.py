"""Models that learn: a small network that reads a fixed window, a recurrent network that reads everything.

They map ids (B, T) to logits (B, T, V). They do not know how they are trained.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import check_batch, check_floats, check_ids, check_size, number, shown, whole, wrong
from course_lib.runtime import check_generator

MOST_LAYERS = 1000  # a slip of the keyboard would build layers for hours


class _Tokens(nn.Embedding):
    """A table of token vectors that says which id it hasn't got."""

    def __init__(self, owner: str, vocab_size: int, width: int):
        super().__init__(vocab_size, width)
        self.owner = owner

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        check_ids(self.owner, check_batch(self.owner, ids), self.num_embeddings)
        return super().forward(ids)


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
        vocab_size = whole("WindowMLP", "vocab_size", vocab_size)
        width, hidden = whole("WindowMLP", "width", width), whole("WindowMLP", "hidden", hidden)
        self.window = window = whole("WindowMLP", "window", window)
        check_size("WindowMLP", vocab_size * width + hidden * (window * width + vocab_size))
        self.tokens = _Tokens("WindowMLP", vocab_size, width)
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
    Source: Elman 1990 (doi:10.1016/0364-0213(90)90002-E) for "rnn", where tanh now takes the place of units
    between 0 and 1; Hochreiter and Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735) for "lstm", and for its
    gate that forgets Gers, Schmidhuber and Cummins 2000 (doi:10.1162/089976600300015015); Cho and others
    2014, section 2.3 (arXiv:1406.1078) for "gru".

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
        if not isinstance(kind, str) or kind not in self.KINDS:
            raise wrong("RecurrentLM", "kind", kind, f"one of {', '.join(map(repr, self.KINDS))}")
        vocab_size = whole("RecurrentLM", "vocab_size", vocab_size)
        width = whole("RecurrentLM", "width", width)
        n_layers = whole("RecurrentLM", "n_layers", n_layers, 1, MOST_LAYERS)
        dropout = number("RecurrentLM", "dropout", dropout, "at least 0 and below 1", lambda x: 0 <= x < 1)
        check_size("RecurrentLM", width * (2 * vocab_size + 6 * width * n_layers))
        self.tokens = _Tokens("RecurrentLM", vocab_size, width)
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
    _check_step(x, state, cell)
    from_x = F.linear(x, cell.weight_ih_l0, cell.bias_ih_l0)
    from_state = F.linear(state, cell.weight_hh_l0, cell.bias_hh_l0)
    r_x, z_x, n_x = from_x.chunk(3, dim=-1)
    r_s, z_s, n_s = from_state.chunk(3, dim=-1)
    r, z = torch.sigmoid(r_x + r_s), torch.sigmoid(z_x + z_s)
    n = torch.tanh(n_x + r * n_s)
    return (1 - z) * n + z * state


def _check_step(x: torch.Tensor, state: torch.Tensor, cell: nn.GRU) -> None:
    if not isinstance(cell, nn.GRU) or not cell.bias:
        raise ValueError(
            f"gru_step got cell={shown(cell)}; give a torch.nn.GRU with biases, such as model.cells."
        )
    for name, value, width in (("x", x, cell.input_size), ("state", state, cell.hidden_size)):
        if not (isinstance(value, torch.Tensor) and value.ndim == 2 and value.shape[1] == width):
            raise ValueError(f"gru_step got {name}={shown(value)}; it needs vectors of shape (B, {width}).")
        check_floats("gru_step", name, value, width)
    if len(x) != len(state):
        raise ValueError(f"gru_step got x for {len(x)} texts and states for {len(state)}; give one each.")


def _draw_weights(model: nn.Module, generator: torch.Generator | None) -> None:
    """Uniform weights whose products keep the size of what goes in; small token vectors, so that what is
    learned soon outweighs what was drawn; biases zero.
    """
    check_generator(type(model).__name__, generator)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, nn.Embedding):
                nn.init.normal_(parameter, std=0.1, generator=generator)
            elif "bias" in name:
                nn.init.zeros_(parameter)
            else:
                bound = 1 / math.sqrt(parameter.shape[1])
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
