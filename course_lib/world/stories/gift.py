"""A present for a birthday, for somebody who is ill, or for somebody who moves away."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, meeting, opening
from course_lib.world.words import Entity

CRAFTS = tuple(  # what a child can make
    thing
    for thing in words.THINGS
    if thing.en in ("kite", "doll", "scarf", "hat", "lantern", "basket", "box", "necklace", "fan", "drum")
)
# Nobody has to be told that a brother is ill at home, and a little sister does not move away on her own.
OUTSIDE_RELATIONS = tuple(
    r for r in words.RELATIONS if r.en in ("friend", "neighbour", "classmate", "cousin")
)


def story(world: World) -> None:
    """A reason, a plan, a present, and how it is received."""
    hero, _, _ = opening(world)
    reason = world.pick(("birthday", "ill", "move"))
    friend = receiver(world, hero, reason)
    roles = {"A": hero, "B": friend}
    if world.maybe(0.35):
        world.tell("gift_plan", g=world.later(words.KIN), **roles)
    make = world.maybe(0.5)
    roles["o"] = world.thing_of(hero, CRAFTS if make else words.THINGS, sized=False)
    world.tell("gift_make" if make else "gift_buy", **roles)
    world.state.own(hero, roles["o"])
    if make:
        world.state.note("made", **roles)
    world.tell(f"gift_day_{reason}", **roles)
    if world.maybe(0.45):
        world.tell("gift_guess", y=world.later([t for t in words.THINGS if t.en != roles["o"].en]), **roles)
        world.tell("gift_open", **roles)
    elif world.maybe(0.6):
        world.tell("gift_reveal", **roles)
    else:
        world.tell("gift_say_made" if make else "gift_say_bought", **roles)
    world.state.give(hero, friend, roles["o"])
    received(world, roles, reason)


def receiver(world: World, hero: Entity, reason: str) -> Entity:
    """Who is to have the present, and why."""
    if reason == "birthday":
        friend = meeting(world, hero, "gift_birthday")
        world.state.note("birthday", B=friend)
        return friend
    relation = world.pick(OUTSIDE_RELATIONS, named=True)
    friend = world.person(relation.sex)
    world.state.meet(hero, friend, relation)
    world.tell(f"gift_{reason}", A=hero, B=friend, r=relation)
    if reason == "ill":
        world.state.suffer(friend, "illness")
    else:
        world.state.note("move", B=friend)
    return friend


def received(world: World, roles: dict, reason: str) -> None:
    """Joy in most cases, a shrug in some."""
    hero, rest = roles["A"], {"B": roles["B"], "o": roles["o"]}
    if world.maybe(0.8):
        world.tell("gift_glad", f=world.later(words.STARTLED), **roles)
        world.tell(f"gift_last_{reason}", **roles)
        if world.maybe(0.35):
            if reason == "move":
                last_feeling(world, hero, False, "sad, unhappy", why="gift_end_move", **rest)
            else:
                last_feeling(world, hero, True, why="gift_end", **rest)
        return
    world.tell("gift_cool", **roles)
    if reason == "birthday" and world.maybe(0.5):
        world.tell("gift_cool_turn", **roles)
        last_feeling(world, hero, True, why="gift_end", **rest)
    elif reason == "move" or world.maybe(0.5):
        last_feeling(world, hero, False, "sad, upset, disappointed", why="gift_cool_end", **rest)
    else:
        world.tell("gift_cool_next", **roles)
