"""From documents to batches: one stream of token ids, windows cut from it, targets shifted by one.

It does not know models, or tokenizers' insides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from course_lib.arguments import id_line, is_whole, many, shown, whole
from course_lib.runtime import as_device, check_generator


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
    documents = many("encode_documents", "documents", documents, "texts")
    if not hasattr(tokenizer, "end_id"):
        raise ValueError(
            f"encode_documents got {shown(tokenizer)} as its tokenizer; give one of course_lib.tokens."
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
    ids, T = check_stream(ids, T)
    stride = T if stride is None else whole("windows", "stride", stride)
    pieces = ids.unfold(0, T + 1, stride).long()
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
    ids, T = check_stream(ids, T)
    batch_size = whole("get_batch", "batch_size", batch_size)
    check_generator("get_batch", generator)
    device = as_device(device)
    starts = None if starts is None else id_line("get_batch", starts, "starts")
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
    ids, T = id_line("document_starts", ids), whole("document_starts", "T", T)
    end_id = whole("document_starts", "end_id", end_id, least=0)
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
    batch_size = whole("document_batches", "batch_size", batch_size)
    return _DocumentBatches(*check_stream(ids, T), starts, batch_size)


@dataclass(frozen=True, eq=False)
class _DocumentBatches:
    """Draws windows that begin at some places; what it draws from can be seen, and so compared."""

    ids: torch.Tensor
    T: int
    starts: torch.Tensor
    batch_size: int

    def __call__(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        return get_batch(self.ids, self.batch_size, self.T, generator, starts=self.starts)


def check_stream(ids: torch.Tensor, T: int) -> tuple[torch.Tensor, int]:
    """The stream as a tensor, which may come as a list or an array, and T.

    Shapes: ids (N,), N above T.
    Raises: ValueError unless it holds whole numbers, enough for a window of T and its last target.

    >>> check_stream(torch.tensor([5, 6, 7]), T=3)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: Got a text of 3 tokens; a window of 3 and its last target need 4: give more text or ...
    """
    if isinstance(ids, torch.Tensor) and (ids.ndim != 1 or not is_whole(ids)):
        raise ValueError(
            f"Got ids of shape {tuple(ids.shape)} and type {ids.dtype}; needed one stream of whole numbers, "
            "(N,): make it with encode_documents."
        )
    ids = id_line("a window", ids)
    T = whole("a window", "T", T)
    if len(ids) <= T:
        raise ValueError(
            f"Got a text of {len(ids)} tokens; a window of {T} and its last target need {T + 1}: "
            "give more text or a smaller T."
        )
    return ids, T
