"""What people type: counts and fields are as promised, and nothing in it is the world's own."""

import re
import shutil
from collections import Counter
from itertools import product

import pytest

from course_lib.data import load_corpus, load_typed
from course_lib.data.typed import KINDS, LANGUAGES
from course_lib.runtime import data_dir
from course_lib.world.checker import sentence_spans

COUNTS = {"translate": 150, "reviews": 70, "questions": 60, "talk": 40, "requests": 100}
TALK = {"greeting": 7, "thanks": 6, "goodbye": 6, "who_are_you": 6, "what_can_you_do": 6, "outside": 9}
TASKS = (
    "write", "continue", "translate", "shorten", "label", "answer", "refuse", "mail", "notice", "speak",
)  # fmt: skip
WITHOUT_MATERIAL = ("write", "mail", "notice")
DOCUMENTS = 3_000
HAN = re.compile("[\u4e00-\u9fff]")
LATIN = re.compile("[A-Za-z]")
EVERY_FILE = list(product(KINDS, LANGUAGES))


def other(language):
    return {"en": "zh", "zh": "en"}[language]


def written_in(text, language):
    """Whether a text has letters of this language and none of the other's."""
    own, foreign = (LATIN, HAN) if language == "en" else (HAN, LATIN)
    return bool(own.search(text)) and not foreign.search(text)


def texts(item):
    """What somebody typed in this item."""
    return (item.story, item.question) if hasattr(item, "story") else (item.text,)


def sentences(text, language):
    return (text[start:end] for start, end in sentence_spans(text, language))


def bare(sentence):
    """A sentence without marks, spaces and capitals, as a careless reader compares it."""
    return re.sub(r"\W", "", sentence).lower()


# --- counts and fields


@pytest.mark.parametrize(("kind", "language"), EVERY_FILE)
def test_there_are_as_many_as_promised_each_with_its_own_number_and_text(kind, language):
    items = load_typed(kind, language)
    assert [item.id for item in items] == [f"{language}-{kind}-{n:03d}" for n in range(1, COUNTS[kind] + 1)]
    said = [texts(item) for item in items]
    assert len(set(said)) == len(said)
    assert all(type(item) is KINDS[kind] for item in items)
    for item in items:
        for text in texts(item):
            assert text == text.strip() and text and "  " not in text, item.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_at_least_400_and_a_few_marked_typos(language):
    items = [item for kind in KINDS for item in load_typed(kind, language)]
    assert len(items) == 420
    assert 4 <= sum(item.typo for item in items) <= 20


@pytest.mark.parametrize(("kind", "language"), EVERY_FILE)
def test_every_text_is_in_its_own_language(kind, language):
    for item in load_typed(kind, language):
        assert all(written_in(text, language) for text in texts(item)), item.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_half_of_the_sentences_are_short_and_their_translations_are_in_the_other_language(language):
    items = load_typed("translate", language)
    assert sum(item.short for item in items) == 75
    for item in items:
        if language == "en":
            assert item.short == (len(item.text.split()) <= 6), item.id
        else:
            assert item.short == (len(HAN.findall(item.text)) <= 10), item.id
        assert 2 <= len(item.translations) <= 4, item.id
        assert len({bare(text) for text in item.translations}) >= 2, item.id
        assert all(written_in(text, other(language)) for text in item.translations), item.id
        assert all(text[-1] in '.!?"。！？”' for text in item.translations), item.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_reviews_are_balanced_also_among_the_hard_ones(language):
    counted = Counter((item.label, item.hard) for item in load_typed("reviews", language))
    assert counted == {("good", False): 18, ("good", True): 17, ("bad", False): 18, ("bad", True): 17}


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_stand_in_the_story_and_every_third_question_has_none(language):
    items = load_typed("questions", language)
    stories = Counter(item.story for item in items)
    assert len(stories) == 20 and set(stories.values()) == {3}
    assert [item.answerable for item in items] == [True, True, False] * 20
    for item in items:
        assert item.answerable == bool(item.answers), item.id
        assert not item.answers or any(a.lower() in item.story.lower() for a in item.answers), item.id
    for story in stories:
        assert 4 <= len(list(sentences(story, language))) <= 7, story


@pytest.mark.parametrize("language", LANGUAGES)
def test_talk_has_its_kinds(language):
    assert Counter(item.kind for item in load_typed("talk", language)) == TALK


@pytest.mark.parametrize("language", LANGUAGES)
def test_requests_have_ten_wordings_of_each_task_and_their_material(language):
    items = load_typed("requests", language)
    assert Counter(item.task for item in items) == dict.fromkeys(TASKS, 10)
    for item in items:
        assert bool(item.material) == (item.task not in WITHOUT_MATERIAL), item.id
        assert item.material in item.text, item.id
        crossing = item.task in ("translate", "speak")
        assert item.language == (other(language) if crossing else language), item.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_an_answer_must_have_is_said_in_the_request(language):
    for item in load_typed("requests", language):
        text = item.text.lower()
        for name, value in item.values.items():
            if name == "label":
                assert value in ("good", "bad"), item.id
            elif name == "translations" or item.task == "speak":
                assert value and all(written_in(v, item.language) for v in value if not v.isdigit()), item.id
            elif name == "answers":
                assert bool(value) == (item.task == "answer"), item.id
                assert not value or any(v.lower() in item.material.lower() for v in value), item.id
            else:
                named = value if isinstance(value, tuple) else (value,)
                assert all(v.lower() in text for v in named), item.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_of_requests_are_balanced(language):
    labels = [item.values["label"] for item in load_typed("requests", language) if item.task == "label"]
    assert Counter(labels) == {"good": 5, "bad": 5}


# --- none of it is the world's


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_one_that_the_world_told(language):
    documents = load_corpus(f"world-{language}").train[:DOCUMENTS]
    assert len(documents) == DOCUMENTS
    told = {bare(sentence) for text in documents for sentence in sentences(text, language)}
    for kind in KINDS:
        for item in load_typed(kind, language):
            for text in texts(item):
                for sentence in sentences(text, language):
                    assert bare(sentence) not in told, (item.id, sentence)


# --- mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("poems", "en"), "kind='poems'; it must be one of translate, reviews, questions, talk, requests"),
        (("talk", "fr"), "language='fr'; it must be one of en, zh"),
        ((None, "en"), "kind=None"),
        (("talk", ["en"]), r"language=\['en'\]"),
    ],
)
def test_another_kind_or_language_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_typed(*arguments)


def test_files_are_found_where_the_data_is(tmp_path, monkeypatch):
    shutil.copytree(data_dir() / "typed", tmp_path / "typed")
    path = tmp_path / "typed" / "talk.en.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("Hi there!", "Ahoy!"), encoding="utf-8")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert load_typed("talk", "en")[0].text == "Ahoy!"


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"id": "en-talk-001"}', '{"id": "x", "text": "y", "kin": "z"}', "\xff"]
)
def test_a_damaged_file_says_which_line(tmp_path, monkeypatch, line):
    (tmp_path / "typed").mkdir()
    good = '{"id": "en-talk-001", "text": "Hi", "kind": "greeting"}\n'
    (tmp_path / "typed" / "talk.en.jsonl").write_bytes(good.encode() + line.encode("latin-1"))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="damaged in line 2; 'git restore data' brings it back"):
        load_typed("talk", "en")


def test_a_missing_file_says_how_to_get_it_back(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    with pytest.raises(ValueError, match="is missing; it is part of the course, and 'git restore data'"):
        load_typed("talk", "en")
