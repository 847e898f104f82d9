"""Damaged and hostile files of tokenizers: each is refused in one sentence, soon, without taking memory."""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import pytest

from course_lib.tokens import BPETokenizer, CharTokenizer

END = "<|endoftext|>"
NAMES = ("vocab.json", "merges.txt", "special_tokens.json")
TEXT = "the cat, the hat; it's 12 o'clock. 小猫在公园。" * 3


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, bytes]:
    """The files of a tokenizer, whole."""
    folder = tmp_path_factory.mktemp("saved")
    BPETokenizer.train(TEXT, 290, special_tokens=[END, "<|end|>"]).save(folder)
    CharTokenizer.train(TEXT).save(folder)
    return {name: (folder / name).read_bytes() for name in (*NAMES, "characters.json")}


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def outcome(folder: Path, kind: type = BPETokenizer) -> str | None:
    """What a person is told; None if the tokenizer loads, and works."""
    try:
        tokenizer = kind.load(folder)
        assert tokenizer.decode(tokenizer.encode("the cat")) == "the cat"
    except ValueError as error:
        assert type(error) is ValueError
        said = str(error)
        assert "\n" not in said and len(said) < 1000, said[:1000]
        return said
    return None


# --- at random


def damage(content: bytes, chance: random.Random) -> bytes:
    """A file as disks, editors and careless hands leave it."""
    place = chance.randrange(len(content))
    other = chance.randrange(len(content))
    low, high = sorted((place, other))
    return chance.choice(
        [
            content[:place],
            content[place:],
            content[:low] + content[high:],
            content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :],
            content[:place] + chance.randbytes(chance.randrange(1, 9)) + content[place:],
            content[:high] + content[low:],
            content[:place] + b"\0" * 20 + content[place + 20 :],
            content[:low] + content[low:high][::-1] + content[high:],
        ]
    )


@pytest.mark.parametrize("number", range(150))
def test_files_damaged_at_random_are_refused_or_give_what_was_saved(saved, tmp_path, number):
    """Damage that a file doesn't show (a letter changed twice, say) still gives a whole tokenizer."""
    chance = random.Random(number)
    name = chance.choice([*NAMES, "characters.json"])
    put(tmp_path, saved | {name: damage(saved[name], chance)})
    kind = CharTokenizer if name == "characters.json" else BPETokenizer
    said = outcome(tmp_path, kind)
    if said is not None:
        assert any(part in said for part in (name, "vocab.json", "not one of the")), said


# --- on purpose


def swapped(old: bytes, new: bytes):
    return lambda content: content.replace(old, new, 1)


def special(**changes):
    """The small file with other entries."""
    return lambda content: json.dumps({**json.loads(content), **changes}).encode()


