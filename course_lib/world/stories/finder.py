"""Somebody finds a thing that is not theirs: asks around, gives it back at once, or keeps it first and is sorry."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, opening


def story(world: World) -> None:
    """Find, be tempted or not, look for the owner or hide it, give it back, be thanked or not."""
    hero, place, _ = opening(world)
    owner = world.person()
    thing = world.thing_of(owner)
    spot = world.spots(place, 1)[0]
    world.state.own(owner, thing)
    world.state.lose(owner, thing)
    world.state.pick_up(hero, thing, spot)
    roles = {"A": hero, "B": owner, "o": thing, "s": spot}
    world.tell("finder_find", **roles)
    tempted = world.maybe(0.5)
    if tempted:
        world.tell("finder_tempted", **roles)
    if tempted and world.maybe(0.6):
        kept_first(world, roles)
    else:
        looked_for_the_owner(world, roles)


def looked_for_the_owner(world: World, roles: dict) -> None:
    """The honest way, with or without help."""
    hero = roles["A"]
    if world.maybe(0.5):
        world.tell("finder_ask_around", **roles)
    if world.maybe(0.5):
        helper = world.somebody("police officer, teacher, shopkeeper, gardener, librarian, driver")
        world.tell("finder_job", J=helper, **roles)
        world.state.help(helper, hero)
    else:
        world.tell("finder_notice", **roles)
    world.tell("finder_owner", **roles)
    world.tell("finder_return", **roles)
    world.state.return_found(hero, roles["B"], roles["o"])
    world.tell("finder_reward", d=world.later(words.FOODS), **roles)
    if world.maybe(0.4):
        world.tell("finder_friends", **roles)
    last_feeling(world, hero, good=True)


def kept_first(world: World, roles: dict) -> None:
    """The crooked way: hidden, regretted, confessed."""
    hero = roles["A"]
    world.tell("finder_kept", **roles)
    world.tell("finder_guilty", **roles)
    world.tell("finder_confess", **roles)
    world.state.return_found(hero, roles["B"], roles["o"])
    forgiven = world.maybe(0.6)
    if forgiven:
        world.tell("finder_reward", d=world.later(words.FOODS), **roles)
    else:
        world.tell("finder_cool", **roles)
    if world.maybe(0.5):
        world.tell("finder_lesson", g=world.later(words.KIN), **roles)
    last_feeling(world, hero, good=forgiven)
