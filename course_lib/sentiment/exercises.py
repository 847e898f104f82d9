"""Exercises and quiz of notebook 10: counts, a gradient, the last state, likelihoods, scores, erasing."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import torch

from course_lib.exercises import Case, Draw, Exercise, Forbidden, Mistake, Option, Question, Quiz

Tensor = torch.Tensor
Score = Callable[[list[str]], float]


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# A bag of words -------------------------------------------------------------------------------------------


def _bag_of_words(text: str, vocabulary: list[str]) -> list[int]:
    """How often each word of the vocabulary stands in the text, whose words are parted by spaces."""
    words = [word.strip(string.punctuation) for word in text.lower().split()]
    return [words.count(word) for word in vocabulary]


_BAGS = (
    Case("Good shape, good price!", ["bad", "good", "price"]),
    Case("Good price, good price!", ["bad", "good", "price"]),  # as long as the first
    Case("I don't like it. I don't!", ["don", "don't", "i", "it", "like", "not"]),
    Case("The look is NOT bad, not bad at all.", ["all", "bad", "good", "is", "look", "not", "the"]),
    Case("Unlikely: a badly made likeness.", ["like", "bad", "made"]),
    Case("", ["good", "bad"]),
    Case("Great! Great, great: that is all (great).", ["is", "great", "all"]),
    Case("They call it 'good', and I don't call it 'bad'.", ["bad", "don't", "good"]),
    Case("They call it 'good', and I don't call it 'bad'.", ["it", "and", "i"]),
    Case(
        "A café:\nGOOD coffee, good  price (35)\n\n很好 🙂 很好!",
        ["café", "good", "35", "很好", "a", "price"],
    ),
    Case("Nothing.", []),
    Case("𠮷野 is good", ["𠮷野", "good", "野"]),
    Case(
        "Good and " * 40 + "misunderstood bad",
        ["misunderstood", "and", "good", "bad", *map(str, range(70)), "end"],
    ),
    Case("A happy end", ["happy", *map(str, range(70)), "end"]),
    Case("A well-made box. Well made? WELL-MADE!", ["well-made", "well", "made", "wellmade"]),
    Case("Good and " * 1050 + "misunderstood bad", ["misunderstood", "good", "bad"]),
)
_WORDS = (
    "good",
    "bad",
    "don't",
    "like",
    "it",
    "café",
    "很好",
    "好",
    "35",
    "not",
    "goods",
    "don",
    "dont",
    "unlike",
    "well-made",
    "made",
)
_SIGNED = ("{}", "{}", "{}", "{}.", "{},", "{}!", "({})", "'{}'", "{}?!", "('{}',", "{}:", "{};", "...{}")
_PARTED = (" ", " ", " ", "  ", "\n", "\n", " \n\n", " - ", " 🙂 ")


def _fresh_bag(draw: Draw) -> Case:
    """Words in capitals or not, with signs around them, some of them in the vocabulary."""
    few = draw.shuffled(_WORDS)[: draw.integer(1, 6)]
    vocabulary = draw.shuffled(_WORDS)[: draw.integer(0, 4)]
    vocabulary = draw.shuffled(dict.fromkeys([*few[:3], *vocabulary]))
    cases = (str, str, str.capitalize, str.upper)
    words = [draw.choose(cases)(draw.choose(few)) for _ in range(draw.integer(0, 14))]
    parts = [draw.choose(_SIGNED).format(word) + draw.choose(_PARTED) for word in words]
    text = draw.choose(("", "", " ", "\n")) + "".join(parts)
    return Case(text if draw.boolean() else text.rstrip(), vocabulary)


def _counting(cut: Callable[[str], Sequence[str]]) -> Callable[[str, list[str]], list[int]]:
    return lambda text, vocabulary: [list(cut(text)).count(word) for word in vocabulary]


def _in_order(text: str, vocabulary: list[str]) -> list[int]:
    words = [word.strip(string.punctuation) for word in text.lower().split()]
    return [words.count(word) for word in dict.fromkeys(words) if word in vocabulary]


def _of_all_words(text: str, vocabulary: list[str]) -> list[int]:
    words = [word.strip(string.punctuation) for word in text.lower().split()]
    return [words.count(word) for word in words]


def _letters_and_signs(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def _plain_letters(text: str) -> list[str]:
    return re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower())


def _stripped_of(signs: str) -> Callable[[str, list[str]], list[int]]:
    return _counting(lambda text: [word.strip(signs) for word in text.lower().split()])


_ALL_SIGNS = (
    "There are more of them: brackets, quotation marks, dashes. `string.punctuation`, after `import string`, "
    "has all of a keyboard."
)

_MORE_LETTERS = (
    "*café*, *很好* and *35* are words too. In a pattern `\\w` stands for letters of all languages and "
    "for digits. (And the signs around *'good'* don't belong to it.)"
)

bag_of_words = Exercise(
    name="bag_of_words",
    topic="sentiment",
    title="A text as counts",
    kind="explore",
    difficulty="easy",
    minutes=8,
    reference=_bag_of_words,
    cases=_BAGS,
    fresh=_fresh_bag,
    hints=(
        "Two steps: cut the text into words, then count each word of the vocabulary among them.",
        "Small letters first: `text.lower()`. `.split()` cuts at spaces, and "
        "`word.strip(string.punctuation)`, after `import string`, takes punctuation off both ends of a word.",
        "`words.count(word)` says how often a word stands in a list; go through `vocabulary` in its order.",
    ),
    explanation=(
        "The vocabulary decides how long the list is and what each place means, so that every text has "
        "a list of the same length: a row of a matrix. `strip` takes punctuation from the ends only, and "
        "so leaves the apostrophe in *don't*, without which it would be another word.\n\n"
        "What is lost is the order. *not bad, but good* and *not good, but bad* are the same bag."
    ),
    mistakes=(
        Mistake(
            "capitals count",
            _counting(lambda text: [word.strip(string.punctuation) for word in text.split()]),
            "*Good* at the beginning of a sentence and *good* are one word. Use `text.lower()` first.",
        ),
        Mistake(
            "punctuation sticks to the words",
            _counting(lambda text: text.lower().split()),
            "`split()` leaves *good.* and *good,* as words of their own. Take punctuation off the ends.",
        ),
        Mistake(
            "it says whether a word is there, not how often",
            lambda text, vocabulary: [min(1, count) for count in _bag_of_words(text, vocabulary)],
            "A word that stands there three times counts 3. (0 and 1 only is another kind of bag.)",
        ),
        Mistake(
            "words are found inside other words",
            lambda text, vocabulary: [text.lower().count(word) for word in vocabulary],
            "`text.count('like')` also counts *unlikely*. Cut the text into words first, and count among "
            "these.",
        ),
        Mistake(
            "punctuation sticks to the words",
            _counting(lambda text: text.lower().split(" ")),
            "`split(' ')` leaves *good.* and *good,* as words of their own. Take punctuation off the ends. "
            "(And `split()`, without the space, cuts at line ends too.)",
        ),
        Mistake(
            "words are cut at single spaces only",
            _counting(lambda text: [w.strip(string.punctuation) for w in text.lower().split(" ")]),
            "There may be line ends between words as well: `split()`, without the space, cuts at both.",
        ),
        Mistake("only some signs are taken off", _stripped_of(".,!?"), _ALL_SIGNS),
        Mistake("only some signs are taken off", _stripped_of(".,!?;:"), _ALL_SIGNS),
        Mistake(
            "signs in front of a word stay",
            _counting(lambda text: [w.rstrip(string.punctuation) for w in text.lower().split()]),
            "`rstrip` looks at the right end only. In *(good* the sign stands on the left: use `strip`.",
        ),
        Mistake(
            "quotation marks stick to the words",
            _counting(
                lambda text: [w.strip(string.punctuation.replace("'", "")) for w in text.lower().split()]
            ),
            "In *'good'* the signs ' stand around the word, and don't belong to it; in *don't* it's inside. "
            "Take them off the ends too.",
        ),
        Mistake("only the letters a to z make words", _counting(_letters_and_signs), _MORE_LETTERS),
        Mistake("only the letters a to z make words", _counting(_plain_letters), _MORE_LETTERS),
        Mistake(
            "the apostrophe is lost",
            _counting(lambda text: re.sub(r"[^\w\s]", "", text.lower()).split()),
            "*don't* becomes *dont*, which no vocabulary has. Take punctuation off the ends of words only.",
        ),
        Mistake(
            "words are cut at the apostrophe",
            _counting(lambda text: re.findall(r"\w+", text.lower())),
            "*don't* becomes *don* and *t*. The apostrophe inside a word belongs to it.",
        ),
        *(
            Mistake(
                "words are cut at the hyphen",
                _counting(cut),
                "*well-made* stands between two spaces, so it is one word. The hyphen inside a word "
                "belongs to it, as the apostrophe does.",
            )
            for cut in (
                lambda text: re.findall(r"\w+(?:'\w+)*", text.lower()),
                lambda text: [w.strip(string.punctuation) for w in text.lower().replace("-", " ").split()],
            )
        ),
        Mistake(
            "the order is that of the text",
            _in_order,
            "Place 0 must mean the same word for every text: go through `vocabulary`, not through the text.",
        ),
        Mistake(
            "all words of the text are counted",
            _of_all_words,
            "One count for each word of the *vocabulary*. Words outside it are left out.",
        ),
        Mistake(
            "shares instead of counts",
            lambda text, vocabulary: [
                count / max(1, len(text.split())) for count in _bag_of_words(text, vocabulary)
            ],
            "Don't divide by the number of words: counts are asked for.",
        ),
        Mistake(
            "the result is a dictionary",
            lambda text, vocabulary: dict(
                zip(vocabulary, _bag_of_words(text, vocabulary), strict=True),
            ),
            "A list is asked for: its places stand for the words of the vocabulary.",
        ),
    ),
)


# Logistic regression --------------------------------------------------------------------------------------


def _logistic_gradient(x: Tensor, y: Tensor, w: Tensor, b: float) -> tuple[Tensor, Tensor]:
    """The gradient of the mean loss for w and for b, where P(1 | x) = sigmoid(x · w + b).

    Shapes: x (N, V), y (N,), w (V,) -> (V,) and ().
    """
    error = torch.sigmoid(x @ w + b) - y
    return x.T @ error / len(y), error.mean()


def _gradient_cases() -> list[Case]:
    toy = Case(torch.tensor([[1.0, 0.0], [2.0, 4.0]]), torch.tensor([1.0, 0.0]), torch.zeros(2), 0.0)
    cases = [toy]
    for seed, (n, v, b) in enumerate(((3, 5, 0.5), (7, 2, -1.0), (5, 5, 2.0))):
        y = (_random(n, seed=seed + 10) > 0).float()
        cases.append(Case(2 * _random(n, v, seed=seed), y, _random(v, seed=seed + 20), b))
    x, y, w = _random(3, 2, seed=30), torch.tensor([1.0, 0.0, 1.0]), torch.tensor([0.5, -1.0])
    cases += [Case(x, y, w, 1.0), Case(x, 1 - y, w, 1.0)]
    sure = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    cases.append(Case(sure, torch.tensor([0.0, 1.0, 1.0]), torch.tensor([120.0, -100.0]), 1.0))
    small = torch.tensor([[60.0, 0.0005], [70.0, 0.0], [80.0, 0.02]])
    cases.append(Case(small, torch.tensor([0.0, 1.0, 0.0]), torch.tensor([0.0009, 60.0]), 0.0007))
    counts = torch.randint(3, (80, 90), generator=torch.Generator().manual_seed(5)).float()
    long = _random(1100, 2, seed=8)
    cases.append(Case(long, (long[:, 0] > 0.3).float(), torch.tensor([0.5, -1.0]), 0.25))
    cases.append(Case(_random(2, 1100, seed=9), torch.tensor([0.0, 1.0]), _random(1100, seed=11) / 30, 0.5))
    cases.append(Case(counts, (_random(80, seed=6) > 0).float(), _random(90, seed=7) / 9, 0.25))
    return cases


def _fresh_gradient(draw: Draw) -> Case | None:
    n, v = draw.integer(1, 7), draw.integer(1, 6)
    x = draw.ids(4, n, v).float() if draw.boolean() else draw.tensor(n, v)
    w, b = draw.tensor(v) * draw.choose((1.0, 1.0, 20.0)), draw.choose((0.0, 0.5, -1.0, draw.real(-4.0, 4.0)))
    return Case(x, draw.ids(2, n).float(), w, b) if (x @ w + b).abs().max() < 300 else None


def _gradient(error: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """An answer with another error, as a function of z = x · w + b and y."""

    def answer(x: Tensor, y: Tensor, w: Tensor, b: float) -> tuple[Tensor, Tensor]:
        wrong = error(x @ w + b, y)
        return x.T @ wrong / len(y), wrong.mean()

    return answer


def _errors_along_the_words(x: Tensor, y: Tensor, w: Tensor, b: float) -> tuple[Tensor, Tensor]:
    error = torch.sigmoid(x @ w + b) - y
    return (x * error).mean(0), error.mean()


def _squared(z: Tensor, y: Tensor, factor: int = 2) -> Tensor:
    p = torch.sigmoid(z)
    return factor * (p - y) * p * (1 - p)


_COSTLY = (
    "With (p - y)² there would be a factor p (1 - p), which makes sure mistakes learn slowly. For -log P it "
    "cancels."
)


def _as_number(value: object) -> object:
    """A tensor without dimensions is a number too; and nobody wants to read 0.7200000211596489."""
    if isinstance(value, Tensor) and value.ndim == 0:
        value = value.item()
    return round(value, 6) if isinstance(value, float) else value


def _both_gradients(answer: Callable, x: Tensor, y: Tensor, w: Tensor, b: float) -> object:
    """What an answer gives, with the second of a pair as a number."""
    found = answer(x, y, w, b)
    pair = isinstance(found, tuple | list) and len(found) == 2
    return (found[0], _as_number(found[1])) if pair else found


logistic_gradient = Exercise(
    name="logistic_gradient",
    topic="sentiment",
    title="Which way is down?",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=12,
    reference=_logistic_gradient,
    differentiable=False,
    cases=_gradient_cases,
    fresh=_fresh_gradient,
    use=_both_gradients,
    forbidden=(
        Forbidden(
            ("backward", "grad"),
            "Here it is to be derived by hand: how fast the loss changes with z = x · w + b, and z with each "
            "weight.",
        ),
    ),
    hints=(
        "For one text the loss is -log P(right label). Its slope with respect to z = x · w + b is short: "
        "sigmoid(z) - y, how far the probability is from the label.",
        "z changes with w_j as fast as x_j is large, and with b at rate 1. So for one text the gradient is "
        "`error * x` for w, and `error` for b.",
        "Then the mean over the texts. `x.T @ error` adds `error * x` up over them.",
    ),
    explanation=(
        "Of all the logarithms and exponentials only *probability minus label* is left. A word that stands "
        "in a text which the model finds too good gets a lower weight, the lower the more often it stands "
        "there. At the lowest point, for each word the expected and the true number of good texts agree.\n\n"
        "A language model's head learns in the same way: its gradient for the logits is softmax minus "
        "one-hot."
    ),
    mistakes=(
        Mistake(
            "it is added up instead of averaged",
            lambda x, y, w, b: tuple(len(y) * part for part in _logistic_gradient(x, y, w, b)),
            "The loss is a mean over the texts: divide by their number, `len(y)`.",
        ),
        Mistake(
            "the sign is turned around",
            _gradient(lambda z, y: y - torch.sigmoid(z)),
            "y - p is the direction to go *down*. The gradient points upward: p - y.",
        ),
        Mistake(
            "the sigmoid is missing",
            _gradient(lambda z, y: z - y),
            "x · w + b can be any number. The sigmoid makes it a probability, to be compared with y.",
        ),
        Mistake("it is the gradient of the squared error", _gradient(_squared), _COSTLY),
        Mistake(
            "it is the gradient of the squared error", _gradient(lambda z, y: _squared(z, y, 1)), _COSTLY
        ),
        Mistake(
            "the exponential overflows",
            _gradient(lambda z, y: z.exp() / (1 + z.exp()) - y),
            "e^z is infinite for a z of 100, and infinite through infinite is not a number. `torch.sigmoid` "
            "knows how to do it, and so does 1 / (1 + e^-z).",
        ),
        Mistake(
            "the errors lie along the words",
            _errors_along_the_words,
            "`x * error` puts (N,) below the last axis of (N, V), so one error under each *word* (or it "
            "fails, if V isn't N). A column goes with the texts: `error[:, None]`, or `x.T @ error`.",
        ),
        Mistake(
            "the prediction is rounded",
            _gradient(lambda z, y: (z > 0).float() - y),
            "It is the probability that is compared with y, not the label that it would lead to.",
        ),
        Mistake(
            "b is left out of the prediction",
            lambda x, y, w, b: _logistic_gradient(x, y, w, 0.0),
            "The probability is sigmoid(x · w + b): b belongs to it.",
        ),
        Mistake(
            "only b's gradient is averaged",
            lambda x, y, w, b: (
                len(y) * _logistic_gradient(x, y, w, b)[0],
                _logistic_gradient(x, y, w, b)[1],
            ),
            "`x.T @ error` adds up over the texts. Divide that by `len(y)` too.",
        ),
        Mistake(
            "only w's gradient is averaged",
            lambda x, y, w, b: (
                _logistic_gradient(x, y, w, b)[0],
                len(y) * _logistic_gradient(x, y, w, b)[1],
            ),
            "For b it is the mean of the errors, not their sum.",
        ),
        Mistake(
            "it is divided by the number of words",
            lambda x, y, w, b: (
                _logistic_gradient(x, y, w, b)[0] * len(y) / len(w),
                _logistic_gradient(x, y, w, b)[1],
            ),
            "The mean is over texts, so N = `len(y)`. The number of weights doesn't come in.",
        ),
        Mistake(
            "w's gradient is a mean over the words too",
            lambda x, y, w, b: (
                _logistic_gradient(x, y, w, b)[0].mean(),
                _logistic_gradient(x, y, w, b)[1],
            ),
            "Each weight has a slope of its own, so the result has as many entries as `w`. Take the mean "
            "over the texts only: with `.mean(0)`.",
        ),
        Mistake(
            "x is not turned round",
            lambda x, y, w, b: (
                x @ (torch.sigmoid(x @ w + b) - y) / len(y),
                _logistic_gradient(x, y, w, b)[1],
            ),
            "Each weight adds up over the texts, so over the rows of x: `x.T @ error`, which is (V, N) times "
            "(N,).",
        ),
        Mistake(
            "both gradients are in one tensor",
            lambda x, y, w, b: torch.cat(
                (_logistic_gradient(x, y, w, b)[0], _logistic_gradient(x, y, w, b)[1][None]),
            ),
            "Give the two one after the other, `return for_w, for_b`.",
        ),
        Mistake(
            "x is left out of w's gradient",
            lambda x, y, w, b: (
                _logistic_gradient(x, y, w, b)[1].expand(len(w)).clone(),
                _logistic_gradient(x, y, w, b)[1],
            ),
            "A word that doesn't stand in a text has nothing to do with its error: each error is multiplied "
            "by the text's counts.",
        ),
    ),
)


# The last state -------------------------------------------------------------------------------------------


def _last_hidden(hidden: Tensor, lengths: Tensor) -> Tensor:
    """The state of each text's last real token.

    Shapes: hidden (B, T, C), lengths (B,) from 1 to T -> (B, C).
    """
    return hidden[torch.arange(len(hidden)), lengths - 1]


def _hidden_cases() -> list[Case]:
    toy = torch.tensor([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [0.0]]])
    return [
        Case(toy, torch.tensor([3, 2])),
        Case(_random(3, 5, 2, seed=1), torch.tensor([2, 5, 3])),
        Case(_random(2, 7, 3, seed=2), torch.tensor([1, 6])),
        Case(_random(5, 3, 3, seed=3), torch.tensor([3, 3, 1, 2, 3])),
        Case(_random(1, 2, 7, seed=4), torch.tensor([1])),
        Case(_random(3, 5, 2, seed=1), torch.tensor([4, 1, 5])),
        Case(100 * _random(80, 3, 2, seed=5), torch.arange(80) % 3 + 1),
        Case(_random(2, 300, 1, seed=6), torch.tensor([300, 257])),
        Case(_random(2, 1100, 1, seed=8), torch.tensor([1100, 1050])),
        Case(_random(1100, 2, 1, seed=9), torch.arange(1100) % 2 + 1),
        Case(_random(70, 4, 2, seed=7).transpose(0, 2) / 1000, torch.tensor([2, 4])),
    ]


def _fresh_hidden(draw: Draw) -> Case:
    B, T = draw.integer(1, 6), draw.integer(1, 9)
    return Case(draw.tensor(B, T, draw.integer(1, 5)), draw.ids(T, B) + 1)


def _real(hidden: Tensor, lengths: Tensor) -> Tensor:
    return (torch.arange(hidden.shape[1]) < lengths[:, None])[..., None]


last_hidden = Exercise(
    name="last_hidden",
    topic="sentiment",
    title="Where a text has been read",
    kind="explore",
    difficulty="medium",
    minutes=8,
    reference=_last_hidden,
    cases=_hidden_cases,
    fresh=_fresh_hidden,
    hints=(
        "The last real token of a text with `length` tokens stands at place `length - 1`.",
        "One text after the other: `hidden[i, lengths[i] - 1]`, and then `torch.stack`.",
        "Without a loop: two lists of indices side by side, `hidden[rows, places]`, take one place in each "
        "row. The rows are `torch.arange(B)`.",
    ),
    explanation=(
        "With the causal mask a token sees what stands to its left, so only the last real one has seen the "
        "whole text. The filling on its right has been computed too, but it belongs to no text.\n\n"
        "`hidden[torch.arange(B), lengths - 1]` picks one place in each row. `hidden[:, lengths - 1]` looks "
        "almost the same, and takes all these places from every row."
    ),
    mistakes=(
        Mistake(
            "the last column is taken",
            lambda hidden, lengths: hidden[:, -1],
            "In shorter texts, that is filling. Use the text's own length.",
        ),
        Mistake(
            "it is one place too far",
            lambda hidden, lengths: hidden[torch.arange(len(hidden)), lengths],
            "Places count from 0, so the last of `length` tokens stands at `length - 1`.",
        ),
        Mistake(
            "every row gives all the places",
            lambda hidden, lengths: hidden[:, lengths - 1],
            "`:` takes every row for every length, which makes (B, B, C). Give the rows too: "
            "`torch.arange(len(hidden))`.",
        ),
        *(
            Mistake(
                "only the first number of each vector is taken",
                lambda hidden, lengths, shaped=shaped: shaped(hidden.gather(1, (lengths - 1)[:, None, None])),
                "`gather` takes as many numbers as there are places in its index. Repeat each place C times: "
                "`.expand(-1, 1, C)`.",
            )
            for shaped in (lambda found: found[:, 0], lambda found: found, torch.squeeze)
        ),
        Mistake(
            "an axis of size 1 is left over",
            lambda hidden, lengths: _last_hidden(hidden, lengths)[:, None],
            "One vector for each text is (B, C). `[:, 0]` or `squeeze(1)` takes the axis in the middle away.",
        ),
        Mistake(
            "the first token is taken",
            lambda hidden, lengths: hidden[:, 0],
            "In a causal model the first token has seen nothing but itself. (BERT looks both ways, and there "
            "one takes the first.)",
        ),
        Mistake(
            "it is the mean of the real tokens",
            lambda hidden, lengths: (hidden * _real(hidden, lengths)).sum(1) / lengths[:, None],
            "That is a sensible choice too, but here the last real token's own state is asked for.",
        ),
        Mistake(
            "it is the mean of all columns, the filling included",
            lambda hidden, lengths: hidden.mean(1),
            "The filling belongs to no text. And the last real token's own state is asked for.",
        ),
        Mistake(
            "the filling is zeroed, and the last column taken",
            lambda hidden, lengths: (hidden * _real(hidden, lengths))[:, -1],
            "That gives zeros for each shorter text. Its last state stands further to the left.",
        ),
        Mistake(
            "the shortest text's length is used for all",
            lambda hidden, lengths: hidden[:, int(lengths.min()) - 1],
            "Each text has its own last token.",
        ),
        Mistake(
            "the longest text's length is used for all",
            lambda hidden, lengths: hidden[:, int(lengths.max()) - 1],
            "Each text has its own last token.",
        ),
        Mistake(
            "it counts from the right",
            lambda hidden, lengths: hidden[torch.arange(len(hidden)), -lengths],
            "-length is that many places from the *right end of the batch*. The filling is on the right, so "
            "count from the left.",
        ),
    ),
)


# The likelier ending --------------------------------------------------------------------------------------


def _label_scores(logprobs: list[list[float]], prior: list[list[float]]) -> int:
    """The label whose continuation gained most log-probability by the text."""
    gains = [sum(after) - sum(before) for after, before in zip(logprobs, prior, strict=True)]
    return gains.index(max(gains))


_SCORES = (
    Case([[-1.0, -2.0], [-0.5, -1.5]], [[-3.0, -2.0], [-1.0, -1.5]]),
    Case([[-1.0, -2.5], [-0.5, -0.25]], [[-3.0, -2.0], [-1.0, -1.5]]),  # after another text
    Case([[-2.5, -3.25], [-2.0]], [[-3.5, -5.5], [-3.0]]),
    Case([[-1.0] * 71, [-1.0] * 7], [[-1.0] * 70 + [-0.5], [-1.0] * 6 + [-1.25]]),  # a long label
    Case([[-0.25], [-2.75, -2.0, -5.25, -1.5]], [[-2.75], [-5.5, -2.75, -4.75, -2.25]]),
    Case(
        [[-5.75, -5.75, -5.5], [-3.5, -1.0, -3.75, -2.25], [-1.25, -1.25, -4.0, -1.75]],
        [[-1.25, -1.0, -5.0], [-5.0, -5.25, -5.25, -0.5], [-4.25, -0.75, -5.75, -0.5]],
    ),
    Case([[-0.75, -4.0, -0.25, -5.25], [-3.5], [-4.0]], [[-1.5, -5.5, -1.75, -4.75], [-6.0], [-0.75]]),
    Case(
        [[-0.25, -2.5, -0.5, -1.25], [-4.25, -5.75], [-1.25], [-3.25]],
        [[-1.75, -1.75, -3.0, -1.25], [-0.25, -4.25], [-2.75], [-0.25]],
    ),
    Case([[-5.5, -6.0, -1.5], [-4.0], [-2.0, -6.0]], [[-2.25, -0.25, -2.75], [-0.75], [-3.5, -2.75]]),
    Case([[-5.5, -6.0, -1.5], [-4.0], [-2.0, -6.0]], [[-9.25, -0.25, -2.75], [-4.75], [-3.5, -2.75]]),
    Case([[-150.0], [-60.0]], [[-9.0], [-5.0]]),
    Case([[-1.0, -0.0009], [-1.0, -0.0001]], [[-2.0, -0.5], [-2.0, -0.5]]),
    Case([[-1.0, -0.5], [-1.0, -0.5]], [[-2.0, -0.0001], [-2.0, -0.0009]]),
    Case([[-1.0, -1.0, 0.0], [-1.0, -1.0, -1.0]], [[-2.0, -2.0, 0.0], [-2.0, -2.0, -2.0]]),
    Case([[-1.0, 0.0], [-1.0, -0.5]], [[-2.0, 0.0], [-1.5, -0.5]]),
    Case([[-70.0], [-3.0]], [[-140.0], [-60.0]]),
    Case([[-2.0]], [[-1.0]]),
    Case([[-3.0] * 90, [-2.0] * 80], [[-3.0] * 80 + [-4.0] * 10, [-3.0] * 10 + [-2.0] * 70]),
    Case([[-1.0, -i / 4] for i in range(90)], [[-1.5, -abs(i - 88) / 2] for i in range(90)]),
    Case([[-0.5] * 1100, [-0.25] * 1090], [[-0.5] * 1080 + [-0.75] * 20, [-0.5] * 10 + [-0.25] * 1080]),
    Case([[-1.0]] * 1050 + [[-0.5], [-1.0]], [[-2.0]] * 1052),
)


def _fresh_labels(draw: Draw) -> Case | None:
    """Labels of several tokens; no two gain equally, or so nearly that rounding would decide."""
    unit = draw.choose((0.25, 0.25, 4.0, 0.01))

    def label() -> list[tuple[float, float]]:
        return draw.list(lambda: (-unit * draw.integer(0, 24), -unit * draw.integer(0, 24)), 1, 6)

    labels = [label() for _ in range(draw.integer(1, 6))]
    gains = sorted(sum(after - before for after, before in tokens) for tokens in labels)
    if any(high - low < unit / 2 for low, high in pairwise(gains)):
        return None
    return Case(*([[pair[side] for pair in tokens] for tokens in labels] for side in (0, 1)))


def _best(gain: Callable[[list[float], list[float]], float]) -> Callable:
    """An answer that takes the label for which something else is largest."""

    def answer(logprobs: list[list[float]], prior: list[list[float]]) -> int:
        gains = [gain(after, before) for after, before in zip(logprobs, prior, strict=True)]
        return gains.index(max(gains))

    return answer


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _above_zero(logprobs: list[list[float]], prior: list[list[float]]) -> int:
    best, label = 0.0, 0
    for i in range(len(logprobs)):
        if (gain := sum(logprobs[i]) - sum(prior[i])) > best:
            best, label = gain, i
    return label


label_scores = Exercise(
    name="label_scores",
    topic="sentiment",
    title="What the text adds",
    kind="explore",
    difficulty="medium",
    minutes=10,
    reference=_label_scores,
    cases=_SCORES,
    fresh=_fresh_labels,
    hints=(
        "A continuation's probability is the product of its tokens' probabilities. So their logarithms are "
        "added up.",
        "For each label: the sum after the text, minus the sum after the empty prompt. "
        "`zip(logprobs, prior)` goes through the labels.",
        "The place of the largest: `gains.index(max(gains))`.",
    ),
    explanation=(
        "The difference of two logarithms is the logarithm of a ratio: how many times likelier the text has "
        "made this continuation. A continuation that is rare by itself, or just long, then no longer loses "
        "for that alone (Holtzman and others 2021, arXiv:2104.08315).\n\n"
        "It is no law that this helps: it takes away as well what the model rightly knows about how often "
        "each label occurs, and an empty prompt may be a strange text. So measure both."
    ),
    mistakes=(
        Mistake(
            "the prior is forgotten",
            _best(lambda after, before: sum(after)),
            "This asks which continuation is likelier, not which one has become likelier. Take the prior's "
            "sum off.",
        ),
        Mistake(
            "the prior is added",
            _best(lambda after, before: sum(after) + sum(before)),
            "Then a continuation that is likely anyhow wins twice. Subtract.",
        ),
        Mistake(
            "the smallest gain wins",
            _best(lambda after, before: sum(before) - sum(after)),
            "Log-probabilities are negative, but larger is still likelier: take the largest difference.",
        ),
        Mistake(
            "the mean of the tokens is taken",
            _best(lambda after, before: _mean(after) - _mean(before)),
            "The continuation's log-probability is the *sum* over its tokens. With the prior taken off there "
            "is no need to make up for length once more.",
        ),
        Mistake(
            "only the first token counts",
            _best(lambda after, before: after[0] - before[0]),
            "The continuations may part later, as *would not* and *would buy* do: add all tokens up.",
        ),
        Mistake(
            "only the last token counts",
            _best(lambda after, before: after[-1] - before[-1]),
            "By the last token everything may have been said. Add all tokens up.",
        ),
        Mistake(
            "the probabilities are subtracted",
            _best(lambda after, before: math.exp(sum(after)) - math.exp(sum(before))),
            "How much likelier is a ratio: from 0.001 to 0.01 is ten times, from 0.5 to 0.6 is little. "
            "Subtract the *logarithms*.",
        ),
        Mistake(
            "the tokens' probabilities are added up",
            _best(lambda after, before: sum(map(math.exp, after)) - sum(map(math.exp, before))),
            "The probability of several tokens in a row is a product, so their *logarithms* are added up.",
        ),
        Mistake(
            "the sums are divided by each other",
            _best(lambda after, before: sum(after) / sum(before)),
            "Dividing *probabilities* is subtracting *log-probabilities*.",
        ),
        Mistake(
            "the search begins at a gain of 0",
            _above_zero,
            "All the gains may be negative, and then none is above 0. Begin with the first label's gain, or "
            "with `-math.inf`.",
        ),
        Mistake(
            "the gain is given, not the label",
            lambda logprobs, prior: max(
                sum(after) - sum(before) for after, before in zip(logprobs, prior, strict=True)
            ),
            "The label's place is asked for: `gains.index(max(gains))`.",
        ),
        Mistake(
            "all the gains are given",
            lambda logprobs, prior: [
                sum(after) - sum(before) for after, before in zip(logprobs, prior, strict=True)
            ],
            "Now say which of them is the largest: `gains.index(max(gains))`.",
        ),
    ),
)


# Confusion ------------------------------------------------------------------------------------------------


share_of_good = Exercise(
    name="share_of_good",
    topic="sentiment",
    title="Explain: how much of the good is found?",
    kind="explain",
    difficulty="easy",
    minutes=3,
    reference=1 / 3,
    atol=0.02,
    cases=(),
    hints=(
        "Which row or column holds all the texts that *are* good? How many is that?",
        "Rows are the truth. Take the second row by itself: what it adds up to, and what of it lies on the "
        "diagonal.",
    ),
    explanation=(
        "The second row holds the texts that are good: 2 + 1 = 3, of which one is called good. This share "
        "of a row is the **recall** of that label; it was 1/3 for *good*, and for *bad* it is 2/2. The share "
        "of a *column* is the precision (notebook 08): what is called good here is good, 1 of 1. So the "
        "same table says 0.33, 0.60 or 1.00, and one must say which share is meant."
    ),
    mistakes=(
        Mistake(
            "the share of a column",
            1.0,
            "One text is *called* good, and it is good: that's the precision. The question is what became of "
            "all those that *are* good.",
        ),
        Mistake(
            "the share of all that is right",
            0.6,
            "Three of five are right, both labels together: the accuracy. The question is about the good "
            "texts alone.",
        ),
        Mistake(
            "the share of those that were missed",
            2 / 3,
            "Two of the three good texts are called bad. Which share was found?",
        ),
        Mistake(
            "divided by all texts",
            0.2,
            "One of five texts is good and called so, but only three of the five are good.",
        ),
        Mistake(
            "the other label's",
            0.5,
            "In the first column there are two of each, but that's what was called *bad*.",
        ),
    ),
)


def _confusion_matrix(labels: Tensor, predicted: Tensor, n: int) -> Tensor:
    """How often each label (row) was taken for each label (column)."""
    table = torch.zeros(n, n, dtype=torch.long)
    for label, guess in zip(labels, predicted, strict=True):
        table[label, guess] += 1
    return table


_CONFUSED = (
    Case(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 1, 0, 1]), 2),
    Case(torch.tensor([0, 0, 1, 2, 2, 2, 1]), torch.tensor([1, 1, 1, 0, 2, 2, 2]), 3),
    Case(torch.tensor([1, 1, 0]), torch.tensor([0, 0, 0]), 3),
    Case(torch.tensor([4, 0, 4, 4, 2]), torch.tensor([0, 4, 4, 0, 2]), 5),
    Case(torch.tensor([0, 1, 1, 1]), torch.tensor([1, 1, 0, 0]), 2),
    Case(torch.tensor([0, 0]), torch.tensor([0, 0]), 1),
    Case(torch.tensor([], dtype=torch.long), torch.tensor([], dtype=torch.long), 2),
    Case(torch.arange(260).repeat(2)[:300], torch.arange(299, -1, -1) % 260, 260),
    Case(torch.tensor([1] * 1100 + [0]), torch.tensor([0] * 1101), 2),  # very many of a kind
)


def _fresh_confusion(draw: Draw) -> Case:
    n, texts = draw.integer(1, 9), draw.integer(1, 14)
    return Case(draw.ids(n, texts), draw.ids(n, texts), n)


def _pairs_once(labels: Tensor, predicted: Tensor, n: int) -> Tensor:
    table = torch.zeros(n, n, dtype=torch.long)
    table[labels, predicted] += 1
    return table


def _of_those_seen(labels: Tensor, predicted: Tensor, n: int) -> Tensor:
    return _confusion_matrix(labels, predicted, int(max(labels.max(), predicted.max())) + 1)


def _one_row(labels: Tensor, predicted: Tensor, n: int) -> Tensor:
    return torch.bincount(predicted, minlength=n).repeat(n, 1)


def _row_shares(labels: Tensor, predicted: Tensor, n: int) -> Tensor:
    table = _confusion_matrix(labels, predicted, n)
    return table / table.sum(1, keepdim=True).clamp(min=1)


confusion_matrix = Exercise(
    name="confusion_matrix",
    topic="sentiment",
    title="What is taken for what",
    kind="explore",
    difficulty="easy",
    minutes=8,
    reference=_confusion_matrix,
    cases=_CONFUSED,
    fresh=_fresh_confusion,
    differentiable=False,
    hints=(
        "Begin with a table of zeros, n by n, of whole numbers: `torch.zeros(n, n, dtype=torch.long)`.",
        "For each text, one cell goes up by one: the row is its label, the column is what was predicted.",
    ),
    explanation=(
        "The diagonal is what went right. Beside it stands *how* it goes wrong, which accuracy doesn't say: "
        "a row with much beside the diagonal is a label that is often missed, such a column one that is said "
        "too easily.\n\n"
        "`table[labels, predicted] += 1` looks like the loop without a loop, but where a pair comes twice, "
        "it counts once. `torch.bincount(labels * n + predicted, minlength=n * n).view(n, n)` counts them "
        "all."
    ),
    mistakes=(
        Mistake(
            "rows and columns are exchanged",
            lambda labels, predicted, n: _confusion_matrix(predicted, labels, n),
            "Here the rows are the truth. (Others do it the other way round, so always say which.)",
        ),
        Mistake(
            "a pair that comes twice counts once",
            _pairs_once,
            "With lists of indices, `table[labels, predicted] += 1` reads all cells, adds 1, and writes them "
            "back: a cell that is named twice gets 1. Use a loop, or `torch.bincount` with "
            "`minlength=n * n`.",
        ),
        Mistake(
            "`bincount` stops at the largest number it has seen",
            lambda labels, predicted, n: torch.bincount(labels * n + predicted).view(n, n),
            "Without the last pairs there are fewer than n * n counts, which can't become a table of n by n. "
            "Ask for all of them: `minlength=n * n`.",
        ),
        Mistake(
            "the counts are floating-point numbers",
            lambda labels, predicted, n: _confusion_matrix(labels, predicted, n).float(),
            "`torch.zeros(n, n)` makes floating-point numbers. For counts: `dtype=torch.long`.",
        ),
        Mistake(
            "shares instead of counts",
            _row_shares,
            "Counts are asked for. Shares hide how many texts they come from.",
        ),
        Mistake(
            "the table is as large as the labels that occur",
            _of_those_seen,
            "A label may not occur in these texts and still have its row: the table is n by n.",
        ),
        Mistake(
            "only what is right is counted",
            lambda labels, predicted, n: torch.diag(_confusion_matrix(labels, predicted, n).diag()),
            "That's the diagonal. The confusions beside it count too.",
        ),
        Mistake(
            "only what is wrong is counted",
            lambda labels, predicted, n: _confusion_matrix(
                labels[labels != predicted], predicted[labels != predicted], n
            ),
            "What is right belongs into the table too: on its diagonal.",
        ),
        Mistake(
            "all rows are one list",
            _one_row,
            "`[[0] * n] * n` holds the same row n times, and what is added to one is added to all. Make each "
            "row anew: `[[0] * n for _ in range(n)]`, or a table of zeros.",
        ),
    ),
)


# Calibration ----------------------------------------------------------------------------------------------


larger_than_the_means = Exercise(
    name="larger_than_the_means",
    topic="sentiment",
    title="Explain: seven times as large",
    kind="explain",
    difficulty="medium",
    minutes=5,
    reference="a",
    cases=(),
    hints=(
        "The table gives the gaps without their signs. In which bin is it surer than it is right, and in "
        "which the other way round?",
        "With signs, weighted by how many texts there are: 2/8 · 0.20 and 6/8 · (-0.05). Add them up, and "
        "compare.",
    ),
    explanation=(
        "In the first bin it is 0.20 too sure, in the second 0.05 not sure enough. Over all texts that is "
        "2/8 · 0.20 - 6/8 · 0.05 = 0.0125, the difference of the two means: what is too much in one place "
        "makes up for what is too little in the other. The ECE takes each gap without its sign, so that "
        "nothing makes up for anything. That is what the bins are for."
    ),
    mistakes=(
        Mistake(
            "bins that weigh the same",
            "b",
            "They don't weigh the same: 2/8 and 6/8. If they did, the ECE would be (0.20 + 0.05) / 2 = "
            "0.125, and it is 0.0875.",
        ),
        Mistake(
            "empty bins that count",
            "c",
            "Empty bins count nothing: they have a weight of 0/8. The weights of the two others already "
            "add up to 1.",
        ),
        Mistake(
            "too few texts",
            "d",
            "Take a hundred times as many texts with these same shares: both numbers stay what they are, and "
            "so does what lies between them.",
        ),
    ),
)


def _calibration_error(confidences: Tensor, right: Tensor, bins: int) -> float:
    """How far confidence and the share that is right are apart, averaged over all predictions, bin by bin."""
    error = 0.0
    for number in range(bins):
        inside = (confidences > number / bins) & (confidences <= (number + 1) / bins)
        if inside.any():
            gap = right[inside].float().mean() - confidences[inside].mean()
            error += float(inside.float().mean() * gap.abs())
    return error


def _sure_cases() -> list[Case]:
    toy = Case(torch.tensor([0.6, 0.8, 0.7, 0.9]), torch.tensor([True, True, False, True]), 2)
    edges = Case(torch.tensor([0.25, 0.625, 1.0, 0.75]), torch.tensor([1, 0, 0, 0]).bool(), 4)
    parted = Case(torch.tensor([0.5, 0.75]), torch.tensor([True, False]), 2)  # together, they make up
    unsure = Case(torch.tensor([0.55, 0.6, 0.95, 0.35, 0.7]), torch.tensor([1, 1, 0, 1, 1]).bool(), 3)
    cases = [toy, edges, parted, unsure, Case(torch.tensor([0.25, 0.75]), torch.tensor([True, False]), 1)]
    for seed, (n, bins) in enumerate(((7, 3), (30, 5), (11, 10))):
        sure = 0.5 + 0.49 * torch.rand(n, generator=torch.Generator().manual_seed(seed))
        cases.append(Case(sure, _random(n, seed=seed + 10) > -0.3, bins))
    cases.append(Case(sure, _random(n, seed=19) > -0.3, 10))
    cases.append(Case(torch.tensor([0.0005, 0.75]), torch.tensor([True, False]), 2))
    cases.append(Case(torch.tensor([0.0625, 0.5, 0.5, 0.25]), torch.tensor([0, 1, 1, 0]).bool(), 8))
    many = (torch.randint(1, 100, (90,), generator=torch.Generator().manual_seed(4)) + 0.37) / 100
    cases.append(Case(many, _random(90, seed=20) > 0, 100))
    cases.append(Case(torch.tensor([0.0127, 0.9706, 0.9709]), torch.tensor([0, 1, 0]).bool(), 1050))
    cases.append(Case(many.repeat(12)[:1070] / 2 + 0.25, torch.arange(1070) > 1020, 3))
    return cases


def _fresh_sure(draw: Draw) -> Case:
    """Confidences on the edges of bins where these are exact, away from them where they aren't."""
    n = draw.integer(1, 14)
    if draw.boolean():
        bins = draw.choose((1, 2, 4, 8))
        sure = (draw.ids(2 * bins, n) + 1) / (2 * bins)  # an edge or the middle of a bin
    else:
        bins = draw.choose((3, 5, 10, 15, 70))
        sure = (draw.ids(bins, n) + draw.positive(n, low=0.03, high=0.97)) / bins
    return Case(sure, draw.ids(2, n).bool(), bins)


