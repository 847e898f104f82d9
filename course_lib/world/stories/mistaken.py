"""Somebody blames a friend for taking a thing; the truth is another one, and an apology is due."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import opening
from course_lib.world.words import Entity, table

INDOORS = ("school", "library", "station", "museum", "teahouse", "temple", "zoo")
COUNTRY = ("farm", "hill", "village square")
WILD = ("forest", "bamboo grove", "hill")
SMALL = ("bell", "watch", "pen", "necklace", "whistle", "paintbrush")  # a magpie can carry it
WITNESSES = "police officer, shopkeeper, driver, postal worker, nurse, singer, baker, tailor"
CONTENT = table("feeling", "happy/高兴, glad/开心, grateful/感激")
SHARED = tuple(food for food in words.FOODS if food.en not in ("dumpling", "cookie", "rice ball"))
SORRY = table("feeling", "sad/难过, upset/伤心")


def story(world: World) -> None:
    """Show, miss and blame; the thing turns up; be ashamed, apologise, be forgiven or not."""
    hero, place, _ = opening(world, weather=0)
    thing = world.thing_of(hero)
    world.state.own(hero, thing)
    friend, relation = world.friend_of(hero)
    world.state.meet(hero, friend, relation)
    roles = {"A": hero, "B": friend, "o": thing}
    world.tell("mistaken_show", r=relation, **roles)
    animals = takers(place, thing)
    truths = ("left", "kin", "animal") if animals else ("left", "kin")
    truth = world.pick(truths, (0.4, 0.25, 0.35) if animals else (0.6, 0.4))
    if truth != "kin":
        world.state.lose(hero, thing)
    world.tell("mistaken_miss_left" if truth == "left" else "mistaken_miss", **roles)
    world.state.blame(hero, friend)
    world.tell("mistaken_blame", **roles)
    stays = world.maybe(0.5)
    world.tell("mistaken_deny" if stays else "mistaken_leave", **roles)
    if truth == "kin":
        roles["g"] = world.later(words.KIN)
        world.state.note("keep_safe", A=hero, o=thing, g=roles["g"])
        world.tell("mistaken_kin", **roles)
    elif truth == "animal":
        snatched(world, roles, place, animals)
    else:
        found(world, roles, place, stays)
    if world.maybe(0.6 if truth == "left" else 0.3):
        world.tell("mistaken_left" if truth == "left" else "mistaken_ashamed", **roles)
    world.tell("mistaken_sorry" if stays else "mistaken_run", **roles)
    answer(world, roles)


def takers(place: Entity, thing: Entity) -> list[Entity]:
    """The animals that may carry this thing away at this place."""
    if place.en in INDOORS:
        return []
    names = ["dog"] + ["goat"] * (place.en in COUNTRY) + ["magpie"] * (thing.en in SMALL)
    names += ["monkey"] * (place.en in WILD)
    return [animal for animal in words.ANIMALS if animal.en in names]


def snatched(world: World, roles: dict, place: Entity, animals: list[Entity]) -> None:
    """An animal had it, and the owner sees where."""
    animal = world.pick(animals, named=True)
    spot = world.pick(place.spots, named=True)
    world.state.note("snatch", A=roles["A"], x=animal, o=roles["o"])
    world.state.find(roles["A"], roles["o"], spot)
    world.tell("mistaken_animal", s=spot, x=animal, **roles)


def found(world: World, roles: dict, place: Entity, stays: bool) -> None:
    """It lay where the owner had left it; who found it: the owner, the one who was blamed, or somebody else."""
    hero, thing = roles["A"], roles["o"]
    who = world.pick(("mistaken_found", "mistaken_job", "mistaken_given")[: 3 if stays else 2])
    if who == "mistaken_job":
        finder = world.somebody(WITNESSES)
        roles = {**roles, "J": finder}
    else:
        finder = hero if who == "mistaken_found" else roles["B"]
    spot = world.pick(place.spots, named=True)
    world.state.find(finder, thing, spot)
    world.tell(who, s=spot, **roles)
    if finder is not hero:
        world.state.hand_back(finder, thing)


def answer(world: World, roles: dict) -> None:
    """What the friend says to the apology, and how it ends."""
    hero, friend = roles["A"], roles["B"]
    reply = world.pick(("accept", "later", "no"), (0.55, 0.2, 0.25))
    world.tell("mistaken_accept" if reply == "accept" else "mistaken_hurt", **roles)
    if reply == "later":
        world.tell("mistaken_later", d=world.later(SHARED), **roles)
    weights = (0.5, 0.5) if reply == "no" else (0.25, 0.2, 0.2, 0.35)
    way = world.pick(("feeling", "moral", "lend", "")[: len(weights)], weights)
    if way == "lend":
        world.state.lend(hero, friend, roles["o"])
        world.tell("mistaken_lend", **roles)
    elif way == "moral":
        world.tell("mistaken_moral", **roles)
    elif way == "feeling":
        feeling = world.later(SORRY if reply == "no" else CONTENT)
        world.state.feel(hero, feeling, reply != "no")
        world.tell("mistaken_sad_end" if reply == "no" else "mistaken_glad_end", f=feeling, **roles)
