"""A dictionary that is only counted from pairs: what can be had without any model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from course_lib.arguments import check_instance, choice, many, whole, wrong
from course_lib.translation.pairs import check_pair
from course_lib.translation.scores import tokens_13a
from course_lib.world.tasks import Pair, other


def word_table(
    pairs: Iterable[Pair], language: str, least: int = 3, longest: int = 4
) -> dict[str, tuple[str, float]]:
    """A dictionary: for each piece of the source's language the one that fits it best, and how well (0 to 1).

    English pieces are words; Chinese ones are up to `longest` characters in a row, since nothing says where
    a word ends. How well two go together is Dice's coefficient, 2 · together / (one + the other), counted in
    pairs of texts; of equally good pieces the longest is taken. Rarer ones than `least` are left out. Short
    texts teach it most: `parallel(seed, language, sentences=1)`.

    Source: Dice 1945 (doi:10.2307/1932409); for translation Smadja and others 1996
    (aclanthology.org/J96-1001).

    >>> both = {"Mia ran.": "米娅跑了。", "Tom ran.": "汤姆跑了。", "Tom!": "汤姆！"}
    >>> table = word_table([Pair(*texts, events=()) for texts in both.items()], "en", least=1)
    >>> table["Tom"], table["ran"]
    (('汤姆', 1.0), ('跑了', 1.0))
    """
    pairs, least, longest = _looked_at(pairs, language, least, longest)
    seen = [
        (_pieces(p.source, language, longest), _pieces(p.target, other(language), longest)) for p in pairs
    ]
    ours = Counter(piece for source, _ in seen for piece in source)
    theirs = Counter(piece for _, target in seen for piece in target)
    together = Counter(
        (s, t)
        for source, target in seen
        for s in source
        if ours[s] >= least
        for t in target
        if theirs[t] >= least
    )
    best: dict[str, tuple[float, int, str]] = {}
    for (s, t), count in together.items():
        found = (2 * count / (ours[s] + theirs[t]), len(t), t)
        best[s] = max(best.get(s, found), found)
    return {s: (t, dice) for s, (dice, _, t) in best.items()}


def _looked_at(pairs: Iterable[Pair], language: str, least: int, longest: int) -> tuple[list[Pair], int, int]:
    """What `word_table` is given, as a list and whole numbers; or ValueError."""
    choice("word_table", "language", language, ("en", "zh"))
    found = many("word_table", "pairs", pairs, "pairs, such as test_pairs gives")
    for pair in found:
        check_pair("word_table", pair)
    return found, whole("word_table", "least", least), whole("word_table", "longest", longest)


def word_for_word(text: str, language: str, table: Mapping[str, tuple[str, float]]) -> str:
    """A translation by looking up piece after piece; what is not in the table is left out.

    In Chinese the piece that goes best with something is taken at each place, the longest of equal ones.

    >>> word_for_word("米娅跑了", "zh", {"米娅": ("Mia", 1.0), "跑": ("ran", 0.5), "跑了": ("ran", 0.9)})
    'Mia ran'
    """
    choice("word_for_word", "language", language, ("en", "zh"))
    check_instance("word_for_word", "text", text, str, "a text, one str")
    check_instance("word_for_word", "table", table, Mapping, "a dictionary that word_table made")
    for found in [*table.values()][:1]:
        if not isinstance(found, tuple | list) or len(found) != 2 or not isinstance(found[0], str):
            raise wrong("word_for_word", "table", table, "a dictionary that word_table made")
    if language == "en":
        return "".join(table[word][0] for word in tokens_13a(text) if word in table)
    words, place = [], 0
    longest = max(map(len, table), default=1)
    while place < len(text):
        pieces = [text[place : place + n] for n in range(1, longest + 1)]
        known = [piece for piece in pieces if piece in table]
        best = max(known, key=lambda piece: (table[piece][1], len(piece)), default=None)
        words += [table[best][0]] if best else []
        place += len(best or " ")
    return re.sub(r" ([.,!?])", r"\1", " ".join(words))


def _pieces(text: str, language: str, longest: int) -> set[str]:
    """The different pieces that may be translated as one."""
    if language == "en":
        return set(tokens_13a(text))
    runs = re.findall(r"\w+|[^\w\s]", text)  # no word goes across a punctuation mark
    return {run[i : i + n] for run in runs for n in range(1, longest + 1) for i in range(len(run) - n + 1)}