def _from_the_lower_edge(confidences: Tensor, right: Tensor, bins: int) -> float:
    """Bins that hold their lower edges, and the last one 1 as well."""
    place = (confidences * bins).long().clamp(max=bins - 1)
    gaps = torch.bincount(place, weights=right.double() - confidences.double(), minlength=bins)
    return float(gaps.abs().sum() / len(confidences))


def _binned(
    gap: Callable[[Tensor, Tensor, float], Tensor] = lambda sure, hit, middle: (
        hit.mean() - sure.mean()
    ).abs(),
    total: Callable[[list[float], list[float]], float] = lambda gaps, shares: sum(
        gap * share for gap, share in zip(gaps, shares, strict=True)
    ),
    lower: bool = False,
    empty: bool = False,
    start: float = 0.0,
) -> Callable[[Tensor, Tensor, int], float]:
    """An answer with another gap in a bin, another sum over bins, other edges, another start of the bins,
    or empty bins counted."""

    def answer(confidences: Tensor, right: Tensor, bins: int) -> float:
        gaps, shares = [], []
        for b in range(bins):
            low, high = (start + (1 - start) * edge / bins for edge in (b, b + 1))
            above = confidences >= low if lower else confidences > low
            inside = above & (confidences < high if lower else confidences <= high)
            if empty or inside.any():
                gaps.append(float(gap(confidences[inside], right[inside].float(), (low + high) / 2)))
                shares.append(float(inside.float().mean()))
        return total(gaps, shares)

    return answer


