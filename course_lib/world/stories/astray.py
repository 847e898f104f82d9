"""Somebody loses the way, for one of five reasons; a friend or an adult helps, or a sign does; what is learnt of it."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import opening
from course_lib.world.words import Entity, table

WIDE = tuple(
    p
    for p in words.PLACES
    if p.en in ("park", "market", "forest", "bamboo grove", "hill", "zoo", "night market", "station", "lake")
)
WHYS = dict(
    zip(
        ("shortcut", "dream", "cat", "fog", "sights"),
        table(
            "why",
            """wanted to take a short cut/想抄近路, was deep in thought/只顾着想心事, ran after a little cat/追着一只小猫跑,
            could not see the path in the fog/雾太大看不清路, did not watch the path/没有留心看路""",
        ),
        strict=True,
    )
)
LANDMARKS = table(
    "landmark", "a tall tree/一棵大树, an old well/一口老井, a little bridge/一座小桥, a big stone/一块大石头"
)
GUIDES = "police officer, driver, postal worker, teacher, gardener, farmer, shopkeeper, nurse"
STRANGERS = "driver, gardener, farmer, nurse, carpenter, cook"
GLAD = tuple(feeling for feeling in words.GLAD if feeling.en in ("happy", "glad"))
SAD = tuple(feeling for feeling in words.SAD_AT_LAST if feeling.en in ("sad", "unhappy"))


def story(world: World) -> None:
    """Lose the way, be afraid, try, get home."""
    hero, place, sky = opening(world, WIDE)
    roles = {"A": hero, "g": world.later(words.KIN)}
    why = losing(world, roles, place, sky)
    if world.maybe(0.4):
        world.tell("astray_fear", **roles)
    elif world.maybe(0.6):
        world.tell("astray_try", m=world.later(LANDMARKS), **roles)
    way = world.pick((found_by_a_friend, brought_home, told_the_way, finding_it), (0.35, 0.25, 0.2, 0.2))
    way(world, roles)
    coming_home(world, roles, why)


def losing(world: World, roles: dict, place: Entity, sky: Entity | None) -> str:
    """Why the hero gets lost depends on the weather and on the place."""
    if sky is not None and sky.en == "foggy":
        why = "fog"
    else:
        busy = place.en in ("market", "night market", "zoo")
        why = world.pick(("shortcut", "dream", "cat", "sights"), (0.3, 0.3, 0.2, 0.6 if busy else 0.0))
    world.state.get_lost(roles["A"], place)
    world.state.note("lose_way", why=WHYS[why], **roles)
    world.tell(f"astray_{why}", **roles)
    return why


def found_by_a_friend(world: World, roles: dict) -> None:
    """Somebody close has looked for the hero."""
    friend, relation = world.friend_of(roles["A"])
    if world.maybe(0.4):
        world.tell("astray_stay", **roles)
    world.tell("astray_friend", B=friend, r=relation, **roles)
    world.state.meet(roles["A"], friend, relation)
    world.state.be_found(roles["A"], friend)
    world.tell("astray_home", B=friend, **roles)


def brought_home(world: World, roles: dict) -> None:
    """An adult brings the hero home."""
    guide = world.somebody(GUIDES)
    world.tell("astray_asking", J=guide, **roles)
    world.tell("astray_brought", J=guide, **roles)
    world.state.note("bring_home", J=guide, **roles)
    world.state.help(guide, roles["A"])
    world.state.astray.remove(roles["A"])


def told_the_way(world: World, roles: dict) -> None:
    """An adult is asked and tells the way."""
    guide = world.somebody(STRANGERS)
    world.tell("astray_asking", J=guide, **roles)
    world.tell("astray_told", J=guide, **roles)
    world.state.note("tell_way", J=guide, **roles)
    world.state.help(guide, roles["A"])
    world.state.astray.remove(roles["A"])


def finding_it(world: World, roles: dict) -> None:
    """Nobody helps: the hero finds the way alone."""
    world.tell("astray_sign", **roles)
    world.state.astray.remove(roles["A"])


def coming_home(world: World, roles: dict, why: str) -> None:
    """What the family says, and what the hero makes of it."""
    kind = world.maybe(0.75)
    world.tell("astray_after" if kind else "astray_punished", **roles)
    if world.maybe(0.5):
        world.tell("astray_lesson_" + ("look" if why in ("dream", "sights") else why), **roles)
    else:
        felt = world.later(GLAD if kind else SAD)
        world.state.feel(roles["A"], felt, kind)
        world.tell("astray_glad" if kind else "astray_sad", f=felt, **roles)
