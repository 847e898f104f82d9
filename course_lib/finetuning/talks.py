"""The quizzes as talks with a chat model, in its own template: what it reads, learns and answers.

It knows neither the model nor whose template it is; `course_lib.assistant` makes templates.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from course_lib.arguments import check_instance, whole, wrong
from course_lib.finetuning.examples import Example, complete, pad_batch
from course_lib.finetuning.question_answering import UNKNOWN, Item, each, quiz
from course_lib.runtime import check_generator
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import Batch
from course_lib.world.corpus import TRAINING_SEEDS
from course_lib.world.questions import Question

SYSTEM = f"Answer from the story, in a few words. If it does not tell, answer: {UNKNOWN}"


def talk(story: str, questions: Sequence[Question], system: str = SYSTEM) -> list[dict[str, str]]:
    """The messages of a talk about a story: each question with its answer, the story before the first.

    >>> who = Question("Who lost a kite?", "Mia", True, "lose")
    >>> [message["content"] for message in talk("Mia lost a kite.", [who], system="Be brief.")]
    ['Be brief.', 'Mia lost a kite.\\n\\nWho lost a kite?', 'Mia']
    """
    check_instance("talk", "story", story, str, "a text")
    questions = each("talk", "questions", questions, Question, "questions, such as quiz(5).answered")
    if not questions:
        raise wrong("talk", "questions", questions, "a list of questions, and not empty")
    said = [{"role": "system", "content": system}]
    for number, question in enumerate(questions):
        text = question.text if number else f"{story}\n\n{question.text}"
        said += [{"role": "user", "content": text}, {"role": "assistant", "content": question.answer}]
    return said


def _check_parts(owner: str, tokenizer: Any, template: Any) -> None:
    check_instance(owner, "tokenizer", tokenizer, Tokenizer, "a tokenizer of course_lib.tokens")
    if not callable(getattr(template, "encode_conversation", None)):
        needed = "a model's chat template, such as template_from_gguf(real.facts, real.tokenizer)"
        raise wrong(owner, "template", template, needed)


@dataclass(frozen=True)
class TalkBatches:
    """Batches of talks about fresh stories, for `training.train`; no story comes twice, in practice.

    After each story come up to `questions` questions that it answers and up to `unanswered` that it does not,
    in any order.

    Raises: ValueError for what is no tokenizer or no template.

    >>> from course_lib.assistant import ModelTemplate
    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer("".join(map(chr, range(10, 127))), ["<|endoftext|>", "<end>"])
    >>> template = ModelTemplate("{% for m in messages %}{{ m.content }}<end>{% endfor %}", [118])
    >>> x, y = TalkBatches(tokenizer, template, batch_size=3)(torch.Generator())
    >>> x.shape == y.shape, len(x), bool((y == 118).any())
    (True, 3, True)
    """

    tokenizer: Tokenizer
    template: Any  # such as assistant.template_from_gguf gives
    batch_size: int = 2
    questions: int = 3
    unanswered: int = 1

    def __post_init__(self) -> None:
        _check_parts("TalkBatches", self.tokenizer, self.template)
        for name in ("batch_size", "questions", "unanswered"):
            object.__setattr__(self, name, whole("TalkBatches", name, getattr(self, name)))

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
        check_generator("TalkBatches", generator)
        seeds = torch.randint(TRAINING_SEEDS, (self.batch_size,), generator=generator).tolist()
        return pad_batch([self._example(seed) for seed in seeds], self.tokenizer.end_id)

    def _example(self, seed: int) -> Example:
        made, draw = quiz(seed), random.Random(seed)
        chosen = draw.sample(made.answered, min(len(made.answered), self.questions))
        chosen += made.unanswered[: self.unanswered]
        draw.shuffle(chosen)
        return self.template.encode_conversation(self.tokenizer, talk(made.story, chosen))


def talk_answers(
    model: nn.Module, tokenizer: Tokenizer, template: Any, test: Sequence[Item], most: int = 16
) -> list[str]:
    """What a chat model answers to each item when it is asked about its story: its likeliest tokens.

    Raises: ValueError for what is no item, no tokenizer or no template.

    >>> from course_lib.assistant import ModelTemplate
    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer("".join(map(chr, range(10, 127))), ["<|endoftext|>", "<end>"])
    >>> template = ModelTemplate("{% for m in messages %}{{ m.content }}{% endfor %}", stop_tokens=[118])
    >>> def o(ids):  # a model that says o to everything, and then ends its turn
    ...     (letter,) = tokenizer.encode("o")
    ...     return nn.functional.one_hot(torch.where(ids == letter, 118, letter), 119).float()
    >>> talk_answers(o, tokenizer, template, [Item("Mia ran.", Question("Who?", "Mia", True, "go"))])
    ['o']
    """
    test = each("talk_answers", "test", test, Item, "items, such as those of question_answering.items")
    _check_parts("talk_answers", tokenizer, template)
    talks = [talk(item.story, [item.question])[:-1] for item in test]
    prompts = [template.encode(tokenizer, messages, add_generation_prompt=True) for messages in talks]
    found = complete(model, prompts, template.stop_tokens, most, batch_size=8)
    return [tokenizer.decode(ids).strip() for ids in found]
