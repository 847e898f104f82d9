"""BLEU and chrF against sacrebleu, by hand, and by what must hold for any texts."""

from __future__ import annotations

import pytest
import sacrebleu
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

from course_lib.translation.scores import bleu, bootstrap, chrf, ngrams, tokens_13a, tokens_zh
from course_lib.world.tasks import parallel

ODD = "aB 1.,-'\"&;#<>()[]{}/\\_^`~!?:=+*%$@|\n\t“”‘’…—。，！？：（）米娅ａＡ\u3000é☀😀"
TEXT = st.text(ODD, max_size=20) | st.sampled_from(["&quot;a&amp;lt;", "<skipped>b", "a-\nb", "1,000.5 2-3."])
SMALL = st.lists(st.sampled_from(["red", "kite", "a", ".", "米娅", "跑了"]), max_size=8).map(" ".join)
TESTS = st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=5)
STORIES = [parallel(seed, "en") for seed in range(5)]


@given(TEXT)
def test_tokens_are_sacrebleus(text):
    # sacrebleu takes the spaces at the end away before it asks its tokenizers.
    assert tokens_13a(text) == Tokenizer13a()(text.rstrip()).split()
    assert tokens_zh(text) == TokenizerZh()(text.rstrip()).split()


@given(st.characters() | st.integers(0x2000, 0x33FF).map(chr))
def test_every_character_is_split_off_as_sacrebleu_does(character):
    text = f"a{character}b"
    assert tokens_13a(text) == Tokenizer13a()(text).split()
    assert tokens_zh(text) == TokenizerZh()(text).split()


@pytest.mark.parametrize("language", ["en", "zh"])
@given(test=TESTS)
def test_bleu_is_sacrebleus(language, test):
    ours, right = [h for h, _ in test], [r for _, r in test]
    tokenize = "zh" if language == "zh" else "13a"
    wanted = sacrebleu.corpus_bleu(ours, [right], tokenize=tokenize, force=True).score
    assert bleu(ours, right, language) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("max_n", [1, 2, 3])
@given(test=TESTS)
def test_bleu_with_shorter_pieces_is_sacrebleus(max_n, test):
    ours, right = [h for h, _ in test], [r for _, r in test]
    metric = sacrebleu.BLEU(max_ngram_order=max_n, force=True)
    assert bleu(ours, right, max_n=max_n) == pytest.approx(metric.corpus_score(ours, [right]).score, abs=1e-6)


@given(TESTS, st.integers(1, 7), st.integers(1, 3))
def test_chrf_is_sacrebleus(test, char_order, beta):
    ours, right = [h for h, _ in test], [r for _, r in test]
    wanted = sacrebleu.corpus_chrf(ours, [right], char_order=char_order, beta=beta).score
    assert chrf(ours, right, char_order, beta) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("side", "language"), [("source", "en"), ("target", "zh")])
def test_both_are_sacrebleus_on_whole_stories(side, language):
    right = [getattr(pair, side) for pair in STORIES]
    ours = [text[::2] + text[1:40] for text in right]
    tokenize = "zh" if language == "zh" else "13a"
    assert bleu(ours, right, language) == pytest.approx(
        sacrebleu.corpus_bleu(ours, [right], tokenize=tokenize).score
    )
    assert chrf(ours, right) == pytest.approx(sacrebleu.corpus_chrf(ours, [right]).score)


def test_bleu_by_hand():
    # 5 of 6 words, 3 of 5 pairs, 1 of 4 triples, 0 of 3 fours, for which half a match is put in.
    by_hand = 100 * (5 / 6 * 3 / 5 * 1 / 4 * 0.5 / 3) ** (1 / 4)
    assert bleu(["Mia lost a red kite."], ["Mia lost her red kite."]) == pytest.approx(by_hand)


def test_chrf_by_hand():
    # Precision: 2 of 2 letters, 1 of 1 pair; recall: 2 of 3, 1 of 2; there are no longer pieces in both.
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    assert chrf(["ab"], ["a bc"]) == pytest.approx(100 * 5 * precision * recall / (4 * precision + recall))


@given(st.lists(st.sampled_from("abc"), max_size=9), st.integers(1, 5))
def test_ngrams_of_lists_and_of_texts_agree(items, n):
    joined = {"".join(row): count for row, count in ngrams(items, n).items()}
    assert joined == ngrams("".join(items), n)
    assert ngrams(items, n).total() == max(0, len(items) - n + 1)


@given(TESTS)
def test_scores_lie_between_0_and_100_and_equal_texts_have_100(test):
    ours, right = [h for h, _ in test], [r for _, r in test]
    assert 0 <= bleu(ours, right) <= 100.0001 and 0 <= chrf(ours, right) <= 100.0001
    if any(right):
        assert chrf(right, right) == pytest.approx(100)


def test_the_bootstrap_is_repeatable_holds_the_score_and_narrows_with_more_texts():
    right = [parallel(seed, "en", sentences=1).source for seed in range(60)]
    ours = [text if i % 3 else text[::-1] for i, text in enumerate(right)]
    low, high = bootstrap(chrf, ours, right, seed=3)
    assert (low, high) == bootstrap(chrf, ours, right, seed=3) != bootstrap(chrf, ours, right, seed=4)
    assert low < chrf(ours, right) < high
    few = bootstrap(chrf, ours[:6], right[:6])
    assert high - low < few[1] - few[0]


def test_the_bootstrap_of_a_mean_is_that_of_the_normal_distribution():
    ours = [str(i % 2) for i in range(400)]
    low, high = bootstrap(lambda drawn, _: sum(map(int, drawn)) / len(drawn), ours, ours, draws=2000)
    assert low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.01) and high == pytest.approx(0.549, abs=0.01)


@pytest.mark.parametrize("score", [bleu, chrf, lambda *args: bootstrap(chrf, *args)])
@pytest.mark.parametrize(("ours", "right"), [([], []), (["a"], ["a", "b"]), ("a", "a")])
def test_lists_that_do_not_fit_are_refused(score, ours, right):
    with pytest.raises(ValueError, match="give|needs a list"):
        score(ours, right)


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="at least 40"):
        bootstrap(chrf, ["a"], ["a"], draws=20)
