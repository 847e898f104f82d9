"""Mistakes that people make with the applications, translation, sentiment and questions, and their sentences."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib import finetuning, intervals, sentiment, translation
from course_lib.finetuning import question_answering
from course_lib.sentiment import scores as marks
from course_lib.tokens import CharTokenizer
from course_lib.translation import scores

TOKENIZER = CharTokenizer.train("no yes", ["<|endoftext|>"])
ONE = "it needs a list of texts: put it in brackets."
WHOLE = "it must be a whole number of at least"


def model(ids):
    return torch.zeros(*ids.shape, TOKENIZER.vocab_size)


MISTAKES = {
    "one text to be translated": (
        lambda: translation.translate(model, TOKENIZER, "yes", "en"), f"translate got one text, 'yes'; {ONE}",
    ),
    "no text to be translated": (
        lambda: translation.translate(model, TOKENIZER, None, "en"),
        "translate got None; it needs a list of texts.",
    ),
    "numbers to be translated": (
        lambda: translation.translate(model, TOKENIZER, [7], "en"),
        "translate got 7 as text 0; it needs texts, each a str.",
    ),
    "an unknown language": (
        lambda: translation.translate(model, TOKENIZER, ["yes"], "fr"),
        "The source's language is 'fr'; choose 'en' or 'zh'.",
    ),
    "BLEU of one text": (lambda: scores.bleu("yes", ["yes"]), f"bleu got one text, 'yes'; {ONE}"),
    "BLEU of two lengths": (
        lambda: scores.bleu(["yes"], []),
        "bleu got 1 translations and 0 references; give one reference for each, and at least one.",
    ),
    "BLEU of no order": (lambda: scores.bleu(["a"], ["a"], max_n=0), f"bleu got max_n=0; {WHOLE} 1."),
    "BLEU in French": (
        lambda: scores.bleu(["a"], ["a"], language="fr"), "bleu got language='fr'; choose 'en' or 'zh'.",
    ),
    "chrF of no order": (
        lambda: scores.chrf(["a"], ["a"], char_order=0), f"chrf got char_order=0; {WHOLE} 1.",
    ),
    "chrF with a negative weight": (
        lambda: scores.chrf(["a"], ["a"], beta=-1), "chrf got beta=-1; needed a number of 0 or more, e.g. 2.",
    ),
    "chrF of one text": (lambda: scores.chrf(["a"], "a"), f"chrf got one text, 'a'; {ONE}"),
    "a bootstrap of few draws": (
        lambda: scores.bootstrap(scores.chrf, ["a"], ["a"], draws=3),
        f"bootstrap got draws=3; {WHOLE} 40.",
    ),
    "one text to be classified": (
        lambda: sentiment.class_logits(model, TOKENIZER, "yes"), f"class_logits got one text, 'yes'; {ONE}",
    ),
    "nothing to be classified": (
        lambda: sentiment.class_logits(model, TOKENIZER, []), "class_logits got no texts; give at least one.",
    ),
    "probabilities of one text": (
        lambda: sentiment.probabilities(model, TOKENIZER, "yes"), f"class_logits got one text, 'yes'; {ONE}",
    ),
    "likelihoods of one text": (
        lambda: sentiment.label_likelihood(model, TOKENIZER, "yes", ["no"]),
        f"label_likelihood got one text, 'yes'; {ONE}",
    ),
    "likelihoods of one continuation": (
        lambda: sentiment.label_likelihood(model, TOKENIZER, ["yes"], "no"),
        f"label_likelihood got one text, 'no'; {ONE}",
    ),
    "words of one text": (
        lambda: sentiment.BagOfWords.train("yes yes"), f"BagOfWords got one text, 'yes yes'; {ONE}",
    ),
    "counts of one text": (
        lambda: sentiment.BagOfWords(("yes",)).encode("yes"), f"BagOfWords got one text, 'yes'; {ONE}",
    ),
    "words that are rare": (
        lambda: sentiment.BagOfWords.train(["yes"]),
        "BagOfWords found no word at least 2 times in 1 texts; give more texts or a lower min_count.",
    ),
    "a text in place of words": (
        lambda: sentiment.leave_one_out("not good", len), f"leave_one_out got one text, 'not good'; {ONE}",
    ),
    "labels as a text": (
        lambda: marks.accuracy("01", "01"), "accuracy got '01'; needed lists of numbers.",
    ),
    "labels in words": (
        lambda: marks.accuracy(["good"], ["good"]), "accuracy got ['good']; needed lists of numbers.",
    ),
    "more labels than predictions": (
        lambda: marks.accuracy([0, 1], [0]),
        "accuracy got 2 labels and 1 predictions; give equally many, at least one.",
    ),
    "a label beyond the table": (
        lambda: marks.confusion([2], [0]), "confusion got the labels 2 and 0; with n=2 they go to 1.",
    ),
    "a table of nothing": (lambda: marks.confusion([0], [0], n=0), f"confusion got n=0; {WHOLE} 1."),
    "a probability of 7": (
        lambda: marks.reliability([7.0], [True]),
        "reliability got the confidence 7.0; they lie above 0 and up to 1.",
    ),
    "no bins": (
        lambda: marks.expected_calibration_error([0.5], [True], bins=0),
        f"reliability got bins=0; {WHOLE} 1.",
    ),
    "answers as a text": (lambda: question_answering.score([], "Mia"), "score got answers='Mia'; it must be a list of texts."),
    "more answers than questions": (
        lambda: question_answering.score([], ["Mia"]),
        "score got 1 answers to 0 questions; give one for each.",
    ),
    "more hits than trials": (
        lambda: intervals.wilson(5, 3),
        "wilson got 5 hits in 3 trials; needed 0 <= hits <= trials and trials > 0.",
    ),
    "hits in words": (
        lambda: intervals.wilson("5", 9),
        "wilson got '5' hits in 9 trials; needed 0 <= hits <= trials and trials > 0.",
    ),
    "a level in percent": (
        lambda: intervals.bootstrap([(1, 2)], level=95),
        "bootstrap got level=95; needed a share between 0 and 1, e.g. 0.95.",
    ),
    "nothing to draw": (
        lambda: intervals.bootstrap([]), "bootstrap needs at least one text, and at least one trial in each.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_its_sentence(name):
    make, sentence = MISTAKES[name]
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == sentence


def test_what_is_no_mistake():
    assert scores.chrf(("a",), ["a"]) == scores.bleu(["a b c d"], ("a b c d",)) == 100
    assert marks.accuracy(torch.tensor([0, 1]), [False, True]) == 1
    assert marks.confusion([1.0], torch.tensor([True])) == [[0, 0], [0, 1]]
    assert not math.isnan(intervals.wilson(torch.tensor(3), 9.0)[0])
    assert finetuning.masked([([1], True)]) == ([1], [1])
