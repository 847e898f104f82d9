"""A borrowed thing breaks; the borrower confesses or hides it; it is mended or replaced."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, opening
from course_lib.world.words import Entity

# What can break and who can mend it. What nobody can mend is replaced.
MENDERS = {
    "kite": "carpenter, tailor, gardener",
    "lantern": "carpenter, shopkeeper",
    "umbrella": "tailor, shopkeeper",
    "toy boat": "carpenter, gardener",
    "toy car": "carpenter, driver",
    "robot": "carpenter, driver, shopkeeper",
    "fan": "carpenter, tailor",
    "flute": "carpenter",
    "drum": "carpenter, gardener",
    "watch": "shopkeeper",
    "torch": "driver, shopkeeper",
    "pen": "",
    "cup": "",
    "teapot": "",
    "mirror": "",
}
BREAKABLE = tuple(thing for thing in words.THINGS if thing.en in MENDERS)
# Which animals come by: dogs and cats anywhere, the others only where they live.
ANYWHERE = ("dog", "cat")
ELSEWHERE = {
    "farm": ("goat",),
    "hill": ("goat", "fox"),
    "forest": ("fox", "monkey"),
    "bamboo grove": ("monkey",),
    "temple": ("monkey",),
    "zoo": ("monkey", "goat"),
}


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
    animal = breaking(world, place, roles)
    if world.maybe(0.5):
        world.tell("broken_shock", **roles)
    honest = world.maybe(0.65)
    forgiven = honest and world.maybe(0.75)
    world.state.note("told_truth" if honest else "hid_truth", A=hero, B=friend)
    if not honest:
        world.tell("broken_hide", s=world.spots(place, 1)[0], **roles)
    elif animal is None:
        world.tell("broken_confess", **roles)
    else:
        world.tell("broken_confess_animal", x=animal, **roles)
    if forgiven:
        world.tell("broken_forgive", **roles)
    else:
        world.tell("broken_angry" if honest or world.maybe(0.5) else "broken_found_out", **roles)
    making_good(world, roles, honest, forgiven)


def breaking(world: World, place: Entity, roles: dict) -> Entity | None:
    """How it breaks; the animal that did it, or None if it was the hero."""
    how = world.pick(("fall", "animal", "play"))
    near = (*ANYWHERE, *ELSEWHERE.get(place.en, ()))
    animal = world.new([a for a in words.ANIMALS if a.en in near]) if how == "animal" else None
    world.tell(f"broken_{how}", x=animal, **roles)
    world.state.broken.add(roles["o"])
    world.state.note("damage", A=animal or roles["A"], B=roles["B"], o=roles["o"])
    return animal


def making_good(world: World, roles: dict, honest: bool, forgiven: bool) -> None:
    """It is mended or replaced, or nothing more happens to it."""
    hero, friend, thing = roles["A"], roles["B"], roles["o"]
    ways = ("mend", "replace", "nothing") if MENDERS[thing.en] else ("replace", "nothing")
    way = world.pick(ways, weights=(0.5, 0.25, 0.25)[-len(ways) :])
    if not honest and way != "mend" and world.maybe(0.6):
        world.tell("broken_sorry", **roles)
    if way == "mend":
        world.tell("broken_will_mend", **roles)
        mender = world.somebody(MENDERS[thing.en])
        world.tell("broken_mend", J=mender, **roles)
        world.state.broken.remove(thing)
        world.state.note("mend", J=mender, B=friend, o=thing)
        world.state.hand_back(hero, thing)
        world.tell("broken_back", **roles)
    else:
        world.state.holder[thing] = None  # nobody has any use for it
    if way == "replace":
        world.state.own(friend, thing.own_copy(mark=None))
        world.tell("broken_replace", g=world.later(words.KIN), **roles)
    if way == "nothing":
        leaving_it(world, roles, honest, forgiven)
    elif forgiven:
        world.tell("broken_thanks", **roles)
        if world.maybe(0.3):
            last_feeling(world, hero, True, "happy, glad, proud", why="broken_end_truth")
    else:
        world.tell("broken_made_up", **roles)
        if not honest and world.maybe(0.5):
            world.tell("broken_next_time", **roles)
        elif honest and world.maybe(0.5):
            last_feeling(world, hero, True, "happy, glad", why="broken_end_peace")


def leaving_it(world: World, roles: dict, honest: bool, forgiven: bool) -> None:
    """It stays broken."""
    if forgiven and world.maybe(0.5):
        world.tell("broken_go_on", **roles)
    elif forgiven:
        last_feeling(world, roles["A"], True, "happy, glad, proud", why="broken_end_truth")
    elif not honest and world.maybe(0.5):
        world.tell("broken_if_only", **roles)
    else:
        last_feeling(world, roles["A"], False, why="broken_end_angry", B=roles["B"])
