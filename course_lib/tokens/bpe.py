"""Byte-pair encoding itself: learning merges from counted pieces of text, and applying them to one piece.

`course_lib.tokens` builds its tokenizer on these functions. They know bytes, ids and ranks; they do not know
how text is cut into pieces, what a special token is, or how a tokenizer is saved.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

from course_lib.arguments import check_instance, whole

WALL = -1  # stands between two pieces and in place of a swallowed symbol; no pair reaches across it
LONG = 24  # pieces of more symbols than this are merged with a heap; below, plain scanning is as fast


def byte_alphabet() -> dict[int, str]:
    """The visible character that GPT-2's files write for each of the 256 bytes, in the order of GPT-2's first
    256 ids.

    A byte that is a visible Latin-1 character stands for itself; the others (spaces, control characters, the
    soft hyphen) borrow the characters from U+0100 on, so that no token in a file looks empty or breaks a
    line.

    Source: Radford et al. 2019, section 2.2 (byte-level BPE); the table itself is a convention of GPT-2's
    files.

    >>> alphabet = byte_alphabet()
    >>> [alphabet[byte] for byte in "é A".encode()]
    ['Ã', '©', 'Ġ', 'A']
    >>> list(alphabet)[:3], list(alphabet)[-1]
    ([33, 34, 35], 173)
    """
    visible = [byte for byte in range(256) if chr(byte).isprintable() and byte != ord(" ")]
    hidden = [byte for byte in range(256) if byte not in visible]
    return {byte: chr(byte) for byte in visible} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}


def learn_merges(pieces: Mapping[bytes, int], how_many: int) -> list[tuple[bytes, bytes]]:
    """The merges that byte-pair encoding learns from counted pieces: join the commonest pair, and again.

    A tie goes to the lexicographically greater pair of byte strings, so the result depends on nothing but the
    counts. The list is shorter than `how_many` when every piece has become one symbol.

    Nothing is counted twice: a merge visits only the places where its pair stands and corrects the counts of
    the neighbours. As each visit removes one symbol, the whole training costs about as many visits as there
    are bytes.

    Source: Sennrich et al. 2016, algorithm 1 (arXiv:1508.07909).

    >>> learn_merges({b"hug": 10, b"pug": 5, b"pun": 12, b"bun": 4, b"hugs": 5}, 3)
    [(b'u', b'g'), (b'u', b'n'), (b'h', b'ug')]
    """
    text, how_many = _CountedText(pieces), whole("learn_merges", "how_many", how_many, least=0)
    tokens = [bytes([byte]) for byte in range(256)]  # while learning, a byte's id is the byte itself
    order = [_descending(token) for token in tokens]
    heap = [(-count, order[a], order[b], a, b) for (a, b), count in text.counts.items()]
    heapq.heapify(heap)
    merges = []
    while heap and len(merges) < how_many:
        noted, _, _, a, b = heapq.heappop(heap)
        count = text.counts.get((a, b), 0)
        if count == -noted:
            merges.append((tokens[a], tokens[b]))
            tokens.append(tokens[a] + tokens[b])
            order.append(_descending(tokens[-1]))
            changed = text.merge(a, b, len(tokens) - 1)
        else:  # its count has fallen since it was noted, so it goes back where it belongs now
            changed = [(a, b)] if count else []
        for left, right in changed:
            heapq.heappush(heap, (-text.counts[left, right], order[left], order[right], left, right))
    return merges


def _descending(token: bytes) -> str:
    """A string that sorts the other way round than the token: Python's heap gives the smallest, a tie wants
    the greatest.

    >>> sorted([b"a", b"ab", b"b"], key=_descending)
    [b'b', b'ab', b'a']
    """
    end = chr(256)  # sorts last, so of b"a" and b"ab" the longer wins
    return "".join(chr(255 - byte) for byte in token) + end


class _CountedText:
    """All pieces laid end to end as one linked list, with how often each pair occurs and where it stands."""

    def __init__(self, pieces: Mapping[bytes, int]):
        check_instance("learn_merges", "pieces", pieces, Mapping, "a dict such as {b'hug': 10}")
        for piece, count in pieces.items():
            check_instance("learn_merges", "pieces", piece, bytes, "a dict of pieces as bytes, {b'hug': 10}")
            whole("learn_merges", "a count in pieces", count, least=0)
        self.symbol = [WALL]
        self.weight = [0]
        for piece, count in pieces.items():
            self.symbol.extend([*piece, WALL])
            self.weight.extend([count] * (len(piece) + 1))
        self.after = list(range(1, len(self.symbol) + 1))
        self.before = list(range(-1, len(self.symbol) - 1))
        self.counts: dict[tuple[int, int], int] = defaultdict(int)
        self.places: dict[tuple[int, int], list[int]] = defaultdict(list)  # left to right, like a reader
        for place, pair in enumerate(pairwise(self.symbol)):
            if WALL not in pair:
                self.counts[pair] += self.weight[place]
                self.places[pair].append(place)

    def merge(self, a: int, b: int, new: int) -> set[tuple[int, int]]:
        """Joins every `a b` into `new`, and returns the pairs that this brought into the world."""
        symbol, after, before, counts, places = self.symbol, self.after, self.before, self.counts, self.places
        born = set()
        for i in places.pop((a, b)):
            j = after[i]
            if symbol[i] != a or symbol[j] != b:
                continue  # an earlier merge took one of the two, as in the middle of 'aaa'
            h, k, weight = before[i], after[j], self.weight[i]
            left, right = symbol[h], symbol[k]
            if left != WALL:
                counts[left, a] -= weight
                counts[left, new] += weight
                places[left, new].append(h)
                born.add((left, new))
            if right != WALL:
                counts[b, right] -= weight
                counts[new, right] += weight
                places[new, right].append(i)
                born.add((new, right))
            symbol[i], symbol[j] = new, WALL
            after[i], before[k] = k, i
        del counts[a, b]
        return {pair for pair in born if counts[pair]}


def merge_by_scanning(ids: list[int], ranks: Mapping[tuple[int, int], int], results: list[int]) -> list[int]:
    """Applies merges to one piece: join the leftmost pair of the lowest rank, until no known pair is left.

    `ranks` numbers the pairs in the order they were learned, and `results[rank]` is the id a pair becomes.
    The time grows with the square of the length; `merge_with_heap` gives the same ids for long pieces.

    >>> merge_by_scanning([7, 5, 5, 5], ranks={(5, 5): 0, (7, 8): 1}, results=[8, 9])
    [9, 5]
    """
    ids, unknown = list(ids), len(results)
    found = [ranks.get(pair, unknown) for pair in pairwise(ids)]  # the rank of the pair that begins there
    while found and (best := min(found)) != unknown:
        i = found.index(best)
        ids[i : i + 2] = [results[best]]
        del found[i]
        if i > 0:
            found[i - 1] = ranks.get((ids[i - 1], ids[i]), unknown)
        if i < len(found):
            found[i] = ranks.get((ids[i], ids[i + 1]), unknown)
    return ids


def merge_with_heap(ids: list[int], ranks: Mapping[tuple[int, int], int], results: list[int]) -> list[int]:
    """The same as `merge_by_scanning`, in a time that hardly grows faster than the length.

    A heap holds every known pair by rank and place; a linked list closes the gap that a merge leaves.

    >>> merge_with_heap([7, 5, 5, 5], ranks={(5, 5): 0, (7, 8): 1}, results=[8, 9])
    [9, 5]
    """
    ids = [*ids, WALL]
    end = len(ids) - 1
    after, before = list(range(1, end + 2)), list(range(-1, end))
    heap = [(ranks[pair], i) for i, pair in enumerate(pairwise(ids)) if pair in ranks]
    heapq.heapify(heap)
    while heap:
        rank, i = heapq.heappop(heap)
        j = after[i]
        if ranks.get((ids[i], ids[j])) != rank:  # a merge has changed this pair since it was noted
            continue
        h, k = before[i], after[j]
        ids[i], ids[j] = results[rank], WALL
        after[i], before[k] = k, i
        if h >= 0 and (rank := ranks.get((ids[h], ids[i]))) is not None:
            heapq.heappush(heap, (rank, h))
        if (rank := ranks.get((ids[i], ids[k]))) is not None:
            heapq.heappush(heap, (rank, i))
    return [id for id in ids if id != WALL]
