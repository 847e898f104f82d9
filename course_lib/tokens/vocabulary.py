"""Merges and the tokens that they make: whether they fit each other.

Knows bytes and names; does not know how text is cut or encoded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from reprlib import repr as brief

from course_lib.arguments import check_instance, is_several, many, shown
from course_lib.tokens.bpe import byte_alphabet


def pairs_of(merges: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The merges as a list, if each is a pair of bytes.

    Raises: ValueError for anything else.

    >>> pairs_of(([b"t", b"h"],))
    [(b't', b'h')]
    """
    if not is_several(merges) or isinstance(merges, str | bytes):
        raise ValueError(f"merges got {shown(merges)}, needed a list of pairs such as (b't', b'h').")
    pairs = [tuple(pair) if isinstance(pair, tuple | list) else (pair,) for pair in merges]
    for rank, pair in enumerate(pairs):
        if len(pair) != 2 or not all(isinstance(part, bytes) and part for part in pair):
            raise ValueError(f"Merge {rank} is {brief(pair)}, needed a pair of bytes such as (b't', b'h').")
    return pairs


def tokens_made_by(merges: list[tuple[bytes, bytes]]) -> list[bytes]:
    """The 256 bytes in GPT-2's order and what the merges make of them.

    Raises: ValueError for a merge of what is not there yet, and for one that comes twice.

    >>> tokens_made_by([(b"t", b"h"), (b"th", b"e")])[-2:]
    [b'th', b'the']
    """
    made = dict.fromkeys(bytes([byte]) for byte in byte_alphabet())
    for rank, (left, right) in enumerate(merges):
        if left not in made or right not in made:
            missing = left if left not in made else right
            raise ValueError(
                f"Merge {rank} joins {brief(left)} and {brief(right)}, but no merge before it "
                f"makes {brief(missing)}."
            )
        made[left + right] = None
    _check_once("merge", merges)
    return list(made)


def tokens_listed(layout: Sequence[bytes | str], merges: list[tuple[bytes, bytes]]) -> list[bytes]:
    """The ordinary tokens of a vocabulary that may lack bytes, and have tokens that no merge makes.

    Raises: ValueError for a merge whose parts or result are not in the vocabulary, and for what comes twice.

    >>> tokens_listed([b"a", b"b", b"ab", b"abc", "<end>"], [(b"a", b"b")])
    [b'a', b'b', b'ab', b'abc']
    """
    ordinary = [token for token in layout if isinstance(token, bytes)]
    known = set(ordinary)
    for rank, (left, right) in enumerate(merges):
        if not {left, right, left + right} <= known:
            lost = min({left, right, left + right} - known)
            raise ValueError(
                f"Merge {rank} joins {brief(left)} and {brief(right)}, but {brief(lost)} is not in the "
                "vocabulary; take both from the same tokenizer."
            )
    _check_once("token", layout)
    _check_once("merge", merges)
    return ordinary


def _check_once(kind: str, items: Sequence) -> None:
    if len(set(items)) < len(items):
        twice = next(item for item, count in Counter(items).items() if count > 1)
        raise ValueError(f"The {kind} {brief(twice)} is listed twice; list each once.")


def listed(layout: Sequence[bytes | str]) -> list[bytes | str]:
    """The tokens as a list, if each is bytes or str.

    Raises: ValueError for anything else.

    >>> listed((b"a", "<end>"))
    [b'a', '<end>']
    """
    tokens = many("BPETokenizer", "layout", layout, "all tokens in the order of their ids")
    for token in tokens:
        check_instance("BPETokenizer", "layout", token, bytes | str, "tokens, each as bytes or str")
    return tokens


def check_layout(layout: Sequence[bytes | str], ordinary: list[bytes], names: list[str]) -> None:
    """Raises ValueError unless a vocabulary has the ordinary tokens and these names, and nothing else.

    >>> check_layout([b"a", "<end>"], ordinary=[b"a", b"b"], names=["<end>"])
    Traceback (most recent call last):
    ValueError: the vocabulary lacks b'b', which is a byte or made by a merge.
    """
    missing = {*ordinary, *names} - set(layout)
    if missing:
        raise ValueError(
            f"the vocabulary lacks {brief(min(missing, key=repr))}, which is a byte or made by a merge."
        )
    extra = set(layout) - {*ordinary, *names}
    if extra:
        raise ValueError(
            f"the vocabulary has {brief(min(extra, key=repr))}, which is no byte, made by no merge and no "
            "special token; if it is special, name it in special_tokens."
        )
