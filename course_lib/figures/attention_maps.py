"""All heads of all layers as small pictures in a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def attention_maps(maps: Sequence[Any], size: float = 1.7) -> Any:
    """All heads of all layers as small pictures in a grid: layers downwards, heads to the right. Gives the
    figure.

    Bright means much attention, on each picture's own scale; white means exactly none, as under the causal
    mask. The query positions run downwards, the key positions to the right. For one head with its tokens, use
    `attention_map`. Shapes: one (H, T, S) per layer; of (B, H, T, S) the first of B.

    Raises: ValueError for other shapes.
    """
    import numpy as np
    from matplotlib import pyplot

    layers = [attn[0] if attn.ndim == 4 else attn for attn in maps]
    if not layers or any(layer.ndim != 3 for layer in layers):
        got = ", ".join(str(tuple(attn.shape)) for attn in maps) or "nothing"
        raise ValueError(f"attention_maps needs one (H, T, S) or (B, H, T, S) per layer, but got {got}.")
    heads = max(len(layer) for layer in layers)
    figure, grid = pyplot.subplots(
        len(layers),
        heads,
        figsize=(size * heads + 0.7, size * len(layers) + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for row, layer in enumerate(layers):
        for column in range(heads):
            ax = grid[row][column]
            if column < len(layer):
                shares = np.asarray(layer[column].tolist())
                shares = np.ma.masked_equal(shares, 0.0)
                ax.imshow(shares, cmap="cividis", vmin=0, interpolation="nearest", aspect="auto")
            ax.set(xticks=[], yticks=[])
            if row == 0:
                ax.set_title(f"head {column}", fontsize=9)
            if column == 0:
                ax.set_ylabel(f"layer {row}", fontsize=9)
    grid[0][0].course_alt = f"Attention maps of {len(layers)} layers with up to {heads} heads each."
    return figure
