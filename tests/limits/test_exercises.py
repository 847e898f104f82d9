"""The exercises of notebook 12: the references against the course's code, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in tests/exercises.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import limits
from course_lib.exercises import State
from course_lib.limits import exercises as ex

SURE = st.lists(st.tuples(st.integers(1, 8).map(lambda n: n / 8), st.booleans()), min_size=1, max_size=12)

# References against oracles -----------------------------------------------------------------------


@given(st.lists(st.floats(0.1, 2), min_size=2, max_size=6), st.sampled_from([0.5, 1.0, 3.0]))
def test_sharpening_is_the_softmax_of_logits_over_temperature(sizes, temperature):
    chances = [size / sum(sizes) for size in sizes]
    own = (torch.tensor(chances).double().log() / temperature).softmax(-1)
    assert ex.sharpened.reference(chances, temperature) == pytest.approx(own.tolist(), abs=1e-6)


@given(SURE, st.integers(1, 9).map(lambda n: n / 8))
def test_holding_back_is_the_courses(pairs, threshold):
    sure, right = map(list, zip(*pairs, strict=True))
    assert ex.selective.reference(sure, right, threshold) == limits.selective(sure, right, threshold)[1:]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=9))
def test_the_vote_is_the_courses(answers):
    assert ex.majority.reference(answers) == limits.majority(answers)


def test_exposure_is_the_courses():
    nats = [3.0, 1.0, 1.0, 8.0]
    assert [ex.exposure.reference(nats, i) for i in range(4)] == [limits.exposure(nats, i) for i in range(4)]


def test_the_tables_of_the_notebook_are_right():
    assert ex.sharpened.reference([0.8, 0.2], 0.5) == pytest.approx([0.94, 0.06], abs=0.002)
    assert ex.selective.reference([0.9, 0.8, 0.3, 0.2], [True, False, True, False], 0.5) == (0.5, 0.5)
    found = [ex.exposure.reference([5.0, 2.0, 7.0, 9.0], i) for i in range(4)]
    assert found == pytest.approx([1, 2, 0.415, 0], abs=0.001)


# Other right ways ---------------------------------------------------------------------------------


def sharp_by_torch(chances, temperature):
    return (torch.tensor(chances).log() / temperature).softmax(-1)


def sharp_by_numpy(chances, temperature):
    powers = np.power(chances, 1 / temperature)
    return powers / powers.sum()


def sharp_by_loop(chances, temperature):
    total, powers = 0.0, []
    for chance in chances:
        powers.append(math.exp(math.log(chance) / temperature))
        total += powers[-1]
    return [power / total for power in powers]


def swap_by_loop(words, pairs):
    found = []
    for word in words:
        for one, other in pairs:
            if word in (one, other):
                found.append(other if word == one else one)
                break
        else:
            found.append(word)
    return found


def swap_by_update(words, pairs):
    partner = dict(pairs)
    partner.update({other: one for one, other in pairs})
    return [partner.get(word) or word for word in words]


def swap_in_place_of_a_copy(words, pairs):
    found = list(words)
    for place, word in enumerate(words):
        for pair in pairs:
            if word in pair:
                found[place] = pair[1 - pair.index(word)]
    return found


def selective_by_torch(confidences, right, threshold):
    kept = torch.tensor(confidences) >= threshold
    if not kept.any():
        return 0, 0
    return kept.float().mean().item(), (~torch.tensor(right)[kept]).float().mean().item()


def selective_by_counting(confidences, right, threshold):
    answered = wrong = 0
    for sure, hit in zip(confidences, right, strict=True):
        if sure >= threshold:
            answered += 1
            wrong += not hit
    return answered / len(confidences), wrong / max(1, answered)


def selective_as_a_list(confidences, right, threshold):
    marks = [right[i] for i in range(len(right)) if not confidences[i] < threshold]
    return [len(marks) / len(right), 1 - sum(marks) / len(marks) if marks else 0.0]


def majority_by_counter(answers):
    ((best, count),) = Counter(answers).most_common(1)
    return best, count / len(answers)


def majority_by_loop(answers):
    best = answers[0]
    for answer in answers:
        if answers.count(answer) > answers.count(best):
            best = answer
    return [best, answers.count(best) / len(answers)]


def majority_by_sorting(answers):
    order = sorted(set(answers), key=lambda answer: (-answers.count(answer), answers.index(answer)))
    return order[0], sum(answer == order[0] for answer in answers) / len(answers)


def exposure_by_sorting(nats, secret):
    worst = [place for place, value in enumerate(sorted(nats)) if value == nats[secret]][-1]
    return math.log2(len(nats) / (worst + 1))


def exposure_by_torch(nats, secret):
    values = torch.tensor(nats, dtype=torch.float64)
    return -(values <= values[secret]).double().mean().log2()


def exposure_by_change_of_base(nats, secret):
    rank = len([value for value in nats if value <= nats[secret]])
    return (math.log(len(nats)) - math.log(rank)) / math.log(2)


def split_by_loop(examples, n):
    people = []
    for person, _ in examples:
        if person not in people:
            people.append(person)
    train, test = [], []
    for example in examples:
        (test if example[0] in people[len(people) - n :] else train).append(example)
    return train, test


def split_by_first_place(examples, n):
    names = [person for person, _ in examples]
    held = set(sorted(set(names), key=names.index)[-n:])
    return [one for one in examples if one[0] not in held], [one for one in examples if one[0] in held]


def split_by_a_dictionary(examples, n):
    groups = {}
    for example in examples:
        groups.setdefault(example[0], []).append(example)
    held = list(groups)[-n:]
    parts = [[one for one in examples if (one[0] in held) == wanted] for wanted in (False, True)]
    return tuple(parts)


OTHERS = {
    "sharpened": (sharp_by_torch, sharp_by_numpy, sharp_by_loop),
    "swap_pronouns": (swap_by_loop, swap_by_update, swap_in_place_of_a_copy),
    "selective": (selective_by_torch, selective_by_counting, selective_as_a_list),
    "majority": (majority_by_counter, majority_by_loop, majority_by_sorting),
    "exposure": (exposure_by_sorting, exposure_by_torch, exposure_by_change_of_base),
    "leaky_split": (split_by_loop, split_by_first_place, split_by_a_dictionary),
}


@pytest.mark.parametrize(
    ("name", "answer"), [(name, answer) for name, answers in OTHERS.items() for answer in answers]
)
def test_other_right_ways_pass(name, answer):
    feedback = getattr(ex, name).judge(answer)
    assert feedback.right, str(feedback)


# The bug and the explanations ---------------------------------------------------------------------


def test_the_faulty_split_leaks_people_and_the_right_one_does_not():
    examples = ex._said("Mabo", "Tiru", "Kesa", "Mabo", "Tiru", "Kesa")
    for split, shared in ((ex.leaky_split.faulty, 1), (ex.leaky_split.reference, 0)):
        train, test = split(examples, 1)
        assert not set(train) & set(test) and len(train) + len(test) == len(examples)
        assert len({person for person, _ in train} & {person for person, _ in test}) == shared


def test_a_repair_that_does_not_mend_it_is_named():
    def by_the_last_rows(examples, n):
        held = {person for person, _ in examples[-n:]}
        return [one for one in examples if one[0] not in held], [one for one in examples if one[0] in held]

    feedback = ex.leaky_split.judge(by_the_last_rows)
    assert feedback.state is State.WRONG and feedback.mistake.startswith("the people of the last n examples")


def test_the_clean_score_is_worked_out():
    right, leaked, asked = 62, 20, 100
    assert ex.clean_score.judge((right - leaked) / (asked - leaked)).right
    for wrong, name in (
        ((right - leaked) / asked, "the leaked ones are taken off above"),
        (right / (asked - leaked), "taken off below"),
        (right / asked, "the score as it was"),
        (right / asked * (1 - leaked / asked), "a fifth"),
    ):
        assert ex.clean_score.judge(wrong).mistake.startswith(name)


def test_one_letter_explains_the_confidence():
    assert [letter for letter in "abcd" if ex.why_sure.judge(letter).right] == ["c"]


def test_the_quiz_has_five_questions_with_different_letters():
    letters = [[option.right for option in one.options].index(True) for one in ex.quiz.questions]
    assert len(letters) == 5 and len(set(letters)) > 2 and any(a != b for a, b in pairwise(letters))
