"""Somebody promises something to a friend; something nicer, or the rain, or a bad memory gets in the way."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import HARSH, last_feeling, opening

OUTSIDE_RELATIONS = tuple(
    r for r in words.RELATIONS if r.en in ("friend", "neighbour", "classmate", "cousin")
)
RAIN = next(w for w in words.WEATHER if w.en == "rainy")
# English follows "help him"; Chinese follows 帮他. All of it is done indoors.
CHORES = words.table(
    "chore",
    """clean the windows/擦窗户, tidy the attic/收拾阁楼, make dumplings/包饺子, wash the curtains/洗窗帘,
    bake bread/烤面包, shell the peas/剥豌豆, bath the dog/给小狗洗澡, hang up the pictures/挂画,
    carry the books upstairs/把书搬上楼, sweep the stairs/扫楼梯""",
)
TREATS = words.table(
    "treat",
    """go fishing/去钓鱼, see the circus/去看马戏, visit the fair/去逛庙会, go for a boat ride/去坐船,
    watch the puppet show/去看木偶戏, eat noodles in town/去城里吃面条, pick strawberries/去摘草莓""",
)
UNDER_A_ROOF = tuple(
    treat
    for treat in TREATS
    if treat.en in ("see the circus", "watch the puppet show", "eat noodles in town")
)


def story(world: World) -> None:
    """Promise to meet, to give back or to help; be tempted or forget; keep the word, be late, or break it."""
    hero, place, sky = opening(world)
    relation = world.pick(OUTSIDE_RELATIONS, named=True)
    friend = world.person(relation.sex)
    world.state.meet(hero, friend, relation)
    world.tell("meet", A=hero, B=friend, r=relation)
    what, roles = promising(world, {"A": hero, "B": friend, "p": place})
    # nobody plays outside in the rain
    way = world.pick(("treat", "game", "forget") if what == "meet" else ("rain", "treat", "game", "forget"))
    if way == "rain":
        world.state.become(RAIN)
    treats = UNDER_A_ROOF if sky is not None and sky.en in HARSH else TREATS
    world.tell("promise_" + way, g=world.later(words.KIN), y=world.later(treats), **roles)
    kept = world.maybe(0.55)
    if way == "forget":
        world.tell("promise_remember" if kept else "promise_too_late", g=world.later(words.KIN), **roles)
    elif kept:
        world.tell("promise_resist", **roles)
    else:
        world.tell("promise_stay_in" if way == "rain" else "promise_give_in", **roles)
    if kept:
        keeping(world, what, way == "forget", roles)
    else:
        breaking(world, what, roles)


def promising(world: World, roles: dict) -> tuple[str, dict]:
    """What is promised: (kind of promise, everybody and everything that takes part)."""
    hero, friend = roles["A"], roles["B"]
    by_day = roles["p"].en != "night market"  # nobody is there in the afternoon
    what = world.pick(("meet", "lend", "help") if by_day else ("lend", "help"))
    if what == "meet":
        roles["n"] = world.later(words.NUMBERS[:5])
    elif what == "lend":
        roles["o"] = thing = world.thing_of(friend)
        world.state.own(friend, thing)
        world.state.lend(friend, hero, thing)
    else:
        roles["k"] = world.later(CHORES)
    world.state.promise(hero, friend)
    world.state.note(f"promise_{what}", **roles)
    world.tell(f"promise_{what}", **roles)
    return what, roles


def fulfil(world: World, what: str, roles: dict, in_time: bool = True) -> None:
    """What was promised is done."""
    if what == "lend":
        world.state.hand_back(roles["A"], roles["o"])
    elif what == "help":
        world.state.help(roles["A"], roles["B"])
    back = "promise_return" if in_time else "promise_give_back"
    world.tell({"meet": "promise_together", "lend": back, "help": "promise_helped"}[what], **roles)


def keeping(world: World, what: str, late: bool, roles: dict) -> None:
    """The word is kept, in time or late."""
    hero, friend = roles["A"], roles["B"]
    world.tell("promise_late" if late else "promise_came", **roles)
    fulfil(world, what, roles, in_time=not late)
    world.state.settle(hero, friend, kept=True)
    if late and world.maybe(0.4):
        last_feeling(world, hero, True, "grateful", why="promise_end_late", B=friend)
    world.tell("promise_lesson" if late else "promise_trust", g=world.later(words.KIN), **roles)
    if not late and world.maybe(0.4):
        last_feeling(world, hero, True, why="promise_end")


def breaking(world: World, what: str, roles: dict) -> None:
    """The word is broken; the friend waits in vain, and hears an apology the day after."""
    hero, friend = roles["A"], roles["B"]
    world.state.settle(hero, friend, kept=False)
    world.tell(f"promise_vain_{what}", **roles)
    world.tell("promise_apology", **roles)
    if what == "lend":
        fulfil(world, what, roles, in_time=False)
    if world.maybe(0.6):
        world.tell("promise_forgive", **roles)
        if world.maybe(0.5):
            world.tell("promise_make_up", d=world.later(words.FOODS), **roles)
        world.tell("promise_lesson", g=world.later(words.KIN), **roles)
        return
    world.tell("promise_not_yet", **roles)
    last = world.pick(("hero", "friend", "wish"))
    if last == "hero":
        last_feeling(world, hero, False, "sad, upset", why="promise_sad", B=friend)
    elif last == "friend":
        last_feeling(world, friend, False, "sad, angry, disappointed", why="promise_sad_friend", B=hero)
    else:
        world.tell("promise_if_only", **roles)