DEEP = b"[" * 100_000 + b"]" * 100_000
HOSTILE = [
    *((name, lambda _: b"", "damaged|do not make|lacks") for name in NAMES),
    *((name, lambda _: DEEP, "nested too deep|needed two tokens") for name in NAMES),
    *((name, lambda _, n=name: b"\xff\xfe" + b"{\0}\0", "no UTF-8") for name in NAMES),
    *((name, lambda _: b"null", "needed a JSON object|needed two tokens") for name in NAMES),
    *((name, lambda _: b"\0" * 1000, "no JSON|needed two tokens") for name in NAMES),
    ("vocab.json", lambda _: b'{"a": ' + b"9" * 5000 + b"}", "a number in it is too long"),
    ("vocab.json", swapped(b'"!": 0', b'"!": 0, "!": 0'), "has '!' twice"),
    ("vocab.json", swapped(b'"!": 0', b'"!": NaN'), "its ids must be"),
    ("vocab.json", swapped(b'"!": 0', b'"!": Infinity'), "its ids must be"),
    ("vocab.json", swapped(b'"!": 0', b'"!": 1e0'), "its ids must be"),
    ("vocab.json", swapped(b'"!": 0', b'"!": "0"'), "its ids must be"),
    ("vocab.json", swapped(b'"!": 0', b'"!": null'), "its ids must be"),
    ("vocab.json", swapped(b'"!": 0', b'"!": [0]'), "its ids must be"),
    ("vocab.json", swapped(b'"!": 0', b'"!": {"a": 1}'), "its ids must be"),
    ("vocab.json", swapped(b'"!": 0', b'"!": -1'), "its ids must be"),
    ("vocab.json", swapped(b'"!": 0', b'"!": 20000000'), "its ids must be"),
    ("vocab.json", swapped(b'"!"', b'"\\ud83d"'), "stands for no byte"),
    ("vocab.json", swapped(b'"!"', b'""'), "lacks b'!'"),
    ("vocab.json", lambda content: json.dumps(list(json.loads(content))).encode(), "needed a JSON object"),
    ("vocab.json", lambda content: content + content, "no JSON"),
    (
        "vocab.json",
        lambda _: json.dumps({str(n): n for n in range(200_000)}).encode(),
        "lacks b",
    ),
    ("merges.txt", lambda content: content.replace(b" ", b"\t"), "needed two tokens"),
    ("merges.txt", lambda content: content.replace(b"\n", b"\r"), "needed two tokens|do not make"),
    ("merges.txt", lambda content: content + "a\u00a0b\n".encode(), "needed two tokens"),
    ("merges.txt", lambda content: content + content, "no merge before it makes"),
    ("merges.txt", lambda content: content + b"x " * 1_000_000, "needed two tokens"),
    ("merges.txt", lambda content: content[:14] + b"the hat\n" + content[14:], "no merge before it makes"),
    ("special_tokens.json", special(special_tokens=None), "lacks 'special_tokens'"),
    ("special_tokens.json", special(special_tokens=[END]), "lacks 'special_tokens'"),
    ("special_tokens.json", special(special_tokens={END: "0"}), "different ids|no byte, made by no merge"),
    ("special_tokens.json", special(special_tokens={}), "no byte|stands for no byte|made by no merge"),
    ("special_tokens.json", special(special_tokens={"a": 64}), "needed different names|stands for|no byte"),
    ("special_tokens.json", special(special_tokens={"": 1}), "needed different names|stands for|no byte"),
    (
        "special_tokens.json",
        special(special_tokens={"\ud83d": 1}),
        "half of a surrogate pair|stands for|no byte",
    ),
    ("special_tokens.json", special(pattern=None), "lacks 'special_tokens' or 'pattern'"),
    ("special_tokens.json", special(pattern=["a"]), "lacks 'special_tokens' or 'pattern'"),
    ("special_tokens.json", special(pattern=""), "can match no character"),
    ("special_tokens.json", special(pattern="("), "not a regular expression"),
    ("special_tokens.json", special(pattern="(a)"), "has a group"),
    ("special_tokens.json", special(pattern="a*"), "can match no character"),
    ("special_tokens.json", special(pattern="\ud83d"), "half of a surrogate pair"),
    ("special_tokens.json", special(pattern="(?R)"), "calls itself"),
    ("special_tokens.json", special(pattern="a|(?0)"), "calls itself"),
    ("special_tokens.json", special(pattern="(?:" * 5000 + "a" + ")" * 5000), "is too large"),
    ("special_tokens.json", special(pattern="(?:" * 900 + "a" + ")" * 900), "not a regular expression"),
    ("special_tokens.json", special(pattern="(?:(?:a{1000}){1000}){1000}"), "is too large"),
    ("special_tokens.json", special(pattern="a{99999999999999999999}"), "is too large"),
    ("special_tokens.json", special(pattern="a" * 200_000), "is too large"),
    ("special_tokens.json", special(pattern="[" + "a-z" * 50_000 + "]"), "is too large"),
    ("special_tokens.json", special(pattern="(?=t)"), "leaves a part of this text out"),
    ("special_tokens.json", special(pattern="\\p{No such thing}+"), "not a regular expression"),
    ("special_tokens.json", special(pattern="(?<n>a)"), "has a group"),
]


