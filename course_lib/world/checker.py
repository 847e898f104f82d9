"""Says whether a text is a story of the little world, and if not, what breaks it.

`check` first asks the oracle for the text's probability. If that is zero, it finds the first sentence that no path of
the world could have told. If the sentence is one that the world can say in some story, a fact is broken (the kite was
red, now it is blue), and the verdict says which word and what would have been true; otherwise it is not a sentence of
this world.
"""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from pkgutil import walk_packages

from course_lib.world import arguments, names
from course_lib.world.chance import First, Fork, Replay
from course_lib.world.documents import KINDS, document
from course_lib.world.names import Names
from course_lib.world.oracle import Explanation, explain
from course_lib.world.simulation import EVERYDAY, WorldConfig
from course_lib.world.telling import Either, Lazy, Slot, Teller, tellings
from course_lib.world.words import UNSEEN, Entity

LONGEST_TELLING = 14  # sentences in one telling line, at the most


@dataclass(frozen=True)
class Verdict:
    """What `check` found. `is_story`: the world could have told exactly this text. `sentences` and `grammatical`: how
    many sentences the text has, and how many of them the world can say somewhere. `problem`: one sentence, empty if
    all is well. `nats`: -log probability under the world, or None.

    >>> check("The moon ate the bank.").grammatical
    0
    """

    language: str
    is_story: bool
    sentences: int
    grammatical: int
    problem: str
    nats: float | None


def check(text: str, config: WorldConfig = EVERYDAY, limit: int = 200_000) -> Verdict:
    """Judge a text in English or Chinese (told apart by whether it has Chinese characters).

    Raises: ValueError for an empty text.

    >>> from course_lib.world.documents import document
    >>> check(document(5, "en").text).is_story
    True
    """
    text = arguments.text(text).strip()
    if not text:
        raise ValueError("there is no text to check: give a story, or at least a sentence of one")
    language = "zh" if re.search("[\u4e00-\u9fff]", text) else "en"
    found = explain(text, language, config, limit=limit)
    spans = list(sentence_spans(text, language))
    sayable = _sayable(text, spans, language)
    problem = "" if found.nats is not None else _problem(text, spans, sayable, found)
    return Verdict(language, found.nats is not None, len(spans), sum(sayable), problem, found.nats)


