"""Documents of the little world: a seed becomes a story or another short text, with its truth.

`document(seed, language)` runs a world once. The same seed gives the same document on every machine. `Document`
keeps the text, the events, the state at the end, and what the choices cost in nats.

Knows the stories and the other kinds of text; knows nothing of files.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from course_lib.world import arguments
from course_lib.world.chance import Chance
from course_lib.world.simulation import EVERYDAY, World, WorldConfig
from course_lib.world.state import State
from course_lib.world.stories import STORIES
from course_lib.world.telling import Teller
from course_lib.world.texts import TEXTS


@dataclass(frozen=True)
class Document:
    """One text with its truth.

    `path_nats` is -log of the probability of the choices that made it, in nats: at least the text's exact information.
    """

    kind: str
    language: str
    text: str
    events: tuple = field(repr=False)
    state: State = field(repr=False)
    path_nats: float
    config: WorldConfig


STORY_SHARE = (
    0.75  # three documents in four are stories; the others are shared evenly by the other kinds of text
)
KINDS: tuple[Callable[[World], None], ...] = STORIES + TEXTS
WEIGHTS = (STORY_SHARE / len(STORIES),) * len(STORIES) + ((1 - STORY_SHARE) / len(TEXTS),) * len(TEXTS)


def name_of(kind: Callable[[World], None]) -> str:
    """The name of a kind of text: "lost", "recipe".

    >>> name_of(KINDS[-1])
    'town'
    """
    return kind.__module__.rpartition(".")[2] if kind in STORIES else kind.__name__


def run(chance: Chance, language: str, config: WorldConfig, kinds: tuple | None = None) -> tuple[str, World]:
    """Draw a kind of text and let it happen; returns its name and the world at the end."""
    world = World(chance, language, config)
    kind = chance.pick(KINDS, WEIGHTS) if kinds is None else chance.pick(kinds)
    kind(world)
    return name_of(kind), world


def document(
    seed: int, language: str, config: WorldConfig = EVERYDAY, kinds: tuple | None = None
) -> Document:
    """The document of a seed.

    Raises: ValueError for a seed below 0, a language other than "en" and "zh", or no kind of text at all.

    >>> document(3, "en").text == document(3, "en").text
    True
    """
    arguments.language(language)
    if not isinstance(config, WorldConfig):
        raise ValueError(f"config is a {type(config).__name__}, but it must be a WorldConfig")
    if kinds is not None and not kinds:
        raise ValueError("kinds is empty, but it must have at least one kind of text; None takes them all")
    chance = Chance(seed)
    kind, world = run(chance, language, config, kinds)
    return Document(
        kind, language, world.teller.text(), tuple(world.events), world.state, chance.nats, config
    )


def retell(
    events: tuple, language: str, chance: Chance, records: list | None = None, follow: list | None = None
) -> str:
    """The same events in another language, or again in the same one.

    `records` collects the choices of each event; `follow` repeats choices that were collected in the other language.
    """
    teller = Teller(chance, language)
    for index, (event, roles) in enumerate(events):
        record: dict | None = None
        if records is not None:
            records.append(record := {})
        teller.tell(event, record=record, follow=None if follow is None else follow[index], **roles)
    return teller.text()