def _on_both_edges(confidences: Tensor, right: Tensor, bins: int) -> float:
    """A confidence on an edge lies in two bins."""
    error = 0.0
    for b in range(bins):
        inside = (confidences >= b / bins) & (confidences <= (b + 1) / bins)
        if inside.any():
            gap = right[inside].float().mean() - confidences[inside].mean()
            error += float(inside.float().mean() * gap.abs())
    return error


calibration_error = Exercise(
    name="calibration_error",
    topic="sentiment",
    title="As sure as it may be?",
    kind="explore",
    difficulty="hard",
    minutes=15,
    reference=_calibration_error,
    cases=_sure_cases,
    fresh=_fresh_sure,
    differentiable=False,
    hints=(
        "Bin number b holds the confidences above b / bins and up to (b + 1) / bins. A mask of True and "
        "False picks them out: `inside = (confidences > ...) & (confidences <= ...)`.",
        "In a bin, compare two means: of the confidences and of `right[inside].float()`. The gap is the "
        "absolute value of their difference.",
        "Add the gaps up, each times the share of all predictions that are in its bin: "
        "`inside.float().mean()`. Leave empty bins out before you take a mean.",
    ),
    explanation=(
        "A mean over many predictions is needed, since a single one is right or wrong and can't be 80 % "
        "right. That's what the bins are for. Weighted by how full they are, they say how far off the "
        "confidence of a prediction is on average (Naeini and others 2015; Guo and others 2017, "
        "arXiv:1706.04599).\n\n"
        "The number depends on the bins and has noise of its own: with few predictions in a bin, gaps come "
        "about by chance, and even a perfect forecaster does not get 0."
    ),
    mistakes=(
        Mistake(
            "all bins weigh the same",
            _binned(total=lambda gaps, shares: sum(gaps) / len(gaps)),
            "A bin with one prediction would count as much as one with a thousand. Weigh each by its share.",
        ),
        Mistake(
            "all bins weigh the same",
            lambda confidences, right, bins: (
                _binned(total=lambda gaps, shares: sum(gaps))(confidences, right, bins) / bins
            ),
            "A bin with one prediction would count as much as one with a thousand, and one with none as "
            "well. Weigh each by its share.",
        ),
        Mistake(
            "a confidence on an edge lies in two bins",
            _on_both_edges,
            "Each prediction counts once. A bin holds its upper edge, and the lower one belongs to the bin "
            "before: `>` below, `<=` above.",
        ),
        Mistake(
            "there is one bin too few",
            lambda confidences, right, bins: _calibration_error(confidences, right, bins - 1),
            "`bins` bins have bins + 1 edges: `torch.linspace(0, 1, bins + 1)`.",
        ),
        Mistake(
            "the gaps are added up without weights",
            _binned(total=lambda gaps, shares: sum(gaps)),
            "Multiply each gap by the share of the predictions that are in its bin.",
        ),
        Mistake(
            "the sum isn't divided by the number of predictions",
            lambda confidences, right, bins: len(right) * _calibration_error(confidences, right, bins),
            "The ECE is a mean over predictions. Each gap times the *share* in its bin, not times their "
            "number.",
        ),
        Mistake(
            "the bins lie between 0.5 and 1",
            _binned(start=0.5),
            "Here they divide all of 0 to 1. (With two labels the winner has at least 0.5, with more labels "
            "it may have less.)",
        ),
        Mistake(
            "the gaps keep their sign",
            _binned(gap=lambda sure, hit, middle: hit.mean() - sure.mean()),
            "Too sure here and not sure enough there would cancel out. Take the absolute value in each bin.",
        ),
        Mistake(
            "the gaps keep their sign, confidence first",
            _binned(gap=lambda sure, hit, middle: sure.mean() - hit.mean()),
            "Too sure here and not sure enough there would cancel out. Take the absolute value in each bin.",
        ),
        Mistake(
            "the gap is taken for each prediction by itself",
            lambda confidences, right, bins: float((confidences - right.float()).abs().mean()),
            "A prediction is right or wrong, so it is always far from 80 %. Take both means in a bin first, "
            "then the gap.",
        ),
        Mistake(
            "there is only one bin",
            lambda confidences, right, bins: _calibration_error(confidences, right, 1),
            "Mean confidence against accuracy over everything: too sure and not sure enough cancel out. "
            "Do it bin by bin.",
        ),
        Mistake(
            "there are always ten bins",
            lambda confidences, right, bins: _calibration_error(confidences, right, 10),
            "How many there are is told by `bins`.",
        ),
        Mistake(
            "the bins hold their lower edges",
            _binned(lower=True),
            "Above the lower edge and up to the upper one, `>` and `<=`. Otherwise a confidence of exactly 1 "
            "is in no bin.",
        ),
        Mistake(
            "the bins hold their lower edges",
            _from_the_lower_edge,
            "Above the lower edge and up to the upper one: with `int(confidence * bins)` a confidence of "
            "exactly 0.5 is one bin too high. `math.ceil(confidence * bins) - 1` is right.",
        ),
        Mistake(
            "the bin's middle stands for its confidences",
            _binned(gap=lambda sure, hit, middle: (hit.mean() - middle).abs()),
            "Take the mean of the confidences that are in the bin; they may all be near one edge.",
        ),
        Mistake(
            "empty bins give nan",
            _binned(empty=True),
            "The mean of nothing is not a number. Leave a bin out if `inside.any()` is False.",
        ),
        Mistake(
            "the largest gap is given",
            _binned(total=lambda gaps, shares: max(gaps)),
            "That's the *maximum* calibration error, which one small bin decides. Here it is the mean.",
        ),
        Mistake(
            "the gaps are squared",
            _binned(gap=lambda sure, hit, middle: (hit.mean() - sure.mean()) ** 2),
            "The absolute value of the difference is asked for, so that the result is in shares.",
        ),
    ),
)


