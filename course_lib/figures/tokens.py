"""Views of tokens and their numbers as HTML: tokens coloured in running text, probabilities, attention.

Text in any language is shown with the browser's own fonts. Ids, lists or tensors come in, `Html` goes out,
which also has a plain-text form. It does not know models, matplotlib or how a tokenizer works inside. Use it
through `course_lib.figures`.
"""

from __future__ import annotations

import codecs
import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from course_lib.arguments import id_list, is_number, whole, wrong
from course_lib.arguments import shown as said
from course_lib.figures.arguments import checked
from course_lib.figures.shown import Html, cividis

# Pale tints of colours that stay apart for every kind of colour vision (Okabe and Ito), under dark ink.
TINTS = ("#cfe8f7", "#fde3b3", "#c9ecdf", "#f6d9e8", "#fbf5c4", "#dcdcf2")
_INK = "#1a1a1a"
_TOKEN = "border: 1px solid #9a9a9a; border-radius: 3px; padding: 0 1px; margin: 0; white-space: pre"
_TEXT = "line-height: 1.9; max-width: 60em; font-size: 1.05em; overflow-wrap: anywhere"
_ROW = "background-color: transparent"  # notebooks stripe the rows of tables otherwise
_CELL = "text-align: left; vertical-align: top; padding: 2px 12px 2px 0"
_PIECES = "line-height: 1.9; max-width: 60em; font-size: 1.05em; white-space: pre-wrap"
_LEARNED = "background-color: #fde3b3; color: #1a1a1a; border-bottom: 3px solid #b35c00; font-weight: bold"


class _Tokens(Protocol):
    """A tokenizer, as far as a figure needs it."""

    token_bytes: Callable[[int], bytes]


@checked()
def tokens_html(text: Any, tokenizer: _Tokens, ids_too: bool = False) -> Html:
    """Text with its tokens as coloured boxes; hovering over one tells its id and bytes.

    `text` is a string, a sequence or tensor of ids, or a dictionary of these, shown one below the other. A
    character that is spread over several tokens has its bytes in hexadecimal boxes, followed by the character
    itself.

    >>> class Letters:
    ...     def encode(self, text): return list(text.encode())
    ...     def token_bytes(self, id): return bytes([id])
    >>> tokens_html("a 雨", Letters())
    a|·|[E9]|[9B]|[A8]=雨  (5 tokens, 3 characters)
    """
    if isinstance(text, Mapping):
        parts = {name: tokens_html(value, tokenizer, ids_too) for name, value in text.items()}
        rows = "".join(
            f'<tr style="{_ROW}"><th style="{_CELL}">{html.escape(str(name))}</th>'
            f'<td style="{_CELL}">{part.html}</td></tr>'
            for name, part in parts.items()
        )
        return Html(
            f"<table>{rows}</table>", "\n".join(f"{name}: {part.text}" for name, part in parts.items())
        )
    ids = tokenizer.encode(text) if isinstance(text, str) else id_list("tokens_html", text)
    pieces = list(_pieces(ids, tokenizer))
    boxes = [_box(piece, TINTS[i % len(TINTS)], ids_too) for i, piece in enumerate(pieces)]
    characters = sum(len(piece.text) for piece in pieces)
    count = f"{_count(len(ids), 'token')}, {_count(characters, 'character')}"
    page = f'<div style="{_TEXT}">{_joined(boxes)}</div><div style="font-size: 0.85em">{count}</div>'
    return Html(page, f"{'|'.join(piece.label for piece in pieces)}  ({count})")


@checked("ids")
def token_labels(ids: Any, tokenizer: _Tokens) -> list[str]:
    """A short visible label for each id: spaces as ·, line ends as ⏎, parts of characters as [E9].

    >>> class Bytes:
    ...     def token_bytes(self, id): return bytes([id])
    >>> token_labels([32, 97, 10, 0xE9], Bytes())
    ['·', 'a', '⏎', '[E9]']
    """
    return [_label(tokenizer.token_bytes(id)) for id in id_list("token_labels", ids)]


