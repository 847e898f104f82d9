"""How good and how varied written texts are: right stories, and distinct pieces.

What is right, the little world says. It does not know models or how a text was written.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any

from course_lib.arguments import check_instance, many, whole, wrong
from course_lib.world.oracle import explain


def is_right(text: str) -> bool:
    """Whether the world could have told exactly this text, with all its facts agreeing.

    It is the `is_story` of `course_lib.world.checker.check`, without the search for the first wrong sentence.

    >>> from course_lib.world.documents import document
    >>> is_right(document(5, "en").text), is_right("The moon ate the bank.")
    (True, False)
    """
    check_instance("is_right", "text", text, str, "a text")
    text = text.strip()
    language = "zh" if re.search("[\u4e00-\u9fff]", text) else "en"
    return bool(text) and explain(text, language).nats is not None


def distinct_share(texts: Sequence[Sequence[Hashable]], n: int = 4, limit: int | None = None) -> float:
    """How many of the pieces of n items in a row are different ones, as a share of all pieces.

    The more pieces there are, the more of them have been seen before. So compare only numbers that come from
    equally many pieces: `limit` takes the first so many.

    Raises: ValueError if there is no piece, or fewer than `limit`, or `n` is below 1.
    Source: Li and others 2016, the measure distinct-n (arXiv:1510.03055).

    >>> distinct_share(["abab"], n=2)  # ab, ba, ab
    0.6666666666666666
    """
    texts, n, limit = _checked(texts, n, limit)
    pieces = [tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)]
    if len(pieces) < (limit or 1):
        raise ValueError(
            f"distinct_share found {len(pieces)} pieces of {n}, but needs {limit or 1}; give it more texts."
        )
    return len(set(pieces[:limit])) / len(pieces[:limit])


def _checked(texts: Any, n: Any, limit: Any) -> tuple[list[Sequence[Hashable]], int, int | None]:
    """Texts whose items can be compared (those of a tensor are different objects each), and both numbers."""
    n = whole("distinct_share", "n", n)
    limit = None if limit is None else whole("distinct_share", "limit", limit)
    found = many("distinct_share", "texts", texts, "texts, or of lists of ids")
    plain = [text.tolist() if hasattr(text, "tolist") else text for text in found]
    for text in plain:
        if not isinstance(text, Sequence) or not all(isinstance(item, Hashable) for item in text):
            raise wrong("distinct_share", "texts", text, "a list of texts, or of lists of ids")
    return plain, n, limit
