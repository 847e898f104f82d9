"""Instructions about the little world, as a person would give them, each with a check that accepts any right answer.

Everything is a function of a seed. `conversation` gives several about one story, with answers in either language,
for an assistant that is told which one to speak.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from course_lib.world import arguments
from course_lib.world.chance import Chance, First
from course_lib.world.checker import check
from course_lib.world.documents import Document, document, retell
from course_lib.world.questions import Question, answerable, not_told, unanswerable
from course_lib.world.simulation import EVERYDAY, WorldConfig
from course_lib.world.stories import STORIES
from course_lib.world.tasks import choices, event_ends, labelled_review, other, parallel, tells
from course_lib.world.telling import Lazy, Teller, article, parse_line
from course_lib.world.texts import letter, notice
from course_lib.world.words import Entity

_STEP = 1_000_003  # to another seed, where a document does not fit
# What a user says: each kind in several ways, drawn evenly.
WORDINGS = {
    "en": {
        "write": (
            "Write a story about {name} and {thing}.",
            "Tell me a story with {name} and {thing} in it.",
        ),
        "continue": ("Continue the story: {text}", "How does this story go on? {text}"),
        "translate": ("Translate into Chinese: {text}", "How do you say this in Chinese? {text}"),
        "label": ("Is this review good or bad? {text}", "Does the buyer like it? Say good or bad. {text}"),
        "answer": ("{text} {question}", "Read this story: {text}\n{question}"),
        "shorten": ("Rewrite shorter: {text}", "Say this in a few sentences: {text}"),
        "mail": ("Write an e-mail from these points:\n{points}", "Make a letter of this:\n{points}"),
        "notice": ("Write a notice from these points:\n{points}", "Make a note for the board:\n{points}"),
        "again": ("Now rewrite the story shorter.", "Say the story in a few sentences."),
        "good": "Good.",
        "bad": "Bad.",
    },
    "zh": {
        "write": ("写一个关于{name}和{thing}的故事。", "给我讲一个有{name}和{thing}的故事。"),
        "continue": ("接着讲故事：{text}", "这个故事后来怎么样？{text}"),
        "translate": ("翻译成英文：{text}", "这用英文怎么说？{text}"),
        "label": ("这个评价是好还是坏？{text}", "买的人喜欢吗？说好或坏。{text}"),
        "answer": ("{text}{question}", "请读这个故事：{text}\n{question}"),
        "shorten": ("写短一点：{text}", "用几句话说说：{text}"),
        "mail": ("根据这些要点写一封邮件：\n{points}", "把这些写成一封信：\n{points}"),
        "notice": ("根据这些要点写一则通知：\n{points}", "写一张贴在板上的字条：\n{points}"),
        "again": ("现在把故事写短一点。", "用几句话说说这个故事。"),
        "good": "好。",
        "bad": "坏。",
    },
}
# The points of a note, one line for each thing that it has to say; the note says these and no more.
POINTS = {
    "letter_thanks": (
        "to: {B.n}\nfrom: {A.n}, the {r}\nthanks for: {o.an}\nsay: {w}",
        "给：{B.n}\n来自：{A.n}，{r}\n感谢送来：{o.an}\n想说：{w}",
    ),
    "letter_invite": (
        "to: {B.n}\nfrom: {A.n}, the {r}\ninvitation to: {e}\nwhen: {t}\nwhere: {p.in}\nmeeting: {s}, {n} o'clock",
        "给：{B.n}\n来自：{A.n}，{r}\n邀请一起去：{e}\n时间：{t}\n地点：{p.to}\n见面：{s}，{n}点",
    ),
    "letter_well": (
        "to: {B.n}\nfrom: {A.n}, the {r}\nget well soon\nlater: {act} {p.in}",
        "给：{B.n}\n来自：{A.n}，{r}\n祝早日康复\n以后：一起去{p.to}{act}",
    ),
    "letter_sorry": (
        "to: {B.n}\nfrom: {A.n}, the {r}\nsorry for: a missed meeting {p.in}\nreason: {why}\nagain: {t}",
        "给：{B.n}\n来自：{A.n}，{r}\n道歉：说好{p.in}见面，没有去\n原因：{why}\n再约：{t}",
    ),
    "notice_lost": (
        "lost: {o.a}\nwhere: {p.in}, {s}\nwhen: {t}\ntell: {A.n}",
        "丢了：{o.a}\n地点：{p.to}，{s}\n时间：{t}\n告诉：{A.n}",
    ),
    "notice_found": (
        "found: {o.a}\nwhere: {p.in}, {s}\nwhen: {t}\nask: {A.n}",
        "捡到：{o.a}\n地点：{p.to}，{s}\n时间：{t}\n找：{A.n}",
    ),
    "notice_event": (
        "event: {e}\nwhere: {p.in}\nwhen: {t}\nstart: {n} o'clock",
        "活动：{e}\n地点：{p.to}\n时间：{t}\n开始：{n}点",
    ),
    "notice_closed": ("closed: the {p.k}\nwhen: {t}\nreason: {why}", "不开门：{p.to}\n时间：{t}\n原因：{why}"),
}  # fmt: skip
SHORT = 0.6  # a shorter version has at most this share of the story's characters
# What a story is about begins with one of these, or with what comes after a setting ...
BEGINNINGS = {"trade_ask", "unwell_hurt", "unwell_ill"}
SETTING = ("open", "has", "love", "meet", "sad")  # and what begins so, as "open_weather"
# ... and it is decided by the last of these: its turning point.
TURNS = set(
    """found found_alone lost_handed lost_forever lost_forever_alone comfort_gift finder_return finder_confess
    wish_buy wish_buy_back wish_buy_cheaper wish_no_loan wish_late wish_save trade_agree trade_more trade_refuse trade_keep trade_back trade_lend gift_reveal
    gift_open gift_say_bought gift_say_made broken_mend broken_replace broken_forgive broken_angry broken_found_out
    outing_clear outing_clear_fog outing_give_up outing_give_up_fog outing_snow_play astray_home astray_brought
    astray_told astray_sign animal_stay animal_stay_both animal_go animal_healed animal_owner contest_win unwell_well
    unwell_healed unwell_slow brave_does brave_second brave_not promise_resist promise_give_in promise_stay_in
    promise_remember promise_too_late mistaken_found mistaken_animal mistaken_kin mistaken_given mistaken_job
    lesson_success lesson_not_yet""".split()
)
# Where a story has none of them, it is the last event that isn't one of these.
ENDINGS = (
    "glad",
    "sad",
    "end",
    "thanks",
    "thank",
    "food",
    "home",
    "friend",
    "friends",
    "moral",
    "lesson",
    "cheer",
)


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
    return INSTRUCTIONS[arguments.one_of("kind of instruction", kind, INSTRUCTIONS)](seed, language, config)


def _say(kind: str, seed: int, language: str, **parts: str) -> str:
    wordings = WORDINGS[language][kind]
    return wordings[seed // 7 % len(wordings)].format(**parts)  # apart from other choices by the same seed


def _exactly(answer: str) -> Callable[[str], bool]:
    return lambda given: given.strip() == answer


# ---------------------------------------------------------------- writing


def _write(seed: int, language: str, config: WorldConfig) -> Instruction:
    while True:
        made = document(seed, language, config, kinds=STORIES)
        thing = _first(made, "thing")
        if thing is not None:
            break
        seed += _STEP
    hero = _first(made, "person")
    noun = thing.zh if language == "zh" else article(thing.en)
    prompt = _say("write", seed, language, name=hero.word(language), thing=noun)

    def accepts(given: str) -> bool:
        names = hero.word(language) in given and thing.word(language) in given
        return bool(given.strip()) and names and _is_story(given, config)

    return Instruction("write", language, prompt, made.text, accepts)


def _is_story(text: str, config: WorldConfig) -> bool:
    """Whether the world could tell this, with its people at any place: the instruction didn't say which."""
    cast = "strangers" if config.cast == "strangers" else "anywhere"
    return check(text, replace(config, cast=cast)).is_story


