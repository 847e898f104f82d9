"""A contest between two: who practises has the better chances, and both can win or lose well or badly."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import opening
from course_lib.world.words import Entity, table

# What fits where (running needs room, drawing and spelling a roof or a quiet place), and what the winner does better.
CONTESTS = {
    "park hill beach playground farm village square": table(
        "contest",
        """a race/跑步比赛/ran faster/跑得快, a jumping contest/跳远比赛/jumped farther/跳得远,
        a throwing contest/扔球比赛/threw farther/扔得远, a skipping contest/跳绳比赛/skipped longer/跳得久""",
        "how_en",
        "how_zh",
    ),
    "library school museum teahouse": table(
        "contest",
        """a drawing contest/画画比赛/drew better/画得好, a spelling contest/识字比赛/knew more words/认得的字多,
        a reading contest/朗读比赛/read better/读得好, a story contest/讲故事比赛/told better stories/讲得好""",
        "how_en",
        "how_zh",
    ),
    "market night market": table(
        "contest",
        """a singing contest/唱歌比赛/sang better/唱得好, a dumpling contest/包饺子比赛/made more dumplings/包的饺子多,
        a dancing contest/跳舞比赛/danced better/跳得好""",
        "how_en",
        "how_zh",
    ),
}
ARENAS = tuple(place for place in words.PLACES if any(place.en in places for places in CONTESTS))
# Who judges what: somebody who knows about it; a race or the like, anybody whom all trust.
JUDGES = {
    "a singing contest": "singer, teacher",
    "a dumpling contest": "cook, baker",
    "a dancing contest": "dancer, teacher",
    "a drawing contest": "teacher, librarian",
    "a spelling contest": "teacher, librarian",
    "a reading contest": "teacher, librarian",
    "a story contest": "teacher, librarian",
}
REFEREES = "teacher, police officer, farmer"
GLAD = tuple(feeling for feeling in words.GLAD if feeling.en in ("happy", "proud", "content"))
CHEERED = tuple(feeling for feeling in words.GLAD if feeling.en in ("happy", "glad"))
SAD = tuple(feeling for feeling in words.SAD_AT_LAST if feeling.en != "upset")


def story(world: World) -> None:
    """Hear of it, practise or not, compete, win or lose, be fair or sore."""
    hero, place, _ = opening(world, ARENAS, weather=0.2)
    rival, relation = world.friend_of(hero)
    event = world.pick(next(CONTESTS[places] for places in CONTESTS if place.en in places), named=True)
    roles = {"A": hero, "B": rival}
    world.tell("contest_news", e=event, r=relation, **roles)
    world.state.meet(hero, rival, relation)
    world.state.note("contest", e=event, **roles)
    diligent = world.maybe(0.6)
    world.tell("contest_practise" if diligent else "contest_lazy", g=world.later(words.KIN), **roles)
    world.tell("contest_day", **roles)
    if world.maybe(0.5):
        world.tell("contest_close", **roles)
    first = world.maybe(0.75 if diligent else 0.2)
    roles |= {"W": hero, "L": rival} if first else {"W": rival, "L": hero}
    shared = outcome(world, roles, event)
    looking_back(world, roles, diligent, shared)


def outcome(world: World, roles: dict, event: Entity) -> bool:
    """Who wins and why, the prize, and how the loser takes it; returns whether the winner is kind about it."""
    winner, loser = roles["W"], roles["L"]
    prize, judge = world.thing_of(winner), world.somebody(JUDGES.get(event.en, REFEREES))
    how = Entity("how", event.how_en, event.how_zh)
    world.state.win(winner, loser)
    world.state.own(winner, prize)
    world.state.note("win_how", A=winner, B=loser, how=how)
    world.state.note("prize", A=winner, o=prize)
    world.state.note("judge", J=judge, A=roles["A"], B=roles["B"])
    world.tell("contest_win", o=prize, J=judge, how=how, **roles)
    fair = world.maybe(0.7)
    world.tell("contest_loser_fair" if fair else "contest_loser_sore", **roles)
    shared = fair and world.maybe(0.5)
    if shared:
        world.tell("contest_share", o=prize, **roles)
    return shared


def looking_back(world: World, roles: dict, diligent: bool, shared: bool) -> None:
    """What the hero makes of it: glad or sad for a reason, or with a plan for the next time."""
    won = roles["W"] is roles["A"]
    if won and shared and not diligent:
        return
    if (won and not diligent) or (not (won and shared) and world.maybe(0.4)):
        known = "won" if won else "lost"
        world.tell(f"contest_{known}_{'practised' if diligent else 'lazy'}", **roles)
        return
    lost = "kind" if shared else "sad" if diligent else "sorry"
    felt = world.later(GLAD if won else CHEERED if shared else SAD)
    world.state.feel(roles["A"], felt, good=won or shared)
    world.tell("contest_glad" if won else f"contest_{lost}", f=felt, **roles)
