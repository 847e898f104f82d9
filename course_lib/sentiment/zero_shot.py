"""A language model as it is, asked which of two continuations is likelier: without training, or with
examples."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import check_instance, check_tokenizer, text_list, whole, wrong
from course_lib.finetuning.examples import pad_batch
from course_lib.sentiment.texts import ENDINGS, LABELS, labelled
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import check_model, device_of, mode
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
    asked, batch_size = _asked(texts, prior), whole("label_likelihood", "batch_size", batch_size)
    check_model("label_likelihood", model)
    check_tokenizer("label_likelihood", tokenizer)
    ends = [tokenizer.encode(ending) for ending in text_list("label_likelihood", continuations)]
    starts = [[tokenizer.end_id, *tokenizer.encode(text)] for text in asked]
    if not all(ends):
        raise wrong("label_likelihood", "continuations", list(continuations), "texts that are not empty")
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


def _asked(texts: Sequence[str], prior: str | None) -> list[str]:
    """The texts that are asked about, with the prior as the last."""
    asked = text_list("label_likelihood", texts)
    if not asked:
        raise ValueError("label_likelihood got no texts; give at least one.")
    check_instance("label_likelihood", "prior", prior, str | None, "a text, or None")
    return asked if prior is None else [*asked, prior]


def few_shot_prompt(
    examples: Sequence[Labelled], text: str, endings: Sequence[str] = ENDINGS["review"]
) -> str:
    """Texts with their labels, said by the label's ending, and then the text that is asked about.

    >>> few_shot_prompt([Labelled("It is poor.", "bad")], "It is great.", (" No.", " Yes."))
    'It is poor. No.\\n\\nIt is great.'
    """
    if len(endings := text_list("few_shot_prompt", endings)) != len(LABELS):
        raise wrong("few_shot_prompt", "endings", endings, f"texts for {' and '.join(LABELS)}, in this order")
    check_instance("few_shot_prompt", "text", text, str, "a text, one str")
    known = labelled("few_shot_prompt", examples)
    told = [one.text + endings[LABELS.index(one.label)] for one in known]
    return "\n\n".join([*told, text])
