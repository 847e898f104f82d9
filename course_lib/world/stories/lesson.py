"""Somebody learns a skill from a friend, from the family or from a stranger: fails, practises, succeeds or not yet."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import opening
from course_lib.world.words import Entity, table

TEACHERS = "nurse, librarian, tailor, doctor, driver, carpenter, farmer, baker, gardener, shopkeeper, cook"
# Skill, where one learns it; what goes wrong; what to mind; how it looks when it works.
LESSONS = """
ride a bicycle/骑自行车; park, playground, village square; fell over/摔倒了, rode into a bush/骑进了树丛;
    look straight ahead/看着前面; rode a big circle without falling/骑了一大圈也没有摔倒
swim/游泳; lake, river, beach; swallowed a lot of water/喝了好几口水, sank like a stone/像石头一样沉了下去;
    breathe slowly/慢慢呼吸; swam like a little fish/游得像一条小鱼
fold paper cranes/折纸鹤; library, school, teahouse; tore the paper/把纸撕破了, made something like a potato/折得像个土豆;
    press every fold flat/把每一道折痕都压平; folded a fine crane/折出了一只漂亮的纸鹤
write with a brush/写毛笔字; school, library, teahouse; made a big black blot/弄出了一个大墨点, wrote a very crooked word/把字写得歪歪扭扭;
    hold the brush upright/把笔拿直; wrote a beautiful word/写出了一个漂亮的字
skip rope/跳绳; playground, park, school; got caught in the rope/被绳子绊住了, jumped too late/跳得太晚了;
    listen to the beat/听着节拍跳; jumped twenty times without stopping/一口气跳了二十下
play the flute/吹笛子; garden, hill, bamboo grove; made a sound like a goose/吹得像鹅叫, blew all the wrong notes/把音全吹错了;
    blow gently/轻轻地吹; played a whole song/吹出了一支完整的曲子
fly a kite/放风筝; hill, beach, park; got the string into a knot/把线缠成了一团, let the kite crash/让风筝栽到了地上;
    run against the wind/迎着风跑; had the kite high in the sky/把风筝放得高高的
row a boat/划船; lake, river; rowed in a circle/划得船直打转, got wet from head to toe/弄得浑身都是水;
    pull with both arms at once/两只手一起用力; rowed in a straight line/把船划得又直又稳
play chess/下棋; teahouse, park, library; lost after ten moves/走了十步就输了, mixed up the rules/把规则弄混了;
    think two moves ahead/往前多想两步; won a game/赢了一盘棋
milk a cow/挤牛奶; farm; knocked over the bucket/把桶打翻了, spilled all the milk/把牛奶全洒了;
    squeeze softly/轻轻地捏; filled half a bucket/挤了半桶牛奶
juggle/抛接球; market, park, village square; dropped all the balls/把球全掉在了地上, threw a ball much too high/把球抛得太高了;
    watch the highest ball/看着最高的那个球; kept three balls in the air/连着抛接三个球，一个也没掉
"""
PROUD = table("feeling", "happy/高兴, glad/开心, proud/自豪")
SORRY = table("feeling", "sad/难过, disappointed/失望")


def _lessons(text: str) -> dict[Entity, dict]:
    found = {}
    for entry in text.replace("\n    ", " ").strip().splitlines():
        skill, places, mishaps, tip, triumph = entry.split(";")
        names = [name.strip() for name in places.split(",")]
        found[table("skill", skill)[0]] = {
            "places": tuple(place for place in words.PLACES if place.en in names),
            "mishaps": table("mishap", mishaps),
            "tip": table("tip", tip)[0],
            "triumph": table("triumph", triumph)[0],
        }
    return found


SKILLS = _lessons(LESSONS)


def story(world: World) -> None:
    """Want to learn, find a teacher, fail, hear what to mind, practise; succeed, go on or give up."""
    skill = world.pick(tuple(SKILLS), named=True)
    lesson = SKILLS[skill]
    hero, _, _ = opening(world, lesson["places"], weather=0)
    roles = {
        "A": hero,
        "k": skill,
        "m": world.later(lesson["mishaps"]),
        "u": lesson["tip"],
        "v": lesson["triumph"],
    }
    world.tell("lesson_want", **roles)
    teacher = world.pick(("friend", "kin", "job"), (0.45, 0.25, 0.3))
    taught_by(world, teacher, roles)
    world.tell("lesson_fail", **roles)
    laughed_at = world.maybe(0.25)
    if laughed_at:
        world.tell("lesson_laugh", **roles)
    elif world.maybe(0.35):
        world.tell("lesson_hopeless", **roles)
    world.tell(f"lesson_tip_{teacher}", **roles)
    world.tell("lesson_practise", **roles)
    if world.maybe(0.7):
        success(world, teacher, laughed_at, roles)
    else:
        no_success(world, roles)


def taught_by(world: World, teacher: str, roles: dict) -> None:
    """Who teaches: a friend, somebody of the family, or somebody who is there."""
    hero = roles["A"]
    if teacher == "friend":
        roles["B"], relation = world.friend_of(hero)
        world.state.meet(hero, roles["B"], relation)
        world.state.note("teach", A=hero, T=roles["B"])
        world.tell("lesson_by_friend", r=relation, **roles)
        return
    if teacher == "kin":
        roles["g"] = world.later(words.KIN)
        world.state.note("teach", A=hero, g=roles["g"])
    else:
        roles["J"] = world.somebody("farmer" if roles["k"].en == "milk a cow" else TEACHERS)
        world.state.note("teach", A=hero, T=roles["J"])
    world.tell(f"lesson_by_{teacher}", **roles)


def success(world: World, teacher: str, laughed_at: bool, roles: dict) -> None:
    """It works; the teacher is glad, and the hero does not forget how it was."""
    hero = roles["A"]
    world.state.learn(hero, roles["k"], roles.get("B") or roles.get("J") or roles["g"])
    world.tell("lesson_success", **roles)
    cheered = world.maybe(0.7)
    if cheered:
        world.tell(f"lesson_cheer_{teacher}", **roles)
    if cheered and world.maybe(0.4):
        return
    if world.maybe(0.5):
        world.tell("lesson_laugh_end" if laughed_at else "lesson_small_end", **roles)
    else:
        feeling = world.later(PROUD)
        world.state.feel(hero, feeling, True)
        world.tell("lesson_glad_end", f=feeling, **roles)


def no_success(world: World, roles: dict) -> None:
    """Not yet: go on, give it up, or be sad."""
    world.tell("lesson_not_yet", **roles)
    way = world.pick(("lesson_go_on", "lesson_give_up", "lesson_sad_end"), (0.5, 0.2, 0.3))
    if way != "lesson_sad_end":
        world.tell(way, **roles)
    else:
        feeling = world.later(SORRY)
        world.state.feel(roles["A"], feeling, False)
        world.tell("lesson_sad_end", f=feeling, **roles)
