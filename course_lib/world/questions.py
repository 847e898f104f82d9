"""Questions about a document, with answers that follow from what happened, and questions that it does not answer.

Every verb of the state may have question lines (`# ?verb` in the telling files). An answerable question is such a line
filled in with a deed of the story's history; it is kept only if the text names all that the question and the answer
name, and if it has exactly one answer. An unanswerable one is a question that some other story answers, asked about the
people and things of this story, or about somebody or something that it does not mention: so the two kinds ask in the
same ways, equally often, and whoever has not read the story cannot tell them apart.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from course_lib.world import words
from course_lib.world.chance import Chance, First
from course_lib.world.documents import Document, document
from course_lib.world.simulation import World
from course_lib.world.state import Deed
from course_lib.world.stories import STORIES
from course_lib.world.telling import Lazy, Slot, Teller, tellings
from course_lib.world.words import UNSEEN, Entity

SEPARATOR = " => "
# Verbs that answer each other's questions: who was given a kite did not lose the answer to who bought it.
ALIKE = (
    {
        "present",
        "give",
        "lend",
        "trade",
        "buy",
        "own",
        "prize",
        "judge",
        "made",
        "promise_lend",
        "pet",
        "keep_safe",
    },
    {"lose", "find", "discover", "return_found", "snatch", "keep_safe", "notice_animal"},
    {"suffer", "recover", "help", "encourage", "bring_home", "mend", "visit", "be_found"},
    {"damage", "mend", "hurt_part", "animal_leg"},
    {"price", "pay", "buy", "want", "borrow_coins"},
    {"swap", "offer_swap", "trade", "refuse", "want"},
    {"told_truth", "hid_truth", "break_promise", "keep", "blame"},
    {"promise", "promise_meet", "promise_lend", "promise_help", "plan", "help", "teach", "learn"},
    {"dare", "not_dare", "deed"},
    {"contest", "win", "win_how", "prize", "judge"},
    {"change", "weather", "plan", "shelter", "umbrella"},
    {"get_lost", "lose_way", "tell_way", "be_found", "bring_home"},
    {"pet", "belong"},
    {"lose", "get_lost", "contest", "hid_truth", "teach"},
    {"find", "discover", "hid_truth", "want"},
    {"return_found", "own"},
    {"want", "buy", "give", "made"},
    {"visit", "give"},
    {"hurt_part", "contest"},
)
# A reader might guess these, where a story does not tell: they are asked about somebody else only.
UNSAFE_WHEN_UNTOLD = {
    "go",
    "feel",
    "meet",
    "weather",
    "holder",
    "colour",
    "help",
    "dare",
    "not_dare",
    "told_truth",
    "hid_truth",
    "snatch",
    "keep",
    "keep_safe",
    "break_promise",
    "learn",
    "plan",
    "shelter",
    "encourage",
    "bring_home",
    "offer_swap",
    "swap",
}
CAST = ("person", "thing", "animal")
STORIES_ASKED = 1000  # from so many stories come the questions that other stories answer


@dataclass(frozen=True)
class Question:
    """A question in one language. `answer` is the world's own wording; `answerable` is False if it says that the story
    does not tell. `verb` names what is asked about.

    >>> Question("Who lost the kite?", "Mia", True, "lose").answer
    'Mia'
    """

    text: str
    answer: str
    answerable: bool
    verb: str


def _settled(value: Any) -> Any:
    return value.value if isinstance(value, Lazy) else value


def _render(line: tuple, roles: dict, language: str) -> str:
    teller = Teller(First(), language)
    teller.tell_line(line, roles)
    return teller.text()


def _ask(verb: str, number: int, roles: dict, language: str) -> tuple[str, str]:
    text, answer = _render(tellings()[f"?{verb}"][language][number], roles, language).split(SEPARATOR)
    return text, answer


def _lines(verb: str) -> range:
    return range(len(tellings().get(f"?{verb}", {"en": ()})["en"]))


def _slots(verb: str, number: int) -> list[Slot]:
    return [node for node in tellings()[f"?{verb}"]["en"][number] if isinstance(node, Slot)]


def _question(verb: str, number: int, language: str) -> tuple:
    """The question line without its answer."""
    nodes: list = []
    for node in tellings()[f"?{verb}"][language][number]:
        if isinstance(node, str) and SEPARATOR in node:
            return (*nodes, node.partition(SEPARATOR)[0])
        nodes.append(node)
    raise ValueError(f"a question about {verb!r} has no answer: it needs {SEPARATOR!r} before one")


def _asked(verb: str, number: int) -> list[str]:
    """The roles named in the question itself."""
    return list(dict.fromkeys(node.name for node in _question(verb, number, "en") if isinstance(node, Slot)))


# ---------------------------------------------------------------- what a document answers


def _deeds(document: Document) -> list[Deed]:
    """The history, with only the last feeling of each person, and what holds at the end; things with whose they were."""
    history, state = document.state.history, document.state
    last = {deed.roles["A"]: deed for deed in history if deed.verb == "feel"}
    deeds = [deed for deed in history if deed.verb not in ("feel", "weather")] + list(last.values())
    for before, deed in pairwise(history):
        if before.verb == "go" and deed.verb == "weather":  # the weather in which somebody went out
            deeds.append(Deed("weather", before.roles | deed.roles))
    # a thing that broke may be handed over without a word
    moved, damaged = set(), {deed.roles["o"] for deed in history if deed.verb == "damage"}
    for deed in history:
        if deed.verb in ("give", "trade", "lend", "lose"):
            moved |= {o for role, o in deed.roles.items() if role[0] == "o"} - damaged
    deeds += [
        Deed("holder", {"A": state.holder[o], "o": o}) for o in state.holder if o in moved and state.holder[o]
    ]
    deeds += [
        Deed("colour", {"o": o})
        for o in state.holder
        if o.mark not in (None, UNSEEN) and o.mark.kind == "colour"
    ]
    whose: dict[Entity, Entity] = {}
    for deed in history:
        if deed.verb == "own":
            whose.setdefault(deed.roles["o"], deed.roles["A"])
    return [
        Deed(deed.verb, {"W": whose[deed.roles["o"]]} | deed.roles) if deed.roles.get("o") in whose else deed
        for deed in deeds
    ]


def _in_text(document: Document, slot: Slot, roles: dict) -> bool:
    """Whether the text names what stands in a slot of a question or of its answer."""
    entity = roles.get(slot.name)
    if not isinstance(entity, Entity):
        return False
    if slot.form == "colour":
        entity = entity.mark
    lower = document.text.lower()
    if entity.kind == "weather" or document.language == "zh":
        return entity.mentioned_in(lower, document.language)
    return re.search(rf"(?<!\w){re.escape(entity.en.lower())}(?!\w)", lower) is not None


def _names_somebody(verb: str, number: int, roles: dict) -> bool:
    """Whether a question says whose story it is about: "Who won?" could be asked about any."""
    named = [getattr(roles.get(name), "kind", "") for name in _asked(verb, number)]
    return verb.startswith("town_") or any(kind in CAST for kind in named)


class _Asked(NamedTuple):
    """A question line filled in with a deed."""

    verb: str
    number: int
    roles: dict


def _answered(document: Document) -> Iterator[_Asked]:
    """Every question with exactly one answer that the text names, in the document's own language."""
    answers: dict[str, set[str]] = {}
    asked: dict[str, _Asked] = {}
    for deed in _deeds(document):
        roles = {name: _settled(value) for name, value in deed.roles.items()}
        for number in _lines(deed.verb):
            if _names_somebody(deed.verb, number, roles) and all(
                _in_text(document, slot, roles) for slot in _slots(deed.verb, number)
            ):
                text, answer = _ask(deed.verb, number, roles, document.language)
                answers.setdefault(text, set()).add(answer)
                asked[text] = _Asked(deed.verb, number, roles)
    return (asked[text] for text, found in answers.items() if len(found) == 1)