@pytest.mark.parametrize(("name", "change", "says"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_files_are_refused_in_one_sentence(saved, tmp_path, name, change, says):
    put(tmp_path, saved | {name: change(saved[name])})
    said = outcome(tmp_path)
    assert said is not None
    assert any(part in said for part in says.split("|")), said[:1000]


CHARACTERS = [
    (b"{}", "lacks 'characters'"),
    (b'{"characters": "aa", "special_tokens": []}', "characters.json is damaged: Got the characters"),
    (b'{"characters": "a\\ud83d", "special_tokens": []}', "half of a surrogate pair"),
    (b'{"characters": "ab", "special_tokens": ["a"]}', "needed different names"),
    (b'{"characters": "ab", "special_tokens": "a"}', "lacks 'characters' or 'special_tokens'"),
    (b'{"characters": ["a"], "special_tokens": []}', "lacks 'characters' or 'special_tokens'"),
    (b'{"characters": "ab", "special_tokens": [1]}', "lacks 'characters' or 'special_tokens'"),
    (DEEP, "nested too deep"),
    (b"\xff", "no UTF-8"),
]


@pytest.mark.parametrize(("content", "says"), CHARACTERS, ids=range(len(CHARACTERS)))
def test_hostile_files_of_characters(tmp_path, content, says):
    (tmp_path / "characters.json").write_bytes(content)
    assert says in outcome(tmp_path, CharTokenizer)


# --- what stands there without being a file


def pipe(path: Path) -> None:
    os.mkfifo(path)


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


IN_PLACE = [
    (pipe, "is a pipe or a device, not a file"),
    (lambda path: path.symlink_to("/dev/zero"), "is a pipe or a device, not a file"),
    (lambda path: path.symlink_to("nowhere"), "is a link to nothing"),
    (lambda path: path.symlink_to(path.name), "cannot be read"),
    (Path.mkdir, "is a folder"),
    (huge, "has 1,099,511,627,776 bytes, more than 100,000,000"),
]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes and devices in folders")
@pytest.mark.parametrize("name", [*NAMES, "characters.json"])
@pytest.mark.parametrize(("make", "says"), IN_PLACE, ids=range(len(IN_PLACE)))
def test_what_stands_in_a_file_s_place_is_named(saved, tmp_path, name, make, says):
    put(tmp_path, saved)
    (tmp_path / name).unlink()
    make(tmp_path / name)
    kind = CharTokenizer if name == "characters.json" else BPETokenizer
    with pytest.raises(ValueError, match=f"{name} {says}.*; give the folder that a tokenizer was saved to"):
        kind.load(tmp_path)


def test_a_file_in_the_place_of_the_folder(saved, tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ValueError, match="cannot be read .*give the folder that a tokenizer was saved to"):
        BPETokenizer.load(tmp_path / "file")
    with pytest.raises(ValueError, match="file is a file, not a folder"):
        BPETokenizer([]).save(tmp_path / "file")
    (tmp_path / "folder" / "vocab.json").mkdir(parents=True)
    with pytest.raises(ValueError, match="vocab.json is a folder; give the name of a file"):
        BPETokenizer([]).save(tmp_path / "folder")


def test_no_file_takes_memory_or_time_before_it_is_refused(saved, tmp_path):
    """The largest of the hostile ones together stay below 200 MB more than this process has had."""
    resource = pytest.importorskip("resource")  # not on Windows
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, change, _ in HOSTILE:
        put(tmp_path, saved | {name: change(saved[name])})
        outcome(tmp_path)
    unit = 1 if sys.platform == "darwin" else 1024
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 200e6


# --- what is no damage


def test_a_mark_at_the_beginning_and_windows_line_ends_are_no_damage(saved, tmp_path):
    put(
        tmp_path, {name: b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n") for name, content in saved.items()}
    )
    assert outcome(tmp_path) is None
    assert outcome(tmp_path, CharTokenizer) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows makes links for some people only")
def test_home_and_links_are_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    BPETokenizer.train(TEXT, 280).save("~/LLM: a course/mine")
    assert BPETokenizer.load("~/LLM: a course/mine").vocab_size == 280
    CharTokenizer.train(TEXT).save("~/chars")
    assert CharTokenizer.load("~/chars").decode([0]) == " "
    (tmp_path / "link").symlink_to("LLM: a course/mine")
    assert BPETokenizer.load(tmp_path / "link").vocab_size == 280
    files = [f"~/LLM: a course/mine/{name}" for name in ("vocab.json", "merges.txt")]
    assert BPETokenizer.from_gpt2(*files).vocab_size == 280


@pytest.mark.parametrize("folder", [None, 5, "", "a\0b", "x" * 5000, ["a"]])
def test_a_folder_that_is_none(folder):
    for use in (BPETokenizer.load, CharTokenizer.load, BPETokenizer([]).save, CharTokenizer("a").save):
        with pytest.raises(ValueError, match="needed a path|too long for the name of a file"):
            use(folder)


def test_a_pattern_that_takes_for_ever_is_given_up(monkeypatch):
    from course_lib.tokens import pieces

    tokenizer = BPETokenizer([], pattern=r"(?:a|aa)+c")
    assert tokenizer.pre_tokens("aacb") == ["aac", "b"]
    monkeypatch.setattr(pieces, "PATIENCE", 0.2)
    with pytest.raises(ValueError, match="takes more than .* seconds on a text of 60 characters"):
        tokenizer.encode("a" * 56 + "b..c")
