"""BLEU and chrF: how much of a reference translation is found again, and how sure such a number is.

Texts come in, numbers from 0 to 100 go out, equal to those of `sacrebleu` with one reference for each text.
This module does not know models, or which texts are compared. It supports `course_lib.translation`.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache

from course_lib.arguments import check_instance, is_number, shown, text_list, whole

_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# In this order: punctuation; full stop and comma, unless inside a number; a dash after a digit.
_SPLITS = (
    (r"([ -&(-+/:-@\[-`{-~])", r" \1 "),
    (r"([^0-9])([.,])", r"\1 \2 "),
    (r"([.,])([^0-9])", r" \1 \2"),
    (r"([0-9])(-)", r"\1 \2 "),
)
# What sacrebleu takes for a Chinese character; full-width punctuation and most symbols are among them.
_CHINESE = (
    "([\u2001-\u2a6d\u2e80-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31ef\u3200-\u33ff\u3400-\u4db5"
    "\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef])"
)


# Tokens -----------------------------------------------------------------------------------------------------


def tokens_13a(text: str) -> list[str]:
    """Words and punctuation marks, as the yearly contests of machine translation (WMT) split them.

    Source: Post 2018, section 2.2, on why all must split alike (arXiv:1804.08771).

    >>> tokens_13a("It costs 1,000 coins, Mia.")
    ['It', 'costs', '1,000', 'coins', ',', 'Mia', '.']
    """
    check_instance("tokens_13a", "text", text, str, "a text, one str")
    line = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES:
        line = line.replace(entity, character)
    return _split(f" {line} ")


def tokens_zh(text: str) -> list[str]:
    """Chinese characters one by one, all else in words: Chinese is written without spaces.

    >>> tokens_zh("米娅有2 kites。")
    ['米', '娅', '有', '2', 'kites', '。']
    """
    check_instance("tokens_zh", "text", text, str, "a text, one str")
    return _split(re.sub(_CHINESE, r" \1 ", text.strip()))


def _split(line: str) -> list[str]:
    for pattern, replacement in _SPLITS:
        line = re.sub(pattern, replacement, line)
    return line.split()


def ngrams(items: Sequence[Hashable], n: int) -> Counter:
    """How often each row of n items stands in `items`; in a text, each row of n characters.

    >>> ngrams(["the", "kite", "the", "kite"], 2)
    Counter({('the', 'kite'): 2, ('kite', 'the'): 1})
    >>> ngrams("aab", 1)
    Counter({'a': 2, 'b': 1})
    """
    n = whole("ngrams", "n", n)
    check_instance("ngrams", "items", items, Sequence, "a text or a list")
    rows = (items[i : i + n] for i in range(len(items) - n + 1))
    return Counter(rows if isinstance(items, str) else map(tuple, rows))


# Scores -----------------------------------------------------------------------------------------------------


def bleu(hypotheses: Sequence[str], references: Sequence[str], language: str = "en", max_n: int = 4) -> float:
    """BLEU of a whole test: n-grams that are found again, for n from 1 to `max_n`, times a brevity penalty.

    `language` is that of the texts. All counts are added up over the test first. An n without any match gets
    a small precision that halves each time, so that the score of a short text isn't 0 (NIST's smoothing).

    Units: 0 (nothing matches) to 100 (all equal).
    Raises: ValueError unless there is one reference for each hypothesis, and at least one.
    Source: Papineni and others 2002, section 2 (aclanthology.org/P02-1040).

    >>> bleu(["Mia lost a red kite."], ["Mia lost a red kite."])
    100.0
    >>> round(bleu(["Mia lost a red kite."], ["Mia lost her red kite."]), 1)
    38.0
    """
    hypotheses, references = _check("bleu", hypotheses, references)
    if language not in ("en", "zh"):
        raise ValueError(f"bleu got language={language!r}; choose 'en' or 'zh'.")
    max_n = whole("bleu", "max_n", max_n)
    pairs = zip(hypotheses, references, strict=True)
    counted = (_bleu_counts(h, r, language, max_n) for h, r in pairs)
    added = [sum(column) for column in zip(*counted, strict=True)]
    ours, theirs, *counts = added
    precisions = _smoothed(counts[:max_n], counts[max_n:])
    if min(precisions) == 0:
        return 0.0
    penalty = 1.0 if ours >= theirs else math.exp(1 - theirs / ours)
    return 100 * penalty * math.exp(sum(map(math.log, precisions)) / max_n)


@lru_cache(maxsize=4096)  # the bootstrap asks for the same pairs again and again
def _bleu_counts(hypothesis: str, reference: str, language: str, max_n: int) -> tuple[int, ...]:
    """Both lengths, then the matches for each n, then the n-grams of the hypothesis for each n."""
    split = tokens_zh if language == "zh" else tokens_13a
    ours, theirs = split(hypothesis), split(reference)
    matches = [(ngrams(ours, n) & ngrams(theirs, n)).total() for n in range(1, max_n + 1)]
    totals = [max(0, len(ours) - n + 1) for n in range(1, max_n + 1)]
    return len(ours), len(theirs), *matches, *totals


def _smoothed(matches: Sequence[int], totals: Sequence[int]) -> list[float]:
    if not any(matches) or not all(totals):
        return [0.0]
    precisions, missed = [], 1
    for found, total in zip(matches, totals, strict=True):
        missed *= 1 if found else 2
        precisions.append(found / total if found else 1 / (missed * total))
    return precisions


def chrf(hypotheses: Sequence[str], references: Sequence[str], char_order: int = 6, beta: float = 2) -> float:
    """chrF of a whole test: how far n-grams of characters agree, for n from 1 to `char_order`.

    Spaces are left out. Precision and recall are each averaged over the orders first; then they become one F,
    in which recall counts `beta` times as much as precision.

    Units: 0 (nothing matches) to 100 (all equal).
    Raises: ValueError unless there is one reference for each hypothesis, and at least one.
    Source: Popović 2015, section 2 (aclanthology.org/W15-3049), who reports `beta` 1 and 3; 2 is the default
    of sacrebleu.

    >>> chrf(["米娅跑了。"], ["米娅跑了。"])
    100.0
    >>> round(chrf(["Mia ran."], ["Mia runs."]), 1)
    29.4
    """
    hypotheses, references = _check("chrf", hypotheses, references)
    char_order = whole("chrf", "char_order", char_order)
    if not is_number(beta) or not 0 <= beta < math.inf:
        raise ValueError(f"chrf got beta={shown(beta)}; needed a number of 0 or more, e.g. 2.")
    pairs = zip(hypotheses, references, strict=True)
    counted = (_chrf_counts(h, r, char_order) for h, r in pairs)
    added = [sum(column) for column in zip(*counted, strict=True)]
    orders = [counts for counts in zip(added[::3], added[1::3], added[2::3], strict=True) if all(counts[:2])]
    if not orders:
        return 0.0
    precision = sum(matches / ours for ours, _, matches in orders) / len(orders)
    recall = sum(matches / theirs for _, theirs, matches in orders) / len(orders)
    if precision + recall == 0:
        return 0.0
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


@lru_cache(maxsize=4096)
def _chrf_counts(hypothesis: str, reference: str, char_order: int) -> tuple[int, ...]:
    """For each n: n-grams of the hypothesis, n-grams of the reference, matches."""
    ours, theirs = "".join(hypothesis.split()), "".join(reference.split())
    counts: list[int] = []
    for n in range(1, char_order + 1):
        mine, right = ngrams(ours, n), ngrams(theirs, n)
        counts += [mine.total() if right else 0, right.total(), (mine & right).total()]
    return tuple(counts)


def _check(name: str, hypotheses: Sequence[str], references: Sequence[str]) -> tuple[list[str], list[str]]:
    hypotheses, references = text_list(name, hypotheses), text_list(name, references)
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(
            f"{name} got {len(hypotheses)} translations and {len(references)} references; "
            "give one reference for each, and at least one."
        )
    return hypotheses, references


# How sure ---------------------------------------------------------------------------------------------------


def bootstrap(
    score: Callable[[Sequence[str], Sequence[str]], float],
    hypotheses: Sequence[str],
    references: Sequence[str],
    draws: int = 200,
    seed: int = 0,
) -> tuple[float, float]:
    """An interval for a score: the middle 95 % of what it is on tests drawn from this one, with repetition.

    Raises: ValueError as `chrf` does, and for fewer than 40 draws, whose outer 5 % would be less than two.
    Source: Koehn 2004 (aclanthology.org/W04-3250).

    >>> bootstrap(chrf, ["Mia ran.", "Tom ran."], ["Mia ran.", "Tom ran."])
    (100.0, 100.0)
    """
    hypotheses, references = _check("bootstrap", hypotheses, references)
    draws, seed = whole("bootstrap", "draws", draws, least=40), whole("bootstrap", "seed", seed, least=None)
    check_instance("bootstrap", "score", score, Callable, "a function that scores texts, such as chrf")
    chance, n, found = random.Random(seed), len(hypotheses), []
    for _ in range(draws):
        drawn = chance.choices(range(n), k=n)
        found.append(score([hypotheses[i] for i in drawn], [references[i] for i in drawn]))
    found.sort()
    cut = int(draws * 0.025)
    return found[cut], found[-1 - cut]
