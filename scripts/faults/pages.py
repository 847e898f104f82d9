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
    from nbconvert import HTMLExporter

    for notebook in _notebooks():
        notebook.cells.insert(0, nbformat.v4.new_code_cell(SPOILED))
        _execute(notebook, folder, os.environ)
        page, _ = HTMLExporter(exclude_input=True).from_notebook_node(notebook)
        if SCRIPT.split("'")[1] not in page:
            part.note = "some notebooks decode nothing"
        with _browser() as opened:
            part.add(notebook.metadata["name"] if _runs(opened, page) else None)
    return part


def offline(share: float, folder: Path) -> Part:
    """Every notebook in a Python whose sockets reach this machine only."""
    part = Part("notebooks run while all sockets but those to this machine are refused", "no cell failed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "offline"), "HF_HUB_OFFLINE": "1"}
    for notebook in _notebooks():
        errors = _execute(notebook, folder, environment)
        part.add("; ".join(errors) or None)
    return part


def _notebooks() -> Iterator[Any]:
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["name"] = path.stem
        yield notebook


def _execute(notebook: Any, folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Run a notebook to its end, whatever happens in it; gives what went wrong."""
    from nbclient import NotebookClient

    own = {"COURSE_PROGRESS": str(folder / "progress.json"), "COURSE_MY_GPT": str(folder / "my_gpt")}
    client = NotebookClient(
        notebook, timeout=600, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**environment, **own})
    return [
        f"{notebook.metadata['name']}, {cell.id}: {output.ename}: {output.evalue}"
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "error"
    ]


@contextlib.contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield opened.new_page()
        opened.close()


def _runs(page: Any, content: str) -> bool:
    """Whether something in this HTML ran."""
    page.set_content(f"<body>{content}<script>window.noticed = 1</script></body>")
    page.wait_for_function("window.noticed")
    page.mouse.move(40, 40)
    return page.evaluate("window.ran") is not None
