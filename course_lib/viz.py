"""Figures: loss curves (also live), attention maps, token views, and the pictures of notebook 00.

Records, lists and tensors come in; Axes, figures or `Html` go out. Colours stay apart for every kind of
colour vision, and nothing is told by colour alone. It never trains and never calls a model; matplotlib is
loaded at the first figure. The pictures drawn by code are in `course_lib.pictures`, the HTML views of tokens
in `course_lib.token_views`.
"""

from __future__ import annotations

import base64
import html
import io
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib.drawing import axes_for
from course_lib.pictures import COURSE_PARTS, course_map, llm_life
from course_lib.show import Html
from course_lib.token_views import (
    attention_map,
    probability_bars,
    token_labels,
    token_probabilities_html,
    tokens_html,
)

__all__ = [
    "COLOURS",
    "COURSE_PARTS",
    "Html",
    "LiveCurve",
    "Picture",
    "attention_map",
    "attention_maps",
    "course_map",
    "llm_life",
    "loss_curve",
    "picture",
    "probability_bars",
    "token_labels",
    "token_probabilities_html",
    "tokens_html",
]

# Okabe and Ito 2008, the darker ones first so that thin lines stay visible on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # as many as colours, for readers who see these as one
_DOTS_PER_INCH = 144
_SHARE_OF_TIME = 0.05  # redrawing may cost at most this share of the training's time


# Pictures with alternative text -----------------------------------------------------------------------------


