"""The real model, read once; in CI it must be there."""

from __future__ import annotations

import os

import pytest

from course_lib.pretrained import is_here, load_pretrained

ABSENT = "SmolLM2 is not on this computer: `python -m course_lib fetch smollm2` fetches it"


@pytest.fixture(scope="session")
def smollm2():
    """SmolLM2 with what belongs to it. Where it isn't, tests of it are skipped; in CI, they fail."""
    if is_here():
        return load_pretrained()
    if os.environ.get("CI"):
        pytest.fail(ABSENT)
    pytest.skip(ABSENT)
