"""What a template may use: so many steps, so much text, so much time.

It counts values as they are made, and does not know how a template is carried out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MOST_STEPS = 100_000  # of all loops, calls and items of lists together
MOST_CHARACTERS = 50_000_000  # of all texts that are made, together
LONGEST_TEXT = 5_000_000  # characters of one of them
SECONDS = 10.0
LARGEST_NUMBER = 10**18
_UNDEFINED = "_undefined_name"  # what Jinja has instead of a value that isn't there


class Budget:
    """What a template may still use; it refuses what is too much.

    >>> Budget(RuntimeError).made("a text")
    'a text'
    """

    def __init__(self, error: type[Exception]):
        self._error = error
        self._steps, self._characters, self._end = MOST_STEPS, MOST_CHARACTERS, time.monotonic() + SECONDS

    def refuse(self, problem: str) -> None:
        """Ends the template, with these words."""
        raise self._error(problem)

    def step(self, count: int = 1) -> None:
        """So many steps more."""
        self._steps -= count
        if self._steps < 0:
            self.refuse(f"its loops make more than {MOST_STEPS:,} steps")
        if time.monotonic() > self._end:
            self.refuse(f"it takes more than {SECONDS:g} seconds")

    def text(self, length: int) -> None:
        """A text more, of so many characters."""
        self._characters -= length
        if length > LONGEST_TEXT or self._characters < 0:
            self.refuse(f"it makes texts of more than {LONGEST_TEXT:,} characters")

    def made(self, value: Any) -> Any:
        """A value that has just been made, if it isn't too much."""
        if isinstance(value, str):
            self.text(len(value))
        elif isinstance(value, int | float):
            if abs(value) > LARGEST_NUMBER:
                self.refuse("it makes numbers that are too large")
        elif isinstance(value, list | tuple | Mapping):
            self._walk(value)
        return value

    def _walk(self, value: Any) -> None:
        """Counts all that is in a value, as often as it would be written."""
        self.step()
        if isinstance(value, str):
            self.text(len(value))
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self._walk(key)
                self._walk(item)
        elif isinstance(value, list | tuple):
            for item in value:
                self._walk(item)
        elif value is not None and not isinstance(value, int | float) and not hasattr(value, _UNDEFINED):
            self.refuse(f"it uses a {type(value).__name__} where a text, a number or a list belongs")

    def shown(self, value: Any) -> Any:
        """A value that is about to be written."""
        if not isinstance(value, str):
            self._walk(value)
        return value

    def joined(self, pieces: Iterable[str]) -> str:
        """Pieces of text as one."""
        parts, length = [], 0
        for piece in pieces:
            length += len(piece)
            if length > LONGEST_TEXT:
                self.text(length)
            parts.append(piece)
        return self.made("".join(parts))

    def together(self, values: Iterable[Any]) -> str:
        """Values one after the other, as a template's ~ writes them."""
        return self.joined(str(self.shown(value)) for value in values)

    def steps(self, values: Any) -> Any:
        """The same values, each of which costs a step when it is looked at."""
        return _Steps(list(self.made(values)), self)

    def range(self, *ends: int) -> range:
        """Python's range, of which all steps count at once."""
        numbers = range(*ends)
        self.step(len(numbers) if numbers.stop - numbers.start < LARGEST_NUMBER else MOST_STEPS + 1)
        return numbers

    def json(self, value: Any, indent: int | None = None, **options: Any) -> str:
        """A value as JSON, in which 好 stays 好."""
        self._walk(value)
        if indent is not None and not 0 <= int(indent) <= 8:
            self.refuse("it indents JSON by more than 8")
        known = {
            name: options[name] for name in ("ensure_ascii", "separators", "sort_keys") if name in options
        }
        return self.made(json.dumps(value, **{"ensure_ascii": False, "indent": indent, **known}))


class _Steps(list):
    """A list that a loop goes through, step by step."""

    def __init__(self, values: list, budget: Budget):
        super().__init__(values)
        self._budget = budget

    def __iter__(self) -> Iterator[Any]:
        for value in super().__iter__():
            self._budget.step()
            yield value
