"""The exercises: each behaves as promised, and the machinery copes with whatever a learner writes."""

from __future__ import annotations

import ast
import copy
import functools
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import COURSE
from course_lib.exercises import (
    Case,
    Exercise,
    ExerciseError,
    Mistake,
    Option,
    Property,
    Question,
    State,
    _progress,
    _run,
    causal,
    exercises_of,
    gradient_flows,
    progress,
    quiz_of,
    topics,
)
from course_lib.exercises._compare import difference
from course_lib.exercises._feedback import inline
from course_lib.exercises._source import source_of, standalone
from course_lib.start_here import exercises as start_here
from course_lib.translation import exercises as translation

ALL = [exercise for topic in topics() for exercise in exercises_of(topic)]
MISTAKES = [(exercise, mistake) for exercise in ALL for mistake in exercise.mistakes]
QUIZZES = [quiz_of(topic) for topic in topics()]


@pytest.fixture(autouse=True)
def own_files(tmp_path, monkeypatch):
    """Progress and pieces go to a folder that the test can look into."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "my_gpt"))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """On numbers this small, torch's threads only wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def kept() -> dict:
    return json.loads(_progress.progress_path().read_text())


# Every exercise of the course ------------------------------------------------------------------------------


def starter(*args, **kwargs):
    raise NotImplementedError


class Starter(torch.nn.Module):
    def __init__(self, *args):
        super().__init__()
        raise NotImplementedError


def starter_of(exercise: Exercise):
    """What a notebook is shipped with in the place of an answer."""
    if isinstance(exercise.reference, type):
        return Starter
    return starter if callable(exercise.reference) else ...


@pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.key)
class TestEveryExercise:
    def test_the_starter_is_not_attempted(self, exercise):
        assert exercise.judge(starter_of(exercise)).state is State.NOT_ATTEMPTED

    def test_the_reference_passes_with_two_seconds_of_work(self, exercise):
        began = time.thread_time()
        assert exercise.judge(exercise.reference).state is State.RIGHT
        assert time.thread_time() - began < 2

    def test_the_shown_solution_passes(self, exercise):
        scope = {}
        exec(exercise.solution_source(), scope)
        assert exercise.judge(scope[exercise.name]).right

    def test_cases_are_the_same_at_every_call(self, exercise):
        judge = exercise._judge()
        for one, other in zip(judge.fresh_cases(), judge.fresh_cases(), strict=True):
            assert difference(one.args, other.args) is None
            assert difference(one.kwargs, other.kwargs) is None

    def test_it_explains_itself(self, exercise):
        assert 2 <= len(exercise.hints) <= 3 and all(len(hint) > 20 for hint in exercise.hints)
        assert len(exercise.explanation) > 40 and 1 <= exercise.minutes <= 60
        assert exercise.open_ended or len({mistake.name for mistake in exercise.mistakes}) >= 3
        assert exercise.topic in topics() and getattr(sys.modules[exercise_module(exercise)], exercise.name)

    def test_no_hint_is_the_solution(self, exercise):
        if exercise.kind == "explain":  # whose solution is a letter or a number
            assert not any(repr(exercise.reference) in hint for hint in exercise.hints)
            return
        assert all(len(hint) < len(exercise.solution_source()) for hint in exercise.hints)


def exercise_module(exercise: Exercise) -> str:
    return f"course_lib.{exercise.topic}.exercises"


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=lambda x: getattr(x, "key", None) or x.name)
def test_every_listed_mistake_is_recognised_by_name(exercise, mistake):
    feedback = exercise.judge(mistake.wrong)
    assert feedback.state in (State.WRONG, State.CRASHED)
    assert feedback.mistake == mistake.name
    assert inline(mistake.why) in feedback._repr_html_()
    assert mistake.name in str(feedback)


@pytest.mark.parametrize("quiz", QUIZZES, ids=lambda q: q.topic)
def test_every_quiz_explains_every_option_and_is_not_all_the_same_letter(quiz):
    assert len(quiz.questions) == 5
    assert len({question.letter for question in quiz.questions}) > 1
    for number, question in enumerate(quiz.questions, start=1):
        for letter, option in question.lettered():
            feedback = quiz.judge(number, letter)
            assert feedback.right == option.right
            assert option.why in str(feedback) and len(option.why) > 15


def test_topics_come_in_the_order_of_the_course():
    assert topics() == [topic.name for topic in COURSE]


# A right answer to the exercise of notebook 00 -------------------------------------------------------------


def with_counter(text, word):
    from collections import Counter

    words = text.split()
    counts = Counter(b for a, b in pairwise(words) if a == word)
    return counts.most_common(1)[0][0] if counts else None


# A small exercise for the machinery ------------------------------------------------------------------------


def rows(x):
    """Softmax over the last axis."""
    return x.softmax(-1)


