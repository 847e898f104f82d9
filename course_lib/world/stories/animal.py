"""An animal needs help and gets it; it stays and is named, goes its way, or its owner comes."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import ending, meeting, opening
from course_lib.world.words import UNSEEN, table

LIMBS = table("limb", "leg/腿, foot/脚, back/背")
WRAPS = tuple(thing for thing in words.THINGS if thing.en in ("scarf", "coat"))
INDOORS = ("school", "library", "station", "museum", "teahouse")
WILD = ("fox", "monkey", "magpie", "bird")  # these belong to nobody
HEALERS = "doctor, nurse, farmer, gardener, teacher"
OWNERS = "farmer, teacher, baker, tailor, carpenter, singer, nurse, driver, librarian, shopkeeper, dancer"


def story(world: World) -> None:
    """Notice, pity, help together, part or stay."""
    hero, place, _ = opening(world)
    need = world.pick(("hungry", "stuck", "hurt"))
    animals = [a for a in words.ANIMALS if place.en not in INDOORS or a.en in ("dog", "cat", "bird")]
    animal, spot = world.new(animals), world.spots(place, 1)[0]
    limb = world.later(LIMBS)
    roles = {"A": hero, "x": animal}
    world.tell(f"animal_{need}", s=spot, leg=limb, **roles)
    world.state.note("notice_animal", s=spot, **roles)
    if world.maybe(0.6):
        world.tell("animal_pity", **roles)
    roles["B"] = meeting(world, hero)
    helping(world, roles, need, limb)
    parting(world, roles)


def helping(world: World, roles: dict, need: str, limb) -> None:
    """What is done depends on what is wrong."""
    if need == "hungry":
        meal = world.later(words.FEED)
        world.state.note("feed", y=meal, **roles)
        world.tell("animal_feed", y=meal, **roles)
    elif need == "stuck":
        world.tell("animal_free", **roles)
    else:
        world.state.suffer(roles["x"], limb)
        world.state.note("animal_leg", leg=limb, **roles)
        wrap = world.pick(WRAPS, named=True).own_copy(mark=UNSEEN, sized=True)
        world.tell("animal_wrap", o=wrap, J=world.somebody(HEALERS), **roles)
        world.state.recover(roles["x"])
    world.state.help(roles["B"], roles["A"])


def parting(world: World, roles: dict) -> None:
    """It stays with one of the two, goes, or is fetched."""
    way = world.pick(("stay", "go") if roles["x"].en in WILD else ("stay", "go", "owner"))
    if way == "stay":
        keeper, name = world.pick((roles["A"], roles["B"])), world.later(words.PETS)
        world.state.note("pet", F=keeper, pet=name, **roles)
        world.tell("animal_stay", F=keeper, pet=name, **roles)
    elif way == "go":
        world.tell("animal_go", **roles)
    else:
        owner = world.somebody(OWNERS)
        world.state.note("belong", J=owner, **roles)
        world.tell("animal_owner", J=owner, **roles)
    ending(world, roles["A"], roles["B"])
