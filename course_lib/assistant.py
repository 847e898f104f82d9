"""An assistant: the chat template, conversations as examples, and a chat that remembers what was said.

A conversation is a list of messages, `{"role": "user", "content": "..."}`, as every chat API has it. Here it
becomes token ids, with a mark before each message and one after it; only what the assistant says is learned.
The same template, in Jinja, is what `transformers` reads from an exported tokenizer. The instructions come
from `course_lib.world.instructions`. This module does not know what the model looks like inside.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import torch
from torch import nn

from course_lib.finetuning.examples import Example, complete, masked, pad_batch
from course_lib.generation import GREEDY, SamplingConfig, stream
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import Batch, context_of
from course_lib.world.corpus import TRAINING_SEEDS
from course_lib.world.instructions import INSTRUCTIONS, Instruction, conversation, instruction
from course_lib.world.simulation import WorldConfig

ROLES = ("system", "user", "assistant")
END = "<|end|>"  # after every message; the assistant writes it when it has finished
CHAT_TEMPLATE = (
    "{{ '<|endoftext|>' }}"
    "{% for message in messages %}"
    "{% if message.role not in ('system', 'user', 'assistant') %}"
    "{{ raise_exception('the role is ' ~ message.role ~ '; needed: system, user or assistant') }}"
    "{% endif %}"
    "{{ '<|' ~ message.role ~ '|>' ~ message.content ~ '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
FRIENDLY = "You are a friendly assistant."
SPEAK = {"en": "Answer in English.", "zh": "Answer in Chinese."}
Message = Mapping[str, str]


# The template ---------------------------------------------------------------------------------------------


def render(
    messages: Sequence[Message], add_generation_prompt: bool = False, template: str = CHAT_TEMPLATE
) -> str:
    """A conversation as one text, as the template says; `add_generation_prompt` adds the assistant's mark.

    Raises: ValueError for a role other than system, user and assistant, or a template that is not Jinja.

    >>> render([{"role": "user", "content": "Hello!"}], add_generation_prompt=True)
    '<|endoftext|><|user|>Hello!<|end|><|assistant|>'
    """
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(problem: str) -> None:
        raise jinja2.TemplateError(problem)

    house = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    house.globals["raise_exception"] = refuse
    try:
        made = house.from_string(template)
        return made.render(messages=messages, add_generation_prompt=add_generation_prompt)
    except jinja2.TemplateError as problem:
        raise ValueError(f"This conversation cannot be written by the template: {problem}.") from problem


def encode_chat(
    tokenizer: Tokenizer, messages: Sequence[Message], add_generation_prompt: bool = False
) -> list[int]:
    """The ids of a conversation; what people wrote cannot forge a mark, since it is encoded as plain text.

    Raises: ValueError for an unknown role, or a tokenizer without the marks.

    >>> from course_lib.tokens import CharTokenizer
    >>> names = ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    >>> tokenizer = CharTokenizer("Hi<|user>", names)
    >>> tokenizer.decode(encode_chat(tokenizer, [{"role": "user", "content": "Hi"}]))
    '<|endoftext|><|user|>Hi<|end|>'
    """
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
    return masked([([tokenizer.end_id], False), *_parts(tokenizer, messages)])


def _parts(tokenizer: Tokenizer, messages: Sequence[Message]) -> Iterator[tuple[list[int], bool]]:
    """Pieces of ids, each with whether the assistant says it."""
    for message in messages:
        yield [mark(tokenizer, message["role"])], False
        said = [*tokenizer.encode(message["content"]), mark(tokenizer, "end")]
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
    wanted = f"<|{name}|>"
    if wanted not in tokenizer.special_tokens:
        raise ValueError(
            f"This tokenizer lacks {wanted!r}, which chats need; the course's own in data/tokenizer has it."
        )
    return tokenizer.special_tokens[wanted]


# Conversations to learn from ------------------------------------------------------------------------------


def as_messages(turns: Sequence[Instruction], system: str | None = None) -> list[dict[str, str]]:
    """Instructions and their answers as messages, after a system prompt if there is one.

    >>> [message["role"] for message in as_messages([instruction("label", 3, "en")], SPEAK["en"])]
    ['system', 'user', 'assistant']
    """
    messages = [{"role": "system", "content": system}] if system else []
    for turn in turns:
        messages += [
            {"role": "user", "content": turn.prompt},
            {"role": "assistant", "content": turn.answer},
        ]
    return messages


# How often each kind of conversation is drawn: "talk" is several turns about one story, "speak" the same with
# answers in Chinese, as the system prompt asks.
MIX = {
    "write": 7,
    "continue": 5,
    "note": 1,
    "translate": 3,
    "shorten": 1.5,
    "label": 0.5,
    "talk": 5,
    "speak": 1.5,
}


@dataclass(frozen=True)
class ChatBatches:
    """Batches of conversations from fresh everyday worlds, for `training.train`; in a batch, all of one kind.

    A loss is a mean over tokens. In a batch of all kinds, the one word of a label would hardly count beside a
    whole story; in a batch of its own it does. So many conversations come in that there are `tokens` of them
    or a little more; each is cut to `longest`. Users speak English, except that half of the translations are
    from Chinese. `mix` says how often each kind is drawn, `turns` how
    long a talk is at most.

    >>> ChatBatches(tokenizer=None).tokens
    2400
    """

    tokenizer: Tokenizer | None
    tokens: int = 2400
    longest: int = 480
    turns: int = 8
    mix: Mapping[str, float] = field(default_factory=lambda: dict(MIX))

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
        draw = random.Random(int(torch.randint(TRAINING_SEEDS, (), generator=generator)))
        (kind,) = draw.choices(list(self.mix), list(self.mix.values()))
        examples, size = [], 0
        while size < self.tokens:
            messages = drawn(draw.randrange(TRAINING_SEEDS), kind, self.turns)
            examples.append(encode_conversation(self.tokenizer, messages))
            size += min(len(examples[-1][0]), self.longest)
        return pad_batch(examples, self.tokenizer.end_id, self.longest)


def drawn(seed: int, kind: str, turns: int = 8) -> list[dict[str, str]]:
    """The conversation of a seed, of one of the kinds in `MIX`; a system prompt is there or not, by chance.

    >>> drawn(3, "label")[-1]["role"]
    'assistant'
    """
    draw = random.Random(seed)
    system = draw.choice((None, None, FRIENDLY, SPEAK["en"]))
    if kind == "talk":
        return as_messages(conversation(seed, "en", turns=turns), system)
    if kind == "speak":
        return as_messages(conversation(seed, "en", turns=turns, speak="zh"), SPEAK["zh"])
    if kind == "translate":  # the user says into which language; no system prompt gets in the way
        return as_messages([instruction(kind, seed, draw.choice(("en", "zh")))])
    return as_messages([instruction(kind, seed, "en")], system)


# Talking --------------------------------------------------------------------------------------------------


def replies(
    model: nn.Module,
    tokenizer: Tokenizer,
    conversations: Sequence[Sequence[Message]],
    most: int = 240,
    batch_size: int = 32,
    sampling: SamplingConfig = GREEDY,
    generator: torch.Generator | None = None,
) -> list[str]:
    """What the assistant says next in each conversation, in at most `most` tokens; marks are left out.

    >>> from course_lib.tokens import CharTokenizer
    >>> names = [f"<|{name}|>" for name in ("end", "endoftext", "system", "user", "assistant")]
    >>> def successor(ids):  # a model that is sure that after n comes n + 1, and after 6 comes 0
    ...     return torch.nn.functional.one_hot((ids + 1) % 7, 7).float()
    >>> replies(successor, CharTokenizer("Hi", names), [[{"role": "user", "content": "iH"}]])
    ['Hi']
    """
    prompts = [encode_chat(tokenizer, messages, add_generation_prompt=True) for messages in conversations]
    stop = mark(tokenizer, "end")
    found = complete(model, prompts, stop, most, batch_size, sampling, generator)
    return [tokenizer.decode(ids, skip_special=True).strip() for ids in found]


@dataclass
class Chat:
    """A talk with a model: it remembers what was said, and its answers come in pieces as they are written.

    `most` is the number of tokens that an answer may have; so much of the context is kept free for it. When
    the talk no longer fits into the rest, the model reads it without the oldest turns (a message and its
    answer): `forgotten` says how many. The system prompt is never forgotten. `history` keeps everything.

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
    history: list[dict[str, str]] = field(default_factory=list, init=False)
    forgotten: int = field(default=0, init=False)
    finish_reason: str | None = field(default=None, init=False)
    _writing: dict[str, str] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.most < 1 or self._room() < 1:
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

        Raises: ValueError at the call, if the message is too long even without all that was said before.
        """
        message = {"role": "user", "content": text}
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
        answer, end = self._writing, mark(self.tokenizer, "end")
        options = {"sampling": self.sampling, "generator": self.generator}
        with closing(stream(self.model, prompt, self.most, stop_tokens=end, **options)) as ids:
            for id in ids:
                yield id
                if self._writing is not answer:
                    return
        self.finish_reason = "stop" if id == end else "length"

    def _prompt(self) -> list[int]:
        """The ids of the system prompt and of as many of the latest turns as fit."""
        while len(ids := self._encoded(self.history[2 * self.forgotten :])) > self._room():
            self.forgotten += 1
        return ids

    def _encoded(self, messages: list[dict[str, str]]) -> list[int]:
        return encode_chat(self.tokenizer, self._with_system(messages), add_generation_prompt=True)

    def _with_system(self, messages: list[dict[str, str]]) -> list[dict[str, str]]:
        return [*([{"role": "system", "content": self.system}] if self.system else []), *messages]

    def _room(self) -> float:
        """How many tokens there may be before an answer."""
        context = context_of(self.model, None, required=False)
        return float("inf") if context is None else context - self.most


# Measuring ------------------------------------------------------------------------------------------------

KINDS = (*INSTRUCTIONS, "follow-up", "system")
TEST_SEEDS = 2_600_000_000  # from here on: worlds to be measured on


@dataclass(frozen=True)
class Task:
    """A conversation up to where the assistant has to speak, and the instruction that it has to fulfil.

    >>> task = tasks("label", 1)[0]
    >>> task.kind, task.messages[-1]["role"], task.instruction.answer in ("Good.", "Bad.")
    ('label', 'user', True)
    """

    kind: str
    messages: list[dict[str, str]]
    instruction: Instruction


def tasks(kind: str, n: int, cast: str = "heldout", first: int = TEST_SEEDS) -> list[Task]:
    """Instructions of one of `KINDS` that nobody was trained on, in held-out worlds.

    "follow-up" is the last of two to four turns about a story, the earlier ones answered rightly; "system" a
    question to be answered in Chinese because the system prompt says so.

    >>> [task.instruction.language for task in tasks("translate", 2)]
    ['en', 'zh']
    """
    return [_task(kind, first + i, WorldConfig(cast=cast)) for i in range(n)]


def _task(kind: str, seed: int, config: WorldConfig) -> Task:
    system = None
    if kind == "follow-up":
        turns = conversation(seed, "en", config, turns=2 + seed % 3)
    elif kind == "system":
        turns, system = conversation(seed, "en", config, turns=1, speak="zh"), SPEAK["zh"]
    else:
        turns = [instruction(kind, seed, ("en", "zh")[seed % 2] if kind == "translate" else "en", config)]
    return Task(kind, as_messages(turns, system)[:-1], turns[-1])


def fulfilled(tests: Sequence[Task], answers: Sequence[str]) -> list[bool]:
    """Whether each answer does what was asked, as the world's checker sees it.

    >>> test = tasks("label", 1)
    >>> fulfilled(test, [test[0].instruction.answer]), fulfilled(test, ["Maybe."])
    ([True], [False])
    """
    return [task.instruction.accepts(answer) for task, answer in zip(tests, answers, strict=True)]
