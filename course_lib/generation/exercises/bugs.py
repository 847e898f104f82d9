"""A loop that writes one token for ever: the exercise on finding its bug."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from course_lib.exercises import Mistake
from course_lib.generation.exercises.loop import generate


def _stuck_loop(
    model: Callable,
    ids: list[int],
    max_new_tokens: int,
    context_length: int,
    choose: Callable,
    stop: int | None,
) -> list[int]:
    text = list(ids)
    for _ in range(max_new_tokens):
        seen = torch.tensor([text[:context_length]])
        token = int(choose(model(seen)[:, -1]))
        text.append(token)
        if token == stop:
            break
    return text


def _ends_when_full(
    model: Callable,
    ids: list[int],
    max_new_tokens: int,
    context_length: int,
    choose: Callable,
    stop: int | None,
) -> list[int]:
    text = list(ids)
    for _ in range(max_new_tokens):
        if len(text) >= context_length:
            break
        text.append(int(choose(model(torch.tensor([text]))[:, -1])))
        if text[-1] == stop:
            break
    return text


stuck_loop = replace(
    generate,
    name="stuck_loop",
    title="Find the bug: a text that never ends",
    kind="bug",
    difficulty="easy",
    minutes=6,
    faulty=_stuck_loop,
    symptom=(
        "Short texts are right, and end where they should; but as soon as a text is longer than the context, "
        "the same token comes again and again, and the end never comes."
    ),
    hints=(
        "The token comes again because the question is the same again. What does the model see in one step, "
        "and what in the next?",
        "Write down `text` and `seen` for a context of 4 and a text of 4, 5 and 6 ids. Is the newest id "
        "among those that are seen?",
        "A slice `text[:n]` has the first n of a list. Which n must the model be shown, "
        "if it is to know what was written last?",
    ),
    explanation=(
        "`text[:context_length]` is the *beginning* of the text. Up to the length of the context that is all "
        "of it, so nothing is wrong with short texts. From then on the model is shown the same ids in every "
        "step, and whoever chooses the likeliest gets the same answer every time.\n\n"
        "`text[-context_length:]` is the end. With dice, this fault is harder to see: other tokens come, and "
        "all of them go on from one and the same place. A text in circles may be the model's own doing, as "
        "above; first make sure that it isn't the loop's. A model that counts is a good witness."
    ),
    mistakes=(
        *generate.mistakes,
        Mistake(
            "the text ends when the context is full",
            _ends_when_full,
            "That is one way out, but a text may be longer than the context: the model then sees only the "
            "end of it, and the loop goes on.",
        ),
    ),
)
