"""A text as characters, bytes, tokens and ids; the bits of UTF-8.

Texts, tokens and ids come in, `Html` goes out. It knows no tokenizer.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from course_lib.arguments import wrong
from course_lib.figures.arguments import checked
from course_lib.figures.shown import Html
from course_lib.figures.tables import ROW
from course_lib.figures.tokens import TINTS
from course_lib.tokens.views.rows import BOX, CELL, check_letters, labels, table_row

_MONO = "font-family: var(--jp-code-font-family, monospace); white-space: pre"


@checked()
def utf8_table(text: str) -> Html:
    """Each character with its code point and its bytes in binary; the bits that are only marks are grey.

    >>> utf8_table("Aé")
    A  U+0041  0|1000001
    é  U+00E9  110|00011 10|101001
    """
    check_letters("utf8_table", text)
    rows, lines = [], []
    for character in text:
        code, parts = f"U+{ord(character):04X}", [_marked_bits(byte) for byte in character.encode()]
        lines.append(f"{character}  {code}  " + " ".join("|".join(part) for part in parts))
        bits = "  ".join(
            f'<span style="color: #8a8a8a">{mark}</span><b>{payload}</b>' for mark, payload in parts
        )
        decimal = " ".join(map(str, character.encode()))
        cells = (html.escape(character), code, f"{ord(character):,}", bits, decimal)
        rows.append(table_row(*cells))
    head = table_row(
        "character", "code point", "as a number", "its bytes, bit by bit", "its bytes as numbers"
    )
    return Html(f'<table style="{_MONO}">{head}{"".join(rows)}</table>', "\n".join(lines))


def _marked_bits(byte: int) -> tuple[str, str]:
    """The eight bits of a byte, cut after the mark: up to and with the first 0."""
    bits = f"{byte:08b}"
    end = bits.index("0") + 1
    return bits[:end], bits[end:]


@checked("tokens", "ids")
def layers_table(text: str, tokens: Sequence[bytes], ids: Sequence[int]) -> Html:
    """A text four times, one below the other: as characters, bytes, tokens and ids.

    Raises: ValueError unless the tokens, end to end, are the text's bytes, and there is an id for each.

    >>> layers_table("aé", [b"a\\xc3", b"\\xa9"], [300, 102])
    characters  a | é
    bytes       61 | C3 | A9
    tokens      [61 C3] | [A9]
    ids         300 | 102
    """
    check_letters("layers_table", text)
    if b"".join(tokens) != text.encode() or len(tokens) != len(ids) or not all(tokens):
        raise wrong(
            "layers_table", "tokens", tokens, "the bytes of the text, cut into pieces, with an id each"
        )
    layers = {
        "characters": [(letter.replace(" ", "·"), len(letter.encode())) for letter in text],
        "bytes": [(f"{byte:02X}", 1) for byte in text.encode()],
        "tokens": list(zip(labels(tokens), map(len, tokens), strict=True)),
        "ids": [(str(id), len(token)) for id, token in zip(ids, tokens, strict=True)],
    }
    rows = "".join(
        _layer(name, parts, tint) for (name, parts), tint in zip(layers.items(), TINTS, strict=False)
    )
    lines = [f"{name:<10}  {' | '.join(label for label, _ in parts)}" for name, parts in layers.items()]
    table = f'<table style="border-collapse: separate; border-spacing: 2px">{rows}</table>'
    return Html(f'<div style="overflow-x: auto">{table}</div>', "\n".join(lines))


def _layer(name: str, parts: Sequence[tuple[str, int]], tint: str) -> str:
    look = f"text-align: center; {BOX}; background-color: {tint}"
    boxes = (f'<td colspan="{wide}" style="{look}">{html.escape(label)}</td>' for label, wide in parts)
    return f'<tr style="{ROW}"><th style="{CELL}; font-weight: normal">{name}</th>{"".join(boxes)}</tr>'
