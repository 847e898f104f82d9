"""How good a model is: the loss on fixed windows, and what whole documents cost it.

Works for any callable that maps token ids (B, T) to logits (B, T, V). It does not know how models are
trained.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import (
    as_tensor,
    check_function,
    check_ids,
    check_instance,
    choice,
    flag,
    id_line,
    is_whole,
    many,
    shown,
    whole,
    wrong,
)
from course_lib.runtime import device as usable_device

PRECISIONS = ("float32", "bfloat16")
IGNORE = -100  # a target with this value does not count, as in torch and transformers
Batch = tuple[torch.Tensor, torch.Tensor]


def mode(model: Any, training: bool) -> contextlib.AbstractContextManager:
    """Put a module into training or evaluation mode for a while, and every part of it back as it was.

    What comes back can be entered again and again; parts that are in the wanted mode already cost next to
    nothing.

    >>> layer = torch.nn.Dropout(0.5)
    >>> with mode(layer, training=False):
    ...     print(layer.training)
    False
    >>> layer.training
    True
    """
    training = flag("mode", "training", training)
    return _Mode(list(model.modules()) if isinstance(model, nn.Module) else [], training)


class _Mode(contextlib.AbstractContextManager):
    def __init__(self, modules: list[nn.Module], training: bool):
        self.modules, self.training = modules, training

    def __enter__(self) -> None:
        self.changed = [module for module in self.modules if module.training != self.training]
        for module in self.changed:  # past nn.Module's own way, which looks for weights first
            vars(module)["training"] = self.training

    def __exit__(self, *error: object) -> None:
        for module in self.changed:
            vars(module)["training"] = not self.training


def summed_nats(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """`cross_entropy(..., reduction="sum")` by torch's fused kernel, for its speed.

    Shapes: logits (..., V), targets (...); targets of -100 don't count.

    Raises: ValueError for what are no logits of the targets.

    >>> summed_nats(torch.zeros(1, 3, 2), torch.tensor([[0, 1, -100]]))  # two targets at log(2) each
    tensor(1.3863)
    """
    _check_logits(logits, targets)
    targets = targets.flatten().long()
    return F.cross_entropy(logits.flatten(0, -2), targets, ignore_index=IGNORE, reduction="sum")


def _check_logits(logits: Any, targets: Any) -> None:
    """By shape and type alone, since this is asked at every step."""
    whole_targets = isinstance(targets, torch.Tensor) and is_whole(targets)
    right = isinstance(logits, torch.Tensor) and logits.is_floating_point() and logits.ndim > 1
    if not (whole_targets and right and logits.shape[:-1] == targets.shape):
        raise ValueError(
            f"A model gave {shown(logits)} for the targets {shown(targets)}; it must give logits: for ids "
            "(B, T) floats (B, T, V)."
        )


def evaluate(
    model: Callable[[torch.Tensor], torch.Tensor],
    ids: torch.Tensor | Sequence[Batch],
    context_length: int | None = None,
    *,
    windows: int | None = 64,
    batch_size: int = 32,
    precision: str = "float32",
) -> float:
    """The mean loss on a fixed set of windows, evenly spaced over `ids`: the same at every call.

    `windows=None` takes all of `ids`, window after window. `ids` may also be a list of ready batches (x, y).
    The model is evaluated without dropout and left in the mode it was in.

    Units: nats per token.
    Raises: ValueError if `ids` is too short for one window, or not of the model's vocabulary, or if the
    model's logits are no numbers.

    >>> uniform = lambda ids: torch.zeros(*ids.shape, 8)  # every one of 8 tokens is equally likely: log(8)
    >>> round(evaluate(uniform, torch.arange(20) % 8, context_length=5), 4)
    2.0794
    """
    choice("evaluate", "precision", precision, PRECISIONS)
    batches = measured_batches(model, ids, context_length, windows, batch_size)
    loss = mean_nats(model, batches, precision)
    _check_measured("evaluate", math.isnan(loss))
    return loss


def _check_measured(owner: str, broken: bool) -> None:
    if broken:
        raise ValueError(
            f"{owner} got logits from the model that are no numbers (NaN); if training brought them, take "
            "earlier weights, or a lower learning rate."
        )


@torch.inference_mode()
def mean_nats(
    model: Callable[[torch.Tensor], torch.Tensor], batches: Iterable[Batch], precision: str
) -> float:
    """The mean loss on batches that were looked at, in evaluation mode; NaN if the model gives that.

    Units: nats per token.

    >>> ids = torch.tensor([[0, 1]])
    >>> round(mean_nats(lambda ids: torch.zeros(*ids.shape, 8), [(ids, ids)], "float32"), 4)
    2.0794
    """
    device, total, count = device_of(model), 0.0, 0
    with mode(model, training=False), autocast(device, precision):
        for x, y in batches:
            total += summed_nats(model(x.to(device)), y.to(device)).item()
            count += int((y != IGNORE).sum())
    return total / count


def measured_batches(
    model: Any, ids: Any, context_length: int | None, windows: int | None, batch_size: int
) -> Iterable[Batch]:
    """The batches that `evaluate` measures on; what is wrong with them is said before the model runs.

    >>> list(measured_batches(len, torch.arange(4), 3, None, 1))
    [(tensor([[0, 1, 2]]), tensor([[1, 2, 3]]))]
    """
    check_model("evaluate", model)
    windows = None if windows is None else whole("evaluate", "windows", windows)
    batch_size = whole("evaluate", "batch_size", batch_size)
    vocab_size = vocab_of(model)
    if is_line(ids):
        line = id_line("evaluate", ids)
        check_ids("evaluate", line, vocab_size)
        return _fixed_batches(line, context_of(model, context_length), windows, batch_size)
    batches = many("evaluate", "ids", ids, "ready batches (x, y)")
    for batch in batches:
        check_pair("evaluate", batch, vocab_size)
    if not any(bool((y != IGNORE).any()) for _, y in batches):
        raise ValueError(
            "evaluate got no targets to measure; give ids, or batches with targets that are not -100."
        )
    return batches


def is_line(ids: Any) -> bool:
    """Whether this is a line of ids (or meant to be one) rather than a list of batches.

    >>> is_line([1, 2, 3]), is_line([(torch.zeros(1, 2), torch.zeros(1, 2))])
    (True, False)
    """
    if isinstance(ids, torch.Tensor | str | bytes) or hasattr(ids, "dtype"):
        return True
    return isinstance(ids, Sequence) and bool(ids) and not isinstance(ids[0], tuple | list)


def check_model(owner: str, model: Any) -> None:
    """Raises ValueError for what can't be called with ids alone.

    >>> check_model("train", "tiny")
    Traceback (most recent call last):
    ValueError: train got model='tiny'; it must be a model, such as GPT(GPTConfig.preset("tiny")).
    """
    needed = 'a model, such as GPT(GPTConfig.preset("tiny"))'
    if isinstance(model, type):
        raise wrong(owner, "model", model, needed)
    check_function(owner, "model", model, 1, needed)


def vocab_of(model: Any) -> int | None:
    """How many ids a model knows, if it says so.

    >>> vocab_of(nn.Linear(2, 3)) is None
    True
    """
    size = getattr(getattr(model, "config", None), "vocab_size", None)
    return size if isinstance(size, int) else None


def check_pair(owner: str, batch: Any, vocab_size: int | None = None) -> None:
    """Raises ValueError unless a batch is inputs and targets, both whole numbers (B, T) of the vocabulary.

    >>> check_pair("train", torch.ones(2, 3))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: train got a batch that is a Tensor of shape (2, 3) and type torch.float32; it needs a pair ...
    """
    pair = isinstance(batch, tuple | list) and len(batch) == 2
    if not pair or not all(isinstance(part, torch.Tensor) and is_whole(part) for part in batch):
        told = f"({shown(batch[0])}, {shown(batch[1])})" if pair else shown(batch)
        raise ValueError(
            f"{owner} got a batch that is {told}; it needs a pair of whole-number tensors (x, y)."
        )
    x, y = batch
    if x.ndim != 2 or x.shape != y.shape or not x.numel():
        raise ValueError(
            f"{owner} got a batch with x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)}; both "
            "must be of one shape (B, T), not empty."
        )
    check_ids(owner, x, vocab_size)
    check_ids(owner, y, vocab_size, IGNORE)


def _fixed_batches(ids: torch.Tensor, length: int, windows: int | None, batch_size: int) -> Iterator[Batch]:
    spare = len(ids) - 1 - length
    if spare < 0:
        raise ValueError(
            f"evaluate got {len(ids)} ids; a window of {length} needs {length + 1}: "
            "use a shorter context_length."
        )
    most = spare // length + 1
    n = most if windows is None else min(windows, most)
    starts = (
        [round(i * spare / max(1, n - 1)) for i in range(n)]
        if windows is not None
        else range(0, spare + 1, length)
    )
    rows = torch.as_tensor(list(starts))[:, None] + torch.arange(length + 1)
    return _drawn(ids.cpu(), rows, min(batch_size, len(rows)))


def _drawn(ids: torch.Tensor, rows: torch.Tensor, batch_size: int) -> Iterator[Batch]:
    for part in rows.split(batch_size):
        window = ids[part].long()
        yield window[:, :-1], window[:, 1:]


@torch.inference_mode()
def document_nats(
    model: Callable[[torch.Tensor], torch.Tensor],
    documents: Sequence[Sequence[int] | torch.Tensor],
    end_id: int,
    *,
    context_length: int | None = None,
    batch_size: int = 32,
    precision: str = "float32",
) -> torch.Tensor:
    """What each whole document costs the model: -log of its probability, given that a document starts.

    The model sees the end-of-text token first and is charged for every token of the document and for the
    end-of-text token that closes it. So exp(-nats) sums to at most 1 over all possible documents, and the
    mean over documents of the little world can be compared with the world's entropy. A document longer than
    the context is read in windows that overlap by half: every token is charged once, though the model may
    have lost sight of the beginning by then.

    Shapes: `documents` holds N sequences of ids, without end tokens; the result is (N,), float64, on the CPU.
    Units: nats per document.
    Raises: ValueError for ids that are none of the model's, or if its logits are no numbers.

    >>> uniform = lambda ids: torch.zeros(*ids.shape, 8)
    >>> document_nats(uniform, [[3, 1], []], end_id=7) / torch.tensor(8.0).log()  # 2 tokens + end; end alone
    tensor([3., 1.], dtype=torch.float64)
    """
    check_model("document_nats", model)
    choice("document_nats", "precision", precision, PRECISIONS)
    batch_size = whole("document_nats", "batch_size", batch_size)
    documents = _checked_documents(documents, end_id, vocab_of(model))
    nats = torch.zeros(len(documents), dtype=torch.float64)
    pieces = _pieces(documents, end_id, context_of(model, context_length, required=False))
    pieces.sort(key=lambda piece: len(piece[1]))  # rows of similar length waste little padding
    device = device_of(model)
    with mode(model, training=False), autocast(device, precision):
        for start in range(0, len(pieces), batch_size):
            rows = pieces[start : start + batch_size]
            x = nn.utils.rnn.pad_sequence([x for _, x, _ in rows], batch_first=True, padding_value=end_id)
            y = nn.utils.rnn.pad_sequence([y for _, _, y in rows], batch_first=True, padding_value=IGNORE)
            logits = model(x.to(device))
            _check_logits(logits, y)
            losses = F.cross_entropy(
                logits.float().flatten(0, 1), y.to(device).flatten(), ignore_index=IGNORE, reduction="none"
            )
            sums = losses.view(y.shape).cpu().double().sum(1)
            nats.index_add_(0, torch.tensor([index for index, _, _ in rows]), sums)
    _check_measured("document_nats", bool(nats.isnan().any()))
    return nats


def _checked_documents(documents: Any, end_id: int, vocab_size: int | None) -> list[torch.Tensor]:
    whole("document_nats", "end_id", end_id, least=0, most=None if vocab_size is None else vocab_size - 1)
    rows = []
    for document in many("document_nats", "documents", documents, "documents, each a list of ids"):
        if not isinstance(document, str | bytes) and as_tensor(document) is None:
            document = list(document) if isinstance(document, Iterable) else [document]
        row = id_line("document_nats", document, "a document")
        check_ids("document_nats", row, vocab_size)
        rows.append(row)
    return rows


def _pieces(
    documents: Sequence[Sequence[int] | torch.Tensor], end_id: int, length: int | None
) -> list[tuple[int, torch.Tensor, torch.Tensor]]:
    """Cut documents into (document, inputs, targets) of at most `length` tokens, each target counted once."""
    pieces = []
    for index, document in enumerate(documents):
        ids = torch.tensor([end_id, *[int(token) for token in document], end_id])
        x, y = ids[:-1], ids[1:]
        width = length or len(x)
        pieces.append((index, x[:width], y[:width]))
        for start in range(width, len(x), max(1, width // 2)):
            stop = min(start + max(1, width // 2), len(x))
            first = stop - width
            targets = y[first:stop].clone()
            targets[: start - first] = IGNORE  # charged before; here they are context only
            pieces.append((index, x[first:stop], targets))
    return pieces


def context_of(model: Any, wanted: int | None, required: bool = True) -> int | None:
    """The length of a window: as wanted, else the model's own; None if unknown and not required.

    Raises: ValueError if nothing is known, or more is wanted than the model can take.

    >>> context_of(torch.nn.Linear(2, 3), wanted=16)
    16
    """
    required = flag("a window", "required", required)
    own = getattr(getattr(model, "config", None), "context_length", None)
    wanted = None if wanted is None else whole("a window", "context_length", wanted)
    if wanted is None and own is None and required:
        raise ValueError("This model does not say how long its context is; give context_length, e.g. 128.")
    if wanted is not None and own is not None and wanted > own:
        raise ValueError(
            f"context_length={wanted} is longer than the model's context of {own}; use {own} or less."
        )
    return wanted or own


def device_of(model: Any) -> torch.device:
    """The device a module's parameters are on; the CPU for anything without parameters.

    >>> device_of(nn.Linear(2, 3)), device_of(len)
    (device(type='cpu'), device(type='cpu'))
    """
    parameters = model.parameters() if isinstance(model, nn.Module) else ()
    return next((parameter.device for parameter in parameters), torch.device("cpu"))


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """With precision "bfloat16": half-sized numbers for the large products and float32 for the rest.

    >>> with autocast(torch.device("cpu"), "bfloat16"):
    ...     (torch.ones(2, 3) @ torch.ones(3, 5)).dtype
    torch.bfloat16
    """
    choice("autocast", "precision", precision, PRECISIONS)
    check_instance("autocast", "device", device, torch.device, 'a torch.device, such as torch.device("cpu")')
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _product_seconds(device: torch.device, precision: str) -> float:
    """How long a device takes for a product of two matrices, at best of three times."""
    matrix, times = torch.ones(256, 256, device=device), []
    with torch.inference_mode(), autocast(device, precision):
        for _ in range(3):
            start = time.perf_counter()
            (matrix @ matrix).sum().item()  # waits for a GPU too
            times.append(time.perf_counter() - start)
    return min(times)


def quicker_precision(
    device: torch.device | str, seconds: Callable[[torch.device, str], float] = _product_seconds
) -> str:
    """In which of "float32" and "bfloat16" a device multiplies faster, measured with a small product of each.

    GPUs are faster in bfloat16, and so are CPUs with instructions for it; others take many times as long.

    >>> quicker_precision("cpu") in ("float32", "bfloat16")
    True
    >>> quicker_precision("cpu", seconds=lambda device, precision: {"float32": 5, "bfloat16": 2}[precision])
    'bfloat16'
    """
    check_function("quicker_precision", "seconds", seconds, 2, "a function of a device and a precision")
    place = usable_device(str(device))
    return min(PRECISIONS, key=lambda precision: seconds(place, precision))