# A bug to find --------------------------------------------------------------------------------------------


def _jumpy_error(confidences: Tensor, right: Tensor, bins: int) -> float:
    gaps = []
    for number in range(bins):
        inside = (confidences > number / bins) & (confidences <= (number + 1) / bins)
        if inside.any():
            gap = right[inside].float().mean() - confidences[inside].mean()
            gaps.append(float(gap.abs()))
    return sum(gaps) / len(gaps)


def _steady_error(confidences: Tensor, right: Tensor, bins: int) -> float:
    gaps = []
    for number in range(bins):
        inside = (confidences > number / bins) & (confidences <= (number + 1) / bins)
        if inside.any():
            gap = right[inside].float().mean() - confidences[inside].mean()
            gaps.append(float(gap.abs() * inside.float().mean()))
    return sum(gaps)


jumpy_error = replace(
    calibration_error,
    name="jumpy_error",
    title="Find the bug: one text decides",
    kind="bug",
    difficulty="medium",
    minutes=8,
    reference=_steady_error,
    faulty=_jumpy_error,
    symptom=(
        "Its bins and its gaps are right; but beside a thousand texts for which all is well, a single one "
        "moves the error from 0 to more than a quarter."
    ),
    hints=(
        "The thousand lie in one bin, and the single text in another. Up to the gap of each bin all is "
        "right. What becomes of the gaps then?",
        "How large is the error that a mean over *predictions* would give, with a thousand gaps of 0 and "
        "one of 0.55?",
        "What a bin adds has to depend on how full it is: on the share of all texts that is inside.",
    ),
    explanation=(
        "`sum(gaps) / len(gaps)` is a mean over bins, in which a bin with one text has as large a say as one "
        "with a thousand. The ECE is a mean over *texts*, so each gap is multiplied by the share that lies "
        "in its bin, and the sum is all there is to it: the shares add up to 1.\n\n"
        "Where all bins are equally full, both give the same, so the mistake can live long. It shows where "
        "a few texts have a bin to themselves."
    ),
)


