"""What to repeat today: the boxes by hand, progress files of every kind, and what is shown of it."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.exercises import _boxes, _progress, progress, review
from course_lib.exercises._boxes import Card, moved, new_card, read_card
from course_lib.start_here import exercises as start_here

MONDAY = date(2030, 4, 1)
KEY = "start_here.most_likely_next"


def after(days: int) -> date:
    return MONDAY + timedelta(days=days)


@pytest.fixture
def on(monkeypatch, tmp_path):
    """A progress file of its own, and a clock that can be set: `on(3)` is three days later."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)

    def set_clock(days: int) -> None:
        monkeypatch.setattr(_boxes, "today", lambda: after(days))

    set_clock(0)
    return set_clock


def kept() -> dict:
    return json.loads(_progress.progress_path().read_text(encoding="utf-8"))


def write(data) -> None:
    _progress.progress_path().write_text(data if isinstance(data, str) else json.dumps(data))


def titles() -> list[str]:
    return [item.title for item in review().due]


# The boxes --------------------------------------------------------------------------------------------------


def test_what_is_always_known_waits_twice_as_long_each_time():
    card, day, waits = new_card(MONDAY), MONDAY, []
    for _ in range(6):
        card = moved(card, True, day)
        waits.append((card.due - day).days)
        day = card.due
    assert waits == [2, 4, 8, 16, 16, 16]


def test_what_is_not_known_goes_back_to_the_first_box():
    card = moved(Card(4, MONDAY, after(8)), False, after(8))
    assert card == Card(1, after(8), after(9))


def test_the_first_answer_of_a_day_counts():
    wrong = moved(new_card(MONDAY), False, MONDAY)
    assert moved(wrong, True, MONDAY) == wrong
    right = moved(new_card(MONDAY), True, MONDAY)
    assert moved(right, False, MONDAY) == right


def test_a_right_answer_before_its_day_moves_nothing_and_a_wrong_one_does():
    card = Card(3, MONDAY, after(4))
    assert moved(card, True, after(2)) == Card(3, after(2), after(4))
    assert moved(card, False, after(2)) == Card(1, after(2), after(3))


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=30))
def test_every_history_leaves_a_card_that_can_be_read_again(history):
    card, day = new_card(MONDAY), MONDAY
    for days, known in history:
        day += timedelta(days=days)
        card = moved(card, known, day)
        assert 1 <= card.box <= 5 and card.due > card.last and (card.due - card.last).days <= 16
    assert read_card(json.loads(json.dumps(card.as_json())), day) == card


ODD = {
    "nothing": None,
    "a list": [1],
    "no box": {"last": "2030-03-30", "due": "2030-04-09"},
    "box 0": {"box": 0},
    "box true": {"box": True},
    "box six": {"box": 6},
    "no days": {"box": 2},
    "no day": {"box": 2, "last": "yesterday", "due": "soon"},
    "numbers for days": {"box": 2, "last": 5, "due": 1e99},
    "answered in the future": {"box": 2, "last": "2999-01-01", "due": "2999-01-03"},
    "due in the far future": {"box": 2, "last": "2030-03-30", "due": "2999-01-03"},
}


@pytest.mark.parametrize("name", ODD)
def test_whatever_was_kept_gives_a_card_that_will_be_due(name):
    card = read_card(ODD[name], MONDAY)
    assert 1 <= card.box <= 5 and card.due <= after(16)
    assert (card.due == MONDAY) == (name != "no box")


# What is kept -----------------------------------------------------------------------------------------------


def test_a_right_answer_comes_back_after_two_days_and_a_wrong_one_tomorrow(on):
    _progress.record_exercise(KEY, "right")
    _progress.record_quiz("start_here", 2, right=False)
    assert titles() == []
    on(1)
    assert titles() == [start_here.quiz.questions[1].text]
    on(2)
    assert titles() == [start_here.quiz.questions[1].text, start_here.most_likely_next.title]


def test_what_was_looked_up_first_is_not_known(on):
    for looked_at in (1, None):  # a hint, the solution
        _progress.progress_path().unlink(missing_ok=True)
        _progress.record_help(KEY, looked_at)
        _progress.record_exercise(KEY, "right")
        assert kept()["review"][KEY] == {"box": 1, "last": "2030-04-01", "due": "2030-04-02"}