def answerable(document: Document, answer_in: str = "") -> list[Question]:
    """Every question that the document answers, in its own language, with the answer in the same one or in `answer_in`.

    >>> from course_lib.world.documents import document
    >>> all(question.answerable for question in answerable(document(5, "en")))
    True
    """
    return [
        Question(
            _ask(*asked, document.language)[0],
            _ask(*asked, answer_in or document.language)[1],
            True,
            asked.verb,
        )
        for asked in _answered(document)
    ]


# ---------------------------------------------------------------- what it leaves open


def is_story(document: Document) -> bool:
    """Whether a document is a story: only stories have a hero who goes somewhere.

    >>> from course_lib.world.documents import document
    >>> from course_lib.world.texts import recipe
    >>> is_story(document(1, "en", kinds=(recipe,)))
    False
    """
    return any(deed.verb == "go" for deed in document.state.history)


@lru_cache(maxsize=2)
def _other_questions(language: str) -> tuple[tuple[str, _Asked, float], ...]:
    """What other stories answer: (kind of story, question, weight); each story weighs the same."""
    found = []
    for seed in range(STORIES_ASKED):
        made = document(seed, language, kinds=STORIES)
        asked = list(_answered(made))
        found += [(made.kind, one, 1 / len(asked)) for one in asked]
    return tuple(found)


