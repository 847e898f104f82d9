"""Checks that an application can make by itself: has a note the right form, does it say every point?

They read only the prompt and the answer, as whoever ships an assistant has to. This module does not know
models, tokenizers or the little world; it supports the notebook `assistant`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from course_lib.arguments import check_instance, text_list, whole

ARTICLE = re.compile(r"^(a|an|the)( missed)? ")  # "a missed meeting" becomes "our meeting"
LETTER = re.compile(r"Dear \w+,\n.+\nYour [\w ]+,\n\w+", re.DOTALL)
HEADINGS = (
    "NOTICE",
    "LOST",
    "FOUND",
    "Please note:",
    "Attention:",
    "Everybody is welcome!",
    "Come one, come all!",
)
WORDS = (10, 60)  # a note is neither shorter nor longer


def points_of(prompt: str) -> list[str]:
    """What a note has to say: all that stands in the lines with a dash, without its label, at commas cut.

    An article at the beginning is left out, since a note may well say "your cousin" and not "the". A line
    without a label, as "get well soon", can be said in any words, so it asks for none.

    >>> points_of("Make a letter of this:\\n- to: Mia\\n- from: Tom, the cousin\\n- thanks for: a red kite")
    ['Mia', 'Tom', 'cousin', 'red kite']
    """
    check_instance("points_of", "prompt", prompt, str, "a text, one str")
    lines = [line[2:].split(": ", 1) for line in prompt.splitlines() if line.startswith("- ")]
    values = [part for _, *value in lines for part in ", ".join(value).split(", ") if part]
    return [ARTICLE.sub("", value) for value in values]


def says(point: str, text: str) -> bool:
    """Whether a text has a point in it, as whole words; capitals don't matter.

    >>> says("red hat", "A RED\\nhat"), says("hat", "What is that?")
    (True, False)
    """
    for name, value in (("point", point), ("text", text)):
        check_instance("says", name, value, str, "a text, one str")
    words = r"\s+".join(map(re.escape, point.split()))
    return re.search(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE) is not None


def points_covered(points: Sequence[str], text: str) -> float:
    """The share of points that a text has in it; 1 if there are none.

    >>> points_covered(["Mia", "red kite"], "Dear Mia, thank you for the kite.")
    0.5
    """
    points = text_list("points_covered", points)
    check_instance("points_covered", "text", text, str, "a text, one str")
    return sum(says(point, text) for point in points) / len(points) if points else 1.0


@dataclass(frozen=True)
class NoteReport:
    """What makes a note usable: its form and length are right, and it says every point (`points` is 1).

    >>> NoteReport(form=True, length=True, points=0.5).usable
    False
    """

    form: bool
    length: bool
    points: float

    @property
    def usable(self) -> bool:
        """All three."""
        return self.form and self.length and self.points == 1.0


def note_report(prompt: str, answer: str) -> NoteReport:
    """Look at a note: is it a whole letter or notice, of 10 to 60 words, and does it say every point?

    >>> prompt = "Write a notice from these points:\\n- closed: the zoo\\n- reason: we are on holiday"
    >>> note_report(prompt, "NOTICE\\nThe zoo is closed tomorrow, because of the rain. We are sorry.")
    NoteReport(form=True, length=True, points=0.5)
    """
    for name, value in (("prompt", prompt), ("answer", answer)):
        check_instance("note_report", name, value, str, "a text, one str")
    shortest, longest = WORDS
    return NoteReport(
        has_form(prompt, answer),
        shortest <= len(answer.split()) <= longest,
        points_covered(points_of(prompt), answer),
    )


def has_form(prompt: str, answer: str) -> bool:
    """Whether a letter goes from "Dear ..." to a name, and a notice from a heading to the end of a sentence.

    Whose names these are is no question of form: they are points.

    >>> has_form("- to: Mia\\n- from: Tom, the cousin", "Dear Tom,\\nget well soon!\\nYour cousin,\\nMia")
    True
    >>> has_form("- closed: the zoo", "Dear Mia,\\nthe zoo is closed.")
    False
    """
    for name, value in (("prompt", prompt), ("answer", answer)):
        check_instance("has_form", name, value, str, "a text, one str")
    answer = answer.strip()
    if "\n- to: " in f"\n{prompt}":
        return LETTER.fullmatch(answer) is not None
    return answer.startswith(HEADINGS) and answer.endswith((".", "!"))


def best_of(draw: Callable[[int], str], accept: Callable[[str], bool], n: int) -> tuple[str, int]:
    """The first of at most `n` drafts that is accepted, else the last one; and how many were drawn.

    `draw(i)` makes draft number i, from 0.

    Raises: ValueError for less than one draft.

    >>> best_of(lambda i: "ab" * i, lambda text: len(text) > 3, n=5)
    ('abab', 3)
    """
    n = whole("best_of", "n", n)
    for name, value in (("draw", draw), ("accept", accept)):
        check_instance("best_of", name, value, Callable, "a function")
    for i in range(n):
        draft = draw(i)
        if accept(draft):
            break
    return draft, i + 1
