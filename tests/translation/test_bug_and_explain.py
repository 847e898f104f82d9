"""What notebook 09 has of bugs and explanations: symptoms, repairs good and bad, numbers by formula."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from course_lib.exercises import State
from course_lib.translation import exercises as ex
from course_lib.translation import scores


def written(prefix_targets, most=20):
    """What a model of pairs writes that has counted what follows what, where it is learned."""
    follows = Counter()
    for target in ([5, 6, 7], [5, 6, 7], [5, 6, 7, 5, 6, 7]):
        ids, targets = prefix_targets([9], target, 0)
        follows.update(pair for pair in zip(ids, targets[1:], strict=False) if pair[1] != -100)
    text = [5]
    while text[-1] != 0 and len(text) < most:
        after = {goal: n for (token, goal), n in follows.items() if token == text[-1]}
        text.append(max(after, key=after.get))
    return text


def test_the_symptom_is_there_and_goes_away():
    assert written(ex.endless_targets.faulty) == [5, 6, 7] * 6 + [5, 6]
    assert written(ex.endless_targets.reference) == [5, 6, 7, 0]


def targets_where(learned):
    """The faulty code with another rule for what is learned: from place, token, source and end."""

    def endless_targets(source_ids, target_ids, end_id):
        ids = [end_id, *source_ids, *target_ids, end_id]
        pairs = enumerate(ids)
        goals = [token if learned(place, token, source_ids, end_id) else -100 for place, token in pairs]
        return ids, goals

    return endless_targets


def test_another_repair_is_right():
    assert ex.endless_targets.judge(
        targets_where(lambda place, token, source, end: place > len(source))
    ).right


@pytest.mark.parametrize(
    ("learned", "name"),
    [
        (lambda place, token, source, end: place > len(source) and token != end, "no end token counts"),
        (lambda place, token, source, end: True, "everything counts"),
        (lambda place, token, source, end: place > len(source) + 1, "one place too many is masked"),
        (lambda place, token, source, end: place == 0 or place > len(source), "the first end token counts"),
        (lambda place, token, source, end: token != end, None),
    ],
)
def test_a_repair_that_does_not_mend_it_is_named(learned, name):
    feedback = ex.endless_targets.judge(targets_where(learned))
    assert feedback.state is State.WRONG
    assert feedback.mistake is None if name is None else feedback.mistake.startswith(name)


def test_the_alpha_read_off_is_that_of_the_formula():
    alpha = math.log(3.6 / 3.0) / math.log(4 / 3)
    assert -3.0 / 3**alpha == pytest.approx(-3.6 / 4**alpha)
    assert all(ex.alpha_of_the_tie.judge(value).right for value in (alpha, 0.55, 0.7, 0.75))
    assert not any(ex.alpha_of_the_tie.judge(value).right for value in (0.5, 0.8, 1))


def test_where_the_points_for_the_opposite_come_from():
    """Precisions by hand, and each wrong option by what it would lead to."""
    right, opposite = "Mia gave the red kite back to Tom .", "Tom gave the red kite back to Mia ."
    counts = [ex.clipped_precision.reference(opposite.split(), right.split(), n) for n in (1, 2, 3, 4)]
    assert counts == [(9, 9), (5, 8), (4, 7), (3, 6)]
    assert scores.bleu([opposite], [right]) == pytest.approx(65, abs=0.5)
    assert scores.bleu(["a b c d e f g h i"], [right]) < 10
    assert [letter for letter in "abcd" if ex.wrong_way_round.judge(letter).right] == ["c"]
