"""Labelled texts, the classifiers against scikit-learn and by hand, likelihoods, scores and calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_lib import runtime, sentiment
from course_lib.config import GPTConfig
from course_lib.model import GPT
from course_lib.sentiment import scores
from course_lib.tokens import BPETokenizer, CharTokenizer
from course_lib.training import TrainConfig, document_nats, train
from course_lib.training.checkpoint import load_model
from course_lib.world.tasks import Labelled
from course_lib.world.words import GLAD, SAD

LETTERS = CharTokenizer("abcdefghi ", ["<|endoftext|>"])


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.load(runtime.data_dir() / "tokenizer")


@pytest.fixture(scope="module")
def base():
    return load_model(runtime.data_dir() / "checkpoints" / "base.safetensors").eval()


def seeded(number=0):
    return torch.Generator().manual_seed(number)


def small(width=6, vocab_size=LETTERS.vocab_size):
    config = GPTConfig(vocab_size=vocab_size, context_length=16, n_layers=2, n_heads=2, width=width)
    return GPT(config, seeded(3))


# Labelled texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["review", "story"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("n", [1, 7, 20])
def test_labels_are_balanced_and_the_same_at_every_call(kind, language, n):
    texts = sentiment.texts_and_labels(n, kind, language, first=5)
    assert texts == sentiment.texts_and_labels(n, kind, language, first=5) and len(texts) == n
    assert abs(2 * sum(one.label == "good" for one in texts) - n) <= 1
    assert texts != sentiment.texts_and_labels(n, kind, language, first=500)


def test_more_texts_begin_with_the_same_ones_where_both_labels_have_room():
    few, many = sentiment.texts_and_labels(6), sentiment.texts_and_labels(60)
    assert few[:4] == many[:4]
    assert sentiment.label_ids(many).sum() == 30


def test_the_cast_matters_for_stories():
    everyday, heldout = (
        sentiment.texts_and_labels(5, "story", cast=cast) for cast in ("everyday", "heldout")
    )
    assert everyday != heldout


def test_a_label_can_always_be_told_from_the_text():
    """No feeling is both good and bad, and whoever knows the world's sentences is never wrong."""
    assert not {feeling.en for feeling in GLAD} & {feeling.en for feeling in SAD}
    good_ends = ("buy it again", "regretted", "better", "is happy", "tells everybody", "makes up", "great")
    for one in sentiment.texts_and_labels(300, first=sentiment.TEST_SEEDS):
        body = one.text.split(" But ")[-1] if one.turns else one.text
        last = body.split(". ")[-1]
        found = any(end in last for end in good_ends) and "not" not in last
        assert found == (one.label == "good"), one.text


def test_about_two_of_five_reviews_turn():
    texts = sentiment.texts_and_labels(400)
    assert 0.3 < sum(one.turns for one in texts) / 400 < 0.5
    assert all((" But " in one.text) == one.turns for one in texts)


@pytest.mark.parametrize("kind", ["negation", "turn"])
def test_twins_are_the_same_bag_with_the_other_label(kind):
    pairs = sentiment.twins(7, kind, first=3)
    bag = sentiment.BagOfWords.train([one.text for one in pairs], min_count=1)
    counts = bag.encode([one.text for one in pairs])
    assert [one.label for one in pairs] == ["good", "bad"] * 7
    assert torch.equal(counts[::2], counts[1::2]) and pairs[0].text != pairs[1].text
    assert all(one.turns == (kind == "turn") for one in pairs)


def test_the_ending_is_cut_off_and_the_turn_is_not():
    for one in sentiment.texts_and_labels(60):
        opened = sentiment.without_ending(one.text)
        assert one.text.startswith(opened)
        assert (" But " in opened) == one.turns and "buy it again" not in opened
    for one in sentiment.texts_and_labels(20, language="zh"):
        opened = sentiment.without_ending(one.text, "zh")
        assert one.text.startswith(opened) and ("不过" in opened) == one.turns
    assert sentiment.without_ending("Only this.") == "Only this."


# A bag of words and its regression ----------------------------------------------------------------


