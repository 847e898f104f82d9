"""Tasks with known answers, drawn from the little world: translation pairs and labelled texts.

Everything is a function of a seed. A translation can be put in many ways: `tells` accepts it if the world could
have told these very events in these words. Instructions are in `instructions`.
"""

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


def tells(events: tuple, text: str, language: str, limit: int = 20_000) -> bool:
    """Whether `text` is one of the ways in which the world tells exactly these events.

    >>> tells(parallel(1, "en", sentences=1).events, "Something else.", "en")
    False
    """
    arguments.text(text)
    arguments.language(language)
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
