"""Examples for fine-tuning: what is read and what is learned, batches of them, and completing many prompts.

Ids in, ids out: this module does not know tokenizers, or what the examples are about. It supports the
notebooks of Part II: `finetuning`, `translation` and `assistant` make their examples with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from course_lib.arguments import flag, id_line, is_several, many, shown, whole, whole_number, wrong
from course_lib.generation import GREEDY, SamplingConfig, generate
from course_lib.generation.decoding import as_stops
from course_lib.training.evaluation import IGNORE, Batch, check_model

Example = tuple[list[int], list[int]]  # ids, and targets of the same length


def masked(parts: Iterable[tuple[Sequence[int], bool]]) -> Example:
    """Ids in a row, and the targets: the id where it is to be learned, -100 where it is only read.

    `parts` are pieces of the text with whether they are to be learned. Nothing is shifted yet.

    >>> masked([([5, 7, 2], False), ([3, 9], True)])
    ([5, 7, 2, 3, 9], [-100, -100, -100, 3, 9])
    """
    ids: list[int] = []
    targets: list[int] = []
    for part, learned in checked_parts(parts):
        ids += part
        targets += part if learned else [IGNORE] * len(part)
    return ids, targets


def checked_parts(parts: Any) -> Iterator[tuple[list[int], bool]]:
    """Pieces of ids with whether they are to be learned, each of its kind.

    >>> list(checked_parts([(torch.tensor([5, 7]), True)]))
    [([5, 7], True)]
    """
    for pair in many("masked", "parts", parts, "pairs of ids and whether they are learned"):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise wrong("masked", "parts", pair, "pairs: ([5, 7], True) for ids that are learned")
        ids, learned = pair
        line = id_line("masked", ids, "a part").tolist()
        if min(line, default=0) < 0:  # which a loss would take for a sign to skip it, or not at all
            raise wrong("masked", "a part", line, "token ids, which are 0 or more")
        yield line, flag("masked", "learned", learned)


def pad_batch(examples: Sequence[Example], pad_id: int, longest: int | None = None) -> Batch:
    """Examples of different lengths as one batch: inputs, and the targets one place further on.

    Shorter ones are filled up on the right, with `pad_id` to read and -100 to learn.

    Shapes: x, y (B, T), T one less than the longest example, or than `longest` if that is shorter.

    >>> pad_batch([([1, 2, 3], [-100, -100, 3]), ([4, 5], [-100, 5])], pad_id=0)
    (tensor([[1, 2],
            [4, 0]]), tensor([[-100,    3],
            [   5, -100]]))
    """
    examples, pad_id, longest = checked_examples(examples, pad_id, longest)
    rows = [(ids[:longest][:-1], targets[:longest][1:]) for ids, targets in examples]
    T = max(len(ids) for ids, _ in rows)
    x = [ids + [pad_id] * (T - len(ids)) for ids, _ in rows]
    y = [targets + [IGNORE] * (T - len(targets)) for _, targets in rows]
    return torch.tensor(x), torch.tensor(y)


def checked_examples(examples: Any, pad_id: Any, longest: Any) -> tuple[list[Example], int, int | None]:
    """Examples of two ids or more with as many targets, what fills them up, and how long they may be.

    >>> checked_examples([([1, 2], [-100, 2])], 0, None)
    ([([1, 2], [-100, 2])], 0, None)
    """
    pad_id = whole("pad_batch", "pad_id", pad_id, least=0)
    longest = None if longest is None else whole("pad_batch", "longest", longest, least=2)
    rows = many("pad_batch", "examples", examples, "examples, such as those of masked")
    if not rows:
        raise ValueError("pad_batch got no example; give one at least, such as one of masked.")
    return [_checked_example(row) for row in rows], pad_id, longest


def _checked_example(row: Any) -> Example:
    pair = row if isinstance(row, tuple | list) and len(row) == 2 else ()
    ids, targets = (_whole_numbers(part) for part in pair) if pair else ([], [])
    if (
        not len(ids) == len(targets) > 1
        or min(ids) < 0
        or any(target < 0 and target != IGNORE for target in targets)
    ):
        raise ValueError(
            f"pad_batch got the example {shown(row)}; needed two ids or more and as many "
            "targets, as of masked."
        )
    return ids, targets


def _whole_numbers(part: Any) -> list[int]:
    """The numbers of a line as Python's own; none at all if one of them is not whole."""
    line = part.tolist() if hasattr(part, "tolist") else part
    if not isinstance(line, Sequence):
        return []
    numbers = [id if type(id) is int else whole_number(id) for id in line]
    return [] if None in numbers else numbers


def complete(
    model: nn.Module,
    prompts: Sequence[Sequence[int]],
    stop: int | Sequence[int],
    most: int,
    batch_size: int = 32,
    sampling: SamplingConfig = GREEDY,
    generator: torch.Generator | None = None,
) -> list[list[int]]:
    """What a model goes on with after each prompt, without the prompt and the token that ends it.

    `stop` is the id of that token, or several ids.

    Prompts of similar length are continued together, since they need little filling; the order of the results
    is that of `prompts`. At most `most` tokens each, and no more than the model's context has room for.

    >>> def successor(ids):  # a model that is sure that after n comes n + 1
    ...     return torch.nn.functional.one_hot((ids + 1) % 10, 10).float()
    >>> complete(successor, [[3, 4], [1], [6]], stop=8, most=3)
    [[5, 6, 7], [2, 3, 4], [7]]
    """
    prompts = many("complete", "prompts", prompts, "prompts, each a list of ids")
    batch_size = whole("complete", "batch_size", batch_size)
    stops = as_stops(stop if is_several(stop) else whole("complete", "stop", stop, least=0))
    most = whole("complete", "most", most, least=0)
    check_model("complete", model)
    prompts = [id_line("complete", prompt, "a prompt").tolist() for prompt in prompts]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found: list[list[int]] = [[] for _ in prompts]
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        texts = generate(
            model,
            [prompts[i] for i in rows],
            most,
            sampling=sampling,
            stop_tokens=stops,
            generator=generator,
            overflow="stop",
        )
        for i, ids in zip(rows, texts, strict=True):
            new = ids[len(prompts[i]) :]
            found[i] = new[:-1] if new and new[-1] in stops else new
    return found
