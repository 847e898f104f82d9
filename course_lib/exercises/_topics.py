"""Which exercises and quizzes there are: found through `COURSE`, and loaded when somebody asks for them."""

from __future__ import annotations

import importlib
from types import ModuleType

from course_lib import COURSE
from course_lib.exercises._core import Exercise
from course_lib.exercises._quiz import Quiz


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
