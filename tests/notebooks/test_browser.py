"""The course as a person meets it: JupyterLab in a real browser, notebooks run, every kind of widget moved by
keyboard.

A browser of the Chromium family is needed. On Linux its absence is an error, so that CI cannot lose this test
unseen.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from course_lib.shell.machine import browser_advice, find_browser

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "for-this-test-only"
NOTEBOOKS = [name for name in ("00_start_here",) if (ROOT / "notebooks" / f"{name}.ipynb").exists()]
WIDGETS = (  # one cell for each kind: what it is, and what it redraws
    ("01_tokens", "hand-slider"),  # a stepper that redraws HTML
    ("02_context", "write-slider"),  # printed text
    ("03_attention", "slider-code"),  # layer, head and place: HTML
    ("04_model", "grow-slider"),  # numbers and a choice, a figure
    ("05_training", "slider-code"),  # decimal numbers, a figure
    ("06_generation", "slider-code"),  # several decimal numbers, bars
    ("07_interop", "memory-slider"),  # numbers and a table
)
RUN_SECONDS = 300
SETTINGS = {
    "apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "docmanager-extension/plugin": {"autosave": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # every cell is on the page, seen or not
}
CHROMIUM_OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SLIDER = """\
from ipywidgets import interact


@interact(number=(0, 10))
def square(number=3):
    print(f"{number} squared is {number**2}")
"""
CHAT = """\
import time

from course_lib.assistant.views import ChatBox

stopped = []


def spell(text):
    stopped.clear()
    for letter in text:
        time.sleep(0.1)
        if stopped:
            return
        yield letter


ChatBox(spell, stop=lambda: stopped.append(True), clear=lambda: None, examples={"Long": "la" * 300})
"""
SAYS = "pattern => new RegExp(pattern).test(document.querySelector('.widget-html').innerText)"
RUN_ALL = """
async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    window.ranAll = false;
    app.commands.execute('notebook:run-all-cells').finally(() => { window.ranAll = true; });
}
"""
RUN_UNTIL = """
async (id) => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    const cells = panel.content.widgets;
    panel.content.activeCellIndex = cells.findIndex(cell => cell.model.id === id);
    window.ranAll = false;
    app.commands.execute('notebook:run-all-above')
        .then(() => app.commands.execute('notebook:run-cell'))
        .finally(() => { window.ranAll = true; });
}
"""
OUTPUTS = """
() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.cells
    .filter(cell => cell.cell_type === 'code')
    .map(cell => ({id: cell.id, count: cell.execution_count, outputs: cell.outputs}))
"""

TEXTS = """\
from IPython.display import HTML, Markdown, display

from course_lib import figures as viz
from course_lib.assistant.views import transcript
from course_lib.tokens import CharTokenizer
from course_lib.tokens import exercises as ex

TEXT = (
    "It costs $5 and $10, or \\\\(7\\\\). "
    "<img src=x onerror='window.ran = 1'><script>window.ran = 1</script>[a](javascript:window.ran=1)"
)
viz.quote(TEXT, title=TEXT).display()
viz.table([TEXT], [[TEXT]]).display()
viz.tokens_html(TEXT, CharTokenizer.train(TEXT)).display()
viz.token_probabilities_html([0, 1], [0.5, 0.5], CharTokenizer.train(TEXT)).display()
transcript([{"role": "user", "content": TEXT}], note=TEXT).display()
ex.decode_ids.check(lambda ids, vocabulary: TEXT)
axes = viz.curves({TEXT: ([1, 2], [3, 4])}, TEXT, TEXT)
display(viz.picture(axes, alt=TEXT))
display(Markdown("A formula: $x^2$"), HTML("<img src=x onerror='window.noticed = 1'>"))  # are both noticed?
"""


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    program = find_browser()
    if program is None:
        message = f"there is no browser for this test: {browser_advice()}"
        pytest.fail(message) if sys.platform == "linux" else pytest.skip(message)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=CHROMIUM_OPTIONS)
        yield opened
        opened.close()


def variables(folder: Path) -> dict[str, str]:
    """A person's first day: no settings, no progress."""
    for name, setting in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(setting))
    own = {
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "COURSE_PROGRESS": "progress.json",
        "COURSE_MY_GPT": "my_gpt",
    }
    paths = {name: str(folder / place) for name, place in own.items()}
    return {**os.environ, **paths, "JUPYTER_TOKEN": TOKEN, "JUPYTER_PREFER_ENV_PATH": "1"}


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """The address of a JupyterLab that serves copies of the notebooks, and one with a slider."""
    folder = tmp_path_factory.mktemp("lab")
    served = folder / "notebooks"
    shutil.copytree(ROOT / "notebooks", served, ignore=shutil.ignore_patterns(".*"))
    cells = [nbformat.v4.new_code_cell(SLIDER, id="slider"), nbformat.v4.new_code_cell("6 * 7", id="sum")]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    single = {"chat": CHAT, "texts": TEXTS}
    owned = {name: [nbformat.v4.new_code_cell(source, id=name)] for name, source in single.items()}
    for name, own in {"slider": cells, **owned}.items():
        notebook = nbformat.v4.new_notebook(cells=own, metadata={"kernelspec": kernel})
        nbformat.write(notebook, served / f"{name}.ipynb")
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={served}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=variables(folder), cwd=folder, stdout=log, stderr=log)
        try:
            wait_for_server(process, port, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def wait_for_server(process: subprocess.Popen, port: int, log: Path) -> None:
    local = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), local.open(f"http://127.0.0.1:{port}/api", timeout=5):
            return
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture
def page(browser, request):
    """A page of its own; what the browser says goes into the report of a test that fails."""
    with contextlib.closing(browser.new_context(viewport={"width": 1280, "height": 1000})) as context:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda problem: print("in the browser:", problem))
        yield page


