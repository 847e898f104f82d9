"""Tokenizers: text to token ids and back, by character or by byte-level byte-pair encoding (BPE) as in GPT-2.

A tokenizer turns any text into a list of small whole numbers and gives the same text back. This module trains
tokenizers, saves them in GPT-2's file format and reads GPT-2's own. It does not know torch, models or
corpora; the byte-pair algorithm itself is in `course_lib.tokens.bpe`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from reprlib import repr as brief

from course_lib.arguments import check_instance, is_several, many, whole_number
from course_lib.data import END_OF_TEXT
from course_lib.files import as_path
from course_lib.tokens.base import (
    StreamDecoder,
    Tokenizer,
    check_names,
    check_text,
    names_of,
    texts_of,
    without_specials,
)
from course_lib.tokens.bpe import LONG, byte_alphabet, learn_merges, merge_by_scanning, merge_with_heap
from course_lib.tokens.files import (
    is_strings,
    merges_text,
    read_json,
    read_merges,
    read_vocabulary,
    to_json,
    write_text,
    written,
)
from course_lib.tokens.pieces import GPT2_PATTERN, Cutter

__all__ = ["GPT2_PATTERN", "BPETokenizer", "CharTokenizer", "StreamDecoder"]

NO_TEXT = "A tokenizer can't be trained on an empty text; give it a text, or several, with something in it."
LOOKAHEAD = 2  # characters after its end that can still change a match of GPT2_PATTERN: "'r" becomes "'re"
CACHE_SIZE = 65_536  # pieces of text remembered with their ids
CACHED_LENGTH = 100  # characters; longer pieces hardly ever come back


class CharTokenizer(Tokenizer):
    """Every character of the training text is a token; special tokens come last.

    >>> tokenizer = CharTokenizer.train("hello")
    >>> tokenizer.encode("hole"), tokenizer.decode([1, 3, 2, 0]), tokenizer.vocab_size
    ([1, 3, 2, 0], 'hole', 5)
    """

    def __init__(self, characters: Iterable[str], special_tokens: Iterable[str] = (END_OF_TEXT,)):
        """A tokenizer for these characters, in this order.

        Raises: ValueError if a character comes twice or is not one character, or a special token is misnamed.
        """
        characters = list(characters) if is_several(characters) else [characters]
        single = all(isinstance(character, str) and len(character) == 1 for character in characters)
        if not single or len(set(characters)) < len(characters):
            raise ValueError(f"Got the characters {brief(characters)}, needed single characters, each once.")
        if not characters:
            raise ValueError(
                "CharTokenizer got no character; give it a text's, or use CharTokenizer.train(text)."
            )
        check_text("".join(characters))
        self._ids = {character: id for id, character in enumerate(characters)}
        names = names_of(special_tokens, "special_tokens")
        check_names(names, characters)
        self.special_tokens = {name: id for id, name in enumerate(names, start=len(characters))}
        self._tokens = [token.encode() for token in (*characters, *self.special_tokens)]

    @classmethod
    def train(
        cls, text: str | Iterable[str], special_tokens: Iterable[str] = (END_OF_TEXT,)
    ) -> CharTokenizer:
        """A tokenizer for the characters of a text, or of several; special tokens inside it do not count."""
        names = names_of(special_tokens, "special_tokens")
        found: set[str] = set()
        for item in texts_of(text):
            check_text(item)
            found.update(*without_specials(item, names))
        if not found:
            raise ValueError(NO_TEXT)
        return cls(sorted(found), names)

    def save(self, folder: str | Path) -> None:
        """Writes characters.json into a folder, which is made if need be."""
        content = {"characters": "".join(self._ids), "special_tokens": list(self.special_tokens)}
        write_text(as_path(folder) / "characters.json", to_json(content))

    @classmethod
    def load(cls, folder: str | Path) -> CharTokenizer:
        """The tokenizer that was saved in a folder. Raises: ValueError if the file is missing or damaged."""
        path = as_path(folder) / "characters.json"
        content = read_json(path)
        if not is_strings(content.get("special_tokens")) or not isinstance(content.get("characters"), str):
            raise ValueError(
                f"{path} is damaged: it lacks 'characters' or 'special_tokens'; save the tokenizer again."
            )
        try:
            return cls(content["characters"], content["special_tokens"])
        except ValueError as error:
            raise ValueError(f"{path} is damaged: {error}") from None

    def _encode_plain(self, text: str, start: int, end: int, final: bool) -> tuple[list[int], int]:
        try:
            return [self._ids[character] for character in text[start:end]], end
        except KeyError as error:
            character = error.args[0]
        position = text.index(character, start)
        raise ValueError(
            f"Character {character!r} (U+{ord(character):04X}) at position {position} is not one of the "
            f"{len(self._ids)} characters this tokenizer was trained on; train it on text that has it, or "
            "use a BPETokenizer, which can write any text."
        )

    def __repr__(self) -> str:
        return f"CharTokenizer({len(self._ids)} characters, {len(self.special_tokens)} special)"


class BPETokenizer(Tokenizer):
    """Byte-level byte-pair encoding as in GPT-2: any text can be written, common words are one token.

    The text is cut into pieces by `pattern`, a piece is spelled in UTF-8 bytes, and neighbours are joined in
    the order in which the merges were learned. Ids: the 256 bytes in GPT-2's order, then the merges (id = 256
    + rank), then the special tokens.

    Source: Sennrich et al. 2016 (arXiv:1508.07909); Radford et al. 2019, section 2.2.

    >>> tokenizer = BPETokenizer.train("the theme of the thesis", vocab_size=260)
    >>> tokenizer.merges
    [(b't', b'h'), (b'th', b'e'), (b' ', b'the')]
    >>> ids = tokenizer.encode("the 主题")
    >>> [tokenizer.token_bytes(id) for id in ids]
    [b'the', b' ', b'\\xe4', b'\\xb8', b'\\xbb', b'\\xe9', b'\\xa2', b'\\x98']
    >>> tokenizer.decode(ids)
    'the 主题'
    """

    def __init__(
        self,
        merges: Iterable[tuple[bytes, bytes]],
        special_tokens: Iterable[str] = (END_OF_TEXT,),
        pattern: str = GPT2_PATTERN,
        *,
        layout: Sequence[bytes | str] | None = None,
    ):
        """A tokenizer with these merges, in rank order.

        `layout`, if given, lists all tokens in the order of their ids (special ones as str), for vocabularies
        that number them in another way.

        Raises: ValueError for a merge of something that is not there yet or comes twice, for a special token
        that is misnamed, for a pattern that is not usable, and for a layout that does not fit the merges.
        """
        self.merges = _pairs(merges)
        ordinary = _tokens_made_by(self.merges)
        names = names_of(special_tokens, "special_tokens")
        check_names(names, map(written, ordinary))
        layout = [*ordinary, *names] if layout is None else _listed(layout)
        _check_layout(layout, ordinary, names)
        ids = {token: id for id, token in enumerate(layout)}
        self.special_tokens = {name: ids[name] for name in names}
        check_text(pattern if isinstance(pattern, str) else "")
        self.pattern = pattern
        self._tokens = [token.encode() if isinstance(token, str) else token for token in layout]
        self._cut = Cutter(pattern).cut
        self._byte_ids = [ids[bytes([byte])] for byte in range(256)]
        self._ranks = {(ids[left], ids[right]): rank for rank, (left, right) in enumerate(self.merges)}
        self._results = [ids[left + right] for left, right in self.merges]
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(
        cls,
        text: str | Iterable[str],
        vocab_size: int,
        special_tokens: Iterable[str] = (END_OF_TEXT,),
        pattern: str = GPT2_PATTERN,
    ) -> BPETokenizer:
        """Learns the merges from a text, or from several, each of which is cut into pieces on its own.

        Names of special tokens inside the text separate what stands before and after. When the text has no
        pair left to join, the vocabulary stays smaller than `vocab_size`.

        Raises: ValueError if `vocab_size` has no room for the 256 bytes and the special tokens.
        """
        names = names_of(special_tokens, "special_tokens")
        bare = cls([], names, pattern)  # checks the names and the pattern
        size = whole_number(vocab_size)
        if size is None or size < bare.vocab_size:
            raise ValueError(
                f"Got vocab_size={vocab_size!r}, needed a whole number of at least {bare.vocab_size}: "
                f"256 bytes and {len(names)} special tokens have to fit."
            )
        counts: Counter[str] = Counter()
        for item in texts_of(text):
            check_text(item)
            for part in without_specials(item, names):
                counts.update(bare._cut(part))
        if not counts:
            raise ValueError(NO_TEXT)
        pieces = {piece.encode(): count for piece, count in counts.items()}
        return cls(learn_merges(pieces, size - bare.vocab_size), names, pattern)

    def pre_tokens(self, text: str) -> list[str]:
        """The pieces that the pattern cuts a text into; no token reaches across their borders.

        >>> BPETokenizer([]).pre_tokens("It's 10  o'clock!")
        ['It', "'s", ' 10', ' ', ' o', "'", 'clock', '!']
        """
        check_text(text)
        return self._cut(text)

    @classmethod
    def from_gpt2(
        cls,
        vocab_json: str | Path,
        merges_txt: str | Path,
        special_tokens: Iterable[str] = (END_OF_TEXT,),
        pattern: str = GPT2_PATTERN,
    ) -> BPETokenizer:
        """Reads a vocabulary in GPT-2's format; special tokens that it lacks get the next free ids.

        Raises: ValueError if a file is missing or damaged, or the two do not belong together.
        """
        names = names_of(special_tokens, "special_tokens")
        vocab_json, merges_txt = as_path(vocab_json), as_path(merges_txt)
        entries = read_vocabulary(vocab_json, names)
        layout = entries + [name for name in names if name not in entries]
        merges = read_merges(merges_txt)
        try:
            return cls(merges, names, pattern, layout=layout)
        except ValueError as error:
            raise ValueError(f"{vocab_json} and {merges_txt} do not make a tokenizer: {error}") from None

    def save(self, folder: str | Path) -> None:
        """Writes vocab.json and merges.txt in GPT-2's format, and special_tokens.json, into a folder."""
        names = {id: name for name, id in self.special_tokens.items()}
        vocabulary = {names.get(id) or written(token): id for id, token in enumerate(self._tokens)}
        folder = as_path(folder)
        write_text(folder / "vocab.json", to_json(vocabulary))
        write_text(folder / "merges.txt", merges_text(self.merges))
        special = {"special_tokens": self.special_tokens, "pattern": self.pattern}
        write_text(folder / "special_tokens.json", to_json(special))

    @classmethod
    def load(cls, folder: str | Path) -> BPETokenizer:
        """The tokenizer that was saved in a folder, or GPT-2's own files.

        Without special_tokens.json, <|endoftext|> is special if it is in the vocabulary.

        Raises: ValueError if a file is missing or damaged, or they do not belong together.
        """
        folder = as_path(folder)
        vocab, merges, special = folder / "vocab.json", folder / "merges.txt", folder / "special_tokens.json"
        if not os.path.lexists(special):
            return cls.from_gpt2(vocab, merges, [END_OF_TEXT] if END_OF_TEXT in read_json(vocab) else [])
        content = read_json(special)
        names = content.get("special_tokens")
        if not isinstance(names, dict) or not isinstance(content.get("pattern"), str):
            raise ValueError(
                f"{special} is damaged: it lacks 'special_tokens' or 'pattern'; save the tokenizer again."
            )
        tokenizer = cls.from_gpt2(vocab, merges, names, content["pattern"])
        if tokenizer.special_tokens != names:
            raise ValueError(
                f"{special} and {vocab} give different ids to special tokens; save the tokenizer again."
            )
        return tokenizer

    def _encode_plain(self, text: str, start: int, end: int, final: bool) -> tuple[list[int], int]:
        pieces = self._cut(text, start, end)
        decided = end
        while not final and pieces and decided + LOOKAHEAD > end:
            decided -= len(pieces.pop())
        ids: list[int] = []
        for piece in pieces:
            known = self._cache.get(piece)
            ids += self._encode_piece(piece) if known is None else known
        return ids, decided

    def _encode_piece(self, piece: str) -> list[int]:
        ids = [self._byte_ids[byte] for byte in piece.encode()]
        merge = merge_by_scanning if len(ids) <= LONG else merge_with_heap
        ids = merge(ids, self._ranks, self._results)
        if len(piece) <= CACHED_LENGTH:
            if len(self._cache) >= CACHE_SIZE:
                self._cache.clear()  # the common pieces are back within a page
            self._cache[piece] = ids
        return ids

    def __repr__(self) -> str:
        parts = f"256 bytes, {len(self.merges)} merges, {len(self.special_tokens)} special"
        return f"BPETokenizer({self.vocab_size} tokens: {parts})"


