"""Figures as pictures that bring their words along, for readers who cannot see them.

Axes and figures come in; a static PNG with an alternative text goes out. It does not know what is drawn.
"""

from __future__ import annotations

import base64
import html
import io
import sys
from typing import Any

from course_lib.arguments import wrong
from course_lib.figures.arguments import checked
from course_lib.figures.shown import Html

_DOTS_PER_INCH = 144


class Picture:
    """A figure as a static PNG with a text that says what is to be seen, for readers who cannot see it.

    JupyterLab does not hand alternative texts to the browser, so the text stands below the picture as well,
    behind a click.
    """

    @checked()
    def __init__(self, figure: Any, alt: str = "") -> None:
        if not hasattr(figure, "savefig"):
            raise wrong("Picture", "figure", figure, "a figure of matplotlib")
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, facecolor="white")
        self.png, self.alt = with_palette(stream.getvalue()), alt
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


def with_palette(png: bytes) -> bytes:
    """The same picture with at most 256 colours: a third of the bytes, and nothing that an eye would miss.

    >>> from matplotlib import pyplot
    >>> with_palette(picture(pyplot.subplots()[1]).png)[25]  # the kind of colours: by a palette
    3
    """
    from PIL import Image

    stream = io.BytesIO()
    colours = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    colours.save(stream, format="png", optimize=True)
    return stream.getvalue()


@checked()
def picture(drawn: Any, alt: str | None = None) -> Picture:
    """The figure of `drawn` (Axes or a figure) as a `Picture`; end a cell with it to show it once.

    The course's own figures bring a text of their own; `alt` replaces it.

    >>> from matplotlib import pyplot
    >>> picture(pyplot.subplots()[1], alt="An empty frame.").alt
    'An empty frame.'
    """
    figure = drawn.figure if hasattr(drawn, "transAxes") else drawn
    if not hasattr(figure, "savefig"):
        raise wrong("picture", "drawn", drawn, "Axes or a figure of matplotlib, as the course's figures are")
    own = getattr(drawn, "course_alt", None) or next(
        (a.course_alt for a in figure.axes if hasattr(a, "course_alt")), ""
    )
    made = Picture(figure, own if alt is None else alt)
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:  # otherwise the notebook would show the figure a second time
        pyplot.close(figure)
    return made
