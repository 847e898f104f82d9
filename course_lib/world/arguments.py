"""What a person may ask the little world for: seeds, languages, parts of the corpus, counts, texts.

Each check gives the plain value, or one sentence: what came, and what is needed.
"""

import operator
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from course_lib.arguments import shown

LANGUAGES = ("en", "zh")


def whole(name: str, value: Any, least: int = 0) -> int:
    """A whole number of any kind, as an int.

    Raises: ValueError for anything else, and for less than `least`.

    >>> whole("seed", 3.0)
    3
    """
    number = value.item() if hasattr(value, "item") and not getattr(value, "ndim", 0) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not hasattr(number, "__index__") or operator.index(number) < least:
        raise ValueError(f"{name} is {shown(value)}, but it must be a whole number of at least {least}")
    return operator.index(number)


def language(value: Any) -> str:
    """A language of the world.

    >>> language("zh")
    'zh'
    """
    if not isinstance(value, str) or value not in LANGUAGES:
        raise ValueError(f"the language is {shown(value)}, but the world is told in 'en' and 'zh' only")
    return value


def one_of(what: str, value: Any, options: Collection[str]) -> str:
    """One of some names.

    >>> one_of("part", "train", ("train", "validation"))
    'train'
    """
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"the {what} is {shown(value)}, but it must be one of {', '.join(options)}")
    return value


def text(value: Any) -> str:
    """A text.

    >>> text("One day.")
    'One day.'
    """
    if not isinstance(value, str):
        raise ValueError(f"the text is a {type(value).__name__}, but it must be a str")
    return value


def texts(value: Any) -> list[str]:
    """Several texts; one text would be taken letter by letter.

    >>> texts(("One.", "Two."))
    ['One.', 'Two.']
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise ValueError(f"the documents are a {type(value).__name__}, but they must be a list of texts")
    return [text(one) for one in value]