def attention_cases():
    generator = torch.Generator().manual_seed(0)
    return [Case(torch.randn(2, 3, 5, generator=generator)), Case(torch.randn(7, 2, generator=generator))]


def make_exercise(**changes) -> Exercise:
    settings = {
        "name": "rows",
        "topic": "demo",
        "title": "Softmax",
        "reference": rows,
        "cases": attention_cases,
        "hints": ("Exponentials first.", "Then divide by their sum."),
        "explanation": "Each row becomes positive and sums to 1.",
        "mistakes": (
            Mistake("softmax over the wrong axis", lambda x: x.softmax(0), "The rows must sum to 1."),
            Mistake("not divided by the sum", lambda x: x.exp(), "Exponentials do not sum to 1."),
            Mistake("cut off from its gradient", lambda x: x.softmax(-1).detach(), "Nothing can be learned."),
        ),
        "properties": (gradient_flows(lambda: (torch.randn(2, 3, generator=torch.Generator()),)),),
    }
    return Exercise(**{**settings, **changes})


def softmax_by_loops(x):
    flat = x.reshape(-1, x.shape[-1])
    out = [[torch.exp(v) / torch.exp(row).sum() for v in row] for row in flat]
    return torch.stack([torch.stack(row) for row in out]).reshape(x.shape)


@pytest.mark.parametrize(
    "answer",
    [
        softmax_by_loops,
        lambda x: torch.einsum("...i,...->...i", x.exp(), 1 / x.exp().sum(-1)),
        lambda x: x.double().softmax(-1),
        lambda x: x.softmax(-1).transpose(0, 1).contiguous().transpose(0, 1),
        torch.nn.Softmax(dim=-1),
        functools.partial(torch.softmax, dim=-1),
    ],
    ids=["loops", "einsum", "float64", "not contiguous", "module", "partial"],
)
def test_other_right_ways_to_write_it_pass(answer):
    assert make_exercise().judge(answer).right


def returns(value):
    return lambda x: value(x) if callable(value) else value


@pytest.mark.parametrize(
    ("answer", "aspect", "words"),
    [
        (lambda x: None, "type", "not attempted"),
        (lambda x: print(x), "type", "is a `return` missing?"),
        (lambda x: x.softmax(-1).tolist(), "type", "a torch tensor"),
        (lambda x: x.softmax(-1).sum(-1), "shape", "(2, 3)"),
        (lambda x: x > 0, "dtype", "floating-point"),
        (lambda x: x.softmax(-1) / 0.0, "finite", "not a finite number"),
        (lambda x: x.softmax(-1) + 1.0, "values", "differ"),
        (lambda x: torch.softmax(x, -1).clone().detach(), "gradient", "cut off"),
    ],
)
def test_each_check_in_its_order(answer, aspect, words):
    feedback = make_exercise().judge(answer)
    if words == "not attempted":
        assert feedback.state is State.NOT_ATTEMPTED
        return
    assert (feedback.state, feedback.aspect) == (State.WRONG, aspect)
    assert words in str(feedback)


def test_a_mistake_that_only_a_property_sees_is_named():
    assert make_exercise().judge(lambda x: x.softmax(-1).detach()).mistake == "cut off from its gradient"


@pytest.mark.parametrize("kind", [float, torch.tensor, lambda x: int(x) if x == int(x) else x])
def test_a_mistake_is_named_whatever_kind_of_number_it_is_given_as(kind):
    def turned_round(h, r):
        return kind(0.0 if h == 0 else 1.0 if h <= r else math.exp(1 - r / h))

    assert translation.brevity_penalty.judge(turned_round).mistake == "the condition is turned round"


def test_no_mistake_is_named_where_none_fits():
    feedback = make_exercise().judge(lambda x: x * 0.0)
    assert feedback.state is State.WRONG and feedback.mistake is None


def test_one_crash_is_not_taken_for_a_mistake_that_crashes_in_one_case():
    feedback = start_here.most_likely_next.judge(lambda text, word: [][0])
    assert feedback.state is State.CRASHED and feedback.mistake is None


def test_a_recognised_mistake_shows_a_case_in_which_it_shows():
    def careless(text, word):
        words, counts = text.split(), {}
        for i, w in enumerate(words):
            if w == word:
                counts[words[i + 1]] = counts.get(words[i + 1], 0) + 1
        return max(counts, key=counts.get, default=None)

    feedback = start_here.most_likely_next.judge(careless)
    assert feedback.mistake == "it looks past the end of the text"
    assert feedback.state is State.CRASHED and "you like" in feedback.call


# Not attempted ---------------------------------------------------------------------------------------------


def stub_pass(x):
    pass


def stub_dots(x): ...


def stub_doc(x):
    """Softmax over the last axis."""


def stub_returns_dots(x):
    return ...


def stub_named(x):
    raise NotImplementedError("write me")


