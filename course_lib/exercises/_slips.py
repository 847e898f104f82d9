"""Slips of the pen that show in an answer's text, whatever the exercise: a loop that ends in its first round.

A slip is named only where no listed mistake explains what an answer does. It runs nothing, and does not know
exercises.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from typing import Any

from course_lib.exercises._source import source_of

Loop = ast.For | ast.While


def slip_of(answer: Any) -> tuple[str, str] | None:
    """The name of a slip in an answer's text, and why it is one; None if there is none, or no text."""
    try:
        text = textwrap.dedent(source_of(answer))
        found = next(_cut_short(ast.parse(text)), None)
    except Exception:  # noqa: BLE001 - an odd callable of the learner's may have any text
        return None
    if found is None:
        return None
    loop, last = found
    head, end = (text.splitlines()[node.lineno - 1].strip() for node in (loop, last))
    why = (
        f"Whatever happens, `{end}` ends the loop `{head}`, and there is no second round. If it is meant to "
        "come after the loop, move it to the left, below the `for` or `while`."
    )
    return "a loop ends in its first round", why


def _cut_short(tree: ast.AST) -> Iterator[tuple[Loop, ast.stmt]]:
    """Loops that have no second round, each with the statement that ends it.

    Only to take the first of something (`for x in items: return x`) is no slip.
    """
    for loop in ast.walk(tree):
        if isinstance(loop, Loop) and len(loop.body) > 1 and not _goes_on(loop):
            last = _leaving(loop.body)
            if last is not None:
                yield loop, last


def _goes_on(loop: Loop) -> bool:
    return any(isinstance(node, ast.Continue) for node in ast.walk(loop))


def _leaving(body: list[ast.stmt]) -> ast.stmt | None:
    """The statement with which these always leave the loop around them, if they do."""
    last = body[-1]
    if isinstance(last, ast.Return | ast.Break):
        return last
    if isinstance(last, ast.With):
        return _leaving(last.body)
    if isinstance(last, ast.If) and last.orelse and _leaving(last.body):
        return _leaving(last.orelse)
    return None
