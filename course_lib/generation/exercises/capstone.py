"""The capstone of Part I: one file that is the learner's own GPT, the course's parts where one is missing.

`gather` takes the right answers from `my_gpt/` and tries each once more, as it stands in the file;
`write_file` writes `my_gpt/my_gpt.py`, a program that stands alone; `load` takes the same text into a
notebook. What joins the parts is in `alone`. Nothing here draws figures.
"""

from __future__ import annotations

import hashlib
import html
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType

from course_lib import COURSE
from course_lib.exercises import Exercise, _progress
from course_lib.exercises._joining import CannotBeJoined, Joined, taken_from_the_course
from course_lib.exercises._loading import read
from course_lib.exercises._surroundings import surroundings
from course_lib.exercises._tryout import try_text
from course_lib.figures.shown import Shown
from course_lib.generation.exercises import alone

PIECES = {  # in the order in which the file is read; each is an exercise of its topic
    "tokens": ("count_pairs", "merge_pair", "learn_merges", "encode_piece", "decode_ids"),
    "attention": ("MultiHeadAttention",),
    "model": ("Block", "GPT"),
    "context": ("windows", "cross_entropy"),
    "training": ("learning_rate", "adamw_step", "train"),
    "generation": ("temperature", "top_p", "draw", "generate", "Storyteller"),
}
JOINTS = {  # what the course adds, after which piece
    "decode_ids": ("Tokenizer",),
    "adamw_step": ("AdamW",),
    "generate": ("choose",),
    "Storyteller": ("train_and_tell", "PARTS", "main"),
}
NAME = "my_gpt.py"
LOAD_SECONDS = 5.0
RUN_SECONDS = 300.0
_MARK = "# The course wrote what stands above: "  # and its fingerprint


@dataclass(frozen=True)
class Piece:
    """One part of the GPT: whose it is, and why a learner's file was not taken."""

    name: str
    topic: str
    mine: bool
    trouble: str = ""

    @property
    def heading(self) -> str:
        """The remark above it in the file."""
        number = next(t.number for t in COURSE if t.name == self.topic)
        whose = "yours" if self.mine else "the course's, until you have your own"
        return heading(f"{self.name}: {whose} (notebook {number:02})")


@dataclass(frozen=True, repr=False)
class Pieces(Shown):
    """All parts, by name, and the file that they make; shown, it says whose they are."""

    by_name: Mapping[str, Piece]
    text: str

    @property
    def mine(self) -> int:
        """How many are the learner's own."""
        return sum(piece.mine for piece in self.by_name.values())

    def whose(self) -> str:
        """The headings of the file, in the order in which it is read: each part, and whose it is."""
        return "\n".join(
            line.strip("# -")
            for line in self.text.splitlines()
            if line.startswith("# ") and line.endswith("---")
        )

    @property
    def headline(self) -> str:
        """'11 of 18 parts of this GPT are yours.'"""
        return f"{self.mine} of {len(self.by_name)} parts of this GPT are yours."

    def __str__(self) -> str:
        lines = [self.headline]
        for topic, pieces in self._by_topic().items():
            words = [f"{'[x]' if piece.mine else '[ ]'} {piece.name}" for piece in pieces]
            lines.append(f"  {topic}: {', '.join(words)}")
        return "\n".join([*lines, *self._troubles()])

    def _repr_html_(self) -> str:
        cell = 'style="text-align: left; padding: 3px 14px 3px 0; vertical-align: top"'
        rows = [
            f'<tr style="background-color: transparent"><td {cell}>{topic}</td>'
            f"<td {cell}>{' '.join(_badge(piece) for piece in pieces)}</td></tr>"
            for topic, pieces in self._by_topic().items()
        ]
        notes = "".join(f"<p>{html.escape(text)}</p>" for text in self._troubles())
        return f"<p><b>{self.headline}</b> (Filled: yours.)</p><table>{''.join(rows)}</table>{notes}"

    def _by_topic(self) -> dict[str, list[Piece]]:
        return {topic: [self.by_name[name] for name in names] for topic, names in PIECES.items()}

    def _troubles(self) -> list[str]:
        return [piece.trouble for piece in self.by_name.values() if piece.trouble]


def _badge(piece: Piece) -> str:
    colours = "background: #0072B2; color: white" if piece.mine else "background: white; color: #444"
    style = f"{colours}; border: 1px solid #0072B2; border-radius: 4px; padding: 0 6px; white-space: nowrap"
    return f'<code style="{style}">{piece.name}</code>'


def heading(words: str) -> str:
    """A remark as wide as the file.

    >>> heading("draw").startswith("# draw ---")
    True
    """
    return f"# {words} ".ljust(100, "-")


# Gathering ----------------------------------------------------------------------------------------------


def gather(folder: str | Path | None = None) -> Pieces:
    """The learner's right answers in `folder` (by default `my_gpt/`), and the course's for the others.

    A file is taken only if it runs and its exercise finds it right, among the parts before it; else its piece
    says what is wrong.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as empty:
    ...     print(gather(empty).headline)
    0 of 18 parts of this GPT are yours.
    """
    folder = _progress.pieces_folder() if folder is None else Path(folder)
    names = [name for names in PIECES.values() for name in names]
    file = Joined((*names, *(name for joints in JOINTS.values() for name in joints)))
    pieces: dict[str, Piece] = {}
    for topic, names in PIECES.items():
        for name in names:
            pieces[name], file = with_piece(file, topic, name, folder)
            for joint in JOINTS.get(name, ()):
                above = heading(f"{joint}: the course's; it joins the parts")
                file = file.add(joint, _joints(), above)
    return Pieces(pieces, _whole(file, pieces))


