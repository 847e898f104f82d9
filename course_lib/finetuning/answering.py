"""Questions as examples to learn from, and as a test: what is read, what is learned, what is answered.

It does not know what the model looks like inside.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from course_lib.arguments import check_instance, choice, many, whole, wrong
from course_lib.finetuning.examples import Example, complete, masked, pad_batch
from course_lib.finetuning.question_answering import Item, Quiz, answered, asked, each, quiz
from course_lib.runtime import check_generator
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import Batch
from course_lib.world.corpus import TRAINING_SEEDS
from course_lib.world.questions import Question


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
    learn = checked_learn("encode_quiz", learn)
    _check_tokenizer("encode_quiz", tokenizer)
    check_instance("encode_quiz", "made", made, Quiz, "a Quiz, such as quiz(5)")
    questions = many("encode_quiz", "questions", questions, "questions, such as made.answered")
    for question in questions:
        check_instance("encode_quiz", "questions", question, Question, "questions, such as made.answered")
    parts = [([tokenizer.end_id], False), (tokenizer.encode(made.story), "story" in learn)]
    for question in questions:
        parts += [
            (tokenizer.encode(asked(question.text)), "questions" in learn),
            (tokenizer.encode(answered(question.answer)), "answers" in learn),
        ]
    return masked(parts)


def _check_tokenizer(owner: str, tokenizer: Any) -> None:
    check_instance(owner, "tokenizer", tokenizer, Tokenizer, "a tokenizer of course_lib.tokens")


PARTS = ("story", "questions", "answers")


def checked_learn(owner: str, learn: Any) -> tuple[str, ...]:
    """Which parts of a quiz count, as a tuple.

    >>> checked_learn("encode_quiz", ["answers"])
    ('answers',)
    """
    parts = many(owner, "learn", learn, "parts, such as ('answers',)")
    if not parts:
        raise wrong(owner, "learn", learn, "a list of parts, such as ('answers',), and not empty")
    return tuple(choice(owner, "learn", part, PARTS) for part in parts)


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

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("unanswered", 0), ("questions", 0), ("longest", 2)):
            value = whole("QuizBatches", name, getattr(self, name), least)
            object.__setattr__(self, name, value)
        if self.tokenizer is not None:
            _check_tokenizer("QuizBatches", self.tokenizer)
        object.__setattr__(self, "learn", checked_learn("QuizBatches", self.learn))

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
        check_generator("QuizBatches", generator)
        seeds = torch.randint(TRAINING_SEEDS, (self.batch_size,), generator=generator).tolist()
        return pad_batch([self._example(seed) for seed in seeds], self.tokenizer.end_id, self.longest)

    def _example(self, seed: int) -> Example:
        made, draw = quiz(seed), random.Random(seed)
        chosen = draw.sample(made.answered, min(len(made.answered), self.questions))
        chosen += made.unanswered[: self.unanswered]
        draw.shuffle(chosen)
        return encode_quiz(self.tokenizer, made, chosen, self.learn)


def answers(
    model: nn.Module, tokenizer: Tokenizer, test: Sequence[Item], batch_size: int = 32, most: int = 24
) -> list[str]:
    """What the model answers to each item: its likeliest tokens, up to the end of the line.

    >>> from course_lib.tokens import CharTokenizer
    >>> from course_lib.world.questions import Question
    >>> tokenizer = CharTokenizer.train("Mia ran.\\n Q: Who? A: y")
    >>> def yes(ids):  # a model that says y, and then ends the line
    ...     y, end = tokenizer.encode("y\\n")
    ...     return nn.functional.one_hot(torch.where(ids == y, end, y), tokenizer.vocab_size).float()
    >>> answers(yes, tokenizer, [Item("Mia ran.", Question("Who?", "Mia", True, "go"))])
    ['y']
    """
    test = each("answers", "test", test, Item, "items, such as those of question_answering.items")
    _check_tokenizer("answers", tokenizer)
    prompts = [[tokenizer.end_id, *tokenizer.encode(item.prompt)] for item in test]
    stop = tokenizer.encode("\n")[-1]
    return [tokenizer.decode(ids).strip() for ids in complete(model, prompts, stop, most, batch_size)]
