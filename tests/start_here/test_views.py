"""The two pictures of notebook 00: nothing leaves its frame, nothing covers anything, everything is named."""

from __future__ import annotations

import matplotlib

from course_lib import COURSE
from course_lib.start_here import views

matplotlib.use("Agg")


def test_life_and_map_fit_in_their_frames():
    for ax in (views.llm_life(), views.course_map("03")):
        figure = ax.figure
        figure.canvas.draw()
        frame = figure.bbox
        for text in ax.texts:
            box = text.get_window_extent()
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1, text.get_text()
            assert frame.y0 <= box.y0 and box.y1 <= frame.y1, text.get_text()
            assert text.get_text() == "" or text.get_fontsize() >= 7


def test_labels_do_not_overlap():
    for ax in (views.llm_life(), views.course_map()):
        ax.figure.canvas.draw()
        boxes = [(t.get_text(), t.get_window_extent()) for t in ax.texts if t.get_text()]
        for i, (one, a) in enumerate(boxes):
            for other, b in boxes[i + 1 :]:
                assert not a.overlaps(b), (one, other)


def test_the_map_names_every_notebook_and_frames_the_one_we_are_in():
    ax = views.course_map("03")
    words = [text.get_text() for text in ax.texts]
    assert [topic.number for topic in COURSE] == sorted(w for w in words if w.isdigit())
    bold = [text.get_text() for text in ax.texts if text.get_fontweight() == "bold"]
    assert "attention" in bold and "tokens" not in bold


def test_words_in_another_language():
    ax = views.llm_life(words={"data": ("Daten", "viel Text")})
    words = [text.get_text() for text in ax.texts]
    assert "Daten" in words and "data" not in words and "tokens" in words
