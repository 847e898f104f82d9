"""Something frightening has to be done; somebody encourages the hero, who does it, at once or later, or not today."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, meeting, opening
from course_lib.world.words import Entity, table

# What is frightening where.
DEEDS = {
    "river lake beach": table(
        "deed", "jump into the water/跳进水里, swim to the raft/游到木筏那里, hold a crab/用手抓螃蟹"
    ),
    "park playground garden": table(
        "deed",
        "climb the high ladder/爬高高的梯子, go down the long slide/滑长滑梯, hang upside down/倒挂在单杠上",
    ),
    "market village square": table(
        "deed",
        "sing in front of everyone/当众唱歌, speak to the crowd/对大家讲话, dance on the stage/上台跳舞",
    ),
    "farm": table("deed", "ride a horse/骑马, stroke the big bull/摸大公牛, feed the geese/喂大白鹅"),
    "hill forest": table(
        "deed",
        "walk through the dark tunnel/穿过黑黑的隧道, cross the old rope bridge/走过旧吊桥, climb the steep rock/爬陡陡的岩石",
    ),
    "school": table("deed", "recite a poem/上台背诗, play the piano for all the parents/给所有家长弹钢琴"),
}
COACHES = "teacher, police officer, singer, doctor, carpenter, baker, nurse, farmer, dancer"


def deeds_at(place: Entity) -> tuple[Entity, ...]:
    """What can be frightening at a place."""
    return next(deeds for places, deeds in DEEDS.items() if place.en in places)


SCENES = tuple(place for place in words.PLACES if any(place.en in places for places in DEEDS))


def story(world: World) -> None:
    """Be afraid, be encouraged, do it or not."""
    hero, place, _ = opening(world, SCENES, weather=0)
    deed = world.pick(deeds_at(place), named=True)
    roles = {"A": hero, "deed": deed}
    world.tell("brave_task", **roles)
    world.state.note("deed", **roles)
    if world.maybe(0.6):
        world.tell("brave_fear", **roles)
    friend = None
    if world.maybe(0.5):
        friend = meeting(world, hero)
        world.tell("brave_friend", B=friend, **roles)
        world.state.note("encourage", H=friend, A=hero)
    else:
        coach = world.somebody(COACHES)
        world.tell("brave_job", J=coach, **roles)
        world.state.note("encourage", H=coach, A=hero)
    outcome(world, roles, friend)


def outcome(world: World, roles: dict, friend: Entity | None) -> None:
    """At once, at the second try, or not today."""
    how = world.pick(("brave_does", "brave_second", "brave_not"), weights=(0.45, 0.3, 0.25))
    done = how != "brave_not"
    world.tell(how, **roles)
    world.state.note("dare" if done else "not_dare", A=roles["A"])
    if done and world.maybe(0.6):
        world.tell("brave_cheer", **roles)
    elif not done and friend is not None:
        world.tell("brave_console", B=friend, **roles)
    last_feeling(world, roles["A"], good=done)