@pytest.mark.parametrize("stub", [stub_pass, stub_dots, stub_doc, stub_returns_dots, stub_named, None, ...])
def test_starters_of_every_kind(stub):
    assert make_exercise().judge(stub).state is State.NOT_ATTEMPTED


def test_an_empty_function_of_ones_own_is_not_a_starter():
    def forgot_to_return(x):
        y = x.softmax(-1)
        y = y * 1

    feedback = make_exercise().judge(forgot_to_return)
    assert feedback.state is State.WRONG and "`return`" in feedback.message


def test_torchs_own_not_implemented_is_a_crash():
    def answer(x):
        return torch.ops.aten.linalg_eig(x.to("meta").to_sparse())

    assert make_exercise().judge(answer).state is State.CRASHED


def test_the_result_instead_of_the_function():
    feedback = make_exercise().judge(rows(torch.ones(2, 2)))
    assert feedback.state is State.WRONG and "without brackets" in feedback.message


def test_a_function_with_other_arguments():
    feedback = make_exercise().judge(lambda: 1)
    assert feedback.state is State.WRONG and "`x`" in feedback.message


# Crashes and tracebacks ------------------------------------------------------------------------------------


def helper_of_the_learner(x):
    return x @ x


def test_a_crash_shows_only_the_learners_lines():
    def answer(x):
        return helper_of_the_learner(x)

    feedback = make_exercise().judge(answer)
    assert feedback.state is State.CRASHED
    assert [line.split(", ")[1].split(":")[0] for line in feedback.lines] == [
        "in answer",
        "in helper_of_the_learner",
    ]
    assert "return x @ x" in feedback.lines[-1]
    assert "site-packages" not in str(feedback) and os.sep + "course_lib" not in str(feedback)


def test_a_crash_deep_in_a_library_ends_at_the_learners_line():
    feedback = make_exercise().judge(lambda x: json.loads("{"))
    assert feedback.message.startswith("`JSONDecodeError") and len(feedback.lines) == 1


def test_endless_recursion():
    def answer(x):
        return answer(x + 1)

    feedback = make_exercise().judge(answer)
    assert feedback.state is State.CRASHED and "RecursionError" in feedback.message
    assert len(feedback.lines) < 10 and any("keeps calling itself" in line for line in feedback.lines)


@pytest.mark.parametrize("error", [SystemExit(3), MemoryError(), GeneratorExit(), Exception()])
def test_no_exception_leaves_a_check(error):
    def answer(x):
        raise error

    assert make_exercise().judge(answer).state is State.CRASHED


def test_a_value_that_cannot_be_printed_or_compared():
    class Odd:
        def __repr__(self):
            raise RuntimeError("no text")

        def __eq__(self, other):
            raise RuntimeError("no comparison")

        __hash__ = None

    feedback = make_exercise().check(lambda x: Odd())
    assert feedback.state is State.WRONG
    listing = make_exercise(reference=lambda x: [1], cases=[Case(1)], properties=())
    assert listing.check(lambda x: [Odd()]).state is State.WRONG


def test_addresses_are_left_out():
    class Odd:
        def __str__(self):
            return object.__repr__(self)

    def answer(x):
        raise ValueError(Odd())

    assert "0x..." in str(make_exercise().judge(answer))


def test_a_fault_of_the_course_is_told_apart_from_the_learners():
    broken = functools.partial({}.__getitem__, "no such case")
    feedback = make_exercise(cases=broken).check(rows)
    assert feedback.state is State.CRASHED and "fault of the course" in feedback.message


