"""What published vocabularies do that GPT-2's does not.

Knows names of tokens; does not know merges or how text is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from course_lib.arguments import check_instance, flag, shown
from course_lib.tokens.special import names_of


@dataclass(frozen=True)
class Rules:
    """How a vocabulary departs from GPT-2's; without any of these it does not.

    - `partial`: bytes may be missing, and there may be tokens that no merge makes.
    - `whole_pieces`: a piece of text that is a token becomes that one, whatever the merges would make of it.
    - `unknown`: the special token that stands for a missing byte; without one, such text can't be encoded.
    - `begin`: the special token that the model wants before a text. `encode` does not add it.
    - `added`: tokens that are found by their names in every text, before it is cut; they are not special.
    - `strip_left`, `strip_right`: special or added tokens that swallow the spaces before or after them.

    >>> Rules(partial=True).changes()
    {'partial': True}
    """

    partial: bool = False
    whole_pieces: bool = False
    unknown: str | None = None
    begin: str | None = None
    added: tuple[str, ...] = ()
    strip_left: tuple[str, ...] = ()
    strip_right: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("partial", "whole_pieces"):
            object.__setattr__(self, name, flag("Rules", name, getattr(self, name)))
        for name in ("unknown", "begin"):
            needed = "the name of a special token, or None"
            check_instance("Rules", name, getattr(self, name), str | None, needed)
        for name in ("added", "strip_left", "strip_right"):
            object.__setattr__(self, name, tuple(names_of(getattr(self, name), name)))

    def check(self, special: list[str]) -> None:
        """Raises ValueError unless the tokens that are named here are there.

        >>> Rules(unknown="<unk>").check(["<end>"])
        Traceback (most recent call last):
        ValueError: Rules got unknown='<unk>', which is not among the special tokens: <end>.
        """
        special = names_of(special, "special")
        for name in ("unknown", "begin"):
            if getattr(self, name) not in (None, *special):
                raise ValueError(
                    f"Rules got {name}={getattr(self, name)!r}, which is not among the special tokens: "
                    f"{', '.join(special) or 'none'}."
                )
        for name in ("strip_left", "strip_right"):
            if lost := set(getattr(self, name)) - {*special, *self.added}:
                raise ValueError(f"Rules got {name} with {min(lost)!r}, which is no special or added token.")

    def changes(self) -> dict[str, Any]:
        """What differs from GPT-2's way, ready for a JSON file."""
        plain = asdict(Rules())
        return {name: value for name, value in asdict(self).items() if value != plain[name]}

    @classmethod
    def read(cls, changes: Any) -> Rules:
        """The rules that `changes` has written.

        Raises: ValueError for anything else.

        >>> Rules.read({"partial": True}) == Rules(partial=True)
        True
        """
        known = [field.name for field in fields(cls)]
        if not isinstance(changes, Mapping) or not set(changes) <= set(known):
            raise ValueError(
                f"Got the rules {shown(changes)}; needed an object with some of {', '.join(known)}."
            )
        return cls(**changes)
