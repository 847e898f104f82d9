"""Recipes for a small GPT on a CPU: the field's well-known one, and step by step what makes it better.

`RECIPES` goes from "baseline" to "speedrun"; each recipe is the one before it with one thing changed, so that
the differences between neighbours are the shares of the single ingredients. `STORY_RECIPES` does the same for
the course's base model and the little world's stories, whose names and things must be copied from sentence to
sentence. `run_recipe` trains one and measures it. It does not know where the text comes from, or how tables
and curves are drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch

from course_lib.arguments import SEEDS, check_function, check_instance, choice, flag, whole
from course_lib.config import PRESETS, GPTConfig
from course_lib.context import document_batches
from course_lib.model import GPT
from course_lib.training.evaluation import Batch, evaluate, measured_batches
from course_lib.training.loop import make_muon, make_optimizer, suited, train
from course_lib.training.recipe import TrainConfig

WINDOW = 64  # tokens; the same for all recipes, so that all are asked the same questions
OPTIMIZERS = ("adamw", "muon")
EVAL_WINDOWS = 2000  # of the validation text, evenly spaced


@dataclass(frozen=True)
class Recipe:
    """How a model looks and how it is trained: what differs from the defaults of the two configurations.

    >>> RECIPES["baseline"].config(vocab_size=65).width
    128
    """

    name: str
    what: str  # the ingredient, in a few words
    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    optimizer: str = "adamw"  # or "muon"
    whole_documents: bool = False  # windows begin where documents do

    def __post_init__(self) -> None:
        for name, kind, needed in (
            ("name", str, "a text"),
            ("what", str, "a text"),
            ("model", dict, "a dict of the fields of GPTConfig, such as {'width': 128}"),
            ("train", dict, "a dict of the fields of TrainConfig, such as {'lr': 1e-3}"),
        ):
            check_instance("Recipe", name, getattr(self, name), kind, needed)
        choice("Recipe", "optimizer", self.optimizer, OPTIMIZERS)
        object.__setattr__(self, "whole_documents", flag("Recipe", "whole_documents", self.whole_documents))

    def config(self, vocab_size: int) -> GPTConfig:
        """The shape of the model."""
        return GPTConfig(vocab_size=vocab_size, **{"context_length": WINDOW, **self.model})

    def plus(self, name: str, what: str, **changes: Any) -> Recipe:
        """The same recipe with an ingredient more; a change goes to whatever knows its name.

        >>> RECIPES["baseline"].plus("wide", "a wider model", width=256, lr=2e-3).train["lr"]
        0.002
        """
        own = {key: changes.pop(key) for key in ("optimizer", "whole_documents") if key in changes}
        inside = {key: value for key, value in changes.items() if hasattr(GPTConfig, key)}
        outside = {key: value for key, value in changes.items() if key not in inside}
        return replace(
            self, name=name, what=what, model=self.model | inside, train=self.train | outside, **own
        )


@dataclass(frozen=True)
class RecipeResult:
    """What came out; `curve` holds (CPU seconds, training loss) pairs. Units: nats per token.

    >>> curve = ((10.0, 3.0), (20.0, 1.5))
    >>> result = RecipeResult("small", 1.75, 20.0, steps=5, tokens=400, parameters=30, curve=curve)
    >>> result.curve[-1][1], result.loss_nats  # at the end: on what it learns from, on the validation text
    (1.5, 1.75)
    """

    name: str
    loss_nats: float  # on the validation text
    cpu_seconds: float
    steps: int
    tokens: int
    parameters: int
    curve: tuple[tuple[float, float], ...]


_BASELINE = Recipe(
    "baseline",
    "learned positions, LayerNorm, GELU, AdamW at 1e-3, half a cosine down to a tenth",
    model={"n_layers": 4, "n_heads": 4, "width": 128, "bias": False},
    train={"batch_size": 12, "lr": 1e-3, "final_lr": 0.1, "betas": (0.9, 0.99)},
)
STEPS = 2000  # of the baseline, which sets the CPU time for all


def _ladder() -> dict[str, Recipe]:
    """From the baseline to the speedrun, one ingredient at a time."""
    rate = _BASELINE.plus(
        "rate",
        "four times the rate, in a straight line down to zero",
        lr=4e-3,
        schedule="linear",
        final_lr=0.0,
    )
    muon = rate.plus("muon", "Muon for the matrices inside the layers", optimizer="muon", lr=1e-2)
    batch = muon.plus("batch", "32 windows a step instead of 12", batch_size=32)
    rotary = batch.plus("rotary", "rotary positions instead of learned ones", positions="rotary")
    qk_norm = rotary.plus("qk-norm", "queries and keys of one length", qk_norm=True)
    relu2 = qk_norm.plus("relu2", "squared ReLU instead of GELU", activation="relu2")
    untied = relu2.plus("untied", "an output matrix of its own", tie_embeddings=False)
    wide = untied.plus("wide", "two wide layers instead of four narrow ones", n_layers=2, width=160)
    speedrun = wide.plus(
        "speedrun",
        "narrow again, for more text in the same time; twice the rate for the tables, a shorter warm-up",
        width=128,
        lr=2e-2,
        warmup=0.02,
        betas=(0.9, 0.95),
    )
    steps = (_BASELINE, rate, muon, batch, rotary, qk_norm, relu2, untied, wide, speedrun)
    return {recipe.name: recipe for recipe in steps}


RECIPES = _ladder()


def _story_ladder() -> dict[str, Recipe]:
    """For the base model: from windows that begin anywhere to what the shipped checkpoint is trained with."""
    shape = dict(PRESETS["base"], qk_norm=False, tie_embeddings=True)
    train = {"context_length": 256, "batch_size": 8, "schedule": "linear", "warmup": 0.01}
    train |= {"precision": "bfloat16", "lr": 4e-3}
    before = Recipe("before", "Muon, rotary positions, windows that begin anywhere", shape, train, "muon")
    qk_norm = before.plus("qk-norm", "queries and keys of one length", qk_norm=True)
    whole = qk_norm.plus("whole", "windows that begin where documents do", whole_documents=True)
    untied = whole.plus("untied", "an output matrix of its own", tie_embeddings=False)
    rate = untied.plus("after", "five times the rate for the tables and the output matrix", lr=2e-2)
    return {recipe.name: recipe for recipe in (before, qk_norm, whole, untied, rate)}


STORY_RECIPES = _story_ladder()


def run_recipe(
    recipe: Recipe,
    ids: torch.Tensor,
    val_ids: torch.Tensor,
    vocab_size: int,
    cpu_seconds: float | None = None,
    *,
    end_id: int | None = None,
    measure: Callable[[GPT], float] | None = None,
    seed: int = 0,
    clock: Callable[[], float] = time.process_time,
) -> RecipeResult:
    """Train a recipe for so many CPU seconds, or without such a limit for the baseline's 2000 steps.

    The time is the CPU's, summed over threads, so that a busy machine changes nothing. The validation loss is
    taken at the end, outside that time: by `measure` if that is given, else on windows of `val_ids`. Recipes
    with whole documents need `end_id`, the id of the end-of-text token.

    Shapes: ids and val_ids (N,).

    >>> ids = torch.tensor([0, 1, 2] * 40)
    >>> result = run_recipe(RECIPES["speedrun"], ids, ids, vocab_size=3, cpu_seconds=0.01)
    >>> result.name, result.steps >= 1
    ('speedrun', True)
    """
    _check_settings(recipe)
    seed = whole("run_recipe", "seed", seed, *SEEDS)
    if end_id is not None:
        end_id = whole(
            "run_recipe", "end_id", end_id, least=0, most=whole("run_recipe", "vocab_size", vocab_size) - 1
        )
    if measure is not None:
        check_function(
            "run_recipe", "measure", measure, 1, "a function of a model that gives its loss, or None"
        )
    limit = {"steps": STEPS} if cpu_seconds is None else {"max_seconds": cpu_seconds}
    config = suited(TrainConfig(**limit, log_every=25, seed=seed, **recipe.train), "cpu")
    model = GPT(recipe.config(vocab_size), generator=torch.Generator().manual_seed(seed))
    if measure is None:  # what can't be measured is said before the training
        measured_batches(model, val_ids, None, EVAL_WINDOWS, 32)
    optimizer = make_muon if recipe.optimizer == "muon" else make_optimizer
    history = train(model, _data(recipe, ids, config, end_id), config, optimizer=optimizer, clock=clock)
    last = history.records[-1]
    curve = tuple((record.seconds, record.train_loss) for record in history.records)
    loss = measure(model) if measure is not None else evaluate(model, val_ids, windows=EVAL_WINDOWS)
    return RecipeResult(
        recipe.name, loss, last.seconds, last.step, last.tokens, model.parameter_count(), curve
    )


def _check_settings(recipe: Any) -> None:
    """Every setting of a recipe is one that its configuration has."""
    check_instance("run_recipe", "recipe", recipe, Recipe, 'a Recipe, such as RECIPES["baseline"]')
    for settings, kind in ((recipe.model, GPTConfig), (recipe.train, TrainConfig)):
        unknown = sorted(settings.keys() - {f.name for f in fields(kind)})
        if unknown:
            raise ValueError(
                f"The recipe {recipe.name!r} sets {unknown[0]!r}, which {kind.__name__} doesn't have; is "
                "there a slip in its name?"
            )


def _data(
    recipe: Recipe, ids: torch.Tensor, config: TrainConfig, end_id: int | None
) -> torch.Tensor | Callable[[torch.Generator], Batch]:
    if not recipe.whole_documents:
        return ids
    if end_id is None:
        raise ValueError(f"The recipe {recipe.name!r} has windows of whole documents; give end_id too.")
    return document_batches(ids, end_id, config.batch_size, config.context_length or WINDOW)
