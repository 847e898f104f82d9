"""Measuring: instructions whose fulfilment the little world can judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from course_lib.arguments import check_instance, choice, many, text_list, whole
from course_lib.assistant.conversations import as_messages
from course_lib.assistant.template import SPEAK
from course_lib.world.instructions import INSTRUCTIONS, Instruction, conversation, instruction
from course_lib.world.simulation import WorldConfig

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
    choice("tasks", "kind", kind, KINDS)
    n, first = whole("tasks", "n", n, 0), whole("tasks", "first", first, 0)
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
    tests, answers = many("fulfilled", "tests", tests, "tasks"), text_list("fulfilled", answers)
    for task in tests:
        check_instance("fulfilled", "tests", task, Task, 'tasks, such as tasks("label", 1)')
    if len(tests) != len(answers):
        raise ValueError(f"fulfilled got {len(answers)} answers to {len(tests)} tasks; give one for each.")
    return [task.instruction.accepts(answer) for task, answer in zip(tests, answers, strict=True)]
