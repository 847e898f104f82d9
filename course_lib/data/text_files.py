"""Text files as bytes: decodes UTF-8, and says of anything else in one sentence what it is and how to convert
it.

Knows encodings, by their bytes alone; does not know corpora. Nothing is guessed silently: text in another
encoding is refused with a guess, since a wrong guess would put nonsense into a corpus.
"""

from __future__ import annotations

import codecs

_BINARY_STARTS = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a zip archive, as .docx, .xlsx, .epub and .zip are",
    b"\x1f\x8b": "a gzip archive",
    b"\xd0\xcf\x11\xe0": "an old Word or Excel file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"SQLite format 3": "a SQLite database",
}
_LOOK_AT = 1 << 20  # bytes; enough to tell encodings apart


def decode_text(content: bytes, name: str) -> str:
    """The text of a file's bytes in UTF-8, with or without a byte order mark.

    Raises: ValueError if they are not, with the place, the likely encoding, and how to convert the file.

    >>> decode_text("\\ufeffGrüße".encode(), "a.txt")
    'Grüße'
    >>> decode_text("你好，世界。".encode("gb18030"), "b.txt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: b.txt is not UTF-8: byte 0 (0xC4, line 1) fits no character, and it looks like gb18030; ...
    """
    kind = next((kind for start, kind in _BINARY_STARTS.items() if content.startswith(start)), None)
    if kind:
        raise ValueError(
            f"{name} is {kind}, not plain text; open it in its program and save it as text in UTF-8."
        )
    utf16 = _utf16(content)
    if utf16:
        raise ValueError(
            f"{name} is not UTF-8: it looks like {utf16}; convert it with {_how_to_convert(name, utf16)}"
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
    guess = _likely_encoding(content)
    if guess is None:
        return f"{name} is not UTF-8: {place}; open it where it comes from and save it as text in UTF-8."
    how = _how_to_convert(name, guess)
    return f"{name} is not UTF-8: {place}, and it looks like {guess}; convert it with {how}"


def _how_to_convert(name: str, encoding: str, options: str = "") -> str:
    stem, dot, suffix = name.rpartition(".")
    new = f"{stem}-utf8.{suffix}" if dot else f"{name}-utf8"
    read = f"pathlib.Path({name!r}).read_text(encoding={encoding!r}{options})"
    return f"pathlib.Path({new!r}).write_text({read}, encoding='utf-8')."


def _utf16(content: bytes) -> str | None:
    """The UTF-16 or UTF-32 that the bytes look like: by their mark, or since every other byte of plain
    letters is 0."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = [content[start:_LOOK_AT:2].count(0) / max(1, len(content[start:_LOOK_AT:2])) for start in (0, 1)]
    if max(zeros) > 0.4 and min(zeros) < 0.1:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return None


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


def _likely_encoding(content: bytes) -> str | None:
    """gb18030 for Chinese, cp1252 for Western European text, or None.

    Chinese: the bytes come in pairs whose second is mostly no ASCII letter, and stand for Chinese characters.
    Western: some letters with accents or quotes among many plain ones.
    """
    sample = content[:_LOOK_AT]
    wide = [character for character in _decoded(sample, "gb18030") if character > "\x7f"]
    chinese = sum(
        "\u3000" <= character <= "\u9fff" or "\uff00" <= character <= "\uffef" for character in wide
    )
    high = sum(byte > 0x7F for byte in sample)
    if wide and chinese > 0.9 * len(wide) and high > 1.5 * len(wide):
        return "gb18030"
    letters = sum(character.isalpha() for character in _decoded(sample, "cp1252"))
    return "cp1252" if high < 0.3 * letters else None


def _decoded(sample: bytes, encoding: str) -> str:
    """The text in this encoding, or nothing if it cannot be; a character cut off at the end does not
    matter."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return ""
