"""The capstone of Part I: a GPT out of the learner's own pieces, the course's where one is missing.

`gather` takes the right answers from `my_gpt/`, tries each once more, and gives the pieces by name. `MyGPT`,
`MyTokenizer`, `MyAdamW`, `train` and `write` only put pieces together: what is computed, the pieces compute.
Nothing here draws figures.
"""

from __future__ import annotations

import html
import importlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from course_lib.config import GPTConfig
from course_lib.exercises import Exercise, _progress
from course_lib.exercises._loading import load, read
from course_lib.exercises._surroundings import surroundings
from course_lib.exercises._tryout import try_text
from course_lib.figures.shown import Shown
from course_lib.model import GPT
from course_lib.tokens import BPETokenizer
from course_lib.tokens.bpe import byte_alphabet
from course_lib.training.recipe import Callback, History, Record, TrainConfig

PIECES = {  # in the order of the course; each is an exercise of its topic
    "tokens": ("learn_merges", "encode_piece", "decode_ids"),
    "context": ("windows", "cross_entropy"),
    "attention": ("causal_mask", "split_heads", "scaled_dot_product"),
    "model": ("mlp", "layer_norm", "block", "gpt"),
    "training": ("learning_rate", "clip_gradients", "adamw_step", "train_step"),
    "generation": ("temperature", "top_p", "draw", "generate"),
}
LOAD_SECONDS = 5.0


# The pieces ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """One part of the GPT: the function to use, whose it is, and why a learner's file was not taken."""

    name: str
    topic: str
    function: Callable[..., Any]
    mine: bool
    trouble: str = ""


@dataclass(frozen=True, repr=False)
class Pieces(Shown):
    """All parts, by name; shown, it says whose they are."""

    by_name: Mapping[str, Piece]

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return self.by_name[name].function

    @property
    def mine(self) -> int:
        """How many are the learner's own."""
        return sum(piece.mine for piece in self.by_name.values())

    @property
    def headline(self) -> str:
        """'11 of 20 parts of this GPT are yours.'"""
        return f"{self.mine} of {len(self.by_name)} parts of this GPT are yours."

    def __str__(self) -> str:
        lines = [self.headline]
        for topic, pieces in self._by_topic().items():
            words = [f"{'[x]' if piece.mine else '[ ]'} {piece.name}" for piece in pieces]
            lines.append(f"  {topic}: {', '.join(words)}")
        return "\n".join([*lines, *self._troubles()])

    def _repr_html_(self) -> str:
        cell = 'style="text-align: left; padding: 3px 14px 3px 0; vertical-align: top"'
        rows = [
            f'<tr style="background-color: transparent"><td {cell}>{topic}</td>'
            f"<td {cell}>{' '.join(_badge(piece) for piece in pieces)}</td></tr>"
            for topic, pieces in self._by_topic().items()
        ]
        notes = "".join(f"<p>{html.escape(text)}</p>" for text in self._troubles())
        return f"<p><b>{self.headline}</b> (Filled: yours.)</p><table>{''.join(rows)}</table>{notes}"

    def _by_topic(self) -> dict[str, list[Piece]]:
        return {topic: [self.by_name[name] for name in names] for topic, names in PIECES.items()}

    def _troubles(self) -> list[str]:
        return [piece.trouble for piece in self.by_name.values() if piece.trouble]


def _badge(piece: Piece) -> str:
    colours = "background: #0072B2; color: white" if piece.mine else "background: white; color: #444"
    style = f"{colours}; border: 1px solid #0072B2; border-radius: 4px; padding: 0 6px; white-space: nowrap"
    return f'<code style="{style}">{piece.name}</code>'


def gather(folder: str | Path | None = None) -> Pieces:
    """The learner's right answers in `folder` (by default `my_gpt/`), and the course's for the others.

    A file is taken only if it runs and its exercise still finds it right; else its piece says what is wrong.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     print(gather(empty).headline)
    0 of 20 parts of this GPT are yours.
    """
    folder = _progress.pieces_folder() if folder is None else Path(folder)
    pieces = [_piece(topic, name, folder) for topic, names in PIECES.items() for name in names]
    return Pieces({piece.name: piece for piece in pieces})


