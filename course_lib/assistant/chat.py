"""Talking: replies to many conversations at once, and a chat that remembers what was said.

It does not know what the model looks like inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import torch
from torch import nn

from course_lib.arguments import check_instance, check_tokenizer, many, whole, wrong
from course_lib.assistant.messages import content_of
from course_lib.assistant.models import ModelTemplate
from course_lib.assistant.template import OWN, Message, OwnTemplate
from course_lib.finetuning.examples import complete
from course_lib.generation import GREEDY, SamplingConfig, stream
from course_lib.runtime import check_generator
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import check_model, context_of


def replies(
    model: nn.Module,
    tokenizer: Tokenizer,
    conversations: Sequence[Sequence[Message]],
    most: int = 240,
    batch_size: int = 32,
    sampling: SamplingConfig = GREEDY,
    generator: torch.Generator | None = None,
    template: OwnTemplate | ModelTemplate = OWN,
) -> list[str]:
    """What the assistant says next in each conversation, in at most `most` tokens; marks are left out.

    `template` is the course's own, or a `ModelTemplate`.

    >>> from course_lib.tokens import CharTokenizer
    >>> names = [f"<|{name}|>" for name in ("end", "endoftext", "system", "user", "assistant")]
    >>> def successor(ids):  # a model that is sure that after n comes n + 1, and after 6 comes 0
    ...     return torch.nn.functional.one_hot((ids + 1) % 7, 7).float()
    >>> replies(successor, CharTokenizer("Hi", names), [[{"role": "user", "content": "iH"}]])
    ['Hi']
    """
    conversations, most = _several(conversations), whole("replies", "most", most)
    check_tokenizer("replies", tokenizer)
    _check_template("replies", template)
    prompts = [template.encode(tokenizer, talk, add_generation_prompt=True) for talk in conversations]
    stops = template.stops(tokenizer)
    found = complete(model, prompts, stops, most, batch_size, sampling, generator)
    return [tokenizer.decode(ids, skip_special=True).strip() for ids in found]


def _check_template(owner: str, template: object) -> None:
    needed = "the course's own, OWN, or a ModelTemplate"
    check_instance(owner, "template", template, OwnTemplate | ModelTemplate, needed)


def _several(conversations: object) -> list:
    found = many("replies", "conversations", conversations, "conversations")
    if found and isinstance(found[0], Mapping):
        raise wrong("replies", "conversations", conversations, "a list of conversations: put it in brackets")
    return found


@dataclass
class Chat:
    """A talk with a model: it remembers what was said, and its answers come in pieces as they are written.

    `most` is the number of tokens that an answer may have; so much of the context is kept free for it. When
    the talk no longer fits into the rest, the model reads it without the oldest turns (a message and its
    answer): `forgotten` says how many. The system prompt is never forgotten. `history` keeps everything.

    `template` says how a conversation is written for the model: the course's own way, or a `ModelTemplate`.

    After an answer, `finish_reason` is "stop" if the model ended it itself, "length" if it reached `most`,
    and None if it was broken off.

    Raises: ValueError if `most` is less than 1, or leaves no room for a message.

    >>> from course_lib.tokens import CharTokenizer
    >>> names = [f"<|{name}|>" for name in ("end", "endoftext", "system", "user", "assistant")]
    >>> def successor(ids):  # a model that is sure that after n comes n + 1, and after 6 comes 0
    ...     return torch.nn.functional.one_hot((ids + 1) % 7, 7).float()
    >>> chat = Chat(successor, CharTokenizer("Hi", names))
    >>> list(chat.send("iH"))
    ['H', 'i']
    >>> chat.messages
    [{'role': 'user', 'content': 'iH'}, {'role': 'assistant', 'content': 'Hi'}]
    """

    model: nn.Module
    tokenizer: Tokenizer
    system: str | None = None
    most: int = 200
    sampling: SamplingConfig = GREEDY
    generator: torch.Generator | None = None
    template: OwnTemplate | ModelTemplate = OWN
    history: list[dict[str, str]] = field(default_factory=list, init=False)
    forgotten: int = field(default=0, init=False)
    finish_reason: str | None = field(default=None, init=False)
    _writing: dict[str, str] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_model("Chat", self.model)
        check_tokenizer("Chat", self.tokenizer)
        check_instance("Chat", "system", self.system, str | None, "a text, or None")
        check_instance("Chat", "sampling", self.sampling, SamplingConfig, "a SamplingConfig, such as GREEDY")
        check_generator("Chat", self.generator)
        _check_template("Chat", self.template)
        self.most = whole("Chat", "most", self.most)
        if self._room() < 1:
            raise ValueError(
                f"Chat got most={self.most}; needed at least 1, and less than the model's context of "
                f"{context_of(self.model, None, required=False)} tokens."
            )

    @property
    def messages(self) -> list[dict[str, str]]:
        """All that was said, after the system prompt if there is one."""
        return self._with_system(self.history)

    def send(self, text: str) -> Iterator[str]:
        """Say something; what comes back is the answer, in pieces, which is written while it is read.

        If it is broken off, by `stop` or because nobody reads on, the history keeps what was said so far.

        Raises: ValueError at the call, if the message is no text, or too long even without all that was said
        before.
        """
        message = {"role": "user", "content": content_of({"content": text})}
        length = len(self._encoded([message]))
        if length > self._room():
            raise ValueError(
                f"This message takes {length} tokens with its marks and the system prompt, but there is room "
                f"for {self._room()}, since {self.most} are kept for the answer; shorten it, or lower `most`."
            )
        return self._answer(message)

    def stop(self) -> None:
        """Break the answer off at the next token; what was said stays as the assistant's turn."""
        self._writing = None

    def clear(self) -> None:
        """Begin anew, with the same system prompt; an answer that is being written is broken off."""
        self.stop()
        self.history, self.forgotten, self.finish_reason = [], 0, None

    def _answer(self, message: dict[str, str]) -> Iterator[str]:
        answer = {"role": "assistant", "content": ""}
        self.history.append(message)
        prompt = self._prompt()
        self.history.append(answer)
        self._writing, self.finish_reason = answer, None
        with closing(self._ids(prompt)) as ids:
            for piece in self.tokenizer.decode_stream(ids, skip_special=True):
                if self._writing is not answer:
                    return
                answer["content"] += piece
                yield piece

    def _ids(self, prompt: list[int]) -> Iterator[int]:
        """The ids of the answer, until it ends or is broken off."""
        answer, ends = self._writing, self.template.stops(self.tokenizer)
        options = {"sampling": self.sampling, "generator": self.generator}
        with closing(stream(self.model, prompt, self.most, stop_tokens=ends, **options)) as ids:
            for id in ids:
                yield id
                if self._writing is not answer:
                    return
        self.finish_reason = "stop" if id in ends else "length"

    def _prompt(self) -> list[int]:
        """The ids of the system prompt and of as many of the latest turns as fit."""
        while len(ids := self._encoded(self.history[2 * self.forgotten :])) > self._room():
            self.forgotten += 1
        return ids

    def _encoded(self, messages: list[dict[str, str]]) -> list[int]:
        talk = self._with_system(messages)
        return self.template.encode(self.tokenizer, talk, add_generation_prompt=True)

    def _with_system(self, messages: list[dict[str, str]]) -> list[dict[str, str]]:
        return [*([{"role": "system", "content": self.system}] if self.system else []), *messages]

    def _room(self) -> float:
        """How many tokens there may be before an answer."""
        context = context_of(self.model, None, required=False)
        return float("inf") if context is None else context - self.most
