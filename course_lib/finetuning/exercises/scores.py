"""Exercises on scores for answers: exact match and F1."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable

from course_lib.exercises import Case, Draw, Exercise, Mistake


def _exact_match(answer: str, right: str) -> bool:
    """Whether two answers match but for capitals, punctuation, articles, extra spaces and line ends."""

    def plain(text: str) -> list[str]:
        kept = "".join(letter for letter in text.lower() if letter.isalnum() or letter.isspace())
        return [word for word in kept.split() if word not in ("a", "an", "the")]

    return plain(answer) == plain(right)


_MATCHES = (
    Case("to the park", "to the park"),
    Case(" To the park. ", "to the park"),
    Case("Mia", "mia"),
    Case("a red kite", "the red kite"),
    Case("red  kite!", "red kite"),
    Case("to the park and home", "to the park"),
    Case("Tom", "Mia"),
    Case("Ann's hat", "Anns hat"),
    Case("the theatre", "theatre"),
    Case("a banana", "banana"),
    Case("an ant", "t"),
    Case("", "the"),
    Case("the kite", "a kite and a hat"),
    Case("The red, red kite", "red red kite"),
    Case("red kite red", "red kite"),
    Case("kite red", "red kite"),
    Case("room 35", "room 36"),
    Case("3.5", "35"),
    Case("red-hot", "red hot"),
    Case("red-hot", "redhot"),
    Case("red hot", "redhot"),
    Case("to the park", "the park"),
    Case("one of the hats", "one in a hat"),
    Case("kitten", "kiten"),
    Case("a strawberry", "strawberries"),
    Case("the woodpecker", "the pecker"),
    Case("he ran", "ran"),
    Case("the a\nthe kite", "kite"),
    Case("plan n", "plan"),
    Case("café", "cafe"),
    Case('"The hat"', "hat"),
    Case("hats", "hat"),
    Case("An apple\n", "apple"),
    Case("red\nkite", "red kite"),
    Case("at 8 a.m.", "at 8 am"),
    Case("an a-frame", "aframe"),
    Case("snake_case", "snakecase"),
    Case("and/or [the {hat}]", "andor hat"),
    Case("*red* @home #1\\2", "red home 12"),
    Case("喜欢 猫", "喜欢 狗"),
    Case("𠮷 猫", "猫"),
    Case("猫", "𠮷 猫"),
    Case("Café", "the café"),
    Case("café", "caf"),
    Case("!?", ""),
    Case("", "hat"),
    Case("hat", "the"),
    Case("the red kite flew over the park " * 3, "The red kite flew over a park. " * 3),
    Case("the red kite flew over the park " * 3 + "and home", "the red kite flew over the park " * 3),
    Case("the red kite flew over the park " * 3, "the red kite flew over the park " * 3 + "and home"),
)
# Marks that every list of punctuation has, and no signs such as + or $: some count them in, others don't.
_WORDS = (
    *(("red", "kite"), ("the", "he"), ("a", "an"), ("park", "to park"), ("Mia", "mia"), ("Ann's", "anns")),
    *(("C#", "c"), ("35", "36"), ("3.5", "35"), ("red-hot", "hot"), ("猫", "小猫"), ("café", "Café")),
)


def _fresh_exact_match(draw: Draw) -> Case:
    pool = [word for _ in range(2) for word in draw.choose(_WORDS)]
    words = draw.words(0, 6, pool)
    other = draw.choose((words, words, words[1:], words[:-1], words[::-1], [*words, *words[:1]]))
    if words and draw.choose((False, False, True)):
        at = draw.integer(0, len(other) - 1) if other else 0
        other = [*other[:at], draw.choose(pool), *other[at + 1 :]]
    return Case(_as_written(draw, words), _as_written(draw, other))


def _as_written(draw: Draw, words: list[str]) -> str:
    """Words as a person might write them down: with capitals, articles, marks, and more spaces."""
    text = draw.choose(("", "", " ", "\n"))
    for word in words:
        word = draw.choose((word, word, word.upper(), word.capitalize(), f"the {word}", f"A {word}"))
        mark = draw.choose(("", "", "", ".", ",", "!", "?!"))
        text += word + mark + draw.choose((" ", " ", "  ", "\n", " \n"))
    return text.rstrip() if draw.boolean() else text


def _matching(plain: Callable[[str], object]) -> Callable[[str, str], bool]:
    return lambda answer, right: plain(answer) == plain(right)


def _bare(text: str) -> str:
    return re.sub(r"[^\w\s]|_", "", text)


def _only(text: str, wanted: Callable[[str], bool]) -> str:
    return "".join(letter for letter in text if wanted(letter) or letter.isspace())


def _no_articles(text: str) -> list[str]:
    return [word for word in text.split() if word not in ("a", "an", "the")]


exact_match = Exercise(
    name="exact_match",
    topic="finetuning",
    title="The same answer?",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_exact_match,
    cases=_MATCHES,
    fresh=_fresh_exact_match,
    draws=64,
    hints=(
        "Bring both answers into a plain form, and compare these with `==`. Write the plain form as a "
        "function, so that both go through the same.",
        "Small letters first (`.lower()`), then keep only letters, figures and spaces, then cut into words "
        "with `.split()`, which also forgets how many spaces there were.",
        "Articles are whole words: `[word for word in words if word not in ('a', 'an', 'the')]`.",
    ),
    explanation=(
        "These are the rules of SQuAD's scorer (Rajpurkar and others 2016): what a reader wouldn't call a "
        "difference isn't one. They are for English; another language needs other rules. Whoever reports an "
        "exact match has to say which rules it was made with."
    ),
    mistakes=(
        Mistake(
            "the answers are compared as they are",
            _matching(lambda text: text),
            "A capital or a full stop would make a right answer wrong. Bring both into a plain form first.",
        ),
        Mistake(
            "capitals count",
            _matching(lambda text: _no_articles(_bare(text))),
            "Use `.lower()`, and do it before you look for articles: *The* is one too.",
        ),
        Mistake(
            "punctuation counts",
            _matching(lambda text: _no_articles(text.lower())),
            "`park.` and `park` should be the same. Keep letters, figures and spaces, nothing else.",
        ),
        Mistake(
            "the underscore counts",
            _matching(lambda text: _no_articles(re.sub(r"[^\w\s]", "", text.lower()))),
            "In a pattern `\\w` stands for letters, figures and the underscore, which is a mark like others: "
            "`[^\\w\\s]|_`.",
        ),
        *(
            Mistake(
                "articles are left out before punctuation",
                _matching(lambda text, put=put: _bare(re.sub(r"\b(a|an|the)\b", put, text.lower())).split()),
                "In *8 a.m.* the first letter is no article: without the marks the word is *am*. Leave "
                "punctuation out first, then look for articles.",
            )
            for put in ("", " ")
        ),
        *(
            Mistake(
                "punctuation inside of the text counts",
                _matching(lambda text, ends=ends: _no_articles(ends(text.lower()))),
                "Signs don't only stand at the ends: *Ann's* and *Anns* should be the same. Look at every "
                "letter.",
            )
            for ends in (
                lambda text: text.strip(string.punctuation + string.whitespace),
                lambda text: text.rstrip(string.punctuation + string.whitespace),
                lambda text: " ".join(word.strip(string.punctuation) for word in text.split()),
            )
        ),
        Mistake(
            "a space takes the place of punctuation",
            _matching(lambda text: _no_articles(re.sub(r"[^\w\s]|_", " ", text.lower()))),
            "*Ann's* would become two words, *ann s*. Leave the sign out, and put nothing in its place.",
        ),
        *(
            Mistake(
                "letters of other scripts are dropped",
                _matching(lambda text, kept=kept: _no_articles(re.sub(kept, "", text.lower()))),
                "`a-z` are not all letters: of 猫 and 狗 nothing is left, so they would be equal. `\\w` in a "
                "pattern, or `letter.isalnum()`, knows the letters of all scripts.",
            )
            for kept in (r"[^a-z0-9\s]", r"[^a-z\s]", r"[^a-z0-9 ]", r"[^a-z ]")
        ),
        Mistake(
            "figures are dropped",
            _matching(lambda text: _no_articles(_only(text.lower(), str.isalpha))),
            "*room 35* and *room 36* are not the same answer. Figures count: `isalnum`, not `isalpha`.",
        ),
        Mistake(
            "the order of the words is forgotten",
            _matching(lambda text: sorted(_no_articles(_bare(text.lower())))),
            "*the hat on the box* is not *the box on the hat*. Compare the words in their order.",
        ),
        Mistake(
            "words are compared as sets",
            _matching(lambda text: set(_no_articles(_bare(text.lower())))),
            "A set forgets the order, and how often a word stands there. Compare the lists.",
        ),
        Mistake(
            "articles count",
            _matching(lambda text: _bare(text.lower()).split()),
            "*a kite*, *the kite* and *kite* are the same answer. Leave out `a`, `an` and `the`.",
        ),
        Mistake(
            "only an article at the front is left out",
            _matching(lambda text: re.sub(r"^\s*(a|an|the)\s+", "", _bare(text.lower())).split()),
            "*the kite and the hat* has two articles. Leave out each of them, wherever it stands.",
        ),
        Mistake(
            "no space counts at all",
            _matching(lambda text: "".join(_no_articles(_bare(text.lower())))),
            "Only *extra* spaces don't count: *red hot* is two words and *redhot* one. Compare the lists of "
            "words, or join them with a space.",
        ),
        Mistake(
            "articles are cut out of other words",
            _matching(lambda text: re.sub(r"the|an|a", "", _bare(text.lower())).split()),
            "`.replace('a', '')` also eats the letters of *banana*. Cut into words first, then leave "
            "out whole "
            "words.",
        ),
        Mistake(
            "spaces count",
            _matching(lambda text: re.sub(r"\b(a|an|the)\b", "", _bare(text.lower())).strip()),
            "Where an article was taken out, or somebody typed two spaces, the texts still differ. "
            "`.split()` "
            "forgets how many spaces there were.",
        ),
        Mistake(
            "it is enough if the right answer occurs",
            lambda answer, right: (
                " ".join(_no_articles(_bare(right.lower()))) in " ".join(_no_articles(_bare(answer.lower())))
            ),
            "Then *Mia or Tom or Ann* would always be right. Exact match wants the answer and nothing else.",
        ),
    ),
)


def _token_f1(answer: list[str], right: list[str]) -> float:
    """The harmonic mean of precision and recall over words, each counted as often as it stands there."""
    shared = (Counter(answer) & Counter(right)).total()
    if shared == 0:
        return 0.0
    precision, recall = shared / len(answer), shared / len(right)
    return 2 * precision * recall / (precision + recall)


_F1 = (
    Case(["park"], ["to", "park"]),
    Case(["to", "park"], ["to", "park"]),
    Case(["red", "kite", "and", "hat"], ["red", "kite"]),
    Case(["red", "red", "kite"], ["red", "kite", "kite", "hat"]),
    Case(["park", "to"], ["to", "park"]),
    Case(["tom"], ["mia"]),
    Case(["a", "b", "c", "d", "e"], ["c"]),
    Case(["red", "red", "kite"], ["red", "red", "hat"]),
    Case(["red"], ["red"] * 3),
    Case(["red"], ["red"] * 2 + ["hat"]),
    Case(["strawberry"], ["strawberries"]),
    Case(["猫", "𠮷", "猫"], ["𠮷", "狗", "小猫"]),
    Case(["kite"] * 40 + ["hat"] * 30, ["hat"] * 35 + ["box"] * 40),
    Case(["red"] * 1050 + ["hat"] * 20, ["hat"] * 15 + ["box"]),
    Case(["hat"] * 15 + ["box"], ["red"] * 1050 + ["hat"] * 20),
    Case(["box"] * 40 + ["kite"] * 20 + ["hat"] * 30, ["kite"] * 66 + ["hat"] * 25),
)
_FEW = (
    *(("red", "kite"), ("hat", "hats", "that"), ("猫", "小猫", "𠮷"), ("to", "park")),
    *(("strawberry", "strawberries"), ("35", "3")),
)


def _fresh_token_f1(draw: Draw) -> Case:
    pool = [word for _ in range(2) for word in draw.choose(_FEW)]
    return Case(draw.list(lambda: draw.choose(pool), 1, 10), draw.list(lambda: draw.choose(pool), 1, 10))


def _mean_of(
    combine: Callable[[float, float], float], shared: Callable | None = None
) -> Callable[[list, list], float]:
    def answer(ours: list[str], theirs: list[str]) -> float:
        common = (shared or (lambda a, b: (Counter(a) & Counter(b)).total()))(ours, theirs)
        return combine(common / len(ours), common / len(theirs)) if common else 0.0

    return answer


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def _each_in_the_other(answer: list[str], right: list[str]) -> float:
    precision = sum(word in right for word in answer) / len(answer)
    recall = sum(word in answer for word in right) / len(right)
    return _harmonic(precision, recall) if precision else 0.0


def _crashing(answer: list[str], right: list[str]) -> float:
    shared = (Counter(answer) & Counter(right)).total()
    return _harmonic(shared / len(answer), shared / len(right))


def _sets(answer: list[str], right: list[str]) -> float:
    ours, theirs = set(answer), set(right)
    shared = len(ours & theirs)
    return 2 * shared / (len(ours) + len(theirs))


def _shared(answer: list[str], right: list[str]) -> int:
    return (Counter(answer) & Counter(right)).total()


def _taken_out(answer: list[str], right: list[str]) -> float:
    found, left = 0, list(right)
    for word in answer:
        if word in left:
            left.remove(word)
            found += 1
    return 2 * found / (len(answer) + len(left))


def _taken_out_of_the_right_answer(answer: list[str], right: list[str]) -> float:
    found = 0
    for word in answer:
        if word in right:
            right.remove(word)
            found += 1
    return 2 * found / (len(answer) + len(right))


token_f1 = Exercise(
    name="token_f1",
    topic="finetuning",
    title="Partly right",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=12,
    reference=_token_f1,
    cases=_F1,
    fresh=_fresh_token_f1,
    draws=64,
    hints=(
        "First count the words that both have. A word that stands twice in one and once in the other is "
        "shared once.",
        "`Counter(answer) & Counter(right)` keeps the smaller count of each word; `.total()` adds them up. "
        "Each shared word stands on both sides: how many words have a partner, and of how many?",
        "Two words for each shared one, over the words of both lists together. Or by precision and recall: "
        "`2 * precision * recall / (precision + recall)`, and 0 where nothing is shared.",
    ),
    explanation=(
        "Precision asks: how much of what was said is right? Recall asks: how much of what is right was "
        "said? "
        "The harmonic mean is high only if both are. Saying everything has perfect recall, and a poor F1.\n\n"
        "Written shorter, F1 is 2 · shared / (words in the answer + words in the right answer)."
    ),
    mistakes=(
        Mistake(
            "it divides by zero where nothing is shared",
            _crashing,
            "Without a shared word both precision and recall are 0, and so is the sum you divide by. "
            "Return 0.0 "
            "first.",
        ),
        Mistake(
            "only precision",
            _mean_of(lambda precision, recall: precision),
            "An answer of a single right word has precision 1, however much is missing. Recall belongs "
            "to it.",
        ),
        Mistake(
            "only recall",
            _mean_of(lambda precision, recall: recall),
            "An answer that lists every word of the story has recall 1. Precision belongs to it.",
        ),
        Mistake(
            "the ordinary mean instead of the harmonic one",
            _mean_of(lambda precision, recall: (precision + recall) / 2),
            "The ordinary mean gives half of the points for one of the two alone. F1 is the share of all "
            "words, on both sides, that have a partner: 2·P·R / (P + R).",
        ),
        Mistake(
            "the 2 is missing",
            _mean_of(lambda precision, recall: precision * recall / (precision + recall)),
            "An answer that is right in every word would get one half. F1 is 2·P·R / (P + R).",
        ),
        Mistake(
            "F1 is in percent",
            _mean_of(lambda precision, recall: 100 * _harmonic(precision, recall)),
            "F1 is a number from 0 to 1.",
        ),
        Mistake(
            "the geometric mean instead of the harmonic one",
            _mean_of(lambda precision, recall: (precision * recall) ** 0.5),
            "That is the root of P·R. F1 is the share of all words, on both sides, that have a partner: "
            "2·P·R / (P + R).",
        ),
        Mistake(
            "the two are multiplied",
            _mean_of(lambda precision, recall: precision * recall),
            "2·P·R still has to be divided by P + R; otherwise an answer that is half right gets a quarter.",
        ),
        *(
            Mistake(
                "words that stand there twice count once",
                wrong,
                "A set forgets how often a word stands there. A `Counter` knows.",
            )
            for wrong in (_sets, _mean_of(_harmonic, lambda a, b: len(set(a) & set(b))))
        ),
        Mistake(
            "the larger of two counts is taken",
            _mean_of(_harmonic, lambda a, b: sum((Counter(a) | Counter(b))[word] for word in {*a} & {*b})),
            "A word that stands twice in one and once in the other is shared once: the smaller count, `&`.",
        ),
        *(
            Mistake(
                "every word that occurs in the other is counted",
                wrong,
                "*red red* against *red kite* shares one word, not two: each word can be used once.",
            )
            for wrong in (
                _mean_of(_harmonic, lambda ours, theirs: sum(word in theirs for word in ours)),
                _mean_of(_harmonic, lambda ours, theirs: sum(word in ours for word in theirs)),
                _each_in_the_other,
            )
        ),
        Mistake(
            "a word with a partner anywhere counts, on both sides",
            lambda ours, theirs: (
                (sum(word in theirs for word in ours) + sum(word in ours for word in theirs))
                / (len(ours) + len(theirs))
            ),
            "*red red* against *red kite* makes one pair, not more: a word that has found its partner is no "
            "longer free for another.",
        ),
        Mistake(
            "a pair is counted as one word of all",
            lambda ours, theirs: _shared(ours, theirs) / (Counter(ours) | Counter(theirs)).total(),
            "Then each shared word stands only once below the fraction and once above. F1 counts the words "
            "on *both* sides: a pair is two words, of all that there are.",
        ),
        *(
            Mistake(
                f"only the {name} of the two is counted",
                lambda ours, theirs, of=of: _shared(ours, theirs) / of(len(ours), len(theirs)),
                "Both sides belong to it: a pair is two words, of as many as both have together.",
            )
            for name, of in (("longer", max), ("shorter", min))
        ),
        Mistake(
            "the division drops the fraction",
            lambda ours, theirs: 2 * _shared(ours, theirs) // (len(ours) + len(theirs)),
            "`//` gives whole numbers. F1 is a share: `/`.",
        ),
        *(
            Mistake(
                "what has found a partner isn't counted any more",
                wrong,
                "`remove` makes the list shorter, so that its length afterwards is too small. Count both "
                "sides before, and take words out of a copy.",
            )
            for wrong in (_taken_out, _taken_out_of_the_right_answer)
        ),
        Mistake(
            "words are compared place by place",
            _mean_of(_harmonic, lambda a, b: sum(x == y for x, y in zip(a, b, strict=False))),
            "One word too many at the front, and nothing would fit any more. F1 doesn't ask for the order.",
        ),
    ),
)


# What a table shows ---------------------------------------------------------------------------------------


interval_at_4000 = Exercise(
    name="interval_at_4000",
    topic="finetuning",
    title="Explain: how wide is the interval?",
    kind="explain",
    difficulty="easy",
    minutes=4,
    reference=1.9,
    atol=0.5,
    cases=(),
    hints=(
        "Write the three widths down: from 60 to 98, from 83 to 94, from 88 to 92. Ten times as many "
        "questions make the interval narrower by about which factor?",
        "A factor of about 3 for ten times as many, about 10 for a hundred times: that is the square root. "
        "4000 is four times 1000.",
    ),
    explanation=(
        "The width goes down with the square root of the number of questions: four times as many, half the "
        "width, so 4 points become about 2 (to the hundredth: 1.86). Half the width costs four times the "
        "questions, and a tenth of it a hundred times. That's why nobody measures everything to the last "
        "point."
    ),
    mistakes=(
        Mistake(
            "four times as many questions, a quarter of the width",
            0.9,
            "From 100 to 1000 questions there are ten times as many, and the interval isn't ten times "
            "narrower: it goes from 11 points to 4.",
        ),
        Mistake(
            "the width of 1000 questions",
            3.7,
            "The share is the same, 90 %, and there are four times as many questions. The interval must be "
            "narrower than in the last row.",
        ),
        Mistake(
            "four times as wide",
            16.0,
            "More questions make one surer, not less sure: look down the table.",
        ),
        Mistake(
            "a share in place of percentage points",
            0.019,
            "The width in percentage points is asked for, as from 88 % to 92 % it is 4.",
        ),
        Mistake(
            "one of its ends",
            90.0,
            "That is where the interval lies. How far is it from its lower end to its upper one?",
        ),
    ),
)
