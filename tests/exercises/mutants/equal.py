"""Mutants that survive and should: on every input that the exercise allows, they do what the reference does.

They are listed beside the tests of each topic, in `equal_mutants.txt`: an exercise, a reason, and under it
the names of the mutants for which it holds; `*` stands for anything.
"""

from __future__ import annotations

from pathlib import Path

from mutants.listed import read

TESTS = Path(__file__).resolve().parents[2]

EQUAL: dict[str, dict[str, str]] = {}
for _file in sorted(TESTS.glob("*/equal_mutants.txt")):
    EQUAL.update(read(_file.read_text(encoding="utf-8")))
