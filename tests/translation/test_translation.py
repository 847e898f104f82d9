"""Pairs as examples, batches, translating, alignment and the counted dictionary of notebook 09."""

from __future__ import annotations

import pytest
import torch

from course_lib import runtime, translation
from course_lib.attention import capture_attention
from course_lib.config import GPTConfig
from course_lib.generation import GREEDY, generate
from course_lib.model import GPT
from course_lib.tokens import BPETokenizer, CharTokenizer
from course_lib.translation.scores import chrf
from course_lib.world.tasks import Pair, other, parallel, tells


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.load(runtime.data_dir() / "tokenizer")


def small(vocab_size, n_layers=2, n_heads=2, width=6, context_length=700):
    sizes = {"n_layers": n_layers, "n_heads": n_heads, "width": width, "context_length": context_length}
    return GPT(GPTConfig(vocab_size=vocab_size, **sizes), torch.Generator().manual_seed(3)).eval()


def told(tokenizer, targets):
    return tokenizer.decode([target for target in targets if target != -100])


# What is read, and what is learned ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "mark", "space"), [("en", "\n\n中文：", ""), ("zh", "\n\nEnglish:", " ")]
)
def test_only_the_translation_counts(tokenizer, language, mark, space):
    pair = parallel(7, language)
    ids, targets = translation.encode_pair(tokenizer, pair, language)
    assert ids[0] == ids[-1] == tokenizer.end_id and len(ids) == len(targets)
    assert tokenizer.decode(ids[1:-1]) == pair.source + mark + space + pair.target
    assert told(tokenizer, targets) == space + pair.target + "<|endoftext|>"
    source = translation.encode_source(tokenizer, pair.source, language)
    assert ids[: len(source)] == source and set(targets[: len(source)]) == {-100}
    assert -100 not in targets[len(source) :]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_mark_never_joins_the_text_before_it(tokenizer, language):
    for seed in range(30):
        source = parallel(seed, language, sentences=1).source
        ids = translation.encode_source(tokenizer, source, language)
        mark = tokenizer.encode(translation.MARKS[language])
        assert ids == [tokenizer.end_id, *tokenizer.encode(source), *mark]


def test_another_language_is_refused():
    with pytest.raises(ValueError, match="choose 'en' or 'zh'"):
        translation.prompt_text("Bonjour.", "fr")


