"""Somebody falls ill or gets hurt; is helped, told to rest, visited; gets well, sooner if they listen."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, opening
from course_lib.world.words import table

CURES_HURT = table(
    "cure",
    "cleaned the cut/清洗了伤口, put on a bandage/缠上了绷带, put ice on it/敷上了冰块, washed off the blood/洗掉了血迹",
)
CURES_ILL = table("cure", "made hot tea/泡了热茶, brought some medicine/拿来了药, cooked some soup/煮了汤")
HELPERS = "doctor, nurse, teacher, police officer, singer, farmer, driver, librarian, postal worker, dancer"
WILD = tuple(
    p
    for p in words.PLACES
    if p.en in ("garden", "park", "forest", "hill", "farm", "playground", "river", "lake", "beach")
)
DAYS_OF_REST = words.NUMBERS[1:7]


def story(world: World) -> None:
    """Get hurt or fall ill, be helped, rest or not, get well."""
    ill = world.maybe(0.4)
    hero, _, _ = opening(world) if ill else opening(world, WILD)
    part = world.later(words.BODY)
    helper = world.somebody(HELPERS)
    days = world.later(DAYS_OF_REST)
    cure = world.later(CURES_ILL if ill else CURES_HURT)
    roles = {"A": hero, "J": helper, "b": part, "n": days, "cure": cure}
    if ill:
        world.tell("unwell_ill", **roles)
    else:
        world.tell("unwell_play", **roles)
        world.tell("unwell_hurt", **roles)
        world.state.note("hurt_part", A=hero, b=part)
    world.state.suffer(hero, "illness" if ill else part)
    if world.maybe(0.6):
        world.tell("unwell_alone", **roles)
    world.tell("unwell_helper_ill" if ill else "unwell_helper_hurt", **roles)
    world.state.help(helper, hero)
    world.tell("unwell_says", **roles)
    world.state.note("rest", A=hero, n=days)
    resting(world, roles)


def resting(world: World, roles: dict) -> None:
    """The days in bed, and what they lead to."""
    hero = roles["A"]
    obeys = world.maybe(0.7)
    world.tell("unwell_obey" if obeys else "unwell_disobey", **roles)
    if world.maybe(0.5):
        visitor, relation = world.friend_of(hero)
        world.state.note("visit", A=hero, B=visitor)
        world.tell("unwell_visit", B=visitor, r=relation, d=world.later(words.FOODS), **roles)
    world.tell("unwell_well" if obeys else "unwell_slow", **roles)
    world.state.recover(hero)
    if obeys and world.maybe(0.5):
        world.tell("unwell_thank", **roles)
    elif world.maybe(0.3):
        world.tell("unwell_careful", **roles)
    last_feeling(world, hero, good=obeys)
