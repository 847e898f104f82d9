"""Special tokens: their names, and where they stand in a text.

Knows names and ids; does not know how the text between them becomes tokens.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from reprlib import repr as brief
from typing import Any

import regex

from course_lib.arguments import check_instance, is_several, shown
from course_lib.data import END_OF_TEXT
from course_lib.tokens.texts import check_text

# The characters that Unicode calls white space.
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_SPACES = re.compile(f"[{SPACES}]*")


class Finder:
    """Finds tokens by their names in a text; where several match, the longest is meant.

    `strip_left` and `strip_right` name tokens that take the spaces before or after them along.

    >>> text = "Mia ran. <end>Tom sat."
    >>> list(Finder({"<end>": 7}).found(text)), list(Finder({"<end>": 7}, strip_left=["<end>"]).found(text))
    ([('<end>', 9, 14)], [('<end>', 8, 14)])
    """

    def __init__(
        self, ids: Mapping[str, int], strip_left: Collection[str] = (), strip_right: Collection[str] = ()
    ):
        check_instance("Finder", "ids", ids, Mapping, "ids by name, {'<end>': 7}")
        names_of(ids, "ids")
        strip_left, strip_right = names_of(strip_left, "strip_left"), names_of(strip_right, "strip_right")
        self.ids = ids
        self._pattern = _pattern_of(ids) if ids else None
        self._left, self._right = ids.keys() & set(strip_left), ids.keys() & set(strip_right)

    def found(self, text: str) -> Iterator[tuple[str, int, int]]:
        """The name of each token in a text, where it begins and where it ends."""
        check_instance("found", "text", text, str, "a text, one str")
        start = 0
        for match in self._pattern.finditer(text) if self._pattern else ():
            name, (first, last) = match.group(), match.span()
            if name in self._left:
                first = max(start, _end_without_spaces(text, start, first))
            if name in self._right:
                last = _SPACES.match(text, last).end()
            yield name, first, last
            start = last

    def decided(self, text: str, start: int) -> int:
        """Where a token, or a longer one, may have begun that ends in what is still to come; else the text's
        end.
        """
        begin = _possible_start(text, start, self.ids)
        if self._right:
            stem = text[start:].rstrip(SPACES)  # behind it, a token may still take spaces along
            begin = min([begin, *(start + len(stem) - len(n) for n in self._right if stem.endswith(n))])
        return _end_without_spaces(text, start, begin) if self._left else begin


def _end_without_spaces(text: str, start: int, end: int) -> int:
    return start + len(text[start:end].rstrip(SPACES))


def _possible_start(text: str, start: int, names: Collection[str]) -> int:
    longest = max(map(len, names), default=0)
    for position in range(max(start, len(text) - longest + 1), len(text)):
        tail = text[position:]
        if any(name.startswith(tail) for name in names):
            return position
    return len(text)


def _pattern_of(names: Collection[str]) -> regex.Pattern:
    longest_first = sorted(names, key=len, reverse=True)  # where two of them match, the longer is meant
    return regex.compile("|".join(map(regex.escape, longest_first)))


def without_specials(text: str, names: list[str]) -> list[str]:
    """What stands before, between and after the special tokens in a text.

    >>> without_specials("Mia ran.<|endoftext|>Tom sat.", ["<|endoftext|>"])
    ['Mia ran.', 'Tom sat.']
    """
    check_instance("without_specials", "text", text, str, "a text, one str")
    return _pattern_of(names).split(text) if names_of(names, "names") else [text]


def check_names(names: list[str], ordinary: Iterable[str]) -> None:
    """Raises ValueError unless special tokens can be told from each other and from ordinary tokens, also in a
    file.

    >>> check_names(["<end>", "the"], ordinary=["cat", "the"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: Got the special tokens ['<end>', 'the'], needed different names that no ordinary token ...
    """
    for name in names:
        check_text(name)
    if len(set(names)) < len(names) or not {"", *ordinary}.isdisjoint(names):
        raise ValueError(
            f"Got the special tokens {brief(names)}, needed different names that no ordinary token has, "
            f"such as {END_OF_TEXT!r}."
        )


def names_of(names: Any, what: str) -> list[str]:
    """The names of special tokens as a list; `what` is the argument that has them.

    Raises: ValueError for what is no list of str, as for one str, which would be taken letter by letter.

    >>> names_of(("<end>",), "special_tokens")
    ['<end>']
    """
    if isinstance(names, str | bytes) or not is_several(names):
        wrong = [names]
    else:
        names = list(names)
        wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"{what} got {shown(wrong[0])}, needed a list of names, e.g. [{END_OF_TEXT!r}].")
    return names
