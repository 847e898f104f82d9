"""A contest between two: who practises has the better chances, and both can win or lose well or badly."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, opening
from course_lib.world.words import table

# What fits where: running needs room, drawing and spelling a roof or a quiet place.
CONTESTS = {
    "park hill beach playground farm village square": table(
        "contest",
        "a race/跑步比赛, a kite contest/风筝比赛, a jumping contest/跳远比赛, a tug of war/拔河比赛",
    ),
    "library school museum teahouse": table(
        "contest",
        "a drawing contest/画画比赛, a spelling contest/识字比赛, a chess contest/下棋比赛, a reading contest/朗读比赛",
    ),
    "market night market": table(
        "contest", "a singing contest/唱歌比赛, a dumpling contest/包饺子比赛, a dancing contest/跳舞比赛"
    ),
}
ARENAS = tuple(place for place in words.PLACES if any(place.en in places for places in CONTESTS))
JUDGES = "teacher, singer, baker, librarian, farmer, driver, police officer, dancer"


def story(world: World) -> None:
    """Hear of it, practise or not, compete, win or lose, be fair or sore."""
    hero, place, _ = opening(world, ARENAS)
    rival, relation = world.friend_of(hero)
    contests = next(contests for places, contests in CONTESTS.items() if place.en in places)
    judge, kin = world.somebody(JUDGES), world.later(words.KIN)
    roles = {"A": hero, "B": rival, "J": judge, "g": kin}
    event = world.later(contests)
    world.tell("contest_news", e=event, r=relation, **roles)
    world.state.meet(hero, rival, relation)
    world.state.note("contest", e=event, **roles)
    diligent = world.maybe(0.6)
    world.tell("contest_practise" if diligent else "contest_lazy", **roles)
    world.tell("contest_day", **roles)
    first = world.maybe(0.75 if diligent else 0.2)
    winner, loser = (hero, rival) if first else (rival, hero)
    roles |= {"W": winner, "L": loser}
    outcome(world, roles)


def outcome(world: World, roles: dict) -> None:
    """The contest itself, the prize, and how the loser takes it."""
    hero, winner = roles["A"], roles["W"]
    world.tell(world.pick(("contest_close", "contest_fall")), **roles)
    prize = world.thing_of(winner)
    world.state.win(winner, roles["L"])
    world.state.own(winner, prize)
    world.state.note("prize", o=prize)
    world.state.note("judge", J=roles["J"])
    world.tell("contest_win", o=prize, **roles)
    fair = world.maybe(0.7)
    world.tell("contest_loser_fair" if fair else "contest_loser_sore", **roles)
    shared = fair and world.maybe(0.4)
    if shared:
        world.tell("contest_share", o=prize, **roles)
    last_feeling(world, hero, good=hero is winner or shared)
