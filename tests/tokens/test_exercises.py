"""The exercises of notebook 01: the references against independent oracles, and other right ways to answer.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import codecs
import functools
import heapq
import io
import operator
import re
import unicodedata
from collections import Counter, defaultdict, deque
from itertools import chain, groupby, pairwise

import numpy as np
import pytest
import regex
import torch
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
    tokens = BPETokenizer([], pattern=ex.digit_tokenizer.reference("7", 257).pattern).pre_tokens("a 24, b7")
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


def utf8_by_peeling(code_point):
    found, room = deque(), 128
    while code_point >= room:
        found.appendleft(128 + code_point % 64)
        code_point //= 64
        room = 32 if room == 128 else room // 2
    found.appendleft(code_point + {128: 0, 32: 192, 16: 224, 8: 240}[room])
    return found


def utf8_by_numpy(code_point):
    count = 1 + np.searchsorted([127, 2047, 65535], code_point)
    parts = code_point // 64 ** np.arange(count)[::-1] % 64
    return (
        parts
        + np.array([128] * count)
        - 128 * (np.arange(count) == 0)
        + np.array([(0, 192, 224, 240)[count - 1]] + [0] * (count - 1))
        if count > 1
        else np.array([code_point])
    )


class Utf8:
    limits = (0x80, 0x800, 0x10000, 0x110000)

    def __call__(self, code_point):
        row = next(i for i, limit in enumerate(self.limits) if code_point < limit)
        return [code_point] if row == 0 else [*self.first(code_point, row), *self.others(code_point, row)]

    def first(self, code_point, row):
        yield (0xF0 << (3 - row) & 0xFF) + (code_point >> 6 * row)

    def others(self, code_point, row):
        return (0x80 | code_point >> 6 * i & 0x3F for i in range(row - 1, -1, -1))


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


def count_with_sets_of_places(ids):
    places = defaultdict(set)
    for i, pair in enumerate(pairwise(ids)):
        places[pair].add(i)
    return {pair: len(found) for pair, found in places.items() if min(pair) >= 0}


def count_by_folding(ids):
    def step(state, id):
        counts, before = state
        if before is not None and before != -1 != id:
            counts = {**counts, (before, id): counts.get((before, id), 0) + 1}
        return counts, id

    return functools.reduce(step, ids, ({}, None))[0]


def count_by_grouping(ids):
    pieces = [list(group) for is_wall, group in groupby(ids, lambda id: id == -1) if not is_wall]
    return sum((Counter(pairwise(piece)) for piece in pieces), Counter())


def count_with_torch(ids):
    pairs = torch.tensor(ids, dtype=torch.long).unfold(0, 2, 1) if len(ids) > 1 else torch.zeros(0, 2)
    return Counter((int(a), int(b)) for a, b in pairs if a != -1 and b != -1)


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


def merge_with_a_queue(ids, pair, new_id):
    rest, merged = deque(ids), []
    while rest:
        id = rest.popleft()
        if rest and (id, rest[0]) == tuple(pair):
            rest.popleft()
            id = new_id
        merged += [id]
    return merged


def merge_by_recursion(ids, pair, new_id):
    merged = []
    while (at := find(ids, pair)) is not None:
        merged, ids = [*merged, *ids[:at], new_id], ids[at + 2 :]
    return merged + ids


def find(ids, pair):
    left, right = pair
    return next((i for i in range(len(ids) - 1) if ids[i] == left and ids[i + 1] == right), None)


def merge_in_a_copy(ids, pair, new_id):
    ids, i = ids.copy(), 0
    while i < len(ids) - 1:
        if [*pair] == ids[i : i + 2]:
            ids[i : i + 2] = [new_id]
        i += 1
    return ids


def merge_by_pattern(ids, pair, new_id):
    text = " ".join(map(str, ids))
    found = re.sub(rf"(?<!\S){pair[0]} {pair[1]}(?!\S)", str(new_id), text)
    return [int(word) for word in found.split()]


class Merger:
    def join(self, ids, pair, new_id):
        ids = iter(ids)
        merged, held = [], None
        for id in ids:
            if held is not None and (held, id) == pair:
                merged.append(new_id)
                held = None
            else:
                merged += [] if held is None else [held]
                held = id
        return merged if held is None else [*merged, held]


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
    if not pieces:
        return []
    size = 256 + how_many
    tokenizer = BPETokenizer.train([piece.decode() for piece in pieces], size, [], pattern=r"[\s\S]+")
    return tokenizer.merges


def learn_with_own_pieces(pieces, how_many):
    ids = [id for piece in pieces for id in [*list(piece), -1]]
    tokens, merges = {i: bytes((i,)) for i in range(256)}, []
    for new_id in range(256, 256 + how_many):
        counts = count_with_a_loop(ids)
        if counts == {}:
            return merges
        best = sorted(counts.items(), key=operator.itemgetter(1))[-1][0]
        ids = merge_with_skip(ids, best, new_id)
        tokens[new_id] = tokens[best[0]] + tokens[best[1]]
        merges += [tuple(tokens[id] for id in best)]
    return merges


def learn_with_a_heap(pieces, how_many):
    words = [[bytes([byte]) for byte in piece] for piece in pieces]

    def merges():
        for _ in range(how_many):
            heap = [(-count, pair) for pair, count in Counter(chain(*map(pairwise, words))).items()]
            heapq.heapify(heap)
            if not heap:
                return
            left, right = heapq.heappop(heap)[1]
            yield left, right
            words[:] = [merge_in_a_copy(word, (left, right), left + right) for word in words]

    return list(merges())


class Trainer:
    def __init__(self):
        self.count, self.merge = naive_bpe.count_pairs, naive_bpe.merge_pair

    def __call__(self, pieces, how_many):
        ids, merges = list(b"".join(piece + b"\xff" for piece in pieces)), []
        ids = [-1 if id == 255 else id for id in ids]
        spelled = [bytes([i]) for i in range(256)]
        while how_many > len(merges) and (counts := self.count(ids)):
            ((a, b), _), *_ = counts.most_common()
            merges.append([spelled[a], spelled[b]])
            spelled.append(b"".join(merges[-1]))
            ids = self.merge(ids, (a, b), len(spelled) - 1)
        return merges


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


def encode_with_infinity(ids, merges):
    ids = list(ids)
    while len(ids) >= 2:
        pairs = list(pairwise(ids))
        best = min(pairs, key=lambda pair: merges.get(pair, float("inf")))
        if best not in merges:
            return ids
        ids = merge_with_while(ids, best, merges[best])
    return ids


def encode_with_a_heap(ids, merges):
    ids = np.array(ids, dtype=object)
    while heap := [(merges[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in merges]:
        new_id, i = heapq.nsmallest(1, heap)[0]
        ids = np.concatenate([ids[:i], [new_id], ids[i + 2 :]])
    return [int(id) for id in ids]


def encode_backwards(ids, merges):
    """The merges turned round: from the new id to its pair."""
    halves = {new_id: pair for pair, new_id in merges.items()}
    for new_id in sorted(halves):
        ids = Merger().join(ids, halves[new_id], new_id)
    return ids


def encode_with_the_package(ids, merges):
    order = sorted(merges, key=merges.__getitem__)
    ranks = {pair: rank for rank, pair in enumerate(order)}
    return merge_by_scanning(list(ids), ranks, [merges[pair] for pair in order])


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
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return "".join(decoder.decode(vocabulary[id]) for id in ids) + decoder.decode(b"", final=True)


def decode_with_a_file(ids, vocabulary):
    file = io.BytesIO()
    file.writelines(vocabulary[id] for id in ids)
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="").read()


def decode_by_folding(ids, vocabulary):
    return functools.reduce(operator.add, map(vocabulary.__getitem__, ids), b"").decode("utf8", "replace")


def decode_with_numbers(ids, vocabulary):
    numbers = [byte for id in ids for byte in vocabulary[id]]
    return bytes(np.array(numbers, dtype=np.uint8)).decode(errors="replace")


def decode_after_trying(ids, vocabulary):
    data = b"".join([vocabulary[id] for id in ids])
    try:
        return data.decode()
    except UnicodeDecodeError:
        return codecs.decode(data, "utf-8", "replace")


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


def compression_by_map(texts, tokenizer):
    return sum(map(len, map(str.encode, texts))) / sum(map(len, map(tokenizer.encode, texts)))


def compression_in_tensors(texts, tokenizer):
    sizes = torch.tensor([[len(text.encode("utf-8")), len(tokenizer.encode(text))] for text in texts])
    size, tokens = sizes.sum(0)
    return size / tokens


def compression_by_weights(texts, tokenizer):
    tokens = np.array([len(tokenizer.encode(text)) for text in texts])
    ratios = [len(text.encode()) / n if n else 0.0 for text, n in zip(texts, tokens, strict=True)]
    return np.average(ratios, weights=tokens)


class Compression:
    def measure(self, texts, tokenizer):
        self.size = self.tokens = 0
        for text in texts:
            self.tokens += sum(1 for _ in tokenizer.encode(text))
            self.size += sum(1 + (c > "\x7f") + (c > "\u07ff") + (c > "\uffff") for c in text)
        return self.size / self.tokens


def digits_by_d(text, vocab_size):
    return BPETokenizer.train(text, vocab_size, pattern=GPT2_PATTERN.replace(r" ?\p{N}+", r"\d"))


def digits_left_out(text, vocab_size):
    """What no alternative takes is cut into single characters anyway."""
    return BPETokenizer.train(text, vocab_size, pattern=GPT2_PATTERN.replace(r"| ?\p{N}+", ""))


def digits_first(text, vocab_size):
    pattern = r"\p{N}|" + re.sub(r"\| \?\\p\{N\}\+", "", GPT2_PATTERN)
    return BPETokenizer.train([text], vocab_size, pattern=pattern)


def digits_by_hand(text, vocab_size):
    pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
    return BPETokenizer.train(text=text, vocab_size=vocab_size, pattern=pattern)


def digits_in_braces(text, vocab_size):
    parts = GPT2_PATTERN.split("|")
    at = next(i for i, part in enumerate(parts) if part.endswith("N}+"))
    parts[at] = r"\p{N}{1}"
    return BPETokenizer.train(text, vocab_size, pattern="|".join(parts))


digits_by_partial = functools.partial(
    BPETokenizer.train, pattern=regex.sub(r" \?\\p\{N\}\+", r"\\p{N}", GPT2_PATTERN)
)

OTHER_WAYS = {
    ex.utf8_bytes: (*(utf8_by_bits, utf8_by_strings, utf8_by_peeling, utf8_by_numpy, Utf8()),),
    ex.count_pairs: (
        *(count_with_a_loop, count_piece_by_piece, count_with_numpy, count_with_sets_of_places),
        *(count_by_folding, count_by_grouping, count_with_torch),
    ),
    ex.merge_pair: (
        *(merge_with_while, merge_with_skip, merge_as_text, merge_with_a_queue, merge_by_recursion),
        *(merge_in_a_copy, merge_by_pattern, Merger().join),
    ),
    ex.learn_merges: (
        *(learn_with_bytes, learn_with_word_counts, learn_with_the_package, learn_with_own_pieces),
        *(learn_with_a_heap, Trainer(), naive_bpe.learn_merges_naively),
    ),
    ex.encode_piece: (
        *(encode_rank_by_rank, encode_by_recursion, encode_one_place_at_a_time, encode_with_infinity),
        *(encode_with_a_heap, encode_backwards, encode_with_the_package),
    ),
    ex.decode_ids: (
        *(decode_with_plus, decode_with_bytearray, decode_with_stream, decode_with_a_file),
        *(decode_by_folding, decode_with_numbers, decode_after_trying),
    ),
    ex.bytes_per_token: (
        *(compression_of_one_text, compression_from_tokens, compression_with_loops, compression_by_map),
        *(compression_in_tensors, compression_by_weights, Compression().measure),
    ),
    ex.digit_tokenizer: (
        *(digits_by_d, digits_left_out, digits_first, digits_by_hand, digits_in_braces, digits_by_partial),
    ),
}
CASES = [(exercise, answer) for exercise, answers in OTHER_WAYS.items() for answer in answers]


def called(x):
    return getattr(x, "name", None) or getattr(x, "__name__", type(x).__name__)


@pytest.mark.parametrize(("exercise", "answer"), CASES, ids=called)
def test_other_right_ways_pass(exercise, answer):
    for seed in range(2):
        feedback = exercise.judge(answer, seed=seed)
        assert feedback.right, feedback


# Wrong answers ------------------------------------------------------------------------------------


def remembering(key, answer):
    """An answer that works something out once for each key, and gives the very same again."""
    memory = {}

    def remembered(*args):
        if key(*args) not in memory:
            memory[key(*args)] = answer(*args)
        return memory[key(*args)]

    return remembered


def only_few(row, changed):
    """The right answer, but for one row of the table."""
    right = ex.utf8_bytes.reference
    return lambda n: changed(n) if row[0] <= n <= row[1] else right(n)


def counts_kept(ids, counts={}):  # noqa: B006
    for pair in pairwise(ids):
        if -1 not in pair:
            counts[pair] = counts.get(pair, 0) + 1
    return counts


def count_and_take_away(ids):
    counts = Counter()
    while len(ids) > 1:
        if ids[0] != -1 != ids[1]:
            counts[ids[0], ids[1]] += 1
        del ids[0]
    return counts


def merge_by_identity(ids, pair, new_id):
    merged = []
    for id in ids:
        if merged and merged[-1] is pair[0] and id is pair[1]:
            merged[-1] = new_id
        else:
            merged.append(id)
    return merged


def merge_as_bytes(ids, pair, new_id):
    pieces = bytes(id % 256 for id in ids).split(bytes(id % 256 for id in pair))
    return [id for piece in pieces for id in (*piece, new_id)][:-1]


def merge_in_words(ids, pair, new_id):
    text = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new_id))
    return [int(word) for word in text.split()]


def merge_if_true(ids, pair, new_id):
    merged = [None]
    for id in ids:
        if merged[-1] and (merged[-1], id) == pair:
            merged[-1] = new_id
        else:
            merged.append(id)
    return merged[1:]


merge, learn, encode = ex.merge_pair.reference, ex.learn_merges.reference, ex.encode_piece.reference
decode, ratio = ex.decode_ids.reference, ex.bytes_per_token.reference


def learn_once_in_a_word(pieces, how_many):
    words, merges = [[bytes([b]) for b in piece] for piece in pieces], []
    while len(merges) < how_many:
        counts = Counter()
        for word in words:
            counts.update(set(pairwise(word)))
        if not counts:
            break
        merges.append(max(counts, key=counts.get))
        words = [naive_bpe.merge_pair(word, merges[-1], b"".join(merges[-1])) for word in words]
    return merges


def encode_below(sentinel):
    def answer(ids, merges):
        while len(ids) > 1:
            pair = min(pairwise(ids), key=lambda pair: merges.get(pair, sentinel))
            if merges.get(pair, sentinel) >= sentinel:
                break
            ids = merge(ids, pair, merges[pair])
        return list(ids)

    return answer


def encode_until_shorter(ids, merges):
    """A round in which the first pair is not there ends it."""
    for pair in sorted(merges, key=merges.get):
        joined = merge(ids, pair, merges[pair])
        if len(joined) == len(ids):
            break
        ids = joined
    return list(ids)


def with_pattern(old, new):
    return lambda text, size: BPETokenizer.train(text, size, pattern=GPT2_PATTERN.replace(old, new))


DIGITS = (r" ?\p{N}+", r"\p{N}")
tokenizer_of = with_pattern(*DIGITS)


def joined_at_most(most, ids, pair, new_id):
    """Joins as it should, but stops after so many."""
    result, i = [], 0
    while i < len(ids):
        joins = tuple(ids[i : i + 2]) == pair and most > 0
        result.append(new_id if joins else ids[i])
        i, most = i + 1 + joins, most - joins
    return result


WRONG = {
    ex.utf8_bytes: (
        lambda n: list(chr(n).encode("utf-16")),
        lambda n: list(chr(n).encode("utf-8-sig")),
        lambda n: list(chr(n).encode("latin-1", "replace")),
        lambda n: list(chr(n).encode("cp1252", "ignore")) if n < 256 else ex.utf8_bytes.reference(n),
        lambda n: [f"{byte:08b}" for byte in chr(n).encode()],
        lambda n: chr(n).encode(),
        lambda n: [int(byte, 16) for byte in chr(n).encode().hex(" ").split()] if n else [],
        lambda n: list(chr(n).lower().encode()),
        lambda n: list(unicodedata.normalize("NFC", chr(n)).encode()),
        lambda n: list(chr(n).strip().encode()),
        lambda n: [float(byte) for byte in chr(n).encode()],
        only_few((0x10000, 0x10FFFF), lambda n: [240, 128 + n // 4096, 128 + n // 64 % 64, 128 + n % 64]),
        only_few((0x40000, 0x10FFFF), lambda n: list(chr(n - 0x40000).encode())),
        only_few((0, 0), lambda n: []),
        remembering(lambda n: n // 64, ex.utf8_bytes.reference),
    ),
    ex.count_pairs: (
        counts_kept,
        count_and_take_away,
        lambda ids: {pair: n for pair, n in count_with_a_loop(ids).items() if n > 1},
        lambda ids: {pair: n for pair, n in count_with_a_loop(ids).items() if pair[0] != pair[1]},
        lambda ids: Counter(pair for pair in pairwise(ids) if min(pair) > 0),
        lambda ids: Counter(pair for pair in pairwise(ids) if sum(pair) > 0),
        lambda ids: Counter(pair for pair in pairwise(ids) if pair != (-1, -1)),
        lambda ids: count_with_a_loop([id % 256 if id >= 0 else id for id in ids]),
        lambda ids: count_with_a_loop(ids[:64]),
        lambda ids: count_with_a_loop(ids[:2000]),
        lambda ids: {pair: min(n, 127) for pair, n in count_with_a_loop(ids).items()},
        lambda ids: {pair: min(n, 255) for pair, n in count_with_a_loop(ids).items()},
        lambda ids: {pair: n % 256 for pair, n in count_with_a_loop(ids).items()},
        lambda ids: dict(list(count_with_a_loop(ids).items())[:1000]),
        lambda ids: count_with_a_loop(ids) if ids else None,
        lambda ids: {f"{a} {b}": n for (a, b), n in count_with_a_loop(ids).items()},
        lambda ids: {pair: float(n) for pair, n in count_with_a_loop(ids).items()},
        lambda ids: {**count_with_a_loop(ids), **{p: 0 for p in pairwise(ids) if -1 in p}},
        lambda ids: list(count_with_a_loop(ids).items()),
        lambda ids: Counter(zip(ids[::2], ids[1::2], strict=False)),
        remembering(len, count_with_a_loop),
    ),
    ex.merge_pair: (
        *(
            lambda ids, pair, new, most=most: joined_at_most(most, ids, pair, new)
            for most in (64, 100, 255, 1000)
        ),
        merge_by_identity,
        merge_as_bytes,
        merge_in_words,
        merge_if_true,
        lambda ids, pair, new_id: merge(ids, pair, new_id or 1),
        lambda ids, pair, new_id: merge(ids, tuple(sorted(pair)), new_id),
        lambda ids, pair, new_id: merge(ids, pair, 256 if new_id > 256 else new_id),
        lambda ids, pair, new_id: merge(ids, pair, new_id)[:64],
        lambda ids, pair, new_id: [id for id in merge(ids, pair, new_id) if id != -1],
        lambda ids, pair, new_id: merge(merge(ids, pair, new_id), (pair[0], new_id), new_id),
        lambda ids, pair, new_id: merge(ids, pair, (new_id,)),
        lambda ids, pair, new_id: (
            [id for id in ids if id not in pair] + [new_id] * (len(ids) - len(merge(ids, pair, 0)))
        ),
        lambda ids, pair, new_id: merge(ids, pair, new_id) if len(ids) > 1 else [],
        lambda ids, pair, new_id: "".join(map(chr, merge(ids, pair, new_id))) if -1 not in ids else ids,
        lambda ids, pair, new_id: merge(ids, pair, new_id) if -1 not in ids else list(ids),
        remembering(lambda ids, pair, new_id: tuple(ids), merge),
        remembering(lambda ids, pair, new_id: (tuple(ids), pair, new_id), merge),
    ),
    ex.learn_merges: (
        *(lambda pieces, n, most=most: ex.learn_merges.reference(pieces, min(n, most)) for most in (64, 100)),
        lambda pieces, n: ex.learn_merges.reference(pieces[:1000], n),
        lambda pieces, how_many: learn(pieces, min(how_many, 64)),
        lambda pieces, how_many: learn(pieces, how_many - 1),
        lambda pieces, how_many: learn(pieces, how_many + 1),
        lambda pieces, how_many: learn(pieces[:64], how_many),
        lambda pieces, how_many: learn([piece.strip() for piece in pieces], how_many),
        lambda pieces, how_many: learn([piece.lower() for piece in pieces], how_many),
        lambda pieces, how_many: learn([bytes(b for b in p if b < 128) for p in pieces], how_many),
        lambda pieces, how_many: learn([piece.replace(b"\0", b"") for piece in pieces], how_many),
        lambda pieces, how_many: learn([b" ".join(pieces)], how_many),
        learn_once_in_a_word,
        lambda pieces, how_many: learn([piece.decode("ascii").encode() for piece in pieces], how_many),
        lambda pieces, how_many: [tuple(half.decode() for half in pair) for pair in learn(pieces, how_many)],
        lambda pieces, how_many: learn(pieces, how_many)[::-1],
        lambda pieces, how_many: [pair[::-1] for pair in learn(pieces, how_many)],
        lambda pieces, how_many: learn(pieces, how_many) or None,
        lambda pieces, how_many: learn([pieces.pop() for _ in range(len(pieces))], how_many),
        lambda pieces, how_many: [pair for pair in learn(pieces, how_many) if len(b"".join(pair)) < 9],
        lambda pieces, how_many: (
            learn(pieces, how_many) if no_ties(pieces, how_many) else learn(pieces, how_many)[:1]
        ),
        remembering(lambda pieces, how_many: tuple(pieces), learn),
        remembering(lambda pieces, how_many: how_many, learn),
    ),
    ex.encode_piece: (
        lambda ids, merges: ex.encode_piece.reference(ids[:1000], merges) + ids[1000:],
        lambda ids, merges: ex.encode_piece.reference(ids, dict(list(merges.items())[:1000])),
        encode_below(10_000),
        encode_below(100_000),
        encode_until_shorter,
        lambda ids, merges: encode(ids[:64], merges),
        lambda ids, merges: encode([id for id in ids if id], merges),
        lambda ids, merges: encode(ids, {pair: id for pair, id in merges.items() if all(pair)}),
        lambda ids, merges: encode(ids, {pair: id for pair, id in merges.items() if pair[0] != pair[1]}),
        lambda ids, merges: encode(ids, dict(list(merges.items())[:64])),
        lambda ids, merges: encode(ids, {pair: 256 + i for i, pair in enumerate(merges)}),
        lambda ids, merges: encode(ids, {tuple(sorted(pair)): id for pair, id in merges.items()}),
        lambda ids, merges: encode(encode(ids[:4], merges) + ids[4:], merges),
        lambda ids, merges: encode(ids, merges) or None,
        lambda ids, merges: encode(ids, merges) if merges else [],
        lambda ids, merges: [(merges.pop(pair), ids)[1] for pair in list(merges)[:1]] and encode(ids, merges),
        lambda ids, merges: sorted(encode(ids, merges)),
        lambda ids, merges: "".join(map(str, encode(ids, merges))),
        remembering(lambda ids, merges: tuple(ids), encode),
        remembering(lambda ids, merges: len(ids), encode),
    ),
    ex.decode_ids: (
        lambda ids, vocabulary: ex.decode_ids.reference(ids, vocabulary).replace("\x00", ""),
        lambda ids, vocabulary: re.sub(r"[\x01-\x08\x7f]", "", ex.decode_ids.reference(ids, vocabulary)),
        lambda ids, vocabulary: ex.decode_ids.reference(ids[:1000], vocabulary),
        lambda ids, vocabulary: decode(ids, vocabulary).rstrip(),
        lambda ids, vocabulary: " ".join(decode(ids, vocabulary).split(" ")[:9]),
        lambda ids, vocabulary: "\n".join(decode(ids, vocabulary).splitlines()),
        lambda ids, vocabulary: decode(ids, vocabulary).replace("\r\n", "\n"),
        lambda ids, vocabulary: decode(ids, vocabulary).replace("�", "?"),
        lambda ids, vocabulary: re.sub("�+", "�", decode(ids, vocabulary)),
        lambda ids, vocabulary: decode(ids, vocabulary).lower(),
        lambda ids, vocabulary: unicodedata.normalize("NFC", decode(ids, vocabulary)),
        lambda ids, vocabulary: b"".join(vocabulary[id] for id in ids).decode("utf-8-sig", "replace"),
        lambda ids, vocabulary: b"".join(vocabulary[id] for id in ids).decode("utf-8", "backslashreplace"),
        lambda ids, vocabulary: b"".join(vocabulary[id] for id in ids).decode("cp1252", "replace"),
        lambda ids, vocabulary: decode([id for id in ids if id], vocabulary),
        lambda ids, vocabulary: decode(list(dict.fromkeys(ids)), vocabulary),
        lambda ids, vocabulary: decode([id % 256 for id in ids], vocabulary),
        lambda ids, vocabulary: decode(ids[:64], vocabulary),
        lambda ids, vocabulary: decode(ids, vocabulary) or None,
        lambda ids, vocabulary: decode(ids, [token for token in vocabulary if token]),
        lambda ids, vocabulary: list(decode(ids, vocabulary)),
        lambda ids, vocabulary: BPETokenizer([]).decode([id for id in ids if id < 256]),
        remembering(lambda ids, vocabulary: tuple(ids), decode),
    ),
    ex.bytes_per_token: (
        lambda texts, tokenizer: ratio(texts[:1000], tokenizer),
        lambda texts, tokenizer: ratio([text[:1000] for text in texts], tokenizer),
        lambda texts, tokenizer: ratio([text.strip() or "a" for text in texts], tokenizer),
        lambda texts, tokenizer: ratio([text.lower() for text in texts], tokenizer),
        lambda texts, tokenizer: ratio([" ".join(text.split()) or "a" for text in texts], tokenizer),
        lambda texts, tokenizer: ratio(list(dict.fromkeys(texts)), tokenizer),
        lambda texts, tokenizer: ratio(texts[:8], tokenizer),
        lambda texts, tokenizer: ratio(
            [text.replace("<|endoftext|>", "") or "a" for text in texts], tokenizer
        ),
        lambda texts, tokenizer: ratio(texts[:64], tokenizer),
        lambda texts, tokenizer: ratio(texts, BPETokenizer([])),
        lambda texts, tokenizer: round(ratio(texts, tokenizer), 1),
        lambda texts, tokenizer: max(ratio([text], tokenizer) for text in texts if text),
        lambda texts, tokenizer: float(np.median([ratio([text], tokenizer) for text in texts if text])),
        lambda texts, tokenizer: (
            sum(3 if c > "\x7f" else 1 for t in texts for c in t) / tokens_in(texts, tokenizer)
        ),
        lambda texts, tokenizer: sum(len(t.encode("utf-16-le")) for t in texts) / tokens_in(texts, tokenizer),
        lambda texts, tokenizer: (
            sum(len(t.encode()) for t in texts) / sum(len(t.split()) or 1 for t in texts)
        ),
        lambda texts, tokenizer: sum(len(t.encode()) for t in texts) / len(texts),
        lambda texts, tokenizer: ratio([texts.pop() for _ in range(len(texts))], tokenizer),
        lambda texts, tokenizer: (ratio(texts, tokenizer), len(texts)),
        remembering(lambda texts, tokenizer: tuple(texts), ratio),
    ),
    ex.digit_tokenizer: (
        lambda text, size: tokenizer_of(text[:1000], size),
        lambda text, size: tokenizer_of(text, min(size, 512)),
        with_pattern(r" ?\p{N}+", r" ?[0-9]"),
        with_pattern(r" ?\p{N}+", r"\p{N}{1,2}"),
        with_pattern(r" ?\p{N}+", r"\p{N}\p{N}?"),
        with_pattern(r" ?\p{N}+", r"\s?\p{N}"),
        with_pattern(r" ?", r""),
        with_pattern(r"| ?\p{N}+| ?[^\s\p{L}\p{N}]+", r"| ?[^\s\p{L}]+"),
        with_pattern(r"\p{N}", r"\d"),
        lambda text, size: tokenizer_of(text.lower(), size),
        lambda text, size: tokenizer_of(text.strip(), size),
        lambda text, size: tokenizer_of(" ".join(text.split()), size),
        lambda text, size: tokenizer_of(text, 300),
        lambda text, size: tokenizer_of(text, max(size - 1, 257)),
        lambda text, size: tokenizer_of(text[:64], size),
        lambda text, size: tokenizer_of(re.sub(r"\d", "", text), size),
        lambda text, size: tokenizer_of(text.split(), size),
        lambda text, size: BPETokenizer([], pattern=GPT2_PATTERN.replace(*DIGITS)),
        lambda text, size: tokenizer_of(text, size).encode(text),
        remembering(lambda text, size: size, tokenizer_of),
        remembering(lambda text, size: text, tokenizer_of),
    ),
}


def tokens_in(texts, tokenizer):
    return sum(len(tokenizer.encode(text)) for text in texts)


def line_of(x):
    return getattr(x, "name", None) or f"{x.__name__}-{x.__code__.co_firstlineno}"


@pytest.mark.parametrize(("exercise", "answer"), [(e, a) for e in WRONG for a in WRONG[e]], ids=line_of)
def test_wrong_answers_are_refused(exercise, answer):
    feedback = exercise.judge(answer, seed=0)
    assert feedback.state in (State.WRONG, State.CRASHED), feedback


def encode_leftmost_place(ids, merges):
    ids, i = list(ids), 0
    while i < len(ids) - 1:
        pair = ids[i], ids[i + 1]
        if pair in merges:
            ids[i : i + 2] = [merges[pair]]
        i = 0 if pair in merges else i + 1
    return ids


def compression_of_texts_that_say_something(texts, tokenizer):
    ratios = [len(text.encode()) / len(tokenizer.encode(text)) for text in texts if text]
    return sum(ratios) / len(ratios)


def digits_in_front(text, vocab_size):
    return BPETokenizer.train(text, vocab_size, pattern=r"\p{N}|" + GPT2_PATTERN)


NAMED = (
    (ex.encode_piece, encode_leftmost_place, "the leftmost known pair is joined first"),
    (
        ex.bytes_per_token,
        compression_of_texts_that_say_something,
        "it is the mean of each text's ratio",
    ),
    (ex.digit_tokenizer, digits_in_front, "the old alternative for digits is still there"),
)


@pytest.mark.parametrize(("exercise", "answer", "name"), NAMED, ids=called)
def test_mistakes_are_named_in_other_spellings(exercise, answer, name):
    for seed in range(3):
        assert exercise.judge(answer, seed=seed).mistake == name


@pytest.mark.parametrize(
    "answer", [utf8_by_python, lambda code_point: [*bytearray(chr(code_point), "utf-8")]], ids=line_of
)
def test_utf8_by_python_is_right_but_not_by_hand(answer):
    feedback = ex.utf8_bytes.judge(answer)
    assert feedback.state is State.OTHERWISE and "by hand" in feedback.message


def test_no_mistake_is_named_for_nonsense():
    for exercise in OTHER_WAYS:
        feedback = exercise.judge(lambda *args: {"x": object()})
        assert feedback.state in (State.WRONG, State.CRASHED) and feedback.mistake is None


def test_pieces_of_the_gpt_are_the_build_exercises():
    kinds = {exercise.name: exercise.kind for exercise in OTHER_WAYS}
    built = [name for name, kind in kinds.items() if kind == "build"]
    assert built == ["count_pairs", "merge_pair", "learn_merges", "encode_piece", "decode_ids"]