@given(st.lists(st.sampled_from(["good", "don't", "Bad", "box", "it's"]), max_size=9), st.randoms())
def test_a_bag_forgets_the_order_and_counts_everything(words, chance):
    bag = sentiment.BagOfWords(("bad", "don't", "good", "it's"))
    mixed = chance.sample(words, len(words))
    one, other = bag.encode([" ".join(words) + ".", "!".join(mixed)])
    assert torch.equal(one, other)
    assert one.sum() == sum(word != "box" for word in words)


def test_rare_words_are_left_out():
    texts = ["a b b", "b c", "d"]
    assert sentiment.BagOfWords.train(texts, min_count=1).vocabulary == ("a", "b", "c", "d")
    assert sentiment.BagOfWords.train(texts, min_count=3).vocabulary == ("b",)
    with pytest.raises(ValueError, match="no word at least 4 times in 3 texts"):
        sentiment.BagOfWords.train(texts, min_count=4)


def test_words_in_two_languages():
    assert sentiment.words_of("\"Well,\" I'd say: No 2 'quotes'!") == [
        "well",
        "i'd",
        "say",
        "no",
        "2",
        "quotes",
    ]
    assert sentiment.words_of("box颜色不好，I like它") == ["box", *"颜色不好", "i", "like", "它"]


@pytest.mark.parametrize("l2", [0.1, 1.0, 30.0])
def test_the_regression_is_scikit_learns(l2):
    from sklearn.linear_model import LogisticRegression

    texts = sentiment.texts_and_labels(70)
    x = sentiment.BagOfWords.train([one.text for one in texts]).encode([one.text for one in texts])
    y = sentiment.label_ids(texts)
    w, b = sentiment.fit_logistic(x, y, l2)
    oracle = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(x.double().numpy(), y.numpy())
    assert np.allclose(w, oracle.coef_[0], atol=1e-4) and np.allclose(b, oracle.intercept_[0], atol=1e-4)
    ours = sentiment.logistic_probabilities(x, w, b)
    assert np.allclose(ours, oracle.predict_proba(x.numpy()), atol=1e-4)


def test_where_nothing_can_be_learned_only_the_bias_speaks():
    w, b = sentiment.fit_logistic(torch.zeros(5, 3), torch.tensor([1, 1, 1, 1, 0]))
    assert torch.equal(w, torch.zeros(3)) and float(b) == pytest.approx(math.log(4), abs=1e-5)


def test_the_regression_converges_from_far_away():
    x = torch.tensor([[200.0, 1.0], [-200.0, 1.0], [150.0, -3.0]])
    w, b = sentiment.fit_logistic(x, torch.tensor([1, 0, 1]), l2=1e-3)
    assert torch.isfinite(w).all() and torch.isfinite(b)


def test_a_regressions_mistakes_are_said():
    x = torch.eye(3)
    with pytest.raises(ValueError, match=r"the labels \[1\]"):
        sentiment.fit_logistic(x, torch.tensor([1, 1, 1]))
    with pytest.raises(ValueError, match="l2=0"):
        sentiment.fit_logistic(x, torch.tensor([0, 1, 1]), l2=0)
    with pytest.raises(ValueError, match="did not converge in 1 steps"):
        sentiment.fit_logistic(x, torch.tensor([0, 1, 1]), steps=1)


# Networks -----------------------------------------------------------------------------------------


def classifiers():
    gpt = sentiment.GPTClassifier(small(), generator=seeded())
    return [gpt, sentiment.RecurrentClassifier(LETTERS.vocab_size, 5, seeded())]


