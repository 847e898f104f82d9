"""Somebody falls ill or gets hurt; is helped, told to rest, visited; gets well, sooner if they listen."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import opening
from course_lib.world.words import Entity, table

# What gets hurt, what happens to it, and what helps.
SCRAPED, BUMPED, TWISTED = table("injury", "scraped/擦破了, bumped/碰伤了, twisted/扭伤了")
PARTS = {
    SCRAPED: table("body", "knee/膝盖, elbow/胳膊肘, hand/手"),
    BUMPED: table("body", "head/头, shoulder/肩膀"),
    TWISTED: table("body", "ankle/脚腕, wrist/手腕"),
}
CURES_HURT = {
    SCRAPED: table("cure", "washed the wound/洗净了伤口, put on a plaster/贴上了创可贴"),
    BUMPED: table("cure", "laid a wet cloth on the sore spot/敷上了湿毛巾, put on some ointment/抹上了药膏"),
    TWISTED: table("cure", "put on a bandage/缠上了绷带, put on some ointment/抹上了药膏"),
}
CURES_ILL = table("cure", "made some hot tea/泡了热茶, brought some medicine/拿来了药, cooked some soup/煮了汤")
HELPERS = "doctor, nurse, teacher, police officer, singer, farmer, driver, librarian, postal worker, dancer"
HEALERS = "doctor, nurse"
WILD = tuple(
    p
    for p in words.PLACES
    if p.en in ("garden", "park", "forest", "hill", "farm", "playground", "river", "lake", "beach")
)
VISITORS = tuple(r for r in words.RELATIONS if r.en in ("friend", "neighbour", "classmate", "cousin"))
TREATS = table(
    "treat",
    "a bag of apples/一袋苹果, a basket of oranges/一篮橘子, a storybook/一本故事书, a bunch of flowers/一束花",
)
BETTER = table("feeling", "happy/高兴, glad/开心")
WORSE = table("feeling", "sad/难过, upset/伤心")


def story(world: World) -> None:
    """Get hurt or fall ill, be helped, rest or not, get well."""
    if world.maybe(0.45):
        ill(world)
    else:
        hurt(world)


def ill(world: World) -> None:
    """Fall ill, be looked after by somebody of the family or brought home, and stay in bed or not."""
    hero, _, _ = opening(world)
    days = world.pick(words.NUMBERS[1:6], named=True)
    roles = {"A": hero, "n": days}
    world.tell("unwell_ill", **roles)
    world.state.suffer(hero, "illness")
    if world.maybe(0.5):
        roles["g"] = world.later(words.KIN)
        world.tell("unwell_kin", cure=world.later(CURES_ILL), **roles)
        world.state.note("help", A=hero, g=roles["g"])
    else:
        roles["J"] = world.somebody(HEALERS)
        world.tell("unwell_healer", **roles)
        world.state.help(roles["J"], hero)
    resting(world, roles, "in_bed", "unwell_well")


def hurt(world: World) -> None:
    """Get hurt at play, be helped by somebody who is there, and keep still or not."""
    hero, _, _ = opening(world, WILD, weather=0)
    part = world.pick([part for parts in PARTS.values() for part in parts], named=True)
    injury = next(injury for injury, parts in PARTS.items() if part in parts)
    roles = {"A": hero, "b": part, "n": world.pick(words.NUMBERS[1:5], named=True)}
    roles["J"] = helper = world.somebody(HELPERS)
    world.tell("unwell_play", **roles)
    world.tell("unwell_hurt", i=injury, **roles)
    world.state.note("hurt_part", A=hero, b=part)
    world.state.suffer(hero, part)
    if world.maybe(0.3):
        world.tell("unwell_alone", **roles)
    world.tell("unwell_helper", cure=world.later(CURES_HURT[injury]), **roles)
    world.state.help(helper, hero)
    world.tell("unwell_says", **roles)
    resting(world, roles, "at_home", "unwell_healed")


def resting(world: World, roles: dict, where: str, well: str) -> None:
    """The days of rest, and what they lead to."""
    hero, days = roles["A"], roles["n"]
    world.state.note("rest", A=hero, n=days)
    obeys = world.maybe(0.65)
    world.tell(f"unwell_obey_{where}" if obeys else f"unwell_disobey_{where}", **roles)
    if world.maybe(0.4):
        relation = world.pick(VISITORS, named=True)
        visitor = world.person(relation.sex)
        world.state.note("visit", A=hero, B=visitor)
        world.tell("unwell_visit", B=visitor, r=relation, d=world.later(TREATS), **roles)
    if obeys:
        world.tell(well, **roles)
    else:
        world.tell("unwell_slow", w=words.NUMBERS[2 * days.value - 1], **roles)
    world.state.recover(hero)
    last(world, roles, obeys, where)


def last(world: World, roles: dict, obeys: bool, where: str) -> None:
    """Thanks, a feeling, or a lesson."""
    way = world.pick(("thank", "feeling", "lesson")) if obeys else world.pick(("feeling", "lesson"))
    if way == "thank":
        world.tell("unwell_thank" if "J" in roles else "unwell_thank_kin", **roles)
    elif way == "feeling":
        feeling: Entity = world.later(BETTER if obeys else WORSE)
        world.state.feel(roles["A"], feeling, obeys)
        world.tell("unwell_glad_end" if obeys else "unwell_sad_end", f=feeling, **roles)
    elif obeys:
        world.tell(f"unwell_{where}_lesson", **roles)
    else:
        world.tell("unwell_listen_lesson", **roles)
