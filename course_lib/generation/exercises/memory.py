"""The exercise on what the cache of keys and values costs."""

from __future__ import annotations

import math
from collections.abc import Callable

from course_lib.exercises import Case, Draw, Exercise, Mistake


def _cache_bytes(
    n_layers: int, n_heads: int, head_width: int, tokens: int, texts: int, bytes_per_number: int
) -> int:
    """The memory for the keys and values of all tokens of all texts, in bytes."""
    numbers_per_token = 2 * n_layers * n_heads * head_width  # a key and a value, in each head of each layer
    return numbers_per_token * tokens * texts * bytes_per_number


def _without(*left_out: int) -> Callable[..., int]:
    """The product without some of the sizes."""
    return lambda *sizes: 2 * math.prod(size for i, size in enumerate(sizes) if i not in left_out)


def _fresh_cache_bytes(draw: Draw) -> Case:
    sizes = [draw.integer(0, most) for most in (99, 130, 300, 5000, 99)]
    return Case(*sizes, draw.choose((2, 4, 1, 8)))


cache_bytes = Exercise(
    name="cache_bytes",
    topic="generation",
    title="What the cache costs",
    kind="explore",
    difficulty="easy",
    minutes=8,
    reference=_cache_bytes,
    cases=(
        Case(1, 2, 3, 5, 1, 2),
        Case(2, 3, 5, 7, 11, 4),
        Case(12, 12, 64, 1024, 1, 4),
        Case(32, 8, 128, 8192, 16, 2),
        Case(96, 96, 128, 2048, 1, 2),
        Case(96, 96, 128, 2048, 70, 8),
        Case(7, 13, 129, 4099, 37, 8),
        *(
            Case(*(0 if i == zero else size for i, size in enumerate((2, 3, 5, 7, 11))), 4)
            for zero in range(5)
        ),
    ),
    fresh=_fresh_cache_bytes,
    hints=(
        "Which two vectors does attention need again from every earlier token? The query isn't one of them.",
        "Each head of each layer keeps two vectors of `head_width` numbers for each token of each text.",
        "Count the numbers first, then multiply by the bytes of one number. All is one product.",
    ),
    explanation=(
        "A key and a value, hence the 2, for each token, in each head of each layer. For GPT-2 (12 layers, "
        "12 heads of width 64, 1024 tokens, 4 bytes) that is 75 million bytes a text, 72 KiB a token.\n\n"
        "The last case is Llama 3 8B (Grattafiori and others 2024), whose 32 heads share the keys and "
        "values of 8. Still, 16 texts of 8192 tokens take 17 GB, more than its weights do."
    ),
    mistakes=(
        Mistake(
            "only the keys, or only the values",
            lambda *sizes: math.prod(sizes),
            "Attention needs both from every earlier token: twice as much.",
        ),
        Mistake(
            "the queries are kept as well",
            lambda *sizes: 3 * math.prod(sizes),
            "A query is used once, at its own step. Later tokens look at keys and values only: 2, not 3.",
        ),
        Mistake(
            "the layers are left out",
            _without(0),
            "Each layer has keys and values of its own.",
        ),
        Mistake(
            "the heads are left out",
            _without(1),
            "`head_width` is the width of *one* head, and each head has keys and values of its own.",
        ),
        Mistake(
            "the width of a head is left out",
            _without(2),
            "A key is a vector of `head_width` numbers, not one number.",
        ),
        Mistake(
            "the texts are left out",
            _without(4),
            "Each text of the batch has its own past.",
        ),
        Mistake(
            "the tokens are left out",
            _without(3),
            "Every token that was read or written stays in the cache: that is what makes it grow.",
        ),
        Mistake(
            "numbers are counted, not bytes",
            _without(5),
            "That is how many numbers are kept. Each takes `bytes_per_number` bytes.",
        ),
        Mistake(
            "four bytes for every number",
            lambda *sizes: 8 * math.prod(sizes[:5]),
            "That is true of float32. How many it is here says `bytes_per_number`.",
        ),
        Mistake(
            "bits instead of bytes",
            lambda *sizes: 16 * math.prod(sizes),
            "A byte has 8 bits, but bytes are what is asked for.",
        ),
        Mistake(
            "the tokens are squared",
            lambda *sizes: 2 * sizes[3] * math.prod(sizes),
            "A table of all pairs of tokens holds attention weights. These aren't kept: each step needs only "
            "its own row.",
        ),
        Mistake(
            "the width is squared",
            lambda *sizes: 2 * sizes[1] * sizes[2] * math.prod(sizes),
            "Width times width are the *matrices* that make keys and values. The cache holds what they have "
            "made: one vector of that width for each token.",
        ),
        *(
            Mistake(
                "megabytes instead of bytes",
                lambda *sizes, unit=unit: 2 * math.prod(sizes) / unit,
                "Bytes are asked for: a whole number, without a division.",
            )
            for unit in (10**6, 2**20)
        ),
    ),
)