class Picture:
    """A figure as a static PNG with a text that says what is to be seen, for readers who cannot see it.

    JupyterLab does not hand alternative texts to the browser, so the text stands below the picture as well,
    behind a click.
    """

    def __init__(self, figure: Any, alt: str = "") -> None:
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, facecolor="white")
        self.png, self.alt = stream.getvalue(), alt
        self.width = round(figure.get_figwidth() * 96)

    def __repr__(self) -> str:
        return self.alt or "(figure)"

    def bundle(self) -> tuple[dict, dict]:
        """The data and the metadata of a notebook's output."""
        data = {"image/png": base64.b64encode(self.png).decode(), "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt, "width": self.width}}

    def description(self) -> Html:
        """The text, to be shown below the picture."""
        summary = "<summary style='font-size: 0.85em'>What this figure shows</summary>"
        page = f"<details>{summary}{html.escape(self.alt)}</details>"
        return Html(page, self.alt)

    def _ipython_display_(self) -> None:
        from IPython.display import publish_display_data

        data, metadata = self.bundle()
        publish_display_data(data, metadata)
        if self.alt:
            self.description().display()


def picture(drawn: Any, alt: str | None = None) -> Picture:
    """The figure of `drawn` (Axes or a figure) as a `Picture`; end a cell with it to show it once.

    The course's own figures bring a text of their own; `alt` replaces it.

    >>> picture(llm_life()).alt[:36]
    'The life of a language model in five'
    """
    figure = drawn.figure if hasattr(drawn, "transAxes") else drawn
    own = getattr(drawn, "course_alt", None) or next(
        (a.course_alt for a in figure.axes if hasattr(a, "course_alt")), ""
    )
    made = Picture(figure, own if alt is None else alt)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:  # otherwise the notebook would show the figure a second time
        pyplot.close(figure)
    return made


# Loss curves ------------------------------------------------------------------------------------------------


def loss_curve(
    history: Any, floor: float | None = None, ax: Any = None, x: str = "step", unit: str = "nats per token"
) -> Any:
    """Training and validation loss over the steps, above the entropy floor if it is given. Gives the Axes.

    `history` is a `training.History`, a sequence of its records, or a dictionary of these to be compared.
    `x` is "step", "tokens" or "seconds".

    Raises: ValueError for another `x`.
    """
    if x not in ("step", "tokens", "seconds"):
        raise ValueError(f"loss_curve got x={x!r}; choose 'step', 'tokens' or 'seconds'.")
    ax = axes_for(ax, (7.2, 4.0))
    curves = (
        {name: _records(value) for name, value in history.items()} if isinstance(history, Mapping) else None
    )
    if curves is None:
        _draw_one(ax, _records(history), x)
    else:
        for i, (name, records) in enumerate(curves.items()):
            _draw_compared(ax, records, x, name, i)
    _floor(ax, floor)
    ax.set_xlabel({"step": "steps", "tokens": "tokens seen", "seconds": "seconds"}[x])
    ax.set_ylabel(f"loss in {unit}")
    _finish(ax)
    ax.course_alt = _curve_words(curves or {"": _records(history)}, floor, unit)
    return ax


def _records(history: Any) -> Sequence[Any]:
    return getattr(history, "records", history)


def _draw_one(ax: Any, records: Sequence[Any], x: str) -> None:
    steps = [getattr(record, x) for record in records]
    ax.plot(steps, [record.train_loss for record in records], color=COLOURS[0], lw=1.4, label="training")
    measured = [record for record in records if record.val_loss is not None]
    if measured:
        places, losses = [getattr(r, x) for r in measured], [r.val_loss for r in measured]
        ax.plot(places, losses, color=COLOURS[1], lw=1.8, marker="o", ms=4, label="validation")


def _draw_compared(ax: Any, records: Sequence[Any], x: str, name: str, number: int) -> None:
    """One of several curves: the validation loss if it was measured more than once, else the training
    loss."""
    measured = [(getattr(r, x), r.val_loss) for r in records if r.val_loss is not None]
    points = measured if len(measured) > 1 else [(getattr(r, x), r.train_loss) for r in records]
    ax.plot(
        [p for p, _ in points],
        [loss for _, loss in points],
        color=COLOURS[number % len(COLOURS)],
        marker=_MARKERS[number % len(_MARKERS)],
        markevery=max(1, len(points) // 8),
        lw=1.7,
        ms=5,
        label=name,
    )


def _floor(ax: Any, floor: float | None) -> None:
    if floor is not None:
        ax.axhline(floor, color="#222222", lw=1.3, ls=(0, (5, 3)), label=f"entropy floor: {floor:.2f}")


def _finish(ax: Any) -> None:
    ax.grid(axis="y", color="#dddddd", lw=0.7)
    ax.margins(y=0.08)
    ax.spines[["top", "right"]].set_visible(False)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, loc="upper right")


def _curve_words(curves: Mapping[str, Sequence[Any]], floor: float | None, unit: str) -> str:
    parts = []
    for name, records in curves.items():
        if records:
            who = f"The loss of {name}" if name else "The training loss"
            parts.append(
                f"{who} goes from {records[0].train_loss:.2f} to {records[-1].train_loss:.2f} {unit}."
            )
            measured = [r.val_loss for r in records if r.val_loss is not None]
            parts += [f"The validation loss ends at {measured[-1]:.2f}."] if measured else []
    parts += [f"The entropy floor is at {floor:.2f}."] if floor is not None else []
    return "Loss curve. " + " ".join(parts)


class LiveCurve:
    """A callback for `training.train` that draws the loss while it falls, in place, and leaves one static
    picture.

    `train(..., callbacks=[LiveCurve(floor=2.1)])`. It redraws at most every `every` seconds, and less often
    where drawing is slow, so that it takes about a twentieth of the time at most. Outside of a notebook it
    draws nothing. `picture` is the last picture; `loss_curve(history, floor)` draws the same one later.
    """

    def __init__(
        self, floor: float | None = None, x: str = "step", unit: str = "nats per token", every: float = 0.5
    ) -> None:
        self.floor, self.x, self.unit, self.every = floor, x, unit, every
        self.picture: Picture | None = None
        self._handle: Any = None
        self._limit: float | None = None
        self._next = 0.0

    def on_start(self, config: Any, history: Any) -> None:
        """Show the empty axes, so that a learner sees where the curve will be."""
        if not _in_notebook():
            return
        self._limit = {
            "step": getattr(config, "steps", None),
            "seconds": getattr(config, "max_seconds", None),
        }.get(self.x)
        self._handle, self._next = None, 0.0
        self._draw(history)

    def on_record(self, record: Any, history: Any) -> None:
        """Draw, if the last drawing was long enough ago."""
        if self._handle is not None and time.monotonic() >= self._next:
            self._draw(history)

    def on_end(self, history: Any) -> None:
        """Draw the whole curve a last time, and say in words what it shows."""
        if self._handle is not None:
            self._draw(history)
            self.picture.description().display()

    def _draw(self, history: Any) -> None:
        from IPython.display import display
        from matplotlib.figure import Figure

        began = time.monotonic()
        # A figure of its own, unknown to pyplot: nothing to close, and never shown a second time.
        ax = Figure(figsize=(7.2, 4.0), layout="constrained").subplots()
        loss_curve(history, self.floor, ax, self.x, self.unit)
        if self._limit:
            ax.set_xlim(0, self._limit * 1.02)
        self.picture = Picture(ax.figure, ax.course_alt)
        data, metadata = self.picture.bundle()
        if self._handle is None:
            self._handle = display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self._handle.update(data, metadata=metadata, raw=True)
        now = time.monotonic()
        self._next = now + max(self.every, (now - began) / _SHARE_OF_TIME)


def _in_notebook() -> bool:
    """Whether outputs can be replaced after they were shown: in a Jupyter kernel, not in a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


# Attention --------------------------------------------------------------------------------------------------


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