def _piece(topic: str, name: str, folder: Path) -> Piece:
    exercise: Exercise = getattr(importlib.import_module(f"course_lib.{topic}.exercises"), name)
    path = folder / f"{name}.py"
    if not os.path.lexists(path):
        return Piece(name, topic, exercise.reference, mine=False)
    with surroundings():
        function, trouble = _from_file(path, exercise)
    if trouble:
        return Piece(
            name, topic, exercise.reference, False, f"{trouble} The course's {name} stands in for it."
        )
    return Piece(name, topic, function, mine=True)


def _from_file(path: Path, exercise: Exercise) -> tuple[Callable[..., Any] | None, str]:
    """What the file calls by the exercise's name, or None and what is wrong with the file.

    Whatever it does, it does in a process of its own first.
    """
    text, trouble = read(path)
    if trouble:
        return None, trouble
    trial = try_text(exercise, text, path.name, LOAD_SECONDS)
    if trial.right:
        return load(text, exercise.name, path.name, LOAD_SECONDS)
    if trial.unloadable:
        return None, _ended(trial.why_not)
    return None, _ended(f"{path.name} is not right any more: {trial.why_not}")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


# What is made of them -----------------------------------------------------------------------------------


class MyTokenizer:
    """Byte-pair encoding from the pieces, with the ids of `BPETokenizer`: bytes, merges, end of text.

    >>> tokenizer = MyTokenizer(gather(), ["the theme of the thesis"], n_merges=3)
    >>> tokenizer.decode(tokenizer.encode("the theme")), tokenizer.vocab_size
    ('the theme', 260)
    """

    def __init__(self, pieces: Pieces, texts: Iterable[str], n_merges: int):
        self.pieces = pieces
        parts = [part.encode() for text in texts for part in self._cut(text)]
        self.merges: list[tuple[bytes, bytes]] = pieces["learn_merges"](parts, n_merges)
        self.tokens = [bytes([byte]) for byte in byte_alphabet()]
        self.tokens += [left + right for left, right in self.merges]
        ids = {token: id for id, token in enumerate(self.tokens)}
        self._byte_ids = {byte: ids[bytes([byte])] for byte in range(256)}
        self._new_ids = {(ids[left], ids[right]): ids[left + right] for left, right in self.merges}
        self._known: dict[str, list[int]] = {}
        self.end_id = len(self.tokens)

    @property
    def vocab_size(self) -> int:
        """Bytes, merges, and the end of a text."""
        return len(self.tokens) + 1

    def encode(self, text: str) -> list[int]:
        """The ids of a text; each word is worked out once."""
        return [id for part in self._cut(text) for id in self._encode_part(part)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids, without the end of text."""
        return self.pieces["decode_ids"]([id for id in ids if id != self.end_id], self.tokens)

    def _encode_part(self, part: str) -> list[int]:
        if part not in self._known:
            bytes_ = [self._byte_ids[byte] for byte in part.encode()]
            self._known[part] = self.pieces["encode_piece"](bytes_, self._new_ids)
        return self._known[part]

    @staticmethod
    def _cut(text: str) -> list[str]:
        return BPETokenizer([]).pre_tokens(text)


class MyGPT(nn.Module):
    """A GPT-2 whose numbers are kept in the course's `GPT` and whose computation is done by the pieces.

    Shapes: ids (B, T) -> logits (B, T, V).
    Raises: ValueError for a configuration that is not GPT-2's: the pieces know no other norm or position.

    >>> model = MyGPT(gather(), GPTConfig(vocab_size=11, context_length=8, n_layers=2, n_heads=2, width=6))
    >>> ids = torch.tensor([[1, 2, 3]])
    >>> torch.allclose(model(ids), model.weights(ids), atol=1e-5)
    True
    """

    def __init__(self, pieces: Pieces, config: GPTConfig, generator: torch.Generator | None = None):
        super().__init__()
        kind = (config.norm, config.activation, config.positions, config.bias, config.tie_embeddings)
        if kind != ("layernorm", "gelu", "learned", True, True) or config.n_kv_heads is not None:
            raise ValueError(
                f"MyGPT got {config}; its pieces make a GPT-2: leave norm, activation, positions, bias, "
                "tie_embeddings and n_kv_heads as they are by default."
            )
        self.pieces, self.config = pieces, config
        self.weights = GPT(config, generator)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        weights = self.weights
        blocks = [partial(self._block, layer) for layer in weights.blocks]
        norm = partial(self._norm, weights.norm)
        return self.pieces["gpt"](ids, weights.tokens.weight, weights.positions.weight, blocks, norm)

    def _block(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        norm1, norm2 = partial(self._norm, layer.norm1), partial(self._norm, layer.norm2)
        attention, mlp = partial(self._attention, layer.attention), partial(self._mlp, layer.mlp)
        return self.pieces["block"](x, norm1, attention, norm2, mlp).to(x.dtype)

    def _norm(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return self.pieces["layer_norm"](x, layer.weight, layer.bias, layer.eps).to(x.dtype)

    def _mlp(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        up, down = layer.up, layer.down
        return self.pieces["mlp"](x, up.weight.T, up.bias, down.weight.T, down.bias).to(x.dtype)

    def _attention(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        B, T, C = x.shape
        split = self.pieces["split_heads"]
        q, k, v = (split(part, layer.n_heads) for part in layer.qkv(x).chunk(3, dim=-1))  # (B, H, T, D)
        mask = torch.as_tensor(self.pieces["causal_mask"](T), device=x.device)  # plain rows are right too
        mixed = self.pieces["scaled_dot_product"](q, k, v, mask).to(x.dtype)
        return layer.out(mixed.transpose(1, 2).reshape(B, T, C))


class MyAdamW(torch.optim.Optimizer):
    """The optimizer from the pieces: the rate of the moment, gradients clipped, one AdamW step a weight.

    >>> weight = nn.Parameter(torch.tensor([[1.0]]))
    >>> optimizer = MyAdamW(gather(), [weight], steps=10, peak=0.1, warmup=0)
    >>> weight.grad = torch.tensor([[0.5]])
    >>> optimizer.step(); weight.detach()
    tensor([[0.8900]])
    """

    def __init__(self, pieces: Pieces, weights: Iterable[nn.Parameter], steps: int, peak: float, warmup: int):
        super().__init__(weights, {})
        self.pieces, self.done = pieces, 0
        self._schedule = (steps, peak, warmup, 0.0)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.pieces["learning_rate"](self.done, *self._schedule))

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # noqa: ARG002  (torch's signature)
        """Move every weight that has a gradient."""
        weights = [
            weight for group in self.param_groups for weight in group["params"] if weight.grad is not None
        ]
        lr = self.rate
        self.done += 1
        gradients = self.pieces["clip_gradients"]([weight.grad for weight in weights], 1.0)
        for weight, gradient in zip(weights, gradients, strict=True):
            state = self.state[weight] or {
                "mean": torch.zeros_like(weight),
                "square": torch.zeros_like(weight),
            }
            decay = 0.1 if weight.ndim >= 2 else 0.0
            results = self.pieces["adamw_step"](
                weight.detach().clone(), torch.as_tensor(gradient), state["mean"], state["square"],
                self.done, lr, (0.9, 0.95), 1e-8, decay,
            )  # fmt: skip
            # A piece may compute with NumPy or in double precision; the weights stay what they are.
            moved, mean, square = (torch.as_tensor(result).to(weight) for result in results)
            state["mean"], state["square"] = mean, square
            weight.copy_(moved)
            self.state[weight] = state


# Train it, and let it write -----------------------------------------------------------------------------


def train(
    model: MyGPT,
    ids: torch.Tensor,
    val_ids: torch.Tensor,
    *,
    steps: int = 400,
    batch_size: int = 16,
    peak: float = 4e-3,
    generator: torch.Generator | None = None,
    curve: Callback | None = None,
) -> History:
    """Train on windows of `ids`; gives the losses of the steps and, twenty times, that of `val_ids`.

    `curve` is told of every record, as a callback of `training.train`. Units: nats per token.

    >>> pieces, chance = gather(), torch.Generator().manual_seed(0)
    >>> config = GPTConfig(vocab_size=3, context_length=5, n_layers=1, n_heads=1, width=8)
    >>> ids = torch.tensor([0, 1, 2] * 20)
    >>> history = train(MyGPT(pieces, config, chance), ids, ids[:30], steps=60, peak=0.03, generator=chance)
    >>> history.val_loss < 0.1
    True
    """
    pieces, T = model.pieces, model.config.context_length
    inputs, targets = map(torch.as_tensor, pieces["windows"](ids, T))
    optimizer = MyAdamW(pieces, model.parameters(), steps, peak, warmup=steps // 20)
    records, losses, began = [], [], time.perf_counter()
    if curve is not None:
        curve.on_start(TrainConfig(steps=steps, batch_size=batch_size, lr=peak), History())
    for step in range(1, steps + 1):
        lr = optimizer.rate
        rows = torch.randint(len(inputs), (batch_size,), generator=generator)
        losses.append(pieces["train_step"](model, optimizer, inputs[rows], targets[rows]))
        if step % max(1, steps // 20) == 0 or step == steps:
            seen, seconds = step * batch_size * T, time.perf_counter() - began
            val_loss = validate(model, val_ids)
            records.append(Record(step, sum(losses) / len(losses), val_loss, lr, seen, seconds))
            losses.clear()
            if curve is not None:
                curve.on_record(records[-1], History(tuple(records)))
    if curve is not None:
        curve.on_end(History(tuple(records)))
    return History(tuple(records))


@torch.no_grad()
def validate(model: MyGPT, ids: torch.Tensor) -> float:
    """The mean loss on all windows of `ids`, by the pieces `windows` and `cross_entropy`.

    Units: nats per token.

    >>> config = GPTConfig(vocab_size=11, context_length=5, n_layers=1, n_heads=1, width=4)
    >>> round(validate(MyGPT(gather(), config), torch.arange(11)), 1)  # nothing learned: log(11)
    2.4
    """
    inputs, targets = map(torch.as_tensor, model.pieces["windows"](ids, model.config.context_length))
    return float(model.pieces["cross_entropy"](model(inputs).flatten(0, 1), targets.flatten()))


@torch.no_grad()
def write(
    model: MyGPT,
    tokenizer: MyTokenizer,
    prompt: str,
    max_new_tokens: int = 80,
    *,
    temperature: float = 0.7,
    top_p: float = 0.95,
    generator: torch.Generator | None = None,
) -> str:
    """Continue a text until its end: each token by `temperature`, `top_p` and `draw`, the loop by `generate`.

    >>> tokenizer = MyTokenizer(gather(), ["the theme of the thesis"], n_merges=3)
    >>> config = GPTConfig(vocab_size=260, context_length=8, n_layers=1, n_heads=1, width=4)
    >>> write(MyGPT(gather(), config), tokenizer, "the ", max_new_tokens=2).startswith("the ")
    True
    """
    pieces = model.pieces

    def choose(logits: torch.Tensor) -> torch.Tensor:
        kept = torch.as_tensor(
            pieces["top_p"](torch.as_tensor(pieces["temperature"](logits, temperature)), top_p)
        )
        return torch.as_tensor(
            pieces["draw"](kept, torch.rand(len(kept), generator=generator).to(kept.device))
        )

    ids = tokenizer.encode(prompt)
    context_length = model.config.context_length
    return tokenizer.decode(
        pieces["generate"](model, ids, max_new_tokens, context_length, choose, tokenizer.end_id)
    )