# Without one word -----------------------------------------------------------------------------------------


def _leave_one_out(words: list[str], score: Score) -> list[float]:
    """For each word, the score of all words minus the score of the others."""
    whole = score(words)
    return [whole - score(words[:i] + words[i + 1 :]) for i in range(len(words))]


def good_minus_bad(words: list[str]) -> float:
    """How often *good* is said, minus how often *bad* is."""
    return float(words.count("good") - words.count("bad"))


def with_not(words: list[str]) -> float:
    """The same, but *not* turns the next word around, and what comes later counts more."""
    total, sign = 0.0, 1
    for place, word in enumerate(words, start=1):
        total += sign * place * {"good": 1, "bad": -1}.get(word, 0)
        sign = -1 if word == "not" else 1
    return total


def spelled(words: list[str]) -> float:
    """Every letter counts, and the further back its word stands, the more."""
    return sum(place * (ord(letter) % 101) for place, word in enumerate(words) for letter in word) / 8


_ERASED = (
    Case(["a", "good", "box"], good_minus_bad),
    Case(["not", "bad", "at", "all"], with_not),
    Case(["bad", "but", "good", "and", "good"], with_not),
    Case(["good"], with_not),
    Case(["bad", "a" * 66 + "bc"], spelled),  # what matters comes late in a long word
    Case(["not", "good", "not", "bad", "good", "not"], with_not),
    Case(["not", "good", "not", "bad", "good", "not"], good_minus_bad),
    Case(["A", "RED", "bag", "is", "a", "bag", "."], spelled),
    Case(["Good", "GOOD", "good.", "bad!", "good", "good"], with_not),
    Case(["café", "很好", "🙂", "don't", "misunderstood", "misunderstandings"], spelled),
    Case([], good_minus_bad),
    Case(["not", "good", "and", "bad", "good"] * 16, with_not),
    Case(["good", "and", "bad", "good", "box"] * 106, good_minus_bad),
)


