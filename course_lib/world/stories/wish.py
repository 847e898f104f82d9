"""Somebody wants to buy a thing and has too few coins: a loan, work for pay, saving up, or too late."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import ending, last_feeling, meeting, opening
from course_lib.world.words import Entity, table

# English in the past after the name, Chinese after 就 or 于是.
TASKS = table(
    "task",
    """washed the windows/帮忙擦窗户, swept the floor/帮忙扫地, carried boxes/帮忙搬箱子, watered the plants/帮忙浇花,
    peeled potatoes/帮忙削土豆, painted the fence/帮忙刷篱笆, sorted old books/帮忙整理旧书""",
)
EMPLOYERS = "baker, farmer, cook, librarian, gardener, shopkeeper, tailor, driver, carpenter"


def story(world: World) -> None:
    """Want, lack the money, find a way or not."""
    hero, _, _ = opening(world, words.SHOPPING_PLACES)
    thing = world.thing_of(hero)
    price, owned = amounts(world)
    missing = words.NUMBERS[price.value - owned.value - 1]
    roles = {"A": hero, "o": thing, "n": price, "m": owned, "d": missing}
    world.state.have(hero, owned.value)
    world.state.note("want", **roles)
    world.tell("wish_see", **roles)
    world.state.note("price", **roles)
    world.tell("wish_price", **roles)
    way = world.pick(("lend", "work", "late", "save", "no_loan"), weights=(0.3, 0.35, 0.1, 0.1, 0.15))
    if way in ("lend", "work"):
        earning(world, roles, way)
        return
    if way == "no_loan":
        world.tell("wish_no_loan", B=meeting(world, hero), **roles)
    world.tell("wish_late" if way == "late" else "wish_save", **roles)
    last_feeling(world, hero, good=False)


def amounts(world: World) -> tuple[Entity, Entity]:
    """A price of four to twelve coins, and how many of them the hero has: at least one, at most all but two."""
    price = world.pick(words.NUMBERS[3:], named=True)
    return price, world.pick(words.NUMBERS[: price.value - 2], named=True)


def earning(world: World, roles: dict, way: str) -> None:
    """The missing coins come from a friend or from work, and the thing is bought."""
    hero, missing = roles["A"], roles["d"]
    if way == "lend":
        friend = meeting(world, hero)
        world.tell("wish_lend", B=friend, **roles)
        world.state.note("borrow_coins", A=hero, B=friend)
    else:
        employer = world.somebody(EMPLOYERS)
        world.tell("wish_work", J=employer, task=world.later(TASKS), **roles)
        world.tell("wish_pay", J=employer, **roles)
        world.state.note("pay", J=employer, **roles)
    world.state.earn(hero, missing.value)
    world.state.buy(hero, roles["o"], roles["n"].value)
    world.tell("wish_buy", **roles)
    if way == "lend" and world.maybe(0.6):
        ending(world, hero, friend)
    else:
        world.tell("wish_first_use", g=world.later(words.KIN), **roles)
        last_feeling(world, hero, good=True)
