"""Exercises and quiz of notebook 09: what counts, BLEU in three steps, chrF, beams, alignment."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

import torch

from course_lib.exercises import Case, Draw, Exercise, Mistake, Option, Question, Quiz

Tensor = torch.Tensor
Example = tuple[list[int], list[int]]


# What counts ------------------------------------------------------------------------------------------------


def _prefix_targets(source_ids: list[int], target_ids: list[int], end_id: int) -> tuple[list[int], list[int]]:
    """The ids [end, source, target, end], and the targets: -100 up to the end of the source."""
    ids = [end_id, *source_ids, *target_ids, end_id]
    targets = [-100] * (1 + len(source_ids)) + [*target_ids, end_id]
    return ids, targets


def _layout(goals: Callable[[list[int], list[int], int], list[int]]) -> Callable[..., Example]:
    """The right ids, with other targets."""
    return lambda source, target, end: ([end, *source, *target, end], goals(source, target, end))


def _endless_targets(source_ids: list[int], target_ids: list[int], end_id: int) -> Example:
    ids = [end_id, *source_ids, *target_ids, end_id]
    targets = []
    for place, token in enumerate(ids):
        only_read = place <= len(source_ids) or token == end_id
        targets.append(-100 if only_read else token)
    return ids, targets


def _mended_targets(source_ids: list[int], target_ids: list[int], end_id: int) -> Example:
    ids = [end_id, *source_ids, *target_ids, end_id]
    targets = []
    for place, token in enumerate(ids):
        only_read = place <= len(source_ids)
        targets.append(-100 if only_read else token)
    return ids, targets


def _one_more_masked(source: list[int], target: list[int], end: int) -> list[int]:
    goals = _prefix_targets(source, target, end)[1]
    return [*goals[: len(source) + 1], -100, *goals[len(source) + 2 :]]


def _one_list(source: list[int], target: list[int], end: int) -> Example:
    ids = goals = [end, *source, *target, end]
    goals[: len(source) + 1] = [-100] * (len(source) + 1)
    return ids, goals


def _masked_by_value(source: list[int], target: list[int], end: int) -> list[int]:
    return [-100] + [-100 if id in source else id for id in (*source, *target, end)]


def _end_between(source: list[int], target: list[int], end: int) -> Example:
    return [end, *source, end, *target, end], [-100] * (2 + len(source)) + [*target, end]


_IDS = (5, 7, 0, 3, 7, 64, 256, 257, 1000, 70_000)


def _fresh_prefix(draw: Draw) -> Case:
    end = draw.choose((9, 0, 300, 1000, 50_257))
    ids = [id for id in _IDS if id != end]
    source, target = (draw.list(lambda: draw.choose(ids), 0, 14) for _ in range(2))
    return Case(source, target, end)


prefix_targets = Exercise(
    name="prefix_targets",
    topic="translation",
    title="Read the source, learn the target",
    kind="explore",
    difficulty="easy",
    minutes=7,
    reference=_prefix_targets,
    cases=(
        Case([5, 7], [3, 9, 4], 0),
        Case([8, 2, 6], [1], 9),
        Case([4], [4, 4, 2, 7, 1], 3),
        Case([1, 2, 3, 5, 7], [2, 3], 6),
        Case([1, 2, 3, 5, 7], [3, 2], 1000),
        Case([6, 0, 0], [0, 7, 7, 0], 1),
        Case([8], [], 4),
        Case([], [5, 3], 4),
        Case([*range(300, 380)], [*range(250, 330)], 999),
        Case([4, 7], [3, 9, 4], 4),  # the end token may stand in what is given, too
        Case([6, 4, 2, 4], [4, 3, 4, 9], 4),
        Case([*range(300, 1350)], [*range(250, 1300)], 9),
    ),
    fresh=_fresh_prefix,
    hints=(
        "Four parts stand in a row: the end token, the source, the target, the end token. Which of them are "
        "only read?",
        "The first two are only read: together `1 + len(source_ids)` places. There must be a target for "
        "every id.",
        "`[-100] * k` masks k places. After them come the target's ids, and the end token once more.",
    ),
    explanation=(
        "It is the mask of notebook 08 with one addition: the end token behind the target is learned too. "
        "Without it the model would never know when a translation is complete, and would go on.\n\n"
        "The end token in front is only read. It says that a new text begins, as in pretraining."
    ),
    mistakes=(
        Mistake(
            "everything counts",
            _layout(lambda source, target, end: [end, *source, *target, end]),
            "Then half of the loss is about writing the source, which the model is always given. Put -100 "
            "there.",
        ),
        Mistake(
            "the closing end token is masked",
            _layout(lambda source, target, end: [-100] * (1 + len(source)) + [*target, -100]),
            "The model has to learn to stop: the end token behind the target counts.",
        ),
        Mistake(
            "the closing end token is missing",
            lambda source, target, end: ([end, *source, *target], [-100] * (1 + len(source)) + list(target)),
            "The ids end with `end_id`, and it is learned, or no translation would ever end.",
        ),
        Mistake(
            "the first end token is missing",
            lambda source, target, end: ([*source, *target, end], [-100] * len(source) + [*target, end]),
            "Every text began with the end token in pretraining; so should this one: `[end_id, ...]`.",
        ),
        Mistake(
            "the first end token counts",
            _layout(lambda source, target, end: [end] + [-100] * len(source) + [*target, end]),
            "It is given, like the source: -100 stands there as well.",
        ),
        Mistake(
            "the first end token has no place among the targets",
            _layout(lambda source, target, end: [-100] * len(source) + [*target, end]),
            "There must be one target for each id. `1 + len(source_ids)` places are only read.",
        ),
        Mistake(
            "the source counts and the target is masked",
            _layout(lambda source, target, end: [end, *source] + [-100] * (len(target) + 1)),
            "-100 means: leave this out. It belongs where the model only reads.",
        ),
        Mistake(
            "0 instead of -100",
            _layout(lambda source, target, end: [0] * (1 + len(source)) + [*target, end]),
            "0 is a token like any other, and would be learned. Only -100 is left out of the loss.",
        ),
        Mistake(
            "the end token is always 0",
            lambda source, target, end: _prefix_targets(source, target, 0),
            "0 was only an example. The end token is whatever `end_id` says.",
        ),
        Mistake(
            "the targets are shifted already",
            _layout(lambda source, target, end: [-100] * len(source) + [*target, end, -100]),
            "Here each target stands at its own token. `pad_batch` shifts; done twice, a token is skipped.",
        ),
        Mistake(
            "only what is learned is given as targets",
            _layout(lambda source, target, end: [*target, end]),
            "There must be one target for each id: fill the places that are only read with -100.",
        ),
        Mistake(
            "one place too many is masked",
            _layout(_one_more_masked),
            "Only the end token in front and the source are read: `1 + len(source_ids)` places. The first "
            "token of the target is to be learned.",
        ),
        Mistake(
            "there is an end token between source and target",
            _end_between,
            "The end token says that a text is over. Where the source ends is told by its mark, which "
            "belongs to `source_ids` already.",
        ),
        Mistake(
            "ids and targets are one list",
            _one_list,
            "`targets = ids` makes no second list, so what is masked in one is masked in both. Take a copy: "
            "`ids.copy()`.",
        ),
        Mistake(
            "what stands in the source is masked in the target too",
            _layout(_masked_by_value),
            "A token may stand in both. Mask by place, the first `1 + len(source_ids)`, and not by token.",
        ),
        Mistake(
            "no end token counts, wherever it stands",
            lambda source, target, end: _endless_targets(source, target, end),
            "The one behind the target is to be learned, or no translation ever ends. Mask by place, the "
            "first `1 + len(source_ids)`, and not by token.",
        ),
    ),
)


endless_targets = replace(
    prefix_targets,
    name="endless_targets",
    title="Find the bug: a text that never ends",
    kind="bug",
    difficulty="medium",
    minutes=8,
    reference=_mended_targets,
    faulty=_endless_targets,
    symptom=(
        "Ids and targets are of the same length, and nothing of the source counts; but whoever learns from "
        "these targets goes on writing for ever."
    ),
    hints=(
        "What must a model have learned in order to stop? Then look at what it is shown of that.",
        "Go through the loop with the source 9, the target 5 6 7 and the end token 0, and write down the "
        "targets. Which of the two zeros should count?",
        "There are two reasons here for which a place may be left out. One of them goes by where the token "
        "stands, the other by which token it is.",
    ),
    explanation=(
        "The line leaves out the end token wherever it stands, also behind the target. So no model ever "
        "gets a loss for going on, and none learns to stop; all else in its translations may be "
        "perfect.\n\n"
        "One way to this bug: batches are filled up with the end token, and somebody who doesn't want the "
        "filling to count masks it *wherever* it stands, the real end too. What counts is decided by place. "
        "The filling gets its -100 when it is put in, as in `pad_batch` of notebook 08."
    ),
)


# BLEU -------------------------------------------------------------------------------------------------------


def _clipped_precision(hypothesis: list[str], reference: list[str], n: int) -> tuple[int, int]:
    """How many n-grams of the hypothesis the reference confirms, and how many there are."""
    ours = Counter(tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1))
    theirs = Counter(tuple(reference[i : i + n]) for i in range(len(reference) - n + 1))
    matches = sum(min(count, theirs[gram]) for gram, count in ours.items())
    return matches, sum(ours.values())


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def _shared(ours: list, theirs: list) -> int:
    return (Counter(ours) & Counter(theirs)).total()


def _fewer_grams(hypothesis: list[str], reference: list[str], n: int) -> tuple[int, int]:
    return _clipped_precision(hypothesis[:-1], reference[:-1], n)


def _by_place(hypothesis: list[str], reference: list[str], n: int) -> tuple[int, int]:
    ours, theirs = _grams(hypothesis, n), _grams(reference, n)
    return sum(a == b for a, b in zip(ours, theirs, strict=False)), len(ours)


def _divided(hypothesis: list[str], reference: list[str], n: int) -> float | tuple[int, int]:
    """The share; right where there is nothing to divide, so that it's recognised whatever is done there."""
    matches, total = _clipped_precision(hypothesis, reference, n)
    return matches / total if total else (0, 0)


