"""The chat template: a conversation becomes token ids, with a mark before each message and one after it.

A conversation is a list of messages, `{"role": "user", "content": "..."}`, as every chat API has it; only
what the assistant says is learned. The same template, in Jinja, is what `transformers` reads from an exported
tokenizer. It does not know models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from course_lib.arguments import check_instance, check_tokenizer, flag
from course_lib.assistant.messages import checked, content_of
from course_lib.assistant.sandbox import sandbox
from course_lib.finetuning.examples import Example, masked
from course_lib.tokens.base import Tokenizer

ROLES = ("system", "user", "assistant")
END = "<|end|>"  # after every message; the assistant writes it when it has finished
CHAT_TEMPLATE = (
    "{{ '<|endoftext|>' }}"
    "{% for message in messages %}"
    "{% if message.role not in ('system', 'user', 'assistant') %}"
    "{{ raise_exception('the role is ' ~ message.role ~ '; needed: system, user or assistant') }}"
    "{% endif %}"
    "{{ '<|' ~ message.role ~ '|>' }}"
    "{% if message.content is string %}{{ message.content }}"
    "{% else %}{% for part in message.content %}"
    "{{ part.text if part.type == 'text' else raise_exception('needed only texts, not ' ~ part.type) }}"
    "{% endfor %}{% endif %}"
    "{{ '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
FRIENDLY = "You are a friendly assistant."
SPEAK = {"en": "Answer in English.", "zh": "Answer in Chinese."}
Message = Mapping[str, Any]  # {"role": ..., "content": a text, or a list of parts with texts}


def render(
    messages: Sequence[Message], add_generation_prompt: bool = False, template: str = CHAT_TEMPLATE
) -> str:
    """A conversation as one text, as the template says; `add_generation_prompt` adds the assistant's mark.

    Raises: ValueError for a role other than system, user and assistant, a message without a text, or a
    template that is not Jinja or does not end.

    >>> render([{"role": "user", "content": "Hello!"}], add_generation_prompt=True)
    '<|endoftext|><|user|>Hello!<|end|><|assistant|>'
    """
    check_instance("render", "template", template, str, "a template in Jinja")
    talk = [{**message, "content": content_of(message)} for message in checked(messages)]
    add_generation_prompt = flag("render", "add_generation_prompt", add_generation_prompt)
    try:
        made = sandbox().from_string(template)
        return made.render(messages=talk, add_generation_prompt=add_generation_prompt)
    except Exception as problem:  # a template is a program: it may go wrong in any way
        raise ValueError(f"This conversation cannot be written by the template: {problem}.") from problem


def encode_chat(
    tokenizer: Tokenizer, messages: Sequence[Message], add_generation_prompt: bool = False
) -> list[int]:
    """The ids of a conversation; what people wrote cannot forge a mark, since it is encoded as plain text.

    Raises: ValueError for an unknown role, a message without a text, or a tokenizer without the marks.

    >>> from course_lib.tokens import CharTokenizer
    >>> names = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    >>> tokenizer = CharTokenizer("Hi<|user>", names)
    >>> tokenizer.decode(encode_chat(tokenizer, [{"role": "user", "content": "Hi"}]))
    '<|endoftext|><|user|>Hi<|end|>'
    """
    check_tokenizer("encode_chat", tokenizer)
    ids = [tokenizer.end_id]
    for part, _ in _parts(tokenizer, messages):
        ids += part
    return [*ids, mark(tokenizer, "assistant")] if add_generation_prompt else ids


def encode_conversation(tokenizer: Tokenizer, messages: Sequence[Message]) -> Example:
    """Ids, and targets in which only what the assistant says counts, and the mark that ends it.

    Raises: ValueError as `encode_chat` does.

    >>> from course_lib.tokens import CharTokenizer
    >>> names = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    >>> messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "H"}]
    >>> encode_conversation(CharTokenizer("Hi", names), messages)  # 0 is H, 6 is <|end|>
    ([2, 4, 0, 1, 6, 5, 0, 6], [-100, -100, -100, -100, -100, -100, 0, 6])
    """
    check_tokenizer("encode_conversation", tokenizer)
    return masked([([tokenizer.end_id], False), *_parts(tokenizer, messages)])


def _parts(tokenizer: Tokenizer, messages: Sequence[Message]) -> Iterator[tuple[list[int], bool]]:
    """Pieces of ids, each with whether the assistant says it."""
    for message in checked(messages):
        yield [mark(tokenizer, message["role"])], False
        said = [*tokenizer.encode(content_of(message)), mark(tokenizer, "end")]
        yield said, message["role"] == "assistant"


def mark(tokenizer: Tokenizer, name: str) -> int:
    """The id of the mark of a role, or of the one that ends a message.

    Raises: ValueError for another name, or if the tokenizer lacks the mark.

    >>> from course_lib.tokens import CharTokenizer
    >>> mark(CharTokenizer("Hi", ["<|user|>", "<|end|>"]), "end")
    3
    """
    if name not in (*ROLES, "end"):
        raise ValueError(f"the role of a message is {name!r}; it must be one of {', '.join(ROLES)}.")
    check_tokenizer("mark", tokenizer)
    wanted = f"<|{name}|>"
    if wanted not in tokenizer.special_tokens:
        raise ValueError(
            f"This tokenizer lacks {wanted!r}, which chats need; the course's own in data/tokenizer has it."
        )
    return tokenizer.special_tokens[wanted]


class OwnTemplate:
    """The course's template as a `Chat` uses one: how a conversation is encoded, and where an answer ends.

    >>> from course_lib.tokens import CharTokenizer
    >>> OWN.stops(CharTokenizer("Hi", ["<|user|>", "<|end|>"]))
    (3,)
    """

    def encode(
        self, tokenizer: Tokenizer, messages: Sequence[Message], add_generation_prompt: bool = False
    ) -> list[int]:
        """The ids of a conversation, as `encode_chat` gives them."""
        return encode_chat(tokenizer, messages, add_generation_prompt)

    def encode_conversation(self, tokenizer: Tokenizer, messages: Sequence[Message]) -> Example:
        """Ids and targets, as `encode_conversation` gives them."""
        return encode_conversation(tokenizer, messages)

    def stops(self, tokenizer: Tokenizer) -> tuple[int, ...]:
        """The ids that end an answer: the mark after every message."""
        return (mark(tokenizer, "end"),)


OWN = OwnTemplate()
