"""Somebody blames a friend for taking a thing; the truth is another one, and an apology is due."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, meeting, opening, owning
from course_lib.world.words import Entity

INDOORS = ("school", "library", "station", "museum", "teahouse")
WILD = ("forest", "bamboo grove", "hill", "zoo")
SMALL = ("cup", "bell", "watch", "pen", "mirror", "necklace", "whistle", "paintbrush", "toy car", "fan")
WITNESSES = "police officer, shopkeeper, driver, postal worker, nurse, singer, baker, tailor"


def story(world: World) -> None:
    """Own, miss, suspect and blame; the thing turns up; be ashamed, apologise, be forgiven or not."""
    hero, place, _ = opening(world)
    thing = owning(world, hero)
    friend = meeting(world, hero)
    roles = {"A": hero, "B": friend, "o": thing}
    if world.maybe(0.3):
        world.tell("mistaken_admire", **roles)
    truth = world.pick(("left", "animal", "kin"), (0.4, 0.35, 0.25))
    if truth != "kin":
        world.state.lose(hero, thing)
    world.tell("mistaken_miss", **roles)
    if world.maybe(0.4):
        world.tell("mistaken_suspect", **roles)
    world.state.blame(hero, friend)
    world.tell("mistaken_blame", **roles)
    stays = world.maybe(0.5)
    world.tell("mistaken_deny" if stays else "mistaken_leave", **roles)
    turning_up(world, truth, place, stays, roles)
    if world.maybe(0.4):
        world.tell("mistaken_ashamed", **roles)
    if not stays:
        world.tell("mistaken_run", **roles)
    world.tell("mistaken_sorry", **roles)
    answer(world, roles)


def takers(place: Entity, thing: Entity) -> list[Entity]:
    """The animals that may carry this thing away at this place."""
    names = ["dog"]
    if place.en not in INDOORS:
        names += ["goat"] + ["magpie"] * (thing.en in SMALL) + ["monkey", "fox"] * (place.en in WILD)
    return [animal for animal in words.ANIMALS if animal.en in names]


def turning_up(world: World, truth: str, place: Entity, stays: bool, roles: dict) -> None:
    """Where the thing really was, and who finds it."""
    hero, thing = roles["A"], roles["o"]
    if truth == "kin":
        giver = world.later(words.KIN)
        world.state.note("keep_safe", A=hero, o=thing, g=giver)
        world.tell("mistaken_kin", g=giver, **roles)
        return
    finders = [hero, roles["B"]] if stays else [hero]
    if world.maybe(0.3):
        finders.append(world.somebody(WITNESSES))
        world.tell("mistaken_job", J=finders[-1], **roles)
    elif world.maybe(0.4):
        world.tell("mistaken_search" if stays else "mistaken_alone", **roles)
    finder = world.pick(finders)
    animal = world.pick(takers(place, thing), named=True) if truth == "animal" else None
    spots = [spot for spot in place.spots if not (animal and spot.en == "on the top shelf")]
    spot = world.pick(spots, named=True)
    if animal:
        world.state.note("snatch", x=animal, o=thing)
    world.state.find(finder, thing, spot)
    world.tell("mistaken_animal" if animal else "mistaken_found", F=finder, s=spot, x=animal, **roles)
    if not animal and world.maybe(0.6):
        world.tell("mistaken_left", **roles)
    if finder is not hero:
        world.state.hand_back(finder, thing)


def answer(world: World, roles: dict) -> None:
    """What the friend says to the apology, and how it ends."""
    hero, friend = roles["A"], roles["B"]
    reply = world.pick(("accept", "later", "no"), (0.5, 0.3, 0.2))
    world.tell("mistaken_accept" if reply == "accept" else "mistaken_hurt", **roles)
    if reply == "later":
        world.tell("mistaken_later", d=world.later(words.FOODS), **roles)
    if reply != "no" and world.maybe(0.3):
        world.state.lend(hero, friend, roles["o"])
        world.tell("mistaken_lend", **roles)
    elif world.maybe(0.5):
        world.tell("mistaken_moral", g=world.later(words.KIN), **roles)
    else:
        last_feeling(
            world, hero, reply != "no", "sad, upset" if reply == "no" else "happy, glad, grateful, content"
        )
