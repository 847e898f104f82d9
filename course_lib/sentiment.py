"""Is a text glad or sad, and how sure may a model be? Four kinds of classifiers and what they are asked with.

Labelled texts come from the little world; classifiers are a bag of words (`course_lib.bag_of_words`), a
recurrent network and a GPT with another head, trained by `course_lib.training`; and a GPT as it is can be
asked which of two continuations is likelier. The scores are in `course_lib.classification_scores`. It does
not know what the GPT looks like inside, but for its head.
"""

from __future__ import annotations

import copy
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.bag_of_words import BagOfWords, fit_logistic, logistic_probabilities, words_of
from course_lib.context import RecurrentLM
from course_lib.finetuning.examples import Example, pad_batch
from course_lib.tokens.base import Tokenizer
from course_lib.training import make_optimizer, train
from course_lib.training.evaluation import Batch, context_of, device_of, mode
from course_lib.training.recipe import History, TrainConfig
from course_lib.world.checker import sentence_spans
from course_lib.world.simulation import WorldConfig
from course_lib.world.tasks import Labelled, labelled_review, labelled_story
from course_lib.world.texts import ASPECTS

__all__ = [
    "ENDINGS",
    "LABELS",
    "TEST_SEEDS",
    "BagOfWords",
    "GPTClassifier",
    "LabelBatches",
    "Labelled",
    "RecurrentClassifier",
    "class_logits",
    "few_shot_prompt",
    "fit_classifier",
    "fit_logistic",
    "fit_temperature",
    "label_ids",
    "label_likelihood",
    "last_hidden",
    "leave_one_out",
    "logistic_probabilities",
    "probabilities",
    "texts_and_labels",
    "twins",
    "without_ending",
    "words_of",
]

LABELS = ("bad", "good")  # label 0 and label 1
LONGEST = 512  # tokens of a text that are read by a model without a context of its own
TEST_SEEDS = 2_500_000_000  # from here on: texts to test with, which nothing was trained on
ENDINGS = {  # what the world says at the end of a text, by kind: for label 0, and for label 1
    "review": (" I would not buy it again.", " I would buy it again."),
    "story": (" She went to bed feeling sad.", " She went to bed feeling happy."),
}

_TURN = "The {{0}} is {}. But in the end, the {{1}} is what counts, and it is {}."
_TWINS = {
    "negation": ("The {0} is not bad. The {1} is good.", "The {0} is not good. The {1} is bad."),
    "turn": (_TURN.format("terrible", "great"), _TURN.format("great", "terrible")),
}


# Labelled texts -------------------------------------------------------------------------------------------


