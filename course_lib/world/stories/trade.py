"""Two people swap things: agreed, regretted and undone, or refused."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import ending, last_feeling, meeting, opening, owning


def story(world: World) -> None:
    """Have one thing, want another, ask for it."""
    hero, _, _ = opening(world)
    mine = owning(world, hero)
    friend = meeting(world, hero)
    yours = world.thing_of(friend)
    world.state.own(friend, yours)
    roles = {"A": hero, "B": friend, "o1": mine, "o2": yours}
    world.tell("trade_other_has", **roles)
    if world.maybe(0.6):
        world.tell("trade_wish", **roles)
    world.tell("trade_ask", **roles)
    world.state.note("offer_swap", **roles)
    if world.maybe(0.4):
        world.tell("trade_think", **roles)
    outcome = world.pick(("agree", "regret", "refuse"), weights=(0.45, 0.2, 0.35))
    if outcome == "refuse":
        refusal(world, roles)
        return
    world.tell("trade_agree", **roles)
    world.state.trade(hero, mine, friend, yours)
    world.state.note("swap", **roles)
    if outcome == "regret":
        world.tell("trade_regret", **roles)
        world.state.trade(friend, mine, hero, yours)
        last_feeling(world, hero, good=True)
    else:
        if world.maybe(0.4):
            world.tell("trade_play", **roles)
        ending(world, hero, friend)


def refusal(world: World, roles: dict) -> None:
    """The other keeps what they have."""
    world.tell("trade_refuse", g=world.later(words.KIN), **roles)
    world.state.note("refuse", **roles)
    if world.maybe(0.6):
        world.tell("trade_accept_no", **roles)
    last_feeling(world, roles["A"], good=False)
