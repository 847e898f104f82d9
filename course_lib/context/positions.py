"""Where a token stands: learned, sinusoidal and rotary positions.

They know widths and places, and no attention.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from course_lib.arguments import number, shown, whole, wrong
from course_lib.runtime import as_device

Places = slice | torch.Tensor  # the same positions for all texts, or one row of them for each (B, T)


def _even(owner: str, name: str, value: Any) -> int:
    """A width in which every sine has its cosine."""
    width = whole(owner, name, value)
    if width % 2:
        raise wrong(owner, name, value, "even: sines and cosines come in pairs")
    return width


def _looked_up(table: torch.Tensor, places: Places) -> torch.Tensor:
    """The rows of a table. Raises: ValueError for places that it hasn't got."""
    try:
        if isinstance(places, torch.Tensor) and places.dtype in (torch.int64, torch.int32):
            return F.embedding(places, table)  # unlike table[places], it takes no place from the end
        if not isinstance(places, slice) or not 0 <= (places.start or 0) <= (places.stop or 0) <= len(table):
            raise IndexError
        return table[places]
    except (IndexError, TypeError):
        raise ValueError(
            f"Got the positions {shown(places)}; this table has those from 0 to {len(table) - 1}: read a "
            "shorter text, or make a longer context."
        ) from None


class LearnedPositions(nn.Embedding):
    """A learned vector for each position, as in GPT-2.

    Shapes: called with `slice(start, stop)` gives (stop - start, width); with positions (B, T) gives (B, T,
    width).

    >>> positions = LearnedPositions(context_length=5, width=4)
    >>> positions(slice(0, 3)).shape, positions(torch.tensor([[0, 1], [0, 0]])).shape
    (torch.Size([3, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(self, context_length: int, width: int):
        sizes = [("context_length", context_length), ("width", width)]
        super().__init__(*(whole("LearnedPositions", name, size) for name, size in sizes))

    def forward(self, places: Places) -> torch.Tensor:
        return _looked_up(self.weight, places)


class _Tables(nn.Module):
    """Buffers that follow from a formula: they move with the model, aren't saved, and are computed anew
    whenever the model changes its device or number format, so that going through half precision leaves no
    trace in them.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, table in self.tables(None).items():
            self.register_buffer(name, table, persistent=False)

    def tables(self, device: torch.device | None) -> dict[str, torch.Tensor]:
        raise NotImplementedError

    def _apply(self, fn: Any, recurse: bool = True) -> nn.Module:
        super()._apply(fn, recurse)
        device = next(self.buffers()).device
        for name, table in self.tables(device).items():
            setattr(self, name, table.to(getattr(self, name).dtype))
        return self


class SinusoidalPositions(_Tables):
    """A fixed vector for each position: sines and cosines of slower and slower waves, nothing learned.

    Entry 2i is sin(position / 10000^(2i / width)), entry 2i + 1 the cosine of the same, all times `scale`.

    Shapes: as `LearnedPositions`.
    Raises: ValueError if `width` is odd.
    Source: Vaswani and others 2017, section 3.5 (arXiv:1706.03762).

    >>> SinusoidalPositions(context_length=5, width=4)(slice(0, 1))
    tensor([[0., 1., 0., 1.]])
    """

    def __init__(self, context_length: int, width: int, scale: float = 1.0):
        context_length = whole("SinusoidalPositions", "context_length", context_length)
        scale = float(number("SinusoidalPositions", "scale", scale))
        self._size = context_length, _even("SinusoidalPositions", "width", width), scale
        super().__init__()

    def tables(self, device: torch.device | None) -> dict[str, torch.Tensor]:
        context_length, width, scale = self._size
        cos, sin = rotary_angles(context_length, width, device=device)
        waves = torch.stack([sin, cos], dim=-1).flatten(1)  # sine, cosine, sine, cosine, ...
        return {"table": scale * waves}

    def forward(self, places: Places) -> torch.Tensor:
        return _looked_up(self.table, places)


