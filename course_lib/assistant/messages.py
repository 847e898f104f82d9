"""Messages as people and programs send them: what each says as one text, or one sentence about what is wrong.

It does not know templates, tokenizers or models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import is_several, shown

NEEDED = '{"role": "user", "content": "Hello!"}'


def checked(messages: Any) -> list[Mapping[str, Any]]:
    """The messages of a conversation as a list, each with a role and a content.

    Raises: ValueError for anything else, such as one message that is not in a list.

    >>> checked(({"role": "user", "content": "Hi"},))
    [{'role': 'user', 'content': 'Hi'}]
    """
    if isinstance(messages, str | bytes | Mapping) or not is_several(messages):
        raise ValueError(f"A conversation got {shown(messages)}; needed a list of messages, [{NEEDED}].")
    found = list(messages)
    for number, message in enumerate(found):
        if not isinstance(message, Mapping):
            raise ValueError(f"Message {number} of the conversation is {shown(message)}; needed {NEEDED}.")
        for name in ("role", "content"):
            if name not in message:
                raise ValueError(f"Message {number} of the conversation has no {name!r}; needed {NEEDED}.")
        if called := [name for name in ("tool_calls", "function_call") if message.get(name)]:
            raise ValueError(
                f"Message {number} of the conversation has {called[0]!r}, but this model calls no tools; "
                "leave it out."
            )
        if not isinstance(message["role"], str):
            role = shown(message["role"])
            raise ValueError(f"Message {number} of the conversation has the role {role}; needed {NEEDED}.")
    return found


def content_of(message: Mapping[str, Any]) -> str:
    """What a message says, as one text; programs may send it in parts, of which only texts can be read.

    Raises: ValueError for a picture or another part that is no text, and for None.

    >>> content_of({"role": "user", "content": [{"type": "text", "text": "A hat"}]})
    'A hat'
    """
    if not isinstance(message, Mapping) or "content" not in message:
        raise ValueError(f"A message is {shown(message)}; needed {NEEDED}.")
    content = message["content"]
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence) and not isinstance(content, bytes):
        return "".join(map(_text_of, content))
    raise ValueError(
        f"The content of a message is {shown(content)}; needed a text: "
        "leave out messages in which nothing is said."
    )


def _text_of(part: Any) -> str:
    text = part.get("text") if isinstance(part, Mapping) and part.get("type", "text") == "text" else part
    if not isinstance(text, str):
        kind = (
            f"a part of type {part['type']!r}"
            if isinstance(part, Mapping) and "type" in part
            else shown(part)
        )
        raise ValueError(
            f"A message has {kind} in its content, but this model reads only texts: "
            '{"type": "text", "text": "..."}.'
        )
    return text
