"""What every tokenizer does, whatever its tokens are: special tokens, streams in and out, decoding.

`course_lib.tokens` holds the tokenizers themselves, which add how plain text becomes ids.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from reprlib import repr as brief
from types import MappingProxyType
from typing import Any

from course_lib.arguments import check_instance, flag, is_several, shown, whole_number
from course_lib.data import END_OF_TEXT
from course_lib.tokens.special import Finder, names_of
from course_lib.tokens.texts import check_text, known_errors


class Tokenizer:
    """What the tokenizers share: a list of tokens as bytes, special tokens, decoding, streaming.

    >>> from course_lib.tokens import CharTokenizer
    >>> tokenizer = CharTokenizer.train("cab")  # a = 0, b = 1, c = 2, end of text = 3
    >>> tokenizer.vocab_size, tokenizer.end_id, tokenizer.token_bytes(2), tokenizer.decode([1, 0])
    (4, 3, b'c', 'ba')
    """

    _tokens: list[bytes]
    special_tokens: dict[str, int]
    added_tokens: Mapping[str, int] = MappingProxyType({})  # found by their names in every text

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
        if isinstance(names, str) and names == "all":
            return list(self.special_tokens)
        names = [names] if isinstance(names, str) else names_of(names, "allowed_special")
        for name in names:
            if name not in self.special_tokens:
                known = ", ".join(self.special_tokens) or "none"
                raise ValueError(
                    f"allowed_special names {shown(name)}, which is not a special token here; there are: "
                    f"{known}."
                )
        return names

    def _encode_parts(self, text: str, allowed: Sequence[str], final: bool) -> tuple[list[int], int]:
        """The ids of the part of `text` that is decided (if `final`, all of it), and where that part ends."""
        if not allowed and not self.added_tokens:
            return self._encode_plain(text, 0, len(text), final)
        ids: list[int] = []
        finder = self.finder(allowed)
        start, end = 0, len(text) if final else finder.decided(text, 0)
        for name, first, last in finder.found(text):
            if first >= end:
                break
            ids += self._encode_plain(text, start, first, True)[0]
            ids.append(finder.ids[name])
            start = last
            if start > end:
                end = finder.decided(text, start)
        plain, decided = self._encode_plain(text, start, end, final)
        return ids + plain, decided

    def finder(self, allowed: Sequence[str]) -> Finder:
        """What finds these special tokens in a text, and the added ones."""
        return Finder(
            {name: self.special_tokens[name] for name in self._allowed(allowed)} | self.added_tokens
        )

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
            f"Token id {shown(listed[place])} is no whole number; needed a flat list of them, 0 to "
            f"{size - 1}."
        )
    raise ValueError(
        f"Token id {shown(numbers[place])} is not in this vocabulary of {size} tokens (0 to {size - 1}); "
        "decode ids with the tokenizer that made them."
    )


def _several(ids: Any, size: int) -> Iterable[Any]:
    listed = ids.tolist() if hasattr(ids, "tolist") else ids
    if isinstance(listed, str | bytes | Mapping) or not isinstance(listed, Iterable):
        raise ValueError(_no_list(ids, size))
    return listed


def _no_list(ids: Any, size: int) -> str:
    said = " ".join(brief(ids).split())
    return f"Got {said}, needed one flat list of token ids, e.g. [{size - 1}]."


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
