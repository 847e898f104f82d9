"""Questions about a document, with answers that follow from what happened, and questions that it does not answer.

Every verb of the state may have question lines (`# ?verb` in the telling files). An answerable question is such a line
filled in with a deed of the story's history; it is kept only if it has exactly one answer. An unanswerable one asks
about a deed that did not happen, or about somebody who is not in the story.
"""

import random
from dataclasses import dataclass
from typing import Any

from course_lib.world import names, words
from course_lib.world.chance import Chance, First
from course_lib.world.documents import Document
from course_lib.world.state import Deed
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
    {"dare", "not_dare"},
    {"contest", "win", "prize", "judge"},
    {"change", "weather", "plan", "shelter", "umbrella"},
    {"get_lost", "be_found", "bring_home"},
    {"pet", "belong"},
)
UNSAFE_WHEN_UNTOLD = {
    "go",
    "feel",
    "meet",
    "holder",
    "help",
    "dare",
    "not_dare",
    "told_truth",
    "hid_truth",
    "snatch",
    "keep",
}  # a reader might guess


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


def _slots(verb: str, number: int) -> set[str]:
    return {node.name for node in tellings()[f"?{verb}"]["en"][number] if isinstance(node, Slot)}


def _deeds(document: Document) -> list[Deed]:
    """The history, with only the last feeling of each person, and what holds at the end."""
    history, state = document.state.history, document.state
    last = {deed.roles["A"]: deed for deed in history if deed.verb == "feel"}
    deeds = [deed for deed in history if deed.verb != "feel"] + list(last.values())
    moved = {
        o
        for deed in history
        for role, o in deed.roles.items()
        if deed.verb in ("give", "trade", "lend", "lose") and role[0] == "o"
    }
    deeds += [
        Deed("holder", {"A": state.holder[o], "o": o}) for o in state.holder if o in moved and state.holder[o]
    ]
    deeds += [
        Deed("colour", {"o": o})
        for o in state.holder
        if o.mark not in (None, UNSEEN) and o.mark.kind == "colour"
    ]
    return deeds


def answerable(document: Document) -> list[Question]:
    """Every question that the document answers, in its own language.

    >>> from course_lib.world.documents import document
    >>> all(question.answerable for question in answerable(document(5, "en")))
    True
    """
    answers: dict[tuple[str, str], set[str]] = {}
    for deed in _deeds(document):
        roles = {name: _settled(value) for name, value in deed.roles.items()}
        for number in _lines(deed.verb):
            if all(isinstance(roles.get(name), Entity) for name in _slots(deed.verb, number)):
                text, answer = _ask(deed.verb, number, roles, document.language)
                answers.setdefault((deed.verb, text), set()).add(answer)
    return [
        Question(text, next(iter(found)), True, verb)
        for (verb, text), found in answers.items()
        if len(found) == 1
    ]


def is_story(document: Document) -> bool:
    """Whether a document is a story: only stories have a hero who goes somewhere.

    >>> from course_lib.world.documents import document
    >>> from course_lib.world.texts import recipe
    >>> is_story(document(1, "en", kinds=(recipe,)))
    False
    """
    return any(deed.verb == "go" for deed in document.state.history)


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
    verbs = sorted(key[1:] for key in tellings() if key.startswith("?"))
    verbs = [verb for verb in verbs if verb != "unknown" and not verb.startswith("town_")]
    untold = [verb for verb in verbs if verb not in happened | UNSAFE_WHEN_UNTOLD]
    about_somebody = [verb for verb in verbs if verb != "weather"]
    found: dict[str, Question] = {}
    for _ in range(200):
        if len(found) >= count:
            break
        stranger = draw.random() < 0.5 or not untold
        verb = draw.choice(about_somebody if stranger else untold)
        number = draw.choice(_lines(verb))
        roles = _filled(verb, number, cast, stranger, draw)
        if roles is not None:
            text, _ = _ask(verb, number, roles, document.language)
            if text not in answered:
                found[text] = Question(text, not_told(document.language), False, verb)
    return list(found.values())


def not_told(language: str) -> str:
    """What stands in place of an answer that the document does not give.

    >>> not_told("en"), not_told("zh")
    ('The story does not say.', '故事里没有说。')
    """
    return _ask("unknown", 0, {}, language)[1]


KIND_OF_ROLE = {
    "A": "person",
    "B": "person",
    "F": "person",
    "G": "person",
    "R": "person",
    "o": "thing",
    "o1": "thing",
    "o2": "thing",
    "x": "animal",
}


def _cast(document: Document) -> dict[str, list[Entity]]:
    cast: dict[str, list[Entity]] = {"person": [], "thing": [], "animal": []}
    for _, roles in document.events:
        for entity in map(_settled, roles.values()):
            known = cast.get(getattr(entity, "kind", ""))
            if known is not None and entity.en not in [other.en for other in known]:
                known.append(entity)
    return cast


def _filled(verb: str, number: int, cast: dict, stranger: bool, draw: random.Random) -> dict | None:
    """Roles for a question: people and things of the story; or somebody or something that it does not mention."""
    tables = {"person": words.PEOPLE, "thing": words.THINGS, "animal": words.ANIMALS}
    asked = _asked(verb, number)
    if stranger and not asked:
        return None
    roles: dict[str, Entity] = {}
    for name in sorted(_slots(verb, number)):
        kind = KIND_OF_ROLE.get(name)
        if name not in asked or kind is None:
            roles[name] = PLACEHOLDERS.get(name, words.GLAD[0])
            continue
        here = {entity.en for entity in cast[kind]}
        others = [e for e in tables[kind] if e.en not in here]
        if kind == "person" and any(isinstance(person, names.Named) for person in cast["person"]):
            others = [_another_made_name([*cast["person"], *roles.values()], draw)]
        pool = others if stranger else [e for e in cast[kind] if e not in roles.values()]
        if not pool:
            return None
        roles[name] = draw.choice(pool)
    return roles


PLACEHOLDERS = {
    "A": words.PEOPLE[0], "B": words.PEOPLE[1], "F": words.PEOPLE[0], "G": words.PEOPLE[0], "R": words.PEOPLE[1],
    "o": words.THINGS[0], "o1": words.THINGS[0], "o2": words.THINGS[1], "x": words.ANIMALS[0],
    "p": words.PLACES[0], "J": words.JOBS[0].own_copy(sex="f"),
}  # fmt: skip


def _another_made_name(people: list[Entity], draw: random.Random) -> Entity:
    """Somebody who is not among people with made names, but could be: as strange as they are."""
    first, *_ = named = [person for person in people if isinstance(person, names.Named)]
    pool = "strange" if names.is_held_out(first.en) else "known"
    used = {person.syllables[0] for person in named}
    return names.PEOPLE.draw(Chance(draw.getrandbits(32)), pool, used=used)


def _asked(verb: str, number: int) -> set[str]:
    """The roles named in the question itself, before the answer."""
    asked: set[str] = set()
    for node in tellings()[f"?{verb}"]["en"][number]:
        if isinstance(node, str) and SEPARATOR in node:
            break
        if isinstance(node, Slot):
            asked.add(node.name)
    return asked
