"""The tokenizer that a GGUF file describes, as our BPETokenizer.

It knows facts by name, and neither models nor files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from course_lib.tokens import GPT2_PATTERN, BPETokenizer
from course_lib.tokens.files import unwritten
from course_lib.tokens.rules import Rules

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4  # what a file says of each token
# Every digit by itself, and the rest of a text as GPT-2 cuts it, to which a digit is an end of the text.
SINGLE_DIGITS = r"\p{N}|" + GPT2_PATTERN.replace(r" ?\p{N}+|", "").replace(r"(?!\S)", r"(?![^\s\p{N}])")
PATTERNS = {"gpt-2": GPT2_PATTERN, "smollm": SINGLE_DIGITS, "starcoder": SINGLE_DIGITS}


def tokenizer_of(facts: Mapping[str, Any], vocab_size: int) -> BPETokenizer | None:
    """The tokenizer in a file's facts; None if they say nothing of one.

    Raises: ValueError for another kind than byte-level BPE, for a way to cut text that is not known, and for
    lists that don't fit each other or the model.

    >>> tokenizer_of({}, vocab_size=7) is None
    True
    """
    kind, cut = facts.get("tokenizer.ggml.model"), facts.get("tokenizer.ggml.pre", "gpt-2")
    if kind is None:
        return None
    if kind != "gpt2":
        raise ValueError(f"its tokenizer is of the kind {kind!r}; only byte-level BPE ('gpt2') can be read.")
    if cut not in PATTERNS:
        raise ValueError(f"its tokenizer cuts text as {cut!r} does; known are only: {', '.join(PATTERNS)}.")
    tokens, merges = _texts(facts, "tokens"), _texts(facts, "merges")
    types = facts.get("tokenizer.ggml.token_type", [NORMAL] * len(tokens))
    if not isinstance(types, list) or not len(tokens) == len(types) == vocab_size:
        raise ValueError(
            f"its tokenizer has {len(tokens):,} tokens, and its model has {vocab_size:,}: they don't belong "
            "together."
        )
    special = [token for token, kind in zip(tokens, types, strict=True) if kind == CONTROL]
    added = [token for token, kind in zip(tokens, types, strict=True) if kind == USER_DEFINED]
    path, names = Path("its tokenizer"), {*special, *added}  # a path, for messages
    layout = [token if token in names else unwritten(token, path) for token in tokens]
    pairs = [merge.split(" ") for merge in merges]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("its tokenizer has a merge that is no pair; get the file again.")
    joined = [(unwritten(left, path), unwritten(right, path)) for left, right in pairs]
    rules = Rules(partial=True, added=tuple(added))
    return BPETokenizer(joined, special, PATTERNS[cut], layout=layout, rules=rules)


def _texts(facts: Mapping[str, Any], name: str) -> list[str]:
    found = facts.get(f"tokenizer.ggml.{name}")
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"its tokenizer has no list of {name}; get a whole file.")
    return found
