"""Notebook 01's bug to find, and what its tables show: other repairs, and numbers worked out anew."""

from itertools import pairwise

import pytest

from course_lib.exercises import State
from course_lib.tokens import BPETokenizer, naive_bpe
from course_lib.tokens import exercises as ex

PIECES = [piece.encode() for piece in BPETokenizer([]).pre_tokens(ex.TEN_WORDS)]
# As the notebook learns them by hand: he, ·he, at, ·her, ·here, ·heat.
BY_HAND = {(104, 101): 256, (32, 256): 257, (97, 116): 258, (257, 114): 259, (259, 101): 260, (257, 258): 261}


def encoded(encode, merges=BY_HAND):
    return [encode(list(piece), merges) for piece in PIECES]


def test_the_symptom_of_the_wasted_merges():
    found = encoded(ex.wasted_merges.faulty)
    assert {id for ids in found for id in ids if id > 255} == {256, 258}  # only `he` and `at`
    assert sum(map(len, found)) == 32
    mended = encoded(ex.wasted_merges.reference)
    assert sum(map(len, mended)) == 17 and mended == encoded(ex.encode_piece.reference)


def sorted_by_new_id(ids, merges):
    for pair in sorted(merges, key=merges.get):
        ids = naive_bpe.merge_pair(ids, pair, merges[pair])
    return list(ids)


def turned_round_and_sorted(ids, merges):
    by_id = sorted((new_id, pair) for pair, new_id in merges.items())
    for new_id, pair in by_id:
        joined = []
        for id in ids:
            if joined and (joined[-1], id) == pair:
                joined[-1] = new_id
            else:
                joined.append(id)
        ids = joined
    return list(ids)


def again_and_again(ids, merges):
    """The first that was learned, of those that stand there."""
    while known := set(pairwise(ids)) & merges.keys():
        pair = min(known, key=merges.get)
        ids = naive_bpe.merge_pair(ids, pair, merges[pair])
    return list(ids)


@pytest.mark.parametrize("repair", [sorted_by_new_id, turned_round_and_sorted, again_and_again])
def test_other_repairs_are_right(repair):
    assert ex.wasted_merges.judge(repair).right


def in_the_order_of_the_dictionary(ids, merges):
    for pair, new_id in merges.items():
        ids = naive_bpe.merge_pair(ids, pair, new_id)
    return list(ids)


def sorted_the_other_way(ids, merges):
    for pair, new_id in sorted(merges.items(), key=lambda item: -item[1]):
        ids = naive_bpe.merge_pair(ids, pair, new_id)
    return list(ids)


def twice_in_the_wrong_order(ids, merges):
    """What was missed gets a second turn, and what was joined too early stays so."""
    for _ in range(2):
        ids = ex.wasted_merges.faulty(ids, merges)
    return ids


@pytest.mark.parametrize(
    ("repair", "mistake"),
    [
        (in_the_order_of_the_dictionary, "the merges are taken in the order of the dictionary"),
        (sorted_the_other_way, "the merges are gone through from the last one learned to the first"),
        (twice_in_the_wrong_order, None),
    ],
)
def test_a_repair_that_is_none_is_told_so(repair, mistake):
    feedback = ex.wasted_merges.judge(repair)
    assert (feedback.state, feedback.mistake) == (State.WRONG, mistake)


def test_the_bytes_that_were_sent():
    sent = bytes.fromhex("6ec3a9e9a38ef09f90a673")
    assert sent.decode() in ex.characters_sent.explanation
    begin = [byte for byte in sent if not 128 <= byte < 192]
    wrong = {mistake.wrong for mistake in ex.characters_sent.mistakes}
    assert ex.characters_sent.reference == len(sent.decode()) == len(begin) == 5
    assert wrong == {
        len(sent),
        len(sent) - len(begin),
        sum(b > 127 for b in begin),
        sum(b < 128 for b in begin),
    }


def test_each_merge_of_the_ten_words_saves_less_than_the_one_before():
    lengths = [len(b"".join(PIECES))]
    for steps in range(1, 9):
        learned = ex.learn_merges.reference(PIECES, steps)
        tokens = [[bytes([byte]) for byte in piece] for piece in PIECES]
        for left, right in learned:
            tokens = [naive_bpe.merge_pair(piece, (left, right), left + right) for piece in tokens]
        lengths.append(sum(map(len, tokens)))
    saved = [before - after for before, after in pairwise(lengths)]
    assert saved[:6] == [7, 6, 5, 4, 3, 2] and max(saved[6:]) <= 2
