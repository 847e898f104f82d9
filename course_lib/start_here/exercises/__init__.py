"""Exercise and quiz of notebook 00: the smallest language model there is, and the map of the course.

`placement`, which says where to begin, has a file of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from course_lib.exercises import Case, Draw, Exercise, Mistake, Option, Question, Quiz
from course_lib.start_here.exercises.placement import placement as placement


def _most_likely_next(text: str, word: str) -> str | None:
    """The word that most often follows `word` in `text`; None if nothing does."""
    words = text.split()
    counts = {}
    for i in range(len(words) - 1):  # the last word has none after it
        if words[i] == word:
            following = words[i + 1]
            counts[following] = counts.get(following, 0) + 1
    return max(counts, key=counts.get, default=None)


_CASES = (
    Case("the cat sat on the mat and the cat ran", "the"),
    Case("a red hat and a blue hat and a blue coat", "a"),
    Case("to be or to be and then to go", "to"),
    Case("we go home and then we sing", "we"),
    Case("I like tea and you like", "like"),
    Case("小猫 喜欢 鱼 小猫 喜欢 毛线 小狗 喜欢 毛线", "喜欢"),
    Case("one two three", "four"),
    Case("good night moon", "moon"),
    Case("b x a x b", "x"),
    Case("x p x q x r x s x t", "x"),
    Case("so tea so ten so tea so ten so toy", "so"),
    Case("The cat. the dog the dog THE cat. the", "the"),
    Case("then he the theme other them another ten", "the"),
    Case("go home Go away Go away go, away go, away go", "go"),
    Case("it is  it was\nit was  it  will\tit was\n", "it"),
    Case("cat. cat, cat! cat. a a", "cat."),
    Case("no no no yes no", "no"),
    Case("b a a c a c", "a"),
    Case("b a b a c a c", "a"),
    Case("The cat the dog The cat the dog the dog", "The"),
    Case("The cat the dog The cat the dog the dog", "the"),
    Case("see Mia see Mia see tom Mia sees Tom", "see"),
    Case("grandmother sings grandmother sings grandmo waits grandmother", "grandmother"),
    Case("now 🙂 go 🙂🙂 stop 🙂🙂 stop 🙂 go", "🙂"),
    Case("cafe\u0301 one café two café two", "cafe\u0301"),
    Case("", "word"),
    Case(" \n", "word"),
    Case("up " + "down up " * 300 + "left up " * 301 + "right", "up"),
    Case("up " + "down up " * 1023 + "left up " * 1025 + "right", "up"),
    Case(" ".join(f"so {number}" for number in range(1100)) + " so much so much", "so"),
    Case("it's red-hot, it's 3.5 C++ it's red-hot, it's red", "it's"),
    Case("x a x b x b x a", "x"),  # b is the first to have come twice, a came first
    Case("cats sit cats sit cat. sits", "cat."),
    Case("C sat C sat C++ ran", "C++"),
)


def _text_and_word(draw: Draw) -> Case:
    """A text, and one of its words, or one that only looks like one of them."""
    text = draw.text(0, 14)
    words = text.split()
    others = [draw.word(), *(word.lower() for word in words), *(word[:-1] for word in words if word[1:])]
    return Case(text, draw.choose([*words, *words, *others]))


# What people write instead ----------------------------------------------------------------------------------


def _counts(pairs: list[tuple[str, str]], word: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for first, second in pairs:
        if first == word:
            counts[second] = counts.get(second, 0) + 1
    return counts


def _pairs(text: str) -> list[tuple[str, str]]:
    return list(pairwise(text.split()))


def _word_before(text: str, word: str) -> str | None:
    counts = _counts([(second, first) for first, second in _pairs(text)], word)
    return max(counts, key=counts.get, default=None)


def _letters(text: str, word: str) -> str | None:
    counts = _counts(list(pairwise(text)), word)
    return max(counts, key=counts.get, default=None)


def _past_the_end(text: str, word: str) -> str | None:
    words = text.split()
    following = [words[i + 1] for i in range(len(words)) if words[i] == word]
    return max(following, key=following.count, default=None)


def _rarest(text: str, word: str) -> str | None:
    counts = _counts(_pairs(text), word)
    return min(counts, key=counts.get, default=None)


def _last_of_equals(text: str, word: str) -> str | None:
    counts = _counts(_pairs(text), word)
    return max(reversed(counts), key=counts.get, default=None)


def _first_to_get_there(text: str, word: str) -> str | None:
    counts: dict[str, int] = {}
    best = None
    for first, second in _pairs(text):
        if first == word:
            counts[second] = counts.get(second, 0) + 1
            if counts[second] > counts.get(best, 0):
                best = second
    return best


def _without_the_pair(place: int) -> Callable[[str, str], str | None]:
    """An answer that does not look at one of the pairs: the first (0) or the last (-1)."""

    def answer(text: str, word: str) -> str | None:
        pairs = _pairs(text)
        del pairs[place : (place + 1) or None]
        counts = _counts(pairs, word)
        return max(counts, key=counts.get, default=None)

    return answer


def _first_follower(text: str, word: str) -> str | None:
    return next(iter(_counts(_pairs(text), word)), None)


def _last_follower(text: str, word: str) -> str | None:
    return next((second for first, second in reversed(_pairs(text)) if first == word), None)


def _most_common_word(text: str, word: str) -> str | None:
    words = text.split()
    return max(words, key=words.count, default=None)


def _no_answer_for_strangers(text: str, word: str) -> str | None:
    counts = _counts(_pairs(text), word)
    return max(counts, key=counts.get)


def _first_of_none(text: str, word: str) -> str:
    return Counter(second for first, second in _pairs(text) if first == word).most_common(1)[0][0]


def _all_counts(text: str, word: str) -> dict[str, int]:
    return _counts(_pairs(text), word)


def _cut_by(cut: Callable[[str], list[str]]) -> Callable[[str, str], str | None]:
    """An answer that cuts the text into words in another way."""

    def answer(text: str, word: str) -> str | None:
        counts = _counts(list(pairwise(cut(text))), word)
        return max(counts, key=counts.get, default=None)

    return answer


def _in_small_letters(text: str, word: str) -> str | None:
    return _most_likely_next(text.lower(), word.lower())


def _text_in_small_letters(text: str, word: str) -> str | None:
    return _most_likely_next(text.lower(), word)


def _compared_in_small_letters(text: str, word: str) -> str | None:
    counts = Counter(second for first, second in _pairs(text) if first.lower() == word.lower())
    return max(counts, key=counts.get, default=None)


def _parts_of_words(text: str, word: str) -> str | None:
    counts = Counter(second for first, second in _pairs(text) if word in first)
    return max(counts, key=counts.get, default=None)


def _first_in_the_text(text: str, word: str) -> str | None:
    counts = _counts(_pairs(text), word)
    words = text.split()
    return min(counts, key=lambda other: (-counts[other], words.index(other)), default=None)


def _first_in_the_alphabet(text: str, word: str) -> str | None:
    counts = _counts(_pairs(text), word)
    return max(sorted(counts), key=counts.get, default=None)


def _as_a_set_has_it(text: str, word: str) -> str | None:
    following = [second for first, second in _pairs(text) if first == word]
    return max(set(following), key=following.count, default=None)


def _with_its_count(text: str, word: str) -> tuple[str, int] | None:
    counts = Counter(second for first, second in _pairs(text) if first == word)
    return counts.most_common(1)[0] if counts else None


def _two_at_a_time(text: str, word: str) -> str | None:
    words = text.split()
    counts = _counts(list(zip(words[::2], words[1::2], strict=False)), word)
    return max(counts, key=counts.get, default=None)


def _most_common_of_all(text: str, word: str) -> str | None:
    """Of those that follow, the one that is most common in the whole text."""
    words = text.split()
    return max(_counts(_pairs(text), word), key=words.count, default=None)


most_likely_next = Exercise(
    name="most_likely_next",
    topic="start_here",
    title="The smallest language model",
    kind="explore",
    difficulty="easy",
    minutes=10,
    reference=_most_likely_next,
    cases=_CASES,
    fresh=_text_and_word,
    hints=(
        "Cut the text into words with `text.split()`. Then walk along it: each time you stand on `word`, "
        "look one step to the right, and count what you see.",
        "A dictionary can count: `counts[following] = counts.get(following, 0) + 1`. The last word of the "
        "text has nothing to its right, so walk with `range(len(words) - 1)`.",
        "`max(counts, key=counts.get, default=None)` is the key with the largest count. Among equals it "
        "takes the first one that was put in, and for an empty dictionary it gives `None`.",
    ),
    explanation=(
        "For each place where `word` stands, its right-hand neighbour is counted. The neighbour with the "
        "largest count is the most likely next word, judging by this text.\n\n"
        "This is a language model: from what came before, it says what comes next. It looks at one word of "
        "context, and it knows nothing about a word it has not seen. A GPT does the same task with hundreds "
        "of tokens of context, and it has learned how words resemble each other, so that it has a guess "
        "for sentences that nobody wrote before."
    ),
    mistakes=(
        Mistake(
            "the word before is counted, not the word after",
            _word_before,
            "A language model goes forward: it knows what stands to the left and guesses what stands to the "
            "right. Where `words[i]` is the given word, the one to count is `words[i + 1]`.",
        ),
        Mistake(
            "the text is walked letter by letter",
            _letters,
            "`text[i]` is one letter, which hardly ever equals a word. Cut the text into words first: "
            "`text.split()`.",
        ),
        Mistake(
            "it looks past the end of the text",
            _past_the_end,
            "If the given word is the last of the text, there is no `words[i + 1]`. Stop one word earlier: "
            "`range(len(words) - 1)`.",
        ),
        Mistake(
            "it takes the rarest word",
            _rarest,
            "The most likely next word is the one with the **largest** count: `max`, not `min`.",
        ),
        Mistake(
            "among equals it takes the last one seen",
            _last_of_equals,
            "When two words follow equally often, the one that was seen first should win. Comparing counts "
            "with `>` keeps the first; `>=` lets a later one take its place.",
        ),
        Mistake(
            "among equals it takes the one that was the first to come so often",
            _first_to_get_there,
            "The best is changed while the counting goes on, and then keeps its place against one that was "
            "seen before it and catches up. Count to the end, and choose afterwards.",
        ),
        Mistake(
            "among equals it takes the one that comes first in the whole text",
            _first_in_the_text,
            "What counts is which of them *followed the given word* first. Elsewhere in the text the other "
            "one may have come earlier.",
        ),
        Mistake(
            "among equals it takes the first in the alphabet",
            _first_in_the_alphabet,
            "Where two words follow equally often, the one that was seen first should win. Leave the words "
            "in the order in which you found them.",
        ),
        Mistake(
            "among equals it takes whichever a set has first",
            _as_a_set_has_it,
            "A set keeps no order, so among equals the winner is a matter of chance. A dictionary has its "
            "keys in the order in which they were put in: count in one, and take `max(counts, "
            "key=counts.get)`.",
        ),
        Mistake(
            "the text is cut at single spaces only",
            _cut_by(lambda text: text.split(" ")),
            '`text.split(" ")` gives an empty word between two spaces, and does not see the end of a line. '
            "`text.split()`, with nothing in the brackets, cuts at any white space.",
        ),
        Mistake(
            "signs are cut off the words",
            _cut_by(lambda text: re.findall(r"\w+", text)),
            "`cat.` and `cat` count as two words here, and `it's` is one: cut with `text.split()`, and leave "
            "the words as they are.",
        ),
        Mistake(
            "signs are cut off the words",
            _cut_by(lambda text: [word.strip(".,!?;:。，！？") for word in text.split()]),
            "`cat.` and `cat` count as two words here, and `it's` is one: cut with `text.split()`, and leave "
            "the words as they are.",
        ),
        *(
            Mistake(
                "capitals are made small",
                answer,
                "`The` and `the` count as two words here. Compare and give back the words as they stand in "
                "the text.",
            )
            for answer in (_in_small_letters, _text_in_small_letters, _compared_in_small_letters)
        ),
        Mistake(
            "a word that only holds the given one counts as well",
            _parts_of_words,
            "`in` finds `the` in `then` and in `other` too. The word has to be the same: `words[i] == word`.",
        ),
        Mistake(
            "the last pair of words is left out",
            _without_the_pair(-1),
            "The last word but one has a word after it as well: walk with `range(len(words) - 1)`.",
        ),
        Mistake(
            "the first pair of words is left out",
            _without_the_pair(0),
            "Places are counted from 0: `words[0]` is the first word, and it has one after it.",
        ),
        Mistake(
            "the text is walked two words at a time",
            _two_at_a_time,
            "Then every second pair of neighbours is missed. Move on by one word.",
        ),
        Mistake(
            "of those that follow, it takes the one that is most common in the whole text",
            _most_common_of_all,
            "Count only where a word follows the given one; how often it stands elsewhere does not matter.",
        ),
        Mistake(
            "the word comes together with its count",
            _with_its_count,
            "`most_common(1)` gives a list with one pair, (word, count). The word alone is "
            "`most_common(1)[0][0]`.",
        ),
        Mistake(
            "it takes the first word that follows, without counting",
            _first_follower,
            "What follows once need not follow often. Go through the whole text, count, and decide at the "
            "end.",
        ),
        Mistake(
            "it remembers only the last word that follows",
            _last_follower,
            "Each find replaces the one before it. Keep a count for every word that follows, and decide at "
            "the end.",
        ),
        Mistake(
            "it takes the most common word of the whole text",
            _most_common_word,
            "The answer must depend on the given word: count only where `words[i] == word`.",
        ),
        Mistake(
            "it has no answer for a word that nothing follows",
            _no_answer_for_strangers,
            "For a word that is not in the text, or is only its last word, nothing was counted, and `max` "
            "of nothing is an error. Give `None` then: `max(..., default=None)`.",
        ),
        Mistake(
            "it has no answer for a word that nothing follows",
            _first_of_none,
            "For a word that is not in the text, or is only its last word, nothing was counted, and the "
            "first of an empty list is an error. Ask whether there is anything, and give `None` if not.",
        ),
        Mistake(
            "for a word that nothing follows, it gives an empty text",
            lambda text, word: _most_likely_next(text, word) or "",
            'The answer should be `None` then. `""` would say that an empty word follows.',
        ),
        Mistake(
            "it gives back all counts",
            _all_counts,
            "The counts are right, but one step is missing: which key has the largest count?",
        ),
    ),
)


quiz = Quiz(
    topic="start_here",
    questions=(
        Question(
            "What is a token?",
            (
                Option(
                    "A word of the text, in small letters and with its ending taken off.",
                    "Words are one way to cut a text, but rare words would each need an entry. And "
                    "nothing is taken off: the text must come back as it was.",
                ),
                Option(
                    "A piece of text from a fixed list: a character, part of a word, or a word.",
                    "The model never sees letters or words, only the numbers of such pieces. Notebook 01 "
                    "builds the list, the vocabulary.",
                    right=True,
                ),
                Option(
                    "A letter of the text, or a digit, a space or a punctuation mark in it.",
                    "Letters work, but they make texts long, and a model can look back only so far.",
                ),
                Option(
                    "A word that carries meaning, such as a name or a verb, but not *the* or *of*.",
                    "Nothing is left out: *the* is a token like the others, and so is a full stop.",
                ),
            ),
        ),
        Question(
            "What does the model practise while it is trained?",
            (
                Option(
                    "Guessing the next token of texts that it is given.",
                    "That one task, repeated over much text, is all of the training in Part I of this "
                    "course.",
                    right=True,
                ),
                Option(
                    "Answering questions that people have written answers for.",
                    "That can come afterwards (notebooks 08 and 11). It starts from a model that can "
                    "already guess the next token.",
                ),
                Option(
                    "Following grammar rules that experts have written down.",
                    "Nobody writes rules. What looks like grammar was learned because it helps to guess "
                    "what comes next.",
                ),
                Option(
                    "Storing the texts that it is given, to copy from them later.",
                    "It has far too few parameters for that. It can repeat passages that it saw very "
                    "often, but to do well on new text it must find patterns.",
                ),
            ),
        ),
        Question(
            "How does a model write a story?",
            (
                Option(
                    "It looks for a fitting story in its training data, and changes the names and things "
                    "in it.",
                    "The training data is not there any more when it writes; only the parameters are.",
                ),
                Option(
                    "It plans the whole story first, who wants what and how it ends, and then writes it "
                    "down.",
                    "It gives probabilities for one token at a time; there is no separate plan.",
                ),
                Option(
                    "It picks one of the plots that it has stored, and fills its blanks with names and "
                    "things.",
                    "Some older programs did that. A language model has no plots and no blanks, only "
                    "probabilities for the next token.",
                ),
                Option(
                    "It draws a next token by its probability, appends it to the text, and starts over "
                    "with the longer one.",
                    "This loop is all there is; notebook 06 is about the many ways to pick.",
                    right=True,
                ),
            ),
        ),
        Question(
            "The dashed line in the loss curve is the entropy floor of the text. What does it say?",
            (
                Option(
                    "The loss at which a model begins to overfit, and to learn its training text by heart.",
                    "Overfitting shows as a validation loss that rises, at whatever height that happens.",
                ),
                Option(
                    "The loss of a model that has learned nothing, and gives every token the same "
                    "probability.",
                    "That would be far above: the logarithm of the vocabulary's size.",
                ),
                Option(
                    "The surprise that is in the text itself: on average, no model gets below it on new "
                    "text.",
                    "What is lost, and by whom, was decided by chance, so even a perfect model cannot "
                    "know it beforehand. We know the floor because our corpus comes from a program whose "
                    "choices can be counted.",
                    right=True,
                ),
                Option(
                    "The loss that this very model would reach if it were trained without end on this text.",
                    "A longer training may bring it closer to the floor. But a small model stops "
                    "somewhere above it, and none gets below.",
                ),
            ),
        ),
        Question(
            "A model states something false, fluently and confidently. What explains it best?",
            (
                Option(
                    "It was trained to write likely text, and what is likely is not always true.",
                    "A sentence that sounds right is likely, whether or not it is so. Notebook 08 "
                    "measures how often that happens and what helps.",
                    right=True,
                ),
                Option(
                    "It knows the truth, but has learned from people to say what pleases.",
                    "That would be a lie, and to lie is to know better. It only has probabilities for "
                    "what comes next.",
                ),
                Option(
                    "Its computer rounded a number wrongly, and so another token was chosen.",
                    "Every calculation can be correct and the statement still be false.",
                ),
                Option(
                    "The false statement stood in its training data, and was learned word for word.",
                    "It may have stood there, but a model also joins pieces into statements that stood "
                    "nowhere.",
                ),
            ),
        ),
    ),
)
