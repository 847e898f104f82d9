"""The files of a tokenizer: GPT-2's vocab.json and merges.txt, and small JSON files; damage is named in one
sentence.

Knows the files' formats; does not know how text is tokenized, which is `course_lib.tokens`.
"""

from __future__ import annotations

import json
from pathlib import Path
from reprlib import repr as brief
from typing import Any

from course_lib.files import read_whole
from course_lib.runtime import atomic_write
from course_lib.tokens.bpe import byte_alphabet

LARGEST = 100_000_000  # bytes; a vocabulary of a quarter of a million tokens has five million
_CHARACTERS = byte_alphabet()
_BYTES = {character: byte for byte, character in _CHARACTERS.items()}


def written(token: bytes) -> str:
    """A token as GPT-2's files write it, every byte a visible character.

    >>> written(b" the"), written("好".encode())
    ('Ġthe', 'å¥½')
    """
    return "".join(map(_CHARACTERS.__getitem__, token))


def unwritten(token: str, path: Path) -> bytes:
    """The bytes of a token that is written in GPT-2's visible alphabet.

    >>> unwritten("Ġthe", Path("vocab.json"))
    b' the'
    """
    try:
        return bytes(map(_BYTES.__getitem__, token))
    except KeyError as error:
        raise ValueError(
            f"{path} has the token {brief(token)}, but {error.args[0]!r} stands for no byte in GPT-2's "
            "alphabet; if the token is special, name it in special_tokens."
        ) from None


def read_vocabulary(path: Path, names: list[str]) -> list[bytes | str]:
    """The tokens of a vocab.json in the order of their ids, special ones as str.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "vocab.json")
    ...     write_text(path, '{"Ġcat": 1, "a": 0, "<end>": 2}')
    ...     read_vocabulary(path, names=["<end>"])
    [b'a', b' cat', '<end>']
    """
    vocabulary = read_json(path)
    ids = list(vocabulary.values())
    if not all(type(id) is int for id in ids) or sorted(ids) != list(range(len(ids))):
        raise ValueError(
            f"{path} is damaged: its ids must be 0 to {len(vocabulary) - 1}, each once; get the file again."
        )
    return [
        token if token in names else unwritten(token, path)
        for token in sorted(vocabulary, key=vocabulary.__getitem__)
    ]


def read_merges(path: Path) -> list[tuple[bytes, bytes]]:
    """The merges of a merges.txt in rank order.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "merges.txt")
    ...     write_text(path, "#version: 0.2\\nu g\\nĠ h\\n")
    ...     read_merges(path)
    [(b'u', b'g'), (b' ', b'h')]
    """
    lines = [line.rstrip("\r") for line in _read_text(path).split("\n")]
    merges = []
    for number, line in enumerate(lines, start=1):
        if (number == 1 and line.startswith("#version")) or (not line and number == len(lines)):
            continue
        parts = line.split(" ")
        if len(parts) != 2 or not all(parts):
            raise ValueError(
                f"{path}, line {number}: got {brief(line)}, needed two tokens with one space between."
            )
        merges.append((unwritten(parts[0], path), unwritten(parts[1], path)))
    return merges


def merges_text(merges: list[tuple[bytes, bytes]]) -> str:
    """The content of merges.txt: a line with the version, then a merge a line.

    >>> print(merges_text([(b"u", b"g"), (b" ", b"h")]), end="")
    #version: 0.2
    u g
    Ġ h
    """
    lines = ["#version: 0.2", *(f"{written(left)} {written(right)}" for left, right in merges)]
    return "\n".join(lines) + "\n"


def is_strings(value: Any) -> bool:
    """Whether this is a list of str.

    >>> is_strings(["a", "b"]), is_strings(["a", 3]), is_strings("ab")
    (True, False, False)
    """
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def to_json(content: Any) -> str:
    """JSON in which 好 stays 好.

    >>> print(to_json({"好": 3}))
    {"好": 3}
    """
    return json.dumps(content, ensure_ascii=False)


def _read_text(path: Path) -> str:
    content = read_whole(path, "give the folder that a tokenizer was saved to", most=LARGEST)
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is damaged: byte {error.start} is no UTF-8; save or get the file again."
        ) from None


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises: ValueError if the file is missing or holds anything else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "vocab.json")
    ...     write_text(path, '{"a": 0, "好": 1}')
    ...     read_json(path)
    {'a': 0, '好': 1}
    """
    text = _read_text(path)
    try:
        content = json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path} is damaged: no JSON from line {error.lineno} on; save or get the file again."
        ) from None
    except RecursionError:
        raise ValueError(f"{path} is damaged: it is nested too deep; save or get the file again.") from None
    except ValueError as error:  # a name twice, or a number of thousands of digits
        reason = str(error) if str(path) in str(error) else f"{path} is damaged: a number in it is too long"
        raise ValueError(f"{reason}; save or get the file again.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: needed a JSON object in {{ }}; save or get the file again.")
    return content


def _once(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    """A JSON object, each of whose names must come once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"{path} is damaged: it has {brief(twice)} twice")
    return found


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8, all or nothing, making the folder if need be.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "new", "note.txt")
    ...     write_text(path, "好!")
    ...     len(path.read_bytes())  # three for 好 and one for !
    4
    """
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{path} cannot be written: {text[error.start]!r} is half of a character, which no file can hold."
        ) from None
    with atomic_write(path) as file:
        file.write(content)