def _unordered(hypothesis: list[str], reference: list[str], n: int) -> tuple[int, int]:
    ours, theirs = ([tuple(sorted(gram)) for gram in _grams(words, n)] for words in (hypothesis, reference))
    return _shared(ours, theirs), len(ours)


def _joined_grams(separator: str) -> Callable[..., tuple[int, int]]:
    def answer(hypothesis: list[str], reference: list[str], n: int) -> tuple[int, int]:
        ours, theirs = ([separator.join(gram) for gram in _grams(x, n)] for x in (hypothesis, reference))
        return _shared(ours, theirs), len(ours)

    return answer


def _in_small_letters(hypothesis: list[str], reference: list[str], n: int) -> tuple[int, int]:
    return _clipped_precision([w.lower() for w in hypothesis], [w.lower() for w in reference], n)


def _fresh_precision(draw: Draw) -> Case:
    """Two texts of few words that look alike, of which some are in both."""
    words = draw.words(3, 30)
    words += draw.shuffled(words)
    middle = draw.integer(2, len(words) - 1)
    return Case(words[:middle], words[middle:], draw.choose((1, 2, 1, 2, 3, 4)))


_REFRAIN = "the red kite and the Red kite , a red hat".split()

clipped_precision = Exercise(
    name="clipped_precision",
    topic="translation",
    title="N-grams that are found again",
    kind="explore",
    difficulty="medium",
    minutes=12,
    reference=_clipped_precision,
    cases=(
        Case("the the the cat".split(), "the cat sat".split(), 1),
        Case("a red kite and a red hat".split(), "a red hat and a kite".split(), 2),
        Case("a b a b a b c".split(), "a b a b a d".split(), 3),
        Case("home Mia ran away".split(), "ran Mia home".split(), 2),
        Case(["kite"], "a red kite flew".split(), 3),
        Case("x y".split(), "a b c".split(), 1),
        Case("x y".split(), "y y x".split(), 1),
        Case("a a b".split(), "b a a".split(), 1),
        Case(["a", "ab", "b", "c"], ["aa", "b", "bc", "a"], 2),
        Case("The cat , the cat .".split(), "the cat . The Cat".split(), 2),
        Case("The cat , the cat .".split(), "the cat . The Cat".split(), 1),
        Case("the, cat. café goes Mia".split(), "the cat caf goesn't mia".split(), 1),
        Case("说 café 🙂 afternoon goodness".split(), "café 🙂 afternoon 说 afternoons".split(), 1),
        Case([], "a b".split(), 1),
        Case("a b".split(), [], 1),
        Case(_REFRAIN * 10, _REFRAIN * 9, 70),
        Case([f"{i}" for i in range(100)], [f"{i}" for i in range(5, 300)], 3),
        Case([f"{i}" for i in range(2100)], [f"{i}" for i in range(2080, 2099)], 2),
        Case([f"{i}" for i in range(2080, 2099)], [f"{i}" for i in range(2100)], 2),
    ),
    fresh=_fresh_precision,
    hints=(
        "Make all n-grams of both lists: `tuple(words[i : i + n])`. Where does the last one begin?",
        "A `Counter` of them says how often each one stands there. An n-gram matches as often as it stands "
        "in *both*: the smaller of the two counts.",
        "Add up `min(count, theirs[gram])` over the hypothesis's n-grams (a Counter gives 0 for what it "
        "doesn't have). The total is the number of all its n-grams.",
    ),
    explanation=(
        "Without the clip *the the the the* would have a precision of 1 against any reference with a *the*. "
        "With it, each n-gram of the reference can be used once. `(ours & theirs).total()` is a short way "
        "to write it: `&` keeps the smaller count.\n\n"
        "Matches and totals are kept apart, since BLEU adds them up over all texts of a test before it "
        "divides."
    ),
    mistakes=(
        Mistake(
            "the matches are not clipped",
            lambda h, r, n: (sum(gram in _grams(r, n) for gram in _grams(h, n)), len(_grams(h, n))),
            "*the the the* against one *the* is one match, not three: at most as many as the reference has.",
        ),
        Mistake(
            "every n-gram counts once, however often it stands there",
            lambda h, r, n: (len(set(_grams(h, n)) & set(_grams(r, n))), len(set(_grams(h, n)))),
            "A set forgets how often. Count both with a `Counter`, and take the smaller count.",
        ),
        Mistake(
            "matches once for each n-gram",
            lambda h, r, n: (len(set(_grams(h, n)) & set(_grams(r, n))), len(_grams(h, n))),
            "An n-gram that stands twice in both has two matches. The clip is the reference's count, not 1.",
        ),
        Mistake(
            "the total is that of the reference",
            lambda h, r, n: (_shared(_grams(h, n), _grams(r, n)), len(_grams(r, n))),
            "That would be recall. Precision asks how much of what was *said* is right.",
        ),
        Mistake(
            "the total counts words",
            lambda h, r, n: (_shared(_grams(h, n), _grams(r, n)), len(h)),
            "A list of five words has four pairs and three triples: `len(hypothesis) - n + 1`.",
        ),
        Mistake(
            "the total can be negative",
            lambda h, r, n: (_shared(_grams(h, n), _grams(r, n)), len(h) - n + 1),
            "One word holds no pairs: 0 of them. `max(0, len(hypothesis) - n + 1)`, or count the list.",
        ),
        Mistake(
            "the last n-gram is missing",
            _fewer_grams,
            "The last n-gram begins at `len(words) - n`, so the range goes to `len(words) - n + 1`.",
        ),
        Mistake(
            "n-grams are compared place by place",
            _by_place,
            "One word more at the front, and nothing would match any more. Where an n-gram stands doesn't "
            "count.",
        ),
        Mistake(
            "the order inside an n-gram is lost",
            _unordered,
            "*ran Mia* is another pair than *Mia ran*. Order is what longer n-grams are for: use tuples.",
        ),
        Mistake(
            "only words are counted",
            lambda h, r, n: _clipped_precision(h, r, 1),
            "n is not used: make rows of n words.",
        ),
        Mistake(
            "they are divided already",
            _divided,
            "Give both numbers, as a pair: over a whole test they are added up first and divided last.",
        ),
        Mistake(
            "the words of an n-gram are joined without a space",
            _joined_grams(""),
            "*a*, *ab* and *aa*, *b* both become *aab*. Use tuples, or join with a space.",
        ),
        Mistake(
            "capitals don't count",
            _in_small_letters,
            "*Red* and *red* are two words here: compare the words as they stand.",
        ),
        Mistake(
            "the reference's n-grams are looked up in the hypothesis",
            lambda h, r, n: (sum(gram in _grams(h, n) for gram in _grams(r, n)), len(_grams(h, n))),
            "So there may be more matches than n-grams in the hypothesis. Take the smaller count.",
        ),
    ),
)


