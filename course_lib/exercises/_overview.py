"""What has been done so far, by topic: `progress()`. It finds the exercises through `COURSE`."""

from __future__ import annotations

import html
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

from course_lib import COURSE
from course_lib.exercises import _progress
from course_lib.exercises._core import MARKS, Exercise
from course_lib.exercises._feedback import box
from course_lib.exercises._quiz import Quiz
from course_lib.figures.shown import Shown

_BOXES = {"right": "[x]", None: "[ ]"}  # anything else: tried


def topics() -> list[str]:
    """The names of the topics, in the order of the course.

    >>> topics()[0]
    'start_here'
    """
    return [topic.name for topic in COURSE]


def exercises_of(topic: str) -> list[Exercise]:
    """The exercises of a topic, in the order in which its file names them."""
    return [value for value in vars(_module(topic)).values() if isinstance(value, Exercise)]


def quiz_of(topic: str) -> Quiz | None:
    """The quiz of a topic."""
    return getattr(_module(topic), "quiz", None)


def _module(topic: str) -> ModuleType:
    return importlib.import_module(f"course_lib.{topic}.exercises")


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
        return "\n".join([*lines, *(["", self.sentence] if self.sentence else [])])

    def _repr_html_(self) -> str:
        parts = [self._topic_html(topic, rows) for topic, rows in self.rows.items()]
        note = f"<p>{html.escape(self.sentence)}</p>" if self.sentence else ""
        return box(f"{self.done} of {self.total} exercises done", [f"<table>{''.join(parts)}</table>", note])

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
    """What has been done so far, by topic. Put it last in a cell, or print it.

    >>> progress().total >= 1
    True
    """
    try:
        data, sentence = _progress.load()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the file or its name
        data, sentence = _progress.empty(), f"The progress file could not be read ({type(error).__name__})."
    rows = {topic: list(_rows(topic, data["exercises"])) for topic in topics()}
    quizzes = {topic: _quiz_count(topic, data["quiz"]) for topic in topics()}
    return Progress(rows, quizzes, sentence)


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
