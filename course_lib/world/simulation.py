"""Runs one small world: draws who and what is in it, lets things happen, and has them told as they happen.

A `World` holds the chance that decides, the state of what is true, and the teller. A story's program calls
`world.state.<verb>(...)` to let something happen and `world.tell(event, ...)` to have it told. `WorldConfig` holds
the knobs: which cast of people is used, how many documents have people with new names, how strongly jobs go with
pronouns, which facts about the town are stated and how often.

Knows nothing of particular stories.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from course_lib.world import names, words
from course_lib.world.chance import Chance
from course_lib.world.state import State
from course_lib.world.telling import Lazy, Teller
from course_lib.world.words import UNSEEN, Entity

CASTS = ("everyday", "heldout", "strangers", "anywhere")
HELD_OUT_SHARE = 8  # one in eight pairs of a person with a place or a thing is kept for the held-out worlds


@dataclass(frozen=True)
class WorldConfig:
    """The knobs of the little world.

    `cast`: "everyday" for training and validation; "heldout" for worlds in which people are at places and own
    things that they are never seen with in an everyday world; "strangers" for people whose names no everyday or
    held-out world uses; "anywhere" for all of these people at any place, with anything: every other cast's story is
    one of these, too. `new_names`: the share of documents whose people and pets have made names (see `names`); in
    the others they are the familiar ones, and strangers always have made names. `skew`: 1 keeps the chance that a
    person of some job is a "she" as the job table says, 0 makes every job even. `facts`: how strongly the town facts
    differ in how often they are stated (1: each rank half as often as the one before it, 0: all alike).

    Raises: ValueError for an unknown cast, or a share, skew or spread outside 0 to 1.

    >>> WorldConfig().cast
    'everyday'
    """

    cast: str = "everyday"
    skew: float = 1.0
    facts: float = 1.0
    new_names: float = 0.6

    def __post_init__(self):
        if self.cast not in CASTS:
            raise ValueError(f"the cast is {self.cast!r}, but it must be one of {', '.join(CASTS)}")
        for name in ("skew", "facts", "new_names"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, but it must lie between 0 and 1")


EVERYDAY = WorldConfig()


@lru_cache(maxsize=4096)
def companions(person: str, options: tuple[Entity, ...], cast: str) -> tuple[Entity, ...]:
    """The places or things that `person` may be seen with in worlds of this cast.

    >>> everyday = companions("Tom", words.THINGS, "everyday")
    >>> set(everyday) & set(companions("Tom", words.THINGS, "heldout"))
    set()
    """
    if cast in ("strangers", "anywhere"):
        return options
    begun = zlib.crc32(f"{person}|".encode())  # the checksum of the pair "Tom|kite" goes on from here
    held_out = cast == "heldout"
    return tuple(o for o in options if (zlib.crc32(o.en.encode(), begun) % HELD_OUT_SHARE == 0) == held_out)


class Known:
    """That the people of a document are the familiar ones, or ones with made names: an option to draw.

    >>> FAMILIAR.mentioned_in("tom had a kite.", "en"), MADE.mentioned_in("tom had a kite.", "en")
    (True, False)
    """

    def __init__(self, by_rule: bool):
        self.by_rule = by_rule

    def mentioned_in(self, lower_text: str, language: str) -> bool:
        """Whether a text (in lower case) could have such people: false only if it certainly has not."""
        if self.by_rule:
            return bool(names.PEOPLE.beginnings_in(lower_text, language))
        return any(person.mentioned_in(lower_text, language) for person in words.PEOPLE)


MADE, FAMILIAR = Known(True), Known(False)
POOL_OF_CAST = {"everyday": "known", "heldout": "known", "strangers": "strange", "anywhere": "all"}


class NewPet(Lazy):
    """The made name of a pet, drawn when it is first told.

    >>> from course_lib.world.chance import First
    >>> NewPet("all").resolve(First()).zh
    '皮可'
    """

    def __init__(self, pool: str):
        super().__init__(words.PETS)  # for who asks what kind of thing it will be
        self.pool = pool

    def resolve(self, chance: Chance) -> Entity:
        """The name itself, drawn now if it was not drawn before."""
        if self.value is None:
            self.value = names.PETS.draw(chance, self.pool)
        return self.value


class World:
    """One small world on the way through its story.

    >>> world = World(Chance(1), "en")
    >>> hero = world.hero()
    >>> world.friend_of(hero)[0] is hero
    False
    """

    def __init__(self, chance: Chance, language: str, config: WorldConfig = EVERYDAY):
        self.chance, self.language, self.config = chance, language, config
        self.state = State()
        self.teller = Teller(chance, language, config.skew)
        self.events: list[tuple[str, dict]] = []
        self.telling_nats = 0.0  # what the choice of words cost; the rest was the choice of events
        self._used: set[str] = set()
        self._begun: list[str] = []  # the first syllables of made names
        self._made: bool | None = config.cast == "strangers" or None  # not decided before the first person
        self.pick, self.maybe = chance.pick, chance.maybe

    def tell(self, event: str, **roles: Any) -> None:
        """Have an event told, with those who take part."""
        self.events.append((event, roles))
        before = self.chance.nats
        self.teller.tell(event, **roles)
        self.telling_nats += self.chance.nats - before

    # -- drawing who and what takes part. Drawn at once: the telling must name it.
    def new(self, options: Sequence[Entity], rather: Sequence[Entity] = ()) -> Entity:
        """One that has not been used in this story yet; one of `rather`, if any of them is left."""
        left = [o for o in rather if o.en not in self._used] or [o for o in options if o.en not in self._used]
        drawn = self.pick(left, named=True)
        self._used.add(drawn.en)
        return drawn

    def hero(self) -> Entity:
        """The person the story is about."""
        return self.person()

    def person(self, sex: str = "") -> Entity:
        """Another person, of a given sex if one is asked for."""
        if not self._has_made_names():
            return self.new([p for p in words.PEOPLE if not sex or p.sex == sex])
        drawn = names.PEOPLE.draw(self.chance, POOL_OF_CAST[self.config.cast], sex, self._begun)
        self._begun.append(drawn.syllables[0])
        return drawn

    def _has_made_names(self) -> bool:
        """Whether the names of this document are made by rule; drawn once, before its first person."""
        if self._made is None:
            share = self.config.new_names
            self._made = self.pick((MADE, FAMILIAR), (share, 1.0 - share), named=True).by_rule
        return self._made

    def friend_of(self, person: Entity) -> tuple[Entity, Entity]:
        """Somebody close to `person`, and what they are to them: (person, relation)."""
        relation = self.pick(words.RELATIONS, named=True)
        return self.person(relation.sex), relation

    def place_for(self, person: Entity, places: tuple[Entity, ...] = words.PLACES) -> Entity:
        """A place where `person` may be in this world."""
        return self.pick(companions(person.en, places, self.config.cast) or places, named=True)

    def thing_of(
        self, person: Entity, things: tuple[Entity, ...] | None = None, sized: bool = True
    ) -> Entity:
        """A thing that `person` may have in this world; its colour or size is drawn when first told.

        `things`: which ones it may be. `sized=False`: it is not said to be old, new, big or little.
        """
        things = words.THINGS if things is None else things
        thing = self.new(things, rather=companions(person.en, things, self.config.cast))
        return thing.own_copy(mark=UNSEEN, sized=sized)

    def spots(self, place: Entity, count: int) -> list[Entity]:
        """Different parts of a place."""
        left, drawn = list(place.spots), []
        for _ in range(count):
            drawn.append(self.pick(left, named=True))
            left.remove(drawn[-1])
        return drawn

    def somebody(self, jobs: str) -> Entity:
        """A person known only by their job; `jobs` names the possible ones. Their sex is drawn with the first pronoun."""
        names = [name.strip() for name in jobs.split(",")]
        return self.pick([j for j in words.JOBS if j.en in names], named=True).own_copy(sex=None)

    # -- drawn only when first told
    def later(self, options: Sequence[Entity], weights: tuple[float, ...] | None = None) -> Lazy:
        """One of `options`, drawn when a telling first shows it (and never, if none does)."""
        return Lazy(tuple(options), weights)

    def pet_name(self) -> Lazy:
        """What a pet is called: a familiar name where people's are, else one made by rule."""
        return NewPet(POOL_OF_CAST[self.config.cast]) if self._has_made_names() else self.later(words.PETS)
