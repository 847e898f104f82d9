"""Where modules of the course stood before each notebook had a folder, for answers that were kept then.

A kept answer imports what it needs under the names of its day; `at_new_places` writes those of today. It
knows nothing else of the modules.
"""

from __future__ import annotations

import re

MOVED = {
    "activations": "model.activations",
    "anatomy": "model.anatomy",
    "assistant_checks": "assistant.checks",
    "assistant_views": "assistant.views",
    "attention_views": "attention.views",
    "bag_of_words": "sentiment.bag_of_words",
    "beam": "generation.beam",
    "bpe": "tokens.bpe",
    "bpe_views": "tokens.views",
    "capstone": "generation.exercises.capstone",
    "checkpoint": "training.checkpoint",
    "classification_scores": "sentiment.scores",
    "cli_model": "shell.train",
    "clinic": "training.clinic",
    "context_views": "context.views",
    "decoding": "generation.decoding",
    "doctor": "shell.doctor",
    "download": "data.download",
    "drawing": "figures.axes",
    "evaluation": "training.evaluation",
    "examples": "finetuning.examples",
    "families": "interop.families",
    "finetuning_views": "finetuning.views",
    "generation_views": "generation.views",
    "interop_views": "interop.views",
    "lean": "generation.lean",
    "machine": "shell.machine",
    "model_views": "model.views",
    "naive_bpe": "tokens.naive_bpe",
    "optim": "training.optim",
    "packages": "shell.packages",
    "pictures": "start_here.views",
    "question_answering": "finetuning.question_answering",
    "recipe": "training.recipe",
    "sampling": "generation.sampling",
    "schedules": "training.schedules",
    "sentiment_views": "sentiment.views",
    "serving": "interop.serving",
    "show": "figures.shown",
    "speedrun": "training.speedrun",
    "text_files": "data.text_files",
    "token_files": "tokens.files",
    "token_views": "figures.tokens",
    "tokenizer_base": "tokens.base",
    "training_views": "training.views",
    "translation_scores": "translation.scores",
    "translation_views": "translation.views",
    "viz": "figures",
    "writing_quality": "generation.quality",
}
_NAMES = "|".join(MOVED)


def at_new_places(text: str) -> str:
    """The text of a kept answer, whose imports name the course's modules where they are now.

    >>> print(at_new_places("from course_lib.activations import gelu\\nfrom course_lib import optim as o"))
    from course_lib.model.activations import gelu
    from course_lib.training import optim as o
    """
    text = re.sub(rf"(?m)^(from|import) course_lib\.({_NAMES})(?=\s)", _module, text)
    return re.sub(rf"(?m)^from course_lib import ({_NAMES})( as \w+)?$", _name, text)


def _module(found: re.Match[str]) -> str:
    return f"{found[1]} course_lib.{MOVED[found[2]]}"


def _name(found: re.Match[str]) -> str:
    parent, _, last = f"course_lib.{MOVED[found[1]]}".rpartition(".")
    known = found[2] or ("" if last == found[1] else f" as {found[1]}")
    return f"from {parent} import {last}{known}"