class RotaryPositions(_Tables):
    """The cosines and sines of `rotary_angles` for a whole context, kept ready.

    Shapes: called with `slice(start, stop)` gives two tensors (stop - start, D/2); with positions (B, T), two
    of (B, 1, T, D/2), which fit queries and keys (B, H, T, D).

    >>> cos, sin = RotaryPositions(context_length=5, head_width=4)(slice(0, 3))
    >>> cos.shape
    torch.Size([3, 2])
    """

    def __init__(self, context_length: int, head_width: int, base: float = 10_000.0):
        context_length = whole("RotaryPositions", "context_length", context_length)
        self._size = (context_length, head_width, base)
        super().__init__()

    def tables(self, device: torch.device | None) -> dict[str, torch.Tensor]:
        cos, sin = rotary_angles(*self._size, device=device)
        return {"cos": cos, "sin": sin}

    def forward(self, places: Places) -> tuple[torch.Tensor, torch.Tensor]:
        cos, sin = _looked_up(self.cos, places), _looked_up(self.sin, places)
        return (cos, sin) if isinstance(places, slice) else (cos[:, None], sin[:, None])


def rotary_angles(
    T: int, D: int, base: float = 10_000.0, offset: int = 0, device: torch.device | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The cosines and sines by which `apply_rotary` turns queries and keys at positions offset, offset + 1,
    ...

    Pair i of a head's numbers turns by position / base^(2i / D): the first pair fast, the last one very
    slowly.

    Shapes: both results (T, D/2), float32.
    Raises: ValueError if D is odd.
    Source: Su and others 2021, section 3.2.2 (arXiv:2104.09864).

    >>> cos, sin = rotary_angles(T=3, D=4)
    >>> cos[0].tolist(), sin[0].tolist()  # position 0 is not turned
    ([1.0, 1.0], [0.0, 0.0])
    """
    T, offset = whole("rotary_angles", "T", T, least=0), whole("rotary_angles", "offset", offset, least=0)
    base = float(number("rotary_angles", "base", base, "above 0", lambda x: 0 < x < float("inf")))
    device = as_device(device)
    D = whole("rotary_angles", "D", D, least=None)
    if D < 1 or D % 2:
        raise ValueError(
            f"rotary_angles got a head width of D={D}; it turns pairs of numbers, so D must be even."
        )
    if torch.empty(0, device=device).is_meta:  # shapes only; torch would load much of itself to find them
        return torch.empty(T, D // 2, device="meta"), torch.empty(T, D // 2, device="meta")
    frequencies = 1.0 / base ** (torch.arange(0, D, 2, device=device).float() / D)
    angles = torch.arange(offset, offset + T, device=device).float()[:, None] * frequencies
    return angles.cos(), angles.sin()


def _fit(x: tuple[int, ...], cos: tuple[int, ...]) -> bool:
    """Whether angles of one shape turn the pairs of another, and leave its shape as it is."""
    if not x or not cos or len(cos) > len(x) or x[-1] != 2 * cos[-1]:
        return False
    inside = x[-len(cos) : -1]
    return cos[:-1] == inside or all(a in (1, b) for a, b in zip(cos, inside, strict=False))


def apply_rotary(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn each pair of numbers in a head by its angle, so that query times key depends on their distance
    only.

    A pair is made of number i and number i + D/2 (Llama's convention; the paper pairs neighbours, which is
    the same up to the order of the numbers).

    Shapes: x (..., T, D), cos and sin (..., T, D/2) -> (..., T, D), in x's number format.
    Source: Su and others 2021, section 3.4.2 (arXiv:2104.09864).

    >>> quarter_turn = (torch.zeros(1, 1), torch.ones(1, 1))  # cos 90 degrees = 0, sin 90 degrees = 1
    >>> apply_rotary(torch.tensor([[3.0, 4.0]]), *quarter_turn)
    tensor([[-4.,  3.]])
    """
    floats = all(isinstance(part, torch.Tensor) and part.is_floating_point() for part in (x, cos, sin))
    if not floats or cos.shape != sin.shape or not _fit(x.shape, cos.shape):
        raise ValueError(
            f"apply_rotary got x={shown(x)}, cos={shown(cos)} and sin={shown(sin)}; it turns pairs: give as "
            "many angles as x has pairs, rotary_angles(T, D)."
        )
    # (a, b) becomes (a cos - b sin, b cos + a sin); rolling by half a head puts (b, a) beside (a, b).
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    turned = x * torch.cat([cos, cos], dim=-1) + swapped * torch.cat([-sin, sin], dim=-1)
    return turned.to(x.dtype)