def test_ctrl_c_stops_a_check():
    def answer(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_exercise().judge(answer)


# Time limits -----------------------------------------------------------------------------------------------


def endless(x):
    while True:
        pass


def endless_swallowing(x):
    while True:
        try:
            while True:
                pass
        except:  # noqa: E722 - what a learner may write
            pass


def endless_sleep(x):
    while True:
        time.sleep(60)


def endless_printing(x):
    while True:
        print("still here" * 100)


ENDLESS = [endless, endless_swallowing, endless_sleep, endless_printing]


@pytest.mark.parametrize("answer", ENDLESS, ids=lambda f: f.__name__)
def test_endless_code_times_out(answer):
    began = time.perf_counter()
    feedback = make_exercise(seconds=0.2).check(answer)
    assert feedback.state is State.TIMED_OUT and "rows(" in feedback.call
    assert time.perf_counter() - began < 9
    assert len(feedback.printed) < 5000


@pytest.mark.parametrize("answer", [endless, endless_swallowing, endless_printing], ids=lambda f: f.__name__)
def test_endless_code_times_out_in_another_thread_too(answer):
    got = []
    before, began = threading.active_count(), time.perf_counter()
    thread = threading.Thread(target=lambda: got.append(make_exercise(seconds=0.2).judge(answer)))
    thread.start()
    thread.join(20)
    assert threading.active_count() == before  # nothing is left running
    assert got and got[0].state is State.TIMED_OUT
    assert time.perf_counter() - began < 10
    assert make_exercise().judge(rows).right  # nothing is left broken


def test_an_answer_in_another_thread_passes():
    got = []
    thread = threading.Thread(target=lambda: got.append(make_exercise().judge(rows)))
    thread.start()
    thread.join(20)
    assert got[0].right


def test_late_but_finished_is_still_late():
    def slow(x):
        try:
            while True:
                pass
        except BaseException:
            return x.softmax(-1)

    assert make_exercise(seconds=0.2).judge(slow).state is State.TIMED_OUT


def test_the_timer_leaves_nothing_behind():
    trace = sys.gettrace()
    make_exercise(seconds=0.2).judge(endless_swallowing)
    assert sys.gettrace() is trace
    if hasattr(signal, "setitimer"):
        assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0
        assert signal.getsignal(signal.SIGALRM) in (signal.SIG_DFL, None)


# Side effects ----------------------------------------------------------------------------------------------


def test_prints_and_warnings_are_shown_and_break_nothing(capfd):
    def talkative(x):
        print("shape", tuple(x.shape))
        print("to stderr", file=sys.stderr)
        warnings.warn("careful", UserWarning, stacklevel=2)
        return x.softmax(-1)

    feedback = make_exercise().check(talkative)
    assert feedback.right
    assert "shape (2, 3, 5)" in feedback.printed and "careful" in feedback.printed
    assert capfd.readouterr().err == ""  # nbgrader scores 0 if anything is there


def test_many_prints_are_cut():
    def talkative(x):
        for i in range(100_000):
            print(i)
        return x.softmax(-1)

    feedback = make_exercise().check(talkative)
    assert feedback.right and feedback.printed.count("\n") < 20


def test_random_states_stay_as_they_were():
    def drawing(x):
        random.seed(5)
        np.random.seed(5)
        torch.manual_seed(5)
        return x.softmax(-1)

    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    assert make_exercise().check(drawing).right
    assert random.getstate() == before[0]
    assert (np.random.get_state()[1] == before[1]).all() and torch.equal(torch.get_rng_state(), before[2])


def test_the_cases_are_not_changed_by_an_answer():
    numbers = [3, 1, 2]
    exercise = plain_list_exercise([Case(numbers), Case([5, 4])])

    def in_place(items):
        items.sort()
        return items

    feedback = exercise.judge(in_place)
    assert (feedback.state, feedback.aspect) == (State.WRONG, "inputs") and "`items`" in feedback.message
    assert numbers == [3, 1, 2]
    assert exercise.judge(sorted).right


def plain_list_exercise(cases, **changes) -> Exercise:
    mistakes = (
        Mistake("backwards", lambda items: sorted(items, reverse=True), "The smallest comes first."),
        Mistake("unchanged", lambda items: list(items), "Nothing was sorted."),
        Mistake("doubles lost", lambda items: sorted(set(items)), "A set keeps each number once."),
    )
    return make_exercise(
        reference=sorted, name="ordered", cases=cases, mistakes=mistakes, properties=(), **changes
    )


@pytest.mark.parametrize(
    "answer", [lambda i: tuple(sorted(i)), lambda i: np.sort(i), lambda i: torch.tensor(i).sort()[0]]
)
def test_tuples_arrays_and_tensors_pass_for_lists(answer):
    assert plain_list_exercise([Case([3, 1, 2])]).judge(answer).right


def test_exact_types_where_later_code_needs_them():
    assert not plain_list_exercise([Case([3, 1, 2])], exact_type=True).judge(lambda i: tuple(sorted(i))).right


def test_something_kept_between_calls_is_found():
    def remembers(items, seen=[]):  # noqa: B006 - the mistake in question
        result = sorted(items) if not seen else []
        seen.append(1)
        return result

    feedback = plain_list_exercise([Case([3, 1])]).judge(remembers)
    assert feedback.state is State.WRONG and "two different results" in feedback.message


def test_an_answer_that_gives_the_same_list_every_time_is_judged_by_what_it_gave():
    shared = []

    def reuses(items):
        shared[:] = sorted(items)
        return shared

    assert plain_list_exercise([Case([3, 1]), Case([7, 5, 6])]).judge(reuses).right


def test_a_tensor_that_is_changed_in_place_is_found():
    feedback = make_exercise(properties=()).judge(lambda x: x.copy_(x.softmax(-1)))
    assert feedback.aspect == "inputs" and "`x` was changed" in feedback.message


def test_in_place_exercises_may_change_their_inputs():
    def step(p, g):
        p -= 0.1 * g

    exercise = make_exercise(
        reference=step,
        use=lambda f, p, g: (f(p, g), p)[1],
        cases=lambda: [Case(torch.ones(3), torch.arange(3.0))],
        may_change_inputs=True,
        properties=(),
        mistakes=(
            Mistake("uphill", lambda p, g: p.add_(0.1 * g), "Against the gradient."),
            Mistake("a copy", lambda p, g: p - 0.1 * g, "`p` itself must change."),
            Mistake("rate forgotten", lambda p, g: p.sub_(g), "Times 0.1."),
        ),
    )
    assert exercise.judge(step).right
    assert exercise.judge(lambda p, g: p.copy_(p - g / 10)).right
    for mistake in exercise.mistakes:
        assert exercise.judge(mistake.wrong).mistake == mistake.name


class Scale(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.weight


class NotWritten(torch.nn.Module):
    def __init__(self, width):
        super().__init__()

    def forward(self, x):
        raise NotImplementedError


def test_classes_as_answers():
    class Shifted(Scale):
        def forward(self, x):
            return x + self.weight

    exercise = make_exercise(
        reference=Scale,
        use=lambda answer, width, x: answer(width)(x),
        cases=lambda: [Case(3, torch.arange(6.0).reshape(2, 3))],
        properties=(),
    )
    assert exercise.judge(Scale).right
    assert exercise.judge(NotWritten).state is State.NOT_ATTEMPTED
    assert exercise.judge(Shifted).state is State.WRONG
    assert "needs a class" in exercise.judge(rows).message


def test_plain_values_as_answers():
    exercise = make_exercise(
        reference=6 * 2048,
        cases=[Case()],
        properties=(),
        kind="explore",
        mistakes=(
            Mistake("the bias forgotten", 6 * 2047, "One more."),
            Mistake("half", 3 * 2048, "Both."),
            Mistake("squared", 36, "No."),
        ),
    )
    assert exercise.judge(12288).right and exercise.judge(np.int64(12288)).right
    assert exercise.judge(36).mistake == "squared"
    assert exercise.judge(...).state is State.NOT_ATTEMPTED
    assert exercise.judge("12288").aspect == "type"
    assert exercise.check(36).call == ""


def test_open_ended_exercises_look_at_properties_only():
    starts = Property("starts at 0", lambda f: f(0) == 0, "a warm-up starts at 0")
    exercise = make_exercise(
        kind="explore",
        open_ended=True,
        mistakes=(),
        reference=lambda t: t,
        cases=[Case(1)],
        properties=(starts,),
    )
    assert exercise.judge(lambda t: t * t).right
    feedback = exercise.judge(lambda t: t + 1)
    assert feedback.aspect == "property" and "a warm-up starts at 0" in feedback.message


def test_causality_is_a_property():
    exercise = make_exercise(
        reference=lambda x: x.cumsum(1),
        cases=lambda: [Case(torch.ones(1, 1, 2))],  # too short to show it
        properties=(causal(lambda: torch.arange(24.0).reshape(2, 3, 4)),),
    )
    feedback = exercise.judge(lambda x: x.flip(1).cumsum(1).flip(1))
    assert feedback.aspect == "property" and "position 1" in feedback.message


def test_a_declaration_that_is_incomplete_is_refused():
    with pytest.raises(ValueError, match="two or three"):
        make_exercise(hints=("one",))
    with pytest.raises(ValueError, match="at least three"):
        make_exercise(mistakes=())
    with pytest.raises(ValueError, match="core, more"):
        make_exercise(mark="extra")
    with pytest.raises(ValueError, match="build, explore"):
        make_exercise(kind="read")
    with pytest.raises(ValueError, match="exactly one"):
        Question("?", (Option("a", "b"), Option("c", "d")))


# What is shown ---------------------------------------------------------------------------------------------


def test_feedback_is_shown_and_returned(capsys):
    feedback = make_exercise().check(lambda x: x.exp())
    text = capsys.readouterr().out
    assert text.strip() == str(feedback).strip()
    assert text.startswith("Not right yet  (Softmax)")
    assert "Looks like: not divided by the sum. Exponentials do not sum to 1." in text


def test_the_heat_map_frames_the_first_difference():
    def off_by_one_number(x):
        out = x.softmax(-1).clone()
        out.view(-1)[-2] += 1
        return out

    feedback = make_exercise().judge(off_by_one_number)
    assert feedback.difference.position == (1, 2, 3)
    html = feedback._repr_html_()
    assert html.count("3px solid #d55e00") == 2 and "[1, 2, 3]" in html
    rows_of_text = [line for line in str(feedback).splitlines() if "[" in line and "0." in line]
    assert any("[1.0" in line or "[1.1" in line or "[1.2" in line for line in rows_of_text)


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        ("abcdef", "abXdef", '"abXdef"'),
        ("x" * 500 + "a", "x" * 500 + "b", "..."),
        ([1, 2, 3], [1, 2], "it has 2 items, but should have 3"),
        ({"a": 1}, {"b": 1}, "no key 'a'"),
        ({"a": 1}, {"a": 2}, "the value for 'a' is 2, but should be 1"),
        ([[1, 2], [3, 4]], [[1, 2], [3, 5]], "item 1"),
        (3, 3.5, "a whole number"),
        (True, 1, "True or False"),
        (0.5, float("nan"), "not a finite number"),
        (b"ab", "ab", "should be bytes"),
        ({1, 2}, {1, 3}, "{1, 3}"),
        (None, 3, "should be nothing (None)"),
        ("<b>", "<i>", "'<i>'"),
    ],
)
def test_plain_values_side_by_side(expected, got, words):
    exercise = make_exercise(reference=lambda x: expected, cases=[Case(0)], properties=())
    feedback = exercise.check(lambda x: got)
    assert feedback.state is State.WRONG and words in str(feedback)
    assert "<b>" not in feedback._repr_html_().replace("<b>N", "").replace("<b>L", "")


