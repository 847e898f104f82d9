"""Byte-pair encoding as a first course writes it: count all pairs, join the commonest, and again.

Nothing here is clever, so that it can be stepped through and checked by hand. `course_lib.tokens.bpe` learns
the same merges and `BPETokenizer` gives the same ids much faster; both are tested and measured against these
functions, which do not know how text is cut into pieces.

Source: Gage 1994 (the idea, to compress data); Sennrich, Haddow and Birch 2016, section 3.2
(arXiv:1508.07909).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from course_lib.arguments import check_instance, many, shown, whole
from course_lib.tokens.bpe import WALL, byte_alphabet


def count_pairs(ids: Iterable[int]) -> Counter[tuple[int, int]]:
    """How often each pair of neighbours occurs; a `WALL` (-1) ends a piece and is nobody's neighbour.

    >>> count_pairs([5, 7, 5, 7, WALL, 7, 5])
    Counter({(5, 7): 2, (7, 5): 2})
    """
    return Counter(pair for pair in pairwise(ids) if WALL not in pair)


def merge_pair(ids: Iterable[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """The ids with every `pair` replaced, from left to right, by `new_id`, which must not be in the pair.

    >>> merge_pair([5, 7, 7, 7, 5], (7, 7), 8)
    [5, 8, 7, 5]
    """
    merged: list[int] = []
    for id in ids:
        if merged and (merged[-1], id) == pair:
            merged[-1] = new_id
        else:
            merged.append(id)
    return merged


def learn_merges_naively(pieces: Iterable[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    """The merges that `course_lib.tokens.bpe.learn_merges` learns, from all pieces of a text, one after
    another.

    Each merge reads the whole text twice: once to count its pairs, once to join the commonest. A tie goes to
    the lexicographically greater pair of byte strings.

    Source: Sennrich et al. 2016, algorithm 1 (arXiv:1508.07909).

    >>> learn_merges_naively([b"hug", b" pug", b" hugs"], 2)
    [(b'u', b'g'), (b'h', b'ug')]
    """
    how_many = whole("learn_merges_naively", "how_many", how_many, least=0)
    pieces = all_bytes("learn_merges_naively", pieces)
    ids = [id for piece in pieces for id in (*piece, WALL)]  # while learning, a byte's id is the byte itself
    tokens = [bytes([byte]) for byte in range(256)]
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < how_many and (counts := count_pairs(ids)):
        a, b = max(counts, key=lambda pair: (counts[pair], tokens[pair[0]], tokens[pair[1]]))
        ids = merge_pair(ids, (a, b), new_id=len(tokens))
        merges.append((tokens[a], tokens[b]))
        tokens.append(tokens[a] + tokens[b])
    return merges


def encode_naively(pieces: Iterable[bytes], merges: Sequence[tuple[bytes, bytes]]) -> list[int]:
    """The ids that `BPETokenizer(merges)` gives pieces: join the pair that was learned first, and again.

    Each piece is worked out anew, even if the same one has just been there.

    >>> encode_naively([b"!", b"hugs"], merges=[(b"u", b"g"), (b"h", b"ug")])  # "!" has GPT-2's id 0
    [0, 257, 82]
    """
    merges = [checked_pair(pair) for pair in many("encode_naively", "merges", merges, "pairs of tokens")]
    tokens = [bytes([byte]) for byte in byte_alphabet()] + [left + right for left, right in merges]
    id_of = {token: id for id, token in enumerate(tokens)}
    made = {(id_of[left], id_of[right]): id_of[left + right] for left, right in merges}
    result: list[int] = []
    for piece in all_bytes("encode_naively", pieces):
        ids = [id_of[bytes([byte])] for byte in piece]
        while len(ids) > 1:
            pair = min(pairwise(ids), key=lambda pair: made.get(pair, len(tokens)))
            if pair not in made:
                break
            ids = merge_pair(ids, pair, made[pair])
        result += ids
    return result


# What came, looked at ------------------------------------------------------------------------------------


def checked_pair(pair: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A pair as a tuple, which a list never equals.

    >>> checked_pair([b"h", b"u"])
    (b'h', b'u')
    """
    found = tuple(pair) if isinstance(pair, tuple | list) else ()
    if len(found) != 2:
        raise ValueError(f"Got the pair {shown(pair)}; needed two ids, or two tokens, such as (5, 7).")
    return found


def all_bytes(owner: str, pieces: Iterable[bytes]) -> list[bytes]:
    """Pieces of text as a list, each of them bytes.

    >>> all_bytes("encode_naively", [b"hug"])
    [b'hug']
    """
    found = many(owner, "pieces", pieces, "pieces as bytes, [b'hug']")
    for piece in found:
        check_instance(owner, "pieces", piece, bytes, "a list of pieces as bytes, [b'hug']")
    return found
