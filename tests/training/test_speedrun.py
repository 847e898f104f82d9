"""course_lib.training.speedrun: recipes that differ in one thing each, trained by a clock of our own."""

from __future__ import annotations

import ast
import inspect
import itertools
from dataclasses import replace

import pytest
import torch

from course_lib.config import GPTConfig
from course_lib.context import document_batches
from course_lib.training import TrainConfig, optim, speedrun
from course_lib.training.speedrun import RECIPES, STORY_RECIPES, Recipe, run_recipe

pytestmark = pytest.mark.usefixtures("one_thread")

END = 6
IDS = torch.tensor([END, 0, 1, 2, END, 3, 4, END, 5, 0, 1, END] * 20)
TINY = Recipe(
    "tiny",
    "small enough for a test",
    model={"n_layers": 1, "n_heads": 1, "width": 8, "context_length": 5},
    train={"batch_size": 2, "context_length": 5},
)


def ticking(step: float = 0.5):
    """A clock that goes on by `step` whenever it is read."""
    return itertools.count(0, step).__next__


def flat(recipe: Recipe) -> dict:
    parts = {"optimizer": recipe.optimizer, "whole_documents": recipe.whole_documents}
    return {**recipe.model, **recipe.train, **parts}


@pytest.mark.parametrize("ladder", [RECIPES, STORY_RECIPES], ids=["characters", "stories"])
def test_each_recipe_is_the_one_before_with_one_ingredient_more(ladder):
    """The rate's course is one ingredient, and so is the shape; Muon brings a rate of its own; the last step
    is what was found by trying.
    """
    together = ({"lr", "schedule", "final_lr"}, {"n_layers", "width"}, {"optimizer", "lr"})
    together += ({"width", "lr", "warmup", "betas"},)
    for before, after in itertools.pairwise(ladder.values()):
        old, new = flat(before), flat(after)
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        assert len(changed) == 1 or changed in together, (after.name, changed)
        assert after.what != before.what
    assert all(name == recipe.name for name, recipe in ladder.items())


def test_the_baseline_is_the_fields_small_cpu_setting():
    config = RECIPES["baseline"].config(vocab_size=65)
    shape = (config.n_layers, config.n_heads, config.width, config.context_length)
    assert shape == (4, 4, 128, 64) and speedrun.STEPS == 2000
    assert (config.positions, config.norm, config.activation) == ("learned", "layernorm", "gelu")
    settings = TrainConfig(steps=speedrun.STEPS, **RECIPES["baseline"].train)
    assert (settings.batch_size, settings.lr, settings.schedule) == (12, 1e-3, "cosine")
    assert RECIPES["baseline"].optimizer == "adamw"


def test_the_last_story_recipe_is_that_of_the_base_model():
    assert STORY_RECIPES["after"].config(vocab_size=2048) == GPTConfig.preset("base", vocab_size=2048)


def test_all_recipes_can_be_built_and_are_asked_the_same():
    for recipe in RECIPES.values():
        assert recipe.config(65).context_length == speedrun.WINDOW
        TrainConfig(steps=1, **recipe.train)


def test_the_clock_ends_the_training_and_measuring_costs_nothing():
    told = []

    def measure(model):
        told.append(model)
        return 1.25

    result = run_recipe(TINY, IDS, IDS, 7, cpu_seconds=10.0, measure=measure, clock=ticking())
    assert result.loss_nats == 1.25 and len(told) == 1
    assert 10.0 <= result.cpu_seconds < 11.5
    assert result.tokens == 2 * 5 * result.steps
    assert result.parameters == told[0].parameter_count()
    assert [seconds for seconds, _ in result.curve] == sorted(seconds for seconds, _ in result.curve)


def test_without_a_limit_the_baselines_steps_are_done(monkeypatch):
    monkeypatch.setattr(speedrun, "STEPS", 60)
    result = run_recipe(TINY, IDS, IDS, 7)
    assert result.steps == 60 and result.curve[-1][1] < result.curve[0][1]
    again = run_recipe(TINY, IDS, IDS, 7)
    assert again.loss_nats == result.loss_nats  # the same seed


def test_muon_steps_the_matrices_at_its_own_rate(monkeypatch):
    seen = {}
    make = speedrun.make_muon

    def noted(model, config):
        optimizer = make(model, config)
        seen["rates"] = [group["lr"] for group in optimizer.param_groups]
        return optimizer

    monkeypatch.setattr(speedrun, "make_muon", noted)
    recipe = TINY.plus("muon", "another optimizer", optimizer="muon", lr=0.003, matrix_lr=0.01)
    run_recipe(recipe, IDS, IDS, 7, cpu_seconds=1.0, clock=ticking())
    assert seen["rates"] == [0.01, 0.003]


def test_windows_of_whole_documents_begin_with_the_end_of_the_one_before():
    x, y = document_batches(IDS, END, batch_size=500, T=3)(torch.Generator().manual_seed(0))
    assert x.shape == y.shape == (500, 3) and bool((x[:, 0] == END).all())
    assert {row[0] for row in y.tolist()} == {0, 3, 5, END}
    recipe = replace(TINY, whole_documents=True)
    assert run_recipe(recipe, IDS, IDS, 7, 1.0, end_id=END, clock=ticking()).steps >= 1
    with pytest.raises(ValueError, match="give end_id too"):
        run_recipe(recipe, IDS, IDS, 7, 1.0)


def test_a_change_that_nothing_knows_is_said():
    with pytest.raises(TypeError, match="warmth"):
        TrainConfig(steps=1, **TINY.plus("odd", "a slip", warmth=3).train)


def test_muon_is_short_enough_to_be_read():
    """The optimizer and what makes a matrix orthogonal, docstrings and empty lines not counted."""
    lines = 0
    for thing in (optim.orthogonalize, optim.Muon):
        (node,) = ast.parse(inspect.getsource(thing)).body
        for inner in ast.walk(node):
            if isinstance(inner, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(inner):
                inner.body = inner.body[1:]
        lines += len(ast.unparse(node).splitlines())
    assert lines < 40
