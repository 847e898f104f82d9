"""Kept answers in one file: what is taken of each, what its names become, and what can't go in."""

from __future__ import annotations

import pytest

from course_lib.exercises._joining import CannotBeJoined, Joined, left_of_the_course, taken_from_the_course

START = Joined(("one", "two", "Layer", "Stack"))


def ran(file: Joined) -> dict:
    scope: dict = {"__name__": "joined"}
    exec(compile(file.text(), "joined.py", "exec"), scope)
    return scope


def both(one: str, two: str, **options) -> Joined:
    return START.add("one", one, "# one").add("two", two, "# two", **options)


def test_two_helpers_of_one_name_stay_two():
    help_ = "def helper(x):\n    return x + {}\n\n\ndef {}(x):\n    return helper(x)\n"
    scope = ran(both(help_.format(1, "one"), help_.format(10, "two")))
    assert (scope["one"](0), scope["two"](0)) == (1, 10)
    assert {"helper", "helper_2"} < scope.keys()


def test_equal_constants_are_one_and_others_two():
    text = both("A = 3\nB = 4\ndef one(): return A + B\n", "A = 3\nB = 5\ndef two(): return A * B\n").text()
    assert text.count("A = 3") == 1 and "B_2 = 5" in text
    assert ran(both("A = 3\ndef one(): return A\n", "A = 3\ndef two(): return A\n"))["two"]() == 3


def test_equal_texts_that_mean_different_things_stay_two():
    text = "C = {}\ndef helper(): return C\ndef {}(): return helper()\n"
    scope = ran(both(text.format(1, "one"), text.format(2, "two")))
    assert (scope["one"](), scope["two"]()) == (1, 2)


def test_imports_come_first_and_once_whatever_way_they_are_written():
    file = both(
        "import os.path\nimport collections.abc as abc\ndef one(): return os.path.sep, abc\n",
        "import os\nfrom collections import abc\ndef two(): return os, abc\n",
    )
    assert file.text().startswith("import os\nimport os.path\nfrom collections import abc\n\n\n# one")
    assert ran(file)["two"]()[1] is ran(file)["one"]()[1]


def test_one_name_for_two_modules_is_told_apart():
    scope = ran(both("import math as m\ndef one(): return m.pi", "import cmath as m\ndef two(): return m.pi"))
    assert scope["m"].__name__ == "math" and scope["m_2"].__name__ == "cmath" and scope["two"]() > 3


def test_a_constant_does_not_take_the_place_of_an_import():
    scope = ran(both("import math as F\ndef one(): return F.e", "F = 2\ndef two(): return F"))
    assert scope["one"]() > 2.7 and scope["two"]() == 2


def test_a_helper_with_the_name_of_a_part_or_of_pythons_own_gets_another():
    text = both(
        "def two(): return 7\ndef sum(x): return 9\ndef one(): return two(), sum(())", "def two(): return 1"
    )
    scope = ran(text)
    assert scope["one"]() == (7, 9) and scope["two"]() == 1 and "sum" not in scope


@pytest.mark.parametrize(("link", "gives"), [(True, "earlier"), (False, "its own")])
def test_a_helper_called_like_an_earlier_part_is_that_part_if_wanted(link, gives):
    layer = "class Layer:\n    name = 'earlier'\n"
    stack = "class _Layer:\n    name = 'its own'\n\n\nclass Stack:\n    of = _Layer\n"
    file = START.add("Layer", layer, "# a").add("Stack", stack, "# b", link=link)
    assert ran(file)["Stack"].of.name == gives
    assert ("its own" in file.text()) is (gives == "its own")


def test_what_only_a_linked_helper_needed_goes():
    stack = "import os\nSIZE = 3\nclass Layer:\n    size = os.sep * SIZE\nclass Stack:\n    of = Layer\n"
    text = START.add("Layer", "class Layer: size = 1\n", "# a").add("Stack", stack, "# b").text()
    assert "import os" not in text and "SIZE" not in text


def test_nothing_but_what_is_needed_is_taken_and_remarks_come_along():
    text = START.add(
        "one",
        '"""A docstring."""\nimport os\nprint("noise")\nUNUSED = 1\n# how many\nN = 2\n\n\n# the answer\n'
        "def one():\n    # inside\n    return N\n",
        "# one",
    ).text()
    assert text == "# one\n\n# how many\nN = 2\n\n\n# the answer\ndef one():\n    # inside\n    return N\n"


def test_what_changes_a_needed_thing_is_needed():
    file = START.add(
        "one", "T = {}\nT['a'] = 1\nU = {}\nU['b'] = 2\ndef one(): return T\none.told = 5\n", "# one"
    )
    scope = ran(file)
    assert scope["one"]() == {"a": 1} and scope["one"].told == 5 and "U" not in scope


def test_decorators_and_two_statements_in_a_line_are_read():
    text = "import functools\nA = 1; B = 2\n@functools.cache\ndef one():\n    return A + B\n"
    assert ran(START.add("one", text, "# one"))["one"]() == 3


def test_the_parts_stand_for_what_a_text_takes_from_the_course():
    two = "from course_lib.tokens import naive_bpe as n\nfrom course_lib.tokens import one as uno\n"
    two += "def two(): return n.one() + uno()\n"
    file = both("def one(): return 4", two)
    assert ran(file)["two"]() == 8 and not left_of_the_course(file.text())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from course_lib.model import GPT\ndef one(): return GPT", "uses GPT of the course"),
        ("import course_lib.model as m\ndef one(): return m.GPT", "uses m of the course"),
        (
            "def one():\n    from course_lib import data\n    return data",
            "says `from course_lib import data`",
        ),
        ("from os import *\ndef one(): return sep", "says `from os import *`"),
        ("from . import a\ndef one(): return a", "says `from . import a`"),
        ("from os import sep as one", "doesn't define one by itself"),
        ("def other(): return 1", "doesn't define one by itself"),
        ("def one(:", "can't be read (SyntaxError)"),
        ("try:\n    import fast\nexcept ImportError:\n    fast = None\ndef one(): return fast", "in another"),
    ],
)
def test_what_can_not_stand_alone_is_refused(text, words):
    with pytest.raises(CannotBeJoined, match=r"it") as told:
        START.add("one", text, "# one")
    assert words in str(told.value)


def test_the_future_is_hoisted_and_underscores_go_if_wanted():
    text = "from __future__ import annotations\nclass _In: pass\nclass Stack:\n    of = _In\n    x: Later\n"
    told = START.add("Stack", text, "# b", plain=True).text('"""Head."""')
    assert told.startswith('"""Head."""\n\nfrom __future__ import annotations\n\n\n# b')
    assert "class In: pass" in told and "of = In\n" in told


def test_adding_changes_no_file_that_was_there():
    file = START.add("one", "def one(): return 1", "# one")
    before = file.text()
    file.add("two", "import os\ndef two(): return os", "# two")
    assert file.text() == before


def test_what_a_text_takes_from_the_course_is_named():
    text = (
        "import math\nfrom course_lib import training\nfrom course_lib.context.exercises import windows\n\n"
        "def train(model, x, y):\n    return training.cross_entropy(model(x), y) + math.exp(windows(x, 2))"
    )
    assert taken_from_the_course(text, ("cross_entropy", "windows", "exp")) == ["cross_entropy", "windows"]
    assert taken_from_the_course("def train(): return cross_entropy()", ("cross_entropy",)) == []
