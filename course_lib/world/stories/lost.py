"""Something is lost; it is looked for, and found or not."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import ending, last_feeling, meeting, opening, owning, sadness

CARRIERS = tuple(
    animal for animal in words.ANIMALS if animal.en in ("dog", "monkey", "goat", "magpie", "fox")
)
LIGHT = (
    "kite",
    "ball",
    "hat",
    "umbrella",
    "scarf",
    "basket",
    "map",
    "fan",
    "book",
)  # what the wind can carry away


def story(world: World) -> None:
    """Own, lose, search with somebody's help, find or do without."""
    hero, place, sky = opening(world)
    thing = owning(world, hero)
    windy = sky is not None and sky.en == "windy"
    wind = 0.0 if thing.en not in LIGHT else 2.0 if windy else 0.3
    how = world.pick(("lost_wind", "lost_animal", "lost_unseen"), weights=(wind, 0.4, 0.5))
    thief = world.new(CARRIERS) if how == "lost_animal" else None
    world.state.lose(hero, thing)
    world.tell(how, A=hero, o=thing, x=thief)
    sadness(world, hero)
    friend = meeting(world, hero)
    pair = {"A": hero, "B": friend, "o": thing}
    if world.maybe(0.5):
        world.tell("ask_wrong", **pair)
    world.tell("tell_lost", **pair)
    if world.maybe(0.6):
        world.tell("offer_search", **pair)
    found = looking(world, pair, place)
    if not found and world.maybe(0.6):
        gift = world.thing_of(friend)
        world.state.own(friend, gift)
        world.state.give(friend, hero, gift)
        world.tell("comfort_gift", G=friend, R=hero, o=gift)
        found = True
    if world.maybe(0.2):
        world.tell("careful", A=hero)
        last_feeling(world, hero, found)
    else:
        ending(world, hero, friend, found)


def looking(world: World, pair: dict, place: words.Entity) -> bool:
    """Search in one or two parts of the place; True if the thing is found."""
    in_vain, found = world.maybe(0.4), world.maybe(0.8)
    spots = world.spots(place, in_vain + found)
    if in_vain:
        world.tell("search", s=spots[0], **pair)
    if not found:
        world.tell("lost_forever", **pair)
        return False
    finder = world.pick((pair["A"], pair["B"]))
    world.state.find(finder, pair["o"], spots[-1])
    world.tell("found", F=finder, s=spots[-1], **pair)
    if finder is not pair["A"]:
        world.state.hand_back(finder, pair["o"])
    return True
