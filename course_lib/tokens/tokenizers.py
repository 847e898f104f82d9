"""The tokenizer of the course: byte-level byte-pair encoding (BPE) as in GPT-2.

A tokenizer turns any text into a list of small whole numbers and gives the same text back. This module trains
tokenizers, saves them in GPT-2's file format and reads GPT-2's own. It does not know torch, models or
corpora; the byte-pair algorithm itself is in `course_lib.tokens.bpe`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from course_lib.arguments import check_instance, whole_number
from course_lib.data import END_OF_TEXT
from course_lib.files import as_path
from course_lib.tokens.base import Tokenizer
from course_lib.tokens.bpe import LONG, learn_merges, merge_by_scanning, merge_with_heap
from course_lib.tokens.files import (
    merges_text,
    read_json,
    read_merges,
    read_vocabulary,
    to_json,
    write_text,
    written,
)
from course_lib.tokens.pieces import GPT2_PATTERN, Cutter
from course_lib.tokens.rules import Rules
from course_lib.tokens.special import Finder, check_names, names_of, without_specials
from course_lib.tokens.texts import NO_TEXT, check_text, texts_of
from course_lib.tokens.vocabulary import check_layout, listed, pairs_of, tokens_listed, tokens_made_by

LOOKAHEAD = 2  # characters after its end that can still change a match of GPT2_PATTERN: "'r" becomes "'re"
CACHE_SIZE = 65_536  # pieces of text remembered with their ids
CACHED_LENGTH = 100  # characters; longer pieces hardly ever come back
GPT2_RULES = Rules()


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
        rules: Rules = GPT2_RULES,
    ):
        """A tokenizer with these merges, in rank order.

        `layout`, if given, lists all tokens in the order of their ids (special and added ones as str), for
        vocabularies that number them in another way; `rules` says what else is not as in GPT-2's.

        Raises: ValueError for a merge of something that is not there yet or comes twice, for a special token
        that is misnamed, for a pattern that is not usable, and for a layout that does not fit the merges.
        """
        self.merges, self.rules = pairs_of(merges), rules
        special = names_of(special_tokens, "special_tokens")
        layout, names = self._checked(special, None if layout is None else listed(layout))
        ids = {token: id for id, token in enumerate(layout)}
        self.special_tokens = {name: ids[name] for name in special}
        self.added_tokens = {name: ids[name] for name in names if name not in special}
        check_text(pattern if isinstance(pattern, str) else "")
        self.pattern = pattern
        self._tokens = [token.encode() if isinstance(token, str) else token for token in layout]
        self._cut = Cutter(pattern).cut
        instead = ids.get(rules.unknown)
        byte_ids = {byte: ids.get(bytes([byte]), instead) for byte in range(256)}
        there = {byte: id for byte, id in byte_ids.items() if id is not None}
        self._byte_ids = list(there.values()) if len(there) == 256 else there  # a list is a little quicker
        self._whole = {token: id for token, id in ids.items() if rules.whole_pieces and token not in names}
        self._ranks = {(ids[left], ids[right]): rank for rank, (left, right) in enumerate(self.merges)}
        self._results = [ids[left + right] for left, right in self.merges]
        self._cache: dict[str, list[int]] = {}

    def _checked(
        self, special: list[str], layout: list[bytes | str] | None
    ) -> tuple[list[bytes | str], list[str]]:
        """All tokens in the order of their ids, and the names of those that are special or added."""
        check_instance("BPETokenizer", "rules", self.rules, Rules, "rules, as Rules(partial=True)")
        self.rules.check(special)
        names = [*special, *self.rules.added]
        partial = self.rules.partial and layout is not None
        ordinary = tokens_listed(layout, self.merges) if partial else tokens_made_by(self.merges)
        check_names(names, map(written, ordinary))
        layout = [*ordinary, *names] if layout is None else layout
        check_layout(layout, ordinary, names)
        return layout, names

    @property
    def begin_id(self) -> int | None:
        """The id of the token that the model wants before a text, which `encode` leaves to you; or None.

        >>> BPETokenizer([], ["<s>"], rules=Rules(begin="<s>")).begin_id
        256
        """
        return self.special_tokens.get(self.rules.begin)

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
        *,
        rules: Rules = GPT2_RULES,
    ) -> BPETokenizer:
        """Reads a vocabulary in GPT-2's format; special tokens that it lacks get the next free ids.

        Raises: ValueError if a file is missing or damaged, or the two do not belong together.
        """
        special = names_of(special_tokens, "special_tokens")
        check_instance("from_gpt2", "rules", rules, Rules, "rules, as Rules(partial=True)")
        names = [*special, *rules.added]
        vocab_json, merges_txt = as_path(vocab_json), as_path(merges_txt)
        entries = read_vocabulary(vocab_json, names)
        layout = entries + [name for name in names if name not in entries]
        merges = read_merges(merges_txt)
        try:
            return cls(merges, special, pattern, layout=layout, rules=rules)
        except ValueError as error:
            raise ValueError(f"{vocab_json} and {merges_txt} do not make a tokenizer: {error}") from None

    def save(self, folder: str | Path) -> None:
        """Writes vocab.json and merges.txt in GPT-2's format, and special_tokens.json, into a folder."""
        names = {id: name for name, id in (self.special_tokens | self.added_tokens).items()}
        vocabulary = {names.get(id) or written(token): id for id, token in enumerate(self._tokens)}
        folder = as_path(folder)
        write_text(folder / "vocab.json", to_json(vocabulary))
        write_text(folder / "merges.txt", merges_text(self.merges))
        special = {"special_tokens": self.special_tokens, "pattern": self.pattern}
        if self.rules != GPT2_RULES:
            special["rules"] = self.rules.changes()
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
        try:
            rules = Rules.read(content.get("rules", {}))
        except ValueError as error:
            raise ValueError(f"{special} is damaged: {error}") from None
        tokenizer = cls.from_gpt2(vocab, merges, names, content["pattern"], rules=rules)
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
        try:
            for piece in pieces:
                known = self._cache.get(piece)
                ids += self._encode_piece(piece) if known is None else known
        except KeyError:
            raise ValueError(self._lacking(text, start)) from None
        return ids, decided

    def _encode_piece(self, piece: str) -> list[int]:
        spelled = piece.encode()
        if self._whole and spelled in self._whole:
            return [self._whole[spelled]]
        ids = [self._byte_ids[byte] for byte in spelled]  # a KeyError if the vocabulary lacks a byte
        merge = merge_by_scanning if len(ids) <= LONG else merge_with_heap
        ids = merge(ids, self._ranks, self._results)
        if len(piece) <= CACHED_LENGTH:
            if len(self._cache) >= CACHE_SIZE:
                self._cache.clear()  # the common pieces are back within a page
            self._cache[piece] = ids
        return ids

    def _lacking(self, text: str, start: int) -> str:
        """What to say of the first character, from `start` on, of which the vocabulary lacks a byte."""
        there = set(self._byte_ids)
        place = next(i for i in range(start, len(text)) if not there.issuperset(text[i].encode()))
        byte = next(byte for byte in text[place].encode() if byte not in there)
        return (
            f"Character {text[place]!r} (U+{ord(text[place]):04X}) at position {place} can't be encoded: "
            f"this vocabulary lacks its byte 0x{byte:02X}; leave it out, or write it in another way."
        )

    def finder(self, allowed: Sequence[str]) -> Finder:
        """What finds these special tokens in a text, and the added ones; both may swallow spaces."""
        ids = {name: self.special_tokens[name] for name in self._allowed(allowed)} | self.added_tokens
        return Finder(ids, self.rules.strip_left, self.rules.strip_right)

    def __repr__(self) -> str:
        bytes_there = sum(len(token) == 1 for token in self._tokens)
        parts = f"{bytes_there} bytes, {len(self.merges)} merges, {len(self.special_tokens)} special"
        return f"BPETokenizer({self.vocab_size} tokens: {parts})"
