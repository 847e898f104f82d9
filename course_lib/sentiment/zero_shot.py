"""A language model as it is, asked which of two continuations is likelier: without training, or with
examples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import text_list
from course_lib.finetuning.examples import pad_batch
from course_lib.sentiment.texts import ENDINGS, LABELS
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import device_of, mode
from course_lib.world.tasks import Labelled


@torch.inference_mode()
def label_likelihood(
    model: nn.Module,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    continuations: Sequence[str],
    prior: str | None = None,
    batch_size: int = 64,
) -> torch.Tensor:
    """How likely a language model finds each continuation after each text; the likeliest one is its answer.

    With a `prior`, a text that says nothing, what the continuation has there is taken off: a continuation
    may be likely by itself.

    Shapes: (N, n) for N texts and n continuations. Units: nats, the log of the probability.
    Raises: ValueError where a text with its continuation is longer than the model's context.
    Source: Brown and others 2020, section 2.4 (arXiv:2005.14165); Holtzman and others 2021 (arXiv:2104.08315)
    on taking the prior off.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("abc", ["<|endoftext|>"])
    >>> uniform = lambda ids: torch.zeros(*ids.shape, 4)
    >>> label_likelihood(uniform, tokenizer, ["a", "b"], ["c", "bc"]) / torch.tensor(4).log()
    tensor([[-1., -2.],
            [-1., -2.]])
    """
    asked = text_list("label_likelihood", texts) + ([] if prior is None else [prior])
    ends = [tokenizer.encode(ending) for ending in text_list("label_likelihood", continuations)]
    starts = [[tokenizer.end_id, *tokenizer.encode(text)] for text in asked]
    examples = [(s + e, [-100] * len(s) + e) for s in starts for e in ends]
    found = torch.empty(len(examples))
    order = sorted(range(len(examples)), key=lambda i: len(examples[i][0]))
    with mode(model, training=False):
        for begin in range(0, len(order), batch_size):
            rows = order[begin : begin + batch_size]
            x, y = (part.to(device_of(model)) for part in pad_batch([examples[i] for i in rows], 0))
            nats = F.cross_entropy(model(x).transpose(1, 2).float(), y, reduction="none")
            found[rows] = -nats.sum(-1).cpu()
    found = found.view(len(asked), len(ends))
    return found if prior is None else found[:-1] - found[-1]


def few_shot_prompt(
    examples: Sequence[Labelled], text: str, endings: Sequence[str] = ENDINGS["review"]
) -> str:
    """Texts with their labels, said by the label's ending, and then the text that is asked about.

    >>> few_shot_prompt([Labelled("It is poor.", "bad")], "It is great.", (" No.", " Yes."))
    'It is poor. No.\\n\\nIt is great.'
    """
    text_list("few_shot_prompt", endings)
    told = [one.text + endings[LABELS.index(one.label)] for one in examples]
    return "\n\n".join([*told, text])
