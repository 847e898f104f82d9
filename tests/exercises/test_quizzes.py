"""The quizzes of all topics: no question can be answered from how its options look."""

import re
from collections import Counter

import pytest

from course_lib.exercises import quiz_of, topics

QUESTIONS = [(topic, question) for topic in topics() for question in quiz_of(topic).questions]
SURE = re.compile(
    r"\b(always|never|only|alone|all|any|every|each|nothing|none|no|must|can't)\b", re.IGNORECASE
)
CAREFUL = re.compile(r"\b(about|often|may|might|mostly|usually|hardly|almost|some|seldom)\b", re.IGNORECASE)


def lengths(question):
    return {letter: len(option.text) for letter, option in question.lettered()}


def share(extreme):
    """How often the right option is `extreme` (min or max) in length, with no other as long."""
    found = 0
    for _, question in QUESTIONS:
        sizes = list(lengths(question).values())
        right = lengths(question)[question.letter]
        found += right == extreme(sizes) and sizes.count(right) == 1
    return found / len(QUESTIONS)


def test_the_right_option_is_the_longest_about_as_often_as_by_chance():
    assert 0.20 <= share(max) <= 0.30


def test_the_right_option_is_the_shortest_about_as_often_as_by_chance():
    assert 0.15 <= share(min) <= 0.35


@pytest.mark.parametrize(
    ("topic", "question"), QUESTIONS, ids=[f"{t}-{i % 5 + 1}" for i, (t, _) in enumerate(QUESTIONS)]
)
def test_the_options_of_a_question_are_of_like_length(topic, question):
    sizes = lengths(question).values()
    assert max(sizes) <= 1.4 * min(sizes)


@pytest.mark.parametrize("topic", topics())
def test_no_letter_is_right_more_than_twice_in_a_quiz(topic):
    assert max(Counter(question.letter for question in quiz_of(topic).questions).values()) <= 2


def test_each_letter_is_right_about_as_often_as_the_others():
    letters = Counter(question.letter for _, question in QUESTIONS)
    assert sorted(letters) == list("abcd")
    assert all(0.20 <= count / len(QUESTIONS) <= 0.30 for count in letters.values())


@pytest.mark.parametrize("words", [SURE, CAREFUL], ids=["sure", "careful"])
def test_right_and_wrong_options_speak_in_the_same_tone(words):
    said = {True: [], False: []}
    for _, question in QUESTIONS:
        for option in question.options:
            said[option.right].append(words.search(option.text) is not None)
    right, wrong = (sum(found) / len(found) for found in (said[True], said[False]))
    assert abs(right - wrong) < 0.1
    assert 0.5 < right / wrong < 2


@pytest.mark.parametrize("topic", topics())
def test_options_end_alike_within_a_question(topic):
    for question in quiz_of(topic).questions:
        assert len({option.text[-1] in ".`" for option in question.options}) == 1