def test_a_hint_alone_is_nothing_to_repeat_and_a_solution_is(on):
    _progress.record_help(KEY, 1)
    on(5)
    assert not review()
    _progress.record_help(KEY)
    on(6)
    assert "not right yet" in str(review())


def test_a_check_and_a_quiz_keep_their_days(on, capsys):
    start_here.most_likely_next.check(lambda text, word: "x")
    start_here.quiz.answer(1, "b")
    assert kept()["review"] == {
        KEY: {"box": 1, "last": "2030-04-01", "due": "2030-04-02"},
        "start_here.quiz.1": {"box": 2, "last": "2030-04-01", "due": "2030-04-03"},
    }


def test_nothing_is_kept_while_graders_run(on, monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    start_here.quiz.answer(1, "b")
    assert not _progress.progress_path().exists()


OLD = {
    "version": 1,
    "exercises": {KEY: {"state": "right", "tries": 3}, "gone.one": {"state": "right"}},
    "quiz": {"start_here": {"1": "right", "9": "wrong"}, "training.clinic": {"1": "right"}},
}


def test_an_older_file_has_no_days_so_everything_is_due(on):
    write(OLD)
    assert titles() == [start_here.most_likely_next.title, start_here.quiz.questions[0].text]
    assert "box 1 of 5, not dated" in str(review())
    _progress.record_exercise(KEY, "right")
    assert kept()["review"] == {KEY: {"box": 2, "last": "2030-04-01", "due": "2030-04-03"}}
    assert kept()["exercises"] == {**OLD["exercises"], KEY: {"state": "right", "tries": 4}}


@pytest.mark.parametrize("cards", [None, [1], "x", {KEY: 3}, {KEY: {"box": "2"}}], ids=repr)
def test_odd_days_cost_nothing_but_the_days(on, cards):
    write({**OLD, "review": cards})
    assert titles()[0] == start_here.most_likely_next.title
    assert _progress.record_exercise(KEY, "wrong") == ""
    assert kept()["review"][KEY]["due"] == "2030-04-02"


def test_answers_from_the_future_are_due_and_said(on):
    on(1000)
    _progress.record_exercise(KEY, "right")
    on(0)
    assert titles() == [start_here.most_likely_next.title]
    assert "An answer is dated in the future, so look at this computer's clock" in str(review())
    _progress.record_exercise(KEY, "right")
    assert kept()["review"][KEY]["last"] == "2030-04-01"
    assert "future" not in str(review())


# What is shown ----------------------------------------------------------------------------------------------


def test_without_a_file_it_says_what_will_come(on):
    assert str(review()).startswith("Nothing to repeat yet: what you answer in the notebooks comes back")
    assert "repeat" not in str(progress())


def test_a_damaged_file_is_set_aside_and_said(on):
    write("{")
    said = str(review())
    assert said.startswith("Nothing to repeat yet") and "set aside as `progress.json.damaged-1`" in said


def test_a_folder_in_its_place_is_said(on):
    _progress.progress_path().mkdir()
    assert "The progress file could not be read (OSError)." in str(review())


def test_when_nothing_is_due_the_next_day_is_named(on):
    _progress.record_exercise(KEY, "right")
    assert str(review()) == "Nothing to repeat today; the next comes on 3 April 2030."


def test_the_list_says_where_how_and_what_to_call(on):
    _progress.record_exercise(KEY, "right")
    on(2)
    text, page = str(review()), review()._repr_html_()
    for shown in (text, page):
        assert "00 Start here" in shown and "from course_lib.start_here import exercises as ex" in shown
        assert "ex.most_likely_next.check(most_likely_next)" in shown and "last on 1 April" in shown
    assert text.startswith("To repeat today: 1.\n")
    assert text in str(progress()) and page in progress()._repr_html_()


def test_the_lowest_boxes_come_first_and_the_rest_is_counted(on):
    for number in range(1, 6):
        _progress.record_quiz("start_here", number, right=number > 2)
    on(7)
    assert [item.card.box for item in review(most=3).due] == [1, 1, 2]
    assert str(review(most=3)).startswith("To repeat today: 3 (2 more can wait until these are done).")


@pytest.mark.parametrize("most", [0, -1, 2.5, "3", None, True])
def test_a_number_that_is_none_is_said(on, most):
    with pytest.raises(ValueError, match=r"review.*most.*whole number of at least 1"):
        review(most)