def run_all(page, address: str, notebook: str, until: str | None = None) -> list[dict]:
    """Open a notebook and run all its cells, or those down to one; gives them with their outputs."""
    page.goto(f"{address}/lab/tree/{notebook}.ipynb?token={TOKEN}&reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
    page.evaluate(*((RUN_ALL,) if until is None else (RUN_UNTIL, until)))
    page.wait_for_function("window.ranAll", timeout=RUN_SECONDS * 1000)
    return page.evaluate(OUTPUTS)


def errors(cells: list[dict]) -> list[str]:
    found = ((cell["id"], output) for cell in cells for output in cell["outputs"])
    return [
        f"{name}: {output['ename']}: {output['evalue']}"
        for name, output in found
        if output["output_type"] == "error"
    ]


def move_first_slider(page) -> tuple[str, str]:
    """Move the first slider one step to the right with the keyboard; gives what it said before and after."""
    readout = page.locator(".widget-slider .widget-readout").first
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.scroll_into_view_if_needed()
    before = readout.inner_text()
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "before => document.querySelector('.widget-slider .widget-readout').innerText !== before", arg=before
    )
    return before, readout.inner_text()


def step(page, slider) -> None:
    """Move a slider one step by keyboard; back where there is nothing beyond."""
    readout, handle = slider.locator(".widget-readout"), slider.locator(".noUi-handle").first
    handle.scroll_into_view_if_needed()
    before = readout.inner_text()
    for key in ("ArrowRight", "ArrowLeft"):
        handle.focus()
        page.keyboard.press(key)
        page.wait_for_timeout(100)
        if readout.inner_text() != before:
            return
    pytest.fail(f"no key moves the slider that says {before!r}")


def test_a_slider_moves_and_python_answers(page, address):
    cells = run_all(page, address, "slider")
    assert not errors(cells)
    assert cells[1]["outputs"][0]["data"]["text/plain"] == "42"
    output = page.locator(".widget-interact .jp-OutputArea-output")
    output.get_by_text("3 squared is 9").wait_for()
    assert move_first_slider(page) == ("3", "4")
    output.get_by_text("4 squared is 16").wait_for()


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(page, address, notebook):
    cells = run_all(page, address, notebook)
    assert not errors(cells)
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    if page.locator(".widget-interact .noUi-handle").count():
        before, after = move_first_slider(page)
        assert before != after


@pytest.mark.parametrize(("notebook", "cell"), WIDGETS, ids=[notebook for notebook, _ in WIDGETS])
def test_every_widget_redraws_what_it_is_for(page, address, notebook, cell):
    cells = run_all(page, address, notebook, until=cell)
    assert not errors(cells)
    drawn = page.locator(".widget-interact .jp-OutputArea").first
    drawn.locator(".jp-OutputArea-output").first.wait_for()
    sliders = page.locator(".widget-interact").first.locator(".widget-slider")
    assert sliders.count() >= 1
    for number in range(sliders.count()):
        before = drawn.inner_html()
        step(page, sliders.nth(number))
        page.wait_for_function(
            "before => document.querySelector('.widget-interact .jp-OutputArea').innerHTML !== before",
            arg=before,
        )


def test_a_chat_is_written_letter_by_letter_stopped_and_cleared(page, address):
    assert not errors(run_all(page, address, "chat"))
    said = page.locator(".jp-OutputArea-output .widget-html").first
    line = page.locator(".widget-text input").first
    line.fill("Good morning, you!")
    line.press("Enter")
    page.wait_for_function(SAYS, arg="Assistant\\s+G[^!]*$")  # some of it is there before the rest
    page.wait_for_function(SAYS, arg="Assistant\\s+Good morning, you!\\s*$")
    assert line.input_value() == ""
    page.get_by_role("button", name="Long").click()
    page.wait_for_function(SAYS, arg="Assistant\\s+lalala[la]*$")
    page.get_by_role("button", name="Stop").click()
    page.locator("button:enabled", has_text="Send").wait_for()
    before = said.inner_text()
    page.wait_for_timeout(500)
    assert said.inner_text() == before and before.count("la") < 500
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function(SAYS, arg="^\\s*$")


def test_texts_are_shown_letter_by_letter(page, address):
    """Whatever a model or a person wrote: no script of it runs, and no price becomes a formula."""
    assert not errors(run_all(page, address, "texts"))
    page.wait_for_selector("mjx-container")
    page.wait_for_function("window.noticed")
    assert page.locator("mjx-container").count() == 1  # the formula that is one
    shown = page.locator(".jp-OutputArea-output").filter(has_text="It costs $5 and $10")
    assert shown.count() == 5  # the others set it letter by letter, or in a picture
    assert page.evaluate("window.ran") is None


def test_a_cell_that_fails_is_seen():
    broken = {"output_type": "error", "ename": "ValueError", "evalue": "no"}
    fine = {"output_type": "stream", "name": "stdout", "text": "yes"}
    cells = [{"id": "good", "outputs": [fine]}, {"id": "bad", "outputs": [fine, broken]}]
    assert errors(cells) == ["bad: ValueError: no"]
