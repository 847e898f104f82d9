"""Two people swap things: at once, for a little more, undone again; or one only lends it, or keeps it."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, meeting, opening


def story(world: World) -> None:
    """Have one thing, want another, ask for it."""
    hero, _, _ = opening(world)
    mine = world.thing_of(hero, sized=False)
    world.state.own(hero, mine)
    world.tell("has", A=hero, o=mine)
    friend = meeting(world, hero)
    yours = world.thing_of(friend, sized=False)
    world.state.own(friend, yours)
    roles = {"A": hero, "B": friend, "o1": mine, "o2": yours}
    world.tell("trade_other_has", **roles)
    if world.maybe(0.6):
        world.tell("trade_wish", **roles)
    world.tell("trade_ask", **roles)
    outcome = world.pick(("agree", "more", "miss", "back", "refuse"), weights=(0.3, 0.15, 0.1, 0.1, 0.35))
    if outcome != "more":
        world.state.note("offer_swap", **roles)
    if world.maybe(0.4):
        world.tell("trade_think", **roles)
    if outcome == "refuse":
        refusal(world, roles)
        return
    if outcome == "more":
        world.tell("trade_more", d=world.later(words.FOODS), **roles)
    else:
        world.tell("trade_agree", **roles)
    world.state.trade(hero, mine, friend, yours)
    if outcome in ("miss", "back"):
        undoing(world, outcome, roles)
    else:
        world.state.note("swap", **roles)
        last(world, roles)


def last(world: World, roles: dict) -> None:
    """Both have what the other had."""
    if world.maybe(0.5):
        world.tell("trade_both", **roles)
    kin = world.later(words.KIN)
    if world.maybe(0.5):
        last_feeling(world, roles["A"], True, "happy, glad", why="trade_end", o2=roles["o2"], g=kin)
    else:
        world.tell("trade_home", g=kin, **roles)


def undoing(world: World, outcome: str, roles: dict) -> None:
    """One of the two would rather have the old thing again."""
    world.tell(f"trade_{outcome}", **roles)
    world.state.trade(roles["B"], roles["o1"], roles["A"], roles["o2"])
    if outcome == "miss":
        last_feeling(world, roles["A"], True, why="trade_miss_end", o1=roles["o1"])
    elif world.maybe(0.5):
        last_feeling(
            world, roles["A"], False, "sad, disappointed", why="trade_back_end", B=roles["B"], o2=roles["o2"]
        )
    else:
        world.tell("trade_back_fine", **roles)


def refusal(world: World, roles: dict) -> None:
    """The other keeps what they have, or lends it for a day."""
    world.tell(world.pick(("trade_refuse", "trade_keep")), g=world.later(words.KIN), **roles)
    world.state.note("refuse", **roles)
    if world.maybe(0.3):
        world.state.lend(roles["B"], roles["A"], roles["o2"])
        world.tell("trade_lend", **roles)
        world.tell("trade_borrowed", g=world.later(words.KIN), **roles)
    elif world.maybe(0.5):
        world.tell("trade_understand", **roles)
    else:
        things = {"o1": roles["o1"], "o2": roles["o2"]}
        last_feeling(
            world, roles["A"], False, "sad, disappointed", why="trade_no_end", B=roles["B"], **things
        )
