"""The exercises of notebook 01: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.exercises import State
from course_lib.tokens import GPT2_PATTERN, BPETokenizer, naive_bpe
from course_lib.tokens import exercises as ex
from course_lib.tokens.bpe import merge_by_scanning

# References against oracles -----------------------------------------------------------------------


@given(st.characters(codec="utf-8"))
def test_utf8_by_hand_is_pythons(character):
    assert ex.utf8_bytes.reference(ord(character)) == list(character.encode())


@given(st.lists(st.binary(min_size=1, max_size=5), max_size=6), st.integers(0, 6))
def test_training_agrees_with_the_librarys_as_long_as_there_is_no_tie(pieces, how_many):
    if no_ties(pieces, how_many):
        assert ex.learn_merges.reference(pieces, how_many) == naive_bpe.learn_merges_naively(pieces, how_many)


def no_ties(pieces, how_many):
    """Whether the commonest pair is one alone at each step."""
    text = [[bytes([byte]) for byte in piece] for piece in pieces]
    for left, right in naive_bpe.learn_merges_naively(pieces, how_many):
        counts = Counter(pair for piece in text for pair in pairwise(piece)).most_common(2)
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            return False
        text = [naive_bpe.merge_pair(piece, (left, right), left + right) for piece in text]
    return True


def test_no_training_case_has_a_tie():
    """So that a learner's rule for ties does not matter."""
    for case in ex.learn_merges._judge().fresh_cases():
        assert no_ties(*case.args)


PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), unique=True, max_size=5)


@given(st.lists(st.integers(0, 3), max_size=9), PAIRS)
def test_encoding_agrees_with_the_packages(ids, pairs):
    merges = {pair: 10 + rank for rank, pair in enumerate(pairs)}
    ranks, results = {pair: rank for rank, pair in enumerate(pairs)}, list(merges.values())
    expected = merge_by_scanning(ids, ranks, results)
    assert ex.encode_piece.reference(ids, merges) == expected


@given(st.lists(st.integers(0, 255), max_size=8))
def test_decoding_agrees_with_the_tokenizers(ids):
    tokenizer = BPETokenizer([])
    vocabulary = [tokenizer.token_bytes(id) for id in range(256)]
    assert ex.decode_ids.reference(ids, vocabulary) == tokenizer.decode(ids)


def test_digits_by_hand():
    tokens = BPETokenizer([], pattern=ex.digit_tokenizer.reference("", 257).pattern).pre_tokens("a 24, b7")
    assert tokens == ["a", " ", "2", "4", ",", " b", "7"]


def test_compression_by_hand():
    tokenizer = BPETokenizer([(b"a", b"b")])
    assert ex.bytes_per_token.reference(["abab", "好"], tokenizer) == 7 / 5


# Other right ways ---------------------------------------------------------------------------------


def utf8_by_bits(code_point):
    if code_point < 0x80:
        return (code_point,)
    count = 2 + (code_point >= 0x800) + (code_point >= 0x10000)
    parts = [code_point >> 6 * n & 0x3F | 0x80 for n in reversed(range(count))]
    parts[0] = parts[0] & 0x3F | (0xFF00 >> count & 0xFF)
    return parts


def utf8_by_strings(code_point):
    if code_point < 128:
        return [code_point]
    bits = f"{code_point:b}"
    for count, room, mark in ((2, 11, "110"), (3, 16, "1110"), (4, 21, "11110")):
        if len(bits) <= room:
            bits = bits.zfill(room)
            first = room - 6 * (count - 1)
            groups = [bits[first + 6 * n : first + 6 * n + 6] for n in range(count - 1)]
            return [int(mark + bits[:first], 2), *(int("10" + group, 2) for group in groups)]


def utf8_by_python(code_point):
    return list(chr(code_point).encode())


def count_with_a_loop(ids):
    counts = {}
    for i in range(len(ids) - 1):
        if -1 not in (ids[i], ids[i + 1]):
            pair = ids[i], ids[i + 1]
            counts[pair] = counts.get(pair, 0) + 1
    return counts


def count_piece_by_piece(ids):
    counts, piece = defaultdict(int), []
    for id in [*ids, -1]:
        if id == -1:
            for left, right in pairwise(piece):
                counts[left, right] += 1
            piece = []
        else:
            piece.append(id)
    return counts


def count_with_numpy(ids):
    array = np.array(ids, dtype=np.int64)
    both = np.stack([array[:-1], array[1:]], axis=1) if len(ids) > 1 else np.zeros((0, 2), dtype=np.int64)
    pairs, counts = np.unique(both[(both != -1).all(axis=1)], axis=0, return_counts=True)
    return {tuple(pair): count for pair, count in zip(pairs.tolist(), counts, strict=True)}


def merge_with_while(ids, pair, new_id):
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def merge_with_skip(ids, pair, new_id):
    merged, skip = [], False
    for i, id in enumerate(ids):
        if skip:
            skip = False
        elif i + 1 < len(ids) and (id, ids[i + 1]) == pair:
            merged.append(new_id)
            skip = True
        else:
            merged.append(id)
    return tuple(merged)


def merge_as_text(ids, pair, new_id):
    text = "".join(chr(id + 1) for id in ids)
    text = text.replace(chr(pair[0] + 1) + chr(pair[1] + 1), chr(new_id + 1))
    return np.array([ord(character) - 1 for character in text], dtype=np.int32)


