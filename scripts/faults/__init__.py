"""What is tried to break the course, part by part; `scripts/reliability.py` runs it.

| file        | what it tries                                                        |
|-------------|----------------------------------------------------------------------|
| `trainings` | trainings killed at any moment, and resumed                          |
| `damage`    | checkpoints, vocabularies, configurations and weights with damage    |
| `texts`     | random and hostile texts through the tokenizer                       |
| `pages`     | views and notebooks with scripts in their texts; without a network   |
| `limits`    | nothing: it ends what takes too long, and says so                    |

A part is a function of the share of the usual number of cases, and of an empty folder; it gives a `Part`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Part:
    """What was tried of one kind, and what did not hold."""

    what: str
    held_means: str
    tried: int = 0
    failed: list[str] = field(default_factory=list)
    note: str = ""

    def add(self, problem: str | None) -> None:
        """One more case; `problem` says why it did not hold, or is None."""
        self.tried += 1
        if problem:
            self.failed.append(problem)
