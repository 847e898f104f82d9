"""How a text is cut into pieces before byte-pair encoding: by GPT-2's pattern or another, on Unicode 16.

Knows patterns and characters; does not know bytes, ids or merges.

A newer Unicode has more letters than an older one, and the packages that cut text each carry their own. So
that a text has the same pieces, and with them the same ids, on every machine and in `tokenizers`, whose
tables are those of Unicode 16, a character that came later counts as what it was then: no letter, no digit.
"""

from __future__ import annotations

import math
import re
from reprlib import repr as brief

import regex

from course_lib.arguments import check_instance

# Contractions; letters, digits or other signs, each with a space before it; spaces, of which the last stays
# with the word that follows. Radford et al. 2019. The order of the alternatives matters.
GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
# The same for text in ASCII, in which Python's own `re`, twice as fast but without \p, finds the same pieces.
ASCII_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+"""
# As GPT-2's, but every digit is a piece of its own, and takes no space along: those before it stay together.
# The same as cutting out the digits first, and what is between them by GPT-2's pattern.
SINGLE_DIGITS_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"""
_ASCII_DIGITS = r"""'(?:[sdmt]|ll|ve|re)| ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s+(?![^\s0-9])|\s+"""
_IN_ASCII = {GPT2_PATTERN: ASCII_PATTERN, SINGLE_DIGITS_PATTERN: _ASCII_DIGITS}

# The characters that Unicode 17 and 18 have added, in hexadecimal.
NEWER = """
    558 58B-58C 5C8-5C9 88F B53-B54 C5C CDC 1ACF-1AF0 208F 209D-209F 20C1-20C4 2B96 2E60-2E63 A7CE-A7CF A7D2
    A7D4 A7DD A7E2 A7F1 AB6C-AB6D FBC3-FBD2 FD90-FD91 FDC8-FDCE 107BB-107BF 10940-10959 10EC5-10EC7
    10EC9-10EEE 10EF0-10EFB 11B0A 11B60-11B67 11DB0-11DDB 11DE0-11DE9 11DF0-11DF1 1246F 12475-1247F
    12550-12686 16EA0-16EB8 16EBB-16ED3 16FF2-16FF6 187F8-187FF 18CD6-18CDA 18D09-18D20 18D80-18DF2
    18E00-19191 191A0-191D2 1B123-1B128 1B168 1CCFA-1CCFC 1CEBA-1CED0 1CED2-1CED4 1CEDD-1CEFD 1D127-1D128
    1D1EB-1D1FF 1D250-1D281 1D6A6 1DB00-1DB1C 1DF1F-1DF24 1DF2B-1DF81 1DF90-1DF96 1DFCD-1DFFF 1E6C0-1E6DE
    1E6E0-1E6F5 1E6FE-1E6FF 1F1AE 1F6D8-1F6D9 1F777-1F77A 1F7DA-1F7DB 1F7F1-1F7FF 1F8D0-1F8D8 1FA54-1FA57
    1FA8A-1FA8E 1FAC8 1FACC-1FACD 1FADD 1FAEA-1FAEB 1FAEF 1FAF9-1FAFA 1FBFA 2B73A-2B73F 2B81E 2CEA2-2CEAD
    323B0-33479 3D000-3FC3F
"""
_STAND_IN = "\U0010ffff"  # is no character in any version, and never will be


def _class_of(ranges: list[str]) -> str:
    ends = ([chr(int(end, 16)) for end in span.split("-")] for span in ranges)
    return "".join("-".join(map(re.escape, pair)) for pair in ends)


_NEWER = re.compile(f"[{_class_of(NEWER.split())}]")
# Quick to look for: the newer ones among the first 65,536 characters, and all beyond.
_PERHAPS_NEWER = re.compile(
    f"[{_class_of([span for span in NEWER.split() if len(span.split('-')[0]) < 5])}\U00010000-\U0010ffff]"
)


PATIENCE = 10.0  # seconds for a pattern of one's own, and a second more for every 50,000 characters
LONGEST_PATTERN = 4000  # characters
MOST_COUNTED = 10_000  # how often a pattern may count a thing out, as {1,3} does; more is slow to prepare


