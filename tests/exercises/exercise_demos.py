"""A small exercise for the tests of the machinery that judges answers."""

from __future__ import annotations

import torch

from course_lib.exercises import Case, Exercise, Mistake


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def demo(reference, cases, **changes) -> Exercise:
    """An exercise with as little around it as is allowed."""
    nothing = object()
    settings = {
        "name": "demo",
        "topic": "demo",
        "title": "Demo",
        "reference": reference,
        "cases": [case if isinstance(case, Case) else Case(case) for case in cases],
        "hints": ("Think.", "Think again."),
        "explanation": "It is so.",
        "mistakes": tuple(Mistake(f"none {i}", lambda *a, **k: nothing, "No.") for i in range(3)),
    }
    return Exercise(**{**settings, **changes})