def unanswerable(document: Document, count: int = 1, seed: int = 0) -> list[Question]:
    """Plausible questions that the document does not answer: about what did not happen, or about somebody else.

    >>> from course_lib.world.documents import document
    >>> unanswerable(document(5, "en"))[0].answer
    'The story does not say.'
    """
    if not is_story(document):
        return []
    draw = random.Random(f"{document.text}{seed}")
    cast, answered = _cast(document), {question.text for question in answerable(document)}
    happened = {deed.verb for deed in _deeds(document)}
    happened |= {verb for group in ALIKE if group & happened for verb in group}
    others = _other_questions(document.language)
    weights = [weight for _, _, weight in others]
    found: dict[str, Question] = {}
    for _ in range(200):
        if len(found) >= count:
            break
        ((kind, (verb, number, roles), _),) = draw.choices(others, weights)
        untold = kind != document.kind and verb not in happened | UNSAFE_WHEN_UNTOLD
        roles = _filled(verb, number, roles, cast, not untold or draw.random() < 0.3, document, draw)
        text = _render(_question(verb, number, document.language), roles, document.language)
        if text not in answered:
            found[text] = Question(text, not_told(document.language), False, verb)
    return list(found.values())


def not_told(language: str) -> str:
    """What stands in place of an answer that the document does not give.

    >>> not_told("en"), not_told("zh")
    ('The story does not say.', '故事里没有说。')
    """
    return _ask("unknown", 0, {}, language)[1]


def _cast(document: Document) -> dict[str, list[Entity]]:
    cast: dict[str, list[Entity]] = {kind: [] for kind in CAST}
    for _, roles in document.events:
        for entity in map(_settled, roles.values()):
            known = cast.get(getattr(entity, "kind", ""))
            if known is not None and entity.en not in [other.en for other in known]:
                known.append(entity)
    return cast


def _filled(
    verb: str,
    number: int,
    roles: dict,
    cast: dict[str, list[Entity]],
    strange: bool,
    document: Document,
    draw: random.Random,
) -> dict:
    """Another story's roles for a question with the people and things of this story in their place; if `strange`, or
    if there are too few, somebody or something that it does not mention."""
    named = [name for name in _asked(verb, number) if roles[name].kind in CAST]
    stranger = draw.choice(named) if strange else ""
    filled, used = dict(roles), []
    for name in named:
        kind = roles[name].kind
        pool = [entity for entity in cast[kind] if entity.en not in used]
        strange = name == stranger or not pool
        filled[name] = _not_in(cast, kind, used, document, draw) if strange else draw.choice(pool)
        used.append(filled[name].en)
    return filled


def _not_in(cast: dict, kind: str, used: list[str], document: Document, draw: random.Random) -> Entity:
    """Somebody, or something, of this kind whom a story does not mention, with a name like those in it."""
    known = [entity.en for entity in cast[kind]] + used
    if kind != "person":
        table = words.THINGS if kind == "thing" else words.ANIMALS
        return draw.choice([entity for entity in table if entity.en not in known])
    listed = {person.en for person in words.PEOPLE}
    while True:
        person = World(Chance(draw.randrange(10**9)), document.language, document.config).person()
        if person.en not in known and (person.en in listed) == (known[0] in listed):
            return person
