"""Chat templates that came with a model: Jinja, by somebody else, with marks of its own.

What people wrote can't forge a mark here either. It does not know models or files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from course_lib.arguments import check_instance, check_tokenizer, many, whole
from course_lib.assistant.messages import checked, content_of
from course_lib.assistant.sandbox import LONGEST_TEMPLATE, sandbox
from course_lib.data import END_OF_TEXT
from course_lib.tokens.base import Tokenizer

Message = Mapping[str, Any]
# Code points that are no character, unless two people agree on one.
PRIVATE = (*range(0xF0000, 0xFFFFE), *range(0x100000, 0x10FFFE))


@dataclass(frozen=True)
class ModelTemplate:
    """A model's own chat template, in Jinja, and the ids of the tokens that end its answers.

    `bos_token` and `eos_token` are names that the template may use: those of the tokens that begin and end a
    text. A template is somebody's program, so it is carried out in a sandbox.

    Raises: ValueError for a template that is not Jinja, and without a stop token.

    >>> template = ModelTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}\\n{% endfor %}", [2])
    >>> template.render([{"role": "user", "content": "Hello!"}])
    '<user>Hello!\\n'
    """

    source: str
    stop_tokens: Sequence[int]
    bos_token: str | None = None
    eos_token: str | None = None

    def __post_init__(self) -> None:
        check_instance("ModelTemplate", "source", self.source, str, "a template in Jinja")
        for name in ("bos_token", "eos_token"):
            check_instance(
                "ModelTemplate", name, getattr(self, name), str | None, "the name of a token, or None"
            )
        stops = many("ModelTemplate", "stop_tokens", self.stop_tokens, "ids of the tokens that end an answer")
        if not stops:
            raise ValueError("ModelTemplate got no stop_tokens; without one, an answer would never end.")
        stops = tuple(whole("ModelTemplate", "a stop token", id, least=0) for id in stops)
        object.__setattr__(self, "stop_tokens", stops)
        if len(self.source) > LONGEST_TEMPLATE:
            raise ValueError(
                f"ModelTemplate got a template of {len(self.source):,} characters; at most "
                f"{LONGEST_TEMPLATE:,} are taken."
            )
        try:
            object.__setattr__(self, "_code", sandbox().compile(self.source))
        except Exception as problem:  # a template may be wrong in any way
            raise ValueError(f"ModelTemplate got a template that can't be used: {_said(problem)}.") from None

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
        """A conversation as one text; `add_generation_prompt` adds what stands before an answer.

        Raises: ValueError for messages without a text, and with the template's own words where it refuses.
        """
        return self._render(_as_texts(messages), add_generation_prompt)

    def encode(
        self, tokenizer: Tokenizer, messages: Sequence[Message], add_generation_prompt: bool = False
    ) -> list[int]:
        """The ids of a conversation: marks are only those that the template sets.

        The name of a mark that somebody wrote is hidden from the template behind a character that has no
        other use here, and is plain text again when the rest is encoded. A template may also make a name of
        pieces that somebody wrote: where it sets other marks as soon as every character that a name has is
        hidden in the contents, it gets to see them so.

        Raises: ValueError as `render` does.
        """
        check_tokenizer("encode", tokenizer)
        finder = tokenizer.finder(list(tokenizer.special_tokens))
        talk = _as_texts(messages)
        names = _Veil(finder.ids, (), self.source, talk)
        letters = {*"".join(finder.ids)}
        letters |= {*"".join(letters).upper(), *"".join(letters).lower()}
        characters = _Veil(finder.ids, letters, self.source, talk)
        open_text, close_text = (
            self._render([veil.hidden(message) for message in talk], add_generation_prompt)
            for veil in (names, characters)
        )
        open_marks, close_marks = ([*finder.found(text)] for text in (open_text, close_text))
        same = [name for name, *_ in open_marks] == [name for name, *_ in close_marks]
        text, marks, veil = (open_text, open_marks, names) if same else (close_text, close_marks, characters)
        ids, start = [], 0
        for name, first, last in marks:
            ids += [*tokenizer.encode(veil.shown(text[start:first])), finder.ids[name]]
            start = last
        return ids + tokenizer.encode(veil.shown(text[start:]))

    def stops(self, tokenizer: Tokenizer) -> tuple[int, ...]:
        """The ids that end an answer. Raises: ValueError for one that the tokenizer lacks."""
        if max(self.stop_tokens) >= tokenizer.vocab_size:
            raise ValueError(
                f"The template's stop token {max(self.stop_tokens)} is none of the {tokenizer.vocab_size:,} "
                "tokens; take template and tokenizer from the same model."
            )
        return tuple(self.stop_tokens)

    def _render(self, talk: list[dict[str, str]], add_generation_prompt: bool) -> str:
        names = {"bos_token": self.bos_token, "eos_token": self.eos_token}
        known = {name: token for name, token in names.items() if token is not None}
        house = sandbox()
        made = house.template_class.from_code(house, self._code, house.make_globals(None))
        try:
            return made.render(
                messages=talk,
                tools=None,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                **known,
            )
        except Exception as problem:  # a template is a program: it may go wrong in any way
            raise ValueError(
                f"This conversation can't be written by the template: {_said(problem)}."
            ) from None


def _said(problem: Exception) -> str:
    text = " ".join(str(problem).split()).rstrip(".")
    return text if len(text) <= 300 else f"{text[:297]}..."


def _as_texts(messages: Sequence[Message]) -> list[dict[str, str]]:
    """What each message has that is text; its content as one text."""
    return [
        {
            key: text
            for key, text in {**message, "content": content_of(message)}.items()
            if isinstance(text, str)
        }
        for message in checked(messages)
    ]


class _Veil:
    """Hides names and letters behind characters that stand nowhere yet, and shows them again."""

    def __init__(self, names: Iterable[str], letters: Iterable[str], source: str, talk: list[dict[str, str]]):
        self._names = set(names)
        used = {*source, *(character for message in talk for text in message.values() for character in text)}
        free = (chr(code) for code in PRIVATE if chr(code) not in used)
        longest_first = sorted({*names, *letters}, key=len, reverse=True)  # it is meant where several match
        self._veils = dict(zip(longest_first, free, strict=False))
        if len(self._veils) < len(longest_first):
            raise ValueError(
                "This conversation has so many private characters that none is left to hide marks."
            )
        self._texts = {ord(veil): text for text, veil in self._veils.items()}
        self._pattern = regex.compile("|".join(map(regex.escape, longest_first)) or r"(?!)")

    def hidden(self, message: dict[str, str]) -> dict[str, str]:
        """A message with them hidden; in its role, which the program sets, only the names."""
        kept = {"role": self._veils.keys() - self._names}
        return {key: self._hide(text, kept.get(key, ())) for key, text in message.items()}

    def _hide(self, text: str, kept: Collection[str]) -> str:
        return self._pattern.sub(
            lambda found: found[0] if found[0] in kept else self._veils[found[0]],
            text,
        )

    def shown(self, text: str) -> str:
        """A text with all of them in it again."""
        return text.translate(self._texts)


def template_from_gguf(facts: Mapping[str, Any], tokenizer: Tokenizer) -> ModelTemplate:
    """The chat template that the metadata of a GGUF file has.

    An answer ends with the file's token for the end of a text or of a turn, and with <|endoftext|>.

    Raises: ValueError if it has none, or names no token that ends an answer.

    >>> from course_lib.tokens import CharTokenizer
    >>> facts = {"tokenizer.chat_template": "{{ messages[0].content }}", "tokenizer.ggml.eos_token_id": 3}
    >>> template_from_gguf(facts, CharTokenizer("Hi", ["<|endoftext|>", "<|end|>"])).stop_tokens
    (3, 2)
    """
    check_instance("template_from_gguf", "facts", facts, Mapping, "a GGUF file's metadata, as a dict")
    check_tokenizer("template_from_gguf", tokenizer)
    source = facts.get("tokenizer.chat_template")
    if not isinstance(source, str):
        raise ValueError(
            "This file has no chat template: its model was made to go on with a text, not to talk."
        )
    ids = {kind: facts.get(f"tokenizer.ggml.{kind}_token_id") for kind in ("bos", "eos", "eot")}
    named = {
        kind: tokenizer.token_bytes(id).decode(errors="replace") for kind, id in ids.items() if id is not None
    }
    stops = [ids["eos"], ids["eot"], tokenizer.special_tokens.get(END_OF_TEXT)]
    stops = list(dict.fromkeys(id for id in stops if id is not None))
    return ModelTemplate(source, stops, named.get("bos"), named.get("eos"))