class Cutter:
    """Cuts texts into pieces by a pattern; side by side the pieces are the text.

    Raises: ValueError for a pattern that is not usable.

    >>> Cutter(GPT2_PATTERN).cut("It's 10  o'clock!")
    ['It', "'s", ' 10', ' ', ' o', "'", 'clock', '!']
    """

    def __init__(self, pattern: str):
        self.pattern = pattern
        self._regex = _compiled(pattern)
        ascii_pattern = _IN_ASCII.get(pattern)
        self._ascii_regex = re.compile(ascii_pattern, re.ASCII) if ascii_pattern else None

    def cut(self, text: str, start: int = 0, end: int | None = None) -> list[str]:
        """The pieces of `text[start:end]`.

        Raises: ValueError if a pattern of one's own takes too long on it, or leaves a part of it out.
        """
        check_instance("cut", "text", text, str, "a text")
        end = len(text) if end is None else end
        if self._ascii_regex is None:
            return self._cut_by_own(text[start:end])
        if text.isascii():
            return self._ascii_regex.findall(text, start, end)
        if _PERHAPS_NEWER.search(text, start, end):
            part = text[start:end]
            return [part[span.start() : span.end()] for span in self._regex.finditer(_as_of_16(part))]
        return self._regex.findall(text, start, end)

    def _cut_by_own(self, text: str) -> list[str]:
        """The same by a pattern that nobody has tried before."""
        seconds = PATIENCE + len(text) / 50_000
        try:
            spans = [match.span() for match in self._regex.finditer(_as_of_16(text), timeout=seconds)]
        except TimeoutError:
            raise ValueError(
                f"The pattern {brief(self.pattern)} takes more than {seconds:.0f} seconds on a text of "
                f"{len(text):,} characters; write it so that there is one way only to match a thing."
            ) from None
        if sum(end - start for start, end in spans) != len(text) or any(start == end for start, end in spans):
            raise ValueError(
                f"The pattern {brief(self.pattern)} can match no character, and leaves a part of this text "
                "out; write it without \\K, and without (?= ) or (?<= ) alone."
            )
        return [text[start:end] for start, end in spans]


def _as_of_16(text: str) -> str:
    """The text with what is newer than Unicode 16 as a character that is none; as long as it was."""
    return _NEWER.sub(_STAND_IN, text)


def _compiled(pattern: str) -> regex.Pattern:
    """The pattern, made to cover every text: what it would leave out is cut into single characters."""
    if not isinstance(pattern, str):
        raise ValueError(
            f"pattern got {type(pattern).__name__}, needed a regular expression as a str, e.g. GPT2_PATTERN."
        )
    counts = [
        max(map(int, re.findall(r"[0-9]{1,9}", count)))
        for count in re.findall(r"\{[0-9, ]*[0-9][0-9, ]*\}", pattern)
    ]
    if len(pattern) > LONGEST_PATTERN or math.prod(max(1, count) for count in counts) > MOST_COUNTED:
        raise ValueError(
            f"The pattern {brief(pattern)} is too large: at most {LONGEST_PATTERN:,} characters, and "
            f"counts in {{ }} that multiply to at most {MOST_COUNTED:,}."
        )
    if re.search(r"\(\?(?:R|[0-9]|&|P>)", pattern):
        raise ValueError(f"The pattern {brief(pattern)} calls itself; write it without (?R) and its like.")
    try:
        regex.compile(pattern)  # on its own first: what is added must not mend it
        compiled = regex.compile(f"{pattern}|[\\s\\S]")
        nothing = compiled.match("") is not None
    except Exception as error:  # noqa: BLE001 - the library has many ways to say no
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"The pattern {brief(pattern)} is not a regular expression: {reason}.") from None
    if compiled.groups or nothing:
        raise ValueError(
            f"The pattern {brief(pattern)} has a group ( ) or can match no character; use (?: ), and + for *."
        )
    return compiled
