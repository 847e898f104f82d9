"""The mask of a sliding window. It knows places, and no attention."""

from __future__ import annotations

import torch

from course_lib.arguments import whole
from course_lib.attention import causal_mask


def sliding_window(T: int, window: int) -> torch.Tensor:
    """(T, T), True where a query may look: at itself and the `window - 1` tokens before it.

    Source: Beltagy and others 2020, section 3.1 (arXiv:2004.05150); Jiang and others 2023, section 2
    (arXiv:2310.06825).

    >>> sliding_window(4, 2).int()
    tensor([[1, 0, 0, 0],
            [1, 1, 0, 0],
            [0, 1, 1, 0],
            [0, 0, 1, 1]], dtype=torch.int32)
    """
    window = whole("sliding_window", "window", window)
    mask = causal_mask(whole("sliding_window", "T", T))
    return mask & mask.new_ones(mask.shape).triu(1 - window)
