"""Names made by rule: what they are, who draws them, and that their probability stays exact."""

import itertools
import math
import re
from collections import Counter
from pathlib import Path

import pytest

from course_lib.world import names, words
from course_lib.world.chance import Chance, First, Fork, Replay
from course_lib.world.checker import check
from course_lib.world.documents import document, run
from course_lib.world.instructions import instruction
from course_lib.world.names import PEOPLE, PETS, Named, Names, is_held_out
from course_lib.world.oracle import explain
from course_lib.world.questions import unanswerable
from course_lib.world.simulation import CASTS, World, WorldConfig, companions
from course_lib.world.stories import STORIES
from course_lib.world.telling import parse_line, tellings

LANGUAGES = ("en", "zh")
MADE, FAMILIAR = WorldConfig(new_names=1), WorldConfig(new_names=0)
EVERYBODY = [*PEOPLE, *PETS]
TABLES = {
    name: table
    for name, table in vars(words).items()
    if isinstance(table, tuple) and table and isinstance(table[0], words.Entity)
}


def people_of(made) -> list:
    """The people of a document, in the order in which they are told."""
    found = (e for _, roles in made.events for e in roles.values() if getattr(e, "kind", "") == "person")
    return list(dict.fromkeys(found))


# ---------------------------------------------------------------- the rule


def test_there_are_thousands_and_they_correspond_one_to_one():
    assert len(PEOPLE) > 10_000 and len(PETS) > 50
    assert len({n.en for n in EVERYBODY}) == len({n.zh for n in EVERYBODY}) == len(EVERYBODY)
    assert all(PEOPLE.of(n.en) is PEOPLE.of(n.zh) is n for n in PEOPLE)


@pytest.mark.parametrize("rule", names.RULES, ids=lambda rule: rule.kind)
def test_no_syllable_and_no_character_stands_in_two_places(rule):
    """So no Chinese name is a part of another, and each syllable has one character, each character one syllable."""
    tables = [rule.first, {k: v for k, v in rule.middle.items() if k}, *rule.last.values()]
    for part in (lambda t: list(t), lambda t: list(t.values())):
        used = [syllable for t in tables for syllable in part(t)]
        assert len(used) == len(set(used))
    assert all(len(zh) == 1 for t in tables for zh in t.values())
    chinese = {name.zh for name in rule}
    assert not [zh for zh in chinese if zh[:-1] in chinese or zh[1:] in chinese]


@pytest.mark.parametrize("rule", names.RULES, ids=lambda rule: rule.kind)
def test_what_is_left_out_would_have_been_made(rule):
    every = Names(
        rule.kind, *map(_text, (rule.first, rule.middle)), {s: _text(t) for s, t in rule.last.items()}
    )
    for name in rule.without:
        assert any(n.en == name or n.en.startswith(name.rstrip("-")) for n in every), name
        assert rule.of(name) is None
    assert {n.en for n in rule} < {n.en for n in every}


def _text(table: dict) -> str:
    return " ".join(f"{en}/{zh}" for en, zh in table.items() if en)


def test_the_last_syllable_tells_the_sex():
    men, women = ({n.zh[-1] for n in PEOPLE if n.sex == sex} for sex in "mf")
    assert not men & women and len(men) == len(women) == 10
    assert PEOPLE.of("Kalona").sex == "f" and PEOPLE.of("卡洛顿").sex == "m"


def test_no_made_name_is_a_word_of_the_world_or_has_a_familiar_name_in_it():
    told = "\n".join(p.read_text("utf-8") for p in (Path(words.__file__).parent / "tellings").glob("*.txt"))
    told += "\n".join(f"{e.en} {e.zh}" for table in TABLES.values() for e in table)
    english = set(re.findall("[a-z]+", told.lower()))
    familiar = [*words.PEOPLE, *words.PETS]
    for name in EVERYBODY:
        assert name.en.lower() not in english and name.zh not in told, name
        assert not [f for f in familiar if f.zh in name.zh or name.zh in f.zh], name
        assert not [f for f in familiar if re.search(rf"\b{f.en}\b", f"{name.en} {name.en}'s")], name


def test_the_beginnings_in_a_text_are_those_of_its_names():
    text = 'One day "Kalona\'s friend Gibin" came.'
    assert PEOPLE.beginnings_in(text.lower(), "en") == {
        ("ka",), ("ka", "lo"), ("ka", "lo", "na"), ("gi",), ("gi", ""), ("gi", "", "bin"),
    }  # fmt: skip
    assert PEOPLE.beginnings_in("卡洛娜的朋友吉宾来了。", "zh") == PEOPLE.beginnings_in(text.lower(), "en")
    assert not PEOPLE.beginnings_in("kalonatic gi bin", "en")


def test_a_name_drawn_for_nothing_is_the_first_and_a_used_beginning_is_not_drawn_again():
    assert PEOPLE.draw(First(), "all").en == "Kana"
    for seed in range(200):
        assert PEOPLE.draw(Chance(seed), "all", "f", ["ka", "pa"]).syllables[0] not in ("ka", "pa")