@pytest.mark.parametrize("shape", [(), (1,), (9,), (12, 20), (2, 3, 4, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.bool, torch.bfloat16, torch.float64])
def test_arrays_of_every_shape_and_type_are_drawn(shape, dtype):
    right = torch.zeros(shape, dtype=dtype)
    wrong = (right + 1).to(dtype)
    exercise = make_exercise(reference=lambda x: right, cases=[Case(0)], properties=())
    assert exercise.check(lambda x: right.clone()).right
    feedback = exercise.check(lambda x: wrong)
    assert feedback.aspect == "values" and "expected" in feedback._repr_html_()


def test_infinities_that_belong_there_are_not_a_fault():
    masked = torch.tensor([[0.0, float("-inf")], [1.0, 2.0]])
    assert difference(masked, masked.clone()) is None
    assert difference(masked, torch.tensor([[0.0, -1e9], [1.0, 2.0]])).aspect == "values"
    assert difference(torch.tensor([1.0]), torch.tensor([float("inf")])).aspect == "finite"


def test_hints_and_solution(capsys):
    exercise = start_here.most_likely_next
    exercise.hint()
    assert "Hint 1 of 3" in (text := capsys.readouterr().out) and "`.hint(2)`" in text
    exercise.hint(2)
    assert "Hint 2 of 3" in capsys.readouterr().out
    for number in (0, 4, -1, "x"):
        exercise.hint(number)
        assert "There are 3 hints" in capsys.readouterr().out
    note = exercise.solution()
    assert "def most_likely_next(" in note.code and exercise.explanation in str(note)
    entry = kept()["exercises"]["start_here.most_likely_next"]
    assert entry == {"hints": 2, "solution": True}


def test_output_is_the_same_in_another_process(tmp_path):
    code = (
        "from course_lib.start_here import exercises as ex\n"
        "f = ex.most_likely_next.check(lambda text, word: {word, 'b', 'c', text})\n"
        "print(f._repr_html_())\n"
        "ex.most_likely_next.check(lambda text, word: object())\n"
        "ex.quiz.show()\n"
    )
    runs = [run_python(code, tmp_path, PYTHONHASHSEED=seed) for seed in ("1", "2")]
    assert runs[0] == runs[1] and "Not right yet" in runs[0]
    assert str(tmp_path) not in runs[0]


def run_python(code: str, folder: Path, **environment: str) -> str:
    root = str(Path(__file__).resolve().parents[2])
    settings = {**os.environ, "PYTHONPATH": root, "COURSE_PROGRESS": str(folder / "p.json"), **environment}
    settings["PYTHONIOENCODING"] = "utf-8"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=settings,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Raising, for graders --------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [starter, lambda x: x, lambda x: 1 / 0])
