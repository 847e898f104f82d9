"""Random values for the cases of an exercise, from simple to hard; the same seed gives the same values.

A topic declares `fresh=lambda draw: Case(draw.ids(7, 4), draw.integer(1, 5))`, and every check then tries new
cases beside the fixed ones. Each value is made from a few recorded choices, of which 0 is the simplest. A
case that fails is made small by choosing again and lower, so what belongs together (a mask and the scores it
is for) stays together. It does not know about exercises or what is right. torch is loaded by the methods that
make tensors, not before.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

# Words that careless code takes for one another: capitals, beginnings, doubled letters, points and signs,
# scripts without capitals or spaces, and one letter that is written in two ways.
FAMILIES = (
    ("cat", "Cat", "cats", "cat."),
    ("a", "A", "an", "aa"),
    ("the", "The", "then", "the,"),
    ("go", "Go", "goes", "(go)"),
    ("it", "It", "it's"),
    ("猫", "猫咪", "小猫"),
    ("red", "Red", "red-hot"),
    ("35", "3.5", "3"),
    ("c", "C", "C++"),
    ("café", "cafe\u0301", "Café"),
    ("喜欢", "喜", "喜欢。"),
    ("straße", "STRASSE", "strasse"),
    ("🙂", "🙂🙂", "👩‍🔬"),
)
WORDS = tuple(word for family in FAMILIES for word in family)
SPACES = (" ", " ", " ", "  ", "\n", " \n ", "\t", "\u3000", "\r\n")
_CHARACTERS = "ab cdA B.,!?'0195\n\té猫喜🙂"


class Draw:
    """Random values for one case: small ones where `size` is near 0, all of them where it is 1.

    >>> draw = Draw(seed=5)
    >>> draw.integer(2, 2), draw.choose(["only"]), 0 <= draw.real(0.0, 1.0) <= 1.0
    (2, 'only', True)
    >>> Draw(seed=7).text() == Draw(seed=7).text()
    True
    """

    def __init__(self, seed: int | str = 0, size: float = 1.0, choices: Sequence[int] | None = None) -> None:
        self._random = random.Random(f"{seed}")
        self._given = None if choices is None else list(choices)
        self.size = size
        self.choices: list[int] = []

    def _pick(self, n: int) -> int:
        """One of 0, 1, ..., n - 1, where 0 is the simplest: given, or at random."""
        if self._given is None:
            pick = self._random.randrange(n)
        else:
            at = len(self.choices)
            pick = min(self._given[at], n - 1) if at < len(self._given) else 0
        self.choices.append(pick)
        return pick

    # numbers and choices ------------------------------------------------------------------------------------

    def integer(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included; often one of the two, and small at first."""
        reach = math.ceil((high - low) * self.size)
        kind = self._pick(6)
        if kind == 5:
            return high if self.size > 0.3 else low + reach
        return low if kind == 4 else low + self._pick(reach + 1)

    def real(self, low: float, high: float) -> float:
        """A float from `low` to `high`, often one of the two, 0 or the middle."""
        kind = self._pick(8)
        if kind < 4:
            middle = (low + high) / 2
            return (low, 0.0 if low <= 0.0 <= high else middle, high, middle)[kind]
        return low + (high - low) * self._pick(2**20) / 2**20

    def boolean(self) -> bool:
        """False or True."""
        return bool(self._pick(2))

    def choose(self, options: Sequence[T]) -> T:
        """One of the options; put the simplest first."""
        return options[self._pick(len(options))]

    def list(self, element: Callable[[], T], low: int = 0, high: int = 8) -> list[T]:
        """From `low` to `high` elements, each made by `element()` or the same as one before it."""
        most = low + math.ceil((high - low) * self.size)
        items: list[T] = []
        # One choice before each element, not a length at the start: so a shorter list needs one piece less.
        while len(items) < most and (len(items) < low or self._pick(5)):
            again = items and self._pick(4) == 3
            items.append(items[self._pick(len(items))] if again else element())
        return items

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The same in another order."""
        rest, out = [*items], []
        while rest:
            out.append(rest.pop(self._pick(len(rest))))
        return out

    # text ---------------------------------------------------------------------------------------------------

    def word(self, pool: Sequence[str] = WORDS) -> str:
        """A word: with capitals, a part or beginning of another, with a sign in it, Chinese, an emoji."""
        return pool[self._pick(max(1, math.ceil(len(pool) * self.size)))]

    def words(self, low: int = 0, high: int = 8, pool: Sequence[str] | None = None) -> list[str]:
        """Words from few different ones, which look alike, so that some come again."""
        pool = self.choose(FAMILIES) if pool is None else pool
        few = self.shuffled(pool)[: 1 + self._pick(4)]
        if self._pick(3) == 2:
            few.append(self.word())
        return self.list(lambda: self.choose(few), low, high)

    def text(self, low: int = 0, high: int = 10, pool: Sequence[str] | None = None) -> str:
        """Words with spaces between them: one, two, line ends; also before and after."""
        edge = ("", "", "", " ", "\n")
        parts = [word + self.choose(SPACES) for word in self.words(low, high, pool)]
        body = "".join(parts)
        if parts and self._pick(4):
            body = body.rstrip()
        return self.choose(edge) + body if self.size > 0.2 else body

    def letters(self, low: int = 0, high: int = 12, alphabet: str = _CHARACTERS) -> str:
        """Single characters in a row."""
        return "".join(self.list(lambda: self.choose(alphabet), low, high))

    def bytes(self, low: int = 0, high: int = 12) -> bytes:
        """Bytes, of which not all are text."""
        return bytes(self.list(lambda: self.choose((97, 98, 32, 0, 255, 228, 184, 128)), low, high))

    # ids ----------------------------------------------------------------------------------------------------

    def id(self, vocab: int) -> int:
        """An id below `vocab`: often 0 or the last one."""
        kind = self._pick(5)
        return 0 if kind == 0 else vocab - 1 if kind == 1 else self._pick(vocab)

    def id_list(self, vocab: int, low: int = 0, high: int = 8) -> list[int]:
        """A list of ids below `vocab` in which some come again, also one after the other."""
        return self.list(lambda: self.id(vocab), low, high)

    def ids(self, vocab: int, *shape: int) -> Any:
        """A tensor of ids below `vocab`, the same ones again among them; without a shape, a single id."""
        torch = _torch()
        kind, layout = self._pick(3), self._pick(3)
        if kind == 0:
            flat = [0] * math.prod(shape)
        elif kind == 1:
            few = [self.id(vocab), self.id(vocab)]
            flat = [self.choose(few) for _ in range(math.prod(shape))]
        else:
            flat = [self.id(vocab) for _ in range(math.prod(shape))]
        return _laid_out(torch.tensor(flat, dtype=torch.long).reshape(shape), layout == 2)

    # tensors ------------------------------------------------------------------------------------------------

    def shape(self, axes: tuple[int, int] = (1, 3), sizes: tuple[int, int] = (1, 4)) -> tuple[int, ...]:
        """The sizes of so many axes, some of them 1."""
        return tuple(self.integer(*sizes) for _ in range(self.integer(*axes)))

    def tensor(self, *shape: int, extremes: bool = True, contiguous: bool = False) -> Any:
        """Floats: halves, normal ones, with equal ones among them, all zero; with `extremes` also constant
        rows, large and tiny ones. In another layout of the memory now and then, unless `contiguous`."""
        kind, layout = self._pick(8 if extremes else 4), self._pick(3)
        values = _floats(kind, shape, self._pick(2**16))
        return _laid_out(values, layout == 2 and not contiguous)

    def positive(self, *shape: int, low: float = 0.01, high: float = 10.0) -> Any:
        """Floats from `low` to `high`."""
        torch = _torch()
        kind, generator = self._pick(3), torch.Generator().manual_seed(self._pick(2**16))
        share = torch.rand(shape, generator=generator)
        values = low * (high / low) ** share if low > 0 else low + (high - low) * share
        return values.round().clamp(low, high) if kind == 0 and high - low >= 2 else values

    def logits(self, *shape: int, hidden: bool = False) -> Any:
        """Scores with ties, far apart and large; with `hidden` some are minus infinity, never a whole row. In
        another layout of the memory now and then."""
        torch = _torch()
        values = _floats((0, 1, 2, 5, 3, 6)[self._pick(6)], shape, self._pick(2**16))
        if hidden and self._pick(2):
            values = values.masked_fill(~self.mask(*shape), -math.inf)
        if not self._pick(4):
            values = values + torch.tensor(self.choose((0.0, 100.0, -100.0)))
        return _laid_out(values, self._pick(3) == 2)

    def probabilities(self, *shape: int) -> Any:
        """Rows that sum to 1: equal shares, with zeros, all on one, or anything."""
        torch = _torch()
        kind = self._pick(4)
        scores = _floats(1, shape, self._pick(2**16))
        if kind == 0:
            scores = torch.zeros(shape)
        elif kind == 1:
            scores = scores.masked_fill(~self.mask(*shape), -math.inf)
        return (30.0 * scores if kind == 2 else scores).softmax(-1)

    def mask(self, *shape: int, all_hidden: bool = False) -> Any:
        """True and False; each row (the last axis) keeps one True, unless `all_hidden`."""
        torch = _torch()
        kind, generator = self._pick(4), torch.Generator().manual_seed(self._pick(2**16))
        kept = torch.rand(shape, generator=generator) < (1.0, 0.7, 0.4, 0.1)[kind]
        if all_hidden or not shape or 0 in shape:
            return kept
        keep = torch.randint(shape[-1], (*shape[:-1], 1), generator=generator)
        return kept.scatter(-1, keep, True)


def _torch() -> Any:
    import torch

    return torch


def _floats(kind: int, shape: tuple[int, ...], seed: int) -> Any:
    """Values of one kind, the simple kinds first."""
    torch = _torch()
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(shape, generator=generator)
    if kind in (0, 2):  # few different values, so that some are equal
        halves = torch.randint(-3, 4, shape, generator=generator) / 2
        return halves if kind == 0 else torch.where(normal > 0, halves, normal)
    if kind == 4:  # each row constant
        return normal[..., :1].expand(shape).contiguous() if shape else normal
    scale, shift = {1: (1.0, 0.0), 3: (0.0, 0.0), 5: (30.0, 0.0), 6: (1.0, 100.0), 7: (1e-3, 0.0)}[kind]
    return normal * scale + shift


def _laid_out(values: Any, turned: bool) -> Any:
    """The same values; if `turned` with the axes in another order in memory, so that `view` refuses."""
    if not turned or values.ndim < 2:
        return values
    return values.transpose(0, -1).contiguous().transpose(0, -1)
