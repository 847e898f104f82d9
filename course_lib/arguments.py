"""What people give to public functions: numbers, token ids and texts in any common form, or one sentence.

Numbers may come as Python's, NumPy's or torch's, lists as lists, arrays or tensors. Whatever else comes is
refused in one sentence: what came, what was needed, what to do. Nothing is known of models or torch.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

LONGEST = 60  # characters of a value in a message


def shown(value: Any) -> str:
    """A value in a few words, for a message: its text if that is short, else what it is.

    >>> shown("a" * 99), shown([1, 2]), shown(range(10**6).__iter__())
    ("a text of 99 characters, 'aaaaaaaaaaaaaaaaaaaa...'", '[1, 2]', 'a range_iterator')
    """
    if hasattr(value, "shape") and getattr(value, "ndim", 0):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    if isinstance(value, str) and len(value) > LONGEST:
        return f"a text of {len(value):,} characters, '{value[:20]!s}...'"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - whatever it is, its own words cannot be had
        text = "<"
    return f"a {type(value).__name__}" if len(text) > LONGEST or text.startswith("<") else text


def is_number(value: Any) -> bool:
    """Whether a value is a number: Python's, NumPy's, or a tensor with no axis; True and "1" are none.

    >>> is_number(0.5), is_number(True), is_number("1"), is_number(None)
    (True, False, False, False)
    """
    if isinstance(value, bool | str | bytes) or getattr(value, "ndim", 0):
        return False
    if str(getattr(value, "dtype", "")) in ("bool", "torch.bool"):
        return False
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return hasattr(value, "__float__") or hasattr(value, "__index__")


def whole(what: str, value: Any, least: int = 0, most: float = math.inf) -> int:
    """A whole number as Python's own; 3.0 is one, 3.5 is none. `what` names it, as in "top_k got k".

    Raises: ValueError for anything else, or outside `least` to `most`.

    >>> whole("generate got max_new_tokens", 3.0)
    3
    """
    number = _as_whole(value)
    if number is None or not least <= number <= most:
        upper = "or more" if most == math.inf else f"to {most}"
        raise ValueError(f"{what}={shown(value)}; needed a whole number, {least} {upper}.")
    return number


def _as_whole(value: Any) -> int | None:
    if type(value) is int:
        return value
    if not is_number(value):
        return None
    try:
        return operator.index(value)
    except TypeError:
        number = float(value)
        return int(number) if number.is_integer() else None


def plain(value: Any) -> Any:
    """Lists for arrays and tensors, and for anything else that has `tolist`.

    >>> import numpy
    >>> plain(numpy.array([[1, 2]])), plain("ab")
    ([[1, 2]], 'ab')
    """
    return value.tolist() if hasattr(value, "tolist") else value


def id_list(where: str, ids: Any) -> list[int]:
    """Token ids as a list of Python's whole numbers; `where` names the function that got them.

    Raises: ValueError for a text, for numbers that aren't whole or below 0, and for anything that is no list.

    >>> import numpy
    >>> id_list("encode", numpy.array([3, 1])), id_list("encode", (2.0, 5))
    ([3, 1], [2, 5])
    """
    items = _items(where, ids)
    if all(type(item) is int and item >= 0 for item in items):
        return items
    return [_id(where, item) for item in items]


def _items(where: str, ids: Any) -> list[Any]:
    if isinstance(ids, str | bytes):
        raise ValueError(
            f"{where} got {shown(ids)}, a text; needed token ids: tokenizer.encode(text) gives them."
        )
    values = plain(ids)
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise ValueError(f"{where} got {shown(ids)}; needed a list of token ids, e.g. [3, 1].")
    return list(values)


def _id(where: str, value: Any) -> int:
    number = _as_whole(value)
    if number is None or number < 0:
        raise ValueError(f"{where} got the token id {shown(value)}; needed whole numbers of 0 or more.")
    return number


def id_rows(where: str, prompts: Any) -> tuple[list[list[int]], bool]:
    """One list of token ids or several, as rows, and whether there was only one.

    Raises: ValueError as `id_list` does, and for a mixture of ids and lists.

    >>> id_rows("generate", [4, 2]), id_rows("generate", [[4, 2], [5]])
    (([[4, 2]], True), ([[4, 2], [5]], False))
    """
    items = _items(where, prompts)
    rows = [item for item in items if _is_row(item)]
    if not rows:
        return [id_list(where, items)], True
    if len(rows) < len(items):
        raise ValueError(
            f"{where} got {shown(prompts)}; needed one list of token ids, or a list of such lists."
        )
    return [id_list(where, row) for row in rows], False


def _is_row(item: Any) -> bool:
    return isinstance(item, str | bytes) or (isinstance(item, Iterable) and getattr(item, "ndim", 1) > 0)


def text_list(where: str, texts: Any) -> list[str]:
    """Several texts as a list. One text by itself is refused: it would be taken letter by letter.

    Raises: ValueError unless it is a collection of texts.

    >>> text_list("bleu", ("a kite", "a hat"))
    ['a kite', 'a hat']
    """
    if isinstance(texts, str | bytes):
        raise ValueError(
            f"{where} got one text, {shown(texts)}; needed a list of texts: put it into brackets."
        )
    values = plain(texts)
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise ValueError(f"{where} got {shown(texts)}; needed a list of texts.")
    found = list(values)
    for number, text in enumerate(found):
        if not isinstance(text, str):
            raise ValueError(f"{where} got {shown(text)} as text {number}; needed a text, a str.")
    return found