@pytest.mark.parametrize("pool", names.POOLS)
@pytest.mark.parametrize("rule", names.RULES, ids=lambda rule: rule.kind)
def test_a_pool_draws_its_own_names_and_their_probabilities_sum_to_one(rule, pool):
    stack, chances = [((), 0.0)], Counter()
    while stack:
        path, log_p = stack.pop()
        try:
            chances[rule.draw(Replay(path, None, "en"), pool).en] += math.exp(log_p)
        except Fork as fork:
            stack += [((*path, index), log_p + cost) for index, cost in fork.branches]
    assert math.fsum(chances.values()) == pytest.approx(1)
    assert set(chances) == {n.en for n in rule if pool == "all" or is_held_out(n.en) == (pool == "strange")}
    assert len(chances) > (1000 if rule is PEOPLE else 6)
    if rule is PEOPLE:
        assert max(chances.values()) < 0.02
        for sex in "mf":  # enough beginnings for the people of any document
            assert len({n.syllables[0] for n in rule if n.sex == sex and n.en in chances}) == 24


# ---------------------------------------------------------------- documents


def test_the_knob_says_how_many_documents_have_made_names():
    for share, least, most in ((0.0, 0, 0), (0.6, 0.54, 0.66), (1.0, 1, 1)):
        found = [
            people_of(document(s, "en", WorldConfig(new_names=share), kinds=STORIES)) for s in range(600)
        ]
        assert all(len({isinstance(person, Named) for person in people}) == 1 for people in found)
        assert least <= sum(isinstance(people[0], Named) for people in found) / 600 <= most
    with pytest.raises(ValueError, match="new_names is 1.5, but it must lie between 0 and 1"):
        WorldConfig(new_names=1.5)


def test_people_of_one_document_begin_differently_and_are_told_in_both_languages():
    for seed, language in itertools.product(range(150), LANGUAGES):
        made = document(seed, language, MADE, kinds=STORIES)
        people = people_of(made)
        assert len({person.syllables[0] for person in people}) == len(people)
        assert people[0].word(language) in made.text


def test_a_document_seldom_has_a_name_of_another():
    met = Counter(p.en for seed in range(500) for p in people_of(document(seed, "en", MADE, kinds=STORIES)))
    assert len(met) / met.total() > 0.8


@pytest.mark.parametrize("cast", CASTS)
def test_only_strangers_have_the_names_held_out(cast):
    config = WorldConfig(cast=cast)
    people = [p for s in range(400) for p in people_of(document(s, "zh", config, kinds=STORIES))]
    held_out = [isinstance(p, Named) and is_held_out(p.en) for p in people]
    familiar = [not isinstance(p, Named) for p in people]
    if cast == "strangers":
        assert all(held_out) and not any(familiar)
    else:
        assert any(familiar) and any(held_out) == (cast == "anywhere")


def test_made_people_too_are_where_held_out_worlds_have_them():
    for person in [PEOPLE.of("Kalona"), PEOPLE.of("Gibin"), *itertools.islice(PEOPLE, 0, None, 500)]:
        everyday, heldout = (set(companions(person.en, words.THINGS, c)) for c in ("everyday", "heldout"))
        assert not everyday & heldout and everyday | heldout == set(words.THINGS)
        assert set(companions(person.en, words.THINGS, "anywhere")) == set(words.THINGS)


def test_pets_are_called_by_the_rule_where_people_are():
    def stray(world: World) -> None:
        hero = world.hero()
        world.teller.tell_line(parse_line("{A.n} called it {pet}."), {"A": hero, "pet": world.pet_name()})

    for seed, cast in itertools.product(range(150), CASTS):
        text = document(seed, "en", WorldConfig(cast=cast), kinds=(stray,)).text
        person, pet = re.fullmatch(r"(\w+) called it (\w+)\.", text).groups()
        assert (PEOPLE.of(person) is None) == (PETS.of(pet) is None) == (pet in {p.en for p in words.PETS})
        if PETS.of(pet) and cast != "anywhere":
            assert is_held_out(pet) == (cast == "strangers")


# ---------------------------------------------------------------- exact probabilities

FEW = Names(
    "person", "Ka/卡 Gi/吉 Mo/莫", "lo/洛", {"f": "na/娜 sa/莎", "m": "ton/顿 to/托"}, without="Giton"
)
FEW_PETS = Names("pet", "Pi/皮 Bu/布", "", {"": "ko/可"})


def visit(world: World) -> None:
    """A small world: two people, a relation, and perhaps a pet."""
    hero = world.hero()
    friend, relation = world.friend_of(hero)
    line = "{A} met {A.his} {r} {B.n}." if world.maybe(0.5) else "{A} saw {B.n}, {A.his} {r}."
    world.teller.tell_line(parse_line(line), {"A": hero, "B": friend, "r": relation})
    if world.maybe(0.2):
        world.teller.tell_line(parse_line(" It was {pet}."), {"pet": world.pet_name()})


