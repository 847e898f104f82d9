"""What has been done so far, by topic, and what is worth repeating: `progress()`."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

from course_lib.exercises import _progress
from course_lib.exercises._core import MARKS
from course_lib.exercises._feedback import box
from course_lib.exercises._review import Review, review_of
from course_lib.exercises._topics import exercises_of, quiz_of, topics
from course_lib.figures.shown import Shown

_BOXES = {"right": "[x]", None: "[ ]"}  # anything else: tried


@dataclass(frozen=True)
class _Row:
    title: str
    mark: str
    state: str | None
    helped: bool

    def __str__(self) -> str:
        words = {"right": "done", None: "not yet"}.get(self.state, "tried")
        helped = ", solution read" if self.helped else ""
        return f"{_BOXES.get(self.state, '[~]')} {self.title} ({self.mark}, {words}{helped})"


@dataclass(frozen=True, repr=False)
class Progress(Shown):
    """How far a learner is; shown as a table by a notebook and by `print`."""

    rows: dict[str, list[_Row]]
    quiz: dict[str, tuple[int, int]]  # topic -> right answers, questions
    sentence: str = ""
    review: Review | None = None  # what is due today, if anything was answered

    @property
    def done(self) -> int:
        """Exercises answered rightly."""
        return sum(row.state == "right" for rows in self.rows.values() for row in rows)

    @property
    def total(self) -> int:
        """Exercises there are."""
        return sum(len(rows) for rows in self.rows.values())

    def __str__(self) -> str:
        lines = [f"{self.done} of {self.total} exercises done"]
        for topic, rows in self.rows.items():
            lines += ["", f"{topic}: {self._count(topic)}"]
            lines += [f"  {row}" for row in rows]
        ends = [text for text in (str(self.review or ""), self.sentence) if text]
        return "\n".join([*lines, *(line for text in ends for line in ("", text))])

    def _repr_html_(self) -> str:
        parts = [self._topic_html(topic, rows) for topic, rows in self.rows.items()]
        note = f"<p>{html.escape(self.sentence)}</p>" if self.sentence else ""
        head = f"{self.done} of {self.total} exercises done"
        page = box(head, [f"<table>{''.join(parts)}</table>", note])
        return page + (self.review._repr_html_() if self.review else "")

    def _count(self, topic: str) -> str:
        rows = self.rows[topic]
        words = ", ".join(f"{mark} {_done(rows, mark)}" for mark in MARKS if _done(rows, mark))
        right, asked = self.quiz.get(topic, (0, 0))
        return words + (f", quiz {right} of {asked}" if asked else "")

    def _topic_html(self, topic: str, rows: list[_Row]) -> str:
        done = sum(row.state == "right" for row in rows)
        bar = "&#9632;" * done + "&#9633;" * (len(rows) - done)
        cell = 'style="text-align: left; padding: 2px 14px 2px 0; vertical-align: top"'
        items = "".join(f"<div>{html.escape(str(row))}</div>" for row in rows)
        head = f"<b>{html.escape(topic)}</b><br>{bar}<br>{self._count(topic)}"
        row = 'style="background-color: transparent"'
        return f"<tr {row}><td {cell}>{head}</td><td {cell}>{items}</td></tr>"


def _done(rows: list[_Row], mark: str) -> str:
    """How many of the exercises with a mark are done; nothing if there are none."""
    right = [row.state == "right" for row in rows if row.mark == mark]
    return f"{sum(right)} of {len(right)}" if right else ""


def progress() -> Progress:
    """What has been done so far, by topic, and what to repeat today. Put it last in a cell, or print it.

    >>> progress().total >= 1
    True
    """
    data, sentence = _progress.load_or_empty()
    rows = {topic: list(_rows(topic, data["exercises"])) for topic in topics()}
    quizzes = {topic: _quiz_count(topic, data["quiz"]) for topic in topics()}
    return Progress(rows, quizzes, sentence, review_of(data))


def _rows(topic: str, entries: dict[str, dict]) -> Iterator[_Row]:
    for exercise in exercises_of(topic):
        entry = entries.get(exercise.key, {})
        state = entry.get("state")
        known = state if isinstance(state, str) else None
        yield _Row(exercise.title, exercise.mark, known, bool(entry.get("solution")))


def _quiz_count(topic: str, entries: dict[str, dict]) -> tuple[int, int]:
    quiz = quiz_of(topic)
    if quiz is None:
        return 0, 0
    given = entries.get(topic, {})
    numbers = range(1, len(quiz.questions) + 1)
    return sum(given.get(str(n)) == "right" for n in numbers), len(quiz.questions)
