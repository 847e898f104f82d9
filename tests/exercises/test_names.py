"""Names that fit: mistakes recognised by what they do, and crashes in words."""

from __future__ import annotations

import pytest
import torch
from exercise_demos import demo, random
from torch.nn import functional as F

from course_lib.exercises import Case, Mistake, Property
from course_lib.exercises._crashes import signature
from course_lib.exercises._meanings import meaning, told
from course_lib.exercises._recognise import twins
from course_lib.exercises._run import Crash, attempt

# Names that fit ---------------------------------------------------------------------------------------------


def last(items):
    return items[-1] if items else None


LAST = demo(
    last,
    [[3, 5], [], [7]],
    mistakes=(
        Mistake("the empty list is forgotten", lambda items: items[-1], "There is nothing in it."),
        Mistake("the first", lambda items: items[0] if items else None, "The last."),
        Mistake("the length", lambda items: len(items) or None, "The item."),
    ),
)


def test_a_crash_of_the_same_kind_elsewhere_is_another_mistake():
    assert LAST.judge(lambda items: list(items)[len(items) - 1]).mistake == "the empty list is forgotten"
    assert LAST.judge(lambda items: items.pop() if False else [*items].pop()).mistake is None
    assert LAST.judge(lambda items: {}[0] if not items else items[-1]).mistake is None


def test_a_crash_is_told_by_kind_message_and_operation():
    def crash(work):
        try:
            work()
        except Exception as error:  # noqa: BLE001
            return signature(error)

    a, b = random(2, 3), random(4, 5)
    assert crash(lambda: a @ b) == crash(lambda: a @ b) != crash(lambda: a + b)
    assert crash(lambda: F.cross_entropy(a, torch.tensor([0]))) != crash(lambda: a.view(5))
    assert crash(lambda: int("x")) == crash(lambda: int("x")) != crash(lambda: float("x"))


def test_properties_do_not_share_what_an_answer_has_changed():
    shared = torch.tensor([3.0, 1.0])
    first = Property("first", lambda f: bool((f(shared) == torch.tensor([1.0, 3.0])).all()), "it sorts")
    second = Property("second", lambda f: shared.tolist() == [3.0, 1.0], "what it is given stays")
    exercise = demo(lambda x: x.sort().values, [torch.tensor([2.0, 1.0])], properties=(first, second))

    def in_place(x):
        return x.copy_(x.sort().values)

    assert exercise.judge(in_place).aspect == "inputs"


def test_a_mistake_of_kind_is_not_one_of_value():
    mistakes = (
        Mistake("a float instead of a whole number", lambda x: float(2 * x), "Whole."),
        Mistake("squared", lambda x: x * x, "Twice."),
        Mistake("nothing", lambda x: 0, "Twice."),
    )
    exercise = demo(lambda x: 2 * x, [0, 2, 3, 5], mistakes=mistakes)
    assert exercise.judge(lambda x: 2.0 * x).mistake == "a float instead of a whole number"
    assert exercise.judge(lambda x: 2 * x if x < 5 else 11).mistake is None


def test_the_words_of_a_property_count_where_nothing_else_shows_the_mistake():
    def holds(answer):
        kept = []
        answer(3, kept.append)
        return f"It tells {len(kept)} times." if len(kept) != 1 else True

    def telling(times):
        return lambda x, tell: [tell(x) for _ in range(times)] and x

    exercise = demo(
        telling(1),
        [Case(2, print)],
        properties=(Property("tells", holds, "it tells once"),),
        mistakes=tuple(Mistake(f"told {n} times", telling(n), "Once.") for n in (4, 3, 5)),
    )
    assert exercise.judge(telling(4)).mistake == "told 4 times"
    assert exercise.judge(telling(2)).mistake is None


def test_what_a_mistake_prints_is_not_the_learners(capsys):
    def loud(x):
        print("noise")
        return -x

    mistakes = (Mistake("minus", loud, "No."), *LAST.mistakes[:2])
    feedback = demo(lambda x: x + 1, [2, 3], mistakes=mistakes).check(lambda x: x, raise_errors=False)
    assert "noise" not in feedback.printed + capsys.readouterr().out


def test_twins_are_found():
    mistakes = (
        Mistake("doubled", lambda x: x * 2, "No."),
        Mistake("added to itself", lambda x: x + x, "No, no."),
        Mistake("squared", lambda x: x * x, "No."),
    )
    exercise = demo(lambda x: x + 3, [2, 3], mistakes=mistakes)
    assert twins(exercise) == [("doubled", "added to itself")]
    parted = demo(lambda x: x + 3, [2], mistakes=(*mistakes[1:], Mistake("half", lambda x: x / 2, "No.")))
    assert twins(parted) == [("added to itself", "squared")]
    fresh = demo(lambda x: x + 3, [2], mistakes=parted.mistakes, fresh=lambda draw: Case(draw.integer(0, 9)))
    assert twins(fresh) == []


# Crashes in words -------------------------------------------------------------------------------------------

x, y = random(2, 3), random(2, 5)
CRASHES = {
    "lost an axis": lambda: x / x.sum(-1),
    "That axis does not exist": lambda: x.sum(2),
    "fewer axes": lambda: x[0, 0, 0],
    "matrix product": lambda: x @ x,
    "must be a whole number": lambda: x[x],
    "Two kinds of numbers": lambda: x @ torch.ones(3, 2, dtype=torch.long),
    "must hold True and False": lambda: x.masked_fill(torch.ones(2, 3), 0.0),
    "past the end of the table": lambda: F.embedding(torch.tensor([9]), x),
    "the ids go from 0": lambda: x[torch.tensor([5])],
    "lie in order in memory": lambda: x.T.view(6),
    "keep all numbers": lambda: x.reshape(4),
    "changed in place": lambda: torch.ones(2, requires_grad=True).add_(1),
    "NumPy can't follow": lambda: torch.ones(2, requires_grad=True).numpy(),
    "no such key": lambda: {}[3],
    "looks past an end": lambda: [1][4],
    "nothing in it": lambda: max([]),
    "largest of nothing": lambda: torch.empty(0).max(),
    "lack its `return`": lambda: None.shape,
    "arguments other than": lambda: (lambda a: a)(),
    "no such name": lambda: unheard_of,  # noqa: F821
    "later, or only in a branch": lambda: unbound(),
    "need one True or False": lambda: bool(x > 0),
    "The divisor is 0": lambda: 1 / 0,
    "brackets behind something": lambda: x.shape(1),
    "kinds that don't go together": lambda: "a" + 1,
    "has nothing to do with it": lambda: int("x"),
}


def unbound():
    if not x.numel():
        value = 1
    return value


@pytest.mark.parametrize("words", CRASHES)
def test_common_crashes_have_a_sentence(words):
    _, crash = attempt(CRASHES[words])
    assert (words in meaning(crash)) == (words != "has nothing to do with it"), crash


def test_the_sentence_names_the_learners_line():
    def answer(x):
        total = x.sum(-1)
        return x / total

    feedback = demo(lambda x: x, [random(2, 3)]).judge(answer)
    assert "In `return x / total`: the two sides have sizes" in feedback.message
    assert feedback.message.startswith("`RuntimeError: The size of tensor a (3)")


def test_a_result_that_the_exercise_cannot_use_is_told():
    assert "when what your answer gave was used" in told(
        Crash("TypeError", "'NoneType' object is not iterable")
    )
