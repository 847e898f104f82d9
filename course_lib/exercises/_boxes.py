"""Leitner's boxes: when something that was answered is worth asking again, judging by how it went.

What was known goes up one box, what was not goes back to the first; the higher the box, the longer the wait.
It knows days and boxes; not what is asked, nor where any of it is kept.

Source: Sebastian Leitner (1972), So lernt man lernen, Herder. Leitner looked into a box when it was full; a
fixed number of days for each, twice that of the box below, is the usual form since there are computers.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

DAYS = (1, 2, 4, 8, 16)  # until what lies in box 1, 2, ... is asked again


@dataclass(frozen=True)
class Card:
    """One thing to repeat: its box, when it was last answered, and from when on it is asked again."""

    box: int
    last: datetime.date | None
    due: datetime.date

    def as_json(self) -> dict[str, Any]:
        """What is kept in a file; `read_card` reads it.

        >>> new_card(datetime.date(2030, 5, 1)).as_json()
        {'box': 1, 'last': None, 'due': '2030-05-01'}
        """
        return {"box": self.box, "last": self.last and self.last.isoformat(), "due": self.due.isoformat()}


def today() -> datetime.date:
    """The day by this machine's clock."""
    return datetime.date.today()


def new_card(day: datetime.date) -> Card:
    """What was never answered: in the first box, and due."""
    return Card(1, None, day)


def read_card(kept: Any, day: datetime.date) -> Card:
    """The card that was kept; whatever can't be one, or lies in the future, is due on `day`.

    >>> read_card({"box": 3, "last": "2030-05-01", "due": "2030-05-05"}, datetime.date(2030, 5, 2)).box
    3
    >>> read_card({"box": 3, "last": "2040-01-01"}, datetime.date(2030, 5, 2)).due  # the clock was wrong
    datetime.date(2030, 5, 2)
    """
    kept = kept if isinstance(kept, dict) else {}
    box = kept.get("box")
    box = box if type(box) is int and 1 <= box <= len(DAYS) else 1
    last, due = _day(kept.get("last")), _day(kept.get("due"))
    if last is None or due is None or last > day or (due - last).days > DAYS[-1]:
        return Card(box, None, day)
    return Card(box, last, due)


def is_ahead(kept: Any, day: datetime.date) -> bool:
    """Whether what was kept says that it was answered after `day`.

    >>> is_ahead({"last": "2040-01-01"}, datetime.date(2030, 5, 2))
    True
    """
    last = _day(kept.get("last")) if isinstance(kept, dict) else None
    return last is not None and last > day


def moved(card: Card, known: bool, day: datetime.date) -> Card:
    """Where a card lies after an answer; the first answer of a day counts, and an early one proves little.

    >>> card = moved(new_card(datetime.date(2030, 5, 1)), True, datetime.date(2030, 5, 1))
    >>> card.box, card.due.day
    (2, 3)
    >>> then = datetime.date(2030, 5, 3)
    >>> moved(card, True, then).due.day, moved(card, False, then).box
    (7, 1)
    """
    if card.last == day:
        return card
    if known and card.due > day:
        return Card(card.box, day, card.due)
    box = min(card.box + 1, len(DAYS)) if known else 1
    return Card(box, day, day + datetime.timedelta(days=DAYS[box - 1]))


def _day(text: Any) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except (TypeError, ValueError):
        return None
