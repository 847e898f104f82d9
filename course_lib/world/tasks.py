"""Tasks with known answers, drawn from the little world: translation pairs, labelled texts, instructions.

Everything is a function of a seed. Where an answer can be put in many ways, the task carries a check that accepts
any right one: a translation is right if the world could have told these very events in these words.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from course_lib.world.chance import Chance, First, Fork, Mismatch, Replay
from course_lib.world.checker import check, sentence_spans
from course_lib.world.documents import Document, document, retell
from course_lib.world.questions import answerable, unanswerable
from course_lib.world.simulation import EVERYDAY, WorldConfig
from course_lib.world.stories import STORIES
from course_lib.world.telling import Teller, article
from course_lib.world.texts import review
from course_lib.world.words import Entity


@dataclass(frozen=True)
class Pair:
    """The same events told in two languages, in the same way line by line."""

    source: str
    target: str
    events: tuple = field(repr=False)


def other(language: str) -> str:
    """The world's other language.

    >>> other("en")
    'zh'
    """
    return "zh" if language == "en" else "en"


def parallel(seed: int, source: str, sentences: int | None = None, config: WorldConfig = EVERYDAY) -> Pair:
    """A whole story in both languages, or `sentences` consecutive events of one; `source` is the language of `Pair.source`.

    >>> pair = parallel(1, "en", sentences=1)
    >>> tells(pair.events, pair.target, "zh")
    True
    """
    chance = Chance(seed)
    events = document(seed, source, config, kinds=STORIES).events
    if sentences is not None:
        first = int(chance.pick(range(max(1, len(events) - sentences + 1))))
        events = events[first : first + sentences]
    records: list[dict] = []
    told = retell(events, source, chance, records=records)
    return Pair(told, retell(events, other(source), First(), follow=records), events)


def tells(events: tuple, text: str, language: str, limit: int = 20_000) -> bool:
    """Whether `text` is one of the ways in which the world tells exactly these events.

    >>> tells(parallel(1, "en", sentences=1).events, "Something else.", "en")
    False
    """
    stack: list[tuple[int, ...]] = [()]
    for _ in range(limit):
        if not stack:
            return False
        path = stack.pop()
        teller = Teller(Replay(path, text, language), language)
        try:
            for event, roles in events:
                teller.tell(event, **roles)
            if teller.position == len(text):
                return True
        except Mismatch:
            pass
        except Fork as fork:
            stack += [(*path, index) for index, _ in fork.branches]
    return False


@dataclass(frozen=True)
class Labelled:
    """A text and what it is: `label` is "good" or "bad"; `turns` says that a review changes its mind on the way."""

    text: str
    label: str
    turns: bool = False


def labelled_review(seed: int, language: str) -> Labelled:
    """A review of a thing, good or bad.

    >>> labelled_review(4, "en").label in ("good", "bad")
    True
    """
    made = document(seed, language, kinds=(review,))
    roles = made.state.history[-1].roles
    return Labelled(made.text, "good" if roles["good"] else "bad", roles["turns"])


def labelled_story(seed: int, language: str, config: WorldConfig = EVERYDAY) -> Labelled:
    """A story and whether it leaves its hero feeling good or bad.

    >>> labelled_story(4, "zh").label in ("good", "bad")
    True
    """
    while True:
        made = document(seed, language, config, kinds=STORIES)
        hero = next(deed.roles["A"] for deed in made.state.history if deed.verb == "go")
        feelings = [
            deed.roles["good"]
            for deed in made.state.history
            if deed.verb == "feel" and deed.roles["A"] is hero
        ]
        if feelings:
            return Labelled(made.text, "good" if feelings[-1] else "bad")
        seed += 1_000_003  # this story does not say; take another


# ---------------------------------------------------------------- instructions

WORDINGS = {
    "en": {
        "write": "Write a story about {name} and {thing}.",
        "continue": "Continue the story: {text}",
        "translate": "Translate into Chinese: {text}",
        "label": "Is this review good or bad? {text}",
        "answer": "{text} {question}",
        "good": "Good.",
        "bad": "Bad.",
    },
    "zh": {
        "write": "写一个关于{name}和{thing}的故事。",
        "continue": "接着讲故事：{text}",
        "translate": "翻译成英文：{text}",
        "label": "这个评价是好还是坏？{text}",
        "answer": "{text}{question}",
        "good": "好。",
        "bad": "坏。",
    },
}


@dataclass(frozen=True)
class Instruction:
    """Something to do, one right answer, and `accepts`, which says whether another answer is right too."""

    kind: str
    language: str
    prompt: str
    answer: str
    accepts: Callable[[str], bool] = field(repr=False)


def instruction(kind: str, seed: int, language: str, config: WorldConfig = EVERYDAY) -> Instruction:
    """An instruction of one of the kinds in `INSTRUCTIONS`.

    Raises: ValueError for an unknown kind.

    >>> task = instruction("label", 3, "en")
    >>> task.accepts(task.answer), task.accepts("Maybe.")
    (True, False)
    """
    if kind not in INSTRUCTIONS:
        raise ValueError(
            f"the kind of instruction is {kind!r}, but it must be one of {', '.join(INSTRUCTIONS)}"
        )
    return INSTRUCTIONS[kind](seed, language, config)


def _exactly(answer: str) -> Callable[[str], bool]:
    return lambda given: given.strip() == answer


def _write(seed: int, language: str, config: WorldConfig) -> Instruction:
    while True:
        made = document(seed, language, config, kinds=STORIES)
        thing = _first(made, "thing")
        if thing is not None:
            break
        seed += 1_000_003
    hero = _first(made, "person")
    noun = thing.zh if language == "zh" else article(thing.en)
    prompt = WORDINGS[language]["write"].format(name=hero.word(language), thing=noun)

    def accepts(given: str) -> bool:
        names = hero.word(language) in given and thing.word(language) in given
        return bool(given.strip()) and names and check(given, config).is_story

    return Instruction("write", language, prompt, made.text, accepts)


def _first(made: Document, kind: str) -> Entity | None:
    found = (e for _, roles in made.events for e in roles.values() if getattr(e, "kind", "") == kind)
    return next(found, None)


def _continue(seed: int, language: str, config: WorldConfig) -> Instruction:
    made = document(seed, language, config, kinds=STORIES)
    spans = list(sentence_spans(made.text, language))
    cut = spans[min(3, len(spans) - 2)][0]
    begun, rest = made.text[:cut].rstrip(), made.text[cut:]
    joint = made.text[len(begun) : cut]

    def accepts(given: str) -> bool:
        return bool(given.strip()) and check(begun + joint + given.strip(), config).is_story

    return Instruction("continue", language, WORDINGS[language]["continue"].format(text=begun), rest, accepts)


def _translate(seed: int, language: str, config: WorldConfig) -> Instruction:
    pair = parallel(seed, language, sentences=1 + seed % 2, config=config)
    prompt = WORDINGS[language]["translate"].format(text=pair.source)
    return Instruction(
        "translate",
        language,
        prompt,
        pair.target,
        lambda given: tells(pair.events, given.strip(), other(language)),
    )


def _label(seed: int, language: str, config: WorldConfig) -> Instruction:
    labelled = labelled_review(seed, language)
    answer = WORDINGS[language][labelled.label]
    prompt = WORDINGS[language]["label"].format(text=labelled.text)
    return Instruction("label", language, prompt, answer, _exactly(answer))


def _answer(seed: int, language: str, config: WorldConfig) -> Instruction:
    made = document(seed, language, config, kinds=STORIES)
    questions = answerable(made)
    question = questions[seed % len(questions)]
    prompt = WORDINGS[language]["answer"].format(text=made.text, question=question.text)
    return Instruction("answer", language, prompt, question.answer, _exactly(question.answer))


def _refuse(seed: int, language: str, config: WorldConfig) -> Instruction:
    made = document(seed, language, config, kinds=STORIES)
    question = unanswerable(made, 1, seed)[0]
    prompt = WORDINGS[language]["answer"].format(text=made.text, question=question.text)
    return Instruction("refuse", language, prompt, question.answer, _exactly(question.answer))


INSTRUCTIONS = {
    "write": _write, "continue": _continue, "translate": _translate, "label": _label, "answer": _answer, "refuse": _refuse,
}  # fmt: skip
