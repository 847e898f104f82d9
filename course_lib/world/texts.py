"""Short texts of the little world that are not stories: notices, letters, recipes, diary pages, conversations, reviews,
and the town facts.

Each function lets something be the case in a `World` and has it written down. The town facts are the same in every
world of the course: a model can only know them by having read them, and each is stated at its own rate.
"""

import zlib
from functools import lru_cache

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import times
from course_lib.world.telling import Lazy
from course_lib.world.words import Entity, table

FESTIVITIES = table(
    "festivity",
    "a concert/音乐会, a puppet show/木偶戏, a race/跑步比赛, a kite festival/风筝节, a singing contest/歌唱比赛, a story hour/故事会, a flower show/花展",
)
REASONS_CLOSED = table(
    "reason",
    "the roof is being mended/要修屋顶, the floor is being painted/要刷地板, a pipe has burst/水管坏了, we are on holiday/我们放假, the rooms are being cleaned/要大扫除",
)
REASONS_AWAY = table(
    "reason",
    "I had a bad cold/我感冒了, I had to help at home/我得在家帮忙, my bicycle was broken/我的自行车坏了, my grandmother came to visit/奶奶来看我了, I had too much homework/我的作业太多了",
)
REASONS_BUSY = table(
    "reason",
    "I have to help at home/我得在家帮忙, I have a music lesson/我要上音乐课, my grandmother is coming to visit/奶奶要来看我, I have too much homework/我的作业太多了",
)
WORDS_OF_THANKS = table(
    "remark",
    "I use it every day/我每天都用它, I have shown it to everybody/我给大家都看了, I keep it beside my bed/我把它放在床边, my whole family likes it/全家人都喜欢它",
)
PASTIMES = table(
    "pastime",
    "have a picnic/野餐, take photos/拍照, draw pictures/画画, sing songs/唱歌, play hide-and-seek/捉迷藏, watch birds/看小鸟",
)
SOUPS = table("dish", "vegetable soup/蔬菜汤, farmer's soup/农家汤, quick soup/快手汤")
SALADS = table("dish", "fruit salad/水果沙拉, summer salad/夏日沙拉")
PANCAKES = table("dish", "vegetable pancakes/蔬菜饼, golden pancakes/金黄煎饼, farmer's pancakes/农家煎饼")
VEGETABLES = table(
    "ingredient",
    "cabbage/白菜, carrots/胡萝卜, potatoes/土豆, tomatoes/西红柿, mushrooms/蘑菇, celery/芹菜, pumpkin/南瓜, beans/豆角",
)
FRUITS = table(
    "ingredient",
    "apples/苹果, pears/梨, plums/李子, peaches/桃子, grapes/葡萄, strawberries/草莓, cherries/樱桃",
)
FILLINGS = table(
    "ingredient",
    "spring onions/小葱, cabbage/白菜, carrots/胡萝卜, spinach/菠菜, mushrooms/蘑菇, leeks/韭菜, pumpkin/南瓜",
)
ASPECTS = table(
    "aspect",
    "colour/颜色, shape/形状, material/材质, feel/手感, quality/质量, design/设计",
)
RECEIVERS = table(
    "receiver", "little sister/妹妹, little brother/弟弟, cousin/表妹, best friend/好朋友, classmate/同学"
)
FAIR_SKY = table("sky", "sunny/晴, cloudy/多云")
FOUL_SKY = table("sky", "rainy/雨, snowy/雪, stormy/大风")
WEEKDAYS = tuple(Entity("day", day.en, f"星期{day.zh}") for day in words.DAYS)
MEALS = table(
    "meal", "dumplings/饺子, noodles/面条, pancakes/煎饼, rice/米饭, fish/鱼, soup/汤, fruit/水果, cake/蛋糕"
)
# those who do not live in one house: they write letters, and they meet
AWAY = tuple(r for r in words.RELATIONS if r.en in ("friend", "neighbour", "classmate", "cousin"))


def places(names: str) -> tuple[Entity, ...]:
    """The places with these names."""
    return tuple(place for place in words.PLACES if place.en in names.split(", "))


BUILDINGS = places("library, museum, teahouse")  # somebody opens and closes them
FAIRGROUNDS = places("park, playground, village square")
OPEN_AIR = places("park, river, lake, beach, forest, garden, farm")
MEETING_PLACES = places("park, lake, beach, forest, garden, farm")
SIGHTS = places("market, school, library, station, museum, zoo, teahouse, temple, park, village square")


def numbers(*values: int) -> tuple[Entity, ...]:
    """Numbers of hours or minutes."""
    names = {10: ("ten", "十"), 15: ("fifteen", "十五"), 20: ("twenty", "二十"), 30: ("thirty", "三十")}
    few = {number.value: (number.en, number.zh) for number in words.NUMBERS}
    return tuple(Entity("number", *(few | names)[value], value=value) for value in values)