def _pairs(merges: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The merges as a list, if each is a pair of bytes."""
    if not is_several(merges) or isinstance(merges, str):
        raise ValueError(f"merges got {brief(merges)}, needed a list of pairs such as (b't', b'h').")
    pairs = [tuple(pair) if isinstance(pair, tuple | list) else (pair,) for pair in merges]
    for rank, pair in enumerate(pairs):
        if len(pair) != 2 or not all(isinstance(part, bytes) and part for part in pair):
            raise ValueError(f"Merge {rank} is {brief(pair)}, needed a pair of bytes such as (b't', b'h').")
    return pairs


def _tokens_made_by(merges: list[tuple[bytes, bytes]]) -> list[bytes]:
    """The 256 bytes in GPT-2's order and what the merges make of them."""
    made = dict.fromkeys(bytes([byte]) for byte in byte_alphabet())
    for rank, (left, right) in enumerate(merges):
        if left not in made or right not in made:
            missing = left if left not in made else right
            raise ValueError(
                f"Merge {rank} joins {brief(left)} and {brief(right)}, but no merge before it "
                f"makes {brief(missing)}."
            )
        made[left + right] = None
    if len(set(merges)) < len(merges):
        twice = next(pair for pair, count in Counter(merges).items() if count > 1)
        raise ValueError(f"The merge {brief(twice)} is listed twice; list each once.")
    return list(made)


def _listed(layout: Sequence[bytes | str]) -> list[bytes | str]:
    tokens = many("BPETokenizer", "layout", layout, "all tokens in the order of their ids")
    for token in tokens:
        check_instance("BPETokenizer", "layout", token, bytes | str, "tokens, each as bytes or str")
    return tokens


def _check_layout(layout: Sequence[bytes | str], ordinary: list[bytes], names: list[str]) -> None:
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
