"""Somebody finds a thing that is not theirs: asks around, gives it back at once, or keeps it first and is sorry."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import last_feeling, low_spots, opening
from course_lib.world.words import UNSEEN

HELPERS = {
    "school": "teacher",
    "library": "librarian",
    "farm": "farmer",
    "garden": "gardener",
    "station": "driver",
}


def story(world: World) -> None:
    """Find, be tempted or not, look for the owner or hide it, give it back, be thanked or not."""
    hero, place, _ = opening(world)
    owner = world.person()
    thing = world.thing_of(owner)
    spot = low_spots(world, place, 1)[0]
    world.state.own(owner, thing)
    world.state.lose(owner, thing)
    world.state.pick_up(hero, thing, spot)
    roles = {"A": hero, "B": owner, "o": thing, "s": spot}
    world.tell("finder_find", **roles)
    tempted = world.maybe(0.45)
    if tempted:
        world.tell("finder_tempted", **roles)
    if tempted and world.maybe(0.6):
        kept_first(world, roles)
        return
    if tempted:
        world.tell("finder_think", **roles)
    looked_for_the_owner(world, roles, HELPERS.get(place.en, "police officer, shopkeeper, teacher"))


def looked_for_the_owner(world: World, roles: dict, helpers: str) -> None:
    """The honest way, with or without help."""
    hero, thing = roles["A"], roles["o"]
    if world.maybe(0.3):
        world.tell("finder_ask_around", **roles)
    way = world.pick(("job", "notice", "nobody"))
    if way == "job":
        helper = world.somebody(helpers)
        world.tell("finder_job", J=helper, **roles)
        world.state.help(helper, hero)
    elif way == "notice":
        world.tell("finder_notice", **roles)
    coloured = thing.mark is not None and thing.mark is not UNSEEN and thing.mark.kind == "colour"
    if coloured and world.maybe(0.35):
        world.tell("finder_proof", **roles)
    else:
        world.tell("finder_owner", **roles)
    world.tell("finder_return", **roles)
    world.state.return_found(hero, roles["B"], thing)
    if world.maybe(0.75):
        world.tell("finder_reward", d=world.later(words.FOODS), **roles)
    end = world.pick(("friends", "kin", "feeling"), (0.35, 0.2, 0.45))
    if end == "feeling":
        last_feeling(world, hero, True, why="finder_glad", B=roles["B"], o=thing)
    else:
        world.tell(f"finder_{end}", g=world.later(words.KIN), **roles)


def kept_first(world: World, roles: dict) -> None:
    """The crooked way: hidden, regretted, confessed."""
    hero = roles["A"]
    world.tell("finder_kept", **roles)
    world.tell("finder_guilty", **roles)
    world.tell("finder_confess", **roles)
    world.tell("finder_return", **roles)
    world.state.return_found(hero, roles["B"], roles["o"])
    forgiven = world.maybe(0.65)
    world.tell("finder_forgive" if forgiven else "finder_cool", **roles)
    if world.maybe(0.5):
        world.tell("finder_lesson", **roles)
    else:
        only = "happy, glad" if forgiven else "sad, unhappy"
        why = "finder_light" if forgiven else "finder_sad"
        last_feeling(world, hero, forgiven, only, why if world.maybe(0.5) else "")