MINUTES_ON_FOOT, MINUTES_IN_A_POT, MINUTES_IN_A_PAN = (
    numbers(5, 10, 15, 20),
    numbers(10, 15, 20, 30),
    numbers(2, 3, 4, 5),
)
HOURS = (numbers(8, 9), numbers(2, 3, 4, 5), numbers(6, 7))  # in the morning, the afternoon, the evening
PRICES = words.NUMBERS[1:]


def appointment(world: World) -> tuple[Lazy, Lazy]:
    """A part of a day in the week, and an hour that lies in it."""
    part = world.pick((0, 1, 2))
    return world.later(words.WEEK_TIMES[part::3]), world.later(HOURS[part])


def meeting_point(world: World, place: Entity) -> Entity:
    """A part of a place where people can wait for each other: beside something, not under or inside it."""
    points = [spot for spot in place.spots if spot.en.split()[0] in ("near", "beside", "on")]
    return world.pick(points or place.spots, named=True)


def notice(world: World) -> None:
    """A notice on a board: something lost, something found, an event, a closed door."""
    kind = world.pick(("lost", "found", "event", "closed"))
    time, hour = appointment(world)
    if kind in ("lost", "found"):
        author = world.hero()
        place, thing = world.place_for(author), world.thing_of(author)
        days = [day for day in times(place)[0] if day in words.WEEK_TIMES]  # when somebody may have been there
        roles = {"A": author, "o": thing, "p": place, "t": world.later(days), "s": world.spots(place, 1)[0]}
    elif kind == "event":
        roles = {"p": world.later(FAIRGROUNDS), "t": time, "e": world.later(FESTIVITIES), "n": hour}
    else:
        roles = {"p": world.later(BUILDINGS), "t": time, "why": world.later(REASONS_CLOSED)}
    world.state.note(f"notice_{kind}", **roles)
    world.tell(f"notice_{kind}", **roles)


def letter(world: World) -> None:
    """A letter of thanks, an invitation, get-well wishes or an apology."""
    author, reader = world.hero(), world.person()
    relation = world.later([r for r in AWAY if r.sex in ("", author.sex)])
    roles = {"A": author, "B": reader, "r": relation}
    kind = world.pick(("thanks", "invite", "well", "sorry"))
    if kind == "thanks":
        roles |= {"o": world.thing_of(author), "w": world.later(WORDS_OF_THANKS)}
    elif kind == "invite":
        place, (time, hour) = world.place_for(author, FAIRGROUNDS), appointment(world)
        roles |= {"p": place, "t": time, "n": hour}
        roles |= {"e": world.later(FESTIVITIES), "s": meeting_point(world, place)}
    elif kind == "well":
        roles |= {"p": world.place_for(author, OPEN_AIR), "act": world.later(PASTIMES)}
    else:
        roles |= {"p": world.place_for(author, OPEN_AIR), "t": world.later(words.WEEK_TIMES)}
        roles["why"] = world.later(REASONS_AWAY)
    world.state.note(f"letter_{kind}", **roles)
    world.tell(f"letter_{kind}", **roles)


def recipe(world: World) -> None:
    """How to cook something simple."""
    kind, dishes, ingredients, minutes = world.pick(
        (
            ("soup", SOUPS, VEGETABLES, MINUTES_IN_A_POT),
            ("salad", SALADS, FRUITS, MINUTES_IN_A_POT),
            ("pan", PANCAKES, FILLINGS, MINUTES_IN_A_PAN),
        )
    )
    first, second = world.new(ingredients), world.new(ingredients)
    roles = {"dish": world.later(dishes), "i1": first, "i2": second, "n": world.later(minutes)}
    world.state.note("recipe", **roles)
    world.tell(f"recipe_{kind}", **roles)


def diary(world: World) -> None:
    """A page of somebody's diary."""
    fair = world.maybe(0.6)
    relation = world.pick(AWAY, named=True)
    friend = world.person(relation.sex)
    world.tell("diary_head", day=world.later(WEEKDAYS), sky=world.later(FAIR_SKY if fair else FOUL_SKY))
    roles = {"B": friend, "r": relation}
    if fair:
        place = world.pick(OPEN_AIR, named=True)
        world.tell("diary_out", p=place, act=world.later(PASTIMES), **roles)
        what = world.pick(("find", "present", "mishap", "quarrel"))
    else:
        world.tell("diary_in", **roles)
        what = world.pick(("present", "quarrel"))
    if what == "mishap":
        world.tell("diary_mishap", b=world.later(words.BODY), **roles)
    else:
        thing = world.thing_of(friend)
        roles |= {"s": world.spots(place, 1)[0]} if what == "find" else {}
        world.tell(f"diary_{what}", o=thing, **roles)
    good = what in ("find", "present")
    fits = {"find": "happy, glad, proud", "present": "happy, glad"}.get(what, "sad, upset, unhappy")
    feelings = [f for f in words.GLAD + words.SAD_AT_LAST if f.en in fits.split(", ")]
    world.state.note("diary", B=friend, good=good)
    world.tell("diary_glad" if good else "diary_sad", f=world.later(feelings))


