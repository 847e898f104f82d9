"""The `tokenizers` library with a published vocabulary, and texts from everywhere to try both with."""

from __future__ import annotations

import random

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from course_lib.tokens.published import LLAMA3_PATTERN

MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LACKED = [0x04, 0x06, 0x13, 0x14, 0x16, 0x1D, 0xF1, 0xF2]  # as SmolLM2's vocabulary does
# Digits that Unicode 17 has brought: the library's Digits knows them already, its patterns don't.
NEW_DIGITS = {*range(0x11DE0, 0x11DEA), *range(0x16FF4, 0x16FF7)}


def twin(about, pre_tokenizer, added=(), **options):
    """The library's tokenizer with the same tokens and merges."""
    vocabulary = {token: id for id, token in enumerate(about["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ")) for merge in about["tokenizer.ggml.merges"]]
    other = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, **options))
    other.pre_tokenizer, other.decoder = pre_tokenizer, decoders.ByteLevel()
    other.add_tokens(list(added))
    return other


DIGITS = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
)
SPLIT = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
SPECIAL = [AddedToken(name, special=True, normalized=False) for name in MARKS]


# Scripts, digits, spaces, signs, emoji, what is nobody's, what belongs to planes without characters.
PLACES = [
    (0x20, 0x7F), (0x30, 0x3A), (0x61, 0x7B), (0x00, 0x21), (0x09, 0x0E), (0xA0, 0x250), (0x300, 0x530),
    (0x590, 0x700), (0x660, 0x66A), (0x900, 0xF00), (0x1100, 0x1200), (0x2000, 0x2100), (0x2150, 0x2190),
    (0x3000, 0x3100), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4), (0xE000, 0xF900), (0xFF00, 0x10000),
    (0x10000, 0x20000), (0x1F300, 0x1FB00), (0x20000, 0x40000), (0x40000, 0x110000), (0xE0000, 0xE01F0),
]  # fmt: skip
SOME = ["'s", "'LL", "  ", "\n\n", "\r\n", " the", "12", " 3.14", "你好", "。", *MARKS, "<|im", "e\u0301"]


def random_texts(count, seed=0):
    """Texts of a few characters each from everywhere, always the same ones."""
    chance = random.Random(seed)

    def part():
        if chance.random() < 0.3:
            return chance.choice(SOME)
        low, high = chance.choice(PLACES)
        return "".join(chr(chance.randrange(low, high)) for _ in range(chance.choice((1, 1, 2, 4))))

    for _ in range(count):
        text = "".join(part() for _ in range(chance.randrange(1, 20)))
        yield "".join(c for c in text if ord(c) not in NEW_DIGITS and not 0xD800 <= ord(c) < 0xE000)


def first_lacking(text):
    """The place of the first character that needs one of the bytes that were left out."""
    places = (i for i, character in enumerate(text) if set(character.encode()) & set(LACKED))
    return next(places, None)


def agree(ours, theirs, texts):
    """The same ids with special tokens and without, and the same text again; what is lacking is named."""
    refused = 0
    for text in texts:
        if (place := first_lacking(text)) is not None:
            refused += 1
            with pytest.raises(ValueError, match=f"Character .* at position {place} can't be encoded"):
                ours.encode(text)
            text = text[:place]
        ids = ours.encode(text)
        theirs.encode_special_tokens = True
        assert theirs.encode(text).ids == ids, text
        assert ours.decode(ids) == text
        theirs.encode_special_tokens = False
        assert theirs.encode(text).ids == ours.encode(text, allowed_special="all"), text
    return refused
