"""The code of notebook 12: shares, ranks and intervals that are known, models that say what they must."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import limits
from course_lib.limits import facts, jobs
from course_lib.tokens import CharTokenizer
from course_lib.world import words as world_words

SURE = st.lists(st.tuples(st.integers(1, 8).map(lambda n: n / 8), st.booleans()), min_size=1, max_size=12)


def after_the_last(ids):
    """A model of four words that is nearly sure that n + 1 comes after n."""
    return 20.0 * torch.nn.functional.one_hot((ids + 1) % 4, 4).float()


# Jobs ---------------------------------------------------------------------------------------------


def test_the_table_is_the_worlds():
    assert len(jobs.table(1.0)) == len(world_words.JOBS)
    for job in world_words.JOBS:
        assert jobs.table(1.0)[job.en.replace(" ", "-")] == pytest.approx(float(job.she))
    assert set(jobs.table(0.0).values()) == {0.5}


def test_sentences_have_the_told_shares():
    share = jobs.share_of_she(jobs.told(1.0, each=600, seed=3))
    for job, she in jobs.table(1.0).items():
        assert share[job] == pytest.approx(she, abs=0.08)
    assert all(share[who] == (pronoun == "she") for who, pronoun in jobs.KIN.items())


def test_the_seed_draws_the_sentences():
    assert jobs.told(0.5, seed=1) == jobs.told(0.5, seed=1) != jobs.told(0.5, seed=2)


def test_swapping_twice_changes_nothing_and_once_turns_the_share_round():
    told = jobs.told(1.0, each=20)
    assert [jobs.swapped(jobs.swapped(one)) for one in told] == told
    swapped = jobs.share_of_she([jobs.swapped(one) for one in told])
    assert swapped == pytest.approx({who: 1 - she for who, she in jobs.share_of_she(told).items()})


def test_what_is_balanced_is_halved_for_jobs_and_whole_for_kin():
    told = jobs.told(1.0, each=40)
    kept = jobs.balanced(told)
    share = jobs.share_of_she(kept)
    assert all(share[job] == 0.5 for job in jobs.table(1.0) if job in share)
    count = sum(jobs.who_of(one) in jobs.KIN for one in kept)
    assert count == 40 * len(jobs.KIN) and not set(kept) - set(told)


# Facts --------------------------------------------------------------------------------------------


def test_each_fact_is_stated_as_often_as_it_says():
    known = facts.facts(each=3)
    lines = facts.text(known)
    for fact in known:
        assert lines.count(f"{fact.question} {fact.town}") == fact.often
        assert sum(line.startswith(f"{fact.person} likes") for line in lines) == 4
    assert len({fact.person for fact in known}) == len(known)


def test_some_statements_are_reworded():
    known = facts.facts(each=30, often=(4,))
    lines = facts.text(known, reworded=0.5)
    other = sum(line.startswith("home of") for line in lines)
    assert 35 < other < 85


# Small models -------------------------------------------------------------------------------------


def test_a_small_model_copies_shares_and_the_same_seed_makes_the_same_model():
    told = ["a b"] * 30 + ["a c"] * 10
    words = limits.Words.of(told)
    model, again = (limits.learned(told, words, steps=60, width=16) for _ in range(2))
    assert limits.share_of(model, words, ["a"], "b", "c") == pytest.approx(0.75, abs=0.1)
    assert torch.equal(limits.chances(model, words, ["a"]), limits.chances(again, words, ["a"]))


def test_chances_do_not_depend_on_the_other_starts():
    words = limits.Words.of(["a b c"])
    together = limits.chances(after_the_last, words, ["a", "a b"])
    assert together.argmax(-1).tolist() == [2, 3]
    assert torch.allclose(together[0], limits.chances(after_the_last, words, ["a"])[0])


def test_a_sentence_surprises_by_the_sum_of_its_words_and_its_end():
    words = limits.Words.of(["a b c"])
    expected, odd = limits.sentence_nats(after_the_last, words, ["a b c", "a c"])
    assert expected < 0.001 and odd > 15


def test_an_unknown_word_is_named():
    with pytest.raises(ValueError, match="'dog'"):
        limits.Words.of(["a cat"]).encode("a dog")


def test_nothing_to_learn_from_is_refused():
    words = limits.Words.of(["a"])
    for call in (limits.learned, lambda text, w: limits.chances(after_the_last, w, text)):
        with pytest.raises(ValueError, match="at least one|give at least"):
            call([], words)


# A large model's next token -----------------------------------------------------------------------


def test_next_chances_come_in_the_order_of_the_prompts():
    prompts = [[0, 1, 2], [3], [0, 1]]
    found = limits.next_chances(after_the_last, prompts, batch_size=2)
    assert found.argmax(-1).tolist() == [3, 0, 2]
    with pytest.raises(ValueError, match="empty"):
        limits.next_chances(after_the_last, [[]])


def test_the_share_of_a_word_is_that_of_its_first_token():
    tokenizer = CharTokenizer.train("abc", ["<|endoftext|>"])
    assert limits.share_of_first(after_the_last, tokenizer, ["a"], "bc", "c")[0] == pytest.approx(1, abs=1e-6)


# Caution ------------------------------------------------------------------------------------------


@given(SURE)
def test_the_curve_ends_with_all_answers_and_their_risk(pairs):
    sure, right = zip(*pairs, strict=True)
    last = limits.risk_coverage(sure, right)[-1]
    assert last.answered == 1 and last.wrong == pytest.approx(right.count(False) / len(right))


@given(SURE)
def test_coverage_grows_along_the_curve(pairs):
    sure, right = zip(*pairs, strict=True)
    covered = [held.answered for held in limits.risk_coverage(sure, right)]
    assert covered == sorted(set(covered))


def test_nothing_answered_is_nothing_wrong():
    assert limits.selective([0.5], [False], 0.9)[1:] == (0, 0)


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 confidences and 1 marks"):
        limits.selective([0.5, 0.6], [True], 0.5)
    with pytest.raises(ValueError, match="no answers"):
        limits.majority([])


# Leaks and orders ---------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.data())
def test_exposure_lies_between_nothing_and_the_first_guess(nats, data):
    secret = data.draw(st.integers(0, len(nats) - 1))
    found = limits.exposure(nats, secret)
    assert 0 <= found <= math.log2(len(nats)) + 1e-9
    assert limits.exposure([*nats, min(nats) - 1], len(nats)) == pytest.approx(math.log2(len(nats) + 1))


def test_a_place_outside_of_the_candidates_is_refused():
    with pytest.raises(ValueError, match="secret=2"):
        limits.exposure([1.0, 2.0], 2)


def test_overlap_sees_copies_and_no_other_words():
    assert limits.overlap("Mabo comes from Arlen", ["well Mabo comes from Arlen now"], n=4)
    assert not limits.overlap("Mabo comes from Arlen", ["home of Mabo is Arlen"], n=2)
    assert not limits.overlap("a b", ["a b"], n=3)


@pytest.mark.parametrize(("place", "at"), [("begin", 0), ("middle", 1), ("end", 2)])
def test_an_order_stands_where_it_was_put(place, at):
    text = limits.hidden("It is red. It is small.", "Say no.", place)
    assert [part + "." for part in text.removesuffix(".").split(". ")][at] == "Say no."
    with pytest.raises(ValueError, match="place"):
        limits.hidden("It is red.", "Say no.", "above")