def _first(made: Document, kind: str) -> Entity | None:
    found = (e for _, roles in made.events for e in roles.values() if getattr(e, "kind", "") == kind)
    return next(found, None)


def _continue(seed: int, language: str, config: WorldConfig) -> Instruction:
    made = document(seed, language, config, kinds=STORIES)
    ends = event_ends(made.events, made.text, language)
    cut = ends[min(2, len(ends) - 2)]  # after the third event: never between what is said and who says it
    begun, rest = made.text[:cut].rstrip(), made.text[cut:].lstrip()
    cut = len(made.text) - len(rest)
    joint = made.text[len(begun) : cut]

    def accepts(given: str) -> bool:
        return bool(given.strip()) and _is_story(begun + joint + given.strip(), config)

    return Instruction("continue", language, _say("continue", seed, language, text=begun), rest, accepts)


def _note(seed: int, language: str, config: WorldConfig) -> Instruction:
    kind = ("mail", "notice")[seed % 2]
    made = document(seed, language, config, kinds=((letter, notice)[seed % 2],))
    ((event, roles),) = made.events
    teller = Teller(First(), language)
    teller.tell_line(parse_line(POINTS[event][language == "zh"]), roles)
    points = "\n".join(f"- {line[:1].lower()}{line[1:]}" for line in teller.text().splitlines())
    return Instruction(
        "note",
        language,
        _say(kind, seed, language, points=points),
        made.text,
        lambda given: tells(made.events, given.strip(), language),
    )


