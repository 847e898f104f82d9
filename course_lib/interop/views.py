"""Figures of notebook 07: the ways from one's own model to the tools, what is in files, and two charts.

Plain numbers and text come in; Axes or `Html` go out. It does not know models, tokenizers or training;
matplotlib is loaded at the first figure. Show an Axes with `viz.picture(ax)`, which brings its text along.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.arguments import number, whole, wrong
from course_lib.figures import strokes
from course_lib.figures.arguments import between, checked, has_all
from course_lib.figures.axes import axes_for
from course_lib.figures.colours import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, RED
from course_lib.figures.flow import arrow, box, canvas, cells, note
from course_lib.figures.shown import Html
from course_lib.figures.tokens import TINTS

_GIGA = 1e9
_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
_LINES = ((BLUE, "o"), (RED, "s"), (GREEN, "^"), (PURPLE, "D"))

# The plan ---------------------------------------------------------------------------------------------------


@checked()
def bridge(ax: Any = None, words: Mapping[str, str] | None = None) -> Any:
    """Our GPT, the folder that everyone can read, and the tools that read it. Gives the Axes.

    `words` replaces labels, for another language.

    >>> bridge(words={"folder": "Ordner"}).texts[1].get_text()
    'Ordner'
    """
    names = {
        "ours": "our GPT\nand tokenizer",
        "folder": "a folder\n\nconfig.json\nmodel.safetensors\ntokenizer.json",
        "classes": "AutoModelForCausalLM\nAutoTokenizer",
        "pipeline": 'pipeline("text-generation")',
        "server": "transformers serve",
        "client": "any program, over HTTP",
        "out": "export",
        "in": "import",
    }
    names = strokes.wording("bridge", words, names)
    ax = strokes.canvas(ax, (9.6, 3.0), (0, 100), (4, 36))
    look = {"lw": 1.7, "size": 9}
    box(ax, (1, 13, 15, 14), names["ours"], BLUE, **look)
    box(ax, (29, 9, 19, 22), names["folder"], ORANGE, **look)
    for y, name in ((27, "classes"), (16.5, "pipeline"), (6, "server")):
        box(ax, (57, y, 22, 7), names[name], GREEN, **look)
        arrow(ax, (48.5, 20), (56.5, y + 3.5))
    box(ax, (84, 6, 15.5, 7), names["client"].replace(", ", ",\n"), PURPLE, **look)
    arrow(ax, (83.5, 9.5), (79.5, 9.5), arrowstyle="<|-|>")
    for y, start, end, name in ((22.5, 16.5, 28.5, "out"), (17.5, 28.5, 16.5, "in")):
        arrow(ax, (start, y), (end, y))
        ax.text(22.5, y + 0.8, names[name], ha="center", va="bottom", fontsize=9, color=INK)
    ax.course_alt = (
        "On the left our GPT and its tokenizer; arrows lead to a folder with config.json, model.safetensors "
        "and tokenizer.json, and back. From the folder, arrows lead to the Auto classes, to the pipeline and "
        "to the server, with which any program can talk over HTTP."
    )
    return ax


# Byte letters -----------------------------------------------------------------------------------------------


@checked()
def letter_grid(letters: Mapping[int, str]) -> Html:
    """The letter of each of the 256 bytes in a 16 by 16 table; those that are not their own are tinted.

    Raises: ValueError unless there is a letter for each byte.

    >>> letter_grid({byte: chr(byte + 256) for byte in range(256)}).text.splitlines()[0]
    '00  Ā ā Ă ă Ą ą Ć ć Ĉ ĉ Ċ ċ Č č Ď ď'
    """
    if sorted(letters) != list(range(256)):
        raise ValueError(f"letter_grid got {len(letters)} letters; needed one for each byte, 0 to 255.")
    head = "".join(f'<th style="{_CELL}; color: #555555; font-weight: normal">{n:x}</th>' for n in range(16))
    rows = [f'<tr style="background-color: transparent"><th></th>{head}</tr>']
    for high in range(0, 256, 16):
        cells = "".join(_letter_cell(byte, letters[byte]) for byte in range(high, high + 16))
        name = f'<th style="{_CELL}; color: #555555; font-weight: normal">{high:02x}</th>'
        rows.append(f'<tr style="background-color: transparent">{name}{cells}</tr>')
    lines = [f"{n:02x}  " + " ".join(letters[byte] for byte in range(n, n + 16)) for n in range(0, 256, 16)]
    table = f'<table style="border-collapse: collapse">{"".join(rows)}</table>'
    return Html(f'<div style="overflow-x: auto">{table}</div>', "\n".join(lines))


_CELL = "text-align: center; padding: 1px 6px; font-family: monospace; font-size: 0.9em"


def _letter_cell(byte: int, letter: str) -> str:
    back = "#ffffff" if letter == chr(byte) else "#fde3b3"
    look = f"{_CELL}; border: 1px solid #c8c8c4; color: #1a1a1a; background-color: {back}"
    return f'<td title="byte {byte}" style="{look}">{html.escape(letter)}</td>'


# Files ------------------------------------------------------------------------------------------------------


@checked("rows")
def weights_file(
    name: str, rows: Sequence[Sequence[float]], header_bytes: int, item_bytes: int = 4, ax: Any = None
) -> Any:
    """The bytes of a safetensors file with one matrix, and the matrix that is read from them. Gives the Axes.

    Shapes: rows (R, C). Units: bytes.

    >>> weights_file("w", [[1.0, 2.0], [3.0, 4.0]], 64).course_alt
    'A file in three parts: 8 bytes, 64 bytes of header, 16 bytes of numbers: 1 2 3 4. They become w (2, 2).'
    """
    R, C = len(rows), len(rows[0])
    if any(len(row) != C for row in rows):
        raise ValueError("weights_file got rows of different lengths; give a matrix (R, C).")
    for what, value in (("header_bytes", header_bytes), ("item_bytes", item_bytes)):
        whole("weights_file", what, value)
    numbers = [f"{value:.4g}" for row in rows for value in row]
    high = 3.4 * R + 14
    ax = canvas(ax, 52 + 5 * len(numbers), high)
    top, after = high - 6.5, 44.0
    cells(ax, (2, top), [f"{header_bytes}"], [TINTS[0]], (10, 3.8))
    cells(ax, (12, top), ["name, kind, shape, from where to where"], [TINTS[1]], (32, 3.8))
    middles = cells(ax, (after, top), numbers, [TINTS[2 + i // C % 2] for i in range(R * C)], (5, 3.8))
    sizes = ((7, "8 bytes"), (28, f"header: {header_bytes} bytes"))
    for x, label in (*sizes, (sum(middles) / len(middles), f"numbers: {R * C * item_bytes} bytes")):
        note(ax, (x, top + 5.1), label, 9)
    left = after + 2.5 * (len(numbers) - C)
    for row in range(R):
        own, bottom = slice(row * C, row * C + C), 3.4 * (R - row - 1) + 3
        cells(ax, (left, bottom), numbers[own], [TINTS[2 + row % 2]] * C, (5, 3.4))
    middle = left + 2.5 * C
    arrow(ax, (28, top - 0.3), (left - 0.6, 3 + 1.7 * R))
    arrow(ax, (middle, top - 0.3), (middle, 3.4 * R + 3.4))
    note(ax, (middle, 1.2), f"{name} ({R}, {C})")
    ax.course_alt = (
        f"A file in three parts: 8 bytes, {header_bytes} bytes of header, {R * C * item_bytes} bytes of "
        f"numbers: {' '.join(numbers)}. They become {name} ({R}, {C})."
    )
    return ax


@checked()
def coded_byte(scale: float, least: float, byte: int, ax: Any = None) -> Any:
    """A block of 20 bytes, of which one is taken apart into two codes, and the numbers that they mean. Gives
    the Axes.

    >>> coded_byte(0.5, -4.0, 0x1F).course_alt[-69:]
    '1f: its lower half, 15, means 3.5, and its upper half, 1, means -3.5.'
    """
    whole("coded_byte", "byte", byte, 0, 255)
    ax = canvas(ax, 94, 29)
    cells(ax, (2, 21), [f"{scale:.4g}", f"{least:.4g}"], [TINTS[0], TINTS[1]], (8, 3.8))
    middles = cells(ax, (18, 21), [f"{byte:02x}", *[""] * 15], [TINTS[2]] + ["white"] * 15, (4.6, 3.8))
    words = ((6, "scale\n2 bytes"), (14, "least\n2 bytes"), (sum(middles) / 16, "32 codes in 16 bytes"))
    for x, label in words:
        note(ax, (x, 26.8), label, 8.5)
    told = []
    for code, what, bottom in ((byte >> 4, "upper", 2.0), (byte & 15, "lower", 9.0)):
        means = f"{scale * code + least:.4g}"
        cells(ax, (32, bottom), [f"{code:04b}", str(code)], [TINTS[2]] * 2, (8, 3.8))
        note(ax, (31, bottom + 1.9), f"{what} half", 8.5, "right")
        arrow(ax, (middles[0], 20.6), (22, bottom + 1.9))
        arrow(ax, (48.4, bottom + 1.9), (57.6, bottom + 1.9))
        note(ax, (58, bottom + 1.9), f"{scale:.4g} · {code} + ({least:.4g}) = {means}", align="left")
        told.insert(0, f"its {what} half, {code}, means {means}")
    ax.course_alt = (
        f"A block: scale {scale:.4g}, least {least:.4g}, and 16 bytes with two codes each. The first is "
        f"{byte:02x}: {', and '.join(told)}."
    )
    return ax


# Charts -----------------------------------------------------------------------------------------------------


@checked()
def difference_bars(
    differences: Mapping[str, float], shares: Mapping[str, float], tolerance: float, ax: Any = None
) -> Any:
    """The largest difference of logits in each trial as a bar, beside a line of tolerance. Gives the Axes.

    `shares` says for how many of the places both would choose the same token. The axis is logarithmic; a
    difference of 0 is drawn at its left end.

    >>> difference_bars({"a": 1e-6}, {"a": 1.0}, 1e-5).course_alt
    'Largest difference of the logits. a: 1e-06, same token at 100%. The tolerance is 1e-05.'
    """
    has_all("difference_bars", "shares", shares, differences)
    between("difference_bars", "shares", shares.values())
    number("difference_bars", "tolerance", tolerance, "a number above 0", lambda x: 0 < x < math.inf)
    for name, value in differences.items():
        number("difference_bars", f"differences[{name!r}]", value, "0 or more", lambda x: 0 <= x < math.inf)
    ax = axes_for(ax, (8.6, 0.52 * len(differences) + 1.0))
    low = min([tolerance, *filter(None, differences.values())]) / 10
    for y, (name, value) in enumerate(differences.items()):
        colour, hatch = (BLUE, "") if value < tolerance else (ORANGE, "//")
        ax.barh(y, max(value, low), 0.6, color=colour, hatch=hatch, edgecolor="white")
        words = f"{value:.0e}, same token at {shares[name]:.0%}"
        ax.text(max(value, low) * 1.3, y, words, va="center", bbox=_WHITE, zorder=3)
    ax.axvline(tolerance, color=INK, lw=1.4, ls=(0, (5, 3)), zorder=2)
    ax.text(tolerance, -0.75, "tolerance", ha="center", va="bottom", fontsize=9, color=INK)
    largest = max([tolerance, *differences.values()])
    ax.set(
        xlim=(low, largest * 10 ** (0.45 * math.log10(largest / low))), ylim=(len(differences) - 0.5, -0.7)
    )
    ax.set_xscale("log")  # after the limits, which a single difference wouldn't give
    ax.set_yticks(range(len(differences)), list(differences))
    ax.set_xlabel("largest difference of the logits")
    ax.spines[["top", "right"]].set_visible(False)
    told = " ".join(f"{n}: {v:.0e}, same token at {shares[n]:.0%}." for n, v in differences.items())
    ax.course_alt = f"Largest difference of the logits. {told} The tolerance is {tolerance:.0e}."
    return ax


@checked("limits")
def memory_lines(
    bits: Mapping[str, int], models: Mapping[str, float], limits: Mapping[str, float], ax: Any = None
) -> Any:
    """Memory over parameters, a line for each kind of number, with models and limits marked. Gives the Axes.

    Units: bits per number (bits), parameters (models), gigabytes (limits).

    >>> ax = memory_lines({"half": 16}, {"small": 1e9}, {"laptop": 16.0})
    >>> ax.course_alt
    'Memory of the weights. small: 2 GB as half. Limits: laptop 16 GB.'
    """
    if len(bits) > len(_LINES):
        raise wrong("memory_lines", "bits", bits, f"at most {len(_LINES)} kinds of number")
    for name, value in (*bits.items(), *models.items(), *limits.items()):
        number("memory_lines", f"size of {name!r}", value, "a number above 0", lambda x: 0 < x < math.inf)
    ax = axes_for(ax, (8.6, 4.2))
    sizes = [min(models.values()) / 2, max(models.values()) * 2]
    for (name, wide), (colour, marker) in zip(bits.items(), _LINES, strict=False):
        ax.plot(sizes, [_gigabytes(n, wide) for n in sizes], color=colour, lw=1.6)
        marks = [_gigabytes(n, wide) for n in models.values()]
        ax.plot(list(models.values()), marks, marker, color=colour, ms=6, label=f"{name}: {wide} bits each")
    for name, limit in limits.items():
        ax.axhline(limit, color=INK, lw=1.2, ls=(0, (5, 3)))
        ax.text(sizes[0] * 1.15, limit * 1.15, f"{name}: {limit:g} GB", fontsize=9, color=INK)
    for n in models.values():
        ax.axvline(n, color=GREY, lw=0.6, ls=":")
    ax.set(xscale="log", yscale="log", xlim=sizes, ylabel="gigabytes")
    ax.set_xticks(list(models.values()), list(models), fontsize=9)
    ax.set_xticks([], minor=True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    told = [f"{' '.join(m.split())}: {_amounts(n, bits)}." for m, n in models.items()]
    told.append(f"Limits: {', '.join(f'{name} {limit:g} GB' for name, limit in limits.items())}.")
    ax.course_alt = f"Memory of the weights. {' '.join(told)}"
    return ax


def _amounts(parameters: float, bits: Mapping[str, int]) -> str:
    return ", ".join(f"{_gigabytes(parameters, wide):.3g} GB as {name}" for name, wide in bits.items())


def _gigabytes(parameters: float, bits: int) -> float:
    return parameters * bits / 8 / _GIGA
