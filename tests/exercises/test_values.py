"""What an answer may give back: types as wide as the wording, and odd things that break nothing."""

from __future__ import annotations

import functools
import math
import time
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from fractions import Fraction

import numpy as np
import pytest
import torch
from exercise_demos import demo, random

from course_lib.exercises import Case, State
from course_lib.exercises._compare import difference
from course_lib.exercises._frozen import Odd, frozen


def two_ways(x, y):
    return x.exp() * y + x


TWO = demo(two_ways, [Case(random(2, 3), random(2, 3, seed=1)), Case(random(4, seed=2), random(4, seed=3))])


# Values of other types --------------------------------------------------------------------------------------

Pair = namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"a": 1}, Counter("a")),
        ({"a": 1}, OrderedDict(a=1)),
        ({"a": 1}, defaultdict(int, a=1)),
        ({"a": 1}, UserDict(a=1)),
        (Counter("a"), {"a": 1}),
        ((1, 2), Pair(1, 2)),
        ([1, 2], deque([1, 2])),
        ([0, 1], range(2)),
        ([1, 2], np.array([1, 2])),
        ((1, 2.5), [np.int64(1), np.float32(2.5)]),
        (3, np.int32(3)),
        (3, torch.tensor(3)),
        (0.5, torch.tensor(0.5, dtype=torch.float64)),
        (0.5, Fraction(1, 2)),
        (True, np.bool_(True)),
        ("a", np.str_("a")),
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (0.0, -0.0),
        (float("nan"), float("nan")),
        ([float("nan")], [float("nan")]),
        (b"a", bytearray(b"a")),
    ],
)
def test_types_are_as_wide_as_the_wording(expected, got):
    assert difference(expected, got) is None


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        (Counter("a"), [1], "it is a list, but should be a dictionary"),
        (None, 3, "should be nothing (None)"),
        ([1], (i for i in [1]), "a generator"),
        ([1], map(int, "1"), "put `list(...)` around it"),
        ([1], {1: 1}.keys(), "dict_keys"),
        ({"a": 1}, {"a": 1}.items(), "should be a dictionary"),
        ([1], len, "a function (is it called, with brackets?)"),
        ([1, 2], {1, 2}, "it is a set, but should be a list"),
        (1, True, "it is True or False, but should be a whole number"),
        (True, 1, "should be True or False"),
        ([0, 1], [False, 1], "item 0"),
        ("a", "a\ud800", "\\ud800"),
    ],
)
def test_other_types_are_named_in_words(expected, got, words):
    assert words in difference(expected, got).message


@pytest.mark.parametrize(
    "answer",
    [
        functools.partial(two_ways),
        type("Way", (), {"__call__": lambda self, x, y: two_ways(x, y)})(),
        type("Way", (), {"method": lambda self, x, y: two_ways(x, y)})().method,
        type("Way", (), {"method": staticmethod(two_ways)}).method,
        functools.lru_cache(two_ways),
        torch.jit.ignore(two_ways),
    ],
    ids=["partial", "__call__", "bound", "static", "cached", "wrapped"],
)
def test_callables_of_every_kind_pass(answer):
    assert TWO.judge(answer).right


# Odd answers ------------------------------------------------------------------------------------------------


def raises(*args, **kwargs):
    raise RuntimeError("no")


def hangs(*args, **kwargs):
    while True:
        pass


NAMES = ("__eq__", "__len__", "__iter__", "__repr__", "__getitem__", "__hash__", "__deepcopy__", "__float__")


def odd_class(base, method):
    return type("Strange", (base,), dict.fromkeys(NAMES, method))


def circular():
    items = [1]
    items.append(items)
    return items


def deep():
    items = []
    for _ in range(100_000):
        items = [items]
    return items


def endless():
    while True:
        yield 1


