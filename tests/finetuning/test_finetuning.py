"""Masks, batches, LoRA against peft, and scores: by hand, by torch, and on the little world itself."""

from __future__ import annotations

import warnings
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from course_lib import finetuning, runtime
from course_lib.config import GPTConfig
from course_lib.finetuning.question_answering import (
    UNKNOWN,
    Item,
    always_commonest,
    commonest_answers,
    exact_match,
    items,
    normalise,
    quiz,
    score,
    token_f1,
)
from course_lib.generation import GREEDY, generate
from course_lib.model import GPT
from course_lib.tokens import BPETokenizer
from course_lib.training import TrainConfig, cross_entropy, train
from course_lib.world.questions import Question


@pytest.fixture(scope="module")
def tokenizer():
    return BPETokenizer.load(runtime.data_dir() / "tokenizer")


def small(width=6, vocab_size=11):
    config = GPTConfig(vocab_size=vocab_size, context_length=16, n_layers=2, n_heads=2, width=width)
    return GPT(config, torch.Generator().manual_seed(3))


# What counts --------------------------------------------------------------------------------------


def test_only_the_answers_count(tokenizer):
    made = quiz(7)
    ids, targets = finetuning.encode_quiz(tokenizer, made, made.answered)
    told = tokenizer.decode([target for target in targets if target != -100])
    assert told == "".join(f" {question.answer}\n" for question in made.answered)
    text = made.story + "".join(f"\n\nQ: {q.text}\nA: {q.answer}\n" for q in made.answered)
    assert ids[0] == tokenizer.end_id and tokenizer.decode(ids[1:]) == text


@pytest.mark.parametrize("learn", ["story", "questions", "answers"])
def test_each_part_can_count_by_itself(tokenizer, learn):
    made = quiz(8)
    _, targets = finetuning.encode_quiz(tokenizer, made, made.answered[:2], (learn,))
    told = tokenizer.decode([target for target in targets if target != -100])
    wanted = {
        "story": made.story,
        "questions": "".join(f"\n\nQ: {q.text}\nA:" for q in made.answered[:2]),
        "answers": "".join(f" {q.answer}\n" for q in made.answered[:2]),
    }
    assert told == wanted[learn]


ROWS = st.lists(st.lists(st.integers(1, 10), min_size=2, max_size=7), min_size=1, max_size=5)


@given(ROWS)
def test_the_loss_of_a_batch_is_that_of_its_examples(rows):
    examples = [(ids, [-100, *ids[1:]]) for ids in rows]
    model = small().eval()
    x, y = finetuning.pad_batch(examples, pad_id=0)
    with torch.no_grad():
        together = cross_entropy(model(x), y, reduction="sum")
        alone = [
            cross_entropy(model(torch.tensor([ids[:-1]])), torch.tensor([ids[1:]]), reduction="sum")
            for ids in rows
        ]
    assert torch.allclose(together, sum(alone), atol=1e-4)


def test_a_long_example_is_cut_and_a_short_one_is_not():
    x, y = finetuning.pad_batch([([1, 2, 3, 4, 5], [-100, 2, 3, 4, 5]), ([6, 7], [-100, 7])], 0, longest=3)
    assert x.tolist() == [[1, 2], [6, 0]] and y.tolist() == [[2, 3], [7, -100]]


