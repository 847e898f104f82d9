"""Something frightening has to be done; somebody encourages the hero, who does it, at once or later, or not today."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import opening
from course_lib.world.words import Entity, table

# What is frightening where (english/chinese), and how one says that it was done.
SCARES = """
river, lake, beach; jump into the water/跳进水里; jumped into the water/跳进了水里
river, lake, beach; swim to the raft/游到木筏那里; swam to the raft/游到了木筏那里
river, lake, beach; pick up a crab/用手抓螃蟹; picked up a crab/抓起了一只螃蟹
park, playground; climb the high ladder/爬上高高的梯子; climbed the high ladder/爬上了高高的梯子
park, playground; go down the long slide/滑长长的滑梯; went down the long slide/从长长的滑梯上滑了下来
park, playground; hang upside down from the bar/倒挂在单杠上; hung upside down from the bar/倒挂在了单杠上
market, village square; sing in front of everyone/当众唱歌; sang in front of everyone/当众唱了一首歌
market, village square; speak in front of everyone/当众讲话; spoke in front of everyone/当众讲了几句话
market, village square; dance on the stage/上台跳舞; danced on the stage/在台上跳了一支舞
farm; ride the big horse/骑那匹大马; rode the big horse/骑上了那匹大马
farm; stroke the big bull/摸那头大公牛; stroked the big bull/摸了摸那头大公牛
farm; feed the geese/喂大白鹅; fed the geese/喂起了大白鹅
hill, forest; walk through the dark tunnel/穿过黑黑的隧道; walked through the dark tunnel/穿过了黑黑的隧道
hill, forest; cross the old rope bridge/走过旧吊桥; crossed the old rope bridge/走过了旧吊桥
hill, forest; climb the steep rock/爬上陡陡的岩石; climbed the steep rock/爬上了陡陡的岩石
school; recite a poem on the stage/上台背诗; recited a poem on the stage/上台背了一首诗
school; play the piano for all the parents/给家长们弹钢琴; played the piano for all the parents/给家长们弹起了钢琴
"""
COACHES = "teacher, police officer, singer, doctor, carpenter, baker, nurse, farmer, dancer"


def _scares(text: str) -> dict[str, dict[Entity, Entity]]:
    found: dict[str, dict[Entity, Entity]] = {}
    for line in text.strip().splitlines():
        places, deed, did = line.split(";")
        pair = {table("deed", deed)[0]: table("did", did)[0]}
        for place in places.split(","):
            found.setdefault(place.strip(), {}).update(pair)
    return found


DEEDS = _scares(SCARES)
SCENES = tuple(place for place in words.PLACES if place.en in DEEDS)
PROUD = table("feeling", "happy/高兴, glad/开心, proud/自豪")
ASHAMED = table("feeling", "sad/难过, upset/伤心")


def story(world: World) -> None:
    """Be afraid, be encouraged, do it or not."""
    hero, place, _ = opening(world, SCENES, weather=0)
    deed = world.pick(tuple(DEEDS[place.en]), named=True)
    roles = {"A": hero, "deed": deed}
    world.tell("brave_task", **roles)
    world.state.note("deed", **roles)
    if world.maybe(0.5):
        world.tell("brave_fear", **roles)
    if world.maybe(0.55):
        friend, relation = world.friend_of(hero)
        world.state.meet(hero, friend, relation)
        roles["B"] = friend
        world.tell("brave_friend", r=relation, **roles)
        world.state.note("encourage", H=friend, A=hero)
    else:
        roles["J"] = world.somebody(COACHES)
        world.tell("brave_job", **roles)
        world.state.note("encourage", H=roles["J"], A=hero)
    outcome(world, {**roles, "did": DEEDS[place.en][deed]})


def outcome(world: World, roles: dict) -> None:
    """At once, at the second try, or not today; and what the other says to it."""
    hero, who = roles["A"], "friend" if "B" in roles else "job"
    how = world.pick(("brave_does", "brave_second", "brave_not"), weights=(0.4, 0.3, 0.3))
    done = how != "brave_not"
    world.tell(how, **roles)
    world.state.note("dare" if done else "not_dare", A=hero)
    answered = world.maybe(0.6)
    if answered:
        world.tell(f"brave_cheer_{who}" if done else f"brave_console_{who}", **roles)
    ends = world.maybe(0.5) if answered else True
    if ends and world.maybe(0.6):
        feeling = world.later(PROUD if done else ASHAMED)
        world.state.feel(hero, feeling, done)
        world.tell("brave_glad_end" if done else "brave_sad_end", f=feeling, **roles)
    elif ends:
        world.tell("brave_after_end" if done else "brave_dream_end", **roles)