def test_none_where_it_is_an_answer_is_no_forgotten_return():
    exercise = demo(lambda x: x or None, [0, "cat"])
    wrong = exercise.judge(lambda x: {}.get(x))
    assert wrong.message == "The result is wrong: it is None, but should be 'cat'."
    assert "is a `return` missing" in demo(lambda x: x, ["cat"]).judge(lambda x: {}.get(x)).message


def test_texts_that_look_the_same_are_told_apart():
    found = difference("caf\u00e9", "cafe\u0301").message
    assert "looks the same" in found and "'caf\\xe9'" in found and "'cafe\\u0301'" in found


def test_a_number_where_an_array_should_be():
    exercise = demo(lambda x: torch.ones(2, 2), [0], differentiable=False)
    assert (
        exercise.judge(lambda x: 3).message == "The result is wrong: its shape is (), but should be (2, 2)."
    )


ODD = {
    "raises": lambda: odd_class(object, raises)(),
    "list that raises": lambda: odd_class(list, raises)([1]),
    "dict that raises": lambda: odd_class(dict, raises)(a=1),
    "str that raises": lambda: odd_class(str, raises)("a"),
    "int that raises": lambda: odd_class(int, raises)(3),
    "all lengths": lambda: type("Long", (), {"__len__": lambda self: 10**9, "__getitem__": lambda s, i: i})(),
    "circular": circular,
    "deep": deep,
    "endless": endless,
    "long": lambda: [0] * 10_000_000,
    "expanded": lambda: torch.zeros(1).expand(10**10),
    "expanded array": lambda: np.broadcast_to(np.zeros(1), (10**10,)),
    "huge number": lambda: 10**10_000,
    "sparse": lambda: torch.eye(3).to_sparse(),
    "meta": lambda: torch.empty(2, 3, device="meta"),
    "objects": lambda: np.array([object()]),
    "ragged": lambda: [[1], [2, 3]],
    "set of tensors": lambda: {torch.ones(2)},
    "dict of tensors": lambda: {torch.ones(2): 1},
    "surrogate": lambda: "a\ud800",
    "module": lambda: torch,
    "class": lambda: int,
    "itself": lambda: ODD,
    "complex": lambda: torch.ones(2, dtype=torch.complex64),
    "not a time": lambda: np.datetime64("NaT"),
    "minus infinity": lambda: -math.inf,
}


STILL_RIGHT = [("str that raises", "a"), ("int that raises", 3)]  # the same text, the same number


@pytest.mark.parametrize(
    "expected", [[1, 2], {"a": 1}, 3, 0.5, "a", True, torch.ones(2, 3), None, {1, 2}, (1,)]
)
@pytest.mark.parametrize("name", ODD)
def test_nothing_that_is_given_back_raises_or_takes_long(name, expected):
    exercise = demo(lambda x: expected, [0], seconds=2.0)
    began = time.perf_counter()
    feedback = exercise.judge(lambda x: ODD[name]())
    assert feedback.right == ((name, expected if isinstance(expected, str | int) else 0) in STILL_RIGHT)
    assert "fault of the course" not in str(feedback)
    assert len(str(feedback)) < 3000 and len(feedback._repr_html_().encode()) < 9000
    assert time.perf_counter() - began < 9  # the limit is 2


@pytest.mark.parametrize("base", [object, list, dict])
def test_what_hangs_when_it_is_looked_at_is_stopped(base):
    began = time.perf_counter()
    feedback = demo(lambda x: [1], [0], seconds=0.3).judge(lambda x: odd_class(base, hangs)())
    assert feedback.state is State.TIMED_OUT and time.perf_counter() - began < 9


def test_plain_data_is_bounded():
    assert isinstance(frozen([0] * 10**7), Odd) and len(repr(frozen(deep()))) < 1000
    assert frozen(torch.zeros(1).expand(10**10)).kind == "a torch tensor of shape (10000000000,)"
    assert frozen({"a": Pair(1, [2])}) == {"a": (1, [2])}
