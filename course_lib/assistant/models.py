"""Chat templates that came with a model: Jinja, by somebody else, with marks of its own.

What people wrote can't forge a mark here either. It does not know models or files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from course_lib.arguments import check_instance, check_tokenizer, flag, many, shown, whole, whole_number
from course_lib.assistant.messages import checked, content_of
from course_lib.assistant.sandbox import LONGEST_TEMPLATE, sandbox
from course_lib.data import END_OF_TEXT
from course_lib.finetuning.examples import Example
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import IGNORE

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
        _, show, text = self._hidden(tokenizer, messages, add_generation_prompt)
        return [id for ids, _ in _pieces(tokenizer, text, show) for id in ids]

    def encode_conversation(self, tokenizer: Tokenizer, messages: Sequence[Message]) -> Example:
        """Ids, and targets in which only what the assistant says counts, and the mark that ends it.

        The ids are those of the whole conversation, as `encode` gives them. An answer is what comes after the
        text that stands before it when it is asked for, up to the first stop token. A token that has begun
        before it, as two line ends that are one, is only read.

        Raises: ValueError as `encode` does, and for a template that writes the beginning of a conversation in
        another way when more follows, or that ends an answer without a stop token.

        >>> from course_lib.tokens import CharTokenizer
        >>> source = "{% for m in messages %}{{ m.role[0] ~ m.content }}<end>{% endfor %}"
        >>> template = ModelTemplate(source + "{% if add_generation_prompt %}a{% endif %}", stop_tokens=[4])
        >>> talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "H"}]
        >>> template.encode_conversation(CharTokenizer("Hiua", ["<end>"]), talk)  # 0 is H, 4 is <end>
        ([2, 0, 1, 4, 3, 0, 4], [-100, -100, -100, -100, -100, 0, 4])
        """
        check_tokenizer("encode_conversation", tokenizer)
        stops = self.stops(tokenizer)
        talk, show, text = self._hidden(tokenizer, messages, False)
        placed = list(_placed(tokenizer, text, show))
        targets = [IGNORE] * len(placed)
        for first, last in self._answers(talk, text):
            first, last = (len(show(text[:end]).encode()) for end in (first, last))
            inside = [number for number, (_, place) in enumerate(placed) if first <= place < last]
            end = next((number for number in inside if placed[number][0] in stops), None)
            if end is None:
                raise ValueError(
                    f"The template ends what the assistant says with none of its stop tokens, {list(stops)}; "
                    "name the token that it does end with in stop_tokens."
                )
            targets[inside[0] : end + 1] = [id for id, _ in placed[inside[0] : end + 1]]
        return [id for id, _ in placed], targets

    def stops(self, tokenizer: Tokenizer) -> tuple[int, ...]:
        """The ids that end an answer. Raises: ValueError for one that the tokenizer lacks."""
        check_tokenizer("stops", tokenizer)
        if max(self.stop_tokens) >= tokenizer.vocab_size:
            raise ValueError(
                f"The template's stop token {max(self.stop_tokens)} is none of the {tokenizer.vocab_size:,} "
                "tokens; take template and tokenizer from the same model."
            )
        return tuple(self.stop_tokens)

    def _hidden(
        self, tokenizer: Tokenizer, messages: Sequence[Message], add_generation_prompt: bool
    ) -> tuple[list[dict[str, str]], Callable[[str], str], str]:
        """The messages with the names of marks hidden, what shows them again, and the text of them all.

        Where the template would build a mark from pieces of what people wrote, all letters of marks are
        hidden, too.
        """
        finder = tokenizer.finder(list(tokenizer.special_tokens))
        talk = _as_texts(messages)
        letters = {*"".join(finder.ids)}
        letters |= {*"".join(letters).upper(), *"".join(letters).lower()}
        ways = []
        for hidden in ((), letters):
            veil = _Veil(finder.ids, hidden, self.source, talk)
            veiled = [veil.hidden(message) for message in talk]
            text = self._render(veiled, add_generation_prompt)
            ways.append((veiled, veil.shown, text, [name for name, *_ in finder.found(text)]))
        names, characters = ways
        return (names if names[3] == characters[3] else characters)[:3]

    def _answers(self, talk: list[dict[str, str]], text: str) -> Iterator[tuple[int, int]]:
        """Where in the text of a conversation each answer begins, and where its message has ended."""
        for number, message in enumerate(talk):
            if message["role"] != "assistant":
                continue
            before, whole = self._render(talk[:number], True), self._render(talk[: number + 1], False)
            if not (whole.startswith(before) and text.startswith(whole)):
                raise ValueError(
                    f"Message {number} of the conversation can't be found in what the template makes of all "
                    "messages: it writes the beginning in another way when more follows; leave this "
                    "conversation out."
                )
            yield len(before), len(whole)

    def _render(self, talk: list[dict[str, str]], add_generation_prompt: bool) -> str:
        prompt = flag("render", "add_generation_prompt", add_generation_prompt)
        names = {"bos_token": self.bos_token, "eos_token": self.eos_token}
        known = {name: token for name, token in names.items() if token is not None}
        house = sandbox()
        made = house.template_class.from_code(house, self._code, house.make_globals(None))
        try:
            return made.render(
                messages=talk,
                tools=None,
                documents=None,
                add_generation_prompt=prompt,
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


def _pieces(tokenizer: Tokenizer, text: str, show: Callable[[str], str]) -> Iterator[tuple[list[int], str]]:
    """The ids of a text whose plain part `show` shows: what stands between marks, and each mark."""
    start, finder = 0, tokenizer.finder(list(tokenizer.special_tokens))
    for name, first, last in finder.found(text):
        between = show(text[start:first])
        yield tokenizer.encode(between), between
        yield [finder.ids[name]], text[first:last]
        start = last
    rest = show(text[start:])
    yield tokenizer.encode(rest), rest


def _placed(tokenizer: Tokenizer, text: str, show: Callable[[str], str]) -> Iterator[tuple[int, int]]:
    """Each id, and at which byte of the text its token begins."""
    begin, unknown = 0, getattr(getattr(tokenizer, "rules", None), "unknown", None)
    single = tokenizer.special_tokens.get(unknown)  # which stands for one byte
    for ids, piece in _pieces(tokenizer, text, show):
        place = begin
        for id in ids:
            yield id, place
            place += 1 if id == single else len(tokenizer.token_bytes(id))
        begin += len(piece.encode())


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
    ids = {kind: _id(facts, kind, tokenizer) for kind in ("bos", "eos", "eot")}
    named = {kind: tokenizer.decode([id]) for kind, id in ids.items() if id is not None}
    stops = [ids["eos"], ids["eot"], tokenizer.special_tokens.get(END_OF_TEXT)]
    stops = list(dict.fromkeys(id for id in stops if id is not None))
    return ModelTemplate(source, stops, named.get("bos"), named.get("eos"))


def _id(facts: Mapping[str, Any], kind: str, tokenizer: Tokenizer) -> int | None:
    value = facts.get(f"tokenizer.ggml.{kind}_token_id")
    id = whole_number(value)
    if value is not None and (id is None or not 0 <= id < tokenizer.vocab_size):
        raise ValueError(
            f"The file's {kind}_token_id is {shown(value)}, which is no token of this tokenizer; take both "
            "from the same file."
        )
    return id
