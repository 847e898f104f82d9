"""From events to sentences: reads the paired tellings and renders them in English or in Chinese.

A telling file lists, for each event, pairs of lines: an English telling and the same telling in Chinese. A line is
text with `{slot}` or `{slot.form}` for those who take part, and `[this|that]` for choices of words; the brackets of
the two lines of a pair correspond in order, option by option, so that a story told in one language can be told in
the same way in the other (where the order differs, `[2:this|that]` names its partner by number). `Teller` renders lines and keeps track of who a pronoun can clearly refer to: where it
would not be clear, the name is used.

Knows nothing of stories: which event is told when is decided elsewhere.
"""

import itertools
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from course_lib.world.chance import Chance, Mismatch
from course_lib.world.words import COLOURS, SIZES, UNSEEN, Entity

LANGUAGES = ("en", "zh")


class Slot(NamedTuple):
    """`{name.form}` in a telling."""

    name: str
    form: str


class Either(NamedTuple):
    """`[this|that]` in a telling; `number` counts the brackets of a line."""

    number: int
    options: tuple[tuple, ...]


class Lazy:
    """Something that is drawn only when it is first told, so that what is never told is never drawn."""

    def __init__(self, options: tuple[Entity, ...], weights: tuple[float, ...] | None = None):
        self.options, self.weights = options, weights
        self.value: Entity | None = None

    def resolve(self, chance: Chance) -> Entity:
        """The thing itself, drawn now if it was not drawn before."""
        if self.value is None:
            self.value = chance.pick(self.options, self.weights, named=True)
        return self.value


# ---------------------------------------------------------------- reading the telling files


def parse_line(line: str) -> tuple:
    """A telling line as a tuple of strings, `Slot`s and `Either`s.

    Raises: ValueError when brackets or braces are not closed.

    >>> parse_line("{A} [went|ran] home.")
    (Slot(name='A', form=''), ' ', Either(number=1, options=(('went',), ('ran',))), ' home.')
    """
    count = 0

    def sequence(position: int, closing: str) -> tuple[list, int]:
        nonlocal count
        options, nodes, text = [], [], ""
        while position < len(line) and line[position] != closing:
            char = line[position]
            if char not in "[{|":
                text += char
            else:
                if text:
                    nodes.append(text)
                    text = ""
                if char == "[":
                    count += 1
                    number = count
                    if line[position + 2 : position + 3] == ":" and line[position + 1].isdigit():
                        number = int(line[position + 1])  # [2:...] pairs with the other line's second bracket
                        position += 2
                    inner, position = sequence(position + 1, "]")
                    nodes.append(Either(number, tuple(inner)))
                elif char == "{":
                    end = line.find("}", position)
                    if end < 0:
                        raise ValueError(f"a {{ is not closed in the telling {line!r}")
                    name, _, form = line[position + 1 : end].partition(".")
                    nodes.append(Slot(name, form))
                    position = end
                else:
                    options.append(tuple(nodes))
                    nodes = []
            position += 1
        if closing and position >= len(line):
            raise ValueError(f"a [ is not closed in the telling {line!r}")
        if text:
            nodes.append(text)
        return [*options, tuple(nodes)], position

    options, _ = sequence(0, "")
    if len(options) != 1:
        raise ValueError(f"a | stands outside brackets in the telling {line!r}")
    return options[0]


def parse_tellings(text: str) -> dict[str, dict[str, tuple]]:
    """All events of a telling file: `{event: {"en": lines, "zh": lines}}`, lines of a pair at the same place.

    >>> parse_tellings("# rest\\n{A} sat down.\\n{A}坐了下来。")["rest"]["zh"]
    ((Slot(name='A', form=''), '坐了下来。'),)
    """
    events: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("# "):
            lines = events.setdefault(line[2:].strip(), [])
        elif line.strip() and not line.startswith("//"):
            lines.append(line.replace("\\n", "\n"))
    for event, both in events.items():
        if len(both) % 2 or not both:
            raise ValueError(
                f"the event {event!r} has {len(both)} lines: each English line needs a Chinese one after it"
            )
    return {
        event: {"en": tuple(map(parse_line, both[::2])), "zh": tuple(map(parse_line, both[1::2]))}
        for event, both in events.items()
    }


