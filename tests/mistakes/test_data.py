"""Mistakes that people make with texts, tokenizers, the little world and files, and what each is told.

`{at}` stands for the folder of the test, in which `put` has laid what the mistakes are made with.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from course_lib import runtime
from course_lib.data import Corpus, load_corpus, read_documents, write_documents
from course_lib.data.download import RemoteFile, fetch, sha256_of
from course_lib.files import read_whole
from course_lib.shell import commands
from course_lib.tokens import BPETokenizer, CharTokenizer, StreamDecoder
from course_lib.world import checker, corpus, instructions, tasks
from course_lib.world.documents import document
from course_lib.world.simulation import WorldConfig

END = "<|endoftext|>"
BPE = BPETokenizer.train("the cat, the hat", 260)
CHARS = CharTokenizer.train("abc")
TOY = Corpus("toy", {"train": ("One.",), "validation": ("Two.",)}, "here", "free")
FILE = {"name": "a.txt", "urls": ("https://example.org/a.txt",), "sha256": "0" * 64, "size": 3}


def put(at: Path) -> None:
    """The files that the mistakes are made with."""
    (at / "notes.txt").write_text("One day.\n\nAnother day.\n", encoding="utf-8")
    (at / "empty.txt").write_text(" \n")
    (at / "short.txt").write_text("x")
    (at / "page.txt").write_text("<!DOCTYPE html>\n<p>Once upon a time.</p>")
    (at / "mail.txt").write_bytes("Größe, Straße und Bücher.\n".encode("utf-7"))
    (at / "paper.pdf").write_bytes(b"%PDF-1.7 ...")
    (at / "letter.rtf").write_bytes(rb"{\rtf1 Dear all}")
    (at / "wide.txt").write_bytes("Один день.\n".encode("utf-16-le"))
    (at / "latin.txt").write_bytes("Größe\n".encode("mac_roman") + b"\xff\xfe\x80" * 9)
    (at / "damaged.txt").write_bytes("小猫在公园。".encode() + b"\xff" + "小猫".encode())
    (at / "folder").mkdir()
    BPE.save(at / "tokenizer")
    (at / "tokenizer" / "merges.txt").unlink()


def plain(said: str, at: Path) -> str:
    """What was said, with `{at}` for the folder, and with one kind of slash where Windows has the other."""
    for written in (repr(str(at))[1:-1], str(at)):
        said = said.replace(written, "{at}")
    return said.replace("\\", "/").replace("//", "/") if os.name == "nt" else said


MISTAKES = {
    "a corpus that is misspelt": (
        lambda at: load_corpus("wrold"),
        "There is no corpus and no file named 'wrold'; did you mean 'world'?",
    ),
    "a corpus that there isn't": (
        lambda at: load_corpus("wikipedia"),
        (
            "There is no corpus and no file named 'wikipedia'; give the path of a text file, or one "
            "of world, world-en, world-zh, pydoc, tinyshakespeare, tinystories."
        ),
    ),
    "a file that is missing": (
        lambda at: read_documents(at / "nots.txt"),
        "{at}/nots.txt is missing; give a text file, for example one inside a folder.",
    ),
    "a folder for a text": (
        lambda at: load_corpus(at / "folder"),
        "{at}/folder is a folder; give a text file, for example one inside a folder.",
    ),
    "an empty text": (
        lambda at: load_corpus(at / "empty.txt"),
        "{at}/empty.txt is empty; give a file with text in it.",
    ),
    "a text of one letter": (
        lambda at: load_corpus(at / "short.txt"),
        "{at}/short.txt has 1 characters of text, needed at least 2, to train and to validate on.",
    ),
    "a web page for a text": (
        lambda at: load_corpus(at / "page.txt"),
        (
            "{at}/page.txt is a web page (HTML), not plain text; open it in a browser and copy its text into a "
            "file, or, to learn the tags as well, end it with a line '<|endoftext|>'."
        ),
    ),
    "a text in UTF-7": (
        lambda at: load_corpus(at / "mail.txt"),
        (
            "{at}/mail.txt is not UTF-8: it looks like utf-7; convert it with "
            "pathlib.Path('{at}/mail-utf8.txt').write_text(pathlib.Path('{at}/mail.txt').read_text(encoding='utf-7'),"
            " encoding='utf-8')."
        ),
    ),
    "a corpus without parts": (
        lambda at: Corpus("toy", {}, "here", "free"),
        "splits got {}, needed the documents of each split as a tuple of texts, such as {'train': ('One.', 'Two.')}.",
    ),
    "a corpus by number": (
        lambda at: Corpus(5, {"train": ("One.",)}, "here", "free"),
        "Corpus got name=5; it must be a text.",
    ),
    "a part by number": (
        lambda at: TOY.text(5),
        "Corpus 'toy' has no split 5; it has train, validation.",
    ),
    "parts as a list": (
        lambda at: TOY.text(["train"]),
        "Corpus 'toy' has no split ['train']; it has train, validation.",
    ),
    "no addresses": (
        lambda at: RemoteFile(**{**FILE, "urls": 5}),
        "urls got 5, needed a tuple of addresses, ('https://...',).",
    ),
    "a file without a name": (
        lambda at: RemoteFile(**{**FILE, "name": None}),
        "name got None, needed the name of a file, without a folder.",
    ),
    "a size of True": (
        lambda at: RemoteFile(**{**FILE, "size": True}),
        "size got True, needed the file's number of bytes.",
    ),
    "a name for a file on the net": (
        lambda at: fetch("a.txt", at),
        "fetch got file='a.txt'; it must be a RemoteFile, such as TINY_SHAKESPEARE.",
    ),
    "tries in words": (
        lambda at: fetch(RemoteFile(**FILE), at, tries="three"),
        (
            "Got tries='three', wait=1.0, timeout=30.0, needed at least one try, no negative wait and a "
            "timeout above 0, neither of more than a day."
        ),
    ),
    "a wait without end": (
        lambda at: fetch(RemoteFile(**FILE), at, wait=float("inf")),
        (
            "Got tries=3, wait=inf, timeout=30.0, needed at least one try, no negative wait and a timeout "
            "above 0, neither of more than a day."
        ),
    ),
    "a number for a file to hash": (
        lambda at: sha256_of(1),
        "Got int, needed a path as a str or a pathlib.Path.",
    ),
    "a number to name a file": (
        lambda at: runtime.replace(at / "notes.txt", 5),
        "Got int, needed a path as a str or a pathlib.Path.",
    ),
    "a mode for reading": (
        lambda at: runtime.atomic_write(at / "new.txt", "r").__enter__(),
        "atomic_write got mode='r'; it must be one of wb, w.",
    ),
    "a limit in words": (
        lambda at: read_whole(at / "notes.txt", "give another", "all"),
        "read_whole got most='all'; it must be a whole number of at least 0.",
    ),
    "a PDF for a text": (
        lambda at: load_corpus(at / "paper.pdf"),
        (
            "{at}/paper.pdf is a PDF document, not plain text; open it in its program and save it as "
            "text in UTF-8."
        ),
    ),
    "an RTF for a text": (
        lambda at: load_corpus(at / "letter.rtf"),
        (
            "{at}/letter.rtf is an RTF document, not plain text; open it in its program and save it "
            "as text in UTF-8."
        ),
    ),
    "a text in UTF-16 without a mark": (
        lambda at: load_corpus(at / "wide.txt"),
        (
            "{at}/wide.txt is not UTF-8: it looks like utf-16-le; convert it with "
            "pathlib.Path('{at}/wide-utf8.txt').write_text(pathlib.Path('{at}/wide.txt').read_text(encoding='utf-16-le'),"
            " encoding='utf-8')."
        ),
    ),
    "a text that is damaged": (
        lambda at: load_corpus(at / "damaged.txt"),
        (
            "{at}/damaged.txt is UTF-8 with damage: byte 18 (0xFF, line 1) fits no character; get the"
            " file again, or mark the places with "
            "pathlib.Path('{at}/damaged-utf8.txt').write_text(pathlib.Path('{at}/damaged.txt').read_text(encoding='utf-8',"
            " errors='replace'), encoding='utf-8')."
        ),
    ),
    "the text itself for its path": (
        lambda at: load_corpus("Call me Ishmael. " * 100),
        (
            "'Call me Ishmael. Call me Ishmael. Call m'... (1,700 characters) is too long for the "
            "name of a file (is it a text, and not a path?); give a text file, for example one inside"
            " a folder."
        ),
    ),
    "no path": (
        lambda at: load_corpus(None),
        "Got NoneType, needed a path as a str or a pathlib.Path.",
    ),
    "a list of paths": (
        lambda at: load_corpus(["a.txt", "b.txt"]),
        "Got list, needed a path as a str or a pathlib.Path.",
    ),
    "a path of nothing": (
        lambda at: load_corpus(""),
        "Got '', needed a path: the name of a file, with its folder.",
    ),
    "a path with half a character": (
        lambda at: load_corpus("\ud83d.txt"),
        "Got '\\ud83d.txt', which no file can be named: it has half of a character.",
    ),
    "a part that a corpus lacks": (
        lambda at: TOY.text("test"),
        "Corpus 'toy' has no split 'test'; it has train, validation.",
    ),
    "one document where a list is meant": (
        lambda at: write_documents(at / "new.txt", "One day."),
        "Got 'One day.', needed a list of documents; one document is a list of one.",
    ),
    "no documents": (
        lambda at: write_documents(at / "new.txt", None),
        "Got None, needed a list of documents; one document is a list of one.",
    ),
    "a document that is a number": (
        lambda at: write_documents(at / "new.txt", ["One.", 2]),
        "Document 1 is of type int, needed text as a str.",
    ),
    "a document that is empty": (
        lambda at: write_documents(at / "new.txt", ["One.", ""]),
        (
            "Document 1 is empty, or has a carriage return or a line '<|endoftext|>', so it could not"
            " be read back; got ''."
        ),
    ),
    "a document with a separator": (
        lambda at: write_documents(at / "new.txt", [f"One.\n{END} \nTwo."]),
        (
            "Document 0 is empty, or has a carriage return or a line '<|endoftext|>', so it could not"
            " be read back; got 'One.\\n<|endoftext|> \\nTwo.'."
        ),
    ),
    "a document with half a character": (
        lambda at: write_documents(at / "new.txt", ["Hi \ud83d"]),
        (
            "Document 0 has half of a character at position 3, which no file can hold; mend it with "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        ),
    ),
    "a folder to write a text to": (
        lambda at: write_documents(at / "folder", ["One."]),
        "{at}/folder is a folder; give the name of a file, such as one in it.",
    ),
    "a file for a folder": (
        lambda at: write_documents(at / "notes.txt" / "new.txt", ["One."]),
        ("{at}/notes.txt/new.txt cannot be made: {at}/notes.txt is a file, not a folder; give another."),
    ),
    "an address letter by letter": (
        lambda at: RemoteFile(**{**FILE, "urls": "https://example.org/a.txt"}),
        "urls got 'https://example.org/a.txt', needed a tuple of addresses, ('https://...',).",
    ),
    "a file with a folder in its name": (
        lambda at: RemoteFile(**{**FILE, "name": "../a.txt"}),
        "name got '../a.txt', needed the name of a file, without a folder.",
    ),
    "a hash that is none": (
        lambda at: RemoteFile(**{**FILE, "sha256": "abc"}),
        "sha256 got 'abc', needed 64 hexadecimal digits, in small letters.",
    ),
    "no tries": (
        lambda at: fetch(RemoteFile(**FILE), at, tries=0),
        (
            "Got tries=0, wait=1.0, timeout=30.0, needed at least one try, no negative wait and a "
            "timeout above 0, neither of more than a day."
        ),
    ),
    "a file for a cache": (
        lambda at: load_corpus("tinyshakespeare", cache=at / "notes.txt"),
        (
            "{at}/notes.txt/tinyshakespeare.txt cannot be made: {at}/notes.txt is a file, not a "
            "folder; give another."
        ),
    ),
    "a number for a text": (
        lambda at: BPE.encode(5),
        "Got int, needed text as a str.",
    ),
    "bytes for a text": (
        lambda at: BPE.encode(b"abc"),
        "Got bytes, needed text as a str; bytes become text by .decode('utf-8').",
    ),
    "several texts at once": (
        lambda at: BPE.encode(["the cat", "the hat"]),
        "Got list, needed text as a str; take one text after the other.",
    ),
    "a text with half a character": (
        lambda at: BPE.encode("ab\ud83d"),
        (
            "The character at position 2 is U+D83D, half of a surrogate pair; mend it with "
            "text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        ),
    ),
    "a letter that was never seen": (
        lambda at: CHARS.encode("cabbage"),
        (
            "Character 'g' (U+0067) at position 5 is not one of the 3 characters this tokenizer was "
            "trained on; train it on text that has it, or use a BPETokenizer, which can write any "
            "text."
        ),
    ),
    "a special token that there isn't": (
        lambda at: BPE.encode("a", allowed_special="<|user|>"),
        ("allowed_special names '<|user|>', which is not a special token here; there are: <|endoftext|>."),
    ),
    "a text for ids": (
        lambda at: BPE.decode("12"),
        "Got '12', needed one flat list of token ids, e.g. [259].",
    ),
    "one id for a list": (
        lambda at: BPE.decode(12),
        "Got 12, needed one flat list of token ids, e.g. [259].",
    ),
    "no ids": (
        lambda at: BPE.decode(None),
        "Got None, needed one flat list of token ids, e.g. [259].",
    ),
    "a batch of ids": (
        lambda at: BPE.decode(torch.tensor([[1, 2]])),
        "Got tensor([[1, 2]]), needed one flat list of token ids, e.g. [259].",
    ),
    "an id that isn't whole": (
        lambda at: BPE.decode([1, 1.7]),
        "Token id 1.7 is no whole number; needed a flat list of them, 0 to 259.",
    ),
    "truth values for ids": (
        lambda at: BPE.decode(np.array([True, False])),
        "Token id True is no whole number; needed a flat list of them, 0 to 259.",
    ),
    "an id outside the vocabulary": (
        lambda at: BPE.decode([1, 260]),
        (
            "Token id 260 is not in this vocabulary of 260 tokens (0 to 259); decode ids with the "
            "tokenizer that made them."
        ),
    ),
    "an id below 0": (
        lambda at: BPE.decode(np.array([-1])),
        (
            "Token id -1 is not in this vocabulary of 260 tokens (0 to 259); decode ids with the "
            "tokenizer that made them."
        ),
    ),
    "logits for ids": (
        lambda at: StreamDecoder(BPE).push(torch.tensor(-0.5)),
        "Token id tensor(-0.5000) is no whole number; needed a flat list of them, 0 to 259.",
    ),
    "a vocabulary too small for the bytes": (
        lambda at: BPETokenizer.train("abc", 100),
        (
            "Got vocab_size=100, needed a whole number of at least 257: 256 bytes and 1 special "
            "tokens have to fit."
        ),
    ),
    "a size that isn't whole": (
        lambda at: BPETokenizer.train("abc", 300.5),
        (
            "Got vocab_size=300.5, needed a whole number of at least 257: 256 bytes and 1 special "
            "tokens have to fit."
        ),
    ),
    "a size as a text": (
        lambda at: BPETokenizer.train("abc", "300"),
        (
            "Got vocab_size='300', needed a whole number of at least 257: 256 bytes and 1 special "
            "tokens have to fit."
        ),
    ),
    "nothing to train on": (
        lambda at: BPETokenizer.train(None, 300),
        "Got NoneType, needed a text as a str, or a list of texts.",
    ),
    "a name letter by letter": (
        lambda at: BPETokenizer.train("abc", 300, special_tokens="<|end|>"),
        "special_tokens got '<|end|>', needed a list of names, e.g. ['<|endoftext|>'].",
    ),
    "a name that a token has": (
        lambda at: BPETokenizer([], special_tokens=["a"]),
        (
            "Got the special tokens ['a'], needed different names that no ordinary token has, such as"
            " '<|endoftext|>'."
        ),
    ),
    "merges as texts": (
        lambda at: BPETokenizer([("t", "h")]),
        "Merge 0 is ('t', 'h'), needed a pair of bytes such as (b't', b'h').",
    ),
    "merges in the wrong order": (
        lambda at: BPETokenizer([(b"th", b"e"), (b"t", b"h")]),
        "Merge 0 joins b'th' and b'e', but no merge before it makes b'th'.",
    ),
    "a pattern with a group": (
        lambda at: BPETokenizer([], pattern="(a)|b"),
        "The pattern '(a)|b' has a group ( ) or can match no character; use (?: ), and + for *.",
    ),
    "a pattern that is none": (
        lambda at: BPETokenizer([], pattern="[a"),
        "The pattern '[a' is not a regular expression: unterminated character set at position 2.",
    ),
    "characters of two letters": (
        lambda at: CharTokenizer(["ab", "c"]),
        "Got the characters ['ab', 'c'], needed single characters, each once.",
    ),
    "a tokenizer's folder that is missing": (
        lambda at: BPETokenizer.load(at / "nowhere"),
        "{at}/nowhere/vocab.json is missing; give the folder that a tokenizer was saved to.",
    ),
    "a tokenizer with a file missing": (
        lambda at: BPETokenizer.load(at / "tokenizer"),
        "{at}/tokenizer/merges.txt is missing; give the folder that a tokenizer was saved to.",
    ),
    "a tokenizer of another kind": (
        lambda at: CharTokenizer.load(at / "tokenizer"),
        ("{at}/tokenizer/characters.json is missing; give the folder that a tokenizer was saved to."),
    ),
    "a seed below 0": (
        lambda at: document(-1, "en"),
        "the seed is -1, but it must be a whole number of at least 0",
    ),
    "a seed that isn't whole": (
        lambda at: document(1.5, "en"),
        "the seed is 1.5, but it must be a whole number of at least 0",
    ),
    "no seed": (
        lambda at: document(None, "en"),
        "the seed is None, but it must be a whole number of at least 0",
    ),
    "a language that the world lacks": (
        lambda at: document(1, "fr"),
        "the language is 'fr', but the world is told in 'en' and 'zh' only",
    ),
    "the other of a language that the world lacks": (
        lambda at: tasks.other("de"),
        "the language is 'de', but the world is told in 'en' and 'zh' only",
    ),
    "no kind of text": (
        lambda at: document(1, "en", kinds=()),
        "kinds is empty, but it must have at least one kind of text; None takes them all",
    ),
    "a cast that there isn't": (
        lambda at: WorldConfig(cast="everybody"),
        "the cast is 'everybody', but it must be one of everyday, heldout, strangers, anywhere",
    ),
    "a part that the world lacks": (
        lambda at: corpus.fresh("en", "test"),
        "the part is 'test', but it must be one of train, validation, heldout, strangers",
    ),
    "documents to skip below 0": (
        lambda at: corpus.fresh("en", skip=-1),
        "skip is -1, but it must be a whole number of at least 0",
    ),
    "one text as a file": (
        lambda at: corpus.as_file("One day."),
        "the documents are a str, but they must be a list of texts",
    ),
    "a floor of nothing": (
        lambda at: corpus.Floor.of([], 0),
        "got 0 documents with 0 characters, needed at least one of each",
    ),
    "the floor of what is learned from": (
        lambda at: corpus.stated_floor("train"),
        "the part is 'train', but it must be one of validation, heldout, strangers",
    ),
    "a floor per token of nothing": (
        lambda at: corpus.floor_per_token(list, []),
        "there are no documents to measure on: give at least one, or None for the part's own",
    ),
    "no function for a floor": (
        lambda at: corpus.floor_per_token(None),
        "encode is a NoneType, but it must be a function, such as list",
    ),
    "a story that is no text": (
        lambda at: checker.check(None),
        "the text is a NoneType, but it must be a str",
    ),
    "an empty story": (
        lambda at: checker.check(" "),
        "there is no text to check: give a story, or at least a sentence of one",
    ),
    "a pair of no sentences": (
        lambda at: tasks.parallel(1, "en", sentences=0),
        "sentences is 0, but it must be a whole number of at least 1",
    ),
    "an instruction that there isn't": (
        lambda at: instructions.instruction("sing", 1, "en"),
        (
            "the kind of instruction is 'sing', but it must be one of write, continue, note, "
            "translate, shorten, label, answer, refuse"
        ),
    ),
    "a conversation without a turn": (
        lambda at: instructions.conversation(1, "en", turns=0),
        "turns is 0, but it must be a whole number of at least 1",
    ),
}

COMMANDS = {
    "a corpus by a wrong name": (
        ["train", "--corpus", "wrold", "--steps", "1"],
        "Error: There is no corpus and no file named 'wrold'; did you mean 'world'?",
    ),
    "a corpus that begins like the world": (
        ["train", "--corpus", "world_history.txt", "--steps", "1"],
        (
            "Error: There is no corpus and no file named 'world_history.txt'; give the path of a text"
            " file, or one of world, world-en, world-zh, pydoc, tinyshakespeare, tinystories."
        ),
    ),
    "an RTF to train on": (
        ["train", "--corpus", "{at}/letter.rtf", "--steps", "1"],
        (
            "Error: {at}/letter.rtf is an RTF document, not plain text; open it in its program and "
            "save it as text in UTF-8."
        ),
    ),
    "a seed of 65 bits": (
        ["generate", "--seed", "18446744073709551616"],
        "Error: --seed got 18446744073709551616; it must be a whole number of at most 64 bits.",
    ),
    "tokens without end": (
        ["generate", "--tokens", "1" + "0" * 30],
        "Error: --tokens got 1000000000000000000000000000000; it must be from 0 to 1000000000.",
    ),
    "a text for a tokenizer's folder": (
        ["generate", "--tokenizer", "Call me Ishmael. " * 100],
        (
            "Error: There is no tokenizer folder 'Call me Ishmael. Call me Ishmael. Call m'... (1,700 "
            "characters); give one that `train` wrote."
        ),
    ),
    "a place for a model that is none": (
        ["train", "--steps", "1", "--out", "{at}/notes.txt/new.safetensors"],
        (
            "Error: {at}/notes.txt/new.safetensors cannot be made: {at}/notes.txt is a file, not a folder; give "
            "another."
        ),
    ),
    "a web page to train on": (
        ["train", "--corpus", "{at}/page.txt", "--steps", "1"],
        (
            "Error: {at}/page.txt is a web page (HTML), not plain text; open it in a browser and copy its text into "
            "a file, or, to learn the tags as well, end it with a line '<|endoftext|>'."
        ),
    ),
    "a tokenizer's folder by a wrong name": (
        ["generate", "--tokenizer", "{at}/nowhere", "--tokens", "1"],
        "Error: There is no tokenizer folder {at}/nowhere; give one that `train` wrote.",
    ),
    "a tokenizer of another model": (
        ["generate", "--tokenizer", "{at}/other", "--tokens", "1"],
        (
            "Error: The model knows 2,048 tokens and the tokenizer has 258: they don't belong "
            "together; give the model's own with --tokenizer."
        ),
    ),
    "a text to measure with that is missing": (
        ["bench", "tokens", "--text", "{at}/nowhere.txt"],
        ("Error: --text got {at}/nowhere.txt, but there is no such file; give the path of a text file."),
    ),
    "a file for the folder of the results": (
        ["bench", "tokens", "--out", "{at}/notes.txt"],
        "Error: --out got {at}/notes.txt, which is a file; give the name of a folder.",
    ),
    "threads without end": (
        ["bench", "tokens", "--threads", "100000"],
        "Error: --threads got 100000; give at most 1024.",
    ),
    "a peer without a name": (
        ["bench", "tokens", "--peer", "peers.py"],
        ("Error: --peer got 'peers.py'; write a file and a name in it, such as peers.py:make_model."),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_one_sentence(name, tmp_path):
    call, sentence = MISTAKES[name]
    put(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError) as caught:
        call(tmp_path)
    assert type(caught.value) is ValueError
    assert plain(str(caught.value), tmp_path) == plain(sentence, tmp_path) and "\n" not in sentence
    assert sorted(tmp_path.rglob("*")) == before, "a mistake writes nothing"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_mistake_at_the_shell_is_answered_in_one_line(name, tmp_path, monkeypatch):
    arguments, sentence = COMMANDS[name]
    put(tmp_path)
    BPETokenizer.train("abc", 258).save(tmp_path / "other")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    commands.register(app)
    done = CliRunner().invoke(app, [part.replace("{at}", str(tmp_path)) for part in arguments])
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert plain(done.stderr, tmp_path) == plain(sentence, tmp_path) + "\n" and "\n" not in sentence
    assert sorted(tmp_path.rglob("*")) == before, "a mistake writes nothing"