def test_batches_are_the_same_for_the_same_seed(tokenizer):
    batches = translation.PairBatches(tokenizer, batch_size=3)
    (x, y), (x2, y2), (x3, _) = (batches(torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(x, x2) and torch.equal(y, y2)
    assert x.shape != x3.shape or not torch.equal(x, x3)


@pytest.mark.parametrize(("part", "rows"), [(1.0, 6), (0.0, 2)])
def test_a_batch_holds_pieces_or_stories_in_both_directions(tokenizer, part, rows):
    x, y = translation.PairBatches(tokenizer, batch_size=2, part=part)(torch.Generator().manual_seed(1))
    assert len(x) == rows and x.shape[1] < 480
    for row, (ids, targets) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        language = ("en", "zh")[row % 2]
        source, target = tokenizer.decode(ids[1:]).split(translation.MARKS[language])
        learned = told(tokenizer, targets)
        assert learned.endswith("<|endoftext|>") and target.startswith(learned.removesuffix("<|endoftext|>"))
        assert ("。" in source) == (language == "zh") and ("。" in learned) == (language == "en")


def test_a_part_decides_how_often_pieces_come(tokenizer):
    batches = translation.PairBatches(tokenizer, batch_size=1, part=0.5)
    generator = torch.Generator().manual_seed(0)
    sizes = [len(batches(generator)[0]) for _ in range(40)]
    assert set(sizes) == {1, 3} and 10 < sizes.count(3) < 30


def test_long_examples_are_cut(tokenizer):
    x, y = translation.PairBatches(tokenizer, 2, part=0.0, longest=50)(torch.Generator().manual_seed(0))
    assert x.shape == y.shape == (2, 49)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_test_pairs_are_true_translations_from_other_worlds(language):
    pairs = translation.test_pairs(3, language)
    texts = [(pair.source, pair.target) for pair in pairs]
    assert texts == [(pair.source, pair.target) for pair in translation.test_pairs(3, language)]
    assert len(set(texts)) == 3
    assert all(tells(pair.events, pair.target, other(language)) for pair in pairs)
    assert translation.test_pairs(1, language, cast="strangers", first=5)[0].source != texts[0][0]


# Translating --------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_translating_is_going_on_after_the_mark(tokenizer, language):
    model = small(tokenizer.vocab_size)
    texts = [parallel(seed, language, sentences=1 + seed).source for seed in range(3)]
    found = translation.translate(model, tokenizer, texts, language, most=5, batch_size=2)
    for text, ours in zip(texts, found, strict=True):
        prompt = translation.encode_source(tokenizer, text, language)
        ids = generate(model, prompt, 5, sampling=GREEDY, stop_tokens=tokenizer.end_id)
        new = [i for i in ids[len(prompt) :] if i != tokenizer.end_id]
        assert ours == tokenizer.decode(new).strip()


def test_beams_come_best_first_and_one_beam_is_greedy(tokenizer):
    model, text = small(tokenizer.vocab_size), "Mia ran."
    beams = translation.translate_beams(model, tokenizer, text, "en", num_beams=3, most=4)
    scores = [score for _, score in beams]
    assert len(beams) == 3 and scores == sorted(scores, reverse=True) and scores[0] < 0
    alone = translation.translate_beams(model, tokenizer, text, "en", num_beams=1, most=4)
    assert [alone[0][0]] == translation.translate(model, tokenizer, [text], "en", most=4)


# Alignment ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_rows_are_the_predictions_and_the_columns_the_source(tokenizer, language):
    model, pair = small(tokenizer.vocab_size, n_layers=3), parallel(2, language, sentences=2)
    target, source = translation.aligned_tokens(tokenizer, pair, language)
    ids, targets = translation.encode_pair(tokenizer, pair, language)
    with torch.no_grad(), capture_attention(model) as maps:
        model(torch.tensor([ids]))
    first = next(i for i, t in enumerate(targets) if t != -100)
    found = translation.alignment(model, tokenizer, pair, language, layer=2, head=1)
    assert found.shape == (len(target), len(source))
    for row in range(len(target)):
        seen = maps[2][0, 1, first + row - 1, 1 : 1 + len(source)]
        assert torch.allclose(found[row], seen, atol=1e-6)
    assert (found.sum(1) < 1).all()
    every = translation.alignments(model, tokenizer, pair, language)
    assert every.shape == (3, 2, len(target), len(source)) and torch.equal(every[2, 1], found)


def test_aligned_tokens_spell_both_texts():
    pair = Pair("Tom ran.", "汤姆跑了。", ())
    tokenizer = CharTokenizer.train(pair.source + pair.target)
    target, source = translation.aligned_tokens(tokenizer, pair, "en")
    assert ("".join(target), "".join(source)) == (pair.target, pair.source)


def test_a_part_of_a_character_has_its_name(tokenizer):
    for pair in translation.test_pairs(3, "en", cast="strangers"):
        target, _ = translation.aligned_tokens(tokenizer, pair, "en")
        ids = tokenizer.encode(pair.target)
        assert len(target) == len(ids) and "\ufffd" not in "".join(target)
        for id, name in zip(ids, target, strict=True):
            assert tokenizer.token_bytes(id) in name.encode()
        whole = [name for id, name in zip(ids, target, strict=True) if tokenizer.decode([id]) == name]
        assert 0 < len(whole) < len(ids)


def test_a_model_stays_in_its_mode_and_a_missing_head_is_refused(tokenizer):
    model, pair = small(tokenizer.vocab_size).train(), parallel(1, "en", sentences=1)
    translation.alignment(model, tokenizer, pair, "en", 0, 0)
    assert model.training
    for layer, head in ((2, 0), (0, 2), (-1, 0)):
        with pytest.raises(ValueError, match="layers 0 to 1 and heads 0 to 1"):
            translation.alignment(model, tokenizer, pair, "en", layer, head)


# A dictionary, counted ----------------------------------------------------------------------------


def pairs_of(**texts):
    return [Pair(source.replace("_", " "), target, ()) for source, target in texts.items()]


def test_dice_by_hand():
    table = translation.word_table(
        pairs_of(red_kite="红风筝", red_hat="红帽子", kite="风筝", a="一"), "en", 1
    )
    assert table["red"] == ("红", 1.0)  # 2 · 2 / (2 + 2)
    assert table["kite"] == ("风筝", 1.0)  # of 风, 筝 and 风筝, equally good, the longest
    assert table["hat"] == ("红帽子", 1.0)  # seen once: nothing tells that 红 isn't part of it
    back = translation.word_table(pairs_of(红风筝="red kite", 红帽子="red hat", 风筝="kite"), "zh", 1)
    assert back["红"] == ("red", 1.0) and back["筝"] == ("kite", 1.0)
    assert back["红风"] == ("kite", 2 / 3)  # 2 · 1 / (1 + 2), as with red; kite is longer


def test_rare_pieces_are_left_out():
    pairs = pairs_of(red_kite="红风筝", red_hat="红帽子")
    assert set(translation.word_table(pairs, "en", least=2)) == {"red"}
    assert translation.word_table(pairs, "en", least=3) == {}


def test_no_piece_goes_across_punctuation():
    table = translation.word_table([Pair("跑，了。", "ran, did.", ())], "zh", 1)
    assert set(table) == {"跑", "，", "了", "。"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_dictionary_is_better_than_copying(language):
    table = translation.word_table([parallel(seed, language, sentences=1) for seed in range(300)], language)
    pairs = translation.test_pairs(3, language)
    right = [pair.target for pair in pairs]
    ours = [translation.word_for_word(pair.source, language, table) for pair in pairs]
    assert chrf(ours, right) > 10 > chrf([pair.source for pair in pairs], right)
    if language == "en":
        assert table["Mia"][0].endswith("米娅")


@pytest.mark.parametrize("text", ["", "？"])
def test_nothing_known_gives_nothing(text):
    assert translation.word_for_word(text, "zh", {}) == translation.word_for_word(text, "en", {}) == ""
