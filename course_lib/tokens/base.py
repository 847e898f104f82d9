"""What every tokenizer does, whatever its tokens are: special tokens, streams in and out, decoding.

`course_lib.tokens` holds the tokenizers themselves, which add how plain text becomes ids.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from reprlib import repr as brief
from typing import Any

import regex

from course_lib.arguments import check_instance, flag, is_several, whole_number, wrong
from course_lib.data import END_OF_TEXT


class Tokenizer:
    """What the tokenizers share: a list of tokens as bytes, special tokens, decoding, streaming.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("cab")  # a = 0, b = 1, c = 2, end of text = 3
    >>> tokenizer.vocab_size, tokenizer.end_id, tokenizer.token_bytes(2), tokenizer.decode([1, 0])
    (4, 3, b'c', 'ba')
    """

    _tokens: list[bytes]
    special_tokens: dict[str, int]

    @property
    def vocab_size(self) -> int:
        """How many different ids there are; they run from 0 to `vocab_size - 1`."""
        return len(self._tokens)

    @property
    def end_id(self) -> int:
        """The id of the token that ends a document, <|endoftext|>."""
        if END_OF_TEXT not in self.special_tokens:
            raise ValueError(
                f"This tokenizer lacks {END_OF_TEXT!r}; make one with special_tokens=[{END_OF_TEXT!r}]."
            )
        return self.special_tokens[END_OF_TEXT]

    def token_bytes(self, id: int) -> bytes:
        """The bytes a token stands for; a token may be a part of a character."""
        return self._tokens[flat_ids([id], self.vocab_size)[0]]

    def encode(self, text: str, allowed_special: Collection[str] | str = ()) -> list[int]:
        """The ids of a text.

        The name of a special token inside the text is plain text, so that nobody can forge one, unless it is
        listed in `allowed_special` (or that is "all").

        Raises: ValueError for an unknown name in `allowed_special`, and for text that is not valid Unicode.
        """
        check_text(text)
        return self._encode_parts(text, self._allowed(allowed_special), True)[0]

    def encode_iterable(
        self, chunks: Iterable[str], allowed_special: Collection[str] | str = ()
    ) -> Iterator[int]:
        """The ids of a text that comes in pieces, such as a file larger than memory: those of encoding it
        whole.

        A piece may end anywhere, even inside a word or a special token: the end that could still change is
        held back until more has come. (With a pattern of your own this is exact if at most two characters
        after the end of a match can change it, as is so for GPT-2's.)

        >>> from course_lib.tokens import BPETokenizer
        >>> tokenizer = BPETokenizer.train("the cat, the hat", 300)
        >>> list(tokenizer.encode_iterable(["th", "e c", "at"])) == tokenizer.encode("the cat")
        True
        """
        allowed = self._allowed(allowed_special)
        if not is_several(chunks) or isinstance(chunks, bytes):
            raise ValueError(f"Got {type(chunks).__name__}, needed a text in pieces, e.g. an open text file.")
        held, fresh, fresh_length = "", [], 0
        for chunk in chunks:
            check_text(chunk)
            fresh.append(chunk)
            fresh_length += len(chunk)
            if fresh_length > len(held):  # reading the held part again is worth it once the text has doubled
                text = held + "".join(fresh)
                ids, decided = self._encode_parts(text, allowed, False)
                yield from ids
                held, fresh, fresh_length = text[decided:], [], 0
        yield from self._encode_parts(held + "".join(fresh), allowed, True)[0]

    def decode(self, ids: Iterable[int], errors: str = "replace", skip_special: bool = False) -> str:
        """The text of some ids; bytes that are no valid UTF-8 (half a character, say) become U+FFFD.

        `errors` is that of `bytes.decode`; `skip_special` leaves special tokens out.

        Raises: ValueError for an id outside the vocabulary, and with errors="strict" for invalid UTF-8.
        """
        return b"".join(self._pieces_of(ids, skip_special)).decode("utf-8", known_errors(errors))

    def decode_stream(self, ids: Iterable[int], skip_special: bool = False) -> Iterator[str]:
        """The text of ids that are still being written, in pieces, each as soon as its characters are
        complete.

        >>> from course_lib.tokens import BPETokenizer
        >>> tokenizer = BPETokenizer([])  # every byte is a token, so 你 comes in three
        >>> list(tokenizer.decode_stream(tokenizer.encode("a你b")))
        ['a', '你', 'b']
        """
        decoder = StreamDecoder(self, skip_special)
        for id in _several(ids, self.vocab_size):
            if piece := decoder.push(id):
                yield piece
        if piece := decoder.finish():
            yield piece

    def _pieces_of(self, ids: Iterable[int], skip_special: bool) -> list[bytes]:
        skipped = set(self.special_tokens.values()) if flag("decode", "skip_special", skip_special) else ()
        return [self._tokens[id] for id in flat_ids(ids, self.vocab_size) if id not in skipped]

    def _allowed(self, names: Collection[str] | str) -> list[str]:
        if names == "all":
            return list(self.special_tokens)
        names = [names] if isinstance(names, str) else names_of(names, "allowed_special")
        for name in names:
            if name not in self.special_tokens:
                known = ", ".join(self.special_tokens) or "none"
                raise ValueError(
                    f"allowed_special names {name!r}, which is not a special token here; there are: {known}."
                )
        return names

    def _encode_parts(self, text: str, allowed: Sequence[str], final: bool) -> tuple[list[int], int]:
        """The ids of the part of `text` that is decided (if `final`, all of it), and where that part ends."""
        ids: list[int] = []
        start, end = 0, len(text) if final else _possible_special(text, 0, allowed)
        for match in _special_pattern(allowed).finditer(text) if allowed else ():
            if match.start() >= end:
                break
            ids += self._encode_plain(text, start, match.start(), True)[0]
            ids.append(self.special_tokens[match.group()])
            start = match.end()
            if start > end:
                end = _possible_special(text, start, allowed)
        plain, decided = self._encode_plain(text, start, end, final)
        return ids + plain, decided

    def _encode_plain(self, text: str, start: int, end: int, final: bool) -> tuple[list[int], int]:
        """The same for `text[start:end]`, in which nothing is special."""
        raise NotImplementedError


def flat_ids(ids: Any, size: int) -> list[int]:
    """The ids as a list of int, if all are in a vocabulary of this size.

    They may come as a list, an array or a tensor, each of them as any kind of whole number.

    Raises: ValueError for anything else.

    >>> flat_ids((3, 2.0), size=4)
    [3, 2]
    """
    listed = list(_several(ids, size))
    numbers = [id if type(id) is int else whole_number(id) for id in listed]
    if not numbers or (None not in numbers and 0 <= min(numbers) and max(numbers) < size):
        return numbers
    place = next(i for i, number in enumerate(numbers) if number is None or not 0 <= number < size)
    if numbers[place] is None:
        if isinstance(listed[place], list | tuple) or getattr(listed[place], "ndim", 0):
            raise ValueError(_no_list(ids, size))
        raise ValueError(
            f"Token id {listed[place]!r} is no whole number; needed a flat list of them, 0 to {size - 1}."
        )
    raise ValueError(
        f"Token id {numbers[place]} is not in this vocabulary of {size} tokens (0 to {size - 1}); "
        "decode ids with the tokenizer that made them."
    )


def _several(ids: Any, size: int) -> Iterable[Any]:
    listed = ids.tolist() if hasattr(ids, "tolist") else ids
    if isinstance(listed, str | bytes | Mapping) or not isinstance(listed, Iterable):
        raise ValueError(_no_list(ids, size))
    return listed


def _no_list(ids: Any, size: int) -> str:
    return f"Got {brief(ids)}, needed one flat list of token ids, e.g. [{size - 1}]."


class StreamDecoder:
    """Decodes ids one at a time and gives text out only in whole characters.

    >>> from course_lib.tokens import BPETokenizer
    >>> tokenizer = BPETokenizer([])
    >>> decoder = StreamDecoder(tokenizer)
    >>> [decoder.push(id) for id in tokenizer.encode("好!")]
    ['', '', '好', '!']
    """

    def __init__(self, tokenizer: Tokenizer, skip_special: bool = False):
        check_instance("StreamDecoder", "tokenizer", tokenizer, Tokenizer, "a tokenizer of course_lib.tokens")
        self._tokenizer = tokenizer
        self._skip_special = flag("StreamDecoder", "skip_special", skip_special)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, id: int) -> str:
        """The characters that this id completes, possibly none. Raises: ValueError for an unknown id."""
        return self._decoder.decode(b"".join(self._tokenizer._pieces_of([id], self._skip_special)))

    def finish(self) -> str:
        """What is left when no more ids come: U+FFFD for an incomplete character, else nothing."""
        return self._decoder.decode(b"", final=True)


def check_text(text: str) -> None:
    """Raises ValueError unless `text` is a str that UTF-8 can write.

    >>> check_text("half of an emoji: \\ud83d")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: The character at position 18 is U+D83D, half of a surrogate pair; mend it with ...
    """
    if not isinstance(text, str):
        how = {bytes: "; bytes become text by .decode('utf-8')", list: "; take one text after the other"}
        raise ValueError(f"Got {type(text).__name__}, needed text as a str{how.get(type(text), '')}.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The character at position {error.start} is U+{ord(text[error.start]):04X}, half of a surrogate "
            "pair; mend it with text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')."
        ) from None


def known_errors(name: str) -> str:
    """The name of a way to treat bytes that are no text, if Python knows it.

    >>> known_errors("maybe")
    Traceback (most recent call last):
    ValueError: decode got errors='maybe'; it must be one of replace, strict, ignore, backslashreplace.
    """
    try:
        codecs.lookup_error(name)
    except (LookupError, TypeError, ValueError):
        raise wrong("decode", "errors", name, "one of replace, strict, ignore, backslashreplace") from None
    return name


def texts_of(text: Any) -> Iterable[str]:
    """A text, or several, as several.

    Raises: ValueError for what is neither.

    >>> texts_of("one"), texts_of(("one", "two"))
    (('one',), ('one', 'two'))
    """
    if isinstance(text, str):
        return (text,)
    if isinstance(text, bytes | Mapping) or not is_several(text):
        raise ValueError(f"Got {type(text).__name__}, needed a text as a str, or a list of texts.")
    return text


def names_of(names: Any, what: str) -> list[str]:
    """The names of special tokens as a list; `what` is the argument that has them.

    Raises: ValueError for what is no list of str, as for one str, which would be taken letter by letter.

    >>> names_of(("<end>",), "special_tokens")
    ['<end>']
    """
    if isinstance(names, str | bytes) or not is_several(names):
        wrong = [names]
    else:
        names = list(names)
        wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise ValueError(f"{what} got {brief(wrong[0])}, needed a list of names, e.g. [{END_OF_TEXT!r}].")
    return names


def _possible_special(text: str, start: int, names: Collection[str]) -> int:
    """Where a special token, or a longer one, may have begun that ends in what is still to come; else the
    text's end."""
    longest = max(map(len, names), default=0)
    for position in range(max(start, len(text) - longest + 1), len(text)):
        tail = text[position:]
        if any(name.startswith(tail) for name in names):
            return position
    return len(text)


def _special_pattern(names: Collection[str]) -> regex.Pattern:
    longest_first = sorted(names, key=len, reverse=True)  # where two of them match, the longer is meant
    return regex.compile("|".join(map(regex.escape, longest_first)))


def without_specials(text: str, names: list[str]) -> list[str]:
    """What stands before, between and after the special tokens in a text.

    >>> without_specials("Mia ran.<|endoftext|>Tom sat.", ["<|endoftext|>"])
    ['Mia ran.', 'Tom sat.']
    """
    return _special_pattern(names).split(text) if names else [text]


def check_names(names: list[str], ordinary: Iterable[str]) -> None:
    """Raises ValueError unless special tokens can be told from each other and from ordinary tokens, also in a
    file.

    >>> check_names(["<end>", "the"], ordinary=["cat", "the"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: Got the special tokens ['<end>', 'the'], needed different names that no ordinary token ...
    """
    for name in names:
        check_text(name)
    if len(set(names)) < len(names) or not {"", *ordinary}.isdisjoint(names):
        raise ValueError(
            f"Got the special tokens {brief(names)}, needed different names that no ordinary token has, "
            f"such as {END_OF_TEXT!r}."
        )