def _brevity_penalty(hypothesis_length: int, reference_length: int) -> float:
    """1 unless the hypothesis is shorter than the reference; then exp(1 - reference / hypothesis)."""
    if hypothesis_length == 0:
        return 0.0
    if hypothesis_length >= reference_length:
        return 1.0
    return math.exp(1 - reference_length / hypothesis_length)


def _only_if_shorter(penalty: Callable[[int, int], float]) -> Callable[[int, int], float]:
    return lambda h, r: 0.0 if h == 0 else 1.0 if h >= r else penalty(h, r)


_NOTHING_SAID = "An empty hypothesis has length 0. Its penalty is 0: return that first."


def _long_enough_first(h: int, r: int) -> float:
    return 1.0 if h >= r else 0.0 if h == 0 else math.exp(1 - r / h)


def _fresh_penalty(draw: Draw) -> Case:
    unit = draw.choose((1, 1, 7, 100))
    return Case(unit * draw.integer(0, 20), unit * draw.integer(0, 20) + draw.choose((0, 0, 1)))


brevity_penalty = Exercise(
    name="brevity_penalty",
    topic="translation",
    title="No reward for silence",
    kind="explore",
    difficulty="easy",
    minutes=6,
    reference=_brevity_penalty,
    cases=(
        *(Case(5, 10), Case(7, 5), Case(3, 3), Case(2, 3), Case(0, 4), Case(11, 13), Case(1, 7)),
        *(Case(5, 8), Case(0, 0), Case(4, 0), Case(900, 1000), Case(1000, 900), Case(99, 100)),
        *(Case(40_000, 50_000), Case(50_001, 50_000)),
    ),
    fresh=_fresh_penalty,
    hints=(
        "Three kinds of cases: nothing was said (0), at least as long as the reference (1), and shorter. In "
        "the last, all hangs on x, how many times as long the reference is.",
        "What loses the same share at each step of the same size is an exponential: `math.exp` of a straight "
        "line in x. The line is 0 where the penalty is 1, at x = 1, and -1 where it is 1/e, at x = 2.",
    ),
    explanation=(
        "A translation of one sure word has perfect precision. BLEU has no recall to notice what is "
        "missing, so the length stands in for it: half as long gives e^(1-2) = 0.37, a third e^(1-3) = "
        "0.14. Too long a text needs no penalty of its own: its precision is low already.\n\n"
        "The lengths are those of the whole test, so one short sentence can be made good by a longer one."
    ),
    mistakes=(
        Mistake(
            "a straight line, not an exponential",
            _only_if_shorter(lambda h, r: 1 - (r / h - 1) * (1 - 1 / math.e)),
            "It loses the same *amount* at each step, and falls below 0. The same *share* is lost each time, "
            "of what is left.",
        ),
        Mistake(
            "a power of the ratio, not an exponential",
            _only_if_shorter(lambda h, r: (h / r) ** (1 / math.log(2))),
            "It is right at 1 and at 2. But from 1 to 1.5 it loses a larger share than from 1.5 to 2.",
        ),
        Mistake(
            "half of it is lost, not all but 1/e",
            _only_if_shorter(lambda h, r: 2 ** (1 - r / h)),
            "At 2 the penalty is to be 1/e, not 1/2: the base is e.",
        ),
        Mistake(
            "the fraction is upside down",
            _only_if_shorter(lambda h, r: math.exp(1 - h / r)),
            "1 - h/r is above 0, and e to that above 1: a reward. The reference's length stands above.",
        ),
        Mistake(
            "too long gives a reward",
            lambda h, r: math.exp(1 - r / h) if h else 0.0,
            "For a longer hypothesis the formula gives more than 1. There it is 1, by definition.",
        ),
        Mistake(
            "too long is punished and too short is not",
            lambda h, r: 0.0 if h == 0 else 1.0 if h <= r else math.exp(1 - h / r),
            "It is a *brevity* penalty: it is for those that are too short.",
        ),
        Mistake(
            "the condition is turned round",
            lambda h, r: 0.0 if h == 0 else 1.0 if h <= r else math.exp(1 - r / h),
            "The 1 is for a hypothesis that is long enough, `hypothesis_length >= reference_length`.",
        ),
        Mistake(
            "whole-number division",
            _only_if_shorter(lambda h, r: math.exp(1 - r // h)),
            "`//` drops the rest: 3 // 2 is 1, as if nothing were missing. Use `/`.",
        ),
        Mistake(
            "too long is punished as well",
            lambda h, r: 0.0 if h == 0 else math.exp(1 - max(h / r, r / h)),
            "Words too many have already cost precision. Only brevity is punished here.",
        ),
        Mistake(
            "the plain ratio of the lengths",
            _only_if_shorter(lambda h, r: h / r),
            "Half as long gives 0.37, not 0.5: the penalty is e^(1 - r/h), which falls faster.",
        ),
        Mistake(
            "the difference of the lengths instead of their ratio",
            _only_if_shorter(lambda h, r: math.exp(h - r)),
            "Two words too few are much in five and nothing in a thousand. Use the ratio r/h.",
        ),
        Mistake(
            "the 1 is missing in the exponent",
            _only_if_shorter(lambda h, r: math.exp(-r / h)),
            "At equal lengths it must come to 1, so the exponent to 0: that's `1 - r/h`.",
        ),
        Mistake(
            "it divides by zero where nothing was said",
            lambda h, r: 1.0 if h >= r else math.exp(1 - r / h),
            _NOTHING_SAID,
        ),
        Mistake(
            "it divides by zero where nothing was said",
            lambda h, r: min(1, math.exp(1 - r / h)),
            _NOTHING_SAID,
        ),
        Mistake(
            "nothing against nothing gives 1",
            _long_enough_first,
            "An empty hypothesis gets 0 in any case: ask for that first.",
        ),
        Mistake(
            "it is always 1",
            lambda h, r: 1.0,
            "A hypothesis shorter than its reference has to pay.",
        ),
    ),
)


def _bleu_score(precisions: list[tuple[int, int]], hypothesis_length: int, reference_length: int) -> float:
    """The geometric mean of the precisions (matches, total), times the brevity penalty, from 0 to 100."""
    if hypothesis_length == 0 or any(matches == 0 for matches, _ in precisions):
        return 0.0
    logs = [math.log(matches / total) for matches, total in precisions]
    mean = math.exp(sum(logs) / len(logs))
    penalty = min(1.0, math.exp(1 - reference_length / hypothesis_length))
    return 100 * penalty * mean


def _combined(
    mean: Callable[[list[float]], float], penalty: Callable[[int, int], float] = _brevity_penalty
) -> Callable[..., float]:
    """BLEU with another mean or penalty; 0 where an n has no match."""

    def answer(precisions: list[tuple[int, int]], h: int, r: int) -> float:
        if h == 0 or not all(matches for matches, _ in precisions):
            return 0.0
        return 100 * penalty(h, r) * mean([matches / total for matches, total in precisions])

    return answer


def _geometric(shares: list[float]) -> float:
    return math.prod(shares) ** (1 / len(shares))


def _pooled(precisions: list[tuple[int, int]], h: int, r: int) -> float:
    if not all(matches for matches, _ in precisions):
        return 0.0
    matches, totals = (sum(column) for column in zip(*precisions, strict=True))
    return 100 * _brevity_penalty(h, r) * matches / totals


def _zeros_skipped(precisions: list[tuple[int, int]], h: int, r: int) -> float:
    shares = [matches / total for matches, total in precisions if matches]
    return 100 * _brevity_penalty(h, r) * _geometric(shares) if shares else 0.0


def _zeros_as_ones(precisions: list[tuple[int, int]], h: int, r: int) -> float:
    shares = [matches / total if matches else 1.0 for matches, total in precisions]
    return 100 * _brevity_penalty(h, r) * _geometric(shares)


def _empty_skipped(precisions: list[tuple[int, int]], h: int, r: int) -> float:
    return _bleu_score([pair for pair in precisions if pair[1]], h, r)


def _log_of_zero(precisions: list[tuple[int, int]], h: int, r: int) -> float:
    logs = [math.log(matches / max(1, total)) for matches, total in precisions]
    return 100 * _brevity_penalty(h, r) * math.exp(sum(logs) / len(logs))


def _empty_totals(precisions: list[tuple[int, int]], h: int, r: int) -> float:
    return 100 * _brevity_penalty(h, r) * _geometric([matches / total for matches, total in precisions])


def _penalty_in_root(precisions: list[tuple[int, int]], h: int, r: int) -> float:
    return _combined(_geometric, lambda h, r: _brevity_penalty(h, r) ** (1 / len(precisions)))(
        precisions, h, r
    )


_SKIPPED = "Leaving them out makes a bad translation look better. Without smoothing the score is 0 there."


def _fresh_bleu(draw: Draw) -> Case:
    """Fewer and fewer n-grams; from some n on there may be no match, or none at all."""
    total = length = draw.choose((1, 1, 10, 100)) * draw.integer(0, 12)
    pairs, last = [], draw.choose((9, 9, 9, 2, 0))
    for n in range(draw.integer(1, 9)):
        pairs.append((draw.integer(1, total) if total and n <= last else 0, total))
        total = max(0, total - draw.choose((1, 0, 1, 2, 40)))
    least = int(any(matches for matches, _ in pairs))  # what matches stands in the reference
    others = (length, length + 1, length + 3, 2 * length, max(least, length - 1), max(least, length // 2))
    return Case(pairs, length, draw.choose(others))


bleu_score = Exercise(
    name="bleu_score",
    topic="translation",
    title="BLEU, put together",
    kind="explore",
    difficulty="medium",
    minutes=12,
    reference=_bleu_score,
    cases=(
        Case([(4, 5), (2, 4)], 5, 5),
        Case([(7, 7), (5, 6), (3, 5), (1, 4)], 7, 9),
        Case([(5, 8), (3, 7), (2, 6)], 8, 5),
        Case([(3, 4), (1, 3), (0, 2), (0, 1)], 4, 5),
        Case([(2, 2), (1, 1), (0, 0), (0, 0)], 2, 3),
        Case([(11, 13)], 13, 17),
        Case([(11, 13)], 13, 20),
        Case([(3, 6), (3, 6), (2, 4), (1, 4), (1, 4)], 6, 8),
        Case([(0, 0), (0, 0)], 0, 4),
        Case([(0, 0)], 0, 0),
        Case([(1, 1)], 1, 1),
        Case([(3, 4), (2, 3), (0, 2)], 4, 4),
        Case([(0, 3), (0, 2)], 3, 0),
        Case([(700, 900), (300, 800), (257, 700)], 900, 1000),
        Case([(400 - 3 * i, 400 - 2 * i) for i in range(80)], 400, 410),
        Case([(90_000 - 3 * i, 90_000 - i) for i in range(1050)], 90_000, 90_100),
    ),
    fresh=_fresh_bleu,
    hints=(
        "A geometric mean of k numbers is the k-th root of their product. One of them is 0: what is the "
        "product?",
        "With logarithms the product is a sum: `math.exp(sum(logs) / len(logs))`. The logarithm of 0 "
        "doesn't exist, so return 0.0 before, wherever an n has no match.",
        "Then times the brevity penalty, `min(1.0, math.exp(1 - reference_length / hypothesis_length))`, "
        "and times 100.",
    ),
    explanation=(
        "A geometric mean punishes a weak part more than the ordinary one: all right words in a wrong order "
        "have no long n-grams in common with the reference. It is 0 as soon as one part is 0, which happens "
        "easily in short texts; tools put in a little for it there (smoothing), as `bleu` of the course "
        "does. Over a whole test it rarely matters."
    ),
    mistakes=(
        Mistake(
            "the ordinary mean",
            _combined(lambda shares: sum(shares) / len(shares)),
            "BLEU multiplies the precisions and takes the root: the geometric mean.",
        ),
        Mistake(
            "the root is missing",
            _combined(math.prod),
            "The product of four shares is tiny. Its 4th root is their mean (k-th for k precisions).",
        ),
        Mistake(
            "always the fourth root",
            _combined(lambda shares: math.prod(shares) ** (1 / 4)),
            "There may be more or fewer than four precisions: divide by `len(precisions)`.",
        ),
        Mistake(
            "the square root",
            _combined(lambda shares: math.prod(shares) ** (1 / 2)),
            "The square root is for two. For k precisions it is the k-th: the power 1 / k.",
        ),
        Mistake(
            "all matches over all totals",
            _pooled,
            "Adding up over the orders mixes words and fours. Each order has a precision of its own.",
        ),
        Mistake(
            "the brevity penalty is missing",
            _combined(_geometric, lambda h, r: 1.0),
            "A translation shorter than its reference has to pay: times e^(1 - r/h).",
        ),
        Mistake(
            "the penalty is for long texts instead of short ones",
            _combined(_geometric, lambda h, r: _brevity_penalty(r, h)),
            "The two lengths have changed places. It is e^(1 - r/h) where the hypothesis is the shorter one.",
        ),
        Mistake(
            "the condition of the penalty is turned round",
            _combined(_geometric, lambda h, r: 1.0 if h <= r else math.exp(1 - r / h)),
            "The 1 is for a hypothesis that is long enough; a shorter one pays.",
        ),
        Mistake(
            "the penalty's fraction is upside down",
            _combined(_geometric, lambda h, r: 1.0 if h >= r else math.exp(1 - h / r)),
            "1 - h/r is above 0, and e to that a reward. The reference's length stands above: e^(1 - r/h).",
        ),
        Mistake(
            "a longer text gets a reward",
            _combined(_geometric, lambda h, r: math.exp(1 - r / h)),
            "The penalty is never above 1: `min(1.0, ...)`.",
        ),
        Mistake(
            "the penalty is inside the root",
            _penalty_in_root,
            "Take the mean of the precisions first, and multiply by the penalty after it.",
        ),
        Mistake(
            "it goes from 0 to 1",
            lambda precisions, h, r: _bleu_score(precisions, h, r) / 100,
            "By custom BLEU goes to 100. One factor is missing.",
        ),
        Mistake(
            "orders without a match are skipped",
            _zeros_skipped,
            _SKIPPED,
        ),
        Mistake("orders without a match are skipped", _zeros_as_ones, _SKIPPED),
        Mistake(
            "orders with a total of 0 are skipped",
            _empty_skipped,
            "(0, 0) is no match either: the text is too short for that n, and the score is 0.",
        ),
        Mistake(
            "it takes the logarithm of 0",
            _log_of_zero,
            "Where an order has no match its precision is 0, and so is BLEU. Return 0.0 first.",
        ),
        Mistake(
            "it divides by a total of 0",
            _empty_totals,
            "A text of two words has no triples: (0, 0). No match either, so the score is 0: look at the "
            "matches first.",
        ),
    ),
)


# chrF -------------------------------------------------------------------------------------------------------


def _chrf_score(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
    """Precision and recall of character n-grams, each averaged over the orders 1 to n, then F; 0 to 100."""
    ours, theirs = "".join(hypothesis.split()), "".join(reference.split())
    precisions, recalls = [], []
    for k in range(1, n + 1):
        mine = Counter(ours[i : i + k] for i in range(len(ours) - k + 1))
        right = Counter(theirs[i : i + k] for i in range(len(theirs) - k + 1))
        if mine and right:
            shared = (mine & right).total()
            precisions.append(shared / mine.total())
            recalls.append(shared / right.total())
    if sum(precisions) == 0:
        return 0.0
    precision, recall = sum(precisions) / len(precisions), sum(recalls) / len(recalls)
    return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def _f(precision: float, recall: float, beta: float) -> float:
    below = beta**2 * precision + recall
    return 100 * (1 + beta**2) * precision * recall / below if below else 0.0


def _mean(shares: list[float]) -> float:
    return sum(shares) / len(shares) if shares else 0.0


def _joined(text: str) -> str:
    return "".join(text.split())


def _order(ours: list, theirs: list, k: int, kind: type = Counter) -> tuple[float, float] | None:
    mine, right = (kind(tuple(x[i : i + k]) for i in range(len(x) - k + 1)) for x in (ours, theirs))
    if not mine or not right:
        return None
    sizes = [sum(c.values()) if kind is Counter else len(c) for c in (mine & right, mine, right)]
    return sizes[0] / sizes[1], sizes[0] / sizes[2]


def _chrf(
    split: Callable = _joined,
    final: Callable[[float, float, float], float] = _f,
    kind: type = Counter,
    orders: Callable[[int], range] = lambda n: range(1, n + 1),
) -> Callable[..., float]:
    """chrF with another split, F, count or set of orders."""

    def answer(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
        ours, theirs = list(split(hypothesis)), list(split(reference))
        found = [pair for k in orders(n) if (pair := _order(ours, theirs, k, kind)) is not None]
        return final(_mean([p for p, _ in found]), _mean([r for _, r in found]), beta)

    return answer


def _f_per_order(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
    ours, theirs = list(_joined(hypothesis)), list(_joined(reference))
    found = [pair for k in range(1, n + 1) if (pair := _order(ours, theirs, k)) is not None]
    return _mean([_f(precision, recall, beta) for precision, recall in found])


def _all_orders(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
    ours, theirs = list(_joined(hypothesis)), list(_joined(reference))
    found = [_order(ours, theirs, k) or (0.0, 0.0) for k in range(1, n + 1)]
    return _f(_mean([p for p, _ in found]), _mean([r for _, r in found]), beta)


def _matching_orders(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
    ours, theirs = list(_joined(hypothesis)), list(_joined(reference))
    found = [pair for k in range(1, n + 1) if (pair := _order(ours, theirs, k)) and pair[0]]
    return _f(_mean([p for p, _ in found]), _mean([r for _, r in found]), beta)


def _unclipped_chrf(both_ways: bool) -> Callable[..., float]:
    """What isn't clipped: the hypothesis's n-grams, or for recall those of the reference."""

    def answer(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
        texts = [_joined(hypothesis), _joined(reference)]
        found = []
        for k in range(1, min(n, *map(len, texts)) + 1):
            ours, theirs = _grams(texts[0], k), _grams(texts[1], k)
            said = sum(gram in theirs for gram in ours)
            heard = sum(gram in ours for gram in theirs) if both_ways else said
            found.append((said / len(ours), heard / len(theirs)))
        return _f(_mean([p for p, _ in found]), _mean([r for _, r in found]), beta)

    return answer


def _shared_as_sets(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
    texts = _joined(hypothesis), _joined(reference)
    found = []
    for k in range(1, min(n, *map(len, texts)) + 1):
        ours, theirs = _grams(texts[0], k), _grams(texts[1], k)
        shared = len({*ours} & {*theirs})
        found.append((shared / len(ours), shared / len(theirs)))
    return _f(_mean([p for p, _ in found]), _mean([r for _, r in found]), beta)


def _pooled_chrf(shared_only: bool) -> Callable[..., float]:
    """One count over all orders; or over those that both texts are long enough for."""

    def answer(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
        texts = [_joined(hypothesis), _joined(reference)]
        most = min(n, *map(len, texts)) if shared_only else n
        ours, theirs = ([gram for k in range(1, most + 1) for gram in _grams(text, k)] for text in texts)
        shared = _shared(ours, theirs)
        return _f(shared / len(ours), shared / len(theirs), beta) if shared else 0.0

    return answer


def _own_orders(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
    ours, theirs = _joined(hypothesis), _joined(reference)
    shared = [_shared(_grams(ours, k), _grams(theirs, k)) for k in range(1, n + 1)]
    sides = [[m / len(_grams(x, k)) for k, m in enumerate(shared, 1) if k <= len(x)] for x in (ours, theirs)]
    return _f(_mean(sides[0]), _mean(sides[1]), beta)


def _crashing_chrf(hypothesis: str, reference: str, n: int = 6, beta: float = 2.0) -> float:
    def divide(precision: float, recall: float, beta: float) -> float:
        return 100 * (1 + beta**2) * precision * recall / (beta**2 * precision + recall)

    return _chrf(final=divide)(hypothesis, reference, n, beta)


_ADDED_UP = (
    "Short pieces are more numerous and would count for more. Each n has a precision and a recall of its "
    "own; take their means."
)


def _fresh_chrf(draw: Draw) -> Case:
    """Two texts of words that look alike, with one or two spaces between them, and some around them."""
    words = draw.words(1, 8)
    others = (*dict.fromkeys(words), draw.word())
    texts = []
    for side in (words, [draw.choose(others) for _ in range(draw.integer(1, 8))]):
        texts.append(draw.choose(("", "", " ")) + "".join(w + draw.choose((" ", "  ", " ")) for w in side))
        texts[-1] = texts[-1] if draw.boolean() else texts[-1].strip()
    options = {"n": draw.integer(1, 8), "beta": draw.choose((2.0, 1.0, 0.5, 3.0, 0.0))}
    return Case(*texts, **{name: value for name, value in options.items() if draw.boolean()})


_NOT_CLIPPED = "As in exercise 2, a piece matches as often as it stands in *both* texts: `mine & right`."

chrf_score = Exercise(
    name="chrf_score",
    topic="translation",
    title="chrF: characters instead of words",
    kind="explore",
    mark="more",
    difficulty="hard",
    minutes=18,
    reference=_chrf_score,
    cases=(
        Case("ab", "a bc", n=2, beta=1.0),
        Case("Mia ran to the park.", "Mia ran in a park."),
        Case("a kite and a kite", "the kite", n=3),
        Case("米娅丢了红色的风筝。", "米娅弄丢了风筝。", n=5, beta=3.0),
        Case("no", "not a hat", n=3),
        Case("the the", "the red red hat the hen", n=2, beta=0.5),
        Case("xyz", "abc"),
        Case("the the", "the theme", n=2, beta=0.5),
        Case("no", "not a hat"),
        Case("", "a hat"),
        Case("a  hat ", ""),
        Case("  ", "", 1, 1.0),
        Case("", "", 2),
        Case("a red kite", "a redder kite", 2),
        Case("a red kite", "a redder kite", 9),
        Case(" 🙂 Ein  Café 🙂", "ein café🙂 ", beta=0.0),
        Case("the cat", "the", beta=0.0),
        Case("abd", "abc"),
        Case("The kite and the cat ran to the market. " * 4, "The cat and a kite ran to markets! " * 4, 80),
        Case("ab cd ef gh", "ab cx ef gy", 12),
        Case("red " * 700 + "hat!", "a hat!", 2),
        Case("a hat!", "red " * 700 + "hat!", 2),
    ),
    fresh=_fresh_chrf,
    hints=(
        'First take the spaces out: `"".join(text.split())`. Then, for each k from 1 to n, count the '
        "pieces of k characters in both texts.",
        "For each k: shared / all of the hypothesis is the precision, shared / all of the reference the "
        "recall. `mine & right` of two Counters is what they share. Leave out a k that one of them is too "
        "short for.",
        "Average the precisions, average the recalls, and only then combine: (1 + β²)·P·R / (β²·P + R). "
        "If nothing is shared, return 0.0 before.",
    ),
    explanation=(
        "With β = 2 recall weighs more: what is missing costs more than what is too much. Pieces of "
        "characters forgive a wrong ending (*run*, *runs*), and need no rule for where words end, which "
        "suits Chinese.\n\n"
        "There are two ways to average: an F for each order, or first the precisions and the recalls, and "
        "one F at the end. This is the second, which `sacrebleu` uses too."
    ),
    mistakes=(
        Mistake(
            "the spaces stay in",
            _chrf(split=lambda text: text),
            'chrF leaves spaces out: `"".join(text.split())`.',
        ),
        Mistake(
            "words instead of characters",
            _chrf(split=str.split),
            "The pieces are made of characters: `text[i : i + k]`.",
        ),
        Mistake("the matches are not clipped", _unclipped_chrf(False), _NOT_CLIPPED),
        Mistake("the matches are not clipped", _unclipped_chrf(True), _NOT_CLIPPED),
        Mistake("the counts of all orders are added up", _pooled_chrf(False), _ADDED_UP),
        Mistake("the counts of all orders are added up", _pooled_chrf(True), _ADDED_UP),
        Mistake(
            "precision and recall are averaged over different orders",
            _own_orders,
            "If one of the texts is too short for an n, that n is left out of *both* means.",
        ),
        Mistake(
            "an F for each order, then the mean of these",
            _f_per_order,
            "That is the other way to average. Here precisions and recalls are averaged first, and F comes "
            "last.",
        ),
        Mistake(
            "orders that a text is too short for count as 0",
            _all_orders,
            "A text of two characters has no piece of three. Average over the orders that both texts have.",
        ),
        Mistake(
            "beta is not squared",
            _chrf(final=lambda p, r, beta: _f(p, r, math.sqrt(beta))),
            "In the formula β stands squared, both above and below.",
        ),
        Mistake(
            "precision counts more than recall",
            _chrf(final=lambda p, r, beta: _f(r, p, beta)),
            "β² stands beside the *precision* below the line; that gives recall the weight.",
        ),
        Mistake(
            "beta is not used",
            _chrf(final=lambda p, r, beta: _f(p, r, 1.0)),
            "F1 treats both alike. With β: (1 + β²)·P·R / (β²·P + R).",
        ),
        Mistake(
            "beta is always 2",
            lambda hypothesis, reference, n=6, beta=2.0: _chrf_score(hypothesis, reference, n),
            "2 is only what beta is if nobody says otherwise. Use the argument.",
        ),
        Mistake(
            "n is always 6",
            lambda hypothesis, reference, n=6, beta=2.0: _chrf_score(hypothesis, reference, beta=beta),
            "6 is only what n is if nobody says otherwise. Use the argument.",
        ),
        Mistake(
            "orders without a match are left out",
            _matching_orders,
            "Both texts are long enough for such an n, so it counts: with a precision and a recall of 0.",
        ),
        Mistake(
            "only precision",
            _chrf(final=lambda p, r, beta: 100 * p),
            "A single right character has precision 1. What is missing has to be asked for too.",
        ),
        Mistake(
            "only recall",
            _chrf(final=lambda p, r, beta: 100 * r),
            "Whoever says everything has recall 1. What is too much has to cost something.",
        ),
        *(
            Mistake(
                "pieces that stand there twice count once",
                answer,
                "A set forgets how often a piece stands there. A `Counter` knows.",
            )
            for answer in (_chrf(kind=set), _shared_as_sets)
        ),
        Mistake(
            "only the longest pieces",
            _chrf(orders=lambda n: range(n, n + 1)),
            "All orders count, from 1 to n.",
        ),
        Mistake(
            "the orders go from 0 to n - 1",
            _chrf(orders=lambda n: range(n)),
            "`range(n)` begins with 0, and pieces of no characters are everywhere. The orders are 1 to n: "
            "`range(1, n + 1)`.",
        ),
        Mistake(
            "capitals don't count",
            _chrf(split=lambda text: _joined(text.lower())),
            "Compare the texts as they stand: chrF takes *A* and *a* for two characters.",
        ),
        Mistake(
            "the order n is missing",
            _chrf(orders=lambda n: range(1, n)),
            "`range(1, n)` ends with n - 1. The last order is n: `range(1, n + 1)`.",
        ),
        Mistake(
            "it goes from 0 to 1",
            _chrf(final=lambda p, r, beta: _f(p, r, beta) / 100),
            "By custom chrF goes to 100. One factor is missing.",
        ),
        Mistake(
            "it divides by zero where nothing is shared",
            _crashing_chrf,
            "Then precision and recall are both 0, and so is what you divide by. Return 0.0 first.",
        ),
    ),
)


# What scores and tables show --------------------------------------------------------------------------------


wrong_way_round = Exercise(
    name="wrong_way_round",
    topic="translation",
    title="Explain: points for the opposite",
    kind="explain",
    difficulty="medium",
    minutes=5,
    reference="c",
    cases=(),
    hints=(
        "Write both sentences under each other. Which single words are the same, which pairs of neighbours, "
        "which pieces of four?",
        "Of nine words (the full stop counts as one) nine are found, of eight pairs five. Which are the "
        "three that aren't?",
    ),
    explanation=(
        "All nine words stand in the reference, and *gave the red kite back to* is the same piece of six. "
        "Five of eight pairs, four of seven threes and three of six fours lie within it; only what reaches a "
        "name is lost. That a story is turned upside down by these few pieces, no count of pieces can know."
    ),
    mistakes=(
        Mistake(
            "order doesn't count",
            "a",
            "Single words have no order, but pairs, threes and fours do. If it didn't count at all, this "
            "hypothesis would get 100, as it has the very words of the reference.",
        ),
        Mistake(
            "names weigh less",
            "b",
            "Neither score knows what a name is: all words, and all characters, weigh the same. That is just "
            "what one may hold against them.",
        ),
        Mistake(
            "points for the length",
            "d",
            "The length can only cost points (BLEU's penalty); it brings none. As many words, none of them "
            "in the reference, get next to nothing from BLEU.",
        ),
    ),
)


alpha_of_the_tie = Exercise(
    name="alpha_of_the_tie",
    topic="translation",
    title="Explain: from where on does the longer one win?",
    kind="explain",
    difficulty="easy",
    minutes=4,
    reference=0.63,
    atol=0.12,
    cases=(),
    hints=(
        "Compare the first two rows only, column by column. The numbers are negative: which one is larger?",
        "In one column the first row is still ahead, in the next one it's behind. In which of the two are "
        "the rows nearer to each other?",
    ),
    explanation=(
        "At 0.5 the shorter one is ahead by 0.07 (-1.73 and -1.80), at 1 the longer one by 0.10. So they "
        "are level in between, a little nearer to 0.5. Exactly: 3 / 3^α = 3.6 / 4^α, which is so for "
        "α = ln 1.2 / ln (4/3), about 0.63.\n\n"
        "Each pair of hypotheses has such a point of its own. That's why alpha is chosen on texts that are "
        "kept for this, and not once for all."
    ),
    mistakes=(
        Mistake(
            "the column in which the longer one is ahead already",
            1.0,
            "There *Mia ran home.* is ahead by 0.10. It must have caught up before.",
        ),
        Mistake(
            "the column in which the shorter one is still ahead",
            0.5,
            "There it's -1.73 against -1.80, and the larger number wins: the shorter one, though by little.",
        ),
        Mistake(
            "the column in which the longest one wins",
            2.0,
            "There the third row is the best. The question is about the first two.",
        ),
        Mistake(
            "the column of the plain sums",
            0.0,
            "With alpha 0 the sum decides, -3.00 against -3.60: there the shorter one is clearly ahead.",
        ),
    ),
)


# Beams ------------------------------------------------------------------------------------------------------


def _rescore(logprobs: list[float], lengths: list[int], alpha: float) -> int:
    """Which hypothesis is best when each sum of log-probabilities is divided by its length ** alpha."""
    scores = [total / length**alpha for total, length in zip(logprobs, lengths, strict=True)]
    return scores.index(max(scores))


def _best(score: Callable[[float, int, float], float], choose: Callable = max) -> Callable[..., int]:
    def answer(logprobs: list[float], lengths: list[int], alpha: float) -> int:
        scores = [score(*pair, alpha) for pair in zip(logprobs, lengths, strict=True)]
        return scores.index(choose(scores))

    return answer


def _fresh_scores(draw: Draw) -> Case | None:
    """Hypotheses of which some come again; others are not so near that rounding would decide."""
    scale, longest = draw.choose(((1.0, 12), (0.01, 12), (30.0, 300)))

    def hypothesis() -> tuple[float, int]:
        return -scale * draw.choose((draw.real(0.0, 20.0), float(draw.integer(1, 6)))), draw.integer(
            1, longest
        )

    pairs = draw.list(hypothesis, 1, 14)
    alpha = draw.choose((1.0, 0.0, 0.5, 0.7, 2.0, 1.3))
    scores = sorted({total / length**alpha for total, length in set(pairs)})
    apart = [high - low for low, high in pairwise(scores)]
    if any(gap < 1e-4 * max(-scores[0], 1e-3) for gap in apart):
        return None
    return Case([total for total, _ in pairs], [length for _, length in pairs], alpha)


def _best_above(low: float, logprobs: list[float], lengths: list[int], alpha: float) -> int:
    best, place = low, 0
    for i, (total, length) in enumerate(zip(logprobs, lengths, strict=True)):
        if total / length**alpha > best:
            best, place = total / length**alpha, i
    return place


rescore = Exercise(
    name="rescore",
    topic="translation",
    title="Fair to long translations",
    kind="explore",
    difficulty="easy",
    minutes=8,
    reference=_rescore,
    cases=(
        Case([-4.0, -6.0], [2, 4], 1.0),
        Case([-4.0, -6.0], [2, 4], 0.0),
        Case([-3.0, -3.2, -6.0], [9, 2, 12], 0.5),
        Case([-9.0, -2.0, -10.0, -4.0, -12.0], [7, 1, 9, 2, 11], 2.0),
        Case([-8.0, -3.0, -5.0], [11, 3, 7], 0.7),
        Case([-12.0, -10.0], [4, 8], 1.0),
        Case([-2.0, -2.5, -6.0, -2.0], [2, 3, 3, 2], 0.3),
        Case([-5.0, -4.0, -4.0, -4.0], [1, 2, 9, 2], 0.0),
        Case([-9.0, 0.0, -1.0], [4, 3, 2], 1.0),
        Case([-1.0, 0.0, 0.0], [2, 4, 1], 1.0),
        Case([-300.0, -60.0], [3, 1], 1.0),
        Case([-500.0, -300.0], [2, 2], 1.0),
        Case([-1.0, -4.0], [1, 3], 2.0),
        Case([-6.0, -6.0, -9.0], [1, 5, 2], 1.0),  # equal sums, other lengths
        Case([-4.0, -4.002], [1, 1000], 0.0005),
        Case([-300.0, -250.0, -320.0], [300, 200, 400], 1.0),
        Case([-0.0005, -0.0002], [1, 1], 1.0),
        Case([-2.0, -1.9998], [1, 1], 1.0),  # near, but not equal
        Case([-20.0000001, -20.0], [1, 1], 1.0),
        Case([-7.5], [3], 0.6),
        Case([-600_000.0, -500_000.0, -700_000.0], [90_000, 80_000, 30_000], 0.0),
        Case([-float(100 + i) for i in range(80)], [2 + i * i for i in range(80)], 1.0),
        Case([-100.0] * 1050 + [-50.0, -100.0], [9] * 1052, 1.0),
    ),
    fresh=_fresh_scores,
    hints=(
        "Divided by 1 it's the sum, by the length the mean, by the length twice the last. Which power of the "
        "length is each of the three, and which one halfway between the first two?",
        "Each score is `total / length**alpha`. They are negative, and closest to 0 is best, so the largest. "
        "Wanted is its place: `scores.index(max(scores))`.",
    ),
    explanation=(
        "Every further token makes a sum of log-probabilities smaller, so plain sums (α = 0) prefer short "
        "texts. α = 1 compares means per token; a larger one leans to long texts. The best α is measured "
        "on texts that are not the test's.\n\n"
        "This is the `length_penalty` of `beam_search` and of `transformers`. The name misleads: a larger "
        "one is *kinder* to long texts."
    ),
    mistakes=(
        Mistake(
            "the sums alone",
            _best(lambda total, length, alpha: total),
            "Without dividing, short ones win, since each token makes the sum smaller.",
        ),
        Mistake(
            "always the mean, whatever alpha is",
            _best(lambda total, length, alpha: total / length),
            "That is α = 1. In general divide by `length**alpha`.",
        ),
        Mistake(
            "multiplied instead of divided",
            _best(lambda total, length, alpha: total * length**alpha),
            "That makes long ones pay twice. Dividing brings a long one's sum nearer to 0.",
        ),
        Mistake(
            "made a probability before dividing",
            _best(lambda total, length, alpha: math.exp(total) / length**alpha),
            "Divide the sum of the logarithms itself.",
        ),
        *(
            Mistake(
                "the scores are made probabilities",
                _best(score),
                "On paper `exp` leaves the order as it is. But e^-800 is 0 for a computer, so that all long "
                "texts come out equal. Compare the logarithms.",
            )
            for score in (
                lambda total, length, alpha: math.exp(total / length**alpha),
                lambda total, length, alpha: math.exp(total) ** (1 / length**alpha),
            )
        ),
        *(
            Mistake(
                "the search begins with a score that no text reaches",
                partial(_best_above, low),
                "A score can be as low as it likes: begin with `-math.inf`, or with the first hypothesis.",
            )
            for low in (-1.0, -10.0, -100.0)
        ),
        Mistake(
            "always the first",
            partial(_best_above, 0.0),
            "All scores are negative, so a search that begins with a best score of 0 never finds a better "
            "one. Begin with `-math.inf`, or with the first hypothesis.",
        ),
        Mistake(
            "the quotient is taken to the power of alpha",
            _best(lambda total, length, alpha: (total / length) ** alpha),
            "Only the length is: `total / length**alpha`. A power of a negative number may be a complex one, "
            "and those have no largest.",
        ),
        Mistake(
            "the smallest score wins",
            _best(lambda total, length, alpha: total / length**alpha, min),
            "The scores are negative, and -2 is better than -3: it is the likelier one. Take the largest.",
        ),
        Mistake(
            "length times alpha instead of to the power of alpha",
            _best(lambda total, length, alpha: total / (length * alpha)),
            "`length**alpha` is a power: with α = 0 it is 1, and the plain sums are compared.",
        ),
        Mistake(
            "the score is given back instead of its place",
            lambda logprobs, lengths, alpha: max(
                total / length**alpha for total, length in zip(logprobs, lengths, strict=True)
            ),
            "Wanted is which one it is: its place in the list, from 0.",
        ),
        Mistake(
            "counted from 1",
            lambda logprobs, lengths, alpha: _rescore(logprobs, lengths, alpha) + 1,
            "Places are counted from 0, as everywhere in Python.",
        ),
        Mistake(
            "the last of several best ones",
            lambda logprobs, lengths, alpha: max(
                range(len(logprobs)), key=lambda i: (logprobs[i] / lengths[i] ** alpha, i)
            ),
            "Of two equally good ones take the first, as `index` and `max` do.",
        ),
        Mistake(
            "the longest wins",
            lambda logprobs, lengths, alpha: lengths.index(max(lengths)),
            "The length only divides. What is divided is the sum of log-probabilities.",
        ),
        Mistake(
            "another formula for the length penalty",
            _best(lambda total, length, alpha: total / ((5 + length) / 6) ** alpha),
            "((5 + length) / 6)**alpha is that of Wu and others (2016). Here it is `length**alpha`.",
        ),
    ),
)


# Alignment --------------------------------------------------------------------------------------------------


def _strongest_source(
    attn: Tensor, source_tokens: list[str], target_tokens: list[str]
) -> list[tuple[str, str]]:
    """For each target token, with it, the source token that its row looks at most: attn (T, S)."""
    strongest = attn.argmax(-1).tolist()
    return [(target, source_tokens[i]) for target, i in zip(target_tokens, strongest, strict=True)]


def _alignment_cases() -> list[Case]:
    generator = torch.Generator().manual_seed(0)
    words = [*"abcdefg"]
    toy = torch.tensor([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
    cases = [Case(toy, ["Mia", " ran", "."], ["跑了", "米娅"]), Case(toy, ["Tom", ".", " "], ["。", "汤姆"])]
    for T, S in ((5, 7), (7, 3), (3, 5)):
        attn = torch.randn(T, S, generator=generator).softmax(-1)
        cases.append(Case(attn, words[:S], [str(i) for i in range(T)]))
    twice = torch.tensor([[0.1, 0.2, 0.6, 0.1], [0.7, 0.1, 0.1, 0.1], [0.1, 0.8, 0.0, 0.1]])
    cases.append(Case(twice, words[:4], ["，", "她", "，"]))
    cases.append(Case(twice[[1, 0, 2]], words[:4], ["，", "她", "，"]))
    cases.append(Case(torch.tensor([[0.301, 0.302, 0.3]]), [" Red ", "🙂", ""], [""]))
    many = torch.rand(80, 90, generator=generator)
    cases.append(Case(many.T / 1000, [f"s{i}" for i in range(80)], [f"t{i % 20}" for i in range(90)]))
    for T, S in ((1100, 2), (2, 1100)):
        place = torch.arange(T)[:, None] * 7 % S
        attn = ((torch.arange(S) - place).abs() == 0) / 2 + torch.arange(S) / 4000
        cases.append(Case(attn.flip(1), [f"s{i}" for i in range(S)], [f"t{i}" for i in range(T)]))
    return cases


def _paired(places: Callable[[Tensor], Tensor]) -> Callable[..., list]:
    return lambda attn, source, target: [
        (t, source[int(i)]) for t, i in zip(target, places(attn), strict=False)
    ]


def _by_source(attn: Tensor, source: list[str], target: list[str]) -> list[tuple[str, str]]:
    return [(target[int(i)], s) for s, i in zip(source, attn.argmax(0), strict=True)]


def _first_row(attn: Tensor, source: list[str], target: list[str]) -> list[tuple[str, str]]:
    return [(t, source[int(attn[target.index(t)].argmax())]) for t in target]


def _above_half(attn: Tensor, source: list[str], target: list[str]) -> list[tuple[str, str]]:
    return [(target[int(t)], source[int(s)]) for t, s in (attn > 0.5).nonzero()]


_DICTIONARY = (
    "A dictionary keeps each key once, and the same token may stand in the target twice. Give a list."
)

_TOKENS = (
    "Mia",
    " Mia",
    "mia",
    " ran",
    "ran ",
    "",
    "\n",
    "米娅",
    "米",
    "，",
    "🙂",
    " in the market",
    "a  b",
    "ran",
)


def _fresh_alignment(draw: Draw) -> Case:
    T, S = draw.integer(1, 12), draw.integer(1, 12)
    shape = (S, T) if (turned := draw.boolean()) else (T, S)
    attn = draw.positive(*shape, low=1e-3, high=1.0) * draw.choose((1.0, 1e-3))
    tokens = [[draw.choose(_TOKENS) for _ in range(size)] for size in (S, T)]
    return Case(attn.T if turned else attn, *tokens)


strongest_source = Exercise(
    name="strongest_source",
    topic="translation",
    title="Who looks at which word?",
    kind="explore",
    mark="more",
    difficulty="easy",
    minutes=8,
    reference=_strongest_source,
    cases=_alignment_cases,
    fresh=_fresh_alignment,
    differentiable=False,
    hints=(
        "Row t of `attn` belongs to target token t, and its columns to the source tokens. In which column "
        "does the row peak?",
        "`attn.argmax(-1)` gives the column for every row at once. It names a source token: "
        "`source_tokens[i]`.",
    ),
    explanation=(
        "Each row is a distribution over the source; its peak is a hard version of a soft alignment. It is "
        "no proof that the model used just this word: other heads and layers look too, and a row that is "
        "almost flat has a peak as well. How often the peaks hit the right word can be counted, at names "
        "for instance."
    ),
    mistakes=(
        Mistake(
            "the maximum down the columns",
            _paired(lambda attn: attn.argmax(0)),
            "A target token's weights stand in its row, over all columns: `argmax(-1)`.",
        ),
        Mistake(
            "the strongest target for each source token",
            _by_source,
            "That asks in the other direction. Wanted is one pair for each *target* token.",
        ),
        Mistake(
            "the pairs are the wrong way round",
            lambda attn, source, target: [(s, t) for t, s in _strongest_source(attn, source, target)],
            "The target token comes first in each pair, then its source token.",
        ),
        Mistake(
            "the place instead of the token",
            lambda attn, source, target: list(zip(target, attn.argmax(-1).tolist(), strict=True)),
            "`argmax` gives a place. The token there is `source_tokens[i]`.",
        ),
        Mistake(
            "places instead of tokens",
            lambda attn, source, target: list(enumerate(attn.argmax(-1).tolist())),
            "The tokens at these places are asked for: `target_tokens[t]` and `source_tokens[i]`.",
        ),
        Mistake(
            "only the source tokens",
            lambda attn, source, target: [source[i] for i in attn.argmax(-1).tolist()],
            "Give pairs: the target token, and the source token it looks at.",
        ),
        Mistake(
            "the smallest weight",
            _paired(lambda attn: attn.argmin(-1)),
            "The strongest is the largest weight: `argmax`.",
        ),
        Mistake(
            "the largest weight of the whole table",
            _paired(lambda attn: attn.argmax().expand(len(attn))),
            "Without an axis, `argmax` counts through all rows. Each row has a maximum of its own: "
            "`argmax(-1)`.",
        ),
        Mistake(
            "all weights above one half",
            _above_half,
            "A flat row has no such weight, but a largest one all the same. Give one pair for each row.",
        ),
        Mistake(
            "the pairs go into a dictionary",
            lambda attn, source, target: list(dict(_strongest_source(attn, source, target)).items()),
            _DICTIONARY,
        ),
        Mistake(
            "the pairs go into a dictionary",
            lambda attn, source, target: dict(_strongest_source(attn, source, target)),
            _DICTIONARY,
        ),
        Mistake(
            "the row is found by its token",
            _first_row,
            "`index` gives the first place of a token that stands there twice. Count the rows instead.",
        ),
        Mistake(
            "token by token in the same order",
            lambda attn, source, target: list(zip(target, source, strict=False)),
            "Languages order their words differently; the weights say which belongs to which.",
        ),
        Mistake(
            "the weight instead of the token",
            lambda attn, source, target: list(zip(target, attn.amax(-1).tolist(), strict=True)),
            "`max` gives the weight, `argmax` the place where it stands, and that names the token.",
        ),
    ),
)


quiz = Quiz(
    topic="translation",
    questions=(
        Question(
            "Why is the end token behind the target among the things to learn?",
            (
                Option(
                    "So that the model writes it, and the translation stops.",
                    "Stopping at the right place is something to learn, like any other token.",
                    right=True,
                ),
                Option(
                    "So that all examples of a batch become equally long.",
                    "That is done by filling up, whose targets are -100.",
                ),
                Option(
                    "So that the model knows where the source has ended.",
                    "The mark between the two says that.",
                ),
                Option(
                    "So that the loss is lower, as an end is easy to guess now.",
                    "A sure token does lower the mean, but nobody gains anything by that.",
                ),
            ),
        ),
        Question(
            "A model translates every story by its first sentence only, perfectly. What does BLEU say?",
            (
                Option(
                    "100: each n-gram stands in the reference, and precision is all that it counts.",
                    "Precision is 1 indeed. But BLEU has another factor.",
                ),
                Option(
                    "Nothing: BLEU is defined for texts of the same length as their reference.",
                    "It takes any lengths, and compares their sums over the test.",
                ),
                Option(
                    "Very little: the precisions are 1 over the test, but the brevity penalty is tiny.",
                    "At a seventh of the length it is e^(1-7), about 0.002.",
                    right=True,
                ),
                Option(
                    "A seventh of 100, if it has said one sentence of seven, each about as long.",
                    "The penalty falls faster than the ratio of the lengths: e^(1 - r/h).",
                ),
            ),
        ),
        Question(
            "A translation is right, but in other words than the reference. What happens to its scores?",
            (
                Option(
                    "Nothing happens, as both of them compare meanings.",
                    "Neither knows what words mean. They count pieces that are the same.",
                ),
                Option(
                    "They fall: both count what stands in the reference.",
                    "So a score ranks systems on one test, and says little about a single sentence.",
                    right=True,
                ),
                Option(
                    "BLEU falls, and chrF stays at 100 for right meanings.",
                    "chrF falls too. It forgives other endings, but not other words.",
                ),
                Option(
                    "They are undefined: there is nothing to compare.",
                    "They are defined for any two texts, and low for these.",
                ),
            ),
        ),
        Question(
            "Beam search finds a translation with a higher probability than the greedy one. Is it better?",
            (
                Option(
                    "Yes: of all translations, the most probable one is what training aims at.",
                    "Only if the model's probabilities are right, and they aren't quite.",
                ),
                Option(
                    "Yes, if no length penalty is used, which only favours longer texts.",
                    "Without one, short texts win, since every token lowers the sum.",
                ),
                Option(
                    "No: beam search is there for speed, and gives up some quality for it.",
                    "They cost time: several texts are continued instead of one.",
                ),
                Option(
                    "Often, but the model's favourite may be too short, or plainly wrong.",
                    "That is why it is measured, with a score that doesn't come from the model.",
                    right=True,
                ),
            ),
        ),
        Question(
            "While 米娅 is written, a head's row peaks at *Mia*. What is shown by that?",
            (
                Option(
                    "That the model knows what a name is, and that Mia is one.",
                    "Nothing about knowing is seen here, only where a head looks.",
                ),
                Option(
                    "That this head looks there at this moment.",
                    "Whether the result depends on it, only a change tells: switch the head off and look.",
                    right=True,
                ),
                Option(
                    "That the translation of this name will be right.",
                    "A model can look at the right word and write a wrong one.",
                ),
                Option(
                    "That the other heads are not needed for names.",
                    "They have rows of their own, and what they fetch goes into the prediction too.",
                ),
            ),
        ),
    ),
)