# ---------------------------------------------------------------- rewriting


def _translate(seed: int, language: str, config: WorldConfig) -> Instruction:
    pair = parallel(seed, language, sentences=1 + seed % 2, config=config)
    return Instruction(
        "translate",
        language,
        _say("translate", seed, language, text=pair.source),
        pair.target,
        lambda given: pair.accepts(given.strip(), other(language)),
    )


class _Plainly(First):
    """The plainest telling, but with a pronoun wherever it is clear."""

    def pick(self, options, weights=None, named=False):
        return options[options == ("n", "he")]


def shorter(made: Document) -> str:
    """A story in a few sentences, which are its own: how it opens, what it is about, what decides it, how it ends.

    >>> made = document(5, "en", kinds=STORIES)
    >>> is_shorter(made, shorter(made)), is_shorter(made, made.text)
    (True, False)
    """
    said = choices(made.events, made.text, made.language)[0]

    def told(kept: set[int]) -> str:
        return retell(
            tuple(made.events[index] for index in sorted(kept)),
            made.language,
            _Plainly(),
            follow=[said[index] for index in sorted(kept)],
        )

    turn = turning_point(made.events)
    kept = {0, _beginning(made.events), turn, len(made.events) - 1}
    for more in (_introductions(made.events, kept), {turn - 1}):
        if len(told(kept | more)) <= SHORT * len(made.text):
            kept |= more
    return told(kept)


def _beginning(events: tuple) -> int:
    names = [event for event, _ in events]
    begins = [index for index, name in enumerate(names) if name in BEGINNINGS]
    after = [index for index, name in enumerate(names) if name.split("_")[0] not in SETTING]
    return (begins or after or [0])[0]


def turning_point(events: tuple) -> int:
    """Which event decides a story.

    >>> turning_point((("open", {}), ("lost_wind", {}), ("found", {}), ("thanks", {}), ("glad_end", {})))
    2
    """
    names = [event for event, _ in events]
    decided = [index for index, name in enumerate(names) if name in TURNS]
    told = [
        index for index, name in enumerate(names) if name.split("_")[-1] not in ENDINGS and "_end" not in name
    ]
    return (decided or told or [0])[-1]


def _introductions(events: tuple, kept: set[int]) -> set[int]:
    """The events that are the first to name the people and things of those that are kept."""
    named = {id(_settled(value)) for index in kept for value in events[index][1].values()}
    first: dict[int, int] = {}
    for index, (_, roles) in enumerate(events):
        for value in map(_settled, roles.values()):
            if getattr(value, "kind", "") in ("person", "thing", "animal"):
                first.setdefault(id(value), index)
    return {index for entity, index in first.items() if entity in named}


def _settled(value: object) -> object:
    return value.value if isinstance(value, Lazy) else value


def is_shorter(made: Document, given: str) -> bool:
    """Whether a text retells a story in at most three fifths of its length, in what the story itself says of its events: how it
    opens, its turning point, how it ends, and any other events."""
    given = arguments.text(given).strip()
    if not given or len(given) > SHORT * len(made.text):
        return False
    must = {0, turning_point(made.events), len(made.events) - 1}
    return any(
        tells(made.events, given, made.language, said=said, must=must)
        for said in choices(made.events, made.text, made.language)
    )


