"""Views and notebooks fed with scripts, looked at in a browser; and notebooks without a network."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat

from course_lib.shell.machine import find_browser
from faults import ROOT, Part
from faults.limits import told

LIMIT = 1500.0  # seconds for a notebook, its page included; the longest takes some minutes
CELL_LIMIT = 600  # seconds for one of its cells
PAGE_LIMIT = 60  # seconds for anything that a browser is asked
SCRIPT = " <img src=x onerror='window.ran = 1'><script>window.ran = 1</script> $5 and $10"
SPOILED = f"""
from course_lib.tokens.base import Tokenizer as _Tokenizer
from course_lib.tokens.bpe import BPETokenizer as _BPE

def _spoiled(decode):
    return lambda self, *arguments, **options: decode(self, *arguments, **options) + {SCRIPT!r}

for _class in {{_Tokenizer, _BPE}}:
    if "decode" in vars(_class):
        _class.decode = _spoiled(_class.decode)
"""


def views(share: float, folder: Path) -> Part:
    """Every view of the course with hostile texts in it, in a browser."""
    part = Part("HTML of every view, fed with scripts, in a browser", "no script ran")
    sys.path.insert(0, str(ROOT / "tests" / "figures"))
    import hostile
    import matplotlib

    matplotlib.use("Agg")
    with _browser() as opened:
        for view in hostile.views():
            for text in list(hostile.TEXTS.values())[: max(2, round(len(hostile.TEXTS) * share))]:
                for made in hostile.shown(view, text):
                    part.add(f"{view.name}: {text!r}" if _runs(opened, hostile.page(made)) else None)
    return part


def fed(share: float, folder: Path) -> Part:
    """Every notebook with a script at the end of whatever a tokenizer decodes, its outputs in a browser."""
    part = Part("notebooks in which every decoded text ends in a script, in a browser", "no script ran")
    for path in _notebooks():
        part.add(told(path.stem, LIMIT, fed_one, path, folder))
    return part


def fed_one(path: Path, folder: Path) -> str | None:
    """What is wrong with one notebook whose texts end in a script."""
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SPOILED))
    _execute(notebook, folder, os.environ)
    page, _ = HTMLExporter(exclude_input=True).from_notebook_node(notebook)
    with _browser() as opened:
        return f"{path.stem}: a script ran" if _runs(opened, page) else None


def offline(share: float, folder: Path) -> Part:
    """Every notebook in a Python whose sockets reach this machine only."""
    part = Part("notebooks run while all sockets but those to this machine are refused", "no cell failed")
    for path in _notebooks():
        part.add(told(path.stem, LIMIT, offline_one, path, folder))
    return part


def offline_one(path: Path, folder: Path) -> str | None:
    """What is wrong with one notebook that knows no network."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "offline"), "HF_HUB_OFFLINE": "1"}
    notebook = nbformat.read(path, as_version=4)
    _execute(notebook, folder, environment)
    errors = (
        f"{path.stem}, {cell.id}: {output.ename}: {output.evalue}"
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    )
    return "; ".join(errors) or None


def _notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def _execute(notebook: Any, folder: Path, environment: Mapping[str, str]) -> None:
    """Run a notebook to its end, whatever happens in it."""
    from nbclient import NotebookClient

    own = {"COURSE_PROGRESS": str(folder / "progress.json"), "COURSE_MY_GPT": str(folder / "my_gpt")}
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT,
        allow_errors=True,
        shutdown_kernel="immediate",  # there is nothing in it to be kept
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**environment, **own})


@contextlib.contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox"], timeout=1000 * PAGE_LIMIT
        )
        try:
            page = opened.new_page()
            page.set_default_timeout(1000 * PAGE_LIMIT)
            yield page
        finally:
            opened.close()


def _runs(page: Any, content: str) -> bool:
    """Whether something in this HTML ran."""
    page.set_content(f"<body>{content}<script>window.noticed = 1</script></body>")
    page.wait_for_function("window.noticed")
    page.mouse.move(40, 40)
    return page.evaluate("window.ran") is not None