@pytest.mark.parametrize("model", classifiers(), ids=["gpt", "recurrent"])
class TestClassifiers:
    def test_filling_changes_nothing(self, model):
        model.eval()
        rows, lengths = [torch.tensor([1, 2, 3, 4, 5]), torch.tensor([6, 7])], torch.tensor([5, 2])
        for filling in (0, 9):
            x = nn.utils.rnn.pad_sequence(rows, True, filling)
            together = model(x, lengths)
            alone = torch.cat([model(row[None], torch.tensor([len(row)])) for row in rows])
            assert together.shape == (2, 2) and torch.allclose(together, alone, atol=1e-6)

    def test_the_order_of_the_texts_is_kept(self, model):
        texts = ["abcabc", "b", "ihgf", "ab", "b"]
        together = sentiment.class_logits(model, LETTERS, texts, batch_size=2)
        alone = torch.cat([sentiment.class_logits(model, LETTERS, [text]) for text in texts])
        assert torch.allclose(together, alone, atol=1e-6)
        assert torch.allclose(sentiment.probabilities(model, LETTERS, texts), alone.softmax(-1), atol=1e-6)

    def test_the_same_seed_gives_the_same_head(self, model):
        one, other = classifiers()[isinstance(model, sentiment.RecurrentClassifier)], model
        assert torch.equal(
            next(p for n, p in one.named_parameters() if n.endswith("head.weight")),
            next(p for n, p in other.named_parameters() if n.endswith("head.weight")),
        )


def test_the_head_reads_what_the_language_models_head_read():
    gpt = small()
    model, seen = sentiment.GPTClassifier(gpt, 3, seeded()), []
    handle = gpt.head.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    ids, lengths = torch.tensor([[1, 2, 3], [4, 5, 0]]), torch.tensor([3, 2])
    gpt(ids)
    handle.remove()
    head = model.gpt.head
    states = torch.stack([seen[0][0, 2], seen[0][1, 1]])
    assert torch.allclose(model(ids, lengths), states @ head.weight.T + head.bias, atol=1e-6)


def test_the_language_model_that_is_given_stays_as_it_is():
    gpt, ids = small(), torch.tensor([[1, 2, 3]])
    before = gpt(ids)
    model = sentiment.GPTClassifier(gpt, generator=seeded())
    batches = sentiment.LabelBatches(LETTERS, [Labelled("a", "good"), Labelled("b", "bad")], 3)
    train(model, batches, TrainConfig(steps=3))
    assert torch.equal(gpt(ids), before)
    assert not torch.equal(model.gpt.tokens.weight, gpt.tokens.weight)


def test_a_batch_asks_for_the_label_at_the_last_token_only(tokenizer):
    texts = sentiment.texts_and_labels(9)
    batches = sentiment.LabelBatches(tokenizer, texts, batch_size=5)
    (x, y), (x2, y2), (x3, _) = (batches(seeded(number)) for number in (1, 1, 2))
    assert torch.equal(x, x2) and torch.equal(y, y2) and not (x3.shape == x.shape and torch.equal(x3, x))
    by_text = {one.text: one.label for one in texts}
    for ids, targets in zip(x.tolist(), y.tolist(), strict=True):
        (place,) = [i for i, target in enumerate(targets) if target != -100]
        assert ids[0] == tokenizer.end_id and all(id == tokenizer.end_id for id in ids[place + 1 :])
        text = tokenizer.decode(ids[1 : place + 1])
        assert sentiment.LABELS[targets[place]] == by_text[text]


def test_a_text_that_is_too_long_keeps_its_end():
    texts = [Labelled("abcdefghi" * 3, "good")]
    x, y = sentiment.LabelBatches(LETTERS, texts, 1, longest=5)(seeded())
    assert LETTERS.decode(x[0].tolist()) == "<|endoftext|>fghi" and y.tolist() == [[-100] * 4 + [1]]
    model = sentiment.GPTClassifier(small())
    assert sentiment.class_logits(model, LETTERS, ["abc" * 30]).shape == (1, 2)


def test_a_recurrent_network_learns_what_a_bag_of_words_cannot():
    """Which letter comes last."""
    texts = [Labelled(one, "good" if one.endswith("a") else "bad") for one in ("ab", "ba", "aba", "bab")]
    model = sentiment.RecurrentClassifier(LETTERS.vocab_size, 8, seeded())
    history = train(model, sentiment.LabelBatches(LETTERS, texts), TrainConfig(steps=120, lr=0.02))
    assert history.train_loss < 0.3
    predicted = sentiment.probabilities(model, LETTERS, ["ab", "ba", "bab"]).argmax(-1)
    assert predicted.tolist() == [0, 1, 0]


