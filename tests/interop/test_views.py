"""The figures of notebook 07 show what they say: boxes, letters, bars and lines."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib import pyplot

from course_lib import figures as viz
from course_lib.interop import views
from course_lib.tokens.bpe import byte_alphabet


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


def test_the_bridge_names_every_tool_and_can_be_in_another_language():
    texts = [text.get_text() for text in views.bridge(words={"out": "hinaus"}).texts]
    assert "transformers serve" in texts and "hinaus" in texts and "export" not in texts
    assert "AutoModelForCausalLM" in " ".join(texts)
    assert "over HTTP" in viz.picture(views.bridge()).alt


def test_the_grid_tints_the_68_letters_that_moved():
    grid = views.letter_grid(byte_alphabet())
    assert grid.html.count("#fde3b3") == 68 and grid.html.count("<td") == 256
    assert 'title="byte 32"' in grid.html and "Ġ" in grid.html
    assert "&lt;" in grid.html and "&amp;" in grid.html
    assert grid.text.split("\n")[2].startswith("20  Ġ ! ")


def test_the_grid_wants_all_bytes():
    with pytest.raises(ValueError, match="got 3 letters"):
        views.letter_grid({1: "a", 2: "b", 3: "c"})


@example({"a": 1e-05})
@given(st.dictionaries(st.sampled_from("abcde"), st.floats(1e-9, 1e3) | st.just(0.0), min_size=1, max_size=5))
def test_bars_are_as_long_as_the_differences(differences):
    tolerance = 1e-5
    ax = views.difference_bars(differences, dict.fromkeys(differences, 0.5), tolerance)
    for bar, value in zip(ax.patches, differences.values(), strict=True):
        assert value == 0 or math.isclose(bar.get_width(), value)
        assert bool(bar.get_hatch()) == (value >= tolerance)
    assert "same token at 50%" in ax.course_alt and ax.get_xscale() == "log"
    assert ax.get_xlim()[0] < tolerance < ax.get_xlim()[1]
    pyplot.close(ax.figure)


def test_memory_by_hand():
    bits, models = {"float32": 32, "int4": 4}, {"small": 2e9, "large": 5e10}
    ax = views.memory_lines(bits, models, {"laptop": 16.0})
    marked = [line for line in ax.lines if line.get_label().endswith("each")]
    assert [list(line.get_ydata()) for line in marked] == [[8.0, 200.0], [1.0, 25.0]]
    assert "small: 8 GB as float32, 1 GB as int4." in ax.course_alt
    assert any("laptop: 16 GB" in text.get_text() for text in ax.texts)


def test_a_file_is_drawn_with_the_bytes_that_it_has():
    import torch
    from safetensors.torch import save

    rows = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])
    data = save({"w": rows})
    header = int.from_bytes(data[:8], "little")
    ax = views.weights_file("w", rows, header)
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("6.5") == 2 and "w (2, 3)" in texts  # in the file, and in the matrix
    assert f"header: {header} bytes" in texts and f"numbers: {len(data) - 8 - header} bytes" in texts
    with pytest.raises(ValueError, match="different lengths"):
        views.weights_file("w", [[1.0], [2.0, 3.0]], 8)


@given(st.integers(0, 255))
def test_both_halves_of_a_byte_are_codes(byte):
    ax = views.coded_byte(0.25, -1.0, byte)
    texts = [text.get_text() for text in ax.texts]
    upper, lower = (int(text, 2) for text in texts if len(text) == 4 and set(text) <= {"0", "1"})
    assert 16 * upper + lower == byte
    assert f"lower half, {lower}, means {0.25 * lower - 1:.4g}" in ax.course_alt
    pyplot.close(ax.figure)
