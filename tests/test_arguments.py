"""Arguments: what counts as a number, a flag, a line of ids, and the sentence for what doesn't."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import arguments
from course_lib.arguments import check_ids, choice, flag, id_line, many, number, shown, whole

KINDS = [int, float, np.int8, np.int64, np.uint16, np.float32, np.float64, np.array, torch.tensor]


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_number_of_every_kind_is_pythons_own(kind):
    assert whole("f", "n", kind(3)) == 3 and type(whole("f", "n", kind(3))) is int


@pytest.mark.parametrize(
    "value",
    ["3", None, True, np.bool_(True), 2.5, math.nan, math.inf, -math.inf, [3], np.array([3]), 3j, Decimal(3)],
)
def test_what_is_no_whole_number_is_said(value):
    with pytest.raises(ValueError, match=r"f got n=.*; it must be a whole number of at least 1\.$") as caught:
        whole("f", "n", value)
    assert "\n" not in str(caught.value)


@given(st.integers(-(10**30), 10**30))
def test_a_whole_number_is_between_its_bounds(value):
    if 0 <= value <= 10**20:
        assert whole("f", "n", value, 0, 10**20) == value
    else:
        with pytest.raises(ValueError, match="from 0 to 100000000000000000000"):
            whole("f", "n", value, 0, 10**20)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_value(value):
    assert number("f", "x", np.float64(value)) == value and type(number("f", "x", np.float64(value))) is float


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (0, False), (np.bool_(False), False), (1.0, None)]
)
def test_a_flag_is_true_or_false(value, expected):
    if expected is None:
        with pytest.raises(ValueError, match="True or False"):
            flag("f", "x", value)
    else:
        assert flag("f", "x", value) is expected


@pytest.mark.parametrize("value", ["no", "", None, 2, []])
def test_what_only_counts_as_a_flag_is_refused(value):
    with pytest.raises(ValueError, match="True or False"):
        flag("f", "x", value)


@pytest.mark.parametrize("value", [[], None, 3, "c", {"a": 1}])
def test_a_choice_names_the_choices(value):
    with pytest.raises(ValueError, match="it must be one of a, b"):
        choice("f", "x", value, ("a", "b"))


@pytest.mark.parametrize("value", ["ab", b"ab", 3, None])
def test_one_text_is_not_several(value):
    with pytest.raises(ValueError, match="a list of names"):
        many("f", "x", value, "names")


LINES = [[3, 1], (3, 1), np.array([3, 1], dtype=np.uint16), torch.tensor([3, 1]), [np.int32(3), 1]]


@pytest.mark.parametrize("ids", [*LINES, [torch.tensor(3), torch.tensor(1)], range(3, 0, -2)], ids=range(7))
def test_ids_come_as_every_kind_of_line(ids):
    assert id_line("f", ids).tolist() == [3, 1]


@pytest.mark.parametrize(
    "ids",
    ["31", 3, None, [3.5], [[3, 1]], [True, False], ["3"], [3, None], torch.tensor([3.0]), {3: 1}],
    ids=range(10),
)
def test_what_is_no_line_of_ids_is_said(ids):
    with pytest.raises(ValueError, match="^f got") as caught:
        id_line("f", ids)
    assert "\n" not in str(caught.value)


def test_the_id_that_is_too_large_or_too_small_is_named():
    for ids, said in (([3, -2], "-2"), ([3, 9], "9")):
        with pytest.raises(ValueError, match=f"got the id {said}, but this model's ids go from 0 to 4"):
            check_ids("f", torch.tensor(ids), 5)
    check_ids("f", torch.tensor([3, -100]), 5, ignore=-100)
    check_ids("f", torch.tensor([10**9]), None)


@pytest.mark.parametrize("value", ["a\nb" * 99, torch.zeros(2, 3), np.zeros(9), int, print, [0] * 999])
def test_a_value_is_shown_on_one_short_line(value):
    assert "\n" not in shown(value) and len(shown(value)) <= 80


def test_importing_it_loads_neither_torch_nor_numpy():
    code = f"import {arguments.__name__}, sys; sys.exit(bool({{'torch', 'numpy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class Taking(torch.nn.Module):
    def forward(self, one, two=2):
        return one, two


@pytest.mark.parametrize("value", [lambda: 0, lambda a, b: 0, Taking.forward, 5, None, "len", []])
def test_what_takes_another_number_of_arguments_is_no_function_of_one(value):
    with pytest.raises(ValueError, match=r"^f got g=.*; it must be a function of one\.$"):
        arguments.check_function("f", "g", value, 1, "a function of one")


@pytest.mark.parametrize(
    "value", [len, lambda a: 0, lambda *a: 0, lambda a, b=1: 0, Taking(), "".join, int, print]
)
def test_functions_of_one(value):
    arguments.check_function("f", "g", value, 1, "a function of one")