def test_raising_where_it_is_asked_for(answer):
    with pytest.raises(ExerciseError, match="Softmax"):
        make_exercise().check(answer, raise_errors=True)
    assert not make_exercise().check(answer).right


@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_raising_in_grading_and_writing_nothing(mode, monkeypatch, tmp_path):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    with pytest.raises(ExerciseError):
        make_exercise().check(lambda x: x)
    with pytest.raises(ExerciseError):
        start_here.quiz.answer(1, "a")
    assert make_exercise().check(rows).right
    assert not make_exercise().check(lambda x: x, raise_errors=False).right
    make_exercise().hint()
    make_exercise().solution()
    assert list(tmp_path.iterdir()) == []


# The quiz --------------------------------------------------------------------------------------------------


def test_quiz_answers(capsys):
    quiz = start_here.quiz
    assert quiz.answer(1, "b").right and quiz.answer(1, " (B) ").right
    text = capsys.readouterr().out
    assert all(option.why in text for option in quiz.questions[0].options)
    wrong = quiz.answer(1, "c")
    assert wrong.state is State.WRONG
    assert quiz.questions[0].options[1].why not in str(wrong)  # the right one is not given away
    for number, letter in [(1, "z"), (1, ...), (9, "a"), (0, "a"), (1, 3), ("one", "a"), (True + 1, None)]:
        assert quiz.answer(number, letter).state is State.NOT_ATTEMPTED
    assert kept()["quiz"] == {"start_here": {"1": "right"}}


