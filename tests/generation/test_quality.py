"""How good and how varied texts are: against values worked out by hand, and against simulation."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.generation.quality import distinct_share, is_right
from course_lib.intervals import bootstrap, wilson
from course_lib.world.checker import check
from course_lib.world.documents import document


@pytest.mark.parametrize("language", ["en", "zh"])
def test_right_is_what_the_checker_calls_a_story(language):
    for seed in range(2):
        text = document(seed, language).text
        cut = text[: len(text) // 2]
        for candidate in (text, cut, text + " Hm."):
            assert is_right(candidate) == check(candidate).is_story
        assert is_right(f"\n{text} ")


def test_nothing_is_not_right():
    assert not is_right("") and not is_right(" \n")


def test_distinct_pieces_by_hand():
    texts = [[1, 2, 3], [1, 2, 4], [7]]
    assert distinct_share(texts, n=2) == 3 / 4  # 12 23 12 24
    assert distinct_share(texts, n=1) == 5 / 7
    assert distinct_share(texts, n=2, limit=3) == 2 / 3
    assert distinct_share(texts, n=3) == 1


@given(st.lists(st.text("ab", min_size=2, max_size=7), min_size=1, max_size=5), st.integers(1, 2))
def test_distinct_is_one_exactly_if_nothing_returns(texts, n):
    pieces = [text[i : i + n] for text in texts for i in range(len(text) - n + 1)]
    share = distinct_share(texts, n)
    assert 0 < share <= 1 and (share == 1) == (len(set(pieces)) == len(pieces))
    assert distinct_share(texts + texts, n) <= share


@pytest.mark.parametrize(("n", "limit"), [(4, None), (2, 3)])
def test_too_few_pieces(n, limit):
    with pytest.raises(ValueError, match="give it more texts"):
        distinct_share(["abc"], n, limit)


@given(st.integers(1, 70), st.data())
def test_wilson_holds_the_share_and_mirrors(trials, data):
    hits = data.draw(st.integers(0, trials))
    low, high = wilson(hits, trials)
    assert 0 <= low <= high <= 1 and low - 1e-9 <= hits / trials <= high + 1e-9
    assert wilson(trials - hits, trials) == pytest.approx((1 - high, 1 - low))


def test_wilson_against_its_equation():
    """The ends are the shares p from which what was seen lies z standard errors away."""
    for hits, trials in ((2, 7), (5, 5), (30, 64)):
        for end in wilson(hits, trials):
            error = (end * (1 - end) / trials) ** 0.5
            assert abs(hits / trials - end) == pytest.approx(1.96 * error, abs=1e-9)


def test_wilson_covers_the_truth():
    chance = random.Random(0)
    for truth in (0.05, 0.4):
        covered = 0
        for _ in range(400):
            low, high = wilson(sum(chance.random() < truth for _ in range(40)), 40)
            covered += low <= truth <= high
        assert 0.9 < covered / 400 < 0.995


@pytest.mark.parametrize(("hits", "trials"), [(3, 2), (-1, 2), (0, 0)])
def test_wilson_refuses_what_cannot_be(hits, trials):
    with pytest.raises(ValueError, match=f"{hits} hits in {trials} trials"):
        wilson(hits, trials)


def test_bootstrap_is_repeatable_and_holds_the_share():
    counts = [(3, 5), (2, 2), (7, 7), (0, 3)]
    low, high = bootstrap(counts)
    assert bootstrap(counts) == (low, high)
    assert bootstrap(counts, seed=1, rounds=11) != bootstrap(counts, rounds=11)
    assert 0 <= low < 12 / 17 < high <= 1
    narrow = bootstrap(counts, level=0.5)
    assert low <= narrow[0] < narrow[1] <= high


def test_bootstrap_is_wider_where_trials_share_their_fate():
    alone = [(1, 1)] * 35 + [(0, 1)] * 35
    bunched = [(7, 7)] * 5 + [(0, 7)] * 5
    width = [high - low for low, high in map(bootstrap, (alone, bunched))]
    assert width[1] > 2 * width[0]


@pytest.mark.parametrize("counts", [[], [(0, 0)]])
def test_bootstrap_needs_trials(counts):
    with pytest.raises(ValueError, match="at least one"):
        bootstrap(counts)
