"""What notebook 11 has of bugs and explanations: symptoms, repairs good and bad, numbers by formula."""

from __future__ import annotations

import pytest

from course_lib.assistant import exercises as ex
from course_lib.exercises import State

ROLES = ("user", "assistant", "user", "assistant", "user")
TALK = [{"role": role, "content": f"{role} {i}"} for i, role in enumerate(ROLES)]
LENGTHS = [12, 3, 24, 3, 6]


def test_the_symptom_is_there_and_goes_away():
    assert ex.torn_talk.faulty(TALK, LENGTHS, 25) == [*TALK[:2], *TALK[3:]]
    assert ex.torn_talk.reference(TALK, LENGTHS, 25) == TALK[4:]


def talk(fits=lambda length, left: length <= left, stops=True, trims=True):
    """The faulty code with another rule for what fits, what comes after it, and what comes first."""

    def torn_talk(messages, lengths, budget):
        system = [message for message in messages[:1] if message["role"] == "system"]
        left = budget - sum(lengths[: len(system)])
        kept = []
        for place in reversed(range(len(system), len(messages))):
            if fits(lengths[place], left):
                left -= lengths[place]
                kept.insert(0, messages[place])
            elif stops:
                break
        if trims and kept and kept[0]["role"] == "assistant":
            kept = kept[1:]
        return system + kept

    return torn_talk


def test_another_repair_is_right():
    def torn_talk(messages, lengths, budget):
        first = int(messages[0]["role"] == "system")
        start = first
        while start < len(messages) and sum(lengths[:first]) + sum(lengths[start:]) > budget:
            start += 1
        start += start < len(messages) and messages[start]["role"] == "assistant"
        return messages[:first] + messages[start:]

    assert ex.torn_talk.judge(talk()).right and ex.torn_talk.judge(torn_talk).right


@pytest.mark.parametrize(
    ("repair", "name"),
    [
        (talk(stops=False), "a message that doesn't fit is skipped"),
        (talk(trims=False), "it begins with an answer"),
        (talk(fits=lambda length, left: length < left), "a message that just fits is left out"),
    ],
)
def test_a_repair_that_does_not_mend_it_is_named(repair, name):
    feedback = ex.torn_talk.judge(repair)
    assert feedback.state is State.WRONG and feedback.mistake.startswith(name)


def test_the_failures_read_off_are_those_of_the_formula():
    assert ex.failures_of_three.judge(1000 * 0.25**3).right
    assert [ex.failures_of_three.judge(1000 * 0.25**n).right for n in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        False,
    ]
    halfway = (1000 * 0.25**2 + 1000 * 0.25**4) / 2
    assert ex.failures_of_three.judge(halfway).mistake == "halfway between the rows of 2 and 4"


def test_why_eight_drafts_cost_what_four_do():
    drawn = [sum(0.25**i for i in range(n)) for n in (4, 8)]  # draft i comes after i failures
    assert [round(number, 2) for number in drawn] == [1.33, 1.33] and drawn[1] - drawn[0] < 0.006
    assert [letter for letter in "abcd" if ex.drafts_of_eight.judge(letter).right] == ["d"]