def texts_and_labels(
    n: int, kind: str = "review", language: str = "en", first: int = 0, cast: str = "everyday"
) -> list[Labelled]:
    """`n` labelled texts of the world, half bad and half good, from the seeds `first`, `first` + 1 and so on.

    A text whose label has its half already is left out: four stories of five end well, and a model that is
    asked only half as often about good ones can't hide behind that. `cast` matters for stories only.

    Raises: ValueError for another kind than "review" and "story".

    >>> [one.label for one in texts_and_labels(4)]
    ['bad', 'good', 'bad', 'good']
    """
    if kind not in ENDINGS:
        raise ValueError(f"texts_and_labels got kind={kind!r}; choose 'review' or 'story'.")
    made: list[Labelled] = []
    left = {"good": n - n // 2, "bad": n // 2}
    seed, config = first, WorldConfig(cast=cast)
    while len(made) < n:
        one = labelled_review(seed, language) if kind == "review" else labelled_story(seed, language, config)
        if left[one.label]:
            left[one.label] -= 1
            made.append(one)
        seed += 1
    return made


def twins(n: int, kind: str = "negation", first: int = 0) -> list[Labelled]:
    """`n` pairs of short reviews, a good one and a bad one of exactly the same words in another order.

    "negation": *not bad* and *good*, against *not good* and *bad*. "turn": *terrible. But ... great* against
    *great. But ... terrible.* No bag of words can tell them apart. The sentences are the world's (but where
    it turns to the bad, it says *awful* and not *terrible*); the world never tells these reviews as a whole,
    so they also test how a classifier copes with something new.

    Raises: ValueError for another kind.

    >>> for one in twins(1, "turn"):
    ...     print(one.label, one.text.partition(". ")[2])
    good The design is terrible. But in the end, the workmanship is what counts, and it is great.
    bad The design is great. But in the end, the workmanship is what counts, and it is terrible.
    """
    if kind not in _TWINS:
        raise ValueError(f"twins got kind={kind!r}; choose {' or '.join(map(repr, _TWINS))}.")
    made = []
    for seed in range(first, first + n):
        opening = labelled_review(seed, "en").text.partition(". ")[0]
        one, other = (aspect.en for aspect in random.Random(seed).sample(ASPECTS, 2))
        for label, pattern in zip(("good", "bad"), _TWINS[kind], strict=True):
            made.append(Labelled(f"{opening}. {pattern.format(one, other)}", label, kind == "turn"))
    return made


def without_ending(text: str, language: str = "en") -> str:
    """A text up to its last sentence, where the world would say how it ends; a review's turn is kept.

    After it, the likelihood of an ending (`ENDINGS`) is a fair question: a whole text has had its ending.

    >>> without_ending("The look is poor. I hate it. I still regret it.")
    'The look is poor. I hate it.'
    >>> without_ending("The look is poor. But in the end, the price makes up for it.")
    'The look is poor. But in the end, the price makes up for it.'
    """
    *_, (start, _) = sentence_spans(text, language)
    turn = {"en": "But ", "zh": "不过"}[language]
    return text if start == 0 or text[start:].startswith(turn) else text[:start].rstrip()


def label_ids(texts: Sequence[Labelled]) -> torch.Tensor:
    """The labels as numbers: 0 for bad, 1 for good.

    >>> label_ids([Labelled("It is great.", "good"), Labelled("It is poor.", "bad")])
    tensor([1, 0])
    """
    return torch.tensor([LABELS.index(one.label) for one in texts])


# Networks that read a text and give each label a logit ---------------------------------------------------


def last_hidden(hidden: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """What stands at each text's last real token; the filling is on the right.

    Shapes: hidden (B, T, C), lengths (B,) from 1 to T -> (B, C).

    >>> last_hidden(torch.arange(6.0).view(2, 3, 1), torch.tensor([3, 1]))
    tensor([[2.],
            [3.]])
    """
    return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]


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
        self.head = _head(width, n_labels, generator)

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
        self.gpt = copy.deepcopy(gpt).train()
        self.config = gpt.config
        self.gpt.head = _head(gpt.head.weight.shape[1], n_labels, generator).to(device_of(gpt))

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        logits = self.gpt(ids)
        return logits if lengths is None else last_hidden(logits, lengths)


def _head(width: int, n_labels: int, generator: torch.Generator | None) -> nn.Linear:
    """A fresh linear layer that prefers no label by much."""
    head = nn.Linear(width, n_labels)
    nn.init.normal_(head.weight, std=0.02, generator=generator)
    nn.init.zeros_(head.bias)
    return head


# Training -------------------------------------------------------------------------------------------------


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

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
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
    longest = context_of(model, None, required=False) or LONGEST
    batches = LabelBatches(tokenizer, texts, batch_size, longest)
    recipe = TrainConfig(
        max_seconds=seconds, batch_size=batch_size, lr=lr, schedule="linear", weight_decay=0.0, seed=seed
    )
    return train(model, batches, recipe, optimizer=optimizer, clock=clock)


def _ids(tokenizer: Tokenizer, text: str, longest: int) -> list[int]:
    """A text as a model reads it: it begins where a document begins; of a long one, the end is kept."""
    return [tokenizer.end_id, *tokenizer.encode(text)[1 - longest :]]


# Asking a classifier --------------------------------------------------------------------------------------


@torch.inference_mode()
def class_logits(
    model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 64
) -> torch.Tensor:
    """What a classifier gives each text: a logit for each label, (N, 2), in the order of the texts.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("no yes", ["<|endoftext|>"])
    >>> class_logits(RecurrentClassifier(tokenizer.vocab_size, 6), tokenizer, ["yes", "no", "yes"]).shape
    torch.Size([3, 2])
    """
    longest = context_of(model, None, required=False) or LONGEST
    rows = [torch.tensor(_ids(tokenizer, text, longest)) for text in texts]
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


def probabilities(
    model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 64
) -> torch.Tensor:
    """The probability of each label for each text, (N, 2): the softmax of `class_logits`.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("no yes", ["<|endoftext|>"])
    >>> both = probabilities(RecurrentClassifier(tokenizer.vocab_size, 6), tokenizer, ["yes", "no"])
    >>> both.shape, bool(both.sum(-1).allclose(torch.ones(2)))
    (torch.Size([2, 2]), True)
    """
    return class_logits(model, tokenizer, texts, batch_size).softmax(-1)


def leave_one_out(words: Sequence[str], score: Callable[[list[str]], float]) -> list[float]:
    """How much of a score each word brings: the score of all words, minus that without the word.

    Source: Li, Monroe and Jurafsky 2016, section 3 (arXiv:1612.08220), on erasing words.

    >>> leave_one_out(["not", "good", "at", "all"], lambda words: words.count("good") - words.count("not"))
    [-1, 1, 0, 0]
    """
    words = list(words)
    whole = score(words)
    return [whole - score(words[:i] + words[i + 1 :]) for i in range(len(words))]


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The number by which to divide the logits so that the labels become as likely as possible.

    Above 1, the classifier was too sure; below 1, not sure enough. What it predicts does not change. It is
    looked for between 1/100 and 100, by leaving out a part of the range again and again.

    Shapes: logits (N, n), labels (N,). Fit it on texts that were neither trained on nor are tested with.
    Source: Guo and others 2017, section 4.2 (arXiv:1706.04599).

    >>> logits = torch.tensor([[0.0, 8.0]] * 4)  # sure of label 1, and right three times of four
    >>> round(fit_temperature(logits, torch.tensor([1, 1, 1, 0])) * math.log(3), 3)
    8.0
    """

    def loss(power: float) -> float:
        return F.cross_entropy(logits.double() / math.exp(power), labels).item()

    low, high = math.log(0.01), math.log(100.0)
    while high - low > 1e-6:
        one, other = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, other) if loss(one) <= loss(other) else (one, high)
    return math.exp((low + high) / 2)


# Asking a language model as it is -------------------------------------------------------------------------


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
    >>> label_likelihood(uniform, tokenizer, ["a", "b"], ["c", "bc"]) / math.log(4)
    tensor([[-1., -2.],
            [-1., -2.]])
    """
    asked = [*texts] if prior is None else [*texts, prior]
    ends = [tokenizer.encode(continuation) for continuation in continuations]
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
    told = [one.text + endings[LABELS.index(one.label)] for one in examples]
    return "\n\n".join([*told, text])
