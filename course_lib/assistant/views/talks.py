"""A talk on the page, message by message, and how each role looks.

Messages come in, `Html` goes out. It does not know models, templates or how an answer is written.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.assistant.messages import checked as conversation
from course_lib.assistant.messages import content_of
from course_lib.figures.arguments import checked
from course_lib.figures.shown import Html

NAMES = {"system": "System", "user": "You", "assistant": "Assistant"}
LOOKS = {  # background, edge, and the space at the left and at the right
    "system": ("#f0f0ee", "#8a8a8a", "0 14% 0 14%"),
    "user": ("#e3eff7", "#0072b2", "0 0 0 14%"),
    "assistant": ("#fdf0d9", "#b35c00", "0 14% 0 0"),
}
_BUBBLE = "border-radius: 4px; padding: 4px 12px; line-height: 1.55; white-space: pre-wrap; color: #1a1a1a"


@checked("messages")
def transcript(messages: Any, names: Mapping[str, str] = NAMES, note: str = "") -> Html:
    """A talk, message by message: what the user said at the right, what the assistant said at the left.

    >>> transcript([{"role": "user", "content": "Hi!"}, {"role": "assistant", "content": "Hello."}])
    You: Hi!
    Assistant: Hello.
    """
    messages = [{**message, "content": content_of(message)} for message in conversation(messages)]
    check_roles("transcript", [message["role"] for message in messages])
    names = NAMES | names
    bubbles = "".join(_bubble(message["role"], message["content"], names) for message in messages)
    small = f'<div style="font-size: 0.88em; margin: 6px 2px">{html.escape(note)}</div>' if note else ""
    lines = [f"{names[message['role']]}: {message['content']}" for message in messages]
    return Html(f'<div style="max-width: 54em">{bubbles}{small}</div>', "\n".join([*lines, note]).rstrip())


def check_roles(owner: str, roles: Sequence[str]) -> None:
    """Raises ValueError for a role that nobody has in a talk.

    >>> check_roles("transcript", ["user", "judge"])
    Traceback (most recent call last):
    ValueError: transcript got the role 'judge'; it must be one of system, user, assistant.
    """
    for role in roles:
        if role not in LOOKS:
            raise ValueError(f"{owner} got the role {role!r}; it must be one of {', '.join(LOOKS)}.")


def _bubble(role: str, content: str, names: Mapping[str, str]) -> str:
    back, edge, margin = LOOKS[role]
    style = f"background-color: {back}; border-left: 4px solid {edge}; {_BUBBLE}"
    name = f'<div style="font-size: 0.82em; margin: 5px 0 1px 0"><b>{html.escape(names[role])}</b></div>'
    return f'<div style="margin: {margin}">{name}<div style="{style}">{html.escape(content)}</div></div>'
