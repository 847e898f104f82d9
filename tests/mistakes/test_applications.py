"""Mistakes that people make with the applications, translation, sentiment and questions, and their sentences."""

from __future__ import annotations

import math

import pytest
import torch

from course_lib import assistant, figures, finetuning, intervals, sentiment, translation
from course_lib.assistant import checks
from course_lib.finetuning import question_answering
from course_lib.sentiment import scores as marks
from course_lib.tokens import CharTokenizer
from course_lib.translation import scores

TOKENIZER = CharTokenizer.train("no yes", ["<|endoftext|>"])
ONE = "it needs a list of texts: put it in brackets."
WHOLE = "it must be a whole number of at least"
KINDS = "write, continue, note, translate, shorten, label, talk, speak"
CHANCE = "as a probability; needed numbers from 0 to 1, such as logits.softmax(-1)."
EYE, BOTH = torch.eye(2), torch.tensor([0, 1])
PAIR = translation.test_pairs(1, "en")[0]


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
    "a number to draw from": (
        lambda: intervals.bootstrap(5), "bootstrap got 5; it needs (hits, trials) for each text.",
    ),
    "draws without end": (
        lambda: intervals.bootstrap([(1, 2)], rounds=10**30),
        "bootstrap got rounds=1000000000000000000000000000000; it must be a whole number from 1 to 1000000.",
    ),
    "no seed to draw": (
        lambda: intervals.bootstrap([(1, 2)], seed=None), "bootstrap got seed=None; it must be a whole number.",
    ),
    "numbers for texts to draw": (
        lambda: intervals.bootstrap([1, 2]), "bootstrap got [1, 2]; it needs (hits, trials) for each text.",
    ),
    "more hits than trials to draw": (
        lambda: intervals.bootstrap([(5, 3)]),
        "bootstrap got 5 hits in 3 trials; needed at least one trial in each text, and no more hits than "
        "trials.",
    ),
    "a negative z": (
        lambda: intervals.wilson(1, 3, z=-1), "wilson got z=-1; it must be above 0, e.g. 1.96.",
    ),
    "a batch of no pairs": (
        lambda: translation.PairBatches(TOKENIZER, batch_size=0), f"PairBatches got batch_size=0; {WHOLE} 1.",
    ),
    "a share of short pairs in percent": (
        lambda: translation.PairBatches(TOKENIZER, part=50),
        "PairBatches got part=50; it must be a share from 0 to 1.",
    ),
    "no pairs to test with": (
        lambda: translation.test_pairs(0, "en"), f"test_pairs got n=0; {WHOLE} 1.",
    ),
    "names of an alignment in German": (
        lambda: translation.aligned_tokens(TOKENIZER, PAIR, "de"),
        "The source's language is 'de'; choose 'en' or 'zh'.",
    ),
    "two texts for a pair": (
        lambda: translation.aligned_tokens(TOKENIZER, ("no", "yes"), "en"),
        "aligned_tokens got pair=('no', 'yes'); it must be a Pair, such as test_pairs(1, \"en\")[0].",
    ),
    "several sources at once": (
        lambda: translation.encode_source(TOKENIZER, ["no"], "en"),
        "prompt_text got source=['no']; it must be a text, one str.",
    ),
    "a dictionary for French": (
        lambda: translation.word_for_word("no", "fr", {}),
        "word_for_word got language='fr'; it must be one of en, zh.",
    ),
    "no dictionary": (
        lambda: translation.word_for_word("no", "en", None),
        "word_for_word got table=None; it must be a dictionary that word_table made.",
    ),
    "texts without labels": (
        lambda: sentiment.LabelBatches(TOKENIZER, ["yes"]),
        "LabelBatches got texts='yes'; it must be texts such as Labelled('I like it.', 'good').",
    ),
    "no texts to learn labels from": (
        lambda: sentiment.fit_classifier(model, TOKENIZER, [], 1),
        "LabelBatches got texts=[]; it must be a list of at least one Labelled.",
    ),
    "an unknown label": (
        lambda: sentiment.LabelBatches(TOKENIZER, [sentiment.Labelled("yes", "meh")]),
        "LabelBatches got label='meh'; it must be one of bad, good.",
    ),
    "a temperature for too few labels": (
        lambda: sentiment.fit_temperature(torch.zeros(3, 2), torch.tensor([0, 1])),
        "fit_temperature got logits=a Tensor of shape (3, 2) and type torch.float32 and labels=a Tensor of "
        "shape (2,) and type torch.int64; it needs logits (N, n) and as many whole labels (N,), at least one.",
    ),
    "a temperature for NaN": (
        lambda: sentiment.fit_temperature(torch.full((1, 2), math.nan), torch.tensor([0])),
        "fit_temperature got logits that are NaN or infinite; look at what made them.",
    ),
    "conversations without room": (
        lambda: assistant.ChatBatches(TOKENIZER, longest=0),
        f"ChatBatches got longest=0; {WHOLE} 2.",
    ),
    "a mixture of nothing": (
        lambda: assistant.ChatBatches(TOKENIZER, mix={}),
        f"ChatBatches got mix={{}}; it must be how often each kind comes; the kinds are {KINDS}.",
    ),
    "a mixture with an unknown kind": (
        lambda: assistant.ChatBatches(TOKENIZER, mix={"sing": 1}),
        f"ChatBatches got mix={{'sing': 1}}; it must be how often each kind comes; the kinds are {KINDS}.",
    ),
    "a probability of 7 in bars": (
        lambda: figures.probability_bars([0.5, 7], ["a", "b"]),
        f"probability_bars got 7 {CHANCE}",
    ),
    "a negative probability": (
        lambda: figures.token_probabilities_html([0], [-1], TOKENIZER),
        f"token_probabilities_html got -1 {CHANCE}",
    ),
    "a chosen token that is not there": (
        lambda: figures.probability_bars([1.0], ["a"], chosen=1),
        "probability_bars got chosen=1; it must be a whole number from 0 to 0.",
    ),
    "fewer probabilities before": (
        lambda: figures.probability_bars([0.5, 0.5], ["a", "b"], before=[1.0]),
        "probability_bars got 2 probabilities and 1 from before; give at least one, and as many from before.",
    ),
    "more hits than trials in a figure": (
        lambda: figures.shares({"a": (5, 3)}, {"a": (0, 1)}, "right"),
        "shares got (5, 3) for 'a'; needed (hits, trials), e.g. (3, 10).",
    ),
    "labels for more texts than there are": (
        lambda: sentiment.fit_logistic(EYE, torch.tensor([0, 1, 1])),
        "fit_logistic got 2 texts and 3 labels; give one for each.",
    ),
    "a regression without a step": (
        lambda: sentiment.fit_logistic(EYE, BOTH, steps=0),
        "fit_logistic got steps=0; it must be a whole number of at least 1.",
    ),
    "a regression with a NaN weight decay": (
        lambda: sentiment.fit_logistic(EYE, BOTH, l2=math.nan),
        "fit_logistic got l2=nan; it must be above 0.",
    ),
    "a regression on lists": (
        lambda: sentiment.fit_logistic([[1.0]], [1]),
        "fit_logistic got [[1.0]] and [1]; it needs tensors x (N, V) and y (N,), a label "
        "for each text.",
    ),
    "a regression on one label alone": (
        lambda: sentiment.fit_logistic(EYE, torch.tensor([1, 1])),
        "fit_logistic got the labels [1]; it needs both of the labels 0 and 1.",
    ),
    "weights for another number of words": (
        lambda: sentiment.logistic_probabilities(EYE, torch.ones(3), 0.0),
        "logistic_probabilities got 2 counts for each text and 3 weights; give a weight for "
        "each count.",
    ),
    "words of nothing": (
        lambda: sentiment.words_of(None),
        "words_of got text=None; it must be a text, one str.",
    ),
    "a count of words as a text": (
        lambda: sentiment.BagOfWords.train(["yes"], min_count="2"),
        "BagOfWords got min_count='2'; it must be a whole number of at least 1.",
    ),
    "a name in place of a GPT": (
        lambda: sentiment.GPTClassifier("m"),
        "GPTClassifier got gpt='m'; it must be a GPT with its config and its head, such as "
        "GPT(config).",
    ),
    "a classifier without labels": (
        lambda: sentiment.RecurrentClassifier(5, n_labels=0),
        "RecurrentClassifier got n_labels=0; it must be a whole number of at least 1.",
    ),
    "a last token that is not there": (
        lambda: sentiment.last_hidden(torch.zeros(1, 2, 3), torch.tensor([0])),
        "last_hidden got lengths=0; it must be from 1 to 2, the tokens there are.",
    ),
    "vectors without a text": (
        lambda: sentiment.last_hidden(torch.zeros(2, 3), torch.tensor([1])),
        "last_hidden got hidden=a Tensor of shape (2, 3) and type torch.float32 and "
        "lengths=a Tensor of shape (1,) and type torch.int64; it needs vectors (B, T, C) "
        "and as many whole lengths (B,).",
    ),
    "no classifier": (
        lambda: sentiment.class_logits(None, TOKENIZER, ["yes"]),
        'class_logits got model=None; it must be a model, such as GPT(GPTConfig.preset("tiny")).',
    ),
    "a name in place of a tokenizer": (
        lambda: sentiment.class_logits(model, "bpe", ["yes"]),
        "class_logits got tokenizer='bpe'; it must be a tokenizer, such as "
        "CharTokenizer.train(text).",
    ),
    "a batch of no texts": (
        lambda: sentiment.class_logits(model, TOKENIZER, ["yes"], batch_size=0),
        "class_logits got batch_size=0; it must be a whole number of at least 1.",
    ),
    "a number in place of a score": (
        lambda: sentiment.leave_one_out(["a"], 5),
        "leave_one_out got score=5; it must be a function from words to a number.",
    ),
    "fewer than no texts": (
        lambda: sentiment.texts_and_labels(-1),
        "texts_and_labels got n=-1; it must be a whole number of at least 0.",
    ),
    "labelled texts in French": (
        lambda: sentiment.texts_and_labels(2, language="fr"),
        "texts_and_labels got language='fr'; it must be one of en, zh.",
    ),
    "a number of twins as a text": (
        lambda: sentiment.twins("x"),
        "twins got n='x'; it must be a whole number of at least 0.",
    ),
    "a French ending": (
        lambda: sentiment.without_ending("x", "fr"),
        "without_ending got language='fr'; it must be one of en, zh.",
    ),
    "an ending of nothing": (
        lambda: sentiment.without_ending(None),
        "without_ending got text=None; it must be a text, one str.",
    ),
    "labels of a text": (
        lambda: sentiment.label_ids("bad"),
        "label_ids got texts='bad'; it must be a list of Labelled.",
    ),
    "an empty continuation": (
        lambda: sentiment.label_likelihood(model, TOKENIZER, ["yes"], [""]),
        "label_likelihood got continuations=['']; it must be texts that are not empty.",
    ),
    "a number as a prior": (
        lambda: sentiment.label_likelihood(model, TOKENIZER, ["yes"], ["no"], prior=5),
        "label_likelihood got prior=5; it must be a text, or None.",
    ),
    "one ending for two labels": (
        lambda: sentiment.few_shot_prompt([sentiment.Labelled("a", "good")], "b", ("one",)),
        "few_shot_prompt got endings=['one']; it must be texts for bad and good, in this order.",
    ),
    "no labels": (
        lambda: marks.accuracy([None], [1]),
        "accuracy got [None]; needed lists of numbers.",
    ),
    "a dictionary of the rarest words": (
        lambda: translation.word_table([PAIR], "en", least=0),
        "word_table got least=0; it must be a whole number of at least 1.",
    ),
    "a dictionary of a text": (
        lambda: translation.word_table("x", "en"),
        "word_table got pairs='x'; it must be a list of pairs, such as test_pairs gives.",
    ),
    "a table for French": (
        lambda: translation.word_table([PAIR], "fr"),
        "word_table got language='fr'; it must be one of en, zh.",
    ),
    "a dictionary with numbers": (
        lambda: translation.word_for_word("no", "en", {"no": 5}),
        "word_for_word got table={'no': 5}; it must be a dictionary that word_table made.",
    ),
    "a translation of no tokens": (
        lambda: translation.translate(model, TOKENIZER, ["yes"], "en", most=0),
        "translate got most=0; it must be a whole number of at least 1.",
    ),
    "beams of no tokens": (
        lambda: translation.translate_beams(model, TOKENIZER, "yes", "en", most=0),
        "translate_beams got most=0; it must be a whole number of at least 1.",
    ),
    "a translation without a tokenizer": (
        lambda: translation.translate(model, None, ["yes"], "en"),
        "encode_source got tokenizer=None; it must be a tokenizer, such as "
        "CharTokenizer.train(text).",
    ),
    "an example of no pair": (
        lambda: translation.encode_pair(TOKENIZER, None, "en"),
        'encode_pair got pair=None; it must be a Pair, such as test_pairs(1, "en")[0].',
    ),
    "a list of languages": (
        lambda: translation.prompt_text("yes", ["en"]),
        "The source's language is ['en']; choose 'en' or 'zh'.",
    ),
    "an alignment of a name": (
        lambda: translation.alignments("m", TOKENIZER, PAIR, "en"),
        "alignments got model='m'; it must be a model with attention, such as GPT(config).",
    ),
    "half a layer": (
        lambda: translation.alignment(model, TOKENIZER, PAIR, "en", 0.5, 0),
        "alignment got layer=0.5; it must be a whole number.",
    ),
    "pairs to test with in French": (
        lambda: translation.test_pairs(1, "fr"),
        "test_pairs got language='fr'; it must be one of en, zh.",
    ),
    "pieces of nothing": (
        lambda: scores.tokens_13a(None),
        "tokens_13a got text=None; it must be a text, one str.",
    ),
    "n-grams of no length": (
        lambda: scores.ngrams("aab", 0),
        "ngrams got n=0; it must be a whole number of at least 1.",
    ),
    "an interval for a number": (
        lambda: scores.bootstrap(5, ["a"], ["a"]),
        "bootstrap got score=5; it must be a function that scores texts, such as chrf.",
    ),
    "a text in place of instructions": (
        lambda: assistant.as_messages("hi"),
        "as_messages got turns='hi'; it must be a list of instructions.",
    ),
    "nothing in place of an instruction": (
        lambda: assistant.as_messages([None]),
        'as_messages got turns=None; it must be instructions, as instruction("label", 3, "en").',
    ),
    "nothing in place of a task": (
        lambda: assistant.fulfilled([None], ["a"]),
        'fulfilled got tests=None; it must be tasks, such as tasks("label", 1).',
    ),
    "an answer to no task": (
        lambda: assistant.fulfilled([], ["a"]),
        "fulfilled got 1 answers to 0 tasks; give one for each.",
    ),
    "an unknown kind of task": (
        lambda: assistant.tasks("sing", 1),
        "tasks got kind='sing'; it must be one of write, continue, note, translate, "
        "shorten, label, answer, refuse, follow-up, system.",
    ),
    "a name in place of a chat's tokenizer": (
        lambda: assistant.encode_chat("t", [{"role": "user", "content": "Hi"}]),
        "encode_chat got tokenizer='t'; it must be a tokenizer, such as "
        "CharTokenizer.train(text).",
    ),
    "tools in a conversation": (
        lambda: assistant.encode_chat(TOKENIZER, [{"role": "assistant", "content": "", "tool_calls": [{"id": 1}]}]),
        "Message 0 of the conversation has 'tool_calls', but this model calls no tools; "
        "leave it out.",
    ),
    "a number as a role": (
        lambda: assistant.encode_chat(TOKENIZER, [{"role": 5, "content": "Hi"}]),
        'Message 0 of the conversation has the role 5; needed {"role": "user", "content": '
        '"Hello!"}.',
    ),
    "one conversation in place of several": (
        lambda: assistant.replies(model, TOKENIZER, [{"role": "user", "content": "Hi"}]),
        "replies got conversations=[{'role': 'user', 'content': 'Hi'}]; it must be a list "
        "of conversations: put it in brackets.",
    ),
    "replies of no tokens": (
        lambda: assistant.replies(model, TOKENIZER, [], most=0),
        "replies got most=0; it must be a whole number of at least 1.",
    ),
    "a chat with a name": (
        lambda: assistant.Chat("m", TOKENIZER),
        'Chat got model=\'m\'; it must be a model, such as GPT(GPTConfig.preset("tiny")).',
    ),
    "a chat with a number as its system prompt": (
        lambda: assistant.Chat(model, TOKENIZER, system=5),
        "Chat got system=5; it must be a text, or None.",
    ),
    "a chat with a word as its sampling": (
        lambda: assistant.Chat(model, TOKENIZER, sampling="hot"),
        "Chat got sampling='hot'; it must be a SamplingConfig, such as GREEDY.",
    ),
    "a conversation of a negative seed": (
        lambda: assistant.drawn(-1, "label"),
        "drawn got seed=-1; it must be a whole number of at least 0.",
    ),
    "points of nothing": (
        lambda: checks.points_of(None),
        "points_of got prompt=None; it must be a text, one str.",
    ),
    "one point as a text": (
        lambda: checks.points_covered("Mia", "a"),
        "points_covered got one text, 'Mia'; it needs a list of texts: put it in brackets.",
    ),
    "a number in place of drafts": (
        lambda: checks.best_of(5, bool, 1),
        "best_of got draw=5; it must be a function.",
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
    assert sentiment.BagOfWords(["yes"]).encode(("yes yes",)).tolist() == [[2]]
    assert marks.accuracy(iter([0, 1]), torch.tensor([0.0, 1.0])) == 1
    assert scores.bleu(iter(["a b c d"]), iter(["a b c d"])) == 100
    assert translation.word_table(iter([PAIR]), "en", least=1.0) == translation.word_table(
        [PAIR], "en", least=1
    )
    assert sentiment.label_ids([]).shape == (0,)
    assert assistant.fulfilled([], ()) == []
    assert finetuning.masked([([1], True)]) == ([1], [1])
