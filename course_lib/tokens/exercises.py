"""Exercises and quiz of notebook 01: bytes, byte-pair encoding step by step, and what a vocabulary costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise

from course_lib.exercises import (
    Case,
    Draw,
    Exercise,
    Forbidden,
    Mistake,
    Option,
    Property,
    Question,
    Quiz,
)
from course_lib.tokens import naive_bpe
from course_lib.tokens.bpe import WALL
from course_lib.tokens.tokenizers import GPT2_PATTERN, BPETokenizer

# UTF-8 by hand ----------------------------------------------------------------------------------------------


def _utf8_bytes(code_point: int) -> list[int]:
    """The bytes, as numbers, in which UTF-8 writes a code point."""
    last = 128 + code_point % 64
    second_last = 128 + code_point // 64 % 64
    third_last = 128 + code_point // 4096 % 64
    if code_point < 128:
        return [code_point]
    if code_point < 2048:
        return [192 + code_point // 64, last]
    if code_point < 65536:
        return [224 + code_point // 4096, second_last, last]
    return [240 + code_point // 262144, third_last, second_last, last]


def _no_marks_behind(code_point: int) -> list[int]:
    right = _utf8_bytes(code_point)
    return [right[0], *(byte - 128 for byte in right[1:])]


def _no_mark_in_front(code_point: int) -> list[int]:
    right = _utf8_bytes(code_point)
    mark = {1: 0, 2: 192, 3: 224, 4: 240}[len(right)]
    return [right[0] - mark, *right[1:]]


def _three_at_most(code_point: int) -> list[int]:
    if code_point < 0x10000:
        return _utf8_bytes(code_point)
    return [224 + code_point // 4096, 128 + code_point // 64 % 64, 128 + code_point % 64]


def _ascii_too_long(code_point: int) -> list[int]:
    return [code_point] if code_point < 256 else _utf8_bytes(code_point)


def _in_so_many_bytes(code_point: int, count: int) -> list[int]:
    following = [128 + code_point // 64**n % 64 for n in reversed(range(count - 1))]
    return [(0, 192, 224, 240)[count - 1] + code_point // 64 ** (count - 1), *following]


def _one_row_too_early(*limits: int) -> Callable[[int], list[int]]:
    """An answer that says `<=` in place of `<` at some of the table's limits."""

    def answer(code_point: int) -> list[int]:
        rows = (128, 2048, 65536)
        count = 1 + sum(code_point > n if n in limits else code_point >= n for n in rows)
        return _in_so_many_bytes(code_point, count)

    return answer


