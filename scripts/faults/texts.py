"""Texts of every kind through the course's tokenizer, beside the library that it is exported to."""

from __future__ import annotations

import random
import time
from pathlib import Path

from course_lib import interop, runtime
from course_lib.tokens import BPETokenizer
from faults import Part

ALPHABETS = (
    "abc ABC xyz",
    "   \t\n\r\u00a0\u2003\u3000\u200b",
    "的一是不了在人有我他这中大来上个国",
    "don't we'll I'M he'd 'S ''",
    "0123456789²½①٣",
    "👩\u200d👧🏽🇨🇳❤️\ufe0f",
    "e\u0301n\u0303\u0f71\u0f72\u0f74क्षि",
    "<|endoftext|>",
    "!?.,;:()[]{}-_=+*/\\\"'`~@#$%^&",
    "\x00\x01\x7f\x80\u202e\ufeff\ufffd\uffff",
)


def strings(share: float, folder: Path) -> Part:
    """Random and hostile texts through the course's tokenizer, against the library that it is exported to."""
    part = Part(
        "random and hostile texts through the tokenizer", "the same ids as `tokenizers` gives, and back again"
    )
    ours = BPETokenizer.load(runtime.data_dir() / "tokenizer")
    theirs = interop.to_tokenizers(ours)
    chance = random.Random(3)
    everything = [chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000]
    for _ in range(round(200_000 * share)):
        letters = chance.choice((*ALPHABETS, everything))
        text = "".join(chance.choices(letters, k=chance.randrange(1, 40)))
        if chance.random() < 0.3:
            text += "".join(chance.choices(chance.choice(ALPHABETS), k=chance.randrange(1, 20)))
        ids = ours.encode(text, allowed_special="all")
        good = ids == theirs.encode(text).ids and ours.decode(ids) == text
        part.add(None if good else repr(text))
    growth = {letters[:3]: _growth(ours, letters) for letters in (" ", "a", "的", "'", "\n", "ab ", "<|")}
    part.note = f"ten times as long takes at most {max(growth.values()):.0f} times as long"
    return part


def _growth(tokenizer: BPETokenizer, letters: str) -> float:
    """How many times as long a text takes that is ten times as long."""

    def seconds(length: int) -> float:
        text = (letters * length)[:length]
        fastest = float("inf")
        for _ in range(3):
            fresh = BPETokenizer.load(runtime.data_dir() / "tokenizer")
            began = time.process_time()
            fresh.encode(text)
            fastest = min(fastest, time.process_time() - began)
        return fastest

    return seconds(200_000) / seconds(20_000)