def _joints() -> str:
    """The text of `alone`, without the remarks that are for the course's tools."""
    return re.sub(r"  # (noqa|fmt)\b.*", "", inspect.getsource(alone))


def with_piece(
    file: Joined, topic: str, name: str, folder: Path, file_name: str = NAME
) -> tuple[Piece, Joined]:
    """The file with one more piece: the learner's, or else the course's."""
    exercise = _exercise(topic, name)
    path, piece, trouble = folder / f"{exercise.piece or name}.py", Piece(name, topic, False), ""
    if os.path.lexists(path):
        with surroundings():
            taken, trouble = _from_file(file, path, exercise, replace(piece, mine=True).heading, file_name)
        if taken is not None:
            return replace(piece, mine=True), taken
        trouble = f"{_ended(trouble)} The course's {name} stands in for it."
    course = file.add(name, _reference(topic, name), piece.heading, plain=True)
    return replace(piece, trouble=trouble), course


def _exercise(topic: str, name: str) -> Exercise:
    return getattr(importlib.import_module(f"course_lib.{topic}.exercises"), name)


@cache
def _reference(topic: str, name: str) -> str:
    return _exercise(topic, name).solution_source()


def _from_file(
    file: Joined, path: Path, exercise: Exercise, heading: str, file_name: str
) -> tuple[Joined | None, str]:
    """The file with the learner's answer, or None and what is wrong with that.

    Whatever it does, it does in a process of its own. Where its helpers are called like earlier parts, those
    are meant, if it is right with them; else its own.
    """
    text, trouble = read(path)
    if trouble:
        return None, trouble
    taken, why = _joined(file, text, exercise, heading, link=True)
    if taken is None:
        alone_ = try_text(exercise, text, path.name, LOAD_SECONDS)
        if not alone_.right:
            said = "" if alone_.unloadable else f"{path.name} is not right any more: "
            return None, f"{said}{alone_.why_not}"
        taken, why = _joined(file, text, exercise, heading, link=False)
    return taken, f"{path.name} can't stand in {file_name}: {why}"


def _joined(
    file: Joined, text: str, exercise: Exercise, heading: str, link: bool
) -> tuple[Joined | None, str]:
    """The file with a text, if it is right there, or None and why not."""
    try:
        longer = file.add(exercise.name, text, heading, link=link)
    except CannotBeJoined as error:
        return None, str(error)
    tried = try_text(exercise, longer.text(), NAME, LOAD_SECONDS)
    if tried.right:
        return longer, ""
    there = ", ".join(f"`{name}`" for name in taken_from_the_course(text, file.parts))
    which = (
        f" (In this file {there} means the part of that name, not the course's function.)" if there else ""
    )
    return None, f"{_ended(tried.why_not)}{which}"


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?", "!", ".)")) else f"{sentence}."


def _whole(file: Joined, pieces: Mapping[str, Piece]) -> str:
    mine = sum(piece.mine for piece in pieces.values())
    head = (
        f'"""Your own GPT: {mine} of its {len(pieces)} parts are yours; above each stands whose it is.\n\n'
        f"    python {NAME} stories.txt               learns from a text, and writes (about a minute)\n"
        f'    python {NAME} --prompt "One day, Tom"   writes on with what it has learned\n'
        f'    python {NAME} --help                    all that can be chosen\n"""'
    )
    return f'{file.text(head)}\n\nif __name__ == "__main__":\n    main()\n'


# The file -----------------------------------------------------------------------------------------------


def write_file(pieces: Pieces | None = None) -> str:
    """Write `my_gpt/my_gpt.py`, and say so; if a person has changed it, that is kept beside it."""
    return write_text(NAME, (gather() if pieces is None else pieces).text)


def write_text(name: str, text: str) -> str:
    """Write a file of this kind into `my_gpt/`, with the course's mark at its end, and say so."""
    return _progress.write_file(name, f"{text}\n{_MARK}{_fingerprint(text)}\n", _is_changed)


def _is_changed(text: str) -> bool:
    """Whether a file is another than the course has written."""
    above, mark, said = text.rpartition(f"\n{_MARK}")
    return not mark or said.strip() != _fingerprint(above)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load(pieces: Pieces) -> ModuleType:
    """What the file defines, for use in a notebook: `GPT`, `Storyteller`, `PARTS` and the others.

    >>> my = load(gather("nowhere"))
    >>> sum(weight.numel() for weight in my.GPT(65, 64, 64, 4, 2).parameters())
    108352
    """
    module = ModuleType("my_gpt")
    module.__file__ = NAME
    exec(compile(pieces.text, NAME, "exec", dont_inherit=True), vars(module))
    return module


def run(*arguments: object) -> str:
    """Write the file, and run it by itself: `python my_gpt/my_gpt.py ARGUMENTS`, in a process that knows
    nothing of the notebook. Gives what it prints, or why it ended."""
    said = write_file()
    path = _progress.pieces_folder() / NAME
    if not path.is_file():
        return said
    command = [sys.executable, "-I", "-X", "utf8", str(path), *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=RUN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"It was stopped after {RUN_SECONDS:g} seconds."
    return "".join(out.decode(errors="replace") for out in (done.stdout, done.stderr)).rstrip()
