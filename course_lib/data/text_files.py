"""Text files as bytes: decodes UTF-8, and says of anything else in one sentence what it is and how to convert
it.

Knows files by their bytes alone; does not know corpora. Nothing is guessed silently: text in another encoding
is refused with the likeliest encodings and how it would read in each, since a wrong guess would put nonsense
into a corpus. The guesses are those of charset-normalizer.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from course_lib.arguments import check_instance

_BINARY_STARTS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive, as .docx, .xlsx, .epub and .zip are",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
    b"{\\rtf": "an RTF document",
    b"%!PS": "a PostScript document",
    b"\xd0\xcf\x11\xe0": "an old Word or Excel file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"SQLite format 3": "a SQLite database",
}
_LOOK_AT = 1 << 20  # bytes; enough to tell encodings apart
_NAMED = 6  # encodings, the likeliest first
_SHOWN = 20  # characters of the text, as it would read in an encoding
# Of encodings in which a text reads the same, the one that has most other characters, and the commonest name.
_WIDER = {
    **dict.fromkeys(("gb2312", "gbk", "hz"), "gb18030"),
    **dict.fromkeys(("euc_kr", "johab"), "cp949"),
    **dict.fromkeys(("shift_jis", "shift_jis_2004", "shift_jisx0213"), "cp932"),
    **dict.fromkeys(("euc_jis_2004", "euc_jisx0213"), "euc_jp"),
    **dict.fromkeys(("big5", "cp950"), "big5hkscs"),
    **dict.fromkeys(("iso8859_1", "latin_1", "iso8859_15"), "cp1252"),
}
_COMMON = (
    *(
        "gb18030",
        "cp949",
        "cp932",
        "euc_jp",
        "big5hkscs",
        "cp1252",
        "cp1250",
        "iso8859_2",
        "cp1251",
        "koi8_r",
    ),
    *("cp1253", "iso8859_7", "cp1254", "cp1255", "cp1256", "cp874", "utf_16_le", "utf_16_be"),
)
_ALSO = 10  # so many of these are always tried, since short texts tell little
# Frequent in Chinese, Japanese and Korean; what is decoded wrongly hardly ever has them.
_FREQUENT = frozenset(
    "的一是不了在人有我他这個个们們来來到时時大地为為子中你说說生国國年着著就那和要她出也得里裡后後自以会會好看去"
    "のはをにがとでたしてれるいかなもっこまんすだらよう"
    "이다는을에의가고하한를은도지로사기나어아있리그서자들시것인수해대"
    "，。、：；？！“”「」"
)
# How encodings that stay within ASCII change their letters.
_SEVEN_BITS = {
    "iso2022_jp": (b"\x1b$B", b"\x1b$@", b"\x1b(J"),
    "iso2022_kr": (b"\x1b$)C",),
    "hz": (b"~{",),
    "utf-7": (b"+",),
}


def decode_text(content: bytes, name: str) -> str:
    """The text of a file's bytes in UTF-8, with or without a byte order mark.

    Raises: ValueError if they are not, with the place, the likely encoding, and how to convert the file.

    >>> decode_text("\\ufeffGrüße".encode(), "a.txt")
    'Grüße'
    >>> decode_text("你好，世界。".encode("gb18030"), "b.txt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: b.txt is not UTF-8: byte 0 (0xC4, line 1) fits no character, and it looks like gb18030 (...
    """
    check_instance("decode_text", "content", content, bytes, "the bytes of a file, Path(name).read_bytes()")
    begins = content[:100].lstrip()
    kind = next((kind for start, kind in _BINARY_STARTS.items() if begins.startswith(start)), None)
    if kind:
        raise ValueError(
            f"{name} is {kind}, not plain text; open it in its program and save it as text in UTF-8."
        )
    wide = _utf16(content) or _seven_bits(content)
    if wide:
        raise ValueError(
            f"{name} is not UTF-8: it looks like {wide}; convert it with {_how_to_convert(name, wide)}"
        )
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(_what_is_wrong(content, name, error)) from None
    if _share_of_controls(content) > 0.1:
        raise ValueError(
            f"{name} is a binary file, not text (its bytes are mostly no characters); give a plain text file."
        )
    return text


def _what_is_wrong(content: bytes, name: str, error: UnicodeDecodeError) -> str:
    """One sentence about bytes that are not UTF-8."""
    if _share_of_controls(content) > 0.01:
        return f"{name} is a binary file, not text; give a plain text file."
    line = content.count(b"\n", 0, error.start) + 1
    place = f"byte {error.start} (0x{content[error.start]:02X}, line {line}) fits no character"
    if _is_damaged_utf8(content, error):
        how = _how_to_convert(name, "utf-8", ", errors='replace'")
        return f"{name} is UTF-8 with damage: {place}; get the file again, or mark the places with {how}"
    guesses = list(_likely_encodings(content))
    if not guesses:
        return f"{name} is not UTF-8: {place}; open it where it comes from and save it as text in UTF-8."
    how = _how_to_convert(name, guesses[0][0], _if_damaged(content, guesses[0][0]))
    if len(guesses) == 1:
        return f"{name} is not UTF-8: {place}, and it looks like {guesses[0][0]}; convert it with {how}"
    readings = " or ".join(f"{encoding} ({reading!r})" for encoding, reading in guesses)
    return (
        f"{name} is not UTF-8: {place}, and it looks like {readings}: "
        f"take the one that reads right, and convert it with {how}"
    )


def _how_to_convert(name: str, encoding: str, options: str = "") -> str:
    path = Path(name)
    new = path.with_name(f"{path.stem}-utf8{path.suffix}")
    read = f"pathlib.Path({name!r}).read_text(encoding={encoding!r}{options})"
    return f"pathlib.Path({str(new)!r}).write_text({read}, encoding='utf-8')."


def _if_damaged(content: bytes, encoding: str) -> str:
    """What to add where some bytes, as at the end of a file that was cut, are no characters there either."""
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return ", errors='replace'"
    return ""


def _utf16(content: bytes) -> str | None:
    """The UTF-16 or UTF-32 that the bytes look like: by their mark, or since every other byte of plain
    letters is 0."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = content[:_LOOK_AT]
    zeros = [sample[start::2].count(0) / max(1, len(sample[start::2])) for start in (0, 1)]
    if max(zeros) > 0.4 and min(zeros) < 0.1:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    if zeros[0] != zeros[1] or _share_of_controls(content) > 0.01:  # other letters, with spaces or line ends
        return next((name for name in ("utf-16-le", "utf-16-be") if _reads_as_one_script(sample, name)), None)
    return None


def _seven_bits(content: bytes) -> str | None:
    """The encoding of a file that looks like plain ASCII, though its letters are others."""
    for name, marks in _SEVEN_BITS.items():
        if not any(mark in content for mark in marks):
            continue
        if name.startswith("iso2022"):
            return name
        text = _decoded(content, name) if content.isascii() else ""
        if _reads_as_prose(text) or (text and _unlikeliness(text)[0] < 0):
            return name
    return None


def _reads_as_prose(text: str) -> bool:
    """Whether what is not ASCII is Latin, Greek or Cyrillic, with quotation marks and dashes."""
    wide = [character for character in text if character > "\x7f"]
    letters = sum(character.isalpha() and character < "\u0530" for character in wide)
    near = sum(character < "\u0530" or "\u2000" <= character < "\u2070" for character in wide)
    return near == len(wide) < 2 * letters


def html_page(text: str) -> bool:
    """Whether a text is the source of a web page, by how it begins.

    >>> html_page("<!DOCTYPE html><title>Hi</title>"), html_page("<html> begins a page.")
    (True, True)
    """
    return (
        re.match(r"\s*(<\?xml[^>]*>|<!--.*?-->|\s)*<(!doctype\s+html|html)\b", text, re.I | re.S) is not None
    )


def _reads_as_one_script(sample: bytes, encoding: str) -> bool:
    """Whether nearly all characters are letters near each other in Unicode, or signs and spaces of them."""
    text = _decoded(sample, encoding)
    letters = [ord(character) for character in text if character.isalpha() and character > "\x7f"]
    if len(sample) % 2 or not letters or any(0xE000 <= letter < 0xF900 for letter in letters):
        return False
    plain = sum(character.isprintable() or character in "\t\n\r" for character in text)
    middle = sorted(letters)[len(letters) // 2]
    if middle >= 0x2E80 and _unlikeliness(text)[0] == 0:  # as any two bytes of English would give
        return False
    near = sum(abs(letter - middle) < 256 or min(letter, middle) >= 0x2E80 for letter in letters)
    return plain > 0.99 * len(text) and near > 0.95 * len(letters) > 0.4 * len(text)


def _share_of_controls(content: bytes) -> float:
    """How much of the bytes is control characters that plain text does not have."""
    sample = content[:_LOOK_AT]
    controls = bytes(byte for byte in (*range(32), 127) if byte not in b"\t\n\v\f\r\x1b")
    return (len(sample) - len(sample.translate(None, controls))) / max(1, len(sample))


def _is_damaged_utf8(content: bytes, error: UnicodeDecodeError) -> bool:
    """Whether nearly all is good UTF-8: other encodings give many more bad places than good characters."""
    bad = content.decode("utf-8", "replace").count("\ufffd")
    good = sum(character > "\x7f" for character in content.decode("utf-8", "ignore"))
    return good > 3 * bad or (bad == 1 and error.reason == "unexpected end of data")


def _likely_encodings(content: bytes) -> Iterator[tuple[str, str]]:
    """Some encodings in which the bytes read as text, the likeliest first, and how they begin there."""
    from charset_normalizer import from_bytes

    sample = content[:_LOOK_AT]
    sample = sample[: sample.rfind(b"\n") + 1] or sample  # not cut within a character
    found = [
        (
            *_unlikeliness(str(match), match.chaos),
            -round(match.coherence, 1),
            min(_rank(name) for name in (match.encoding, *match.could_be_from_charset)),
        )
        for match in from_bytes(sample)
    ]
    for name in _COMMON[:_ALSO]:
        text = _decoded(sample, name)
        if _reads_as_words(text) or (text and _unlikeliness(text)[0] < 0):
            found.append((*_unlikeliness(text), 0.0, _rank(name)))
    names = [name for *_, (_, name) in sorted(found)]
    seen: set[str] = set()
    for name in names:
        text = _decoded(sample, name)
        if text and text not in seen and len(seen) < _NAMED:
            seen.add(text)
            words = (word for word in text.split() if not word.isascii())
            yield name, " ".join(itertools.islice(words, _SHOWN))[:_SHOWN]


def _unlikeliness(text: str, chaos: float = 0.0) -> tuple[float, ...]:
    """How much of what is not ASCII is frequent in Chinese, Japanese or Korean; what charset-normalizer holds
    against the text; how much is letters: in tenths, and so that the likeliest sorts first.
    """
    wide = [character for character in text if character > "\x7f"] or [""]
    frequent, letters = (sum(map(test, wide)) / len(wide) for test in (_FREQUENT.__contains__, str.isalpha))
    return -round(frequent, 1), round(chaos, 1), -round(letters, 1)


def _rank(encoding: str) -> tuple[int, str]:
    """An encoding's place among the common ones, and the name of the one that has more characters."""
    name = _WIDER.get(encoding, encoding)
    return _COMMON.index(name) if name in _COMMON else len(_COMMON), name


def _reads_as_words(text: str) -> bool:
    """Whether what is not ASCII is Latin, Greek or Cyrillic letters, with small ones after the first."""
    wide = [character for character in text if character > "\x7f"]
    letters = sum(character.isalpha() and character < "\u0530" for character in wide)
    turned = sum(a.islower() and b.isupper() for a, b in itertools.pairwise(text))
    return letters > 0.8 * len(wide) > 0 and turned < 0.02 * len(text)


def _decoded(sample: bytes, encoding: str) -> str:
    """The text in this encoding, or nothing if it cannot be; a character cut off at the end does not
    matter."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return ""
