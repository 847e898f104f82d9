"""Tasks with known answers, drawn from the little world: translation pairs and labelled texts.

Everything is a function of a seed. `tells` accepts a text if the world could have told these very events in these
words. What one line of an event says, another need not say (one got lost on a short cut, or behind a cat): `choices`
finds which lines and words a text has chosen, and `tells` can hold another text, in either language, to the same.
Instructions are in `instructions`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from course_lib.world import arguments
from course_lib.world.chance import Chance, First, Fork, Mismatch, Replay
from course_lib.world.documents import document, retell
from course_lib.world.simulation import EVERYDAY, WorldConfig
from course_lib.world.stories import STORIES
from course_lib.world.telling import Teller
from course_lib.world.texts import review


@dataclass(frozen=True)
class Pair:
    """The same events told in two languages, in the same way line by line."""

    source: str
    target: str
    events: tuple = field(repr=False)

    def accepts(self, text: str, language: str) -> bool:
        """Whether a text in the language of `target` says what `source` says: line by line and word by word, but
        for the choice between a name and its pronoun, or "the kite" and "the red kite".

        >>> pair = parallel(1, "en", sentences=1)
        >>> pair.accepts(pair.target, "zh"), pair.accepts("就是这样。", "zh")
        (True, False)
        """
        return any(
            tells(self.events, text, language, said=said)
            for said in choices(self.events, self.source, other(language))
        )


def other(language: str) -> str:
    """The world's other language.

    >>> other("en")
    'zh'
    """
    return "zh" if arguments.language(language) == "en" else "en"


def parallel(seed: int, source: str, sentences: int | None = None, config: WorldConfig = EVERYDAY) -> Pair:
    """A whole story in both languages, or `sentences` consecutive events of one; `source` is the language of `Pair.source`.

    >>> pair = parallel(1, "en", sentences=1)
    >>> tells(pair.events, pair.target, "zh")
    True
    """
    if sentences is not None:
        sentences = arguments.whole("sentences", sentences, least=1)
    chance = Chance(seed)
    events = document(seed, source, config, kinds=STORIES).events
    if sentences is not None:
        first = int(chance.pick(range(max(1, len(events) - sentences + 1))))
        events = events[first : first + sentences]
    records: list[dict] = []
    told = retell(events, source, chance, records=records)
    return Pair(told, retell(events, other(source), First(), follow=records), events)


def tells(
    events: tuple,
    text: str,
    language: str,
    limit: int = 20_000,
    said: list[dict] | None = None,
    must: set[int] | None = None,
) -> bool:
    """Whether `text` is one of the ways in which the world tells exactly these events.

    `said`: which line of each event it has to be, with which words, as `choices` found them in another text. `must`:
    the numbers of the events that have to be told, where the others may be left out.

    >>> tells(parallel(1, "en", sentences=1).events, "Something else.", "en")
    False
    """
    return next(_ways(events, text, language, limit, said, must), None) is not None


@dataclass(frozen=True)
class Choices:
    """What a text chose among its wordings, and where the telling of each event ends in it."""

    said: list[dict]
    ends: list[int]


def choices(events: tuple, text: str, language: str, limit: int = 20_000) -> list[list[dict]]:
    """Every way to understand a text as a telling of these events: the line of each event and the words in its brackets.

    >>> pair = parallel(1, "en", sentences=1)
    >>> [tells(pair.events, pair.target, "zh", said=said) for said in choices(pair.events, pair.source, "en")]
    [True]
    """
    return [way.said for way in _ways(events, text, language, limit)]


def event_ends(events: tuple, text: str, language: str) -> list[int]:
    """Where the telling of each event ends in a text.

    >>> made = document(5, "en")
    >>> event_ends(made.events, made.text, "en")[-1] == len(made.text)
    True
    """
    return next(_ways(events, text, language, 20_000)).ends


def _ways(
    events: tuple,
    text: str,
    language: str,
    limit: int,
    said: list[dict] | None = None,
    must: set[int] | None = None,
) -> Iterator[Choices]:
    """All ways in which the world tells the events in just this text."""
    arguments.text(text)
    arguments.language(language)
    stack: list[tuple[int, ...]] = [()]
    for _ in range(limit):
        if not stack:
            return
        path = stack.pop()
        chance = Replay(path, text, language)
        teller, found = Teller(chance, language), Choices([], [])
        try:
            for index, (event, roles) in enumerate(events):
                if must is not None and index not in must and chance.pick((False, True)):
                    continue
                record: dict = {}
                teller.tell(event, record=record, follow=None if said is None else said[index], **roles)
                # lines and brackets say something; a name or its pronoun, a full or a bare noun say the same
                found.said.append({label: at for label, at in record.items() if not isinstance(label, tuple)})
                found.ends.append(teller.position)
            if teller.position == len(text):
                yield found
        except Mismatch:
            pass
        except Fork as fork:
            stack += [(*path, index) for index, _ in fork.branches]


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
    seed = arguments.whole("the seed", seed)
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
