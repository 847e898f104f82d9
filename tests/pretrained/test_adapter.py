"""The shipped adapter: its card says what its file says, and it scores what its card says."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_lib import finetuning
from course_lib.assistant import template_from_gguf
from course_lib.finetuning.lora import LoRALinear
from course_lib.pretrained import SMOLLM2

ROOT = Path(__file__).parents[2]
PATH = ROOT / "data" / "checkpoints" / "smollm2-stories.safetensors"


@pytest.fixture(scope="module")
def recipe(script):
    """The script that makes the adapter, as a module."""
    return script("adapter")


@pytest.fixture(scope="module")
def stated():
    return finetuning.adapter_metadata(PATH)


@pytest.fixture(scope="module")
def adapted(smollm2):
    """The real model with the adapter, and without it again when these tests are done."""
    finetuning.load_adapter(PATH, smollm2.model)
    yield smollm2
    finetuning.remove_lora(smollm2.model)


def test_the_card_says_what_the_file_says(recipe, stated):
    assert PATH.with_suffix(".md").read_text(encoding="utf-8") == recipe.card(stated)
    assert PATH.stat().st_size < 4_000_000 and PATH.stat().st_size < 2.1 * stated["parameters"]
    assert (stated["base"], stated["file"]) == (SMOLLM2.title, SMOLLM2.sha256)
    assert (stated["rank"], stated["layers"], stated["steps"]) == (
        recipe.RANK,
        recipe.LAYERS,
        recipe.RECIPE.steps,
    )
    for setting in ("batch_size", "lr", "schedule", "warmup", "seed"):
        assert stated["recipe"][setting] == getattr(recipe.RECIPE, setting)


def test_a_share_has_its_interval_and_declining_is_seen_in_any_words(recipe):
    assert recipe.share(9, 10) == "9 of 10 (60-98 %)"
    said = ("The story does not say.", "The story doesn't explicitly state it.", "to the park")
    assert [recipe.declines(answer) for answer in said] == [True, True, False]


def test_it_gains_what_it_is_for_and_says_what_it_costs(recipe, stated):
    before, after = stated["scores"]["before"], stated["scores"]["after"]
    for part in ("world", "typed"):
        for key in ("asked", "unanswerable"):
            assert before[part][key] == after[part][key] > 15
    gained = recipe.wilson(after["world"]["exact"], after["world"]["asked"])
    assert gained[0] > recipe.wilson(before["world"]["within"], before["world"]["asked"])[1]


def test_it_belongs_to_the_real_model(smollm2, stated):
    assert finetuning.weights_fingerprint(smollm2.model) == stated["fingerprint"]


def test_the_real_model_scores_what_the_card_says(recipe, stated, adapted):
    """All general questions and texts again, and some stories: within four deviations of the stated share."""
    paths = [part for part in adapted.model.modules() if isinstance(part, LoRALinear)]
    assert sum(path.a.numel() + path.b.numel() for path in paths) == stated["parameters"]
    template, after = template_from_gguf(adapted.facts, adapted.tokenizer), stated["scores"]["after"]
    assert recipe.text_scores(adapted)["nats"] == pytest.approx(after["text"]["nats"], rel=1e-3)
    assert abs(recipe.general_scores(adapted, template)["right"] - after["general"]["right"]) <= 2
    found = recipe.answer_scores(adapted, template, recipe.world_items(3))
    share = after["world"]["exact"] / after["world"]["asked"]
    allowed = 4 * (max(0.05, share * (1 - share)) / found["asked"]) ** 0.5
    assert abs(found["exact"] / found["asked"] - share) <= allowed
