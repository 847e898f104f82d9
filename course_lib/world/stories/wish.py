"""Somebody wants to buy a thing and has too few coins: a loan, work for pay, a lower price, saving up, or too late."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import ending, last_feeling, meeting, opening
from course_lib.world.words import Entity, table

# Who has what work for a child. English in the past after the name, Chinese after 就 or 于是.
TASKS = {
    "baker": "swept the floor/帮忙扫地, washed the baking tins/帮忙洗烤盘",
    "farmer": "fed the hens/帮忙喂鸡, painted the fence/帮忙刷篱笆",
    "cook": "peeled potatoes/帮忙削土豆, washed the dishes/帮忙洗碗",
    "librarian": "sorted old books/帮忙整理旧书, dusted the shelves/帮忙擦书架",
    "gardener": "watered the plants/帮忙浇花, pulled up weeds/帮忙拔草",
    "shopkeeper": "washed the windows/帮忙擦窗户, carried boxes/帮忙搬箱子",
    "tailor": "swept the floor/帮忙扫地, sorted buttons/帮忙整理扣子",
    "carpenter": "swept the floor/帮忙扫地, carried boards/帮忙搬木板",
}
EVENING = ("baker", "cook", "shopkeeper", "tailor")  # who still works then
STALL, SHOP = Entity("shop", "at a stall", "摊子上"), Entity("shop", "in the shop", "商店里")


def story(world: World) -> None:
    """Want, lack the money, find a way or not."""
    hero, place, _ = opening(world, words.SHOPPING_PLACES)
    thing = world.thing_of(hero)
    price, owned = amounts(world)
    missing = words.NUMBERS[price.value - owned.value - 1]
    roles = {"A": hero, "o": thing, "n": price, "m": owned, "d": missing}
    world.state.have(hero, owned.value)
    world.state.note("want", **roles)
    world.tell("wish_see", v=STALL if "market" in place.en else SHOP, **roles)
    world.tell("wish_price", **roles)
    ways = {"friend": 0.4, "work": 0.3, "save": 0.3, "cheaper": 0.15 if missing.value < 4 else 0.0}
    way = world.pick(tuple(ways), tuple(ways.values()))
    asked = {} if way == "cheaper" else {"n": price}  # it has two prices then
    world.state.note("price", A=hero, o=thing, m=owned, **asked)
    if way == "friend":
        asking(world, roles)
    elif way == "work":
        working(world, roles, EVENING if place.en == "night market" else tuple(TASKS))
    elif way == "cheaper":
        world.tell("wish_cheaper", **roles)
        buying(world, roles, "wish_buy_cheaper", owned)
        glad(world, roles, "wish_own")
    else:
        saving(world, roles)


def amounts(world: World) -> tuple[Entity, Entity]:
    """A price of four to twelve coins, and how many of them the hero has: at least one, at most all but two."""
    price = world.pick(words.NUMBERS[3:], named=True)
    return price, world.pick(words.NUMBERS[: price.value - 2], named=True)


def told_missing(world: World, roles: dict) -> None:
    """How many coins are missing has been said."""
    world.state.note("price", A=roles["A"], o=roles["o"], d=roles["d"])


def buying(world: World, roles: dict, event: str, price: Entity) -> None:
    """The thing changes hands for a number of coins."""
    world.state.buy(roles["A"], roles["o"], price.value)
    world.tell(event, **roles)


def asking(world: World, roles: dict) -> None:
    """A friend is asked for the missing coins, and lends them or cannot."""
    hero, friend = roles["A"], meeting(world, roles["A"])
    world.tell("wish_ask", B=friend, **roles)
    told_missing(world, roles)
    if world.maybe(0.35):
        world.tell("wish_no_loan", B=friend, **roles)
        if world.maybe(0.5):
            saving(world, roles)
        else:
            last_feeling(
                world,
                hero,
                False,
                "sad, unhappy, disappointed",
                "wish_not" if world.maybe(0.5) else "",
                **roles,
            )
        return
    world.tell("wish_lend", B=friend, **roles)
    world.state.note("borrow_coins", A=hero, B=friend)
    world.state.earn(hero, roles["d"].value)
    buying(world, roles, "wish_buy", roles["n"])
    if world.maybe(0.5):
        ending(world, hero, friend, True, "wish_own", o=roles["o"])
    else:
        glad(world, roles, "wish_own")


def working(world: World, roles: dict, employers: tuple[str, ...]) -> None:
    """The missing coins, and sometimes more, are earned."""
    hero, more = roles["A"], world.pick((0, 0, 1, 2))
    if world.maybe(0.4):
        world.tell("wish_missing", **roles)
        told_missing(world, roles)
    pay = words.NUMBERS[min(roles["d"].value + more, len(words.NUMBERS)) - 1]
    left = pay.value - roles["d"].value
    employer = world.somebody(", ".join(employers))
    task = world.later(table("task", TASKS[employer.en]))
    world.tell("wish_work", J=employer, task=task, **roles)
    world.tell("wish_pay", J=employer, e=pay, **roles)
    world.state.earn(hero, pay.value)
    buying(world, roles, "wish_buy_back", roles["n"])
    deed = {"A": hero, "J": employer, "e": pay}
    if left:
        deed["l"] = words.NUMBERS[left - 1]
        world.tell("wish_left", l=deed["l"], **roles)
    world.state.note("pay", **deed)
    glad(world, roles, "wish_earned")


def saving(world: World, roles: dict) -> None:
    """Coin after coin is put aside: for long enough, too long, or the story ends before."""
    hero = roles["A"]
    told_missing(world, roles)
    if world.maybe(0.35):
        world.tell("wish_plan", **roles)
        return
    world.tell("wish_save", **roles)
    world.state.earn(hero, roles["d"].value)
    if world.maybe(0.35):
        world.tell("wish_late", **roles)
        last_feeling(
            world, hero, False, "sad, unhappy, disappointed", "wish_gone" if world.maybe(0.5) else "", **roles
        )
        return
    buying(world, roles, "wish_buy_saved", roles["n"])
    glad(world, roles, "wish_saved")


def glad(world: World, roles: dict, why: str) -> None:
    """The thing is theirs: shown at home, or simply a joy."""
    if world.maybe(0.5):
        world.tell("wish_home", g=world.later(words.KIN), **roles)
        return
    proud = why in ("wish_earned", "wish_saved")
    if world.maybe(0.6):
        last_feeling(world, roles["A"], True, "happy, proud" if proud else "happy, glad", why, o=roles["o"])
    else:
        last_feeling(world, roles["A"], True, "happy, glad, content")