def test_fitting_is_a_training_until_the_clock_says_so():
    clock = iter(range(100))
    texts = [Labelled("ab", "good"), Labelled("b", "bad")]
    model = sentiment.RecurrentClassifier(LETTERS.vocab_size, 5, seeded())
    history = sentiment.fit_classifier(
        model, LETTERS, texts, 7, batch_size=3, clock=lambda: float(next(clock))
    )
    assert history.steps[-1] in (6, 7) and math.isfinite(history.train_loss)


def test_the_base_model_learns_reviews_in_few_steps(tokenizer, base):
    model = sentiment.GPTClassifier(base, generator=seeded())
    batches = sentiment.LabelBatches(tokenizer, sentiment.texts_and_labels(300))
    train(model, batches, TrainConfig(steps=70, lr=1e-3, weight_decay=0.0))
    test = sentiment.texts_and_labels(100, first=sentiment.TEST_SEEDS)
    found = sentiment.probabilities(model, tokenizer, [one.text for one in test])
    assert scores.accuracy(sentiment.label_ids(test), found.argmax(-1)) > 0.9


# Likelihoods --------------------------------------------------------------------------------------


def test_a_likelihood_is_the_difference_of_two_documents():
    """log p(text + ending) - log p(text), where neither is charged for its end."""
    gpt, texts, ends = small().eval(), ["ab", "cdefg", "h"], [" a", "bcd"]
    found = sentiment.label_likelihood(gpt, LETTERS, texts, ends, batch_size=2)

    @torch.no_grad()
    def told(text):
        ids = LETTERS.encode(text)
        whole = document_nats(gpt, [ids], LETTERS.end_id)[0]
        logits = gpt(torch.tensor([[LETTERS.end_id, *ids]]))[0, -1]
        return -(whole + logits.log_softmax(-1)[LETTERS.end_id])

    wanted = torch.tensor([[told(text + end) - told(text) for end in ends] for text in texts])
    assert torch.allclose(found.double(), wanted, atol=1e-4)


def test_a_prior_takes_off_what_an_ending_has_by_itself():
    gpt, texts, ends = small(), ["ab", "c"], ["d", "ef", "g"]
    plain = sentiment.label_likelihood(gpt, LETTERS, texts, ends)
    prior = sentiment.label_likelihood(gpt, LETTERS, [""], ends)
    assert torch.allclose(sentiment.label_likelihood(gpt, LETTERS, texts, ends, prior=""), plain - prior)
    assert gpt.training
    with pytest.raises(ValueError, match="the context holds 16"):
        sentiment.label_likelihood(gpt, LETTERS, ["abc" * 9], ends)


def test_few_shots_by_hand():
    examples = [Labelled("One.", "good"), Labelled("Two.", "bad")]
    prompt = sentiment.few_shot_prompt(examples, "Three.")
    assert prompt == "One. I would buy it again.\n\nTwo. I would not buy it again.\n\nThree."
    assert sentiment.few_shot_prompt([], "Three.") == "Three."


def test_the_base_model_knows_how_a_turning_review_ends(tokenizer, base):
    test = [one for one in sentiment.texts_and_labels(120, first=sentiment.TEST_SEEDS) if one.turns]
    texts = [sentiment.without_ending(one.text) for one in test]
    found = sentiment.label_likelihood(base, tokenizer, texts, sentiment.ENDINGS["review"])
    assert scores.accuracy(sentiment.label_ids(test), found.argmax(-1)) > 0.9


def test_leaving_a_word_out():
    score = {"is good": 2.0, "not good": -3.0, "not is": -1.0, "not is good": -1.5}
    words = ("not", "is", "good")
    assert sentiment.leave_one_out(words, lambda kept: score[" ".join(kept)]) == [-3.5, 1.5, -0.5]


@pytest.mark.parametrize("kind", ["poem", ""])
def test_unknown_kinds_are_said(kind):
    with pytest.raises(ValueError, match="one of review, story"):
        sentiment.texts_and_labels(3, kind)
    with pytest.raises(ValueError, match="one of negation, turn"):
        sentiment.twins(3, kind)