@lru_cache(maxsize=1)
def tellings() -> dict[str, dict[str, tuple]]:
    """Every event of the world with its tellings, read from `tellings/*.txt` once.

    >>> len(tellings()["meet"]["en"]) == len(tellings()["meet"]["zh"])
    True
    """
    found: dict[str, dict[str, tuple]] = {}
    for path in sorted((Path(__file__).parent / "tellings").glob("*.txt")):
        events = parse_tellings(path.read_text(encoding="utf-8"))
        twice = found.keys() & events.keys()
        if twice:
            raise ValueError(f"{path.name} tells {sorted(twice)} again: each event is told in one file only")
        found.update(events)
    return found


# ---------------------------------------------------------------- rendering

PRONOUNS = {
    "en": {
        "m": {"he": "he", "his": "his", "him": "him", "self": "himself", "child": "boy", "hers": "his"},
        "f": {"he": "she", "his": "her", "him": "her", "self": "herself", "child": "girl", "hers": "hers"},
    },
    "zh": {
        "m": {"he": "他", "his": "他的", "him": "他", "self": "自己", "child": "男孩", "hers": "他的"},
        "f": {"he": "她", "his": "她的", "him": "她", "self": "自己", "child": "女孩", "hers": "她的"},
    },
}
NAME_OR_PRONOUN = (
    0.2,
    0.8,
)  # how often a clear subject is named again, and how often a pronoun stands for it
BARE_OR_FULL = (0.6, 0.4)  # "the kite" and "the red kite"
MARK_WEIGHTS = (0.3, 0.5, 0.2)  # no mark, a colour, a size
CAPITAL_FOLLOWS = (". ", "! ", "? ", '." ', "\n", ' "')
SENTENCE_ENDS = re.compile(r'[.!?]"? |[。！？…]')


def article(noun: str) -> str:
    """The noun with its indefinite article.

    >>> article("old kite"), article("kite")
    ('an old kite', 'a kite')
    """
    return ("an " if noun[0] in "aeiou" else "a ") + noun


