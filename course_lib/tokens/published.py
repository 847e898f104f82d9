"""Tokenizers of published models, as a GGUF file's metadata describes them.

Knows the names that such files use; does not know how they are read, which is `course_lib.pretrained`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from reprlib import repr as brief  # in which all spaces stay
from typing import Any

from course_lib.arguments import check_instance, flag, is_several, many, shown, whole_number
from course_lib.tokens.files import is_strings, unwritten
from course_lib.tokens.pieces import GPT2_PATTERN, SINGLE_DIGITS_PATTERN
from course_lib.tokens.rules import Rules
from course_lib.tokens.special import names_of
from course_lib.tokens.tokenizers import BPETokenizer
from course_lib.tokens.vocabulary import tokens_made_by

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# The names under which GGUF files know ways to cut text.
PRE_TOKENIZERS = {
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais"), GPT2_PATTERN),
    **dict.fromkeys(
        ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"), SINGLE_DIGITS_PATTERN
    ),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3"), LLAMA3_PATTERN),
}
KINDS = range(1, 7)  # of tokens; the sixth, a byte, has no part in byte-level vocabularies
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, _ = KINDS
MARK = re.compile(r"<\|.+\|>")


def bpe_from_gguf(metadata: Mapping[str, Any]) -> BPETokenizer:
    """The tokenizer that the metadata of a GGUF file describes.

    Its control tokens are special here; tokens that its maker's users have defined are found in every text.
    Those that end a text or a turn, or are written as <|...|>, are special even if the file has them among
    the users' own, as many do: else anybody could write a mark.

    Raises: ValueError for a tokenizer of another kind than byte-level byte-pair encoding, for a way to cut
    text that is not known here, and for lists that do not fit each other.

    >>> about = {"model": "gpt2", "pre": "smollm", "merges": ["Ġ a"]}
    >>> about |= {"tokens": ["<end>", "a", "Ġ", "Ġa", "1"], "token_type": [3, 1, 1, 1, 1]}
    >>> tokenizer = bpe_from_gguf({f"tokenizer.ggml.{name}": value for name, value in about.items()})
    >>> tokenizer.encode("a a11"), tokenizer.special_tokens
    ([1, 3, 4, 4], {'<end>': 0})
    """
    check_instance("bpe_from_gguf", "metadata", metadata, Mapping, "a GGUF file's metadata, as a dict")
    about = _About(metadata)
    kind, cut = about.get("model"), about.get("pre", "default")
    if kind != "gpt2":
        raise ValueError(
            f"The file's tokenizer is of the kind {shown(kind)}; needed 'gpt2', which is byte-level "
            "byte-pair encoding."
        )
    if not isinstance(cut, str) or cut not in PRE_TOKENIZERS:
        known = ", ".join(PRE_TOKENIZERS)
        raise ValueError(f"The file's tokenizer cuts text as {shown(cut)} does; known here are: {known}.")
    if about.flag("add_space_prefix", False):
        raise ValueError("The file's tokenizer puts a space before every text, which ours does not.")
    tokens, kinds = about.tokens(), about.kinds()
    marks, special, added = about.marks(), [], []
    for token, kind in zip(tokens, kinds, strict=True):
        mark = kind == USER_DEFINED and (token in marks or MARK.fullmatch(token))
        if mark or kind in (UNKNOWN, CONTROL, UNUSED):
            special.append(token)
        elif kind == USER_DEFINED:
            added.append(token)
    three = PRE_TOKENIZERS[cut] == LLAMA3_PATTERN
    begin = about.named("bos_token_id") if about.flag("add_bos_token", three) else None
    rules = Rules(whole_pieces=three, begin=begin, added=tuple(added))
    return bpe_from_lists(tokens, about.merges(), special, PRE_TOKENIZERS[cut], rules, "The file")


def bpe_from_lists(
    tokens: Sequence[str],
    merges: Sequence[str | Sequence[str]],
    special: Sequence[str],
    pattern: str,
    rules: Rules,
    origin: str,
) -> BPETokenizer:
    """A tokenizer from tokens and merges in GPT-2's visible alphabet, special and added ones by name.

    Whether the vocabulary is partial is seen from the lists; `origin` is the file, for messages.

    >>> tokenizer = bpe_from_lists(["Ġ", "a", "Ġa"], ["Ġ a"], [], GPT2_PATTERN, Rules(), "A file")
    >>> tokenizer.encode("a a"), tokenizer.rules.changes()
    ([1, 2], {'partial': True})
    """
    check_instance("bpe_from_lists", "rules", rules, Rules, "rules, as Rules(partial=True)")
    check_instance("bpe_from_lists", "origin", origin, str, "the name of a file, one str")
    tokens = names_of(many("bpe_from_lists", "tokens", tokens, "texts"), "tokens")
    merges = many("bpe_from_lists", "merges", merges, "texts or pairs of texts")
    special = names_of(special, "special")
    names, path = {*special, *rules.added}, Path(origin)
    spelled = {token: unwritten(token, path) for token in tokens if token not in names}
    layout = [spelled.get(token, token) for token in tokens]
    joined = []
    for rank, merge in enumerate(merges):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if not is_pair(pair):
            raise ValueError(f"Merge {rank} is {brief(merge)}, needed two tokens, as in 'Ġ t'.")
        left, right = (spelled.get(part) or unwritten(part, path) for part in pair)
        joined.append((left, right))
    partial = _is_partial(layout, joined)
    rules = replace(rules, partial=partial, unknown=rules.unknown if partial else None)
    return BPETokenizer(joined, special, pattern, layout=layout, rules=rules)


def is_pair(pair: Any) -> bool:
    """Whether these are two texts with something in them.

    >>> is_pair(["a", "b"]), is_pair(["a", ""]), is_pair("ab")
    (True, False, False)
    """
    return (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(part and isinstance(part, str) for part in pair)
    )


def _is_partial(layout: list[bytes | str], merges: list[tuple[bytes, bytes]]) -> bool:
    """Whether the vocabulary is not just the 256 bytes and what the merges make of them."""
    try:
        made = tokens_made_by(merges)
    except ValueError:
        return True
    return {*made} != {token for token in layout if isinstance(token, bytes)}


class _About:
    """What the metadata says of the tokenizer, looked at before it is used."""

    def __init__(self, metadata: Mapping[str, Any]):
        self._metadata = metadata

    def get(self, name: str, otherwise: Any = None) -> Any:
        return self._metadata.get(f"tokenizer.ggml.{name}", otherwise)

    def tokens(self) -> list[str]:
        return self._strings("tokens")

    def merges(self) -> list[str]:
        return self._strings("merges")

    def kinds(self) -> list[int]:
        """The kind of each token; where the file has none, those are special that it gives a task."""
        size = len(self.tokens())
        kinds = self.get("token_type")
        if kinds is None:
            tasks = {self._id(f"{task}_token_id") for task in ("bos", "eos", "unknown", "padding")}
            return [CONTROL if id in tasks else NORMAL for id in range(size)]
        kinds = list(kinds.tolist() if hasattr(kinds, "tolist") else kinds) if is_several(kinds) else []
        if len(kinds) != size:
            raise ValueError(f"The file has {size} tokens, but not as many kinds of tokens; get it again.")
        if strange := [kind for kind in kinds if type(kind) is not int or kind not in KINDS]:
            raise ValueError(f"The file has a token of the kind {shown(strange[0])}; kinds go from 1 to 6.")
        return kinds

    def flag(self, name: str, otherwise: bool) -> bool:
        return flag("bpe_from_gguf", name, self.get(name, otherwise))

    def marks(self) -> set[str]:
        """The tokens that begin or end a text or a turn."""
        tokens = self.tokens()
        ids = [whole_number(self.get(f"{task}_token_id")) for task in ("bos", "eos", "eot", "eom")]
        return {tokens[id] for id in ids if id is not None and 0 <= id < len(tokens)}

    def named(self, name: str) -> str | None:
        """The token whose id the file has under this name."""
        id = self._id(name)
        return None if id is None else self.tokens()[id]

    def _id(self, name: str) -> int | None:
        value = self.get(name)
        id = whole_number(value)
        if value is not None and (id is None or not 0 <= id < len(self.tokens())):
            raise ValueError(f"The file's {name} is {shown(value)}, which is no token of it; get it again.")
        return id

    def _strings(self, name: str) -> list[str]:
        value = self.get(name)
        if not is_strings(value):
            raise ValueError(f"The file's {name} are {shown(value)}, needed a list of texts; get it again.")
        return value
