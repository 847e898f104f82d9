"""The exercise of notebook 00: other right ways to answer, and wrong answers that are nearly right.

What holds for every exercise (starters, hints, listed mistakes) is tested in test_exercises.py.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.exercises import State
from course_lib.start_here import exercises as ex

right = ex.most_likely_next.reference

# Other right ways ---------------------------------------------------------------------------------


def with_counter(text, word):
    words = text.split()
    counts = Counter(b for a, b in pairwise(words) if a == word)
    return counts.most_common(1)[0][0] if counts else None


def with_lists(text, word):
    best, words = None, text.split()
    followers = [words[i] for i in range(1, len(words)) if words[i - 1] == word]
    for follower in followers:
        if best is None or followers.count(follower) > followers.count(best):
            best = follower
    return best


def with_patterns(text, word):
    found = re.findall(rf"(?<!\S){re.escape(word)}(?=\s+(\S+))", text)
    return max(found, key=found.count) if found else None


def with_numpy(text, word):
    words = np.array(text.split(), dtype=object)
    after = words[1:][words[:-1] == word] if len(words) > 1 else words[:0]
    if not len(after):
        return None
    names, first, counts = np.unique(after.astype(str), return_index=True, return_counts=True)
    return str(names[np.lexsort((first, -counts))[0]])


def with_numbers(text, word):
    words = text.split()
    ids = {other: i for i, other in enumerate(dict.fromkeys(words))}
    counts, order = torch.zeros(len(ids), dtype=torch.long), []
    for a, b in pairwise(words):
        if a == word:
            counts[ids[b]] += 1
            order.append(b)
    return max(order, key=lambda b: counts[ids[b]].item(), default=None)


def with_an_iterator(text, word):
    counts, words = defaultdict(int), iter(text.split())
    before = next(words, None)
    for now in words:
        counts[now] += before == word
        before = now
    if not any(counts.values()):
        return None
    order = [b for a, b in pairwise(text.split()) if a == word]
    return sorted(counts, key=lambda b: (-counts[b], order.index(b) if b in order else 0))[0]


def by_sorting(text, word):
    words = text.split()
    places = defaultdict(list)
    for i, other in enumerate(words[1:], start=1):
        if words[i - 1] == word:
            places[other].append(i)
    ranked = sorted(places.items(), key=lambda item: (-len(item[1]), item[1][0]))
    return ranked[0][0] if ranked else None


class Bigrams:
    def __init__(self):
        self.tables = {}

    def __call__(self, text, word):
        if text not in self.tables:
            table = self.tables[text] = defaultdict(Counter)
            for a, b in pairwise(text.split()):
                table[a][b] += 1
        return next((best for best, _ in self.tables[text][word].most_common(1)), None)

    def ask(self, text, word):
        return self(text, word)


def folded(text, word):
    def step(counts, pair):
        return {**counts, pair[1]: counts.get(pair[1], 0) + 1} if pair[0] == word else counts

    counts = functools.reduce(step, pairwise(text.split()), {})
    return max(counts, key=counts.__getitem__, default=None)


OTHER_WAYS = {
    ex.most_likely_next: (
        *(with_counter, with_lists, with_patterns, with_numpy, with_numbers, with_an_iterator, by_sorting),
        *(Bigrams(), Bigrams().ask, folded, functools.partial(folded)),
    )
}


@pytest.mark.parametrize("answer", OTHER_WAYS[ex.most_likely_next])
def test_other_right_ways_pass(answer):
    for seed in range(5):
        feedback = ex.most_likely_next.judge(answer, seed=seed)
        assert feedback.right, feedback


# Wrong answers ------------------------------------------------------------------------------------


def remembering(key):
    memory = {}
    return lambda text, word: memory.setdefault(key(text, word), right(text, word))


def counts_kept(text, word, counts={}):  # noqa: B006
    for a, b in pairwise(text.split()):
        if a == word:
            counts[b] = counts.get(b, 0) + 1
    return max(counts, key=counts.get, default=None)


def by_parting(text, word):
    found = [part.split()[0] for part in text.split(word)[1:] if part.split()]
    return max(found, key=found.count, default=None)


def by_border(text, word):
    found = re.findall(rf"\b{re.escape(word)}\b\s+(\S+)", text)
    return max(found, key=found.count, default=None)


def without_overlap(text, word):
    found = re.findall(rf"(?<!\S){re.escape(word)}\s+(\S+)", text)
    return max(found, key=found.count, default=None)


def never_itself(text, word):
    found = [b for a, b in pairwise(text.split()) if a == word != b]
    return max(found, key=found.count, default=None)


def only_twice(text, word):
    answer = right(text, word)
    return answer if list(pairwise(text.split())).count((word, answer)) > 1 else None


def by_identity(text, word):
    found = [b for a, b in pairwise(text.split()) if a is word]
    return max(found, key=found.count, default=None)


def as_a_pattern(text, word):
    try:
        found = re.findall(rf"(?<!\S){word}(?!\S)(?=\s+(\S+))", text)
    except re.error:
        return right(text, word)
    return max(found, key=found.count, default=None)


def best_so_far(text, word):
    counts, best = Counter(), None
    for a, b in pairwise(text.split()):
        if a == word:
            counts[b] += 1
            best = b if best is None or counts[b] > counts[best] else best
    return best


WRONG = (
    counts_kept,
    as_a_pattern,
    best_so_far,
    by_parting,
    by_border,
    without_overlap,
    never_itself,
    only_twice,
    by_identity,
    lambda text, word: right(text[:64], word),
    lambda text, word: right(text[:2000], word),
    lambda text, word: right(" ".join(text.split()[:1000]), word),
    lambda text, word: right(" ".join(text.split()[:64]), word),
    lambda text, word: right(text.split("\n")[0], word),
    lambda text, word: right(text.casefold(), word.casefold()),
    lambda text, word: right(text.title(), word.title()),
    lambda text, word: right(unicodedata.normalize("NFC", text), unicodedata.normalize("NFC", word)),
    lambda text, word: right(text.encode("ascii", "ignore").decode(), word),
    lambda text, word: right(re.sub(r"[.,!?]", "", text), word),
    lambda text, word: right(" ".join(dict.fromkeys(text.split())), word),
    lambda text, word: right(text, word) or word,
    lambda text, word: right(text, word) or (text.split() or [None])[0],
    lambda text, word: str(right(text, word)),
    lambda text, word: [right(text, word)],
    lambda text, word: (right(text, word) or "").strip(".,") or None,
    lambda text, word: (right(text, word) or "").lower() or None,
    lambda text, word: right(text, text.split()[0]),
    lambda text, word: right(re.sub(r"(\S+)(\s+\1)+", r"\1", text), word),
    remembering(lambda text, word: text),
    remembering(lambda text, word: word),
    remembering(lambda text, word: (len(text), len(word))),
)


@pytest.mark.parametrize("answer", WRONG, ids=lambda x: f"{x.__name__}-{x.__code__.co_firstlineno}")
def test_wrong_answers_are_refused(answer):
    for seed in range(3):
        feedback = ex.most_likely_next.judge(answer, seed=seed)
        assert feedback.state in (State.WRONG, State.CRASHED), feedback


def test_a_set_is_named_however_it_is_written():
    def answer(text, word):
        found = [b for a, b in pairwise(text.split()) if a == word]
        return max(set(found), key=lambda b: found.count(b)) if found else None

    # By chance a set may keep an order that is the alphabet's too; then that is what it is called.
    names = (
        "among equals it takes whichever a set has first",
        "among equals it takes the first in the alphabet",
    )
    assert ex.most_likely_next.judge(answer).mistake in names


def test_a_best_that_is_kept_while_counting_is_named():
    name = "among equals it takes the one that was the first to come so often"
    assert ex.most_likely_next.judge(best_so_far).mistake == name


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12), st.sampled_from(["a", "b", "e"]))
def test_the_reference_agrees_with_another_way_to_count(words, word):
    text = " ".join(words)
    assert ex.most_likely_next.reference(text, word) == with_lists(text, word)
