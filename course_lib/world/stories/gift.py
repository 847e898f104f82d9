"""A present for a birthday, for somebody who is ill, or for somebody who moves away."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, meeting, opening

CRAFTS = tuple(  # what a child can make
    thing
    for thing in words.THINGS
    if thing.en in "kite doll scarf hat lantern basket box necklace fan drum flute book map cup".split()
)


def story(world: World) -> None:
    """A reason, a plan, a present, and how it is received."""
    hero, _, _ = opening(world)
    reason = world.pick(("birthday", "ill", "move"))
    friend = meeting(world, hero, f"gift_{reason}")
    if reason == "ill":
        world.state.suffer(friend, "illness")
    else:
        world.state.note(reason, B=friend)
    roles = {"A": hero, "B": friend}
    if world.maybe(0.6):
        world.tell("gift_plan", g=world.later(words.KIN), **roles)
    make = world.maybe(0.5)
    roles["o"] = world.thing_of(hero, CRAFTS if make else words.THINGS, sized=not make)
    world.tell("gift_make" if make else "gift_buy", **roles)
    world.state.own(hero, roles["o"])
    if make:
        world.state.note("made", **roles)
    if world.maybe(0.4):
        world.tell("gift_guess", y=world.later([t for t in words.THINGS if t.en != roles["o"].en]), **roles)
    world.tell("gift_reveal", **roles)
    world.state.give(hero, friend, roles["o"])
    received(world, roles, reason)


def received(world: World, roles: dict, reason: str) -> None:
    """Joy in most cases, a shrug in some."""
    glad = world.maybe(0.8)
    if not glad:
        world.tell("gift_cool", **roles)
        last_feeling(world, roles["A"], good=False)
        return
    world.tell("gift_glad", f=world.later(words.STARTLED), **roles)
    world.tell(f"gift_last_{reason}", **roles)
    if world.maybe(0.6):
        last_feeling(world, roles["A"], good=True)
