"""Somebody learns a skill from a friend, from the family or from a stranger: fails, practises, succeeds or not yet."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, meeting, opening
from course_lib.world.words import Entity

TEACHERS = (
    "nurse, librarian, tailor, dancer, doctor, driver, carpenter, farmer, baker, gardener, shopkeeper, cook"
)
# Skill, where one learns it; what goes wrong; what to mind; how it looks when it works.
LESSONS = """
ride a bicycle/骑自行车; park, playground, village square; fell over/摔倒了, rode into a bush/骑进了树丛;
    look straight ahead/眼睛看着前面; rode all around without falling/骑了一圈也没有摔倒
swim/游泳; lake, river, beach; swallowed a lot of water/喝了好几口水, sank like a stone/像石头一样往下沉;
    breathe slowly/慢慢呼吸; swam like a little fish/游得像条小鱼
fold paper cranes/折纸鹤; library, school, teahouse; tore the paper/把纸撕破了, made something like a potato/折得像个土豆;
    press every fold flat/每一道折痕都要压平; folded a crane with two fine wings/折出了一只漂亮的纸鹤
write with a brush/写毛笔字; school, teahouse, temple; made a big black blot/弄出了一个大墨点, wrote a very crooked line/写得歪歪扭扭;
    hold the brush upright/把笔拿直; wrote a beautiful word/写出了一个漂亮的字
skip rope/跳绳; playground, park, school; got caught in the rope/被绳子绊住了, jumped too late/跳得太晚了;
    listen to the beat/听着节拍跳; jumped twenty times without a stop/一口气跳了二十下
play the flute/吹笛子; garden, hill, bamboo grove; made a sound like a goose/吹得像鹅叫, did not get a single note out/一个音也没吹出来;
    blow gently/轻轻地吹; played a whole song/吹出了一支完整的曲子
fly a kite/放风筝; hill, beach, park; got the string into a knot/把线缠成了一团, ran until the kite crashed/跑着跑着，风筝就栽了下来;
    run against the wind/迎着风跑; had the kite high above the trees/把风筝放得高高的
row a boat/划船; lake, river; rowed in a circle/划着船直打转, got wet from top to toe/弄得浑身都是水;
    pull with both arms at once/两只手一起用力; rowed in a straight line/把船划得又直又稳
play chess/下棋; teahouse, park, library; lost after ten moves/走了十步就输了, mixed up all the rules/把规则全弄混了;
    think two moves ahead/往前多想两步; won a game/赢了一盘
milk a cow/挤牛奶; farm; knocked over the bucket/把桶打翻了, did not get a single drop/一滴也没挤出来;
    squeeze softly/轻轻地捏; filled half a bucket/挤了半桶奶
juggle/抛接球; market, park, village square; dropped all the balls/把球全掉在了地上, threw a ball much too high/把球抛得太高了;
    watch the highest ball/看着最高的那个球; kept three balls in the air/让三个球一直在空中飞
"""
INDOORS = ("school", "library", "teahouse", "temple")


def _lessons(text: str) -> dict[Entity, dict]:
    found = {}
    for entry in text.replace("\n    ", " ").strip().splitlines():
        skill, places, mishaps, tip, triumph = entry.split(";")
        names = [name.strip() for name in places.split(",")]
        found[words.table("skill", skill)[0]] = {
            "places": tuple(place for place in words.PLACES if place.en in names),
            "mishaps": words.table("mishap", mishaps),
            "tip": words.table("tip", tip)[0],
            "triumph": words.table("triumph", triumph)[0],
        }
    return found


SKILLS = _lessons(LESSONS)


def story(world: World) -> None:
    """Want to learn, find a teacher, fail, hear what to mind, practise; succeed, go on or give up."""
    skill = world.pick(tuple(SKILLS), named=True)
    lesson = SKILLS[skill]
    indoors = all(place.en in INDOORS for place in lesson["places"])
    hero, _, _ = opening(world, lesson["places"], 0.4 if indoors else 0.0)
    roles = {
        "A": hero,
        "k": skill,
        "m": world.later(lesson["mishaps"]),
        "u": lesson["tip"],
        "v": lesson["triumph"],
    }
    world.tell("lesson_want", **roles)
    teacher = world.pick(("friend", "kin", "job"), (0.45, 0.25, 0.3))
    if teacher == "friend":
        roles["B"] = master = meeting(world, hero)
    elif teacher == "kin":
        roles["g"] = master = world.later(words.KIN)
    else:
        roles["J"] = master = world.somebody(TEACHERS)
    world.state.note("teach", A=hero, T=master)
    world.tell(f"lesson_by_{teacher}", **roles)
    world.tell("lesson_fail", **roles)
    if world.maybe(0.25):
        world.tell("lesson_laugh", **roles)
    if world.maybe(0.4):
        world.tell("lesson_hopeless", **roles)
    world.tell(f"lesson_tip_{teacher}", **roles)
    world.tell("lesson_practise", **roles)
    if world.maybe(0.7):
        world.state.learn(hero, skill, master)
        world.tell("lesson_success", **roles)
        world.tell(f"lesson_cheer_{teacher}", **roles)
        if world.maybe(0.4):
            world.tell("lesson_pass_on", **roles)
        else:
            last_feeling(world, hero, True, "happy, glad, proud, excited, content")
        return
    world.tell("lesson_not_yet", **roles)
    if world.maybe(0.6):
        world.tell("lesson_go_on", **roles)
    else:
        world.tell("lesson_give_up", **roles)
        last_feeling(world, hero, False, "sad, upset, disappointed")
