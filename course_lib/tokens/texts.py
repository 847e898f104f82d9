"""What counts as text: what UTF-8 can write. One text, several, and ways to treat bytes that are none.

Does not know tokens.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from typing import Any

from course_lib.arguments import is_several, wrong

NO_TEXT = "A tokenizer can't be trained on an empty text; give it a text, or several, with something in it."


def check_text(text: str) -> None:
    """Raises ValueError unless `text` is a str that UTF-8 can write.

    >>> check_text("half of an emoji: \\ud83d")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: The character at position 18 is U+D83D, half of a surrogate pair; mend it with ...
    """
    if not isinstance(text, str):
        how = {bytes: "; bytes become text by .decode('utf-8')", list: "; take one text after the other"}
        raise ValueError(f"Got {type(text).__name__}, needed text as a str{how.get(type(text), '')}.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The character at position {error.start} is U+{ord(text[error.start]):04X}, half of a surrogate "
            "pair; mend it with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        ) from None


def known_errors(name: str) -> str:
    """The name of a way to treat bytes that are no text, if Python knows it.

    >>> known_errors("maybe")
    Traceback (most recent call last):
    ValueError: decode got errors='maybe'; it must be one of replace, strict, ignore, backslashreplace.
    """
    try:
        codecs.lookup_error(name)
    except (LookupError, TypeError, ValueError):
        raise wrong("decode", "errors", name, "one of replace, strict, ignore, backslashreplace") from None
    return name


def texts_of(text: Any) -> Iterable[str]:
    """A text, or several, as several.

    Raises: ValueError for what is neither.

    >>> texts_of("one"), texts_of(("one", "two"))
    (('one',), ('one', 'two'))
    """
    if isinstance(text, str):
        return (text,)
    if isinstance(text, bytes | Mapping) or not is_several(text):
        raise ValueError(f"Got {type(text).__name__}, needed a text as a str, or a list of texts.")
    return text
