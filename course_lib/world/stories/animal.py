"""An animal needs help and gets it; it stays and is named, goes its way, or its owner comes."""

from course_lib.world import words
from course_lib.world.simulation import World
from course_lib.world.stories.common import meeting, opening
from course_lib.world.words import Entity, table

# Which animal may be met where, besides a dog, a cat or a small bird; what it eats; what it may have hurt; how it may
# leave the story. A fox, a bird or a magpie belongs to nobody; a goat always belongs to a farm.
HOMES = {
    "rabbit": ("garden", "park", "forest", "bamboo grove", "hill", "farm"),
    "duck": ("park", "river", "lake", "farm"),
    "goat": ("farm", "hill", "village square"),
    "magpie": ("garden", "park", "forest", "temple", "school"),
    "fox": ("forest", "hill", "bamboo grove"),
}
EVERYWHERE = ("dog", "cat", "bird")
FEED = {
    "dog": table("feed", "a piece of meat/一块肉, some rice/一些米饭, a piece of bread/一块面包"),
    "cat": table("feed", "a little fish/一条小鱼, a piece of meat/一块肉"),
    "fox": table("feed", "a piece of meat/一块肉, a little fish/一条小鱼"),
    "rabbit": table("feed", "some cabbage/一些白菜, a carrot/一根胡萝卜"),
    "goat": table("feed", "some cabbage/一些白菜, a carrot/一根胡萝卜"),
}
GRAIN = table("feed", "a piece of bread/一块面包, some corn/一些玉米, some rice/一些米饭")
PAWS = table("limb", "leg/腿, paw/爪子")
WINGS = table("limb", "leg/腿, wing/翅膀")
LEGS = table("limb", "leg/腿")
LIMBS = {"bird": WINGS, "duck": WINGS, "magpie": WINGS, "goat": LEGS}
WAYS = {
    "dog": ("stay", "go", "owner"),
    "cat": ("stay", "go", "owner"),
    "rabbit": ("stay", "go"),
    "duck": ("go", "owner"),
    "goat": ("owner",),
}
PLACES = tuple(place for place in words.PLACES if place.en != "zoo")
GREENS = ("in the tall grass", "in the bushes", "behind a bush", "in the hay")  # a rabbit or a goat does not go hungry there
TOO_HIGH = ("on the top shelf", "under a string of lights")
HEALERS = "doctor, nurse"
OWNERS = "teacher, baker, tailor, carpenter, singer, driver, librarian, shopkeeper, dancer"
GLAD = tuple(feeling for feeling in words.GLAD if feeling.en in ("happy", "glad", "content"))
# Why the hero is glad in the end: what has become of the animal.
WHYS = {
    "hungry": Entity("why", "was no longer hungry", "不饿了"),
    "stuck": Entity("why", "was free again", "自由了"),
    "stay": Entity("why", "had a home", "有了家"),
    "owner": Entity("why", "was back with its owner", "回到了主人身边"),
}


def story(world: World) -> None:
    """Notice, pity, help together, part or stay."""
    hero, place, _ = opening(world, PLACES)
    need = world.pick(("hungry", "stuck", "hurt"))
    animal = world.new([a for a in words.ANIMALS if a.en in EVERYWHERE or place.en in HOMES.get(a.en, ())])
    grazing = need == "hungry" and animal.en in ("rabbit", "goat")
    unfit = TOO_HIGH + (GREENS if grazing else ())
    spot = world.pick([spot for spot in place.spots if spot.en not in unfit], named=True)
    limb = world.later(LIMBS.get(animal.en, PAWS))
    roles = {"A": hero, "x": animal}
    world.tell(f"animal_{need}", s=spot, leg=limb, **roles)
    world.state.note("notice_animal", s=spot, **roles)
    if world.maybe(0.5):
        cannot = "animal_nothing" if need == "hungry" else "animal_alone"
        world.tell(world.pick(("animal_pity", cannot)), **roles)
    roles["B"] = meeting(world, hero)
    helping(world, roles, need, limb)
    parting(world, roles, need)


def helping(world: World, roles: dict, need: str, limb) -> None:
    """What is done depends on what is wrong."""
    if need == "hungry":
        meal = world.later(FEED.get(roles["x"].en, GRAIN))
        world.state.note("feed", y=meal, **roles)
        world.tell("animal_feed", y=meal, **roles)
    elif need == "stuck":
        world.tell("animal_free", **roles)
    else:
        world.state.suffer(roles["x"], limb)
        world.state.note("animal_leg", leg=limb, **roles)
        world.tell("animal_wrap", leg=limb, J=world.somebody(HEALERS), **roles)
    world.state.help(roles["B"], roles["A"])


def parting(world: World, roles: dict, need: str) -> None:
    """It stays with one of the two, goes, or is fetched."""
    way = world.pick(WAYS.get(roles["x"].en, ("go",)))
    last = ["animal_thanks"] if way == "go" and need == "hurt" else ["animal_thanks", "glad"]
    if way == "stay":
        roles = roles | {"pet": world.pet_name()}
        if live_together(world):
            both = "_both"
        else:
            both, roles["F"] = "", world.pick((roles["A"], roles["B"]))
        world.state.note("pet", **roles)
        world.tell("animal_stay" + both, **roles)
        last += ["animal_night" + both]
    elif way == "go":
        if need == "hurt":
            world.state.recover(roles["x"])
        world.tell("animal_healed" if need == "hurt" else "animal_go", **roles)
        last += ["animal_again"]
    else:
        owner = world.somebody("farmer" if roles["x"].en in ("goat", "duck") else OWNERS)
        world.state.note("belong", J=owner, **roles)
        world.tell("animal_owner", J=owner, **roles)
        last += ["animal_reward"]
        roles = roles | {"J": owner}
    end = world.pick(last)
    if end == "glad":
        felt = world.later(GLAD)
        world.state.feel(roles["A"], felt, good=True)
        world.tell("animal_glad", f=felt, why=WHYS[need if way == "go" else way], **roles)
    else:
        world.tell(end, d=world.later(words.FOODS), **roles)


def live_together(world: World) -> bool:
    """Whether the two are brothers or sisters: what goes home with one goes home with both."""
    met = next(deed for deed in world.state.history if deed.verb == "meet")
    return met.roles["r"].en.endswith(("brother", "sister"))