def test_the_quiz_is_shown_without_its_answers(capsys):
    quiz = start_here.quiz
    page = quiz.show()
    assert all(question.text in page.text for question in quiz.questions)
    assert not any(option.why in page.html for question in quiz.questions for option in question.options)
    assert "numbered 1 to 5" in quiz.show(7).text
    assert quiz.show(2).text.startswith("2. ")


# Keeping pieces --------------------------------------------------------------------------------------------

FACTOR = 2.0


def doubled(x):
    return x * FACTOR


def my_rows(x):
    # my_rows of a learner
    shifted = doubled(x) / FACTOR - x.amax(-1, keepdim=True)
    return torch.nn.functional.softmax(shifted, dim=-1)


def test_a_right_build_answer_is_kept_and_works_on_its_own(tmp_path):
    feedback = make_exercise(piece="softmax_rows").check(my_rows)
    path = tmp_path / "my_gpt" / "softmax_rows.py"
    assert feedback.right and "my_gpt/softmax_rows.py" in str(feedback)
    scope = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    assert make_exercise().judge(scope["rows"]).right
    assert "# my_rows of a learner" in path.read_text()


def test_wrong_and_explore_answers_are_not_kept(tmp_path):
    make_exercise().check(lambda x: x)
    make_exercise(kind="explore").check(my_rows)
    assert not (tmp_path / "my_gpt").exists()


def test_a_class_is_kept(tmp_path):
    exercise = make_exercise(
        name="Scale",
        reference=Scale,
        use=lambda answer, width, x: answer(width)(x),
        cases=lambda: [Case(3, torch.ones(3))],
        properties=(),
    )
    assert exercise.check(Scale).right
    scope = {}
    exec((tmp_path / "my_gpt" / "Scale.py").read_text(), scope)
    assert torch.equal(scope["Scale"](2)(torch.ones(2)), torch.ones(2))


def test_what_cannot_be_kept_is_said():
    feedback = make_exercise().check(functools.partial(eval("lambda x, n: x.softmax(n)"), n=-1))
    assert feedback.right and "was not written in a cell" in str(feedback)

    ready = threading.Lock()

    def uses_closure(x):
        return x.softmax(-1) if ready else x

    assert "`ready`" in str(make_exercise().check(uses_closure))


