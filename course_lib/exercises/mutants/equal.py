"""Mutants that survive and should: on every input that the exercise allows, they do what the reference does.

By exercise and by the mutant's name, each with the reason. It holds nothing else.
"""

from __future__ import annotations

EQUAL: dict[str, dict[str, str]] = {}
