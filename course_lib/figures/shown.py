"""Show source code inside a notebook, and anything else that has both an HTML and a plain-text form.

`show(course_lib.attention.scaled_dot_product)` prints the real source, coloured in a notebook and plain in a
terminal. It knows nothing about what the code does. `Html`, `Shown` and `cividis` are the small display
pieces that `course_lib.figures` and `course_lib.exercises` build on. Output is the same on every run: no
addresses, no full paths.
"""

from __future__ import annotations

import functools
import html
import inspect
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from course_lib.arguments import check_instance, number
from course_lib.figures.arguments import checked

NO_FORMULAS = "tex2jax_ignore mathjax_ignore"
_QUOTE = (
    "border-left: 3px solid #888; padding: 2px 12px; margin: 6px 0; line-height: 1.5; white-space: pre-wrap"
)


class Shown:
    """Base for results that show themselves once: in a notebook as HTML, elsewhere as printed text.

    A subclass gives `_repr_html_` and `__str__`. After `display()`, the notebook's own echo of a cell's last
    value is silent for that cell, so that nothing stands there twice.
    """

    _shown_in: object = None

    def _repr_html_(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        return str(self)

    def display(self) -> None:
        """Show this object now, wherever in a cell or script the call stands."""
        if (shell := _notebook_shell()) is not None:
            from IPython.display import publish_display_data

            publish_display_data({"text/html": without_formulas(self._repr_html_()), "text/plain": str(self)})
            object.__setattr__(self, "_shown_in", shell.execution_count)
        elif not hasattr(sys, "ps1"):  # at Python's own prompt, the echo of the value is enough
            print(self)

    def _ipython_display_(self) -> None:
        shell = _notebook_shell()
        if shell is None or self._shown_in != shell.execution_count:
            self.display()


@checked()
def without_formulas(page: str) -> str:
    """HTML in which a notebook sets nothing as a formula: "$5 and $10" are two prices.

    >>> without_formulas("$5 and $10")
    '<div class="tex2jax_ignore mathjax_ignore">$5 and $10</div>'
    """
    # The first class is for MathJax 2 and 3, the second for 4; what has no sign of a formula stays as it is.
    begins = ("$", r"\(", r"\[", r"\begin")
    return f'<div class="{NO_FORMULAS}">{page}</div>' if any(map(page.__contains__, begins)) else page


@checked()
def quote(text: str, title: str = "") -> Html:
    """A text that a model or a person wrote, letter by letter as it stands, set apart by a line at its left.

    Whatever it holds, Markdown, HTML or dollar signs, is shown and nothing is carried out.

    >>> print(quote("<b>5 * 3</b>", title="5"))
    5: <b>5 * 3</b>
    """
    head = f"<b>{html.escape(title)}:</b> " if title else ""
    page = f'<div style="{_QUOTE}">{head}{html.escape(text)}</div>'
    return Html(page, f"{title}: {text}" if title else text)


_FOLDED = "(folded; without `folded=True`, `show` prints it)"  # what can't be clicked open stays closed


def _notebook_shell() -> Any:
    """The running IPython shell, or None; asks without importing IPython."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None


@dataclass(frozen=True, repr=False)
class Html(Shown):
    """HTML for a notebook with the same content as text for a terminal.

    >>> Html("<b>bold</b>", text="bold")
    bold
    """

    html: str
    text: str = ""

    def __post_init__(self) -> None:
        for name in ("html", "text"):
            check_instance("Html", name, getattr(self, name), str, "a text")

    def _repr_html_(self) -> str:
        return self.html

    def __str__(self) -> str:
        return self.text


def source(obj: Any) -> str:
    """The source text of a function, class, method or module.

    Raises: ValueError if there is no Python source to show (built-ins, plain values).

    >>> print(source(source).splitlines()[0])
    def source(obj: Any) -> str:
    """
    try:
        return textwrap.dedent(inspect.getsource(_definition(obj))).rstrip("\n")
    except (TypeError, OSError):
        raise ValueError(
            f"show got {_name(obj)}, which has no Python source; "
            "give it a function, class or module of course_lib."
        ) from None


@checked()
def highlight(code: str) -> str:
    """Python code as HTML with its colours written inline, so that it looks the same in every notebook
    viewer.

    >>> "return" in highlight("return 1")
    True
    """
    from pygments import highlight as pygmentize
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    # Each token carries its colour, and so does the box: readable on a dark theme as well.
    formatter = HtmlFormatter(noclasses=True, style="default", nowrap=True)
    box = (
        "background-color: #f8f8f8; color: #1a1a1a; padding: 8px 12px; border: 1px solid #d0d0d0; "
        "font-family: var(--jp-code-font-family, monospace), monospace; font-size: 0.92em; "
        "line-height: 1.35; overflow: auto; margin: 4px 0"
    )
    return f'<pre style="{box}">{pygmentize(code, PythonLexer(), formatter).rstrip()}</pre>'


@checked()
def source_view(obj: Any, folded: bool = False, title: str | None = None) -> Html:
    """The source of `obj` as an object that can be shown: what `show` displays.

    >>> source_view(source_view).text.splitlines()[0]
    'course_lib/figures/shown.py: source_view'
    """
    code, title = source(obj), title or _title(obj)
    head = f"<code>{html.escape(title)}</code>"
    if folded:
        page = f"<details><summary>{head}</summary>{highlight(code)}</details>"
        return Html(page, f"{title}\n\n{_FOLDED}")
    return Html(f"<div>{head}{highlight(code)}</div>", f"{title}\n\n{code}")


@checked()
def show(obj: Any, folded: bool = False, title: str | None = None) -> None:
    """Display the source of a function, class, method or module; `folded=True` puts it behind a click, and
    where there is nothing to click, leaves it out.

    Raises: ValueError if there is no Python source to show.

    >>> show(Shown._repr_html_)
    course_lib/figures/shown.py: Shown._repr_html_
    <BLANKLINE>
    def _repr_html_(self) -> str:
        raise NotImplementedError
    """
    view = source_view(obj, folded, title)
    if _notebook_shell() is None:
        print(view)
    else:
        view.display()


def _definition(obj: Any) -> Any:
    """The object whose source a reader means: behind decorators, `functools.partial` and `property`."""
    if isinstance(obj, functools.partial):
        return _definition(obj.func)
    if isinstance(obj, property):
        return _definition(obj.fget)
    return inspect.unwrap(obj) if callable(obj) else obj


def _name(obj: Any) -> str:
    return getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None) or f"a {type(obj).__name__}"


def _title(obj: Any) -> str:
    definition = _definition(obj)
    if isinstance(definition, ModuleType):
        return _short_path(definition.__name__)
    return f"{_short_path(definition.__module__)}: {_name(definition)}"


def _short_path(module: str) -> str:
    """`course_lib/attention/formula.py` for the module course_lib.attention.formula, whatever the machine."""
    path = getattr(sys.modules.get(module), "__file__", None)
    is_package = path is not None and Path(path).stem == "__init__"
    return module.replace(".", "/") + ("/__init__.py" if is_package else ".py")


# Colour -----------------------------------------------------------------------------------------------------

# A few points of matplotlib's cividis, which reads the same with every kind of colour vision.
_CIVIDIS = (
    (0, 34, 78),
    (50, 66, 109),
    (87, 92, 109),
    (122, 121, 120),
    (159, 151, 117),
    (201, 184, 102),
    (254, 232, 56),
)


def cividis(share: float) -> tuple[str, str]:
    """Background and ink colour for a number between 0 (dark blue) and 1 (yellow).

    >>> cividis(0.0), cividis(1.0)
    (('#00224e', '#ffffff'), ('#fee838', '#000000'))
    """
    place = min(max(number("cividis", "share", share), 0.0), 1.0) * (len(_CIVIDIS) - 1)
    i = min(int(place), len(_CIVIDIS) - 2)
    low, high = _CIVIDIS[i], _CIVIDIS[i + 1]
    rgb = [round(a + (b - a) * (place - i)) for a, b in zip(low, high, strict=True)]
    red, green, blue = ((value / 255) ** 2.2 for value in rgb)
    # White and black contrast equally with a luminance of 0.18.
    ink = "#ffffff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18 else "#000000"
    return "#{:02x}{:02x}{:02x}".format(*rgb), ink
