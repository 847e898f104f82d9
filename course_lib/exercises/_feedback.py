"""What a learner gets to see: feedback and notes, as HTML for a notebook and as text for a
terminal.

Knows how things look, not whether an answer is right. Colours only repeat what words and frames already say.
"""

from __future__ import annotations

import contextlib
import html
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from course_lib.exercises._compare import Difference
from course_lib.exercises._sides import sides_html, sides_text
from course_lib.figures.shown import Shown, highlight

# Colour-blind-safe (Okabe and Ito); each state also has its own word.
_COLOURS = {
    "right": "#009e73",
    "otherwise": "#e69f00",
    "wrong": "#d55e00",
    "crashed": "#d55e00",
    "timed out": "#d55e00",
}
_NEUTRAL = "#0072b2"
_MONO = "font-family: var(--jp-code-font-family, monospace); font-size: 0.9em"


class State(StrEnum):
    """How a check ended."""

    NOT_ATTEMPTED = "not attempted"
    WRONG = "wrong"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    OTHERWISE = "otherwise"  # right, but not by the way asked for
    RIGHT = "right"


_HEADLINES = {
    State.NOT_ATTEMPTED: "Not attempted yet",
    State.WRONG: "Not right yet",
    State.CRASHED: "It crashed",
    State.TIMED_OUT: "It did not finish",
    State.OTHERWISE: "Right, but not by the way asked for",
    State.RIGHT: "Right!",
}


@dataclass(frozen=True, repr=False)
class Feedback(Shown):
    """The outcome of a check. Shown by `check` itself; its fields are for tests and graders."""

    state: State
    title: str
    message: str = ""
    aspect: str | None = None  # parameters, type, shape, dtype, finite, values, gradient, property, inputs
    mistake: str | None = None  # the name of the recognised mistake
    why: str = ""  # why that mistake is one
    call: str = ""  # the call that went wrong
    difference: Difference | None = None
    lines: tuple[str, ...] = ()  # the learner's lines that led to a crash
    printed: str = ""
    notes: tuple[str, ...] = ()
    seed: int | None = None  # of the drawn cases: `judge(answer, seed=...)` draws them again

    @property
    def right(self) -> bool:
        """Whether the answer is right, and by the way that was asked for."""
        return self.state is State.RIGHT

    @property
    def headline(self) -> str:
        """The state in words."""
        return _HEADLINES[self.state]

    def __str__(self) -> str:
        parts = [f"{self.headline}  ({self.title})", self.message]
        if self.mistake:
            parts.append(_unmarked(f"Looks like: {self.mistake}. {self.why}"))
        if self.call:
            parts.append(f"The call: {self.call}")
        parts.extend(sides_text(self.difference))
        if self.lines:
            parts.append("\n".join(["Your lines:", *("  " + line for line in self.lines)]))
        if self.printed:
            parts.append("Your code printed:\n" + _indent(self.printed))
        return printable("\n\n".join(part for part in [*parts, *map(_unmarked, self.notes)] if part))

    def _repr_html_(self) -> str:
        parts = [_paragraphs(self.message)]
        if self.mistake:
            parts.append(f"<p><b>Looks like: {inline(self.mistake)}.</b> {inline(self.why)}</p>")
        if self.call:
            parts.append(f"<p>The call: <code>{html.escape(self.call)}</code></p>")
        parts.append(sides_html(self.difference))
        if self.lines:
            parts.append("<p>Your lines:</p>" + _pre("\n".join(self.lines)))
        if self.printed:
            parts.append("<p>Your code printed:</p>" + _pre(self.printed))
        parts.extend(_paragraphs(note) for note in self.notes)
        head = f"{self.headline} <span style='font-weight: normal'>({inline(self.title)})</span>"
        return printable(box(head, parts, self.state))


@dataclass(frozen=True, repr=False)
class Note(Shown):
    """A titled text, with code below it if there is some: hints, solutions, questions."""

    title: str
    body: str
    code: str = ""

    def __str__(self) -> str:
        return "\n\n".join(part for part in (self.title, _unmarked(self.body), self.code) if part)

    def _repr_html_(self) -> str:
        return box(inline(self.title), [_paragraphs(self.body), highlight(self.code) if self.code else ""])


def box(title: str, parts: list[str], state: str = "") -> str:
    """A framed block of HTML with a coloured left edge; `title` and `parts` are HTML already."""
    edge = _COLOURS.get(state, _NEUTRAL)
    style = f"border-left: 5px solid {edge}; padding: 2px 14px; margin: 4px 0; max-width: 60em"
    return f'<div style="{style}"><p><b>{title}</b></p>{"".join(parts)}</div>'


def printable(text: str) -> str:
    """Text without lone halves of characters, which no terminal and no page can show.

    >>> printable("a" + chr(0xD800) + "b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


Showable = TypeVar("Showable", Feedback, Note)


def display(shown: Showable) -> Showable:
    """Show a feedback or note, and give it back; what its text cannot be shown with is left out."""
    clean = replace(shown, **{name: _all_printable(value) for name, value in vars(shown).items()})
    try:
        clean.display()
    except (OSError, ValueError):  # the output is closed, or knows no such letters
        with contextlib.suppress(OSError, ValueError, AttributeError):
            print(str(clean).encode("ascii", "replace").decode())
    return clean


def _all_printable(value: Any) -> Any:
    """A field of what is shown; its texts may come from damaged files."""
    if type(value) is str:
        return printable(value)
    return tuple(map(_all_printable, value)) if type(value) is tuple else value


# Little Markdown --------------------------------------------------------------------------------------------


def inline(text: str) -> str:
    """`code`, **bold** and *emphasis* as HTML; everything else as it stands. Formulas between dollars are
    left to the notebook.

    >>> inline("use `a < b`, **not** a > b")
    'use <code>a &lt; b</code>, <b>not</b> a &gt; b'
    >>> inline("*not bad* is 2 * 3 * 4")
    '<em>not bad</em> is 2 * 3 * 4'
    """
    pieces = re.split(r"(`[^`\n]+`)", text)
    return "".join(
        f"<code>{html.escape(piece[1:-1])}</code>"
        if piece.startswith("`") and piece.endswith("`") and len(piece) > 2
        else _emphasis(html.escape(piece, quote=False))
        for piece in pieces
    )


def _emphasis(text: str) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", text)
    return re.sub(r"(?<![\w*])\*(\S|\S[^*\n]*?\S)\*(?![\w*])", r"<em>\1</em>", bold)


def _unmarked(text: str) -> str:
    """Text for a terminal: without the stars around bold words. Those in `code` are powers, and stay.

    >>> _unmarked("**Not** `x**2 + y**2`")
    'Not `x**2 + y**2`'
    """
    pieces = re.split(r"(`[^`\n]+`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"\*\*(\S.*?)\*\*", r"\1", p) for p in pieces)


def _paragraphs(text: str) -> str:
    """Paragraphs parted by empty lines; a paragraph that is fenced with ``` is code."""
    pieces = re.split(r"```(?:python)?\n(.*?)\n?```", text, flags=re.DOTALL)
    out = []
    for i, piece in enumerate(pieces):
        if i % 2:
            out.append(highlight(piece))
        else:
            out.extend(f"<p>{inline(p.strip())}</p>" for p in re.split(r"\n\s*\n", piece) if p.strip())
    return "".join(out)


def _pre(text: str) -> str:
    return f'<pre style="{_MONO}; white-space: pre-wrap; margin: 2px 0 6px 12px">{html.escape(text)}</pre>'


def _indent(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())
