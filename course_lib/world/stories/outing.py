"""A plan with a friend; the weather changes; they wait, and it clears, or they give up, or they play in the snow."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import opening
from course_lib.world.words import UNSEEN, Entity, table

# What one can do where, and where one stays dry there.
PLANS = {
    "garden": "have a picnic/野餐, play hide-and-seek/玩捉迷藏, look for insects/找虫子, draw the flowers/画花",
    "park": "have a picnic/野餐, play hide-and-seek/玩捉迷藏, play football/踢球, take photos/拍照",
    "river": "have a picnic/野餐, go fishing/钓鱼, collect stones/捡石头, take photos/拍照",
    "lake": "have a picnic/野餐, go fishing/钓鱼, draw the ducks/画鸭子, take photos/拍照",
    "beach": "have a picnic/野餐, collect shells/捡贝壳, build a sandcastle/堆沙堡, play football/踢球",
    "forest": "have a picnic/野餐, play hide-and-seek/玩捉迷藏, look for insects/找虫子, pick mushrooms/采蘑菇",
    "bamboo grove": "have a picnic/野餐, play hide-and-seek/玩捉迷藏, draw the bamboo/画竹子, take photos/拍照",
    "hill": "have a picnic/野餐, fly paper planes/放纸飞机, take photos/拍照, draw the village/画村子",
    "farm": "play hide-and-seek/玩捉迷藏, play football/踢球, draw the horses/画马, take photos/拍照",
}
SHELTERS = {
    "garden": "in the shed/小棚子里, in the greenhouse/花房里",
    "park": "in the pavilion/亭子里, under the bridge/桥下面",
    "river": "under the bridge/桥下面, in the old mill/旧磨坊里",
    "lake": "in the pavilion/亭子里, in the boathouse/船屋里",
    "beach": "in a cave/山洞里, in the lighthouse/灯塔里",
    "forest": "in a cave/山洞里, in an empty hut/一间空木屋里",
    "bamboo grove": "in the pavilion/亭子里, in an empty hut/一间空木屋里",
    "hill": "in a cave/山洞里, in the tower/塔里",
    "farm": "in the barn/谷仓里, in the stable/马棚里",
}
PLANS_AT = {place: table("plan", plans) for place, plans in PLANS.items()}
SHELTERS_AT = {place: table("spot", spots) for place, spots in SHELTERS.items()}
OUT_IN_THE_COLD = (
    "play hide-and-seek, play football, take photos, fly paper planes, draw the village, draw the horses"
)
INDOORS = table(
    "indoors",
    """played cards/玩了一会儿纸牌, baked a cake/烤了一个蛋糕, made paper boats/折了很多纸船,
    built a tower of blocks/用积木搭了一座高塔""",
)
OPEN = tuple(place for place in words.PLACES if place.en in PLANS)
CHANGES = ("rain", "storm", "fog", "snow")
UPSETS = {change.en: change for change in table("change", "rain/雨, fog/雾, snow/雪")}
SHARED = tuple(
    food for food in words.FOODS if food.en in ("apple", "pear", "peach", "orange", "sandwich", "mooncake")
)
GLAD = tuple(feeling for feeling in words.GLAD if feeling.en in ("happy", "glad", "content"))
SAD = tuple(feeling for feeling in words.SAD_AT_LAST if feeling.en != "upset")
UMBRELLA = next(thing for thing in words.THINGS if thing.en == "umbrella")


def story(world: World) -> None:
    """Plan, be surprised by the weather, wait, go on or give up."""
    hero, place, _ = opening(world, OPEN, weather=0)
    friend, relation = world.friend_of(hero)
    plan = world.pick(PLANS_AT[place.en], named=True)
    roles = {"A": hero, "B": friend, "act": plan}
    world.state.meet(hero, friend, relation)
    world.state.note("plan", **roles)
    world.tell("outing_plan", r=relation, **roles)
    weights = (0.4, 0.2, 0.2, 0.2 if plan.en in OUT_IN_THE_COLD else 0.0)
    change = world.pick(CHANGES, weights)
    if change != "storm":  # of a storm nobody asks: was it the thunder, or the rain?
        world.state.note("change", change=UPSETS[change], **roles)
    if change == "snow":
        snow(world, roles)
        return
    food = world.later(SHARED) if world.maybe(0.4) else None
    if food:
        world.tell("outing_food", d=food, **roles)
    world.tell(f"outing_{change}", **roles)
    holder = staying_dry(world, roles, place, change)
    clears = world.maybe(0.6)
    if food:
        world.tell("outing_eat", d=food, **roles)
    elif not clears or world.maybe(0.5):
        world.tell("outing_wait", **roles)
    if clears:
        world.tell("outing_clear_fog" if change == "fog" else "outing_clear", **roles)
        going_on(world, roles, change, holder)
    else:
        world.tell("outing_give_up_fog" if change == "fog" else "outing_give_up", **roles)
        going_home(world, roles)


def snow(world: World, roles: dict) -> None:
    """Snow is no reason to go home."""
    world.tell("outing_snow", **roles)
    world.tell("outing_snow_play", **roles)
    if world.maybe(0.5):
        feeling(world, "outing_snow_glad", roles, good=True)
    else:
        world.tell("outing_snow_end", **roles)


def staying_dry(world: World, roles: dict, place: Entity, change: str) -> Entity | None:
    """They stand still in the fog; in the rain they have an umbrella (then: whoever brought it) or find a roof."""
    if change == "fog":
        world.tell("outing_fog_stay", **roles)
        return None
    if change == "rain" and world.maybe(0.5):
        holder = world.pick((roles["A"], roles["B"]))
        umbrella = UMBRELLA.own_copy(mark=UNSEEN, sized=True)
        world.state.own(holder, umbrella)
        world.state.note("umbrella", H=holder, **roles)
        world.tell("outing_umbrella", H=holder, o=umbrella, **roles)
        return holder
    spot = world.pick(SHELTERS_AT[place.en], named=True)
    world.state.note("shelter", s=spot, **roles)
    world.tell("outing_shelter", s=spot, **roles)
    return None


def going_on(world: World, roles: dict, change: str, holder: Entity | None) -> None:
    """The end, when the plan worked out after all."""
    last = "outing_next_time" if change != "fog" else "outing_late"
    way = world.pick(("glad", "outing_late", "outing_worth", "outing_thanks" if holder else last))
    if way == "glad":
        feeling(world, "outing_glad", roles, good=True)
    elif way == "outing_thanks":
        other = roles["B"] if holder is roles["A"] else roles["A"]
        world.tell(way, H=holder, K=other, **roles)
    else:
        world.tell(way, **roles)


def going_home(world: World, roles: dict) -> None:
    """The end, when it did not: a nice day indoors, or only another plan."""
    cosy = world.maybe(0.5)
    if cosy:
        world.tell("outing_indoors", act2=world.later(INDOORS), **roles)
    if world.maybe(0.5):
        feeling(world, "outing_cosy" if cosy else "outing_sad", roles, good=cosy)
    else:
        world.tell("outing_date" if cosy else "outing_again", **roles)


def feeling(world: World, event: str, roles: dict, good: bool) -> None:
    """How the hero feels at the end, and why."""
    felt = world.later(GLAD if good else SAD)
    world.state.feel(roles["A"], felt, good)
    world.tell(event, f=felt, **roles)
