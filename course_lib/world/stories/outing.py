"""A plan with a friend; the weather changes; they wait, and it clears, or they give up."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import ending, last_feeling, opening
from course_lib.world.words import UNSEEN, table

PLANS = table(
    "plan",
    """have a picnic/野餐, play hide-and-seek/捉迷藏, draw the landscape/画风景, play ball/打球, build a hut/搭小屋,
    look for insects/找小虫, take photos/拍照, fly a paper plane/放纸飞机, collect stones/捡石头""",
)
INDOORS = table(
    "indoors",
    "played cards/玩起了纸牌, baked a cake/烤了一个蛋糕, read to each other/轮流念书, built a tower/搭了一座高塔",
)
OPEN = tuple(
    p
    for p in words.PLACES
    if p.en in ("garden", "park", "river", "lake", "beach", "forest", "bamboo grove", "hill", "farm")
)
CHANGES = dict(
    zip(
        ("rain", "snow", "fog", "storm"),
        table("change", "the rain/雨, the snow/雪, the fog/雾, a thunderstorm/雷雨"),
        strict=True,
    )
)
UMBRELLA = next(thing for thing in words.THINGS if thing.en == "umbrella")


def story(world: World) -> None:
    """Plan, be surprised by the weather, wait, go on or give up."""
    hero, place, _ = opening(world, OPEN, weather=0)
    friend, relation = world.friend_of(hero)
    plan = world.pick(PLANS, named=True)
    roles = {"A": hero, "B": friend, "act": plan}
    world.state.meet(hero, friend, relation)
    world.state.note("plan", **roles)
    world.tell("outing_plan", r=relation, **roles)
    if world.maybe(0.5):
        world.tell("outing_start", d=world.later(words.FOODS), **roles)
    waiting(world, roles, place)
    if world.maybe(0.65):
        world.tell("outing_clear", **roles)
        ending(world, hero, friend)
    else:
        world.tell("outing_give_up", **roles)
        cosy = world.maybe(0.5)
        if cosy:
            world.tell("outing_indoors", act2=world.later(INDOORS), **roles)
        last_feeling(world, hero, good=cosy)


def waiting(world: World, roles: dict, place: words.Entity) -> None:
    """The weather changes, and they look for shelter in a part of the place."""
    change = world.pick(("rain", "snow", "fog", "storm"), weights=(0.4, 0.2, 0.2, 0.2))
    world.state.note("change", change=CHANGES[change], **roles)
    world.tell(f"outing_{change}", **roles)
    if change in ("rain", "snow") and world.maybe(0.5):
        holder = world.pick((roles["A"], roles["B"]))
        umbrella = UMBRELLA.own_copy(mark=UNSEEN, sized=True)
        world.state.own(holder, umbrella)
        world.state.note("umbrella", H=holder)
        world.tell("outing_umbrella", H=holder, o=umbrella, **roles)
    else:
        spot = world.spots(place, 1)[0]
        world.state.note("shelter", s=spot, **roles)
        world.tell("outing_shelter", s=spot, **roles)
    if world.maybe(0.5):
        world.tell("outing_wait", **roles)
