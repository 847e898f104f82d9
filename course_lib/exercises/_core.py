"""The exercises' API: declare an exercise, check an answer, give hints and the solution.

An `Exercise` holds everything about one exercise: a reference, cases to try, the mistakes people make, hints
and an explanation. `check` runs a learner's answer and returns and shows a `Feedback`; it never raises in a
learner's notebook. It does not know figures, notebooks or which topics there are.

The learner's code runs in a process of its own first, under hard limits, and then in this one, under a time
limit (`_checking`): safe from accidents, not from malice. Memory is limited in that other process alone, and
where a system has no fork (Windows), only time is.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from course_lib.exercises import _progress, _run
from course_lib.exercises._compare import ATOL, RTOL
from course_lib.exercises._draw import Draw
from course_lib.exercises._explain import explained
from course_lib.exercises._feedback import Feedback, Note, State, display
from course_lib.exercises._forbidden import Forbidden
from course_lib.exercises._fresh import new_seed
from course_lib.exercises._judge import Case, Judge, Mistake, Property
from course_lib.exercises._modules import ModuleCase, as_module
from course_lib.exercises._right import prepare
from course_lib.exercises._source import standalone
from course_lib.exercises._starters import does_nothing, same_text
from course_lib.exercises._trial import Observed
from course_lib.exercises._values import is_module, show_value, warnings_only
from course_lib.exercises._verdict import verdict

KINDS = ("build", "explore", "bug", "explain")
LEVELS = ("easy", "medium", "hard")
MARKS = ("core", "more")


class ExerciseError(AssertionError):
    """Raised for a wrong answer where a grader or a test asks for it; its text is the feedback."""


def report(feedback: Feedback, raise_errors: bool | None) -> Feedback:
    """Show a feedback, and raise it if it is not 'right' and that is wanted (by default: in grading)."""
    feedback = display(feedback)
    if raise_errors is None:
        raise_errors = _progress.in_grading()
    if raise_errors and not feedback.right:
        raise ExerciseError(str(feedback))
    return feedback


@dataclass(frozen=True, repr=False)
class Exercise:
    """One exercise.

    `reference` is a right answer: a function, a class, or a plain value. `cases` are the calls to try, or a
    function that makes them (the same at every call), so that nothing large is built at import. `use(answer,
    *args, **kwargs)` says how an answer is used in a case where that is not a plain call, e.g. `lambda cls,
    config, x: cls(config)(x)`; for a class of torch modules it is `as_module`, and `module_case` makes the
    cases. With `open_ended=True` values are not compared, only the properties: the
    reference is then one answer of many.

    `kind` says what is asked: to "build" something that a model or its training is made of, whose right
    answer is kept in `my_gpt/` (in a file named `piece`, by default as the exercise; `capstone.PIECES` makes
    one program of some); to "explore" something beside it, of which nothing is kept; to find a "bug" in
    `faulty`, with which the notebook's cell begins and whose `symptom` is told; or to "explain" what
    something shows: the reference is a letter, or a number that may be off by `atol`, and each mistake is
    another letter or number. `mark` is "core" for what the course stands on, "more" for what can be left out
    or done later.

    `fresh(draw)` makes one more case from a `Draw`, or None where it would make no sense; every check tries
    `draws` of them. Gradients are compared wherever floats come out of floats; with `differentiable=False`
    they are not, and NumPy arrays, lists and plain numbers do for tensors. `forbidden` are ways to the right
    value that the exercise does not ask for.

    >>> double = Exercise(
    ...     name="double", topic="demo", title="Twice as much", kind="explore",
    ...     reference=lambda x: x + x, cases=[Case(2), Case(0), Case(5)],
    ...     hints=("What is x + x?", "`return x + x`"), explanation="Adding a number to itself doubles it.",
    ...     mistakes=(
    ...         Mistake("x squared", lambda x: x * x, "2 * 2 is 4 by chance; 5 * 5 is 25."),
    ...         Mistake("x itself", lambda x: x, "Nothing was added."),
    ...         Mistake("one more", lambda x: x + 1, "That adds 1, not x."),
    ...     ),
    ... )
    >>> print(double.judge(lambda x: x**2))  # what `check` shows
    Not right yet  (Twice as much)
    <BLANKLINE>
    The result is wrong: it is 25, but should be 10.
    <BLANKLINE>
    Looks like: x squared. 2 * 2 is 4 by chance; 5 * 5 is 25.
    <BLANKLINE>
    The call: double(5)
    <BLANKLINE>
      expected: 10
      got:      25
    """

    name: str
    topic: str
    title: str
    reference: Any
    cases: Sequence[Case] | Callable[[], Iterable[Case]]
    hints: Sequence[str]
    explanation: str
    mistakes: Sequence[Mistake]
    kind: str = "build"
    mark: str = "core"
    difficulty: str = "easy"
    minutes: int = 5
    properties: Sequence[Property] = ()
    use: Callable[..., Any] | None = None
    rtol: float = RTOL
    atol: float = ATOL
    exact_type: bool = False
    may_change_inputs: bool = False
    open_ended: bool = False
    piece: str | None = None
    seconds: float = 5.0
    differentiable: bool = True
    fresh: Callable[[Draw], Case | None] | None = None
    draws: int = 32
    forbidden: Sequence[Forbidden] = ()
    faulty: Callable[..., Any] | None = None
    symptom: str = ""

    def __post_init__(self) -> None:
        for field, allowed in (("kind", KINDS), ("mark", MARKS), ("difficulty", LEVELS)):
            if (value := getattr(self, field)) not in allowed:
                raise ValueError(
                    f"Exercise {self.name} got {field}={value!r}; choose from {', '.join(allowed)}."
                )
        if (self.kind == "bug") != bool(self.faulty and self.symptom):
            raise ValueError(f"Exercise {self.name}: what is a bug has faulty code and a symptom; give both.")
        if not 2 <= len(self.hints) <= 3:
            raise ValueError(f"Exercise {self.name} got {len(self.hints)} hints; give two or three.")
        if len(self.mistakes) < 3 and not self.open_ended:
            raise ValueError(f"Exercise {self.name} got {len(self.mistakes)} mistakes; name at least three.")

    @property
    def key(self) -> str:
        """The exercise's name in the progress file."""
        return f"{self.topic}.{self.name}"

    def __repr__(self) -> str:
        return (
            f"{self.title}  ({self.mark}, {self.kind}, {self.difficulty}, about {self.minutes} minutes)\n"
            f"  .check(your_answer)   .hint()   .hint(2)   .solution()"
        )

    # what a learner calls -----------------------------------------------------------------------------------

    def check(self, answer: Any = ..., *, raise_errors: bool | None = None) -> Feedback:
        """Check an answer, show the feedback and return it.

        Never raises for a wrong answer, except in grading (NBGRADER_EXECUTION is set) or with
        `raise_errors=True`. `raise_errors=False` keeps it from raising in grading too, for cells that show a
        mistake on purpose.
        """
        from course_lib.exercises._checking import checked  # not needed before the first check

        return report(checked(self, answer), raise_errors)

    def hint(self, number: int = 1) -> Note:
        """Show a hint: 1 is the gentlest."""
        from course_lib.exercises._guard import guard

        guard().warm_up()  # who asks for a hint will soon check an answer
        wanted = _whole_number(number)
        if wanted is None or not 1 <= wanted <= len(self.hints):
            text = f"Ask for one of `.hint(1)` to `.hint({len(self.hints)})`."
            return display(Note(f"There are {len(self.hints)} hints", text))
        more = f".hint({wanted + 1})" if wanted < len(self.hints) else ".solution()"
        text = f"{self.hints[wanted - 1]}\n\nMore help: `{more}`."
        self._record(lambda: _progress.record_help(self.key, wanted))
        return display(Note(f"Hint {wanted} of {len(self.hints)}", text))

    def solution(self) -> Note:
        """Show one right answer and why it is right."""
        self._record(lambda: _progress.record_help(self.key))
        return display(Note(f"Solution: {self.title}", self.explanation, self.solution_source()))

    def solution_source(self) -> str:
        """The reference as the text of a notebook cell, under the exercise's name."""
        if callable(self.reference) and getattr(self.reference, "__name__", "<lambda>") == "<lambda>":
            return ""
        return standalone(self.reference, self.name)[0].rstrip()

    # how an answer is judged --------------------------------------------------------------------------------

    def judge(self, answer: Any, seed: int | None = None) -> Feedback:
        """The feedback for an answer, without showing or keeping anything. Prints and warnings are let
        through. The same seed draws the same cases; without one, new ones are drawn."""
        if self.kind == "explain":
            return explained(self, answer)
        if (early := self._unusable(answer)) is not None:
            return early
        seed = new_seed() if seed is None else seed
        with warnings_only():
            return self._judged(answer, seed)

    def _judged(self, answer: Any, seed: int) -> Feedback:
        judge = self._judge()
        trial = prepare(judge, self.reference, judge.fresh_cases(), judge.drawn_cases(seed))
        seen = trial.observe(answer, self.seconds)
        if seen.late is not None:
            return self._feedback(State.TIMED_OUT, self._late_message(), call=seen.late, seed=seed)
        if self._untouched(answer, seen):
            return self._not_attempted()
        return replace(verdict(self, trial, seen, answer), seed=seed)

    def _judge(self) -> Judge:
        shared = {field.name for field in fields(Judge)} & {field.name for field in fields(self)}
        settings = {name: getattr(self, name) for name in shared}
        return Judge(**settings, is_value=not callable(self.reference))

    def _unusable(self, answer: Any) -> Feedback | None:
        """Feedback for an answer that cannot even be tried."""
        if answer is ... or answer is None or self.is_starter(answer):
            return self._not_attempted()
        if not callable(self.reference):
            return None
        wanted = "class" if isinstance(self.reference, type) else "function"
        if not callable(answer) or (wanted == "class" and is_module(answer)):
            message = (
                f"`check` got {show_value(answer, 60)}, but needs the {wanted} itself: write its name "
                f"without brackets, as in `.check({self.name})`."
            )
            return self._feedback(State.WRONG, message, aspect="type")
        if wanted == "class" and not isinstance(answer, type):
            return self._feedback(State.WRONG, "`check` got a function, but needs a class.", aspect="type")
        return None if self.use not in (None, as_module) else self._wrong_arguments(answer)

    def _wrong_arguments(self, answer: Any) -> Feedback | None:
        """Feedback for a function that cannot be called, or a class that cannot be made, as the exercise
        does it."""
        case = self._judge().fresh_cases()[0]
        made = isinstance(case, ModuleCase)
        signature, _ = _run.attempt(lambda: inspect.signature(answer))
        if signature is None:  # some built-ins do not tell
            return None
        try:
            signature.bind(*case.args, **({} if made else case.kwargs))
        except TypeError as error:
            wanted = inspect.signature(self.reference).replace(return_annotation=inspect.Signature.empty)
            names = ", ".join(wanted.parameters)
            what = "class cannot be made" if made else "function cannot be called"
            message = f"Your {what} as the exercise does ({error}). Its arguments should be: `{names}`."
            return self._feedback(State.WRONG, message, aspect="type")
        return None

    def _untouched(self, answer: Any, seen: Observed) -> bool:
        """Whether this is the starter: it raises NotImplementedError, or does nothing, or gives `...`."""
        if not seen.outcomes:
            return False
        first = seen.outcomes[0]
        if first.crash is not None:
            return first.crash.not_written or (isinstance(answer, type) and does_nothing(answer))
        return first.value is ... or (first.value is None and does_nothing(answer))

    def is_starter(self, answer: Any) -> bool:
        """Whether an answer is still the faulty code of an exercise that asks for its bug."""
        return self.faulty is not None and same_text(answer, self.faulty)

    def _not_attempted(self) -> Feedback:
        message = "Write your answer in the cell above, run it, then run this one. For a start: `.hint()`."
        if self.kind == "bug":
            message = f"The code is as it was. {self.symptom} Find the fault in the cell above, and mend it."
        return self._feedback(State.NOT_ATTEMPTED, message)

    def _late_message(self) -> str:
        return (
            f"It was stopped after {self.seconds:g} seconds. Is there a loop that never ends? "
            "If the notebook stays slow, restart the kernel (menu Kernel, Restart)."
        )

    def _feedback(self, state: State, message: str, **more: Any) -> Feedback:
        return Feedback(state, self.title, message, **more)

    def _record(self, write: Callable[[], str]) -> str:
        return "" if _progress.in_grading() else write()


def _whole_number(value: Any) -> int | None:
    try:
        return operator.index(value)
    except Exception:  # noqa: BLE001 - whatever it is, it is no number
        return None
