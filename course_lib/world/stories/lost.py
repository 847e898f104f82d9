"""Something is lost; it is looked for alone or together, and found, handed in, made up for or gone for good."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import (
    INDOORS,
    OUTDOORS,
    ending,
    last_feeling,
    low_spots,
    meeting,
    opening,
    owning,
    related,
    sadness,
)
from course_lib.world.words import Entity

LIGHT = ("kite", "ball", "hat", "umbrella", "scarf", "map", "fan")  # what the wind can carry away
# What an animal can carry away in its mouth, and what shines: that is for a magpie.
MOUTH = ("kite", "ball", "book", "hat", "umbrella", "scarf", "basket", "doll", "flute", "map", "fan", "whistle",
         "jump rope")  # fmt: skip
SHINY = ("bell", "watch", "necklace", "whistle", "pen")
THIEVES = {  # where an animal may run off with something
    "monkey": ("zoo", "forest", "bamboo grove", "hill"),
    "goat": ("farm", "hill"),
    "fox": ("forest", "hill"),
    "magpie": ("garden", "park", "forest", "temple", "river", "lake"),
}
TAKING = {"monkey": "lost_monkey", "magpie": "lost_magpie"}
HONEST = {  # who may have found it, where somebody of a certain job is likely to be
    "school": "teacher", "library": "librarian", "station": "driver", "market": "shopkeeper", "farm": "farmer",
    "night market": "cook", "garden": "gardener", "park": "gardener, police officer",
}  # fmt: skip
PASSERS_BY = "police officer, postal worker, doctor, teacher"
# Nobody is glad that they can "carry", "open" or "look at" these again.
NOT_USED = ("basket", "box", "school bag", "umbrella", "watch")


def story(world: World) -> None:
    """Own, lose, look for it alone or with somebody, get it back or do without."""
    hero, place, sky = opening(world)
    thing = owning(world, hero)
    roles = {"A": hero, "o": thing}
    friend = meeting(world, hero) if world.maybe(0.25) else None
    cause, thief = losing(world, place, sky, roles)
    if world.maybe(0.7):
        sadness(world, hero)
    if friend is None and world.maybe(0.65):
        friend = telling(world, cause, thief, roles)
    elif friend is not None:
        world.tell("offer_search", B=friend, **roles)
    if friend is None:
        alone(world, place, cause, thief, roles)
    else:
        together(world, place, cause, thief, roles | {"B": friend})


def losing(world: World, place: Entity, sky: Entity | None, roles: dict) -> tuple[str, Entity | None]:
    """How it is lost: ("wind", None), ("animal", which one) or ("unseen", None)."""
    thing, weather = roles["o"].en, sky.en if sky else ""
    outdoors = place.en in OUTDOORS
    names = ["dog"] * (thing in MOUTH and place.en not in INDOORS)
    for name, homes in THIEVES.items():
        if place.en in homes and (name == "monkey" or thing in (SHINY if name == "magpie" else MOUTH)):
            names.append(name)
    wind = 2.0 if weather == "windy" else 0.5
    if thing not in LIGHT or not outdoors or weather in ("foggy", "hot"):
        wind = 0.0
    cause = world.pick(("wind", "animal", "unseen"), (wind, 0.5 if names else 0.0, 0.5))
    thief = world.new([a for a in words.ANIMALS if a.en in names]) if cause == "animal" else None
    world.state.lose(roles["A"], roles["o"])
    if thief:
        world.tell(TAKING.get(thief.en, "lost_animal"), x=thief, **roles)
    elif cause == "wind":
        world.tell("lost_wind", **roles)
    else:
        world.tell("lost_playing" if outdoors and world.maybe(0.4) else "lost_unseen", **roles)
    return cause, thief


def telling(world: World, cause: str, thief: Entity | None, roles: dict) -> Entity | None:
    """Somebody comes and hears of it; None if they have no time to help."""
    friend = meeting(world, roles["A"])
    pair = roles | {"B": friend}
    if world.maybe(0.4):
        world.tell("ask_wrong", **pair)
    if cause != "unseen" and world.maybe(0.6):
        world.tell(f"tell_{cause}", x=thief, **pair)
    else:
        world.tell("tell_lost", **pair)
    if not related(world, roles["A"], friend) and world.maybe(0.15):
        world.tell("lost_refuse", **pair)
        return None
    if world.maybe(0.6):
        world.tell("offer_search", **pair)
    return friend


def traced(world: World, cause: str, thief: Entity | None, roles: dict) -> None:
    """How it came to be where it was found, if that is known."""
    if cause != "unseen" and world.maybe(0.5):
        world.tell(f"found_{cause}", x=thief, **roles)


def together(world: World, place: Entity, cause: str, thief: Entity | None, roles: dict) -> None:
    """Two look for it, in one or two parts of the place."""
    hero, friend = roles["A"], roles["B"]
    in_vain, found = world.maybe(0.4), world.maybe(0.75)
    spots = low_spots(world, place, in_vain + found)
    offered = world.events[-1][0] == "offer_search"
    if in_vain:
        world.tell("search", s=spots[0], S=hero if offered else friend, **roles)
    if found:
        finder = world.pick((hero, friend)) if offered or in_vain else friend
        world.state.find(finder, roles["o"], spots[-1])
        world.tell("found", F=finder, s=spots[-1], **roles)
        traced(world, cause, thief, roles)
        if finder is not hero:
            world.state.hand_back(finder, roles["o"])
            world.tell("found_back", F=finder, **roles)
        if world.maybe(0.2):
            closing(world, roles)
        else:
            ending(world, hero, friend, True, "lost_back", helped=offered or finder is friend, o=roles["o"])
        return
    world.tell("lost_forever", **roles)
    if world.maybe(0.6):
        gift = world.thing_of(friend)
        world.state.own(friend, gift)
        world.state.give(friend, hero, gift)
        world.tell("comfort_gift", G=friend, R=hero, o=gift)
        if world.maybe(0.5):
            world.tell("thanks", A=hero, B=friend)
        else:
            last_feeling(world, hero, True, "happy, glad", "lost_comforted", B=friend)
    elif world.maybe(0.2):
        world.tell("careful", A=hero)
    else:
        ending(world, hero, friend, False, "lost_gone", o=roles["o"])


def alone(world: World, place: Entity, cause: str, thief: Entity | None, roles: dict) -> None:
    """Nobody helps to look for it, but an adult may bring it back."""
    hero, thing = roles["A"], roles["o"]
    way = world.pick(("handed", "found", "gone"), (0.4, 0.4, 0.2))
    in_vain = way != "gone" and world.maybe(0.5)
    spots = low_spots(world, place, in_vain + (way != "gone"))
    if way != "handed" or in_vain:
        world.tell("lost_look", **roles)
    if in_vain:
        world.tell("search_alone", s=spots[0], **roles)
    if way == "gone":
        world.tell("lost_forever_alone", **roles)
        if world.maybe(0.3):
            world.tell("careful", A=hero)
        else:
            last_feeling(world, hero, False, why="lost_gone" if world.maybe(0.5) else "", o=thing)
        return
    if way == "handed":
        helper = world.somebody(HONEST.get(place.en, PASSERS_BY))
        world.state.find(helper, thing, spots[-1])
        world.state.hand_back(helper, thing)
        world.tell("lost_handed", J=helper, s=spots[-1], **roles)
        world.tell("lost_thanks", J=helper, **roles)
        if world.maybe(0.5):
            closing(world, roles)
        return
    world.state.find(hero, thing, spots[-1])
    world.tell("found_alone", F=hero, s=spots[-1], **roles)
    traced(world, cause, thief, roles)
    closing(world, roles)


def closing(world: World, roles: dict) -> None:
    """It is there again: what the hero thinks, does or feels."""
    way = world.pick(("careful", "use", "feeling"))
    if way == "careful":
        world.tell("careful", A=roles["A"])
    elif way == "use" and roles["o"].en not in NOT_USED:
        world.tell("lost_use", **roles)
    else:
        last_feeling(world, roles["A"], True, why="lost_back" if world.maybe(0.5) else "", o=roles["o"])
