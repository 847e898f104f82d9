"""The tokenizer that a beginner would write: every character is a token.

It does not know torch, models or corpora.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from reprlib import repr as brief

from course_lib.arguments import is_several
from course_lib.data import END_OF_TEXT
from course_lib.files import as_path
from course_lib.tokens.base import Tokenizer
from course_lib.tokens.files import is_strings, read_json, to_json, write_text
from course_lib.tokens.special import check_names, names_of, without_specials
from course_lib.tokens.texts import NO_TEXT, check_text, texts_of


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