def _not_cut_off(code_point: int) -> list[int]:
    right = _utf8_bytes(code_point)
    middle = [128 + code_point // 64**n for n in reversed(range(1, len(right) - 1))]
    return [right[0], *middle, right[-1]] if middle else right


def _any_code_point(draw: Draw) -> Case | None:
    """At the ends of a row of the table, or anywhere in it; half of a pair (UTF-16's) is no character."""
    row = draw.choose(((0, 127), (128, 2047), (2048, 65535), (65536, 0x10FFFF)))
    code_point = draw.integer(*row)
    return None if 0xD800 <= code_point < 0xE000 else Case(code_point)


utf8_bytes = Exercise(
    name="utf8_bytes",
    topic="tokens",
    title="UTF-8 by hand",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_utf8_bytes,
    cases=tuple(
        Case(int(hexadecimal, 16))
        for hexadecimal in (
            "41 0 A 20 7F 80 85 E9 7FF 800 FFF 1000 212B 3000 7231 D7FF E000 FFFF 10000 1FA81 3FFFF "
            "40000 C0000 10FFFF".split()
        )
    ),
    fresh=_any_code_point,
    forbidden=(
        Forbidden(
            in_code=("encode", "chr"),
            why="Python can do it, of course. Here it is to be done by hand: with `//`, `%` and the marks.",
        ),
    ),
    hints=(
        "Decide by the size of the number how many bytes there are: the table has one row for each length. "
        "Below 128 the byte is the number itself.",
        "`n % 64` is the lowest six bits, and `n // 64` is what is left above them. A byte that continues a "
        "character is `128 +` six bits.",
        "For two bytes: `[192 + n // 64, 128 + n % 64]`. For three, the first is `224 + n // 4096`, the "
        "middle one `128 + n // 64 % 64`. For four it starts with 240.",
    ),
    explanation=(
        "The number is cut into groups of six bits from its low end. Each group becomes a byte with `10` in "
        "front (that is `128 +`), and what is left goes into the first byte, whose own first bits tell how "
        "many bytes belong together: `110` (192) for two, `1110` (224) for three, `11110` (240) for four.\n\n"
        "So a reader who lands in the middle of a text can always tell whether a byte begins a character. It "
        "is also why half a character is never mistaken for another one: it is simply not valid."
    ),
    mistakes=(
        Mistake(
            "the bytes that continue a character lack their mark",
            _no_marks_behind,
            "Every byte after the first begins with the bits `10`: it is `128 +` six bits of the number.",
        ),
        Mistake(
            "the first byte does not say how many bytes follow",
            _no_mark_in_front,
            "The first byte begins with `110`, `1110` or `11110`: add 192, 224 or 240 to the bits that are "
            "left for it.",
        ),
        Mistake(
            "the low bits come first",
            lambda code_point: _utf8_bytes(code_point)[::-1],
            "The byte with the highest bits comes first. Who cuts groups off the low end has to put each new "
            "one in front.",
        ),
        Mistake(
            "four bytes are forgotten",
            _three_at_most,
            "From 65,536 on a number no longer fits into three bytes; emoji and rare Chinese characters "
            "live there. They take four, and the first one starts from 240.",
        ),
        Mistake(
            "numbers from 128 to 255 are written as one byte",
            _ascii_too_long,
            "A single byte has only seven bits for the number: its first bit is 0, which says that nothing "
            "follows. From 128 on there are two bytes, as in é.",
        ),
        *(
            Mistake(
                "a border of the table belongs to the wrong row",
                _one_row_too_early(*limits),
                "*Below* 128 there is one byte, so 128 itself has two already, and 2,048 and 65,536 likewise "
                "begin a row: compare with `<`, not with `<=`.",
            )
            for limits in ((128, 2048, 65536), (128,), (2048,), (65536,))
        ),
        Mistake(
            "what stands above a group of six bits is not cut off",
            _not_cut_off,
            "`// 64` drops the lowest six bits, but everything above is still there. A group in the middle "
            "needs both: `// 64 % 64`.",
        ),
        Mistake(
            "it is the code point itself",
            lambda code_point: [code_point],
            "A byte holds at most 255, and most code points are larger. The table says how the bits are "
            "spread over several bytes.",
        ),
        Mistake(
            "the number is cut into groups of eight bits",
            lambda code_point: list(code_point.to_bytes((code_point.bit_length() + 7) // 8, "big")),
            "Those are the bytes of the number, and nobody could tell where a character begins. UTF-8 uses "
            "some bits of every byte for that, so that only six are left (or fewer, in the first byte).",
        ),
    ),
)


# Count pairs ------------------------------------------------------------------------------------------------


def _numbers(numbers: Iterable[int]) -> list[int]:
    """The same numbers as objects of their own, as in any long text: two of them are equal, but not `is`."""
    return [int(str(number)) for number in numbers]


def _row(draw: Draw, low: int = 0, high: int = 14) -> tuple[list[int], list[int]]:
    """Ids with walls between them, and the few different ids that there may be."""
    vocab = draw.choose((3, 6, 256, 300, 70_000))
    few = [draw.id(vocab) for _ in range(draw.integer(1, 3))]
    ids = draw.list(lambda: draw.choose([*few, *few, WALL]), low, high)
    return ids, few


def _over_walls(ids: list[int]) -> dict:
    return dict(Counter(pairwise(ids)))


def _walls_taken_out(ids: list[int]) -> dict:
    return dict(Counter(pairwise(id for id in ids if id != WALL)))


def _either_order(ids: list[int]) -> dict:
    return dict(Counter(tuple(sorted(pair)) for pair in pairwise(ids) if WALL not in pair))


def _every_second(ids: list[int]) -> dict:
    pairs = list(pairwise(ids))[::2]
    return dict(Counter(pair for pair in pairs if WALL not in pair))


def _once_each(ids: list[int]) -> dict:
    return {pair: 1 for pair in naive_bpe.count_pairs(ids)}


def _past_the_end(ids: list[int]) -> dict:
    counts: dict = {}
    for i in range(len(ids)):
        pair = ids[i], ids[i + 1]
        if WALL not in pair:
            counts[pair] = counts.get(pair, 0) + 1
    return counts


def _past_the_end_but_for_walls(ids: list[int]) -> dict:
    counts: dict = {}
    for i in range(len(ids)):
        if ids[i] != WALL and ids[i + 1] != WALL:
            counts[ids[i], ids[i + 1]] = counts.get((ids[i], ids[i + 1]), 0) + 1
    return counts


def _as_if_joined(ids: list[int]) -> dict:
    """Of `1, 1, 1` only one pair is counted."""
    counts: dict = {}
    i = 0
    while i < len(ids) - 1:
        pair = ids[i], ids[i + 1]
        if WALL not in pair:
            counts[pair] = counts.get(pair, 0) + 1
        i += 2 if pair[0] == pair[1] == (ids[i + 2] if i + 2 < len(ids) else None) else 1
    return counts


def _last_pair_left_out(ids: list[int]) -> dict:
    return dict(Counter(pair for pair in list(pairwise(ids))[:-1] if WALL not in pair))


def _first_find_only(ids: list[int]) -> dict:
    return next(({pair: 1} for pair in pairwise(ids) if WALL not in pair), {})


def _round_the_corner(ids: list[int]) -> dict:
    return dict(Counter(pair for pair in zip(ids[-1:] + ids[:-1], ids, strict=True) if WALL not in pair))


def _up_to_the_first_wall(ids: list[int]) -> dict:
    return dict(Counter(pairwise(ids[: ids.index(WALL)] if WALL in ids else ids)))


def _without_zero(ids: list[int]) -> dict:
    return dict(Counter((a, b) for a, b in pairwise(ids) if a and b and WALL not in (a, b)))


def _only_one_is_asked(place: int) -> Callable[[list[int]], dict]:
    return lambda ids: dict(Counter(pair for pair in pairwise(ids) if pair[place] != WALL))


count_pairs = Exercise(
    name="count_pairs",
    topic="tokens",
    title="Count the neighbours",
    difficulty="easy",
    minutes=6,
    reference=naive_bpe.count_pairs,
    cases=(
        Case([5, 7, 5, 7, WALL, 7, 5]),
        Case([1, 1, 1]),
        Case([2, 3, WALL, 3, 2, WALL, 2, 3]),
        Case([]),
        Case([4]),
        Case([WALL, 6, WALL]),
        Case([9, 8, 7, 9, 8, WALL, 9, 8, 8, 8, WALL]),
        Case([0, 0, WALL, WALL, 0, 3, 0]),
        Case([WALL]),
        Case([300, 44, 300, 44, WALL, 44, 300, 0, 70_000]),
        Case([97, 32, 97] * 110 + [WALL, 98, 32, 99]),
        Case([97, 32] * 1050 + [WALL, *range(1100)]),  # often, and many different ones
    ),
    fresh=lambda draw: Case(_row(draw)[0]),
    hints=(
        "A pair is `(ids[i], ids[i + 1])`. Walk along the list, and count what you see in a dictionary.",
        "Stop one place before the end: `range(len(ids) - 1)`. Skip a pair if one of the two is -1.",
        "`zip(ids, ids[1:])` gives all pairs of neighbours; `counts[pair] = counts.get(pair, 0) + 1` counts.",
    ),
    explanation=(
        "Every place but the last begins a pair. A wall stands between two pieces of text, so a pair with a "
        "wall in it is no pair of neighbours.\n\n"
        "Pairs overlap: in `[1, 1, 1]` the pair `(1, 1)` is counted twice, although only one of the two can "
        "be joined. Byte-pair encoding lives with that small inexactness."
    ),
    mistakes=(
        Mistake(
            "the wall is counted as a neighbour",
            _over_walls,
            "-1 marks the border between two pieces of text. Leave out every pair in which it stands.",
        ),
        Mistake(
            "the walls are taken out first",
            _walls_taken_out,
            "Then the last id of one piece and the first of the next become neighbours, which they are not: "
            "keep the walls in, and skip the pairs that hold one.",
        ),
        Mistake(
            "(5, 7) and (7, 5) are counted as the same",
            _either_order,
            "Order matters: `th` is common in English, `ht` is not.",
        ),
        Mistake(
            "only every second pair is looked at",
            _every_second,
            "Pairs overlap: in `[5, 7, 5]` there are `(5, 7)` and `(7, 5)`. Move on by one place.",
        ),
        Mistake(
            "every pair is counted once",
            _once_each,
            "The question is how often each pair occurs: add 1 to what was counted before.",
        ),
        *(
            Mistake(
                "only one of the two is asked whether it is a wall",
                _only_one_is_asked(place),
                "A wall can be the left one of a pair or the right one. Neither kind counts.",
            )
            for place in (0, 1)
        ),
        *(
            Mistake(
                "it looks past the end of the list",
                answer,
                "The last id has no neighbour to its right, so there is no `ids[i + 1]`. Stop one place "
                "earlier: `range(len(ids) - 1)`.",
            )
            for answer in (_past_the_end, _past_the_end_but_for_walls)
        ),
        Mistake(
            "the last pair is left out",
            _last_pair_left_out,
            "The last id but one has a neighbour to its right as well: walk with `range(len(ids) - 1)`.",
        ),
        Mistake(
            "equal ids in a row are counted as if they were joined",
            _as_if_joined,
            "Pairs overlap, also where all ids are the same: in `[1, 1, 1]` the pair `(1, 1)` stands twice.",
        ),
        Mistake(
            "the last id is the neighbour of the first",
            _round_the_corner,
            "`ids[i - 1]` is the *last* id if `i` is 0. The first one has no neighbour to its left.",
        ),
        Mistake(
            "it stops at the first wall",
            _up_to_the_first_wall,
            "After a wall the next piece begins: skip the pair, and go on.",
        ),
        Mistake(
            "the id 0 is taken for nothing",
            _without_zero,
            "0 is an id like any other, but counts as false after `if`. Ask for what you mean: `!= -1`.",
        ),
        Mistake(
            "it gives a result after the first pair",
            _first_find_only,
            "A `return` inside the loop ends it. Move it to the left, behind the loop.",
        ),
        Mistake(
            "single ids are counted",
            lambda ids: dict(Counter(id for id in ids if id != WALL)),
            "Count pairs of neighbours: the keys are `(left, right)`.",
        ),
    ),
)


# Merge a pair -----------------------------------------------------------------------------------------------


def _only_the_first(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    for i, found in enumerate(pairwise(ids)):
        if found == pair:
            return [*ids[:i], new_id, *ids[i + 2 :]]
    return list(ids)


def _from_the_right(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return naive_bpe.merge_pair(ids[::-1], pair[::-1], new_id)[::-1]


def _right_one_stays(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return [new_id if found == pair else found[0] for found in pairwise(ids)] + ids[-1:]


def _both_orders(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    merged: list[int] = []
    for id in ids:
        if merged and (merged[-1], id) in (pair, pair[::-1]):
            merged[-1] = new_id
        else:
            merged.append(id)
    return merged


def _loses_the_last(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    merged, i = [], 0
    while i < len(ids) - 1:
        found = (ids[i], ids[i + 1]) == pair
        merged.append(new_id if found else ids[i])
        i += 2 if found else 1
    return merged


def _without_skipping(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return [new_id if found == pair else found[0] for found in pairwise(ids)]


def _beyond_the_end(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    merged, i = [], 0
    while i < len(ids):
        found = (ids[i], ids[i + 1]) == pair
        merged.append(new_id if found else ids[i])
        i += 2 if found else 1
    return merged


def _given_back(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    merged = naive_bpe.merge_pair(ids, pair, new_id)
    return merged if len(merged) < len(ids) else ids


class _Given(list):
    """A list that a property hands over itself, not as a copy."""


_TO_MERGE = ([4, 5], [1, 2, 1, 2], [])


def _is_a_new_list(merge: Callable[..., list[int]]) -> bool:
    return all(merge(given, (1, 2), 3) is not given for given in map(_Given, _TO_MERGE))


def _is_nobody_elses_list(merge: Callable[..., list[int]]) -> bool:
    results = [(merge(_Given(ids), (1, 2), 3), merge(_Given(ids), (1, 2), 3)) for ids in _TO_MERGE]
    return not any(one is other and isinstance(one, list) for one, other in results)


def _ids_to_join(draw: Draw) -> Case:
    ids, few = _row(draw)
    pair = draw.choose(few), draw.choose(few)
    new_id = draw.choose([n for n in (300, 0, 256, 70_001) if n not in few])
    ids, pair = _numbers(ids), tuple(_numbers(pair))
    return Case(ids, pair, new_id)


def _in_place(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    ids[:] = naive_bpe.merge_pair(ids, pair, new_id)
    return ids


def _over_a_wall(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return naive_bpe.merge_pair([id for id in ids if id != WALL], pair, new_id)


merge_pair = Exercise(
    name="merge_pair",
    topic="tokens",
    title="Join a pair",
    difficulty="medium",
    minutes=10,
    reference=naive_bpe.merge_pair,
    cases=(
        Case([5, 7, 7, 7, 5], (7, 7), 8),
        Case([1, 2, 3, 1, 2], (1, 2), 4),
        Case([3, 2, 1, 2, 3], (1, 2), 9),
        Case([6, 6, 6, 6], (6, 6), 7),
        Case([1, WALL, 2, 1, 2, WALL], (1, 2), 5),
        Case([2, 1, 1], (1, 2), 3),
        Case([1, 2], (1, 2), 3),
        Case([4], (4, 4), 5),
        Case([], (1, 2), 3),
        Case([1, 2, 3, 1, 2], (2, 3), 4),
        Case([0, 1, 0, 1, 0], (1, 0), 2),
        Case([1, 1, 1], (1, 1), 0),
        Case([1, 1, 2, 2], (1, 2), 3),
        Case([300, 400, 300, 400], tuple(_numbers((300, 400))), 500),
        Case([104, 101, 32] * 100, (104, 101), 256),
        Case([101, 101, 32] * 700, (101, 101), 256),
        Case([*range(1100), 0, 1], (0, 1), 1100),
        Case([1, 2] * 1050, (1, 2), 3),
    ),
    fresh=_ids_to_join,
    properties=(
        Property("a new list", _is_a_new_list, "the result is a new list, not the one that was given"),
        Property(
            "a list of its own",
            _is_nobody_elses_list,
            "the same call made twice gives two lists, so that who changes one does not change the other",
        ),
    ),
    hints=(
        "Build a new list. Where the pair begins, append `new_id` and go on two places; otherwise append "
        "the id and go on one.",
        "A `for` loop can't jump, a `while` loop can: `i = 0`, `while i < len(ids):`. Look at `ids[i + 1]` "
        "only if there is one.",
        "`tuple(ids[i : i + 2]) == pair` is safe at the end of the list too: a slice may be shorter.",
    ),
    explanation=(
        "The ids are read once from left to right. Where the new list ends in the left one of the pair and "
        "the right one comes next, the two become `new_id`; everything else is copied.\n\n"
        "Three equal ids show why the direction matters: of `7, 7, 7` the left two are joined. Training and "
        "encoding must do it in the same way, or a text would be cut differently from what was learned."
    ),
    mistakes=(
        Mistake(
            "only the first occurrence is joined",
            _only_the_first,
            "A merge replaces the pair everywhere in the text: go on after the first find.",
        ),
        Mistake(
            "it is joined from right to left",
            _from_the_right,
            "Of `7, 7, 7` the left two are to be joined. Read the list from its beginning.",
        ),
        Mistake(
            "the right one of the pair stays behind",
            _right_one_stays,
            "`new_id` stands for both of them, so after a find go on two places. A `for` loop can't jump: "
            "use `while`, and `i += 2` after a find.",
        ),
        Mistake(
            "the right one of the pair stays behind",
            _without_skipping,
            "`new_id` stands for both of them: after a find go on two places. The last id is missing, too.",
        ),
        Mistake(
            "it looks past the end of the list",
            _beyond_the_end,
            "The last id has nothing to its right, so there is no `ids[i + 1]`. Ask first whether `i + 1` is "
            "still below `len(ids)`.",
        ),
        Mistake(
            "nothing is ever joined",
            lambda ids, pair, new_id: list(ids),
            "Is a list compared with a tuple? `ids[i : i + 2] == pair` is never true, whatever is in them. "
            "`tuple(ids[i : i + 2]) == pair` is.",
        ),
        Mistake(
            "the pair is joined in the other order too",
            _both_orders,
            "The pair is `(left, right)`. A right one followed by a left one is another pair.",
        ),
        Mistake(
            "the last id gets lost",
            _loses_the_last,
            "If the last id belongs to no pair, it still has to be copied. Walk to the end of the list.",
        ),
        Mistake(
            "the given list is changed",
            _in_place,
            "The result is right, but whoever called the function may still need the old list: build a new "
            "one.",
        ),
        Mistake(
            "the given list is given back where nothing is to be joined",
            _given_back,
            "The numbers are right, but it is the same list under two names: whoever changes one changes the "
            "other. Build a new one in any case.",
        ),
        Mistake(
            "the walls are dropped",
            _over_a_wall,
            "-1 is an id like the others here: copy it. Two ids with a wall between them are no neighbours.",
        ),
    ),
)


# Train ------------------------------------------------------------------------------------------------------

TEN_WORDS = "hat here cat here mat here heat the heat her"


def _learn_merges(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    """The merges that byte-pair encoding learns from pieces of text, at most `how_many`."""
    ids = [id for piece in pieces for id in (*piece, WALL)]
    tokens = [bytes([byte]) for byte in range(256)]
    merges: list[tuple[bytes, bytes]] = []
    for _ in range(how_many):
        counts = naive_bpe.count_pairs(ids)
        if not counts:  # every piece has become one token
            break
        a, b = max(counts, key=counts.get)
        ids = naive_bpe.merge_pair(ids, (a, b), new_id=len(tokens))
        merges.append((tokens[a], tokens[b]))
        tokens.append(tokens[a] + tokens[b])
    return merges


def _counted_once(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    counts = naive_bpe.count_pairs([id for piece in pieces for id in (*piece, WALL)])
    return [(bytes([a]), bytes([b])) for (a, b), _ in counts.most_common(how_many)]


def _never_joined(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    return _counted_once(pieces, 1) * how_many


def _once_in_a_piece(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    text = [[bytes([byte]) for byte in piece] for piece in pieces]
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < how_many:
        counts = Counter(pair for piece in text for pair in dict.fromkeys(pairwise(piece)))
        if not counts:
            break
        merges.append(max(counts, key=counts.get))
        text = [naive_bpe.merge_pair(piece, merges[-1], b"".join(merges[-1])) for piece in text]
    return merges


def _runs_dry(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    merges = _learn_merges(pieces, how_many)
    return merges if len(merges) == how_many else max([])


def _choosing(choose: Callable[[dict], tuple[int, int] | None]) -> Callable[..., list[tuple[bytes, bytes]]]:
    """An answer that chooses the pair by another rule; it stops where the rule gives None."""

    def answer(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
        ids = [id for piece in pieces for id in (*piece, WALL)]
        tokens = [bytes([byte]) for byte in range(256)]
        merges: list[tuple[bytes, bytes]] = []
        while len(merges) < how_many and (counts := naive_bpe.count_pairs(ids)):
            if (pair := choose(counts)) is None:
                break
            a, b = pair
            ids = naive_bpe.merge_pair(ids, pair, len(tokens))
            merges.append((tokens[a], tokens[b]))
            tokens.append(tokens[a] + tokens[b])
        return merges

    return answer


def _if_it_comes_again(counts: dict) -> tuple[int, int] | None:
    return max(counts, key=counts.get) if max(counts.values()) > 1 else None


def _as_ids(pieces: list[bytes], how_many: int) -> list[tuple[int, int]]:
    merges = _learn_merges(pieces, how_many)
    tokens = [bytes([byte]) for byte in range(256)] + [a + b for a, b in merges]
    return [(tokens.index(a), tokens.index(b)) for a, b in merges]


def _single_bytes_only(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    """New ids are made into bytes as the first 256 are."""
    ids = [id for piece in pieces for id in (*piece, WALL)]
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < how_many and (counts := naive_bpe.count_pairs(ids)):
        a, b = max(counts, key=counts.get)
        merges.append((bytes([a]), bytes([b])))
        ids = naive_bpe.merge_pair(ids, (a, b), 256 + len(merges) - 1)
    return merges


def _tokens_not_kept(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    """The list of tokens does not grow, so that a new id is not in it."""
    ids = [id for piece in pieces for id in (*piece, WALL)]
    tokens = [bytes([byte]) for byte in range(256)]
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < how_many and (counts := naive_bpe.count_pairs(ids)):
        a, b = max(counts, key=counts.get)
        merges.append((tokens[a], tokens[b]))
        ids = naive_bpe.merge_pair(ids, (a, b), 256 + len(merges) - 1)
    return merges


def _bytes_of_all_ids_at_once(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    tokens = [bytes([id]) for id in range(256 + how_many)]
    return _learn_merges(pieces, how_many) if tokens else []


def _always_256(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    ids = [id for piece in pieces for id in (*piece, WALL)]
    tokens = {byte: bytes([byte]) for byte in range(256)}
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < how_many and (counts := naive_bpe.count_pairs(ids)):
        a, b = max(counts, key=counts.get)
        ids = naive_bpe.merge_pair(ids, (a, b), 256)
        merges.append((tokens[a], tokens[b]))
        tokens[256] = tokens[a] + tokens[b]
    return merges


def _by_characters(pieces: list[bytes], how_many: int) -> list[tuple[bytes, bytes]]:
    """Characters are joined, not bytes."""
    codes = {character: i for i, character in enumerate(sorted(set(b"".join(pieces).decode())))}
    merges = _learn_merges(
        [bytes(codes[character] for character in piece.decode()) for piece in pieces], how_many
    )
    characters = list(codes)
    return [tuple("".join(characters[i] for i in half).encode() for half in pair) for pair in merges]


def _steps_without_tie(pieces: list[bytes]) -> tuple[int, bool]:
    """How many merges are learned before two pairs are equally common, or two tokens have the same bytes; and
    whether no pair is left then."""
    text = [[bytes([byte]) for byte in piece] for piece in pieces]
    made: list[bytes] = []
    while most := Counter(pair for piece in text for pair in pairwise(piece)).most_common(2):
        (left, right), count = most[0]
        if left + right in made or (len(most) > 1 and most[1][1] == count):
            return len(made), False
        made.append(left + right)
        text = [naive_bpe.merge_pair(piece, (left, right), left + right) for piece in text]
    return len(made), True


def _any_pieces(draw: Draw) -> Case | None:
    """Words that come several times each, and as many merges as are the same for every rule for ties."""
    words = [" " * draw.integer(0, 1) + word for word in draw.words(0, 5)]
    words = [word * draw.choose((1, 1, 2, 3)) for word in words]
    pieces = [word.encode() for word in words for _ in range(draw.integer(1, 9))]
    steps, to_the_end = _steps_without_tie(pieces)
    how_many = draw.integer(0, steps + 3 * to_the_end)
    return Case(draw.shuffled(pieces), how_many) if how_many or not pieces else None


_TIES = (
    ([b"ab", b"cd"], 1),
    ([b"ab", b"cd"], 2),
    ([b" hat", b" cat", b" mat", b" hat"], 4),
    (["小猫".encode(), "小狗".encode()], 3),
)


def _takes_any_of_the_commonest(learn: Callable[..., list[tuple[bytes, bytes]]]) -> bool | str:
    """Replays what was learned where several pairs are equally common."""
    for pieces, how_many in _TIES:
        text = [[bytes([byte]) for byte in piece] for piece in pieces]
        merges = [tuple(pair) for pair in learn(list(pieces), how_many)]
        for number, pair in enumerate(merges):
            counts = Counter(pair for piece in text for pair in pairwise(piece))
            if counts[pair] != max(counts.values(), default=-1):
                return f"From {pieces}, merge {number} is {pair}, which is none of the commonest there."
            text = [naive_bpe.merge_pair(piece, pair, pair[0] + pair[1]) for piece in text]
        if len(merges) != how_many:
            return f"From {pieces}, it learns {len(merges)} of {how_many} merges."
    return True


def _training_cases() -> list[Case]:
    """No case has a tie for the commonest pair, so that every rule for ties passes (a test holds this)."""
    words = [piece.encode() for piece in BPETokenizer([]).pre_tokens(TEN_WORDS)]
    letters = bytes(range(128))  # one after the other joins the beginning, since fewer and fewer pieces go on
    return [
        Case(words, 6),
        Case([b"abab", b"ab"], 5),
        Case([b"xyz", b"xy", b"xy", b"x"], 1),
        Case([b"aaaa"], 2),
        Case([b"no", b"no", b"on"], 0),
        Case([b"so"] * 3 + [b"o"], 4),
        Case([b"ca", b"b", b"ca", b"b", b"ca", b"bab", b"ab"], 2),
        Case([], 3),
        Case([b"ab", b"ab", b"cd", b"ab", b"cd", b"ef"], 3),
        Case([b"ab", b"ab", b"cd", b"ab", b"cd", b"ef"], 2),
        Case(["猫".encode()] * 3 + ["猪".encode()] * 2 + [b"a\0"], 4),
        Case(["猫咪".encode()] * 2 + ["猪".encode()], 1),
        Case([letters[:length] for length in range(2, 72)], 70),
        Case([letters[:length] for length in range(2, 129)], 127),
        Case([b"cd"] * 1001 + [b"ab"] * 1100, 2),  # too often for counts in bytes
        Case([b"abxabyab", b"cd", b"cd"], 1),
    ]


learn_merges = Exercise(
    name="learn_merges",
    topic="tokens",
    title="Train byte-pair encoding",
    difficulty="hard",
    minutes=18,
    reference=_learn_merges,
    cases=_training_cases,
    fresh=_any_pieces,
    properties=(
        Property(
            "ties",
            _takes_any_of_the_commonest,
            "where several pairs are equally common, one of these is joined",
        ),
    ),
    hints=(
        "First lay all pieces end to end as one list of numbers, with -1 after each piece. Then repeat: "
        "count the pairs, take the commonest, join it, note it.",
        "Keep a list `tokens` with the bytes of every id: at first `[bytes([b]) for b in range(256)]`. The "
        "new token's id is `len(tokens)`, and its bytes are `tokens[a] + tokens[b]`.",
        "`a, b = max(counts, key=counts.get)` is the commonest pair. If `counts` is empty, every piece is "
        "one token already: stop there.",
    ),
    explanation=(
        "This is all of the training. `ids` is the text as it is written at this moment, `tokens` says what "
        "each id stands for, and `merges` is what has been learned. Each round reads the text twice: once to "
        "count, once to join.\n\n"
        "What is kept in the end is only the list of merges, in their order. The text can be thrown away."
    ),
    mistakes=(
        Mistake(
            "the pairs are counted only once",
            _counted_once,
            "After a merge other pairs stand there: `he` is one token now, and ` he` can be the next. Count "
            "again after every merge.",
        ),
        Mistake(
            "the pair is never joined in the text",
            _never_joined,
            "The same pair wins each time because the text stays as it was. Keep what `merge_pair` gives: "
            "`ids = merge_pair(ids, ...)`.",
        ),
        Mistake(
            "pairs reach from one piece into the next",
            lambda pieces, how_many: _learn_merges([b"".join(pieces)], how_many),
            "No token may cross the border between two pieces: put a -1 after each of them.",
        ),
        Mistake(
            "a piece that comes often is counted once",
            lambda pieces, how_many: _learn_merges(list(dict.fromkeys(pieces)), how_many),
            "A word that comes ten times has to count ten times: go through all pieces, not only through "
            "the different ones.",
        ),
        Mistake(
            "a pair is counted once in each piece",
            _once_in_a_piece,
            "A pair can stand in a piece more than once, as `an` does in `banana`. Count every place.",
        ),
        Mistake(
            "it fails when no pair is left",
            _runs_dry,
            "When every piece has become one token, there is nothing to count, and `max` of nothing is an "
            "error. End the loop there; the list of merges is then shorter.",
        ),
        *(
            Mistake(
                "the bytes of new tokens are not looked up",
                answer,
                "Ids from 256 on are no single bytes. Keep a list `tokens` with the bytes of every id, and "
                "append `tokens[a] + tokens[b]` after each merge.",
            )
            for answer in (_single_bytes_only, _tokens_not_kept, _bytes_of_all_ids_at_once)
        ),
        Mistake(
            "every new token gets the id 256",
            _always_256,
            "Each needs an id of its own: 256, then 257, and so on. `len(tokens)` counts along.",
        ),
        Mistake(
            "characters are joined, not bytes",
            _by_characters,
            "Begin with the bytes of each piece as they are. A Chinese character has three of them, which "
            "have to find together by merges, too.",
        ),
        Mistake(
            "it returns after the first merge",
            lambda pieces, how_many: _learn_merges(pieces, min(1, how_many)),
            "A `return` inside the loop ends it. Move it to the left, behind the loop.",
        ),
        Mistake(
            "it goes on until no pair is left",
            lambda pieces, how_many: _learn_merges(pieces, 10_000),
            "Stop when there are `how_many` merges, even if there is more to join.",
        ),
        Mistake(
            "there is one merge too many",
            lambda pieces, how_many: _learn_merges(pieces, how_many + 1),
            "`<=` lets the loop go round once more when there are `how_many` already: compare with `<`.",
        ),
        Mistake(
            "it stops where every pair comes only once",
            _choosing(_if_it_comes_again),
            "A sensible rule, but not the one asked for: go on as long as there is any pair, until there are "
            "`how_many` merges.",
        ),
        Mistake(
            "it joins the largest pair, not the commonest",
            _choosing(max),
            "`max` of a dictionary looks at its keys. `max(counts, key=counts.get)` looks at how often they "
            "come.",
        ),
        Mistake(
            "it joins the rarest pair",
            _choosing(lambda counts: min(counts, key=counts.get)),
            "A token is worth its place in the vocabulary if it is used often: take `max`, not `min`.",
        ),
        Mistake(
            "the merges are given as ids",
            _as_ids,
            "Give the bytes that the two ids stand for, `(tokens[a], tokens[b])`: they mean the same in "
            "every program.",
        ),
        Mistake(
            "the new tokens are given, not the pairs",
            lambda pieces, how_many: [a + b for a, b in _learn_merges(pieces, how_many)],
            "`the` could have come about as `th` + `e` or as `t` + `he`. Who encodes later has to know "
            "which, so keep both halves.",
        ),
    ),
)


# Encode -----------------------------------------------------------------------------------------------------


def _encode_piece(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    """The ids after all merges; `merges` has the new id of each pair, and a lower one was learned earlier."""
    while len(ids) > 1:
        known = [pair for pair in pairwise(ids) if pair in merges]
        if not known:
            break
        first_learned = min(known, key=merges.get)
        ids = naive_bpe.merge_pair(ids, first_learned, merges[first_learned])
    return list(ids)


def _leftmost_first(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    while known := [pair for pair in pairwise(ids) if pair in merges]:
        ids = naive_bpe.merge_pair(ids, known[0], merges[known[0]])
    return list(ids)


def _leftmost_place_first(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    while known := [pair for pair in pairwise(ids) if pair in merges]:
        ids = _only_the_first(ids, known[0], merges[known[0]])
    return list(ids)


def _last_learned_first(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    while known := [pair for pair in pairwise(ids) if pair in merges]:
        pair = max(known, key=merges.get)
        ids = naive_bpe.merge_pair(ids, pair, merges[pair])
    return list(ids)


def _commonest_here(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    while known := Counter(pair for pair in pairwise(ids) if pair in merges):
        pair = max(known, key=known.get)
        ids = naive_bpe.merge_pair(ids, pair, merges[pair])
    return list(ids)


def _one_merge(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    known = [pair for pair in pairwise(ids) if pair in merges]
    if not known:
        return list(ids)
    pair = min(known, key=merges.get)
    return naive_bpe.merge_pair(ids, pair, merges[pair])


def _no_way_out(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    while len(ids) > 1:
        pair = min(pairwise(ids), key=lambda pair: merges.get(pair, float("inf")))
        ids = naive_bpe.merge_pair(ids, pair, merges[pair])
    return list(ids)


def _no_way_out_of_the_known(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    while len(ids) > 1:
        pair = min((pair for pair in pairwise(ids) if pair in merges), key=merges.get)
        ids = naive_bpe.merge_pair(ids, pair, merges[pair])
    return list(ids)


def _read_once(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    """One walk from left to right, joining whatever can be joined."""
    result, i = [], 0
    while i < len(ids):
        new_id = merges.get(tuple(ids[i : i + 2]))
        result.append(ids[i] if new_id is None else new_id)
        i += 1 if new_id is None else 2
    return result


def _longest_first(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    """From the left, each time the longest token that fits."""
    spelled = {(id,): id for id in ids}
    halves = {id: (id,) for id in ids}
    for (left, right), new_id in sorted(merges.items(), key=lambda item: item[1]):
        halves[new_id] = halves.get(left, (left,)) + halves.get(right, (right,))
        spelled.setdefault(halves[new_id], new_id)
    result, rest = [], tuple(ids)
    while rest:
        length = max(n for n in range(1, len(rest) + 1) if rest[:n] in spelled)
        result.append(spelled[rest[:length]])
        rest = rest[length:]
    return result


def _in_dictionary_order(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    for pair, new_id in merges.items():
        ids = naive_bpe.merge_pair(ids, pair, new_id)
    return list(ids)


def _in_order_of_pairs(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    return _in_dictionary_order(ids, dict(sorted(merges.items())))


def _last_to_first(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    return _in_dictionary_order(ids, dict(sorted(merges.items(), key=lambda item: -item[1])))


def _those_of_the_start(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    """Only pairs that stood there at first."""
    standing = {pair: merges[pair] for pair in pairwise(ids) if pair in merges}
    return _in_dictionary_order(ids, dict(sorted(standing.items(), key=lambda item: item[1])))


def _one_place_only(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    """Each merge is done at its first place, and never again."""
    for pair, new_id in sorted(merges.items(), key=lambda item: item[1]):
        ids = _only_the_first(ids, pair, new_id)
    return list(ids)


def _given_list_changed(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    ids[:] = _encode_piece(ids, merges)
    return ids


def _a_piece_and_merges(draw: Draw) -> Case:
    """Ids below 256, and merges whose halves were learned before, not always in their order."""
    few = [draw.id(256) for _ in range(draw.integer(1, 3))]
    first, halves, merges = draw.choose((256, 257, 130_000)), [*few], {}
    for _ in range(draw.integer(0, 6)):
        pair = draw.choose(halves), draw.choose(halves)
        if pair not in merges:
            merges[pair] = first + len(merges)
            halves.append(merges[pair])
    if draw.boolean():
        merges = dict(draw.shuffled(list(merges.items())))
    ids = draw.list(lambda: draw.choose(few), 0, 12)
    return Case(_numbers(ids), {tuple(_numbers(pair)): int(str(id)) for pair, id in merges.items()})


_LONG_WORD = {(104, 101): 256, (32, 256): 257, (257, 257): 258, (258, 258): 259, (0, 32): 260}


encode_piece = Exercise(
    name="encode_piece",
    topic="tokens",
    title="Encode a piece of text",
    difficulty="medium",
    minutes=12,
    reference=_encode_piece,
    cases=(
        Case([1, 2, 3], {(2, 3): 10, (1, 2): 11}),
        Case([5, 5, 5, 5], {(5, 5): 10, (10, 10): 11}),
        Case([1, 2, 3], {(1, 2): 11, (2, 3): 10}),
        Case([1, 2, 1, 2, 3], {(1, 2): 10, (10, 3): 11, (10, 10): 12}),
        Case([7, 8, 9], {(8, 9): 10, (7, 10): 11}),
        Case([1, 2, 3, 4], {(3, 4): 10, (1, 2): 11, (2, 3): 12}),
        Case([3, 1, 2, 1, 2, 3], {(2, 3): 10, (3, 1): 11, (1, 2): 12}),
        Case([3, 4, 3, 4, 5, 6], {(5, 6): 10, (4, 10): 11, (3, 4): 12}),
        Case([1, 1, 1], {(1, 1): 10}),
        Case([6, 2, 6], {(2, 2): 10}),
        Case([4], {(4, 4): 10}),
        Case([], {(1, 2): 10}),
        Case([8, 9, 8], {}),
        Case([1, 2, 3], {(1, 2): 10}),
        Case([1, 2, 3], {(2, 3): 10, (1, 10): 11, (1, 2): 12}),
        Case([0, 104, 0], {(0, 104): 256, (256, 0): 257}),
        Case([32, 104, 101] * 70 + [0, 32], _LONG_WORD),
        Case([97] * 9 + [98], {(97, 97): 300, (300, 300): 301, (300, 98): 70_000, (97, 98): 70_001}),
        Case(list(range(66)), {(i, i + 1): 300 + i for i in range(66)}),
        Case([32, 104, 101] * 350 + [0, 32], _LONG_WORD),
        Case([1098, 1099, 1100], {(i, i + 1): 3000 - i for i in range(1100)}),
        Case([5] + [6] * 300, {(5 if i == 0 else 299 + i, 6): 300 + i for i in range(300)}),
    ),
    fresh=_a_piece_and_merges,
    hints=(
        "Repeat: look at all pairs that stand in the text and that are in `merges`; take the one that was "
        "learned first; join it. Stop when there is none.",
        "Learned first means: the smallest new id. `min(known, key=merges.get)` finds that pair.",
        "`naive_bpe.merge_pair(ids, pair, merges[pair])` joins it everywhere. An empty `known` ends the "
        "loop; mind that `min` of nothing is an error.",
    ),
    explanation=(
        "The merges are replayed in the order in which they were learned, so that a word is cut in just the "
        "way in which training cut it. It is neither the longest match nor the leftmost.\n\n"
        "Going through all merges from the first to the last and applying each gives the same, since a merge "
        "can only bring about pairs that were learned after it. That is simpler, but for a short word and "
        "50,000 merges it is a lot of looking for nothing."
    ),
    mistakes=(
        *(
            Mistake(
                "the leftmost known pair is joined first",
                answer,
                "What counts is which pair was learned first, that is, which has the smallest new id. Where "
                "it stands does not matter.",
            )
            for answer in (_leftmost_first, _leftmost_place_first)
        ),
        Mistake(
            "the pair learned last is joined first",
            _last_learned_first,
            "Merges are applied in the order of training, the smallest new id first: `min`, not `max`.",
        ),
        Mistake(
            "the pair that is commonest in this text is joined first",
            _commonest_here,
            "Counting was for training. Now the order is fixed: the smallest new id first.",
        ),
        Mistake(
            "it stops after one merge",
            _one_merge,
            "A merge can make another one possible: repeat until no pair of `merges` is left.",
        ),
        Mistake(
            "the ids are read only once",
            _read_once,
            "One walk from left to right joins whatever comes first. Begin again after each merge: of all "
            "pairs that stand there now, which was learned first?",
        ),
        Mistake(
            "the longest token is taken first",
            _longest_first,
            "Some tokenizers do so, but here the merges are replayed in the order of learning, and what is "
            "joined early may stand in the way of a longer token.",
        ),
        Mistake(
            "the merges are taken in the order of the dictionary",
            _in_dictionary_order,
            "A dictionary may hold its entries in any order. What tells the order of learning is the new id: "
            "begin with the smallest, as in `sorted(merges, key=merges.get)`.",
        ),
        Mistake(
            "the merges are sorted by their pairs",
            _in_order_of_pairs,
            "`sorted(merges)` goes by the keys. The new id tells the order of learning: `sorted(merges, "
            "key=merges.get)`.",
        ),
        Mistake(
            "the merges are gone through from the last one learned to the first",
            _last_to_first,
            "What was learned late is made of what was learned early, so it can't stand there yet. Begin "
            "with the smallest new id.",
        ),
        Mistake(
            "only pairs that stood there at the start are joined",
            _those_of_the_start,
            "A merge brings new pairs about, and they may be in `merges` as well. Look again after each "
            "merge.",
        ),
        Mistake(
            "each merge is done at one place only",
            _one_place_only,
            "A pair can stand in a piece more than once. Join it everywhere, as `merge_pair` does.",
        ),
        Mistake(
            "the given list is changed",
            _given_list_changed,
            "The result is right, but whoever called the function may still need the old list: build a new "
            "one.",
        ),
        *(
            Mistake(
                "it has no way out when no known pair is left",
                answer,
                "Most texts do not become a single token. When no pair that stands there is in `merges`, the "
                "ids are finished.",
            )
            for answer in (_no_way_out, _no_way_out_of_the_known)
        ),
    ),
)


# A bug to find ----------------------------------------------------------------------------------------------


def _wasted_merges(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    for pair, new_id in sorted(merges.items()):
        joined = []
        for id in ids:
            if joined and (joined[-1], id) == pair:
                joined[-1] = new_id
            else:
                joined.append(id)
        ids = joined
    return list(ids)


def _merges_as_learned(ids: list[int], merges: dict[tuple[int, int], int]) -> list[int]:
    for pair, new_id in sorted(merges.items(), key=lambda item: item[1]):
        joined = []
        for id in ids:
            if joined and (joined[-1], id) == pair:
                joined[-1] = new_id
            else:
                joined.append(id)
        ids = joined
    return list(ids)


wasted_merges = replace(
    encode_piece,
    name="wasted_merges",
    title="Find the bug: merges that are wasted",
    kind="bug",
    difficulty="medium",
    minutes=10,
    reference=_merges_as_learned,
    faulty=_wasted_merges,
    symptom=(
        "Whatever it encodes comes back whole, so a test there and back finds nothing; but words of the very "
        "text from which the merges were learned stay in pieces."
    ),
    hints=(
        "The inner loop joins one pair, from left to right. Try it by hand with one merge: does it do that "
        "rightly? Then look at what chooses the pair.",
        "Print the pairs in the order in which the outer loop takes them. When it comes to (32, 256), the "
        "space and `he`: is there a 256 in the text by then?",
        "`sorted` puts pairs of key and value in order by their keys, which are pairs of ids. What says how "
        "early a merge was learned is the value; `sorted` can be told what to go by.",
    ),
    explanation=(
        "`sorted(merges.items())` goes by the keys. So the merge of (32, 256), the space and `he`, has its "
        "turn before that of (104, 101), which makes the first 256: it finds nothing to join, and never "
        "gets another turn. All that was to grow out of `·he` is lost with it.\n\n"
        "`key=lambda item: item[1]` goes by the new id, in the order of learning. Decoding puts any pieces "
        "together again, so a test there and back can't see this. What finds it is to compare with "
        "training: a word must be cut in the way in which the merges were learned."
    ),
)


# Decode -----------------------------------------------------------------------------------------------------


def _decode_ids(ids: list[int], vocabulary: list[bytes]) -> str:
    """The text of some ids; what is no valid UTF-8 becomes the replacement character."""
    return b"".join(vocabulary[id] for id in ids).decode("utf-8", errors="replace")


_VOCABULARY = [b"a", b" kite", b"\xe4\xbd", b"\xa0", b"\xe5\xa5\xbd", b".", b"\xf0\x9f", b"\xaa\x81"]


def _latin(ids: list[int], vocabulary: list[bytes]) -> str:
    return "".join(chr(byte) for id in ids for byte in vocabulary[id])


def _joined(ids: list[int], vocabulary: list[bytes]) -> bytes:
    return b"".join(vocabulary[id] for id in ids)


_SCRAPS = (
    *(b"a", b" ", b"The", b"the", b" cat", b"  ", b"\n", b"\r\n", b"\t", b"", b"\0", b"\\n", b"?"),
    *(
        b"\xe5",
        b"\xa5",
        b"\xbd",
        b"\xf0\x9f",
        b"\x90\xa6",
        b"\xff",
        b"\xc3",
        b"\xef\xbb\xbf",
        b"\xef\xbf\xbd",
    ),
    *(text.encode() for text in ("好", "é", "e\u0301", "🙂", "ß", "\u3000", "\x85")),
)


def _any_ids(draw: Draw) -> Case:
    vocabulary = draw.list(lambda: draw.choose(_SCRAPS), 1, 10)
    return Case(draw.id_list(len(vocabulary), 0, 12), vocabulary)


_MANY = [*(bytes([byte]) for byte in range(256)), b" kite", b" The", "风筝".encode(), b"\xe7\xad"]


decode_ids = Exercise(
    name="decode_ids",
    topic="tokens",
    title="Back to text",
    difficulty="easy",
    minutes=6,
    reference=_decode_ids,
    cases=(
        Case([0, 1, 5], _VOCABULARY),
        Case([2, 3, 4], _VOCABULARY),
        Case([0, 6, 7, 1], _VOCABULARY),
        Case([4, 2], _VOCABULARY),
        Case([3, 0], _VOCABULARY),
        Case([], _VOCABULARY),
        Case([1, 1, 0, 0, 5, 5], _VOCABULARY),
        Case([2, 0, 1, 0, 2], [b"The", b" ", b"\n"]),
        Case([1, 0, 2, 1], [b"The", b" ", b"\n"]),
        Case([], []),
        Case([0, 2, 1], [b"a", b"", b"."]),
        Case([0, 1, 2, 1], [b"\xef\xbb\xbf", b"e\xcc\x81", b"\r\n"]),
        Case([1, 0, 2, 2, 0], [b"?", "Ａ\u3000".encode(), b"\xff"]),
        Case([*b"One kite: ", 258, 259, 157, 32, 257, 300 - 43, 256] + [*b"ab "] * 30, _MANY),
        Case([65, *range(32), 66, 127, 194, 128, 194, 133, 194, 173, 67], _MANY),  # unseen, but text
        Case([0, 65, 0, 0], _MANY),
        Case(list(range(1099, -1, -1)) * 2, [f"{n} ".encode() for n in range(1100)]),
    ),
    fresh=_any_ids,
    hints=(
        "`vocabulary[id]` is the bytes of one token. Put the bytes of all tokens together first.",
        '`b"".join(...)` joins bytes. `.decode("utf-8")` makes text of them.',
        'A model may stop in the middle of a character. `errors="replace"` writes the sign � in its place.',
    ),
    explanation=(
        "Bytes first, text afterwards: a token may end in the middle of a character, and only together with "
        "the next one do the bytes make sense. What still makes no sense is shown as �, so that decoding "
        "never fails, whatever a model writes."
    ),
    mistakes=(
        Mistake(
            "each token is decoded on its own",
            lambda ids, vocabulary: "".join(vocabulary[id].decode("utf-8", "replace") for id in ids),
            "A character can be spread over two tokens, and each half alone is not valid. Join the bytes of "
            "all tokens, then decode once.",
        ),
        Mistake(
            "each token is decoded on its own",
            lambda ids, vocabulary: "".join(vocabulary[id].decode("utf-8") for id in ids),
            "A character can be spread over two tokens, and each half alone is not valid. Join the bytes of "
            "all tokens, then decode once.",
        ),
        Mistake(
            "spaces at the ends are taken away",
            lambda ids, vocabulary: _joined(ids, vocabulary).decode("utf-8", "replace").strip(),
            "A space in front belongs to the text as any other character does, and so does the end of a "
            "line. Without them the pieces of a text can't be put together again.",
        ),
        Mistake(
            "it is read as ASCII",
            lambda ids, vocabulary: _joined(ids, vocabulary).decode("ascii", "replace"),
            "ASCII knows the characters below 128 only, so that every other byte becomes �. The bytes are "
            'UTF-8: `.decode("utf-8", errors="replace")`.',
        ),
        Mistake(
            "it is the way in which Python writes bytes",
            lambda ids, vocabulary: str(_joined(ids, vocabulary)),
            "`str` of bytes is meant for programmers, with a `b` and quotation marks around it. To read "
            'bytes as text, decode them: `.decode("utf-8", errors="replace")`.',
        ),
        Mistake(
            "it returns after the first token",
            lambda ids, vocabulary: _joined(ids[:1], vocabulary).decode("utf-8", "replace"),
            "A `return` inside the loop ends it. Move it to the left, behind the loop.",
        ),
        Mistake(
            "half a character stops it",
            lambda ids, vocabulary: b"".join(vocabulary[id] for id in ids).decode("utf-8"),
            'A model can write anything, half a character too. Ask for `errors="replace"`, so that the '
            "reader sees � and the program goes on.",
        ),
        Mistake(
            "half a character disappears",
            lambda ids, vocabulary: b"".join(vocabulary[id] for id in ids).decode("utf-8", "ignore"),
            'Then nobody sees that something was wrong. `errors="replace"` leaves the sign � there.',
        ),
        Mistake(
            "every byte is taken for a character",
            _latin,
            "`chr` of a byte is right for plain English letters only. Characters above 127 take several "
            'bytes; `.decode("utf-8")` knows how they belong together.',
        ),
        Mistake(
            "a space is put between the tokens",
            lambda ids, vocabulary: b" ".join(vocabulary[id] for id in ids).decode("utf-8", "replace"),
            'Spaces are part of the tokens already, as in ` kite`. Join with nothing between: `b"".join`.',
        ),
        Mistake(
            "it gives bytes, not text",
            lambda ids, vocabulary: b"".join(vocabulary[id] for id in ids),
            'One step is missing: `.decode("utf-8", errors="replace")`.',
        ),
    ),
)


# What a vocabulary costs ------------------------------------------------------------------------------------


def _bytes_per_token(texts: list[str], tokenizer: BPETokenizer) -> float:
    """How many bytes of UTF-8 a token stands for, on average over all the texts."""
    bytes_in_all = sum(len(text.encode()) for text in texts)
    tokens_in_all = sum(len(tokenizer.encode(text)) for text in texts)
    return bytes_in_all / tokens_in_all


def _mean_of_ratios(texts: list[str], tokenizer: BPETokenizer) -> float:
    return sum(len(text.encode()) / len(tokenizer.encode(text)) for text in texts) / len(texts)


def _mean_without_empty_ones(texts: list[str], tokenizer: BPETokenizer) -> float:
    return _mean_of_ratios([text for text in texts if text], tokenizer)


def _mean_with_0_for_empty_ones(texts: list[str], tokenizer: BPETokenizer) -> float:
    return sum(len(text.encode()) / max(1, len(tokenizer.encode(text))) for text in texts) / len(texts)


def _different_tokens(texts: list[str], tokenizer: BPETokenizer) -> float:
    return sum(len(t.encode()) for t in texts) / len({id for t in texts for id in tokenizer.encode(t)})


@cache
def _tokenizers() -> tuple[BPETokenizer, BPETokenizer]:
    """One that knows a few words, and one that knows single bytes only."""
    words = [b"the", b" hat", b" the", b" cat", b" hats", "好".encode()]
    return BPETokenizer(naive_bpe.learn_merges_naively(words, 9)), BPETokenizer([])


def _joined_by(between: str, texts: list[str], tokenizer: BPETokenizer) -> float:
    text = between.join(texts)
    return len(text.encode()) / len(tokenizer.encode(text))


def _only_tokens_joined(texts: list[str], tokenizer: BPETokenizer) -> float:
    return sum(len(text.encode()) for text in texts) / len(tokenizer.encode("".join(texts)))


def _some_texts(draw: Draw) -> Case | None:
    texts = draw.list(lambda: draw.choose((draw.letters(0, 6), draw.text(0, 6))), 1, 5)
    return Case(texts, draw.choose(_tokenizers())) if any(texts) else None


def _compression_cases() -> list[Case]:
    words, letters = _tokenizers()
    return [
        Case(["the hat", "cats"], words),
        Case(["好, the hat!", "a"], words),
        Case(["你好", "hello"], letters),
        Case(["the cat the hat the hats"], words),
        Case(["the the the the", "xyz", "好好"], words),
        Case(["th", "e", " h", "at"], words),
        Case(["the hat", "the hat", "好", "xyz", "the hat"], words),
        Case(["the", ""], words),
        Case([" The  hat\n\n", "🙂 a"], words),
        Case(["the<|endoftext|>hat"], words),  # typed, so it is text like any other
        Case(["the hat, cats"] * 40 + ["好"] * 40 + ["The " * 40 + "好" * 40], words),
        Case(["the hat"] * 550 + ["好"] * 550, words),
        Case(["the hat " * 130 + "xyz " * 130], words),
        Case(["the hat", "cats"], letters),
    ]


bytes_per_token = Exercise(
    name="bytes_per_token",
    topic="tokens",
    title="Compression",
    kind="explore",
    difficulty="easy",
    minutes=6,
    reference=_bytes_per_token,
    cases=_compression_cases,
    fresh=_some_texts,
    draws=16,
    hints=(
        "Two sums and one division: all bytes of all texts, all tokens of all texts.",
        "`len(text.encode())` is the number of bytes of a text, `len(tokenizer.encode(text))` that of its "
        "tokens.",
    ),
    explanation=(
        "Bytes measure how much text there is in the same way for every tokenizer and nearly so for every "
        "language. The sums come first: a short text must not count as much as a long one.\n\n"
        "A larger number means fewer tokens for the same text: less to compute, and more of the text fits "
        "into what a model can look at."
    ),
    mistakes=(
        Mistake(
            "characters are counted, not bytes",
            lambda texts, tokenizer: (
                sum(map(len, texts)) / sum(len(tokenizer.encode(text)) for text in texts)
            ),
            "`len(text)` is the number of characters. In English that is the same, but a Chinese character "
            "has three bytes: `len(text.encode())`.",
        ),
        *(
            Mistake(
                "it is the mean of each text's ratio",
                answer,
                "Then a text of one letter weighs as much as a whole story. Add up all bytes and all tokens "
                "first, and divide once.",
            )
            for answer in (_mean_of_ratios, _mean_without_empty_ones, _mean_with_0_for_empty_ones)
        ),
        *(
            Mistake(
                "the texts are joined first",
                answer,
                "Where one text ends and the next begins, joining makes new neighbours, and a token may "
                "reach across. Encode each text on its own, and add up.",
            )
            for answer in (
                *(partial(_joined_by, between) for between in ("", " ", "\n")),
                _only_tokens_joined,
            )
        ),
        Mistake(
            "it returns after the first text",
            lambda texts, tokenizer: _bytes_per_token(texts[:1], tokenizer),
            "A `return` inside the loop ends it. Move it to the left, behind the loop.",
        ),
        Mistake(
            "the fraction is upside down",
            lambda texts, tokenizer: 1 / _bytes_per_token(texts, tokenizer),
            "That is tokens per byte. Bytes go on top.",
        ),
        Mistake(
            "only different tokens are counted",
            _different_tokens,
            "A token that is used ten times has to be computed ten times: count all of them.",
        ),
        Mistake(
            "the name of a special token becomes one",
            lambda texts, tokenizer: (
                sum(len(text.encode()) for text in texts)
                / sum(len(tokenizer.encode(text, allowed_special="all")) for text in texts)
            ),
            "In a text that somebody typed, such a name is text like any other: `tokenizer.encode(text)`, as "
            "it is.",
        ),
        Mistake(
            "the division drops the fraction",
            lambda texts, tokenizer: int(_bytes_per_token(texts, tokenizer)),
            "`//` or `int` cuts off what comes after the point: divide with `/`.",
        ),
    ),
)


# Digits -----------------------------------------------------------------------------------------------------


def _digit_tokenizer(text: str, vocab_size: int) -> BPETokenizer:
    """A tokenizer trained on a text, in which every digit is a piece of its own."""
    pattern = GPT2_PATTERN.replace(r" ?\p{N}+", r"\p{N}")
    return BPETokenizer.train(text, vocab_size, pattern=pattern)


_OTHER_TEXT = "In 2024, 365 days; 2 cats' 35th\n\n and x9 (3.5%) 第12只  ½ ٣٤ １２ it's\t7 "


def _used(train: Callable[..., BPETokenizer], text: str, vocab_size: int) -> list[bytes] | dict | None:
    """What a tokenizer makes of the text that it was trained on, and where it cuts another one."""
    tokenizer = train(text, vocab_size)
    if tokenizer is None:
        return None
    if not isinstance(tokenizer, BPETokenizer):
        kind = type(tokenizer).__name__
        raise TypeError(
            f"the function gave a {kind}, needed the tokenizer that BPETokenizer.train(...) gives"
        )
    own = [tokenizer.token_bytes(id) for id in tokenizer.encode(text)]
    return {"tokens of its text": own, "pieces of another text": tokenizer.pre_tokens(_OTHER_TEXT)}


_WITH_DIGITS = (
    "7",
    "24",
    "2024",
    "x2",
    "3.5",
    "cat",
    "The",
    "the,",
    "it's",
    "٣٤",
    "１２",
    "½",
    "猫",
    "12只",
    "🙂",
)


def _text_with_digits(draw: Draw) -> Case:
    return Case(draw.text(1, 12, _WITH_DIGITS), draw.integer(257, 270))


def _with_pattern(pattern: str, text: str, vocab_size: int) -> BPETokenizer:
    return BPETokenizer.train(text, vocab_size, pattern=pattern)


def _with_numbers_as(alternative: str) -> Callable[..., BPETokenizer]:
    return partial(_with_pattern, GPT2_PATTERN.replace(r" ?\p{N}+", alternative))


digit_tokenizer = Exercise(
    name="digit_tokenizer",
    topic="tokens",
    title="One digit, one token",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=8,
    reference=_digit_tokenizer,
    use=_used,
    cases=(
        Case("In 2024 it rained, and in 2024 it rained again.", 280),
        Case("12+345=357, 12+346=358, 12+12=24", 275),
        Case("It's 7 o'clock, isn't it?  It's 17 o'clock!", 270),
        Case("小明有 24 只风筝，小红有 24 只风筝。", 275),
        Case("a1b22 c333\n4444 kites, 4444 kites", 270),
        Case("  One kite, 2 kites,  3 kites.\n\n", 259),
        Case("7", 300),
        Case("\n\n", 258),
        Case("a    b", 258),
        Case("x1y x1y x1y kite", 258),
        Case("The kite. the kite! 24 🙂🙂 24 🙂🙂", 262),
        Case("The kite. the kite! 24 🙂🙂 24 🙂🙂", 257),
        Case("a b c d e " * 8 + "then the 77 others, the 77 others", 264),
        Case("a b c d e " * 210 + "then the 77 others, the 77 others", 264),
        Case(" ".join(f"{a}{b}{c}" for a in "abcdefgh" for b in "aeiou" for c in "klmnprst") + " 24", 530),
    ),
    fresh=_text_with_digits,
    draws=16,
    hints=(
        "`BPETokenizer.train(text, vocab_size, pattern=...)` takes another pattern. It is a list of "
        "alternatives with `|` between them: which one is for digits?",
        "`\\p{N}` is a digit in any script. ` ?` lets a space belong to the piece, and `+` takes as many "
        "digits as there are. Neither is wanted now.",
        "`GPT2_PATTERN.replace(old, new)` changes one alternative and keeps the others. Write both as "
        '`r"..."`, so that Python leaves the backslash alone.',
    ),
    explanation=(
        "Only the alternative for digits changes: ` ?\\p{N}+` becomes `\\p{N}`, one digit and nothing else. "
        "No merge can join two pieces, so every number is written digit by digit, always in the same way.\n\n"
        "LLaMA does it so (Touvron and others 2023, section 2.1, arXiv 2302.13971). Others, Llama 3 among "
        "them, allow up to three digits in a piece, with `\\p{N}{1,3}`."
    ),
    mistakes=(
        Mistake(
            "the pattern is unchanged",
            partial(_with_pattern, GPT2_PATTERN),
            "` ?\\p{N}+` still takes a whole number with the space before it.",
        ),
        Mistake(
            "the space stays with the first digit",
            _with_numbers_as(r" ?\p{N}"),
            "Then 2 after a space and 2 inside a number are different pieces. Take the ` ?` out as well.",
        ),
        Mistake(
            "all digits of a number stay together",
            _with_numbers_as(r"\p{N}+"),
            "`+` means one or more, as many as there are. Without it, each digit is a piece.",
        ),
        Mistake(
            "there are up to three digits in a piece",
            _with_numbers_as(r"\p{N}{1,3}"),
            "That is how several newer models do it, but here each digit should stand alone.",
        ),
        Mistake(
            "digits are taken for letters",
            partial(_with_pattern, GPT2_PATTERN.replace(r" ?\p{L}+| ?\p{N}+", r" ?[\p{L}\p{N}]+")),
            "Then `24` is a word, and `x2` another. The alternative for letters stays as it was; the one for "
            "digits becomes a single digit.",
        ),
        Mistake(
            "it gives the pattern, not a tokenizer",
            lambda text, vocab_size: GPT2_PATTERN.replace(r" ?\p{N}+", r"\p{N}"),
            "The pattern says only where to cut. Train with it: `BPETokenizer.train(text, vocab_size, "
            "pattern=...)`.",
        ),
        Mistake(
            "every character is a piece",
            partial(_with_pattern, r"[\s\S]"),
            "Words should stay whole: change the alternative for digits only, and keep the others.",
        ),
        *(
            Mistake(
                "words have lost their spaces",
                partial(_with_pattern, GPT2_PATTERN.replace(r" ?\p{N}+", r"\p{N}").replace(*change)),
                "Only digits stand without their space. Words and signs keep the ` ?` in front.",
            )
            for change in ((" ?", ""), (r" ?\p{L}", r"\p{L}"))
        ),
        Mistake(
            "the old alternative for digits is still there",
            partial(_with_pattern, r"\p{N}|" + GPT2_PATTERN),
            "After a space the old ` ?\\p{N}+` still takes a whole number. Replace it; don't put another "
            "one beside it.",
        ),
        Mistake(
            "there is a group in round brackets",
            _with_numbers_as(r"(\p{N})"),
            "The tokenizer wants no groups: write `(?: )`, or leave the brackets out.",
        ),
    ),
)


# What a result shows ----------------------------------------------------------------------------------------


characters_sent = Exercise(
    name="characters_sent",
    topic="tokens",
    title="Explain: how many characters are these?",
    kind="explain",
    difficulty="easy",
    minutes=3,
    reference=5.0,
    cases=(),
    hints=(
        "Go by the first bits of each byte, as in the table above. Which beginning never begins a character?",
        "`110`, `1110` and `11110` say how many bytes belong together. Draw a line before each byte that "
        "begins a character, and count the stretches.",
    ),
    explanation=(
        "Every byte begins a character, but for those with `10` in front, which continue one. So the "
        "characters can be counted without knowing a single one of them, and a reader who joins in the "
        "middle finds the next beginning after three bytes at most. The text is né风🐦s: one, two, three, "
        "four bytes, and one."
    ),
    mistakes=(
        Mistake(
            "the bytes were counted",
            11.0,
            "A character may have up to four bytes. Those that begin with `10` belong to the one before.",
        ),
        Mistake(
            "the bytes that continue were counted",
            6.0,
            "`10` marks a byte that *continues* a character. Count the others: each of them begins one.",
        ),
        Mistake(
            "only characters of several bytes were counted",
            3.0,
            "A byte that begins with `0` is a character of its own, such as an English letter.",
        ),
        Mistake(
            "only characters of one byte were counted",
            2.0,
            "Those with `110`, `1110` and `11110` in front begin a character as well, one of several bytes.",
        ),
    ),
)


saved_less = Exercise(
    name="saved_less",
    topic="tokens",
    title="Explain: each merge saves less",
    kind="explain",
    difficulty="medium",
    minutes=5,
    reference="d",
    cases=(),
    hints=(
        "How many tokens does the text get shorter where one pair is joined at one place? Does that depend "
        "on how long the two tokens are?",
        "A pair that can be joined next either stood there all along, or holds a token that was just made. "
        "How often can the one be there, and how often the other?",
    ),
    explanation=(
        "Where a pair is joined, the text gets one token shorter, so a merge saves as many tokens as there "
        "are places at which its pair is joined. A pair of old tokens was there before, and not more often "
        "than the one that won; and a new token stands only where its pair was, so no pair with it comes "
        "more often than that.\n\n"
        "That is why a larger vocabulary brings less and less, here as in a real text. (Where a letter is "
        "doubled, as in `aaa`, places overlap, and one step may save a little more than the step before.)"
    ),
    mistakes=(
        Mistake(
            "long tokens were taken to save more",
            "a",
            "Two tokens become one, whatever their length: each place saves exactly one token. `·her` + `e` "
            "saves no more at a place than `h` + `e` does.",
        ),
        Mistake(
            "counts were taken to grow",
            "b",
            "They are counted anew, but nothing was added to the text. A pair of old tokens can only have "
            "lost places, and a token just made stands at no more places than its pair did.",
        ),
        Mistake(
            "long tokens were taken to save less",
            "c",
            "Each place saves exactly one token, whatever the length of the two. What matters is at how many "
            "places the pair stands.",
        ),
    ),
)


# Quiz -------------------------------------------------------------------------------------------------------

quiz = Quiz(
    topic="tokens",
    questions=(
        Question(
            "Why are whole words no good as tokens?",
            (
                Option(
                    "Texts become longer than they are in letters, and the model's work grows with length.",
                    "It is the other way round: words make texts short. That is what is good about them.",
                ),
                Option(
                    "Some word is always missing from the list, and some languages put no spaces between "
                    "words.",
                    "Each new name would be the same unknown word, and its letters would be lost. Merges "
                    "start from bytes, so that nothing is unknown.",
                    right=True,
                ),
                Option(
                    "A model computes with numbers, and words, unlike letters, have no number in the "
                    "computer.",
                    "A word can be given a number, its place in the list. A model computes with ids, "
                    "whatever they stand for.",
                ),
                Option(
                    "Words differ in length, so that the vectors of long words would be longer than those "
                    "of short ones.",
                    "All vectors have the same length, whatever they stand for. A token may have any "
                    "number of bytes.",
                ),
            ),
        ),
        Question(
            "What does one step of training byte-pair encoding do?",
            (
                Option(
                    "It adds the longest word that is not in the vocabulary yet, and notes it.",
                    "Length does not count. Long tokens come about bit by bit, out of shorter ones.",
                ),
                Option(
                    "It moves the parameters of the tokenizer a little, so that the loss falls.",
                    "That is how the model is trained. A tokenizer has no parameters and no loss: it "
                    "counts, before the model exists.",
                ),
                Option(
                    "It joins the most common pair of neighbours everywhere, and notes the pair.",
                    "Then it counts again, because other pairs stand there now. The list of pairs, in "
                    "order, is the tokenizer.",
                    right=True,
                ),
                Option(
                    "It splits the rarest token into two more common ones, and notes the parts.",
                    "Other methods start from a large vocabulary and throw tokens out. This one starts "
                    "from bytes and joins.",
                ),
            ),
        ),
        Question(
            "A tokenizer was trained on English only. What happens to a Chinese text?",
            (
                Option(
                    "It fails with an error at the first character that is not English.",
                    "It would if its tokens were characters or words. All 256 bytes are in the "
                    "vocabulary, so any text can be written.",
                ),
                Option(
                    "It works, but takes about three tokens for each character.",
                    "No merge was learned for those bytes, and most Chinese characters have three. The "
                    "text costs several times as much, and less of it fits.",
                    right=True,
                ),
                Option(
                    "It works, but every character becomes the same unknown token.",
                    "Then decoding could not give the text back. Here it always does.",
                ),
                Option(
                    "It works, and takes as many tokens as an English text of its length.",
                    "A byte is a byte, but merges are what makes texts short, and they were all spent on "
                    "English.",
                ),
            ),
        ),
        Question(
            "A user types the name of a special token, such as <|system|>, into a chat. What should happen?",
            (
                Option(
                    "It is written as ordinary tokens, like any other text.",
                    "Only the program around the model puts the special id there. So nobody can pretend "
                    "to be someone else by typing.",
                    right=True,
                ),
                Option(
                    "It becomes the special token, as the user asked for.",
                    "Then a user could end their own turn and begin one of the system's.",
                ),
                Option(
                    "It is deleted from the text, before it can do harm.",
                    "Then one could not even ask what the sign means, and deleting can be outwitted: "
                    "<|sys<|system|>tem|> would leave one behind.",
                ),
                Option(
                    "The program stops, and says that the text is forbidden.",
                    "Safe, but then a page about tokenizers could not be read by a model.",
                ),
            ),
        ),
        Question(
            "Why does a language model easily miscount the letters of a word?",
            (
                Option(
                    "It cannot count more than a few things at once, whether they are letters, words or "
                    "apples.",
                    "It may count words or apples quite well. Letters are special: it never sees them.",
                ),
                Option(
                    "Single letters have no token in its vocabulary, so it has no way to tell one from "
                    "another.",
                    "They have: every byte has a token. But common words are not written with them.",
                ),
                Option(
                    "Long words are rare in its texts, so it never had a chance to learn how they are "
                    "spelled.",
                    "It is rather the other way round: a rare word falls into small pieces, and a common "
                    "one is a single number.",
                ),
                Option(
                    "It gets the numbers of whole pieces, and nothing in a number says how its piece is "
                    "spelled.",
                    "It has to learn the spelling of each token from texts that happen to spell it out.",
                    right=True,
                ),
            ),
        ),
    ),
)
