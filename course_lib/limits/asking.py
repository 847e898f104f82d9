"""A language model asked by the probability of its next token, without writing a word: which of a few?

It does not know what is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from course_lib.arguments import check_instance, many, text_list
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import device_of, mode


@torch.inference_mode()
def next_chances(model: nn.Module, prompts: Sequence[Sequence[int]], batch_size: int = 32) -> torch.Tensor:
    """The probability of each token as the next one, after each prompt.

    Shapes: (N, V) for N prompts.

    >>> next_chances(lambda ids: torch.zeros(*ids.shape, 4), [[1], [2, 3]]).tolist()[1]
    [0.25, 0.25, 0.25, 0.25]
    """
    rows = [list(ids) for ids in many("next_chances", "prompts", prompts, "lists of ids")]
    if not rows or not all(rows):
        raise ValueError("next_chances got no prompt, or an empty one; give lists of one id or more.")
    found: list[torch.Tensor] = [torch.empty(0)] * len(rows)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    with mode(model, training=False):
        for begin in range(0, len(order), batch_size):
            chosen = order[begin : begin + batch_size]
            x = torch.zeros(len(chosen), max(len(rows[i]) for i in chosen), dtype=torch.long)
            for line, i in enumerate(chosen):
                x[line, : len(rows[i])] = torch.tensor(rows[i])
            logits = model(x.to(device_of(model)))
            for line, i in enumerate(chosen):
                found[i] = logits[line, len(rows[i]) - 1].float().softmax(-1).cpu()
    return torch.stack(found)


def share_of_first(
    model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], first: str, second: str
) -> list[float]:
    """Of the probability that two words have after each text, the share that the first one has.

    Where a word is several tokens, its first one stands for it.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("abc", ["<|endoftext|>"])
    >>> share_of_first(lambda ids: torch.zeros(*ids.shape, 4), tokenizer, ["a"], "b", "c")
    [0.5]
    """
    check_instance("share_of_first", "tokenizer", tokenizer, Tokenizer, "a tokenizer of course_lib.tokens")
    prompts = [[tokenizer.end_id, *tokenizer.encode(text)] for text in text_list("share_of_first", texts)]
    both = next_chances(model, prompts)[:, [tokenizer.encode(word)[0] for word in (first, second)]]
    return (both[:, 0] / both.sum(-1)).tolist()
