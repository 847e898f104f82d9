"""Networks that read a text and give each label a logit: recurrent, or a GPT with another head.

They are trained by `course_lib.training`. It does not know what the GPT looks like inside, but for its head.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from course_lib.arguments import check_ids, check_tokenizer, is_whole, shown, text_list, whole, wrong
from course_lib.context import RecurrentLM
from course_lib.finetuning.examples import Example, pad_batch
from course_lib.model import GPT
from course_lib.runtime import check_generator
from course_lib.sentiment.texts import LABELS, labelled
from course_lib.tokens.base import Tokenizer
from course_lib.training import make_optimizer, train
from course_lib.training.evaluation import Batch, check_model, context_of, device_of, mode, vocab_of
from course_lib.training.recipe import History, TrainConfig
from course_lib.world.tasks import Labelled

LONGEST = 512  # tokens of a text that are read by a model without a context of its own


def last_hidden(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """What stands at each text's last real token; the filling is on the right.

    Shapes: hidden (B, T, C), lengths (B,) from 1 to T -> (B, C).

    >>> last_hidden(torch.arange(6.0).view(2, 3, 1), torch.tensor([3, 1]))
    tensor([[2.],
            [3.]])
    """
    _check_lengths(hidden, lengths)
    return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]


def _check_lengths(hidden: torch.Tensor, lengths: torch.Tensor) -> None:
    tensors = isinstance(hidden, torch.Tensor) and isinstance(lengths, torch.Tensor)
    if not tensors or hidden.ndim != 3 or lengths.shape != hidden.shape[:1] or not is_whole(lengths):
        raise ValueError(
            f"last_hidden got hidden={shown(hidden)} and lengths={shown(lengths)}; it needs vectors "
            "(B, T, C) and as many whole lengths (B,)."
        )
    if lengths.device.type == "cpu" and len(lengths):  # elsewhere, to look at them would have to wait
        shortest, longest = (int(end) for end in lengths.aminmax())
        if shortest < 1 or longest > hidden.shape[1]:
            wrong_one = shortest if shortest < 1 else longest
            raise wrong(
                "last_hidden", "lengths", wrong_one, f"from 1 to {hidden.shape[1]}, the tokens there are"
            )


class RecurrentClassifier(RecurrentLM):
    """A GRU that reads a text and gives the labels' logits from its state after the last token.

    Shapes: ids (B, T), lengths (B,) -> logits (B, 2); without lengths (B, T, 2), one answer after each token.

    >>> model = RecurrentClassifier(vocab_size=7, width=6)
    >>> model(torch.zeros(2, 5, dtype=torch.long), torch.tensor([5, 3])).shape
    torch.Size([2, 2])
    """

    def __init__(
        self,
        vocab_size: int,
        width: int = 64,
        generator: torch.Generator | None = None,
        n_labels: int = len(LABELS),
    ):
        super().__init__(vocab_size, width, generator=generator)
        self.head = _head("RecurrentClassifier", width, n_labels, generator)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        logits = super().forward(ids)
        return logits if lengths is None else last_hidden(logits, lengths)


class GPTClassifier(nn.Module):
    """A copy of a GPT with another head: instead of a logit for every next token, one for every label.

    The head reads what the old one read: the vector after the last block and the last norm, (B, T, C). It is
    linear, so that taking the last real token's vector and then the head, or the head everywhere and then the
    last real token's logits, is the same; the second fits `training.train`, which wants (B, T, V). The GPT
    that is given stays as it is.

    Shapes: ids (B, T), lengths (B,) -> logits (B, n_labels); without lengths (B, T, n_labels).
    Source: Radford and others 2018, section 3.2, "Improving Language Understanding by Generative
    Pre-Training".

    >>> from course_lib.config import GPTConfig
    >>> from course_lib.model import GPT
    >>> gpt = GPT(GPTConfig(vocab_size=11, context_length=8, n_layers=2, n_heads=2, width=6))
    >>> GPTClassifier(gpt)(torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2])).shape
    torch.Size([2, 2])
    """

    def __init__(self, gpt: nn.Module, n_labels: int = len(LABELS), generator: torch.Generator | None = None):
        super().__init__()
        _check_gpt(gpt)
        self.gpt = copy.deepcopy(gpt).train()
        self.config = gpt.config
        width = gpt.head.weight.shape[1]
        self.gpt.head = _head("GPTClassifier", width, n_labels, generator).to(device_of(gpt))

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        logits = self.gpt(ids)
        return logits if lengths is None else last_hidden(logits, lengths)


def _check_gpt(gpt: object) -> None:
    head = getattr(gpt, "head", None)
    if not isinstance(gpt, nn.Module) or not hasattr(gpt, "config") or getattr(head, "weight", None) is None:
        raise wrong("GPTClassifier", "gpt", gpt, "a GPT with its config and its head, such as GPT(config)")


def _head(owner: str, width: int, n_labels: int, generator: torch.Generator | None) -> nn.Linear:
    """A fresh linear layer that prefers no label by much."""
    check_generator(owner, generator)
    head = nn.Linear(width, whole(owner, "n_labels", n_labels))
    nn.init.normal_(head.weight, std=0.02, generator=generator)
    nn.init.zeros_(head.bias)
    return head


@dataclass(frozen=True)
class LabelBatches:
    """Batches for `training.train` from labelled texts, drawn with repetition: ids, and the label at the end.

    The target is -100 everywhere but at the last token, where it is the label's number.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("no yes", ["<|endoftext|>"])
    >>> x, y = LabelBatches(tokenizer, [Labelled("yes", "good")], batch_size=1)(torch.Generator())
    >>> x.shape, y
    (torch.Size([1, 4]), tensor([[-100, -100, -100,    1]]))
    """

    tokenizer: Tokenizer
    texts: Sequence[Labelled]
    batch_size: int = 8
    longest: int = LONGEST

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("longest", 2)):
            object.__setattr__(self, name, whole("LabelBatches", name, getattr(self, name), least))
        check_tokenizer("LabelBatches", self.tokenizer)
        object.__setattr__(self, "texts", labelled("LabelBatches", self.texts))
        if not self.texts:
            raise wrong("LabelBatches", "texts", self.texts, "a list of at least one Labelled")

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
        check_generator("LabelBatches", generator)
        rows = torch.randint(len(self.texts), (self.batch_size,), generator=generator).tolist()
        return pad_batch([self._example(self.texts[row]) for row in rows], self.tokenizer.end_id)

    def _example(self, one: Labelled) -> Example:
        ids = _ids(self.tokenizer, one.text, self.longest)
        # pad_batch shifts: it leaves out the last id and the first target.
        return [*ids, self.tokenizer.end_id], [*[-100] * len(ids), LABELS.index(one.label)]


def fit_classifier(
    model: nn.Module,
    tokenizer: Tokenizer,
    texts: Sequence[Labelled],
    seconds: float,
    lr: float = 1e-3,
    batch_size: int = 8,
    seed: int = 0,
    optimizer: Callable[[nn.Module, TrainConfig], torch.optim.Optimizer] = make_optimizer,
    clock: Callable[[], float] = time.process_time,
) -> History:
    """Train a classifier in place on labelled texts for so many seconds, by default of the CPU.

    Raises: ValueError as `training.train`.

    >>> from course_lib.tokens import CharTokenizer
    >>> texts = [Labelled("yes", "good"), Labelled("no", "bad")]
    >>> tokenizer = CharTokenizer.train("no yes", ["<|endoftext|>"])
    >>> model = RecurrentClassifier(tokenizer.vocab_size, 8, torch.Generator().manual_seed(0))
    >>> history = fit_classifier(model, tokenizer, texts, seconds=0.1)
    >>> history.steps[-1] > 0 and history.train_loss > 0
    True
    """
    _check_classifier("fit_classifier", model)
    longest = context_of(model, None, required=False) or LONGEST
    batches = LabelBatches(tokenizer, texts, batch_size, longest)
    recipe = TrainConfig(
        max_seconds=seconds, batch_size=batch_size, lr=lr, schedule="linear", weight_decay=0.0, seed=seed
    )
    return train(model, batches, recipe, optimizer=optimizer, clock=clock)


def _check_classifier(owner: str, model: object) -> None:
    check_model(owner, model)
    unready = isinstance(model, GPT | RecurrentLM) and not isinstance(model, RecurrentClassifier)
    if unready:
        raise ValueError(
            f"{owner} got a {type(model).__name__}, which gives every next token a logit and no label; "
            "make it a classifier first, such as GPTClassifier(model)."
        )


def _ids(tokenizer: Tokenizer, text: str, longest: int) -> list[int]:
    """A text as a model reads it: it begins where a document begins; of a long one, the end is kept."""
    return [tokenizer.end_id, *tokenizer.encode(text)[1 - longest :]]


@torch.inference_mode()
def class_logits(
    model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 64
) -> torch.Tensor:
    """What a classifier gives each text: a logit for each label, (N, 2), in the order of the texts.

    Raises: ValueError for one text that is not in a list, or for none.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("no yes", ["<|endoftext|>"])
    >>> class_logits(RecurrentClassifier(tokenizer.vocab_size, 6), tokenizer, ["yes", "no", "yes"]).shape
    torch.Size([3, 2])
    """
    _check_classifier("class_logits", model)
    check_tokenizer("class_logits", tokenizer)
    batch_size = whole("class_logits", "batch_size", batch_size)
    longest = context_of(model, None, required=False) or LONGEST
    rows = [torch.tensor(_ids(tokenizer, text, longest)) for text in text_list("class_logits", texts)]
    if not rows:
        raise ValueError("class_logits got no texts; give at least one.")
    check_ids("class_logits", torch.cat(rows), vocab_of(model))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # rows of like length need little filling
    found: list[torch.Tensor] = [torch.empty(0)] * len(rows)
    with mode(model, training=False):
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            x = nn.utils.rnn.pad_sequence([rows[i] for i in chosen], True, tokenizer.end_id)
            lengths = torch.tensor([len(rows[i]) for i in chosen])
            device = device_of(model)
            for i, logits in zip(chosen, model(x.to(device), lengths.to(device)).cpu(), strict=True):
                found[i] = logits
    return torch.stack(found).clone()
