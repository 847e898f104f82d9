"""How close the course's base model comes to the entropy floor in one, two and four minutes: before, after.

"before" and "after" are the first and the last of `course_lib.training.speedrun.STORY_RECIPES`. Each is
trained anew for every length, since its learning rate falls to zero at the end. The text is the bundled
little world, in both languages; the floor is what no model can go below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from course_lib.shell.bench.measure import threads
from course_lib.shell.bench.options import Options
from course_lib.shell.bench.report import Row, Section, Spread

MINUTES = (1, 2, 4)  # of CPU time
QUICK_MINUTES = (0.1,)
COMPARED = ("before", "after")


def run(options: Options) -> Section:
    """Train both recipes for every length, on the first number of threads that was asked for."""
    from course_lib.context import encode_documents
    from course_lib.data import load_corpus
    from course_lib.runtime import data_dir
    from course_lib.tokens import BPETokenizer
    from course_lib.world.corpus import floor_per_token

    corpus = load_corpus("world")
    tokenizer = BPETokenizer.load(data_dir() / "tokenizer")
    documents = [tokenizer.encode(text) for text in corpus.validation]
    floor = floor_per_token(tokenizer.encode, corpus.validation)
    ids = encode_documents(corpus.train, tokenizer)
    measure = document_loss(documents, tokenizer.end_id)
    with threads(options.threads[0]):
        rows = [
            _row(name, minutes, floor, _trained(name, minutes, ids, tokenizer, measure, options))
            for minutes in options.pick(MINUTES, QUICK_MINUTES)
            for name in COMPARED
        ]
    note = f"The floor is {floor:.3f} nats per token; above it: how much the loss is higher than that."
    return Section("stories", "Loss of the base model after minutes", "nats per token", tuple(rows), (note,))


def document_loss(documents: list[list[int]], end_id: int) -> Callable[[Any], float]:
    """A measure of models: the mean loss over all tokens of whole documents, the end-of-text token included.

    >>> measure = document_loss([[1, 2], [2]], end_id=3)
    >>> round(measure(lambda ids: torch.zeros(*ids.shape, 4)), 4)  # a blind guess among four: log 4
    1.3863
    """
    from course_lib.training import document_nats

    tokens = sum(len(document) + 1 for document in documents)
    return lambda model: float(document_nats(model, documents, end_id).sum()) / tokens


def _trained(
    name: str,
    minutes: float,
    ids: torch.Tensor,
    tokenizer: Any,
    measure: Callable[[Any], float],
    options: Options,
) -> Any:
    from course_lib.training import speedrun

    options.progress(f"{name}, {minutes:g} min")
    recipe = speedrun.STORY_RECIPES[name]
    limits = {"end_id": tokenizer.end_id, "measure": measure}
    return speedrun.run_recipe(recipe, ids, ids, tokenizer.vocab_size, 60 * minutes, **limits)


def _row(name: str, minutes: float, floor: float, result: Any) -> Row:
    extra = {
        "above the floor": f"{100 * (result.loss_nats / floor - 1):.0f} %",
        "steps": result.steps,
        "tokens": result.tokens,
        "parameters": result.parameters,
    }
    return Row(f"{minutes:g} min of CPU time", name, Spread.of([result.loss_nats]), None, extra)
