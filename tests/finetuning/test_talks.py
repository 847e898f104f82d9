"""Quizzes as talks: one story, several questions, only the answers count; and what a model answers."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from course_lib.assistant.models import ModelTemplate
from course_lib.finetuning import TalkBatches, talk, talk_answers
from course_lib.finetuning.question_answering import UNKNOWN, Item, quiz
from course_lib.tokens import CharTokenizer
from course_lib.world.questions import Question

SOURCE = (
    "{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<a>{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer():
    letters = "".join(sorted({*"<sua>\n", *map(chr, range(32, 127))}))
    return CharTokenizer(letters, ["<end>", "<|endoftext|>"])


@pytest.fixture(scope="module")
def template(tokenizer):
    return ModelTemplate(SOURCE, [tokenizer.special_tokens["<end>"]])


def test_the_story_comes_once_and_each_question_has_its_answer():
    who, where = Question("Who?", "Mia", True, "lose"), Question("Where?", UNKNOWN, False, "lose")
    assert [tuple(message.values()) for message in talk("Mia ran.", [who, where], "Brief.")] == [
        ("system", "Brief."),
        ("user", "Mia ran.\n\nWho?"),
        ("assistant", "Mia"),
        ("user", "Where?"),
        ("assistant", UNKNOWN),
    ]
    with pytest.raises(ValueError, match="questions"):
        talk("Mia ran.", [])


def test_a_batch_learns_the_answers_of_its_stories_and_nothing_else(tokenizer, template):
    batches = TalkBatches(tokenizer, template, batch_size=3, questions=2, unanswered=1)
    x, y = batches(torch.Generator().manual_seed(2))
    again = batches(torch.Generator().manual_seed(2))
    assert torch.equal(x, again[0]) and torch.equal(y, again[1]) and len(x) == 3
    for read, learned in zip(x, y, strict=True):
        said = tokenizer.decode(learned[learned != -100].tolist()).split("<end>")
        assert said.pop() == "" and said.count(UNKNOWN) == 1 and 2 <= len(said) <= 3
        story = tokenizer.decode(read.tolist())
        assert story.count("\n\n") == 1 and all(f"<a>{answer}" in story for answer in said)


def test_an_answer_ends_at_the_stop_token(tokenizer, template):
    """A model that says yes to everything, and ends its turn."""
    letters = [*tokenizer.encode("yes"), tokenizer.special_tokens["<end>"]]
    follows = dict(pairwise(letters))

    def yes(ids):
        after = ids.clone().apply_(lambda id: follows.get(id, letters[0]))
        return nn.functional.one_hot(after, tokenizer.vocab_size).float()

    made = quiz(5)
    test = [Item(made.story, question) for question in made.answered[:2]]
    assert talk_answers(yes, tokenizer, template, test) == ["yes", "yes"]


@pytest.mark.parametrize("given", [{"template": "ChatML"}, {"batch_size": 0}, {"tokenizer": None}])
def test_what_is_no_template_or_tokenizer_is_said(tokenizer, template, given):
    with pytest.raises(ValueError, match=f"TalkBatches got {next(iter(given))}"):
        TalkBatches(**{"tokenizer": tokenizer, "template": template, **given})
