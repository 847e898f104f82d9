"""The questions of notebook 00 that say where to begin: their form, and what follows from answers."""

from __future__ import annotations

import re

import pytest

from course_lib import COURSE
from course_lib.exercises import _progress
from course_lib.start_here import exercises as ex
from course_lib.start_here.exercises.placement import UNKNOWN

QUESTIONS = list(ex.placement.questions.values())
RIGHT = "".join(question.letter for question in QUESTIONS)
NAMES = [topic.name for topic in COURSE]


def changed(place: int, letter: str) -> str:
    return RIGHT[:place] + letter + RIGHT[place + 1 :]


# Their form -------------------------------------------------------------------------------------------------


def test_there_are_six_to_ten_from_all_parts_in_the_order_of_the_course():
    assert 6 <= len(QUESTIONS) <= 10
    places = [NAMES.index(name) for name in ex.placement.questions]
    assert places == sorted(places)
    begun_with = {topic.part for topic in COURSE if topic.part} - {"III"}  # which builds on all before it
    assert {COURSE[place].part for place in places} == begun_with


@pytest.mark.parametrize("question", QUESTIONS, ids=list(ex.placement.questions))
def test_options_are_of_like_length_and_form(question):
    texts = [option.text for option in question.options]
    assert len(texts) == 4 and max(map(len, texts)) <= 1.35 * min(map(len, texts))
    assert len({text.endswith(".") for text in texts}) == 1
    assert all(len(option.why) > 15 for option in question.options)
    giveaways = re.compile(r"\b(always|never|only|all of|none|every)\b", re.IGNORECASE)
    right = next(option.text for option in question.options if option.right)
    assert not giveaways.search(right) and right.count(",") <= max(text.count(",") for text in texts)


def test_neither_length_nor_letter_tells_which_is_right():
    longest = sum(
        len(next(o.text for o in q.options if o.right)) == max(len(o.text) for o in q.options)
        and sum(len(o.text) == max(len(p.text) for p in q.options) for o in q.options) == 1
        for q in QUESTIONS
    )
    assert longest <= 0.3 * len(QUESTIONS)
    assert all(RIGHT.count(letter) >= 2 for letter in "abcd")


# What follows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(len(QUESTIONS)))
def test_one_begins_with_the_first_that_was_missed(place):
    topic = COURSE[NAMES.index(list(ex.placement.questions)[place])]
    wrong = next(letter for letter in "abcd" if letter != RIGHT[place])
    for letter in (wrong, UNKNOWN):
        note = ex.placement.judge(changed(place, letter))
        assert note.title == f"Begin with {topic.number} {topic.title}"
        assert ("You may skip" in note.body) == (place > 0)
    assert dict(QUESTIONS[place].lettered())[wrong].why in ex.placement.judge(changed(place, wrong)).body


def test_whoever_knows_nothing_begins_with_01_and_is_told_no_answers():
    note = ex.placement.judge(UNKNOWN * len(QUESTIONS))
    assert note.title == "Begin with 01 Tokens" and note.body.count("not known") == len(QUESTIONS)
    assert not any(option.why in note.body for question in QUESTIONS for option in question.options)


def test_whoever_knows_all_of_it_begins_anywhere():
    note = ex.placement.judge(RIGHT)
    assert note.title == "Begin where you like" and note.body.count(": right.") == len(QUESTIONS)


@pytest.mark.parametrize(
    "letters", [RIGHT.upper(), " ".join(RIGHT), ", ".join(RIGHT), list(RIGHT), tuple(RIGHT)], ids=repr
)
def test_letters_may_be_written_in_any_way(letters):
    assert ex.placement.judge(letters) == ex.placement.judge(RIGHT)


@pytest.mark.parametrize(
    "letters", ["", "abc", RIGHT + "a", "z" + RIGHT[1:], None, 3, ..., [None] * 10], ids=repr
)
def test_what_are_no_letters_for_the_questions_gets_a_sentence(letters):
    note = ex.placement.judge(letters)
    assert "needs 10 letters from a to d" in note.body and "Begin" not in note.title


def test_it_is_shown_and_nothing_is_kept(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))
    page = ex.placement.show()
    assert all(question.text in page.text for question in QUESTIONS)
    assert not any(option.why in page.text for question in QUESTIONS for option in question.options)
    ex.placement.answer(RIGHT)
    assert "Begin where you like" in capsys.readouterr().out
    assert not _progress.progress_path().exists()
    assert "10 questions: .show(), then .answer('----------')" in repr(ex.placement)
