"""What the tables of tokens share: labels of tokens that are bytes, rows, the look of a box.

Bytes and texts come in; texts and pieces of HTML go out. It does not know merges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from course_lib.arguments import wrong
from course_lib.figures.tables import ROW
from course_lib.figures.tokens import token_labels

BOX = "border: 1px solid #9a9a9a; border-radius: 3px; padding: 0 2px; color: #1a1a1a; white-space: pre"
CELL = "text-align: left; vertical-align: top; padding: 3px 14px 3px 0; line-height: 1.5"


def labels(tokens: Iterable[bytes]) -> list[str]:
    """A short visible label for each token.

    >>> labels([b" a", b"\\xe9"])
    ['·a', '[E9]']
    """
    tokens = list(tokens)
    return token_labels(range(len(tokens)), _Spelled(tokens))


class _Spelled:
    """Lets `token_labels` read tokens that are bytes already."""

    def __init__(self, tokens: Sequence[bytes]) -> None:
        self.token_bytes = tokens.__getitem__


def check_letters(owner: str, text: str) -> None:
    """Raises ValueError for a text with half of a character in it.

    >>> check_letters("utf8_table", "a\\ud800")
    Traceback (most recent call last):
    ValueError: utf8_table got text='a\\ud800'; it must be whole characters: half of one has no bytes.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise wrong(owner, "text", text, "whole characters: half of one has no bytes")


def table_row(*cells: str) -> str:
    """A row of a table, from the HTML of its cells.

    >>> table_row("1", "<b>2</b>").count("<td")
    2
    """
    return f'<tr style="{ROW}">' + "".join(f'<td style="{CELL}">{cell}</td>' for cell in cells) + "</tr>"