def sentence_spans(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence (a line break ends one too).

    >>> [("It rains. We go home."[a:b]) for a, b in sentence_spans("It rains. We go home.", "en")]
    ['It rains.', 'We go home.']
    """
    pattern = (
        r'[^\n]+?(?:(?<!\d)[.!?]"?(?=\s|$)|(?=\n|$))\s*'
        if language == "en"
        else r"[^\n]+?(?:[。！？]”?|(?=\n|$))\s*"
    )
    for match in re.finditer(pattern, text):
        yield match.start(), match.start() + len(match.group().rstrip())


def _problem(text: str, spans: list, sayable: list[bool], found: Explanation) -> str:
    if not found.complete:
        return "the search was cut off before it could tell"
    if found.reached >= len(text):
        return "the text stops before the story is over"
    start, end = max((span for span in spans if span[0] <= found.reached), default=(0, len(text)))
    sentence = text[start:end]
    if not sayable[spans.index((start, end))]:
        return f"«{sentence}» is not a sentence of this world"
    wordings = sorted({wording for slot, wording in found.expected if slot and wording.strip()})
    told = text[found.reached - 12 if found.reached > 12 else 0 : found.reached + 12]
    if not wordings:
        return f"«{sentence}» cannot come at this point of the story"
    return f"«{sentence}» breaks a fact near «{told}»: it would be {' or '.join(wordings[:4])}"


# ---------------------------------------------------------------- sentences the world can say somewhere


def _sayable(text: str, spans: list[tuple[int, int]], language: str) -> list[bool]:
    """For each sentence whether it is, alone or with its neighbours, the telling of some event."""
    lower, result = text.lower(), [False] * len(spans)
    for first in range(len(spans)):
        for last in range(first, min(first + LONGEST_TELLING, len(spans))):
            if all(result[first : last + 1]):
                continue
            if _is_telling(lower[spans[first][0] : spans[last][1]], language):
                result[first : last + 1] = [True] * (last + 1 - first)
    return result


def _is_telling(piece: str, language: str) -> bool:
    """Whether a piece of text is the telling of an event, or of two (a heading and what follows it)."""
    first = _tellings_end(piece, 0, language)
    return len(piece) in first or any(len(piece) in _tellings_end(piece, end, language) for end in first)


def _tellings_end(piece: str, start: int, language: str) -> set[int]:
    start += len(piece[start:]) - len(piece[start:].lstrip())
    return set().union(*(_ends(line, 0, piece, start, language, event) for event, line in _lines(language)))


@cache
def _lines(language: str) -> tuple[tuple[str, tuple], ...]:
    """Every telling with its event, in lower case and without the line break at its end."""
    return tuple(
        (event, _lower(line, True))
        for event, both in tellings().items()
        if event[0] != "?"
        for line in both[language]
    )


def _lower(nodes: tuple, at_end: bool) -> tuple:
    lower: list[str | Slot | Either] = []
    for index, node in enumerate(nodes):
        last = at_end and index == len(nodes) - 1
        if isinstance(node, Either):
            lower.append(Either(node.number, tuple(_lower(option, last) for option in node.options)))
        elif isinstance(node, Slot):
            lower.append(node)
        else:
            lower.append(node.lower().rstrip("\n") if last else node.lower())
    return tuple(lower)


def _ends(nodes: tuple, index: int, piece: str, start: int, language: str, event: str) -> set[int]:
    """Where a match of `nodes[index:]` that begins at `start` can end."""
    if index == len(nodes):
        return {start}
    node = nodes[index]
    if isinstance(node, str):
        if not piece.startswith(node, start):
            return set()
        after = {start + len(node)}
    elif isinstance(node, Either):
        after = set().union(*(_ends(option, 0, piece, start, language, event) for option in node.options))
    else:
        wordings = _wordings(event, node, language)
        after = {start + size for size in wordings.sizes if piece[start : start + size] in wordings.texts}
        for rule, behind in wordings.made:
            named = rule.ends_at(piece, start, language)
            after |= {end + len(behind) for end in named if piece.startswith(behind, end)}
    return set().union(*(_ends(nodes, index + 1, piece, end, language, event) for end in after))


@dataclass(frozen=True)
class _Wordings:
    texts: frozenset[str]
    sizes: tuple[int, ...]
    made: frozenset[tuple[Names, str]] = frozenset()  # a name made by this rule, and what follows it ("'s")


@cache
def _wordings(event: str, slot: Slot, language: str) -> _Wordings:
    """Every wording that a slot of an event can have, in lower case."""
    made: set[tuple[Names, str]] = set()
    if slot.name not in _kinds_of_roles().get(event, {}) and len(slot.name) == 2:
        texts = {slot.form} if language == "en" else {"他们", "她们", "他们的", "她们的"}
    else:
        kinds = _kinds_of_roles().get(event, {}).get(slot.name, frozenset())
        texts = set().union(*(_renderings(kind, slot.form, language) for kind in sorted(kinds)))
        made = set().union(*(_around_made_names(kind, slot.form, language) for kind in sorted(kinds)))
    return _Wordings(frozenset(texts), tuple(sorted({len(text) for text in texts})), frozenset(made))


@lru_cache(maxsize=1)
def _seen() -> tuple[tuple[str, str, Entity], ...]:
    """(event, role, entity) of a few hundred documents of each kind of text, each wording of an entity once."""
    seen = {}
    for kind in KINDS:
        for seed in range(300):
            for event, roles in document(seed, "en", kinds=(kind,)).events:
                for name, value in roles.items():
                    entity = value.options[0] if isinstance(value, Lazy) else value
                    if entity is not None:
                        seen[event, name, entity.kind, entity.en, entity.zh] = (event, name, entity)
    return tuple(seen.values())


@lru_cache(maxsize=1)
def _kinds_of_roles() -> dict[str, dict[str, frozenset[str]]]:
    """What kind of entity fills each role of each event."""
    kinds: dict[str, dict[str, set[str]]] = {}
    for event, name, entity in _seen():
        kinds.setdefault(event, {}).setdefault(name, set()).add(entity.kind)
    return {
        event: {name: frozenset(found) for name, found in roles.items()} for event, roles in kinds.items()
    }


@cache
def _renderings(kind: str, form: str, language: str) -> frozenset[str]:
    """All wordings of all entities of the tables of a kind."""
    return frozenset().union(*(_in_every_way(entity, form, language) for entity in _entities().get(kind, ())))


@cache
def _around_made_names(kind: str, form: str, language: str) -> frozenset[tuple[Names, str]]:
    """What can follow a made name in a slot: one of each sex says it for the thousands."""
    found = set()
    for rule in (rule for rule in names.RULES if rule.kind == kind):
        for one in {name.sex: name for name in rule}.values():
            name = one.word(language).lower()
            texts = _in_every_way(one, form, language)
            found |= {(rule, text.removeprefix(name)) for text in texts if text.startswith(name)}
    return frozenset(found)


def _in_every_way(entity: Entity, form: str, language: str) -> frozenset[str]:
    """All wordings of an entity, found by rendering it in every way the teller can, in lower case."""
    texts = set()
    for focused in (False, True):
        stack: list[tuple[int, ...]] = [()]
        while stack:
            path = stack.pop()
            try:
                texts.add(_render_slot(entity, form, language, focused, Replay(path, None, language)).lower())
            except Fork as fork:
                stack += [(*path, index) for index, _ in fork.branches]
    return frozenset(texts)


def _render_slot(entity: Entity, form: str, language: str, focused: bool, chance: Replay | First) -> str:
    copy = entity.own_copy()
    if copy.kind == "thing":
        copy.mark, copy.sized = UNSEEN, True
        if form in ("", "n", "that", "colour"):  # these show a mark that was drawn before
            copy.mark = Teller(chance, language)._draw_mark(copy)
            if copy.mark is None and form == "colour":
                return ""
    if copy.kind == "job":
        copy.sex = None
    teller = Teller(chance, language)
    if focused:
        teller.focus, teller.recent = copy, [copy]
    return teller._slot(Slot("X", form), {"X": copy})


@lru_cache(maxsize=1)
def _entities() -> dict[str, tuple[Entity, ...]]:
    """Every entity of every table in the package, and those that a story makes for itself, by kind."""
    import course_lib.world as package

    found: dict[str, dict[tuple[str, str], Entity]] = {}
    for _, _, entity in _seen():
        if not isinstance(entity, names.Named):
            found.setdefault(entity.kind, {})[entity.en, entity.zh] = entity
    for info in walk_packages(package.__path__, package.__name__ + "."):
        for value in vars(import_module(info.name)).values():
            for entity in _entities_in(value):
                found.setdefault(entity.kind, {})[entity.en, entity.zh] = entity
    return {kind: tuple(entities.values()) for kind, entities in found.items()}


def _entities_in(value: object) -> Iterator[Entity]:
    """The entities in a table, or in a dictionary of tables, and the spots of places."""
    if isinstance(value, Entity):
        yield from (value, *getattr(value, "spots", ()))
    elif isinstance(value, dict):
        yield from _entities_in((*value, *value.values()))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _entities_in(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _entities_in(tuple(vars(value).values()))