def test_batches_are_the_same_for_the_same_seed_and_hold_what_was_asked_for(tokenizer):
    batches = finetuning.QuizBatches(tokenizer, batch_size=3, unanswered=2)
    (x, y), (x2, y2), (x3, _) = (batches(torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(x, x2) and torch.equal(y, y2) and not torch.equal(x[:, :20], x3[:, :20])
    assert len(x) == 3 and x.shape[1] < 384
    told = tokenizer.decode([target for target in y.flatten().tolist() if target != -100])
    assert told.count(UNKNOWN) == 6
    plain = finetuning.QuizBatches(tokenizer, batch_size=3, unanswered=0)(torch.Generator().manual_seed(5))
    assert UNKNOWN not in tokenizer.decode([t for t in plain[1].flatten().tolist() if t != -100])


# LoRA ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rank", "alpha"), [(2, 5.0), (3, 3.0)])
def test_lora_is_pefts(rank, alpha):
    ours, theirs = small(), small()
    finetuning.add_lora(ours, rank, alpha, generator=torch.Generator().manual_seed(1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's, about its own dependencies
        from peft import LoraConfig, inject_adapter_in_model

        config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(finetuning.TARGETS))
        theirs = inject_adapter_in_model(config, theirs)
    weights = dict(theirs.named_parameters())
    for name, layer in ours.named_modules():
        if isinstance(layer, finetuning.LoRALinear):
            nn.init.normal_(layer.b, generator=torch.Generator().manual_seed(len(name)))
            weights[f"{name}.lora_A.default.weight"].data.copy_(layer.a)
            weights[f"{name}.lora_B.default.weight"].data.copy_(layer.b)
    ids = torch.tensor([[1, 2, 3, 5, 7]])
    assert torch.allclose(ours(ids), theirs(ids), atol=1e-5)
    trained = sum(weight.numel() for weight in weights.values() if weight.requires_grad)
    assert trained == finetuning.trainable_count(ours)
    ours(ids).square().mean().backward()
    theirs(ids).square().mean().backward()
    layer = ours.blocks[0].mlp.up
    assert torch.allclose(
        layer.a.grad, weights["blocks.0.mlp.up.lora_A.default.weight"].grad, atol=1e-5, rtol=1e-3
    )
    merged = finetuning.merge_lora(ours)
    assert torch.allclose(merged(ids), theirs(ids), atol=1e-5)


def test_a_fresh_lora_changes_nothing_and_a_merged_one_is_an_ordinary_model():
    model, ids = small(), torch.tensor([[1, 2, 3], [5, 7, 2]])
    names, before = set(model.state_dict()), model(ids)
    finetuning.add_lora(model, rank=2)
    assert torch.equal(model(ids), before)
    finetuning.merge_lora(model)
    assert set(model.state_dict()) == names and torch.allclose(model(ids), before, atol=1e-6)
    assert all(weight.requires_grad for weight in model.parameters())


def test_training_moves_lora_and_nothing_else():
    model = finetuning.add_lora(small(), rank=2)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    train(model, torch.tensor([0, 1, 2] * 20), TrainConfig(steps=5, batch_size=3, context_length=5, lr=0.1))
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name]) != name.endswith((".a", ".b")), name


def test_a_lora_model_writes_as_its_merged_form_does():
    model = finetuning.add_lora(small(), rank=2)
    for layer in model.modules():
        if isinstance(layer, finetuning.LoRALinear):
            nn.init.normal_(layer.b, generator=torch.Generator().manual_seed(2))
    written = generate(model, [1, 2, 3], 7, sampling=GREEDY)
    assert written == generate(finetuning.merge_lora(model), [1, 2, 3], 7, sampling=GREEDY)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_merged_layers_keep_bias_and_type(bias, dtype):
    layer = finetuning.LoRALinear(nn.Linear(5, 3, bias=bias, dtype=dtype), rank=2, alpha=7)
    nn.init.normal_(layer.b)
    x, merged = torch.randn(2, 7, 5, dtype=dtype), layer.merged()
    assert merged.weight.dtype == dtype and (merged.bias is not None) == bias
    assert torch.allclose(merged(x), layer(x), atol=1e-5)


def test_mistakes_are_said():
    with pytest.raises(ValueError, match="got rank=0; it must be whole and from 1"):
        finetuning.LoRALinear(nn.Linear(2, 3), rank=0)
    with pytest.raises(ValueError, match="no linear layer named query"):
        finetuning.add_lora(small(), targets=("query",))
    with pytest.raises(ValueError, match="got 0 answers to 1 questions"):
        score([Item("", Question("Who?", "Mia", True, "lose"))], [])


# Asking and scoring -------------------------------------------------------------------------------


def test_a_model_that_learned_answers_by_heart_gives_them(tokenizer):
    class Parrot(nn.Module):
        """Says ' Mia' and ends the line."""

        def forward(self, ids):
            said = tokenizer.encode(" Mia\n")
            best = torch.full(ids.shape, said[0])
            for one, following in pairwise(said):
                best[ids == one] = following
            return nn.functional.one_hot(best, tokenizer.vocab_size).float()

    test = items([quiz(1), quiz(2), quiz(3)], answered=2)
    assert finetuning.answers(Parrot(), tokenizer, test, batch_size=2) == ["Mia"] * len(test)


def test_scores_by_hand():
    def item(right, answerable=True):
        return Item("", Question("Who?", right, answerable, "lose"))

    test = [item("Mia"), item("to the park"), item("Tom"), item(UNKNOWN, False), item(UNKNOWN, False)]
    found = score(test, ["mia.", "the park", "The story does not say", "The story does not say.", "Ann"])
    assert (found.exact, found.asked, found.refused) == (1, 3, 1)
    assert (found.made_up, found.unanswerable) == (1, 2)
    assert found.f1 == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found.exact_share == pytest.approx(1 / 3) and found.made_up_share == 0.5


TEXTS = st.text("aA the.'!kn ", max_size=9)


@given(TEXTS, TEXTS)
def test_f1_and_exact_match_agree_where_they_must(one, two):
    f1 = token_f1(one, two)
    assert 0 <= f1 <= 1 and f1 == token_f1(two, one)
    assert f1 == 1 if exact_match(one, two) else f1 <= 1
    assert normalise(normalise(one)) == normalise(one) or "the" in one.lower() or "a" in one.lower()
    assert token_f1(one, one) == 1


def test_held_out_quizzes_are_new_and_their_answers_are_short(tokenizer):
    made = [quiz(2_100_000_000 + i, cast="heldout") for i in range(40)]
    assert len({one.story for one in made}) == 40
    test = items(made)
    assert {item.question.answer for item in test if not item.question.answerable} == {UNKNOWN}
    assert max(len(tokenizer.encode(item.prompt)) for item in test) < 500
    assert max(len(tokenizer.encode(item.question.answer)) for item in test) < 22


def test_the_baseline_knows_the_commonest_answer_and_nothing_else():
    common = commonest_answers(quiz(i) for i in range(60))
    assert {"who", "where", "what"} <= set(common)
    test = items(quiz(i) for i in range(60, 90))
    answers = always_commonest(test, common)
    assert len(answers) == len(test) and score(test, answers).made_up_share == 1
    assert 0 < score(test, answers).exact_share < 0.4
