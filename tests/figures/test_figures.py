"""Figures: they show what they were given, stand there once, and can be read by everyone."""

from __future__ import annotations

import base64
import html
import io
import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace

import matplotlib
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot

from course_lib import figures as viz
from course_lib.figures import losses as figures_curves
from course_lib.figures import shown as show
from course_lib.start_here import views

matplotlib.use("Agg")


@dataclass(frozen=True)
class Record:
    """As much of a training record as curves need."""

    step: int
    train_loss: float
    val_loss: float | None = None
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class History:
    records: tuple[Record, ...] = ()


@dataclass(frozen=True)
class Config:
    steps: int | None = 40
    max_seconds: float | None = None


RECORDS = tuple(Record(10 * i, 5.0 / i, 5.5 / i if i % 2 else None, 640 * i, 0.5 * i) for i in range(1, 5))


class Bytes:
    """A tokenizer of bytes, with a few longer tokens behind them."""

    longer = ("小".encode()[:2], "小".encode()[2:], "🐈 a".encode(), b"<|endoftext|>", " 猫".encode()[:2])

    def encode(self, text):
        return list(text.encode())

    def token_bytes(self, id):
        return bytes([id]) if id < 256 else self.longer[id - 256]


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    pyplot.close("all")


def plain(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


class TestLossCurve:
    def test_draws_the_records(self):
        ax = viz.loss_curve(History(RECORDS), floor=1.0)
        lines = {line.get_label(): line for line in ax.lines}
        assert list(lines) == ["training", "validation", "entropy floor: 1.00"]
        assert lines["training"].get_xydata().tolist() == [[r.step, r.train_loss] for r in RECORDS]
        assert lines["validation"].get_xydata().tolist() == [[10, 5.5], [30, 5.5 / 3]]
        assert set(lines["entropy floor: 1.00"].get_ydata()) == {1.0}
        assert ax.get_ylabel() == "loss in nats per token"

    def test_over_tokens_or_seconds(self):
        assert viz.loss_curve(RECORDS, x="tokens").lines[0].get_xdata().tolist() == [640, 1280, 1920, 2560]
        assert viz.loss_curve(RECORDS, x="seconds").get_xlabel() == "seconds"
        with pytest.raises(ValueError, match="'step', 'tokens', 'seconds'"):
            viz.loss_curve(RECORDS, x="epochs")

    def test_compares_models_by_colour_and_by_marker(self):
        curves = {f"model {i}": History(RECORDS) for i in range(9)}
        lines = viz.loss_curve(curves, floor=0.5).lines[:9]
        assert [line.get_label() for line in lines] == list(curves)
        looks = {(line.get_color(), line.get_marker()) for line in lines[:7]}
        assert len(looks) == len({look[0] for look in looks}) == len({look[1] for look in looks}) == 7

    def test_compares_training_losses_where_validation_was_measured_once(self):
        records = (Record(1, 4.0), Record(2, 3.0, 3.1))
        assert viz.loss_curve({"a": records}).lines[0].get_ydata().tolist() == [4.0, 3.0]

    def test_uses_the_axes_it_is_given(self):
        _, axes = pyplot.subplots(1, 2)
        assert viz.loss_curve(RECORDS, ax=axes[1]) is axes[1] and not axes[0].lines
        assert len(pyplot.get_fignums()) == 1

    def test_says_in_words_what_it_shows(self):
        alt = viz.loss_curve(RECORDS, floor=0.7).course_alt
        assert (
            "from 5.00 to 1.25 nats per token" in alt and "ends at 1.83" in alt and "floor is at 0.70" in alt
        )

    @pytest.mark.parametrize("history", [(), History(), {}, {"a": ()}, RECORDS[:1]])
    def test_can_be_empty(self, history):
        viz.picture(viz.loss_curve(history))


class FakeHandle:
    def __init__(self):
        self.updates = []

    def update(self, data, metadata, raw):
        self.updates.append((data, metadata))


@pytest.fixture
def notebook(monkeypatch):
    """A notebook that collects what is displayed and updated."""
    import IPython.display

    handle, shown = FakeHandle(), []

    def display(data, metadata, raw, display_id):
        shown.append((data, metadata))
        return handle

    monkeypatch.setattr(figures_curves, "_in_notebook", lambda: True)
    monkeypatch.setattr(IPython.display, "display", display)
    return shown, handle.updates


def run(curve: viz.LiveCurve, records=RECORDS) -> None:
    curve.on_start(Config(), History())
    for i, record in enumerate(records, start=1):
        assert curve.on_record(record, History(records[:i])) is None  # never asks the training to stop
    curve.on_end(History(records))


class TestLiveCurve:
    def test_shows_once_updates_in_place_and_ends_with_the_whole_curve(self, notebook, capsys):
        shown, updates = notebook
        curve = viz.LiveCurve(floor=1.0, every=0.0)
        run(curve)
        assert len(shown) == 1 and updates
        assert updates[-1] == curve.picture.bundle() and "from 5.00 to 1.25" in curve.picture.alt
        assert base64.b64decode(shown[0][0]["image/png"]).startswith(b"\x89PNG")
        assert capsys.readouterr().out.strip() == curve.picture.alt  # said once, at the end

    def test_is_throttled(self, notebook):
        _, updates = notebook
        run(viz.LiveCurve(every=3600.0))
        assert len(updates) == 1  # the last one only

    def test_drawing_takes_a_small_share_of_the_time(self, notebook, monkeypatch):
        now = [0.0]

        class SlowPicture(viz.Picture):
            def __init__(self, figure, alt=""):
                self.png, self.alt, self.width = b"", alt, 1
                now[0] += 1.0  # drawing takes a second

        monkeypatch.setattr(figures_curves.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(figures_curves, "Picture", SlowPicture)
        curve = viz.LiveCurve(every=0.1)
        curve.on_start(Config(), History())
        for _ in range(1000):
            now[0] += 0.1  # a record every tenth of a second
            curve.on_record(RECORDS[0], History(RECORDS[:1]))
        drawn = len(notebook[1])
        assert 2 <= drawn <= 0.06 * now[0]

    def test_can_be_used_for_a_second_training(self, notebook):
        shown, _ = notebook
        curve = viz.LiveCurve()
        run(curve)
        run(curve)
        assert len(shown) == 2

    def test_leaves_no_figure_to_pyplot(self, notebook):
        run(viz.LiveCurve(every=0.0))
        assert pyplot.get_fignums() == []

    def test_is_silent_in_a_terminal(self, capsys):
        curve = viz.LiveCurve()
        run(curve)
        assert curve.picture is None and capsys.readouterr().out == ""

    def test_fits_the_training_loop(self, notebook):
        training = pytest.importorskip("course_lib.training")
        ids = torch.tensor([0, 1, 2] * 20)
        model = torch.nn.Sequential(torch.nn.Embedding(3, 8), torch.nn.Linear(8, 3))
        curve = viz.LiveCurve(floor=0.0)
        settings = training.TrainConfig(steps=30, batch_size=8, context_length=5, lr=0.1)
        history = training.train(model, ids, settings, val_ids=ids, callbacks=[curve])
        assert f"to {history.train_loss:.2f} nats" in curve.picture.alt


class TestPictures:
    def test_picture_is_a_png_with_alt_text_and_closes_its_figure(self):
        picture = viz.picture(views.llm_life())
        data, metadata = picture.bundle()
        image = pyplot.imread(io.BytesIO(base64.b64decode(data["image/png"])))
        assert image.shape[1] > 1000 and image.std() > 0.05
        assert metadata["image/png"]["alt"] == data["text/plain"] == repr(picture)
        assert metadata["image/png"]["width"] <= 960  # fits a laptop
        assert pyplot.get_fignums() == []

    def test_picture_says_below_what_it_shows(self, monkeypatch):
        import IPython.display

        published = []
        monkeypatch.setattr(IPython.display, "publish_display_data", lambda *output: published.append(output))
        monkeypatch.setattr(show, "_notebook_shell", lambda: SimpleNamespace(execution_count=1))
        viz.picture(views.llm_life(), alt="Five <boxes>.")._ipython_display_()
        assert [list(output[0]) for output in published] == [
            ["image/png", "text/plain"],
            ["text/html", "text/plain"],
        ]
        assert "Five &lt;boxes&gt;." in published[1][0]["text/html"]

    def test_alt_text_can_be_given(self):
        figure, _ = pyplot.subplots()
        assert viz.picture(figure, alt="An empty frame.").alt == "An empty frame."
        assert repr(viz.picture(pyplot.subplots()[1])) == "(figure)"


class TestTokens:
    def test_text_is_all_there(self):
        page = viz.tokens_html("a <b> &", Bytes())
        assert plain(page.html).startswith("a·<b>·&") and page.html.count("title=") == 7
        assert page.text == "a|·|<|b|>|·|&  (7 tokens, 7 characters)"

    def test_parts_of_characters_are_shown_as_bytes(self):
        assert viz.tokens_html([256, 257, 97], Bytes()).text == "[E5 B0]|[8F]=小|a  (3 tokens, 2 characters)"
        assert "E5 B0" in viz.tokens_html([256, 257], Bytes()).html

    def test_a_character_that_ends_in_the_next_token(self):
        assert viz.tokens_html([260, 0x8C, 0xAB], Bytes()).text.startswith("[20 E7]=·|[8C]|[AB]=猫")

    def test_a_broken_end_is_marked(self):
        assert viz.tokens_html([97, 256], Bytes()).text == "a|[E5 B0]=�  (2 tokens, 2 characters)"

    def test_whole_tokens_with_several_characters(self):
        assert viz.tokens_html([258], Bytes()).text == "🐈·a  (1 token, 3 characters)"

    def test_line_ends_break_the_line(self):
        page = viz.tokens_html("a\nb\n", Bytes())
        assert page.html.count("<br>") == 1 and page.text.startswith("a|⏎|b|⏎")

    def test_several_texts(self):
        page = viz.tokens_html({"English": "ab", "<x>": torch.tensor([256, 257])}, Bytes())
        assert page.text.splitlines()[0] == "English: a|b  (2 tokens, 2 characters)"
        assert "&lt;x&gt;" in page.html and "<x>" not in page.html

    def test_neighbours_have_different_colours(self):
        colours = re.findall(r"background-color: (#\w+)", viz.tokens_html("abcdefghij", Bytes()).html)
        assert len(colours) == 10 and all(a != b for a, b in pairwise(colours))

    def test_ids_can_be_shown(self):
        assert "<sub" in viz.tokens_html("a", Bytes(), ids_too=True).html

    @given(st.text(max_size=30))
    def test_no_character_is_lost(self, text):
        try:
            text.encode()
        except UnicodeEncodeError:  # half of a surrogate pair is no text
            return
        page = viz.tokens_html(text, Bytes())
        assert f"({len(text.encode())} token" in page.text and f"{len(text)} character" in page.text

    def test_the_courses_own_tokenizers(self):
        tokens = pytest.importorskip("course_lib.tokens")
        tokenizer = tokens.BPETokenizer.train("小猫坐在垫子上。 the cat sat on the mat. " * 5, vocab_size=280)
        page = viz.tokens_html("the 小猫", tokenizer)
        ids = tokenizer.encode("the 小猫")
        assert f"({len(ids)} tokens, 6 characters)" in page.text
        assert len(viz.token_labels(ids, tokenizer)) == len(ids)
        assert "h|a  (2 tokens" in viz.tokens_html("ha", tokens.CharTokenizer.train("hai")).text

    def test_probabilities_of_tokens(self):
        page = viz.token_probabilities_html([97, 98, 99], torch.tensor([0.0, 0.5, 1.0]), Bytes())
        assert page.text == "a (0.00)|b (0.50)|c (1.00)"
        assert "0.69 nats" in page.html and "infinitely surprising" in page.html
        with pytest.raises(ValueError, match="3 ids and 2 probabilities"):
            viz.token_probabilities_html([1, 2, 3], [0.5, 0.5], Bytes())


class TestProbabilityBars:
    def test_are_sorted_and_cut(self):
        page = viz.probability_bars(torch.tensor([0.1, 0.6, 0.3]), ["a", "猫", "<c>"], top=2, chosen=2)
        assert [line.split()[0] for line in page.text.splitlines()] == ["猫", "<c>"]
        assert page.text.endswith("<- chosen") and "&lt;c&gt;" in page.html and ">a<" not in page.html

    def test_lengths_are_proportional(self):
        page = viz.probability_bars([0.5, 0.25, 0.25, 0.0], list("abcd"))
        assert re.findall(r"width: ([\d.]+)%", page.html) == ["100.0", "50.0", "50.0", "0.0"]

    def test_before_and_after_keep_the_order_of_before(self):
        page = viz.probability_bars([0.0, 1.0], ["a", "b"], before=[0.7, 0.3])
        assert page.html.index(">a<") < page.html.index(">b<") and "(before: 0.700)" in page.html

    def test_labels_of_a_tokenizer(self):
        chances = torch.zeros(300)
        chances[97] = 1.0
        assert viz.probability_bars(chances, Bytes(), top=1).text.startswith("a  1.000")


def test_tensors_with_gradients_are_accepted_and_stay():
    attn = torch.rand(2, 4, 4, requires_grad=True)
    viz.probability_bars(attn[0, 0], list("abcd"))
    assert attn.requires_grad and attn.grad is None


def test_importing_viz_loads_neither_matplotlib_nor_torch():
    import subprocess

    heavy = ("torch", "matplotlib", "numpy", "IPython")
    code = f"import sys, course_lib.figures; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


class TestWordsInFigures:
    @pytest.mark.parametrize(
        "label", ["$$", "from $5 to $10", "$x", "\\alpha_{", "a\ud800b", "_hidden", "%d", ""]
    )
    def test_labels_are_taken_as_they_stand(self, label):
        """Whatever a text holds, the figure is drawn, and nothing is set as a formula."""
        ax = viz.curves({label: ([1, 2], [3, 4])}, label, label)
        ax.set_title(label)
        ax.set_xticks([1, 2], [label.replace("\ud800", "?")] * 2)
        viz.picture(ax)
        assert ax.get_title() == label.replace("\ud800", "?")
        assert not any(text.get_parse_math() for text in (ax.title, *ax.get_xticklabels()))

    def test_powers_on_an_axis_are_still_set_as_powers(self):
        ax = viz.curves({"a": ([1, 1000], [1e-6, 1.0])}, "x", "y", log="xy")
        viz.picture(ax)
        assert all(label.get_parse_math() for label in ax.get_yticklabels())

    def test_a_quote_shows_every_letter(self):
        told = viz.quote("<b>$5</b> & *you*\n", title="<i>")
        assert "&lt;b&gt;$5&lt;/b&gt; &amp; *you*\n" in told.html and "<i>" not in told.html
        assert str(told) == "<i>: <b>$5</b> & *you*\n"
