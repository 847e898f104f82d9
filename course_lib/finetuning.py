"""Fine-tuning: a model that goes on with texts learns to answer, in full or through a few added weights.

Examples become ids and targets in which only the answers count (`course_lib.examples`); LoRA is written out
for any model made of `nn.Linear`. The training itself is `course_lib.training`; the questions and their
scores are in `course_lib.question_answering`. It does not know what the model looks like inside.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.examples import Example, complete, masked, pad_batch
from course_lib.question_answering import Item, Quiz, answered, asked, quiz
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import Batch
from course_lib.world.corpus import TRAINING_SEEDS

TARGETS = ("qkv", "out", "gate", "up", "down")  # the linear layers inside the course's blocks


# Examples: what is read, and what is learned ---------------------------------------------------------------


def encode_quiz(
    tokenizer: Tokenizer, made: Quiz, questions: Sequence, learn: Sequence[str] = ("answers",)
) -> Example:
    """A story with questions and answers after it; `learn` says what counts: "answers", "story", "questions".

    >>> from course_lib.tokens import CharTokenizer
    >>> made = quiz(5)
    >>> tokenizer = CharTokenizer.train(made.story + asked("") + made.answered[0].text, ["<|endoftext|>"])
    >>> ids, targets = encode_quiz(tokenizer, made, made.answered[:1])
    >>> tokenizer.decode([target for target in targets if target != -100])
    ' to the playground\\n'
    """
    parts = [([tokenizer.end_id], False), (tokenizer.encode(made.story), "story" in learn)]
    for question in questions:
        parts += [
            (tokenizer.encode(asked(question.text)), "questions" in learn),
            (tokenizer.encode(answered(question.answer)), "answers" in learn),
        ]
    return masked(parts)


@dataclass(frozen=True)
class QuizBatches:
    """Batches of fresh stories with questions, for `training.train`; no story comes twice, in practice.

    `unanswered` is how many of the questions a story does not answer are put in; they come in any order among
    at most `questions` others. `learn` is that of `encode_quiz`.

    >>> QuizBatches(tokenizer=None, batch_size=3, unanswered=0).batch_size
    3
    """

    tokenizer: Tokenizer | None
    batch_size: int = 8
    unanswered: int = 1
    questions: int = 6
    longest: int = 384
    learn: tuple[str, ...] = ("answers",)

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
        seeds = torch.randint(TRAINING_SEEDS, (self.batch_size,), generator=generator).tolist()
        return pad_batch([self._example(seed) for seed in seeds], self.tokenizer.end_id, self.longest)

    def _example(self, seed: int) -> Example:
        made, draw = quiz(seed), random.Random(seed)
        chosen = draw.sample(made.answered, min(len(made.answered), self.questions))
        chosen += made.unanswered[: self.unanswered]
        draw.shuffle(chosen)
        return encode_quiz(self.tokenizer, made, chosen, self.learn)


# Asking ---------------------------------------------------------------------------------------------------


def answers(
    model: nn.Module, tokenizer: Tokenizer, test: Sequence[Item], batch_size: int = 32, most: int = 24
) -> list[str]:
    """What the model answers to each item: its likeliest tokens, up to the end of the line.

    >>> from course_lib.tokens import CharTokenizer
    >>> from course_lib.world.questions import Question
    >>> tokenizer = CharTokenizer.train("Mia ran.\\n Q: Who? A: y")
    >>> def yes(ids):  # a model that says y, and then ends the line
    ...     y, end = tokenizer.encode("y\\n")
    ...     return F.one_hot(torch.where(ids == y, end, y), tokenizer.vocab_size).float()
    >>> answers(yes, tokenizer, [Item("Mia ran.", Question("Who?", "Mia", True, "go"))])
    ['y']
    """
    prompts = [[tokenizer.end_id, *tokenizer.encode(item.prompt)] for item in test]
    stop = tokenizer.encode("\n")[-1]
    return [tokenizer.decode(ids).strip() for ids in complete(model, prompts, stop, most, batch_size)]


# LoRA -----------------------------------------------------------------------------------------------------


class LoRALinear(nn.Module):
    """A linear layer that stays as it is, and beside it a narrow one that learns: W x + (alpha / rank) B A x.

    B starts at zero, so at first the layer computes what it did before.

    Shapes: x (..., in) -> (..., out); A (rank, in), B (out, rank).
    Source: Hu and others 2021, section 4.1 (arXiv:2106.09685).

    >>> layer = LoRALinear(nn.Linear(5, 3), rank=2)
    >>> sum(p.numel() for p in layer.parameters() if p.requires_grad)  # 2·5 + 3·2
    16
    """

    def __init__(
        self, base: nn.Linear, rank: int, alpha: float | None = None, generator: torch.Generator | None = None
    ):
        super().__init__()
        if rank < 1:
            raise ValueError(f"LoRALinear got rank={rank}; it must be at least 1, e.g. 8.")
        self.base = base.requires_grad_(False)
        self.scale = (rank if alpha is None else alpha) / rank
        weight = base.weight
        self.a = nn.Parameter(weight.new_empty(rank, weight.shape[1]))
        self.b = nn.Parameter(weight.new_zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5), generator=generator)  # as nn.Linear draws its own

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.scale * F.linear(F.linear(x, self.a), self.b)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One ordinary linear layer that computes the same: its matrix is W + (alpha / rank) B A.

        >>> layer, x = LoRALinear(nn.Linear(5, 3), rank=2), torch.ones(5)
        >>> torch.allclose(layer.merged()(x), layer(x))
        True
        """
        out, inside = self.base.weight.shape
        merged = nn.Linear(inside, out, bias=self.base.bias is not None, dtype=self.base.weight.dtype)
        merged.weight.copy_(self.base.weight + self.scale * self.b @ self.a)
        if self.base.bias is not None:
            merged.bias.copy_(self.base.bias)
        return merged.to(self.base.weight.device)


def add_lora(
    model: nn.Module,
    rank: int = 8,
    alpha: float | None = None,
    targets: Sequence[str] = TARGETS,
    generator: torch.Generator | None = None,
) -> nn.Module:
    """Freeze the model and give every linear layer with one of the names a `LoRALinear`, in place.

    Raises: ValueError if there is no such layer.

    >>> model = add_lora(nn.ModuleDict({"up": nn.Linear(3, 5), "head": nn.Linear(5, 7)}), rank=2)
    >>> trainable_count(model)  # of up alone: 2·3 + 5·2
    16
    """
    chosen = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if name in targets and isinstance(child, nn.Linear)
    ]
    if not chosen:
        raise ValueError(
            f"add_lora found no linear layer named {' or '.join(targets)}; look at model.named_modules()."
        )
    model.requires_grad_(False)
    for parent, name, child in chosen:
        setattr(parent, name, LoRALinear(child, rank, alpha, generator))
    return model


def merge_lora(model: nn.Module) -> nn.Module:
    """Put an ordinary linear layer in the place of every `LoRALinear`, in place: no cost is left.

    >>> model = merge_lora(add_lora(nn.ModuleDict({"up": nn.Linear(3, 5)}), rank=2))
    >>> type(model["up"]).__name__
    'Linear'
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoRALinear):
                setattr(parent, name, child.merged())
    return model.requires_grad_(True)


def trainable_count(model: nn.Module) -> int:
    """How many numbers a training may change.

    >>> trainable_count(nn.Linear(5, 3))
    18
    """
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
