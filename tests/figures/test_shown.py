"""Showing source code: whole, coloured, the same on every run, in a notebook and in a terminal."""

from __future__ import annotations

import functools
import html
import inspect
import re
from dataclasses import dataclass

import pytest

from course_lib import exercises
from course_lib.figures import shown as module
from course_lib.figures.shown import Html, Shown, cividis, highlight, show, source, source_view


def plain(page: str) -> str:
    """HTML without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


@dataclass(frozen=True)
class Example:
    """A class to be shown."""

    number: int = 3

    @property
    def double(self) -> int:
        return 2 * self.number

    @functools.cache  # noqa: B019 - only its source is looked at
    def cached(self) -> int:
        return self.number


class TestSource:
    def test_is_what_is_in_the_file(self):
        assert source(source_view) == inspect.getsource(source_view).rstrip()
        assert source(module) == inspect.getsource(module).rstrip()

    def test_of_a_class_has_its_decorator(self):
        assert source(Example).startswith("@dataclass(frozen=True)\nclass Example:")

    def test_of_methods_properties_and_partials_is_dedented(self):
        assert source(Example.double).startswith("@property\ndef double(")
        assert "def cached(self)" in source(Example.cached)
        assert source(Example().cached) == source(Example.cached)
        assert source(functools.partial(source_view, folded=True)) == source(source_view)

    @pytest.mark.parametrize("thing", [len, 3, "text", int, functools.partial(len)])
    def test_of_something_without_is_refused_in_a_sentence(self, thing):
        with pytest.raises(ValueError, match="no Python source"):
            source(thing)


class TestShow:
    def test_prints_title_and_source_in_a_terminal(self, capsys):
        assert show(highlight) is None
        assert capsys.readouterr().out == f"course_lib/figures/shown.py: highlight\n\n{source(highlight)}\n"

    def test_html_holds_the_whole_source_and_nothing_of_this_machine(self):
        view = source_view(highlight)
        assert source(highlight) in plain(view.html)
        assert "/home" not in view.html and "0x" not in view.html
        assert view.html == source_view(highlight).html

    def test_html_needs_no_style_sheet(self):
        assert 'style="' in source_view(highlight).html and "class=" not in source_view(highlight).html

    def test_folded_is_closed(self):
        page = source_view(highlight, folded=True, title="The library's <version>").html
        assert (
            page.startswith("<details><summary>") and page.endswith("</details>") and "open" not in page[:20]
        )
        assert "The library&#x27;s &lt;version&gt;" in page

    def test_folded_is_closed_as_text_too(self):
        text = source_view(highlight, folded=True).text
        assert text.startswith("course_lib/figures/shown.py: highlight\n\n(folded")
        assert "return" not in text and source(highlight) in source_view(highlight).text

    def test_titles(self):
        assert source_view(Shown.display).text.startswith("course_lib/figures/shown.py: Shown.display\n")
        assert source_view(module).text.startswith("course_lib/figures/shown.py\n")
        assert source_view(exercises).text.startswith("course_lib/exercises/__init__.py\n")

    def test_code_that_looks_like_html_is_escaped(self):
        assert "<b>" not in highlight('text = "<b>&amp;"')
        assert plain(highlight('text = "<b>&amp;"')) == 'text = "<b>&amp;"'


class FakeShell:
    """As much of IPython as displaying needs."""

    execution_count = 1


@pytest.fixture
def notebook(monkeypatch):
    """A notebook that collects what is displayed."""
    import IPython.display

    shell, published = FakeShell(), []
    monkeypatch.setattr(module, "_notebook_shell", lambda: shell)
    monkeypatch.setattr(IPython.display, "publish_display_data", lambda data: published.append(data))
    return shell, published


class TestShown:
    def test_stands_there_once_in_its_cell_and_again_in_the_next(self, notebook):
        shell, published = notebook
        page = Html("<b>x</b>", "x")
        page.display()
        page._ipython_display_()  # the echo of the cell's last value
        assert published == [{"text/html": "<b>x</b>", "text/plain": "x"}]
        shell.execution_count = 2
        page._ipython_display_()
        assert len(published) == 2

    def test_is_shown_by_the_echo_alone(self, notebook):
        Html("<b>x</b>", "x")._ipython_display_()
        assert len(notebook[1]) == 1

    def test_show_displays_in_the_middle_of_a_cell(self, notebook, capsys):
        show(highlight)
        assert len(notebook[1]) == 1 and capsys.readouterr().out == ""

    def test_repr_is_its_text(self):
        assert repr(Html("<b>x</b>", "x")) == "x"


class TestCividis:
    def test_agrees_with_matplotlib(self):
        from matplotlib import colormaps, colors

        for share in (0.0, 0.2, 0.5, 0.8, 1.0):
            ours = colors.to_rgb(cividis(share)[0])
            assert ours == pytest.approx(colormaps["cividis"](share)[:3], abs=0.06)

    def test_ink_can_be_read(self):
        def luminance(colour: str) -> float:
            parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
            linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
            return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

        for i in range(101):
            light, dark = sorted(map(luminance, cividis(i / 100)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) > 4.5  # the contrast that WCAG 2.1 asks of text

    def test_stays_in_range(self):
        assert cividis(-3.0) == cividis(0.0) and cividis(9.0) == cividis(1.0)