class Teller:
    """Tells events one after the other in one language, as one document.

    `text()` is what was told so far. With a `Replay` as its chance, the teller checks each piece against the text to
    be explained and raises `Mismatch` at the first difference.

    >>> from course_lib.world.chance import First
    >>> from course_lib.world.words import PEOPLE, RELATIONS
    >>> teller = Teller(First(), "en")
    >>> teller.tell("meet", A=PEOPLE[0], B=PEOPLE[10], r=RELATIONS[0])
    >>> teller.text()
    "Just then, Tom's friend Lily came up."
    """

    def __init__(self, chance: Chance, language: str, skew: float = 1.0):
        self.chance, self.language, self.skew = chance, language, skew
        self.pieces: list[str] = []
        self.goal: str | None = getattr(chance, "text", None)
        self.position = 0
        self.focus: Entity | None = None  # who the last sentence was about
        self.recent: list[Entity] = []  # everybody the last sentence mentioned
        self.now: list[Entity] = []  # everybody this sentence has mentioned so far
        self.said: dict[int, tuple[Entity, str]] = {}  # how each person and thing was mentioned last
        self.record: dict | None = None
        self.follow: dict | None = None
        self._at_start = True

    def text(self) -> str:
        """Everything told so far."""
        return "".join(self.pieces)

    def tell(self, event: str, record: dict | None = None, follow: dict | None = None, **roles: Any) -> None:
        """Tell one event. `record` collects the choices made; `follow` repeats choices recorded in the other language."""
        self.record, self.follow = record, follow
        if self.pieces and self.language == "en" and not self.pieces[-1].endswith("\n"):
            self._put(" ", "")
        self.tell_line(self._choose("line", tellings()[event][self.language]), roles)

    def tell_line(self, line: tuple, roles: dict[str, Any]) -> None:
        """Tell one parsed telling line."""
        self._at_start = True
        self._sequence(line, roles)
        self._end_sentence()

    def _end_sentence(self) -> None:
        """Whoever this sentence mentioned is what a pronoun in the next one may refer to."""
        if self.now:
            self.focus, self.recent, self.now = self.now[0], self.now, []

    def _sequence(self, nodes: tuple, roles: dict) -> None:
        for node in nodes:
            if isinstance(node, str):
                self._put(node, "")
                if SENTENCE_ENDS.search(node):
                    self._end_sentence()
            elif isinstance(node, Slot):
                self._put(self._slot(node, roles), node.name)
            else:
                self._sequence(self._choose(node.number, node.options), roles)

    def _put(self, piece: str, slot: str) -> None:
        if not piece:
            return
        if self._at_start and self.language == "en":
            first = 1 if piece[0] == '"' else 0
            piece = piece[:first] + piece[first : first + 1].upper() + piece[first + 1 :]
        if self.goal is not None and not self.goal.startswith(piece, self.position):
            rest = self.goal[self.position :]
            agree = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(piece, rest, strict=False))
            raise Mismatch(self.position + len(list(agree)), (slot, piece))
        self.position += len(piece)
        self.chance.told = self.position
        self.pieces.append(piece)
        self._at_start = piece == '"' or piece.endswith(CAPITAL_FOLLOWS)

    def _choose(self, label: Any, options: tuple, weights: tuple | None = None) -> Any:
        """A choice of words, which may be recorded, or follow what was recorded in the other language."""
        if self.follow is not None and label in self.follow:
            index = min(self.follow[label], len(options) - 1)
            return options[index]
        chosen = self.chance.pick(options, weights)
        if self.record is not None:
            self.record[label] = next(index for index, option in enumerate(options) if option is chosen)
        return chosen

    def _last(self, entity: Entity) -> str:
        """How a person or a thing was mentioned last: "n" or "he", "full" or "bare"; "" if it was not."""
        return self.said.get(id(entity), (entity, ""))[1]

    def _no_choice(self, label: Any, index: int, option: str) -> str:
        """The only option that fits here, recorded like a choice."""
        if self.record is not None:
            self.record[label] = index
        return option

    # -- one method for each kind of slot
    def _slot(self, slot: Slot, roles: dict) -> str:
        if slot.name not in roles and len(slot.name) == 2 and slot.name.isupper():
            return self._pair(roles[slot.name[0]], roles[slot.name[1]], slot.form)
        entity = roles[slot.name]
        if isinstance(entity, Lazy):
            entity = entity.resolve(self.chance)
        render = getattr(self, "_" + entity.kind, None)
        return render(entity, slot.form) if render else entity.word(self.language)

    def _pair(self, first: Entity, second: Entity, form: str) -> str:
        """{AB.they}: two people together. Nobody is alone in focus after it."""
        self.now += [first, second]
        if self.language == "zh":
            they = "她们" if first.sex == second.sex == "f" else "他们"
            return they + ("的" if form == "their" else "")
        return form

    def _clear(self, person: Entity, form: str) -> bool:
        """Whether a pronoun for `person` could only mean them, here in this sentence."""

        def rivals(people: list[Entity]) -> list[Entity]:
            return [
                p
                for p in people
                if p is not person and (p.kind == "job" or person.kind == "job" or p.sex == person.sex)
            ]

        if person in self.now:
            return person is self.now[0] or not rivals(self.now)
        if person not in self.recent:
            return False
        if form == "him":  # "Ben helped him": not Ben himself
            return not [p for p in rivals(self.recent) if p is not (self.now or [None])[0]] and not rivals(
                self.now[1:]
            )
        return not rivals(self.recent) and not rivals(self.now)

    def _person(self, person: Entity, form: str) -> str:
        name = person.word(self.language)
        if form == "child":
            self.now.append(person)
            return PRONOUNS[self.language][person.sex]["child"]
        if form == "self":
            return PRONOUNS[self.language][person.sex]["self"]
        if form == "":
            clear = person is self.focus and self._clear(person, "he")
            label = (person.en, "pronoun")
            if clear and self._last(person) == "n":  # "Ben ran home. Ben ate." says the name once too often
                form = self._no_choice(label, 1, "he")
            else:
                form = self._choose(label, ("n", "he"), NAME_OR_PRONOUN) if clear else "n"
        elif form != "n" and not self._clear(person, form):
            form = "whose" if form in ("his", "hers") else "n"
        self.now.append(person)
        self.said[id(person)] = person, "n" if form in ("n", "whose") else "he"
        if form == "whose":
            return name + ("'s" if self.language == "en" else "的")
        if form == "n":
            return name
        return PRONOUNS[self.language][person.sex][form]

    def _job(self, job: Entity, form: str) -> str:
        word = job.word(self.language)
        if form in ("he", "his", "him") and self._clear(job, form):
            if job.sex is None:
                she = 0.5 + self.skew * (float(job.she) - 0.5)
                job.sex = self.chance.pick(("f", "m"), (she, 1.0 - she))
            self.now.append(job)
            return PRONOUNS[self.language][job.sex][form]
        self.now.append(job)
        if self.language == "zh":
            return word + ("的" if form == "his" else "")
        return (
            article(word)
            if form == "a"
            else word
            if form == "k"
            else f"the {word}" + ("'s" if form == "his" else "")
        )

    def _kin(self, kin: Entity, form: str) -> str:
        self.now.append(kin)  # "she" in the next sentence might be the aunt
        word = kin.word(self.language)
        return f"the {word}" if form == "the" and self.language == "en" else word

    def _draw_mark(self, thing: Entity) -> Entity | None:
        """A thing's colour or size (or neither), drawn when the thing is first described."""
        kinds = ((None,), COLOURS, SIZES) if thing.sized else ((None,), COLOURS)
        marks = self.chance.pick(kinds, MARK_WEIGHTS[: len(kinds)])
        return None if marks[0] is None else self.chance.pick(marks, named=True)

    def _described(self, thing: Entity) -> str:
        """The noun with its colour or size, if it has one."""
        mark = thing.mark
        if mark is None or mark is UNSEEN:
            return thing.word(self.language)
        if self.language == "en":
            return f"{mark.en} {thing.en}"
        return mark.zh + ("的" if mark.kind == "colour" else "") + thing.zh

    def _thing(self, thing: Entity, form: str) -> str:
        english = self.language == "en"
        if form == "use":
            return thing.use_en if english else thing.use_zh
        before, self.said[id(thing)] = self._last(thing), (thing, "bare")
        if form == "k":
            return thing.word(self.language)
        if form == "an":
            return article(thing.en) if english else f"一{thing.measure}{thing.zh}"
        if form == "a":
            if thing.mark is UNSEEN:
                thing.mark = self._draw_mark(thing)
            noun = self._described(thing)
            self.said[id(thing)] = thing, "full"
            return article(noun) if english else f"一{thing.measure}{noun}"
        if form == "colour":
            return thing.mark.word(self.language) if isinstance(thing.mark, Entity) else ""
        described = thing.mark is not None and thing.mark is not UNSEEN
        options = ("bare", "full") if described else ("bare",)
        label = (thing.en, "" if form == "that" else form)  # "the kite" is 风筝, or 那只风筝
        if described and before == "full":  # a blue kite, then the kite: the mark is not said twice in a row
            how = self._no_choice(label, 0, "bare")
        else:
            how = self._choose(label, options, BARE_OR_FULL[: len(options)])
        self.said[id(thing)] = thing, how
        noun = self._described(thing) if how == "full" else thing.word(self.language)
        if form == "n":
            return noun if english else noun.replace("色的", "色")  # 我的红色风筝
        if form == "that":
            return f"that {noun}" if english else f"那{thing.measure}{noun}"
        if english:
            return f"the {noun}"
        return f"那{thing.measure}{noun}" if how == "full" else noun

    def _animal(self, animal: Entity, form: str) -> str:
        english = self.language == "en"
        if form in ("came", "left"):
            return getattr(animal, f"{form}_{self.language}")
        if form == "a":
            return article(animal.en) if english else f"一{animal.measure}{animal.zh}"
        if form == "k" or not english:
            return animal.word(self.language)
        return f"the {animal.en}"

    def _food(self, food: Entity, form: str) -> str:
        if form == "k":
            return food.word(self.language)
        if form == "a":
            return article(food.en) if self.language == "en" else f"一{food.measure}{food.zh}"
        return f"the {food.en}" if self.language == "en" else food.zh

    def _place(self, place: Entity, form: str) -> str:
        if self.language == "en" and place.en == "school" and form in ("in", "to"):
            return "at school" if form == "in" else "to school"
        if self.language == "en":
            return {
                "in": f"{place.preposition} the {place.en}",
                "to": f"to the {place.en}",
                "k": place.en,
            }.get(form, f"the {place.en}")
        by = place.locative == "边"
        if form == "in":
            return f"在{place.zh}{place.locative}"
        return place.zh + "边" if by and form == "to" else place.zh

    def _number(self, number: Entity, form: str) -> str:
        """{n.coins} is "one coin" or "three coins"; in Chinese only the number, before a measure word."""
        if self.language == "zh" or not form:
            return number.word(self.language)
        return f"{number.en} {form.removesuffix('s') if number.value == 1 else form}"

    def _weather(self, weather: Entity, form: str) -> str:
        return weather.clause if form == "clause" and self.language == "en" else weather.word(self.language)
