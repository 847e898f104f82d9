"""Short multiple-choice questions that explain every option. Does not know exercises or notebooks."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.exercises import _progress
from course_lib.exercises._core import report
from course_lib.exercises._feedback import Feedback, State, box, inline
from course_lib.figures.shown import Html


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with two to six options, exactly one of them right.

    >>> options = Option("2", "Count it.", right=True), Option("11", "That joins the digits.")
    >>> Question("1 + 1?", options).letter
    'a'
    """

    text: str
    options: Sequence[Option]

    def __post_init__(self) -> None:
        if not 2 <= len(self.options) <= 6 or sum(option.right for option in self.options) != 1:
            raise ValueError(f"Question {self.text!r} needs two to six options, exactly one of them right.")

    @property
    def letter(self) -> str:
        """The letter of the right option."""
        return next(letter for letter, option in self.lettered() if option.right)

    def lettered(self) -> list[tuple[str, Option]]:
        """The options with their letters."""
        return list(zip(string.ascii_lowercase, self.options, strict=False))


@dataclass(frozen=True, repr=False)
class Quiz:
    """The questions of a topic: `show()` displays them, `answer(1, "b")` says whether b is right, and why."""

    topic: str
    questions: Sequence[Question]

    def __repr__(self) -> str:
        return f"Quiz of {len(self.questions)} questions: .show(), then for example .answer(1, 'a')"

    def show(self, number: int | None = None) -> Html:
        """Show all questions, or one."""
        chosen = range(1, len(self.questions) + 1) if number is None else [number]
        if not all(self._has(n) for n in chosen):
            page = Html(box("No such question", [f"<p>{inline(self._range())}</p>"]), self._range())
        else:
            parts = [(n, self.questions[n - 1]) for n in chosen]
            html = "".join(box(f"{n}. {inline(q.text)}", [_options_html(q)]) for n, q in parts)
            page = Html(html, "\n\n".join(_question_text(n, q) for n, q in parts))
        page.display()
        return page

    def answer(self, number: int, letter: Any = ..., *, raise_errors: bool | None = None) -> Feedback:
        """Say whether `letter` is the right answer to question `number`, and why; raises only where graders
        ask."""
        return report(self.judge(number, letter), raise_errors)

    def judge(self, number: int, letter: Any = ...) -> Feedback:
        """The feedback for an answer, kept in the progress but not shown."""
        if not self._has(number):
            return Feedback(State.NOT_ATTEMPTED, "Quiz", f"There is no question {number!r}. {self._range()}")
        question, title = self.questions[number - 1], f"Question {number}"
        if letter is ... or letter is None or letter == "":
            return Feedback(State.NOT_ATTEMPTED, title, 'Put a letter in its place: `"a"`, `"b"`, ...')
        chosen = dict(question.lettered()).get(str(letter).strip().strip("().").lower())
        if chosen is None:
            letters = ", ".join(name for name, _ in question.lettered())
            return Feedback(
                State.NOT_ATTEMPTED, title, f"{str(letter)[:40]!r} is none of the options: {letters}."
            )
        note = "" if _progress.in_grading() else _progress.record_quiz(self.topic, number, chosen.right)
        notes = tuple(filter(None, [*(_why_not(question) if chosen.right else []), note]))
        state = State.RIGHT if chosen.right else State.WRONG
        return Feedback(state, title, f"{chosen.text}\n\n{chosen.why}", notes=notes)

    def _has(self, number: Any) -> bool:
        return isinstance(number, int) and 1 <= number <= len(self.questions)

    def _range(self) -> str:
        return f"The questions are numbered 1 to {len(self.questions)}."


def _why_not(question: Question) -> list[str]:
    """Once the right option is found, what is wrong with each of the others."""
    return [
        f"**({letter}) {option.text}** {option.why}"
        for letter, option in question.lettered()
        if not option.right
    ]


def _options_html(question: Question) -> str:
    rows = [f"<div>({letter}) {inline(option.text)}</div>" for letter, option in question.lettered()]
    return f'<div style="margin: 0 0 8px 12px">{"".join(rows)}</div>'


def _question_text(number: int, question: Question) -> str:
    options = [f"   ({letter}) {option.text}" for letter, option in question.lettered()]
    return "\n".join([f"{number}. {question.text}", *options])