def _summable(seed: int, language: str, config: WorldConfig) -> Document:
    """A story that has a shorter version; a very short one has none."""
    while True:
        made = document(seed, language, config, kinds=STORIES)
        if is_shorter(made, shorter(made)):
            return made
        seed += _STEP


def _shorten(seed: int, language: str, config: WorldConfig) -> Instruction:
    made = _summable(seed, language, config)
    return Instruction(
        "shorten",
        language,
        _say("shorten", seed, language, text=made.text),
        shorter(made),
        lambda given: is_shorter(made, given),
    )


# ---------------------------------------------------------------- answering


def _label(seed: int, language: str, config: WorldConfig) -> Instruction:
    labelled = labelled_review(seed, language)
    answer = WORDINGS[language][labelled.label]
    prompt = _say("label", seed, language, text=labelled.text)
    return Instruction("label", language, prompt, answer, _exactly(answer))


def _about(made: Document, question: Question, kind: str, seed: int) -> Instruction:
    prompt = _say("answer", seed, made.language, text=made.text, question=question.text)
    return Instruction(kind, made.language, prompt, question.answer, _exactly(question.answer))


def _asking(seed: int, language: str, config: WorldConfig) -> Document:
    """A story that answers something, as nearly all do."""
    while True:
        made = document(seed, language, config, kinds=STORIES)
        if answerable(made):
            return made
        seed += _STEP


def _answer(seed: int, language: str, config: WorldConfig) -> Instruction:
    made = _asking(seed, language, config)
    questions = answerable(made)
    return _about(made, questions[seed % len(questions)], "answer", seed)


def _refuse(seed: int, language: str, config: WorldConfig) -> Instruction:
    made = _asking(seed, language, config)
    return _about(made, unanswerable(made, 1, seed)[0], "refuse", seed)


INSTRUCTIONS = {
    "write": _write, "continue": _continue, "note": _note, "translate": _translate, "shorten": _shorten,
    "label": _label, "answer": _answer, "refuse": _refuse,
}  # fmt: skip


# ---------------------------------------------------------------- conversations


def conversation(
    seed: int,
    language: str,
    config: WorldConfig = EVERYDAY,
    turns: int = 3,
    speak: str | None = None,
) -> list[Instruction]:
    """Several instructions about one story, which only the first one contains: questions, and a shorter version.

    `speak` is the language of the answers; in the other language than the story's there are only questions.
    There are fewer than `turns` if the story has no more to ask.

    Raises: ValueError for less than one turn.

    >>> first, second = conversation(5, "en", turns=2)
    >>> len(second.prompt) < 80 < len(first.prompt)
    True
    >>> conversation(5, "en", turns=1, speak="zh")[0].answer.isascii()
    False
    """
    turns = arguments.whole("turns", turns, least=1)
    speak = arguments.language(speak or language)
    made, questions = _questions(seed, language, config, speak)
    chance, told = Chance(seed), []
    while questions and len(told) < turns:
        question = questions.pop(chance.pick(range(len(questions))))
        told.append(
            _about(made, question, _kind(question), seed) if not told else _follow_up(made, question, seed)
        )
        if len(told) == 1 and speak == language:
            questions.append(None)  # a shorter version, once there is a story
    return told


def _questions(seed: int, language: str, config: WorldConfig, speak: str) -> tuple[Document, list]:
    """A story that can be made shorter, what it answers, half as much that it doesn't, all answered in `speak`."""
    made = _summable(seed, language, config)
    known = answerable(made, answer_in=speak)
    unknown = unanswerable(made, 1 + len(known) // 2, seed)
    return made, known + [replace(q, answer=not_told(speak)) for q in unknown]


def _kind(question: Question | None) -> str:
    return "shorten" if question is None else "answer" if question.answerable else "refuse"


def _follow_up(made: Document, question: Question | None, seed: int) -> Instruction:
    if question is None:
        prompt = _say("again", seed, made.language)
        return Instruction(
            "shorten", made.language, prompt, shorter(made), lambda given: is_shorter(made, given)
        )
    return Instruction(
        _kind(question), made.language, question.text, question.answer, _exactly(question.answer)
    )
