"""How low the loss gets in equal time: the course's recipe beside the one that is usual in the field.

Every recipe of `course_lib.training.speedrun` trains on the same characters, from the field's `baseline` in
steps to the course's `speedrun`. The baseline is run to its end, and the CPU time that it took is what the
others get.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from course_lib.shell.bench.options import Options, read_text
from course_lib.shell.bench.report import Row, Section, Spread
from course_lib.tokens import CharTokenizer

QUICK_SECONDS = 10.0  # of CPU time for each
HELD_OUT = 10  # one stretch in so many is not trained on
STRETCH = 5000  # characters


def run(options: Options) -> Section:
    """Train with every recipe, one after the other, on the first number of threads that was asked for."""
    from course_lib.shell.bench.measure import threads
    from course_lib.training import speedrun

    text, what = read_text(options)
    ids, held_out, vocab_size = encoded(text)
    results: list[Any] = []
    with threads(options.threads[0]):
        seconds = options.pick(None, QUICK_SECONDS)
        for recipe in speedrun.RECIPES.values():
            options.progress(recipe.name)
            results.append(speedrun.run_recipe(recipe, ids, held_out, vocab_size, seconds))
            seconds = seconds or results[0].cpu_seconds
    rows = tuple(recipe_rows(list(speedrun.RECIPES.values()), results))
    note = f"{what}: {len(ids):,} characters to train on, {vocab_size} kinds; the loss is on the rest."
    return Section("recipes", "Loss at equal CPU time", "nats per character", rows, (note,))


def encoded(text: str, most: int = STRETCH) -> tuple[torch.Tensor, torch.Tensor, int]:
    """The ids of a text's characters to train on, those to measure on, and how many kinds there are.

    Every tenth stretch of at most `most` characters is held out, so that both parts have all that is in it.

    >>> ids, held_out, vocab_size = encoded("abcabcabcx" * 2, most=2)
    >>> len(ids), held_out.tolist(), vocab_size
    (18, [2, 3], 4)
    """
    tokenizer = CharTokenizer.train(text, special_tokens=())
    ids = torch.tensor(tokenizer.encode(text))
    stretch = max(1, min(most, len(ids) // HELD_OUT))
    kept = torch.arange(len(ids)) // stretch % HELD_OUT != HELD_OUT - 1
    return ids[kept], ids[~kept], tokenizer.vocab_size


def recipe_rows(recipes: Sequence[Any], results: Sequence[Any]) -> Iterator[Row]:
    """A row for each recipe: its loss, and how much lower that is than the row above."""
    before = None
    for recipe, result in zip(recipes, results, strict=True):
        extra: dict[str, Any] = {"what is new": recipe.what}
        extra["lower by"] = "" if before is None else f"{before - result.loss_nats:.3f}"
        extra["CPU seconds"] = round(result.cpu_seconds, 1)
        extra |= {"steps": result.steps, "tokens": result.tokens, "parameters": result.parameters}
        extra["curve"] = [list(point) for point in result.curve]
        yield Row("", result.name, Spread.of([result.loss_nats]), None, extra)
        before = result.loss_nats
