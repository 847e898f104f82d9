"""Scenes that many stories share: openings, meetings, owning something, feelings, endings."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.words import Entity

TIME_WEIGHTS = (7,) * len(words.SOME_TIMES) + (1,) * len(words.WEEK_TIMES)


def opening(
    world: World, places: tuple[Entity, ...] = words.PLACES, weather: float = 0.4
) -> tuple[Entity, Entity, Entity | None]:
    """A hero at a place, and perhaps the weather: (hero, place, weather or None)."""
    hero = world.hero()
    place = world.place_for(hero, places)
    late = (
        slice(2, None, 3) if place.en == "night market" else slice(None)
    )  # every third time is in the evening
    time = world.later((words.SOME_TIMES + words.WEEK_TIMES)[late], TIME_WEIGHTS[late])
    world.state.go(hero, place)
    sky = None
    if weather and world.maybe(weather):
        sky = world.pick(words.WEATHER, named=True)
        world.state.become(sky)
    world.tell("open_weather" if sky else "open", A=hero, p=place, t=time, w=sky)
    return hero, place, sky


def meeting(world: World, hero: Entity, event: str = "meet") -> Entity:
    """Somebody close to the hero comes by."""
    friend, relation = world.friend_of(hero)
    world.state.meet(hero, friend, relation)
    world.tell(event, A=hero, B=friend, r=relation)
    return friend


def owning(world: World, hero: Entity) -> Entity:
    """The hero has something, perhaps a present, perhaps dear to them."""
    thing = world.thing_of(hero)
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


def sadness(world: World, person: Entity) -> None:
    """Somebody feels bad, said or shown."""
    world.tell("sad", A=person, f=world.later(words.SAD))


def last_feeling(world: World, person: Entity, good: bool, only: str = "") -> None:
    """How the story leaves somebody: the feeling that a question at the end may ask for.

    `only`: the names of the feelings that fit, where not all good or all bad ones do.
    """
    feelings = words.GLAD if good else words.SAD if only else words.SAD_AT_LAST
    feeling = world.later([f for f in feelings if not only or f.en in only.split(", ")])
    world.state.feel(person, feeling, good)
    world.tell("glad_end" if good else "sad_end", A=person, f=feeling)


def ending(world: World, hero: Entity, friend: Entity, good: bool = True) -> None:
    """One of the usual ways in which a story of two people ends."""
    ways = ("feeling", "thanks", "food", "home", "true_friend") if good else ("feeling", "home")
    way = world.pick(ways)
    if way == "thanks":
        world.tell("thanks", A=hero, B=friend)
    elif way == "food":
        world.tell("share_food", G=hero, R=friend, d=world.later(words.FOODS))
    elif way == "home":
        world.tell("home", A=hero, B=friend)
    elif way == "true_friend":
        world.tell("true_friend", A=hero, B=friend)
    if way == "feeling" or world.maybe(0.5):
        last_feeling(world, hero, good)