def learn_with_bytes(pieces, how_many):
    text, merges = [[bytes([byte]) for byte in piece] for piece in pieces], []
    for _ in range(how_many):
        counts = Counter(pair for piece in text for pair in pairwise(piece))
        if not counts:
            return merges
        pair = counts.most_common(1)[0][0]
        merges.append(pair)
        text = [naive_bpe.merge_pair(piece, pair, pair[0] + pair[1]) for piece in text]
    return merges


def learn_with_word_counts(pieces, how_many):
    words = {tuple(bytes([byte]) for byte in piece): count for piece, count in Counter(pieces).items()}
    merges = []
    while len(merges) < how_many:
        counts = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                counts[pair] += count
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(list(best))
        words = {tuple(naive_bpe.merge_pair(word, best, best[0] + best[1])): n for word, n in words.items()}
    return tuple(merges)


def learn_with_the_package(pieces, how_many):
    size = 256 + how_many
    tokenizer = BPETokenizer.train([piece.decode() for piece in pieces], size, [], pattern=r"[\s\S]+")
    return tokenizer.merges


def encode_rank_by_rank(ids, merges):
    for pair, new_id in sorted(merges.items(), key=lambda item: item[1]):
        ids = naive_bpe.merge_pair(ids, pair, new_id)
    return ids


def encode_by_recursion(ids, merges):
    known = sorted((merges[pair], pair) for pair in pairwise(ids) if pair in merges)
    if not known:
        return tuple(ids)
    return encode_by_recursion(naive_bpe.merge_pair(ids, known[0][1], known[0][0]), merges)


def encode_one_place_at_a_time(ids, merges):
    ids = np.array(ids, dtype=np.int64).tolist()
    while True:
        found = [(merges.get((ids[i], ids[i + 1]), 10**9), i) for i in range(len(ids) - 1)]
        new_id, i = min(found, default=(10**9, 0))
        if new_id == 10**9:
            return ids
        ids[i : i + 2] = [new_id]


def decode_with_plus(ids, vocabulary):
    data = b""
    for id in ids:
        data += vocabulary[id]
    return data.decode(errors="replace")


def decode_with_bytearray(ids, vocabulary):
    data = bytearray()
    for id in ids:
        data.extend(vocabulary[id])
    return str(data, "utf-8", "replace")


def decode_with_stream(ids, vocabulary):
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return "".join(decoder.decode(vocabulary[id]) for id in ids) + decoder.decode(b"", final=True)


def compression_of_one_text(texts, tokenizer):
    return len("".join(texts).encode()) / sum(1 for text in texts for _ in tokenizer.encode(text))


def compression_from_tokens(texts, tokenizer):
    ids = [id for text in texts for id in tokenizer.encode(text)]
    return np.float32(np.mean([len(tokenizer.token_bytes(id)) for id in ids]))


def compression_with_loops(texts, tokenizer):
    size = tokens = 0
    for text in texts:
        size += len(bytes(text, "utf-8"))
        tokens += len(tokenizer.encode(text))
    return size / tokens


def digits_by_d(text, vocab_size):
    return BPETokenizer.train(text, vocab_size, pattern=GPT2_PATTERN.replace(r" ?\p{N}+", r"\d"))


def digits_left_out(text, vocab_size):
    """What no alternative takes is cut into single characters anyway."""
    return BPETokenizer.train(text, vocab_size, pattern=GPT2_PATTERN.replace(r"| ?\p{N}+", ""))


def digits_first(text, vocab_size):
    pattern = r"\p{N}|" + re.sub(r"\| \?\\p\{N\}\+", "", GPT2_PATTERN)
    return BPETokenizer.train([text], vocab_size, pattern=pattern)


OTHER_WAYS = {
    ex.utf8_bytes: (utf8_by_bits, utf8_by_strings, utf8_by_python),
    ex.count_pairs: (count_with_a_loop, count_piece_by_piece, count_with_numpy),
    ex.merge_pair: (merge_with_while, merge_with_skip, merge_as_text),
    ex.learn_merges: (learn_with_bytes, learn_with_word_counts, learn_with_the_package),
    ex.encode_piece: (encode_rank_by_rank, encode_by_recursion, encode_one_place_at_a_time),
    ex.decode_ids: (decode_with_plus, decode_with_bytearray, decode_with_stream),
    ex.bytes_per_token: (compression_of_one_text, compression_from_tokens, compression_with_loops),
    ex.digit_tokenizer: (digits_by_d, digits_left_out, digits_first),
}
CASES = [(exercise, answer) for exercise, answers in OTHER_WAYS.items() for answer in answers]


@pytest.mark.parametrize(("exercise", "answer"), CASES, ids=lambda x: getattr(x, "name", None) or x.__name__)
def test_other_right_ways_pass(exercise, answer):
    feedback = exercise.judge(answer)
    assert feedback.right, feedback


def test_no_mistake_is_named_for_nonsense():
    for exercise in OTHER_WAYS:
        feedback = exercise.judge(lambda *args: {"x": object()})
        assert feedback.state in (State.WRONG, State.CRASHED) and feedback.mistake is None


def test_pieces_of_the_gpt_are_the_build_exercises():
    kinds = {exercise.name: exercise.kind for exercise in OTHER_WAYS}
    built = [name for name, kind in kinds.items() if kind == "build"]
    assert built == ["count_pairs", "merge_pair", "learn_merges", "encode_piece", "decode_ids"]