def test_a_folder_that_cannot_be_written_costs_only_the_copy(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_MY_GPT", str(tmp_path / "file" / "my_gpt"))
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    feedback = make_exercise().check(my_rows)
    assert feedback.right and "could not be kept" in str(feedback) and "could not be saved" in str(feedback)


def test_sources_of_nested_and_decorated_functions():
    @functools.lru_cache
    def cached(x):
        return x

    assert "def cached(x):" in source_of(cached)
    with pytest.raises(ValueError):
        source_of(len)


def test_the_source_of_a_reference_brings_its_imports():
    text, missing = standalone(source_of, "find_it")
    ast.parse(text)
    assert "import inspect" in text and "def find_it(" in text and missing == ()


# Progress --------------------------------------------------------------------------------------------------


def test_progress_counts_and_never_goes_back():
    exercise = start_here.most_likely_next
    exercise.check(lambda text, word: "x")
    assert kept()["exercises"][exercise.key] == {"tries": 1, "state": "wrong"}
    exercise.check(with_counter)
    exercise.check(lambda text, word: "x")
    assert kept()["exercises"][exercise.key] == {"tries": 3, "state": "right"}
    exercise.check(starter)
    assert kept()["exercises"][exercise.key]["tries"] == 3
    start_here.quiz.answer(2, "a")
    start_here.quiz.answer(2, "b")
    overview = progress()
    assert (overview.done, overview.quiz["start_here"]) == (1, (1, 5))
    assert "[x] The smallest language model (core, done)" in str(overview)
    assert "quiz 1 of 5" in overview._repr_html_()


def test_progress_at_the_start():
    overview = progress()
    assert overview.done == 0 and "[ ] The smallest language model (core, not yet)" in str(overview)


def test_progress_counts_core_and_more_apart():
    overview = progress()
    of_model = next(line for line in str(overview).splitlines() if line.startswith("model: "))
    core = sum(exercise.mark == "core" for exercise in exercises_of("model"))
    assert of_model == f"model: core 0 of {core}, more 0 of 2, quiz 0 of 5"
    assert "[ ] RMSNorm (more, not yet)" in str(overview) and "(more, not yet)" in overview._repr_html_()


def test_every_topic_has_core_exercises_and_fewer_of_the_others():
    for topic in topics():
        marks = [exercise.mark for exercise in exercises_of(topic)]
        assert marks.count("core") > marks.count("more"), topic


DAMAGED = [
    b"",
    b"{",
    b"[1, 2]",
    b"\xff\xfe\x00",
    b'{"version": 1, "exercises": [3]}',
    b"[" * 100_000,
    b"null",
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_set_aside_and_said(content, tmp_path):
    path = _progress.progress_path()
    path.write_bytes(content)
    feedback = start_here.most_likely_next.check(with_counter)
    assert feedback.right and "set aside as `progress.json.damaged-1`" in str(feedback)
    assert (tmp_path / "progress.json.damaged-1").read_bytes() == content
    assert kept()["exercises"]["start_here.most_likely_next"]["state"] == "right"
    path.write_bytes(content)
    assert "damaged-2" in str(progress())


def test_what_a_later_version_keeps_is_not_lost():
    later = {
        "version": 2,
        "exercises": {"other.one": {"state": "right", "stars": 3}},
        "quiz": {},
        "badges": [1],
    }
    _progress.progress_path().write_text(json.dumps(later))
    start_here.most_likely_next.check(with_counter)
    now = kept()
    assert (
        now["version"] == 2
        and now["badges"] == [1]
        and now["exercises"]["other.one"] == later["exercises"]["other.one"]
    )


WRITER = """
from course_lib.exercises import _progress
for i in range(40):
    assert _progress.record_exercise(f"topic.{NAME}{i}", "right") == ""
    assert _progress.record_exercise("topic.shared", "wrong") == ""
"""


def test_two_notebooks_that_write_at_once_lose_nothing(tmp_path):
    root = str(Path(__file__).resolve().parents[2])
    settings = {**os.environ, "PYTHONPATH": root, "COURSE_PROGRESS": str(tmp_path / "progress.json")}
    command = [sys.executable, "-c"]
    writers = [subprocess.Popen([*command, f"NAME = {name!r}\n{WRITER}"], env=settings) for name in "ab"]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    entries = kept()["exercises"]
    assert len(entries) == 81 and entries["topic.shared"]["tries"] == 80


def test_a_kernel_killed_while_writing_leaves_a_whole_file(tmp_path):
    root = str(Path(__file__).resolve().parents[2])
    path = tmp_path / "progress.json"
    settings = {**os.environ, "PYTHONPATH": root, "COURSE_PROGRESS": str(path)}
    code = (
        "from course_lib.exercises import _progress\n"
        "print('ready', flush=True)\n"
        "i = 0\n"
        "while True:\n"
        "    _progress.record_exercise('topic.' + 'x' * 200 + str(i % 50), 'right'); i += 1\n"
    )
    for wait in (0.05, 0.11, 0.17):
        writer = subprocess.Popen([sys.executable, "-c", code], env=settings, stdout=subprocess.PIPE)
        writer.stdout.readline()
        time.sleep(wait)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        if path.exists():
            json.loads(path.read_text())
        assert _progress.record_exercise("topic.after", "right") == ""  # the lock went with the process
    assert "topic.after" in kept()["exercises"]


def test_a_lock_that_is_never_given_back_costs_only_the_record(monkeypatch):
    from filelock import FileLock

    monkeypatch.setattr(_progress, "_LOCK_SECONDS", 0.1)
    with FileLock(f"{_progress.progress_path()}.lock"):
        feedback = start_here.most_likely_next.check(with_counter)
    assert feedback.right and "could not be saved" in str(feedback)


def test_the_course_folder_is_found_from_below(tmp_path, monkeypatch):
    (tmp_path / "course_lib").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.delenv("COURSE_MY_GPT")
    assert _progress.progress_path() == tmp_path / ".progress.json"
    assert _progress.pieces_folder() == tmp_path / "my_gpt"


# Comparison, against NumPy's own ----------------------------------------------------------------------------


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=6), st.integers(0, 5), st.floats(-0.01, 0.01))
def test_arrays_are_compared_as_numpy_does(values, place, change):
    expected = np.array(values)
    got = expected.copy()
    got[place % len(got)] += change
    same = np.allclose(got, expected, rtol=1e-4, atol=1e-5)
    assert (difference(expected, got) is None) == same
    assert (difference(torch.tensor(expected), torch.tensor(got)) is None) == same
    assert (difference(values, got.tolist()) is None) == same


SMALL = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
NESTED = st.recursive(
    SMALL, lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=3), s, max_size=3)
)


@settings(max_examples=50)
@given(NESTED)
def test_everything_equals_its_own_copy(value):
    assert difference(value, copy.deepcopy(value)) is None


def test_the_time_limit_is_not_felt_by_quick_code():
    assert _run.with_limit(lambda: 5, 10.0) == 5
    with pytest.raises(ZeroDivisionError):
        _run.with_limit(lambda: 1 / 0, 10.0)