def talk(world: World) -> None:
    """A small conversation, one line for each turn."""
    kind = world.pick(("way", "invite", "shop", "borrow"))
    speaker = world.hero()
    if kind == "way":
        guide = world.somebody("police officer, driver, postal worker, gardener, shopkeeper")
        world.tell(
            "talk_way",
            A=speaker,
            J=guide,
            p=world.place_for(speaker, SIGHTS),
            n=world.later(MINUTES_ON_FOOT),
        )
    elif kind == "shop":
        world.tell(
            "talk_shop",
            A=speaker,
            J=world.somebody("shopkeeper"),
            o=world.thing_of(speaker),
            n=world.later(PRICES),
        )
    else:
        other = world.person()
        if kind == "borrow":
            roles = {
                "o": world.thing_of(other),
                "t": world.later(words.WEEK_TIMES),
                "g": world.later(words.KIN),
            }
            world.tell("talk_borrow", A=speaker, B=other, **roles)
        else:
            invitation(world, speaker, other)


def invitation(world: World, speaker: Entity, other: Entity) -> None:
    """One asks the other to come along, who says yes or no."""
    (time, hour), pastime = appointment(world), world.later(PASTIMES)
    world.tell("talk_invite", A=speaker, B=other, act=pastime, t=time)
    if world.maybe(0.6):
        place = world.pick(MEETING_PLACES, named=True)
        spot = meeting_point(world, place)
        world.tell("talk_yes", A=speaker, B=other, p=place, s=spot, n=hour)
    else:
        world.tell("talk_no", A=speaker, B=other, why=world.later(REASONS_BUSY))


def review(world: World) -> None:
    """What somebody thinks of a thing they bought: good or bad, sometimes after a turn."""
    good, turns, present = world.maybe(0.5), world.maybe(0.4), world.maybe(0.4)
    thing = world.new(words.THINGS).own_copy(mark=words.UNSEEN, sized=False)
    receiver = world.later(RECEIVERS)
    world.state.note("review", o=thing, good=good, turns=turns)
    world.tell("review_start_gift" if present else "review_start", o=thing, g=receiver)
    tone = "good" if good != turns else "bad"
    world.tell(f"review_{tone}", aspect=world.new(ASPECTS))
    if world.maybe(0.5):
        world.tell(f"review_{tone}_too", aspect=world.new(ASPECTS))
    if turns:
        world.tell("review_but_good" if good else "review_but_bad", aspect=world.new(ASPECTS))
    if not turns or world.maybe(0.5):
        end = "review_end_good" if good else "review_end_bad"
        world.tell(f"{end}_gift" if present else end, g=receiver)


# ---------------------------------------------------------------- the town facts

FACT_GROUPS = 6  # with the full spread, each group of facts is stated half as often as the group before


@lru_cache(maxsize=1)
def town_facts() -> tuple[tuple[str, dict, int], ...]:
    """The closed-book facts: (event, roles, group), most often stated first.

    >>> facts = town_facts()
    >>> len(facts), facts[0][0].startswith("town_")
    (48, True)
    """
    facts = []
    for event, role, values in (
        ("town_house", "c", words.COLOURS),
        ("town_food", "m", MEALS),
        ("town_rest", "day", WEEKDAYS),
    ):
        for job in words.JOBS:
            number = zlib.crc32(f"{event} {job.en}".encode())
            facts.append((number, event, {"J": job.own_copy(sex=None), role: values[number % len(values)]}))
    facts.sort(key=lambda fact: fact[0] // 64)  # an order that has nothing to do with job or kind
    size = len(facts) // FACT_GROUPS
    return tuple((event, roles, index // size) for index, (_, event, roles) in enumerate(facts))


def town(world: World) -> None:
    """Some facts about the people of the town, the same in every world; how often each is stated differs."""
    left = list(town_facts())
    world.tell("town_start")
    for _ in range(world.pick((3, 4, 5))):
        weights = [2.0 ** (-world.config.facts * group) for _, _, group in left]
        fact = world.pick(left, weights)
        left.remove(fact)
        world.state.note(fact[0], **fact[1])
        world.tell(fact[0], **fact[1])


TEXTS = (notice, letter, recipe, diary, talk, review, town)
