"""Somebody loses the way; looks for it, asks somebody, is brought home, found by a friend, or finds the way."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, opening

WIDE = tuple(
    p
    for p in words.PLACES
    if p.en in ("park", "market", "forest", "bamboo grove", "hill", "zoo", "night market", "station", "lake")
)
GUIDES = "police officer, driver, postal worker, teacher, gardener, farmer, shopkeeper, nurse"


def story(world: World) -> None:
    """Lose the way, be afraid, try, get home."""
    hero, place, _ = opening(world, WIDE)
    roles = {"A": hero, "g": world.later(words.KIN)}
    world.tell("astray_why", **roles)
    world.state.get_lost(hero, place)
    if world.maybe(0.6):
        world.tell("astray_fear", **roles)
    if world.maybe(0.4):
        world.tell("astray_try", s=world.spots(place, 1)[0], **roles)
    if world.maybe(0.4):
        found_by_a_friend(world, roles)
    else:
        asking(world, roles)
    kind = world.maybe(0.75)
    world.tell("astray_after" if kind else "astray_punished", **roles)
    last_feeling(world, hero, good=kind)


def found_by_a_friend(world: World, roles: dict) -> None:
    """Somebody close comes along."""
    friend, relation = world.friend_of(roles["A"])
    world.tell("astray_friend", B=friend, r=relation, **roles)
    world.state.meet(roles["A"], friend, relation)
    world.state.be_found(roles["A"], friend)
    world.tell("astray_home", B=friend, **roles)


def asking(world: World, roles: dict) -> None:
    """A person with a job helps: brings the hero home, or only shows the way."""
    guide = world.somebody(GUIDES)
    world.tell("astray_helper", J=guide, **roles)
    if world.maybe(0.6):
        world.tell("astray_brought", J=guide, **roles)
        world.state.note("bring_home", J=guide, **roles)
    else:
        world.tell("astray_refused", J=guide, **roles)
        world.tell("astray_sign", **roles)
    world.state.help(guide, roles["A"])
    world.state.astray.remove(roles["A"])
