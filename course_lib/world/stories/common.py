"""Scenes that many stories share: openings, meetings, owning something, feelings, endings."""

from typing import Any

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.words import Entity

INDOORS = ("school", "library", "station", "museum", "teahouse")
# Where somebody may play or take a walk.
OUTDOORS = ("garden", "park", "river", "lake", "beach", "forest", "bamboo grove", "farm", "hill", "playground",
            "village square")  # fmt: skip
WET = ("rainy", "snowy")  # only under a roof
HARSH = ("rainy", "snowy", "foggy", "cold")  # in which one might rather stay at home
HALF_DAYS = len(words.PARTS_OF_DAY)
FAMILY = ("cousin", "big brother", "big sister", "little brother", "little sister")
GLAD, SAD = "happy, glad, content", "sad, upset, unhappy"  # the feelings that fit everywhere


def times(place: Entity) -> tuple[tuple[Entity, ...], tuple[int, ...]]:
    """When somebody may come to a place, and how often: a night market opens in the evening, all else is visited by day.

    >>> from course_lib.world.words import PLACES
    >>> [time.en for time in times(PLACES[0])[0][:3]]
    ['one morning', 'one afternoon', 'on Monday morning']
    """
    evening = place.en == "night market"
    days = words.WEEK_TIMES[: 5 * HALF_DAYS] if place.en == "school" else words.WEEK_TIMES
    some, week = (
        tuple(time for index, time in enumerate(all_times) if (index % HALF_DAYS == 2) == evening)
        for all_times in (words.SOME_TIMES, days)
    )
    return some + week, (7,) * len(some) + (1,) * len(week)


def opening(
    world: World, places: tuple[Entity, ...] = words.PLACES, weather: float = 0.4
) -> tuple[Entity, Entity, Entity | None]:
    """A hero at a place, by day (but in the evening at the night market), and perhaps the weather.

    Returns (hero, place, weather or None). It neither rains nor snows where there is no roof.
    """
    hero = world.hero()
    place = world.place_for(hero, places)
    options, weights = times(place)
    time = world.pick(options, weights, named=True)
    world.state.go(hero, place)
    if not weather or not world.maybe(weather):
        strolling = place.en in OUTDOORS and place.en != "playground"  # nobody takes a walk on a playground
        world.tell("open_out" if strolling else "open", A=hero, p=place, t=time)
        return hero, place, None
    dark = place.en == "night market"
    sky = world.pick(
        [
            sky
            for sky in words.WEATHER
            if (place.en in INDOORS or sky.en not in WET) and not (dark and sky.en in ("sunny", "cloudy"))
        ],
        named=True,
    )
    world.state.become(sky)
    world.tell("open_harsh" if sky.en in HARSH else "open_weather", A=hero, p=place, t=time, w=sky)
    return hero, place, sky


def meeting(world: World, hero: Entity, event: str = "meet") -> Entity:
    """Somebody close to the hero comes by."""
    friend, relation = world.friend_of(hero)
    world.state.meet(hero, friend, relation)
    world.tell(event, A=hero, B=friend, r=relation)
    return friend


def related(world: World, person: Entity, other: Entity) -> bool:
    """Whether the two who met are of one family."""
    return any(
        deed.verb == "meet"
        and deed.roles["A"] is person
        and deed.roles["B"] is other
        and deed.roles["r"].en in FAMILY
        for deed in world.state.history
    )


def low_spots(world: World, place: Entity, count: int) -> list[Entity]:
    """Different parts of a place where a thing that somebody dropped may lie."""
    left, drawn = [spot for spot in place.spots if spot.en != "on the top shelf"], []
    for _ in range(count):
        drawn.append(world.pick(left, named=True))
        left.remove(drawn[-1])
    return drawn


def owning(world: World, hero: Entity, things: tuple[Entity, ...] | None = None) -> Entity:
    """The hero has something along, perhaps a present, perhaps dear to them."""
    thing = world.thing_of(hero, things)
    world.state.own(hero, thing)
    if world.maybe(0.35):
        giver = world.later(words.KIN)
        world.state.note("present", A=hero, o=thing, g=giver)
        world.tell("has_gift", A=hero, o=thing, g=giver)
    else:
        world.tell("has", A=hero, o=thing)
    if world.maybe(0.4):
        world.tell("love", A=hero, o=thing)
    return thing


def sadness(world: World, person: Entity, only: str = "sad, upset, worried") -> None:
    """Somebody feels bad, said or shown."""
    world.tell("sad", A=person, f=world.later([f for f in words.SAD if f.en in only.split(", ")]))


def last_feeling(
    world: World, person: Entity, good: bool, only: str = "", why: str = "", **roles: Any
) -> None:
    """How the story leaves somebody: the feeling that a question at the end may ask for.

    `only`: the names of the feelings that fit, where others than the usual ones do. `why`: an event of the story's own
    that tells the feeling {f} of {A} with its cause ("{A} was {f} because {o} was back."); its other `roles` follow.
    """
    known = words.GLAD if good else (*words.SAD, *words.SAD_AT_LAST)
    fitting = {f.en: f for f in known if f.en in (only or (GLAD if good else SAD)).split(", ")}
    feeling = world.later(list(fitting.values()))
    world.state.feel(person, feeling, good)
    world.tell(why or ("glad_end" if good else "sad_end"), **(roles | {"A": person, "f": feeling}))


def ending(
    world: World,
    hero: Entity,
    friend: Entity,
    good: bool = True,
    why: str = "",
    only: str = "",
    helped: bool = True,
    **roles: Any,
) -> None:
    """One of the usual ways in which a story ends in which `friend` helped, or could not.

    `helped`: whether there is something to thank the friend for. `why` and `only` as in `last_feeling`.
    """
    ways = ["feeling", "home"]
    if good and helped:
        ways += ["thanks", "food"] + ["true_friend"] * (not related(world, hero, friend))
    way = world.pick(ways)
    if way == "thanks":
        world.tell("thanks", A=hero, B=friend)
    elif way == "food":
        world.tell("share_food", G=hero, R=friend, d=world.later(words.FOODS))
    elif way == "home":
        world.tell("home" if good else "home_sad", A=hero, B=friend)
    elif way == "true_friend":
        world.tell("true_friend", A=hero, B=friend)
    if way == "feeling" or world.maybe(0.3):
        last_feeling(world, hero, good, only, why if world.maybe(0.5) else "", **roles)
