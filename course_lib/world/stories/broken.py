"""A borrowed thing breaks; the borrower confesses or hides it; it is mended or replaced."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, opening
from course_lib.world.words import Entity

CULPRITS = tuple(animal for animal in words.ANIMALS if animal.en in ("dog", "cat", "monkey", "goat", "fox"))
BREAKABLE = tuple(thing for thing in words.THINGS if thing.hard)
MENDERS = "carpenter, tailor, shopkeeper, gardener, driver, cook"


def story(world: World) -> None:
    """Borrow, break, own up or hide it, make it good."""
    hero, place, _ = opening(world)
    friend, relation = world.friend_of(hero)
    thing = world.thing_of(friend, BREAKABLE)
    world.state.meet(hero, friend, relation)
    world.state.own(friend, thing)
    world.state.lend(friend, hero, thing)
    roles = {"A": hero, "B": friend, "o": thing}
    world.tell("broken_borrow", r=relation, **roles)
    animal = breaking(world, roles)
    if world.maybe(0.5):
        world.tell("broken_shock", **roles)
    honest = world.maybe(0.65)
    world.state.note("told_truth" if honest else "hid_truth", A=hero, B=friend)
    if not honest:
        world.tell("broken_hide", s=world.spots(place, 1)[0], **roles)
    elif animal is None:
        world.tell("broken_confess", **roles)
    else:
        world.tell("broken_confess_animal", x=animal, **roles)
    forgiven = honest and world.maybe(0.8)
    world.tell("broken_forgive" if forgiven else "broken_angry", **roles)
    making_good(world, roles, forgiven)


def breaking(world: World, roles: dict) -> Entity | None:
    """How it breaks; the animal that did it, or None if it was the hero."""
    how = world.pick(("fall", "animal", "play"))
    animal = world.new(CULPRITS) if how == "animal" else None
    world.tell(f"broken_{how}", x=animal, **roles)
    world.state.damage(animal or roles["A"], roles["o"])
    return animal


def making_good(world: World, roles: dict, forgiven: bool) -> None:
    """It is mended or replaced, or nothing more happens to it."""
    hero, friend, thing = roles["A"], roles["B"], roles["o"]
    way = world.pick(("mend", "replace", "nothing"), weights=(0.5, 0.3, 0.2))
    if way == "mend":
        mender = world.somebody(MENDERS)
        world.tell("broken_mend", J=mender, **roles)
        world.state.mend(mender, thing)
    elif way == "replace":
        other = world.thing_of(hero)
        world.state.own(hero, other)
        world.state.give(hero, friend, other)
        world.tell("broken_replace", o2=other, **roles)
    made_up = forgiven or way != "nothing"
    if made_up and (not forgiven or world.maybe(0.5)):
        world.tell("broken_made_up", **roles)
    last_feeling(world, hero, good=made_up)