def _fresh_words(draw: Draw) -> Case:
    score = draw.choose((good_minus_bad, with_not, spelled))
    pool = ("good", "bad", "not", "Good", "box") if draw.boolean() else None
    return Case(draw.words(0, 14, pool), score)


def _erasing(words: list[str], score: Score) -> list[float]:
    whole, found = score(words), []
    for word in list(words):
        words.remove(word)
        found.append(whole - score(words))
        words.append(word)
    return found


def _deleting(words: list[str], score: Score) -> list[float]:
    whole, found = score(words), []
    for i in range(len(words)):
        del words[i]
        found.append(whole - score(words))
    return found


leave_one_out = Exercise(
    name="leave_one_out",
    topic="sentiment",
    title="What does it go by?",
    kind="explore",
    mark="more",
    difficulty="medium",
    minutes=8,
    reference=_leave_one_out,
    cases=_ERASED,
    fresh=_fresh_words,
    hints=(
        "First the score of all words, once. Then for each place the score of the words without that one.",
        "`words[:i] + words[i + 1:]` is the list without word i, and leaves `words` itself as it is.",
    ),
    explanation=(
        "A positive number: with this word, the score is higher; it speaks for *good*. It costs one question "
        "for each word and works for anything that gives a score, however it is made inside.\n\n"
        "It has limits. In *good, really good* each of the two may seem to matter little, since the other is "
        "still there. And a text with a hole in it may be one that the model has never seen the like of."
    ),
    mistakes=(
        Mistake(
            "the sign is turned around",
            lambda words, score: [-value for value in _leave_one_out(words, score)],
            "The score of all words comes first: what is lost without the word is what it brought.",
        ),
        Mistake(
            "the score without the word is given",
            lambda words, score: [score(words[:i] + words[i + 1 :]) for i in range(len(words))],
            "What matters is the change: the score of all words minus this.",
        ),
        Mistake(
            "the word is scored alone",
            lambda words, score: [score([word]) for word in words],
            "Alone, *bad* is bad, also in *not bad*. Leave it out of the text, and see what changes.",
        ),
        Mistake(
            "the word is left out wherever it stands",
            lambda words, score: [
                score(words) - score([other for other in words if other != word]) for word in words
            ],
            "Only the word at this place goes: `words[:i] + words[i + 1:]`. The same word elsewhere stays.",
        ),
        Mistake(
            "its first occurrence is left out",
            lambda words, score: [
                score(words) - score(words[: words.index(word)] + words[words.index(word) + 1 :])
                for word in words
            ],
            "`remove` and `index` find the first such word. Go by place: `for i in range(len(words))`.",
        ),
        Mistake(
            "everything after the word is left out too",
            lambda words, score: [score(words) - score(words[:i]) for i in range(len(words))],
            "`words[:i]` ends before the word. What comes after it, `words[i + 1:]`, belongs to it.",
        ),
        Mistake(
            "everything before the word is left out too",
            lambda words, score: [score(words) - score(words[i + 1 :]) for i in range(len(words))],
            "`words[i + 1:]` begins after the word. What comes before it, `words[:i]`, belongs to it.",
        ),
        Mistake(
            "the word stays in",
            lambda words, score: [0.0] * len(words),
            "Nothing ever changes. `words[:i]` ends before word i, and `words[i:]` begins with it: go on "
            "with `words[i + 1:]`.",
        ),
        Mistake(
            "an empty word stands in its place",
            lambda words, score: [
                score(words) - score([*words[:i], "", *words[i + 1 :]]) for i in range(len(words))
            ],
            "Then there are as many words as before, and the others stay where they were. Leave the word "
            "out: `words[:i] + words[i + 1:]`.",
        ),
        Mistake(
            "there is one number for each different word",
            lambda words, score: list(dict(zip(words, _leave_one_out(words, score), strict=True)).values()),
            "A dictionary keeps each word once, and a word may occur twice. Give a list, one number for each "
            "place.",
        ),
        Mistake(
            "the change has no sign",
            lambda words, score: [abs(value) for value in _leave_one_out(words, score)],
            "The sign says whether the word speaks for *good* or for *bad*. Don't take the absolute value.",
        ),
        Mistake(
            "the words are changed on the way",
            _erasing,
            "`remove` and `append` change the list itself, and put the word back at the end. Make a new "
            "list for each question.",
        ),
        Mistake(
            "words are deleted for good",
            _deleting,
            "`del words[i]` and `words.pop(i)` shorten the list that was given, so at the next place stands "
            "another word, and soon none. Make a new list for each question.",
        ),
    ),
)