@pytest.mark.parametrize("cast", ["everyday", "anywhere"])
def test_the_probabilities_of_all_texts_of_a_small_world_sum_to_one(monkeypatch, cast):
    monkeypatch.setattr(names, "PEOPLE", FEW)
    monkeypatch.setattr(names, "PETS", FEW_PETS)
    monkeypatch.setattr(words, "PEOPLE", words.PEOPLE[8:12])
    monkeypatch.setattr(words, "PETS", words.PETS[:1])
    monkeypatch.setattr(words, "RELATIONS", words.RELATIONS[::4])
    config = WorldConfig(cast=cast)
    texts, stack = Counter(), [((), 0.0)]
    while stack:
        path, log_p = stack.pop()
        try:
            world = run(Replay(path, None, "en"), "en", config, (visit,))[1]
            texts[world.teller.text()] += math.exp(log_p)
        except Fork as fork:
            stack += [((*path, index), log_p + cost) for index, cost in fork.branches]
    assert math.fsum(texts.values()) == pytest.approx(1) and len(texts) > 20
    found = {text: explain(text, "en", config, kinds=(visit,)) for text in texts}
    assert all(e.complete for e in found.values())
    assert {text: math.exp(-e.nats) for text, e in found.items()} == pytest.approx(dict(texts))


@pytest.mark.parametrize("cast", CASTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_search_finds_every_document_with_made_names(cast, language):
    config = WorldConfig(cast=cast, new_names=0.9)
    for seed in range(40):
        made = document(seed, language, config)
        found = explain(made.text, language, config)
        assert found.complete and found.nats is not None and found.nats <= made.path_nats + 1e-9, made.text


def test_a_name_costs_what_its_syllables_cost():
    def only(world: World) -> None:
        world.teller.tell_line(parse_line("{A.n}."), {"A": world.person("m")})

    found = explain("Kaloran.", "en", MADE, kinds=(only,))
    men = [n for n in PEOPLE if n.sex == "m" and not is_held_out(n.en) and n.syllables[:2] == ("ka", "lo")]
    assert found.nats == pytest.approx(math.log(24) + math.log(20 / 0.75) + math.log(len(men)))
    assert explain("Kaloran.", "en", FAMILIAR, kinds=(only,)).nats is None


def test_the_same_seed_with_familiar_names_only_is_one_of_the_mixed_world():
    made = document(4, "en", FAMILIAR, kinds=STORIES)
    alone, mixed = (
        explain(made.text, "en", config, kinds=STORIES).nats for config in (FAMILIAR, WorldConfig())
    )
    assert mixed == pytest.approx(alone - math.log(0.4))


# ---------------------------------------------------------------- checks, questions, instructions


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_made_name_can_be_said_and_a_changed_one_breaks_a_fact(language):
    changed = 0
    for seed in range(12):
        made = document(seed, language, MADE, kinds=STORIES)
        verdict = check(made.text)
        assert verdict.is_story and verdict.grammatical == verdict.sentences, (made.text, verdict)
        name = people_of(made)[0].word(language)
        if made.text.count(name) < 3:
            continue
        start = made.text.rindex(name)
        other = PEOPLE.of("Kalona" if made.text[start : start + 1] not in "K卡" else "Sulona").word(language)
        verdict = check(made.text[:start] + other + made.text[start + len(name) :])
        assert not verdict.is_story and verdict.grammatical == verdict.sentences
        assert "breaks a fact" in verdict.problem and name in verdict.problem
        changed += 1
    assert changed > 5


def test_what_only_looks_like_a_made_name_is_no_sentence():
    made = next(
        m
        for s in range(99)
        if (m := document(s, "en", MADE, kinds=STORIES)).text.count(people_of(m)[0].en) > 2
    )
    name = people_of(made)[0].en
    start = made.text.rindex(name)
    broken = made.text[:start] + "Kazapo" + made.text[start + len(name) :]
    assert "is not a sentence of this world" in check(broken).problem


def test_a_story_is_written_about_a_made_name():
    task = instruction("write", 3, "en", MADE)
    assert task.accepts(task.answer)
    name = re.search(r"[A-Z][a-z]+(?= and)|(?<=with )[A-Z][a-z]+", task.prompt).group()
    assert PEOPLE.of(name) and not task.accepts(task.answer.replace(name, "Sulona"))


@pytest.mark.parametrize("cast", ["everyday", "strangers"])
def test_who_is_asked_about_and_not_told_of_has_such_a_name_too(cast):
    made = document(7, "en", WorldConfig(cast=cast, new_names=1), kinds=STORIES)
    here = {person.en for person in people_of(made)}
    asked = " ".join(question.text for question in unanswerable(made, 40))
    strange = {n for n in re.findall(r"[A-Z][a-z]+", asked) if PEOPLE.of(n)} - here
    assert strange and all(is_held_out(n) == (cast == "strangers") for n in strange)
    assert not [p.en for p in words.PEOPLE if re.search(rf"\b{p.en}\b", asked)]


def test_no_telling_line_depends_on_a_name():
    lines = " ".join(map(str, tellings().values()))
    assert not [p.en for p in words.PEOPLE if re.search(rf"\b{p.en}\b", lines)]