@checked("probabilities")
def token_probabilities_html(ids: Any, probabilities: Sequence[float | None], tokenizer: _Tokens) -> Html:
    """Running text with each token's colour telling how probable the model found it: dark for a surprise.

    `probabilities` has one number in [0, 1] per id, or None (for the first token, which had no prediction).

    >>> class Bytes:
    ...     def token_bytes(self, id): return bytes([id])
    >>> token_probabilities_html([104, 105], [None, 0.5], Bytes())
    h|i (0.50)
    """
    ids, chances = id_list("token_probabilities_html", ids), probabilities
    if len(ids) != len(chances):
        raise ValueError(
            f"Got {len(ids)} ids and {len(chances)} probabilities; give one probability (or None) per id."
        )
    _check_chances("token_probabilities_html", [chance for chance in chances if chance is not None])
    boxes, words = [], []
    for piece, chance in zip(_pieces(ids, tokenizer), chances, strict=True):
        back, ink = ("#ffffff", _INK) if chance is None else cividis(chance)
        title = "no prediction" if chance is None else f"probability {chance:.3f}, {_surprise(chance)}"
        boxes.append(_box(piece, back, False, ink, title))
        words.append(piece.label if chance is None else f"{piece.label} ({chance:.2f})")
    scale = "".join(_swatch(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    legend = f'<div style="font-size: 0.85em">probability: {scale}</div>'
    return Html(f'<div style="{_TEXT}">{_joined(boxes)}</div>{legend}', "|".join(words))


def _check_chances(owner: str, chances: Sequence[Any]) -> None:
    for chance in chances:
        # A little more than 1 comes of rounding.
        if not is_number(chance) or not 0 <= chance <= 1.001:
            raise ValueError(
                f"{owner} got {said(chance)} as a probability; needed numbers from 0 to 1, such as "
                "logits.softmax(-1)."
            )


@checked("probabilities")
def probability_bars(
    probabilities: Sequence[float],
    labels: Any,
    top: int = 10,
    chosen: int | None = None,
    before: Sequence[float] | None = None,
) -> Html:
    """The most probable tokens as horizontal bars.

    `labels` is a tokenizer, or one string per entry. `chosen` marks the index that was drawn. With `before`,
    the probabilities before some change (a temperature, top-k), each token has a second, paler bar.
    Shapes: probabilities (V,), before (V,).

    >>> probability_bars([0.25, 0.75], ["cat", "dog"])
    dog  0.750  ##############################
    cat  0.250  ##########
    """
    chances, old = probabilities, before
    _check_chances("probability_bars", [*chances, *(old or [])])
    if not chances or (old is not None and len(old) != len(chances)):
        raise ValueError(
            f"probability_bars got {len(chances)} probabilities and {len(old or [])} from before; give at "
            "least one, and as many from before."
        )
    if not hasattr(labels, "token_bytes") and not _is_long(labels, len(chances)):
        raise wrong(
            "probability_bars", "labels", labels, "a tokenizer, or a list of one text per probability"
        )
    top = whole("probability_bars", "top", top)
    if chosen is not None:
        chosen = whole("probability_bars", "chosen", chosen, 0, len(chances) - 1)
    order = sorted(range(len(chances)), key=lambda i: (-(old or chances)[i], i))[:top]
    names = [_name(i, labels) for i in order]
    largest = (
        max([chances[i] for i in order] + [old[i] for i in order] if old else [chances[i] for i in order])
        or 1.0
    )
    rows = [
        _bar_row(name, chances[i], old and old[i], largest, i == chosen)
        for name, i in zip(names, order, strict=True)
    ]
    width = max(len(name) for name in names)
    lines = [
        f"{name:<{width}}  {chances[i]:.3f}  {'#' * round(40 * chances[i])}".rstrip()
        + ("  <- chosen" if i == chosen else "")
        for name, i in zip(names, order, strict=True)
    ]
    return Html(f'<table style="border-collapse: collapse">{"".join(rows)}</table>', "\n".join(lines))


def _is_long(labels: Any, length: int) -> bool:
    long = hasattr(labels, "__getitem__") and hasattr(labels, "__len__") and len(labels) >= length
    return long and not (isinstance(labels, list | tuple) and None in labels)


@checked("pieces", "counts")
def learned(pieces: Sequence[str], counts: Sequence[bool]) -> Html:
    """A text in which the pieces that count in the loss are marked; ends of lines are shown there as ⏎.

    Raises: ValueError unless there is one of `counts` for each piece.

    >>> learned(["Q: Who?", " Mia", "\\n"], [False, True, True])
    Q: Who?[ Mia][⏎]
    """
    if len(pieces) != len(counts):
        raise ValueError(f"learned got {len(pieces)} pieces and {len(counts)} marks; give one for each.")
    shown = [
        piece.replace("\n", "⏎") if count else piece for piece, count in zip(pieces, counts, strict=True)
    ]
    spans = [
        f'<span style="{_LEARNED}">{html.escape(piece)}</span>' + ("\n" if "⏎" in piece else "")
        if count
        else html.escape(piece)
        for piece, count in zip(shown, counts, strict=True)
    ]
    text = "".join(f"[{piece}]" if count else piece for piece, count in zip(shown, counts, strict=True))
    return Html(f'<div style="{_PIECES}">{"".join(spans)}</div>', text)


# Pieces of text ---------------------------------------------------------------------------------------------


class _Piece:
    """One token: its id, its bytes, and the characters that are complete with it."""

    def __init__(self, id: int, data: bytes, text: str, begun: bool) -> None:
        self.id, self.data, self.text = id, data, text
        # Whole characters are shown as text, bytes of a character that other tokens share as hexadecimal.
        self.whole = not begun and text.encode() == data

    @property
    def label(self) -> str:
        return (
            _visible(self.text)
            if self.whole
            else _hex(self.data) + (f"={_visible(self.text)}" if self.text else "")
        )


def _pieces(ids: Sequence[int], tokenizer: Any) -> Iterator[_Piece]:
    """Each token with the characters that it completes, reading the bytes of the text from left to right."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for i, id in enumerate(ids):
        data = tokenizer.token_bytes(id)
        begun = bool(decoder.getstate()[0])
        yield _Piece(id, data, decoder.decode(data, final=i == len(ids) - 1), begun)


def _box(piece: _Piece, back: str, ids_too: bool, ink: str = _INK, title: str = "") -> str:
    style = f"background-color: {back}; {_TOKEN}; color: {ink}"
    title = title or f"id {piece.id}, {_count(len(piece.data), 'byte')}: {piece.data.hex(' ').upper()}"
    sub = f'<sub style="font-size: 0.65em">{piece.id}</sub>' if ids_too else ""
    if piece.whole:
        shown, breaks = html.escape(_visible(piece.text)), "<br>" * piece.text.count("\n")
    else:
        small = f'<span style="font-size: 0.7em; font-family: monospace">{piece.data.hex(" ").upper()}</span>'
        shown, breaks = small + (f"={html.escape(_visible(piece.text))}" if piece.text else ""), ""
    return f'<span style="{style}" title="{html.escape(title)}">{shown}{sub}</span>{breaks}'


def _joined(boxes: Sequence[str]) -> str:
    """Boxes between which a line may break; without an empty line at the end of the text."""
    text = "<wbr>".join(boxes)
    while text.endswith("<br>"):
        text = text.removesuffix("<br>")
    return text


def _label(data: bytes) -> str:
    try:
        return _visible(data.decode())
    except UnicodeDecodeError:
        return _hex(data)


def _visible(text: str) -> str:
    return text.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥")


def _hex(data: bytes) -> str:
    return f"[{data.hex(' ').upper()}]"


def _name(index: int, labels: Any) -> str:
    if hasattr(labels, "token_bytes"):
        return _label(labels.token_bytes(index))
    return str(labels[index])


# Pieces of HTML ---------------------------------------------------------------------------------------------


def _bar_row(name: str, chance: float, old: float | None, largest: float, chosen: bool) -> str:
    mark = " &#9664;" if chosen else ""
    bars = _bar(chance, largest, "#0072b2") + (_bar(old, largest, "#a6c8e0") if old is not None else "")
    number = f"{chance:.3f}" + (f" (before: {old:.3f})" if old is not None else "")
    weight = "bold" if chosen else "normal"
    return (
        f'<tr style="{_ROW}"><td style="text-align: right; padding: 1px 8px; white-space: pre; '
        f'font-weight: {weight}">{html.escape(name)}</td>'
        f'<td style="text-align: left; width: 320px; padding: 1px 0">{bars}</td>'
        f'<td style="text-align: left; padding: 1px 8px; font-weight: {weight}">{number}{mark}</td></tr>'
    )


def _bar(share: float, largest: float, colour: str) -> str:
    width = max(0.3, 100 * share / largest) if share > 0 else 0
    return f'<div style="background-color: {colour}; height: 9px; margin: 1px 0; width: {width:.1f}%"></div>'


def _swatch(share: float) -> str:
    back, ink = cividis(share)
    return f'<span style="background-color: {back}; color: {ink}; padding: 0 6px">{share:g}</span>'


def _surprise(chance: float) -> str:
    return f"{-math.log(chance):.2f} nats" if chance > 0 else "infinitely surprising"


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