quiz = Quiz(
    topic="sentiment",
    questions=(
        Question(
            "Four of five texts are good. A classifier is right in 80 % of the cases. What follows?",
            (
                Option(
                    "It has learned something, since 80 % is far above 50 %.",
                    "Half is what a coin gets where both labels are equally frequent. Here they are not.",
                ),
                Option(
                    "Nothing yet: to say *good* every time gets as much.",
                    "The most common label is the baseline that has to be beaten.",
                    right=True,
                ),
                Option(
                    "It misses all the bad texts, which are a fifth of all.",
                    "It may, or it may miss as many of either kind. The confusion matrix would tell.",
                ),
                Option(
                    "It is calibrated: as sure as it is right, namely 80 %.",
                    "Accuracy says nothing about how sure it was.",
                ),
            ),
        ),
        Question(
            "*The shape is not bad. The design is good.* and *The shape is not good. The design is bad.*: "
            "how many of such pairs can a bag of words label rightly, both texts of the pair?",
            (
                Option(
                    "None: both have the same counts, and so get the same label.",
                    "One of the two is always wrong, whatever the weights are.",
                    right=True,
                ),
                Option(
                    "Half of them: of each pair, one text is labelled rightly.",
                    "Half of the *texts* are right: one of each pair. Never both.",
                ),
                Option(
                    "All, if *not* gets a negative weight and *bad* one too.",
                    "*not* and *bad* stand once in each of them, so their weights move both alike.",
                ),
                Option(
                    "All, if there are enough such reviews to learn from.",
                    "The order is not in the counts. No amount of data brings it back.",
                ),
            ),
        ),
        Question(
            "Why does the head look at the last real token, and not at the first?",
            (
                Option(
                    "The first token of a text in a batch is usually filling.",
                    "The filling is on the right: it's the last column of a batch that is often filling.",
                ),
                Option(
                    "The last word of a text says most about what it means.",
                    "The state there is made from all tokens before it, not from the last word alone.",
                ),
                Option(
                    "With a causal mask, the last token alone has seen all of it.",
                    "Each token sees what is to its left, and itself.",
                    right=True,
                ),
                Option(
                    "It makes no difference, as each token can attend to each other.",
                    "A causal mask hides what comes later. The first token has seen only itself, and "
                    "since each text begins with the same one here, its state is the same for all of "
                    "them: nothing could be told from it.",
                ),
            ),
        ),
        Question(
            "A classifier says 99 % for all that it predicts, and is right in 90 % of the cases. What "
            "does temperature scaling do?",
            (
                Option(
                    "It divides the logits by a number above 1; more predictions become right.",
                    "Dividing all logits by one number leaves the largest one the largest.",
                ),
                Option(
                    "It divides the logits by a number below 1; the confidences rise.",
                    "That would make it even surer. It is too sure already.",
                ),
                Option(
                    "It makes the model abstain in those cases in which it would be wrong.",
                    "It doesn't know which those are. All confidences come down together.",
                ),
                Option(
                    "It divides the logits by a number above 1; all of the confidences fall.",
                    "The predictions stay as they are. The number is chosen so that held-out labels "
                    "become as likely as possible.",
                    right=True,
                ),
            ),
        ),
        Question(
            "You leave *not* out of *not bad*, and the score for *good* does not change. What is the "
            "likeliest reading?",
            (
                Option(
                    "The classifier makes no use of *not* in this text.",
                    "That is what was measured: in this text, for this score.",
                    right=True,
                ),
                Option(
                    "The classifier has understood *not bad* as one word.",
                    "Then leaving *not* out should have made the text sound bad.",
                ),
                Option(
                    "The classifier makes no use of *not*, whatever the text.",
                    "In another text, or beside another word, it may.",
                ),
                Option(
                    "The measurement is wrong: each word changes something.",
                    "A score may well stay the same. A word outside of a bag's vocabulary never changes it.",
                ),
            ),
        ),
    ),
)