# Scores -------------------------------------------------------------------------------------------

PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@given(PAIRS)
def test_confusion_and_accuracy_are_scikit_learns(pairs):
    from sklearn.metrics import accuracy_score, confusion_matrix

    labels, predicted = (list(side) for side in zip(*pairs, strict=True))
    table = scores.confusion(torch.tensor(labels), torch.tensor(predicted), n=3)
    assert table == confusion_matrix(labels, predicted, labels=[0, 1, 2]).tolist()
    right = scores.accuracy(labels, predicted)
    assert right == pytest.approx(accuracy_score(labels, predicted))
    assert right == pytest.approx(sum(table[i][i] for i in range(3)) / len(pairs))


SURE = st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=30)


@given(SURE, st.integers(1, 7))
def test_calibration_by_another_way(pairs, bins):
    sure, right = [n / 40 for n, _ in pairs], [hit for _, hit in pairs]
    edges = torch.arange(1, bins) / bins
    place = torch.bucketize(torch.tensor(sure), edges, right=False)
    wanted = sum(
        abs(sum(hit - p for p, hit, at in zip(sure, right, place, strict=True) if at == b))
        for b in range(bins)
    )
    found = scores.expected_calibration_error(torch.tensor(sure), torch.tensor(right), bins)
    on_edge = any(abs(p * bins - round(p * bins)) < 1e-6 for p in sure)  # float32 may fall on either side
    assert on_edge or found == pytest.approx(wanted / len(pairs), abs=1e-5)
    assert sum(row.count for row in scores.reliability(sure, right, bins)) == len(pairs)


def test_calibration_by_hand():
    sure, right = [0.6, 0.6, 0.9, 0.95, 0.5], [True, False, True, True, False]
    rows = scores.reliability(sure, right, bins=5)  # (0.4, 0.6]: three of them; (0.8, 1]: two
    assert [row.count for row in rows] == [3, 2] and rows[0].right == pytest.approx(1 / 3)
    wanted = 3 / 5 * abs(1 / 3 - 1.7 / 3) + 2 / 5 * abs(1 - 0.925)
    assert scores.expected_calibration_error(sure, right, bins=5) == pytest.approx(wanted)


def test_mistakes_with_scores_are_said():
    for function in (scores.accuracy, scores.confusion, scores.reliability):
        with pytest.raises(ValueError, match="give equally many, at least one"):
            function([1], [1, 0])
        with pytest.raises(ValueError, match="at least one"):
            function([], [])
    with pytest.raises(ValueError, match="with n=2 they go to 1"):
        scores.confusion([2], [0])
    with pytest.raises(ValueError, match="bins=0"):
        scores.reliability([0.5], [True], bins=0)
    for confidence in (0.0, 1.5):
        with pytest.raises(ValueError, match="above 0 and up to 1"):
            scores.reliability([confidence], [True])
    for function in (scores.accuracy, scores.confusion, scores.reliability):
        with pytest.raises(ValueError, match="needed lists of numbers"):
            function([float("nan")], [1])


@pytest.mark.parametrize("true", [0.3, 1.0, 5.0])
def test_the_temperature_that_made_the_labels_is_found(true):
    logits = 3 * torch.randn(20_000, 2, generator=seeded())
    labels = torch.multinomial((logits / true).softmax(-1), 1, generator=seeded(1))[:, 0]
    assert sentiment.fit_temperature(logits, labels) == pytest.approx(true, rel=0.1)


def test_a_temperature_changes_no_prediction_and_never_raises_the_loss():
    logits, labels = torch.randn(50, 3, generator=seeded()), torch.arange(50) % 3
    temperature = sentiment.fit_temperature(logits, labels)
    assert torch.equal((logits / temperature).argmax(-1), logits.argmax(-1))
    cost = nn.functional.cross_entropy
    for other in (0.5, 1.0, 2.0, 20.0):
        assert cost(logits / temperature, labels) <= cost(logits / other, labels) + 1e-6
