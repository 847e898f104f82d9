"""Conversations to learn from, drawn from the little world's instructions.

It does not know models.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from course_lib.arguments import check_instance, check_tokenizer, choice, is_number, many, plain, whole, wrong
from course_lib.assistant.template import FRIENDLY, SPEAK, encode_conversation
from course_lib.finetuning.examples import pad_batch
from course_lib.runtime import check_generator
from course_lib.tokens.base import Tokenizer
from course_lib.training.evaluation import Batch
from course_lib.world.corpus import TRAINING_SEEDS
from course_lib.world.instructions import Instruction, conversation, instruction


def as_messages(turns: Sequence[Instruction], system: str | None = None) -> list[dict[str, str]]:
    """Instructions and their answers as messages, after a system prompt if there is one.

    >>> [message["role"] for message in as_messages([instruction("label", 3, "en")], SPEAK["en"])]
    ['system', 'user', 'assistant']
    """
    turns = many("as_messages", "turns", turns, "instructions")
    for turn in turns:
        check_instance(
            "as_messages", "turns", turn, Instruction, 'instructions, as instruction("label", 3, "en")'
        )
    check_instance("as_messages", "system", system, str | None, "a text, or None")
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

    def __post_init__(self) -> None:
        for name, least in (("tokens", 1), ("longest", 2), ("turns", 1)):
            object.__setattr__(self, name, whole("ChatBatches", name, getattr(self, name), least))
        mix = self.mix if isinstance(self.mix, Mapping) else {}
        good = all(kind in MIX and is_number(n) and 0 <= n < math.inf for kind, n in mix.items())
        if not good or not any(plain(n) > 0 for n in mix.values()):
            known = ", ".join(MIX)
            raise wrong("ChatBatches", "mix", self.mix, f"how often each kind comes; the kinds are {known}")

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch; the chance is all in `generator`."""
        check_tokenizer("ChatBatches", self.tokenizer)
        check_generator("ChatBatches", generator)
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
    choice("drawn", "kind", kind, MIX)
    turns, seed = whole("drawn", "turns", turns), whole("drawn", "seed", seed, 0)
    draw = random.Random(seed)
    system = draw.choice((None, None, FRIENDLY, SPEAK["en"]))
    if kind == "talk":
        return as_messages(conversation(seed, "en", turns=turns), system)
    if kind == "speak":
        return as_messages(conversation(seed, "en", turns=turns, speak="zh"), SPEAK["zh"])
    if kind == "translate":  # the user says into which language; no system prompt gets in the way
        return as_messages([instruction(kind, seed, draw.choice(("en", "zh")))])
    return as_messages([instruction(kind, seed, "en")], system)
