"""What to repeat today: `review()`. The boxes of `_boxes` say when; here it is looked up what, and shown."""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from course_lib import COURSE, Topic
from course_lib.arguments import whole
from course_lib.exercises import _boxes, _progress
from course_lib.exercises._feedback import box, inline
from course_lib.exercises._topics import exercises_of, quiz_of
from course_lib.figures.shown import Shown

MOST = 10  # as many as one can repeat in an hour
_HOW = (
    "Answer from memory, in an empty cell of the notebook. What you know waits longer the next time, what "
    "you don't comes back tomorrow. The first answer of a day counts; a hint before it means *not known*."
)


@dataclass(frozen=True)
class Item:
    """One exercise, or one question of a quiz, that was answered before."""

    topic: Topic
    title: str
    call: str  # what shows it or judges it
    note: str  # how it went
    card: _boxes.Card

    def __str__(self) -> str:
        return f"{self.title} ({self.note}): {self.call}"


@dataclass(frozen=True, repr=False)
class Review(Shown):
    """What is worth repeating today, shown by a notebook and by `print`. False if nothing was answered."""

    due: tuple[Item, ...]  # the most urgent first, and no more than asked for
    left: int = 0  # due as well
    later: tuple[Item, ...] = ()
    sentence: str = ""

    def __bool__(self) -> bool:
        return bool(self.due or self.later)

    @property
    def headline(self) -> str:
        """How much there is to do, or when there will be."""
        if self.due:
            more = f" ({self.left} more can wait until these are done)" if self.left else ""
            return f"To repeat today: {len(self.due)}{more}"
        if self.later:
            day = min(item.card.due for item in self.later)
            return f"Nothing to repeat today; the next comes on {day.day} {day:%B %Y}"
        return "Nothing to repeat yet: what you answer in the notebooks comes back here after a day or two"

    def by_topic(self) -> Iterator[tuple[Topic, list[Item]]]:
        """What is due, notebook by notebook."""
        in_order = sorted(self.due, key=lambda item: item.topic.number)
        yield from ((topic, list(items)) for topic, items in groupby(in_order, key=lambda item: item.topic))

    def __str__(self) -> str:
        lines = [f"{self.headline}."]
        for topic, items in self.by_topic():
            lines += ["", f"{_heading(topic)}    {_import(topic)}", *(f"  {item}" for item in items)]
        ends = [_HOW.replace("*", "")] * bool(self.due) + [self.sentence] * bool(self.sentence)
        return "\n".join([*lines, *(line for text in ends for line in ("", text))])

    def _repr_html_(self) -> str:
        parts = []
        for topic, items in self.by_topic():
            rows = "".join(
                f"<li>{inline(item.title)} ({item.note}): <code>{html.escape(item.call)}</code></li>"
                for item in items
            )
            parts.append(f"<p>{_heading(topic)}: <code>{_import(topic)}</code></p><ul>{rows}</ul>")
        parts += [f"<p>{inline(text)}</p>" for text in ([_HOW] if self.due else []) + [self.sentence] if text]
        return box(self.headline, parts)


def review(most: int = MOST) -> Review:
    """What to repeat today, at most so many. Put it last in a cell, or print it.

    >>> len(review(most=3).due) <= 3
    True
    """
    most = whole("review", "most", most)
    data, sentence = _progress.load_or_empty()
    return review_of(data, most, sentence)


def review_of(data: dict[str, Any], most: int = MOST, sentence: str = "") -> Review:
    """What is due of what a progress file keeps."""
    day = _boxes.today()
    items = [item for topic in COURSE for item in _items(topic, data)]
    due = sorted((item for item in items if item.card.due <= day), key=lambda i: (i.card.box, i.card.due))
    later = tuple(item for item in items if item.card.due > day)
    return Review(tuple(due[:most]), len(due[most:]), later, sentence or _ahead(data, day))


def _items(topic: Topic, data: dict[str, Any]) -> Iterator[Item]:
    kept = {key: entry for key, entry in data["exercises"].items() if key.startswith(f"{topic.name}.")}
    answers = data["quiz"].get(topic.name, {})
    if not kept and not answers:
        return  # its exercises need not be loaded
    for exercise in exercises_of(topic.name):
        entry = kept.get(exercise.key, {})
        if "state" in entry or entry.get("solution"):
            solved = entry.get("state") == "right"
            call = f"ex.{exercise.name}.check({exercise.name})"
            yield _item(topic, exercise.title, call, exercise.key, data, solved)
    quiz = quiz_of(topic.name)
    for number, question in enumerate(quiz.questions if quiz else (), start=1):
        if (answer := answers.get(str(number))) is not None:
            key = _progress.question_key(topic.name, number)
            yield _item(topic, question.text, f"ex.quiz.show({number})", key, data, answer == "right")


def _item(topic: Topic, title: str, call: str, key: str, data: dict[str, Any], solved: bool) -> Item:
    card = _progress.card(data, key)
    last = f"last on {card.last.day} {card.last:%B}" if card.last else "not dated"
    note = f"box {card.box} of {len(_boxes.DAYS)}, {last}" if solved else f"not right yet, {last}"
    return Item(topic, title, call, note, card)


def _ahead(data: dict[str, Any], day: datetime.date) -> str:
    """A sentence if answers are dated in the future, as when a clock was wrong."""
    cards = data.get("review")
    ahead = sum(_boxes.is_ahead(kept, day) for kept in cards.values()) if isinstance(cards, dict) else 0
    if not ahead:
        return ""
    said = "An answer is" if ahead == 1 else f"{ahead} answers are"
    return f"{said} dated in the future, so look at this computer's clock; for now, that counts as due today."


def _heading(topic: Topic) -> str:
    return f"{topic.number} {topic.title}"


def _import(topic: Topic) -> str:
    return f"from course_lib.{topic.name} import exercises as ex"
