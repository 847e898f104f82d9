"""Whatever a text holds, every view shows it, and nothing of it becomes part of the page."""

from __future__ import annotations

from html.parser import HTMLParser

import hostile
import matplotlib
import pytest
from matplotlib import pyplot

matplotlib.use("Agg")
VIEWS = {view.name: view for view in hostile.views()}


class Elements(HTMLParser):
    """The elements of a page, those that could do something among them."""

    def __init__(self, page: str):
        super().__init__()
        self.names: list[str] = []
        self.active: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        acts = [name for name, value in attributes if name.startswith("on") or "javascript:" in (value or "")]
        if acts or tag in ("script", "img", "iframe", "object", "embed"):
            self.active.append(tag)


def test_there_are_views_of_every_notebook():
    assert len(VIEWS) > 50
    assert {name.split(".")[1] for name in VIEWS} >= {"tokens", "training", "assistant", "figures"}


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font", "ignore:No artists with labels")
@pytest.mark.filterwarnings("ignore:constrained_layout not applied", "ignore:Tight layout not applied")
@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_shows_any_text(name):
    view = VIEWS[name]
    for text in hostile.TEXTS.values():
        for made in hostile.shown(view, text):
            assert not Elements(hostile.page(made)).active
        pyplot.close("all")


def test_the_watch_sees_what_is_not_escaped():
    assert Elements(hostile.TEXTS["script"]).active == ["script"]
    assert Elements(hostile.TEXTS["picture"]).active == ["img"]
    assert Elements("<p title='" + hostile.TEXTS["attribute"].replace('"', "'") + "'>").active == ["p"]
