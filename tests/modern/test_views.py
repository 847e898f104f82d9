"""The figures of notebook 13: they show what they were given, and say it in words."""

from __future__ import annotations

import math

import matplotlib
import pytest

from course_lib import figures as viz
from course_lib.modern import views

matplotlib.use("Agg")


def test_hands_turn_by_their_speed():
    ax = views.hands([0.5, 2.0], places=3)
    ends = [text.xy for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert len(ends) == 6 and len(ax.patches) == 6
    angles = [math.atan2(y + row, x - place) for (x, y), (row, place) in zip(
        ends, [(r, p) for r in range(2) for p in range(3)], strict=True
    )]  # fmt: skip
    wanted = [0, 0.5, 1.0, 0, 2.0, 4.0 - 2 * math.pi]
    assert all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(angles, wanted, strict=True))
    assert "pair 0 turns by 29 degrees, of pair 1 by 115 degrees" in viz.picture(ax).alt


@pytest.mark.parametrize("sets", [1, 2, 4])
def test_each_head_is_joined_to_the_set_of_its_group(sets):
    ax = views.groups(4, [sets])
    labels = [text.get_text() for text in ax.texts]
    assert labels.count("q") == 4 and labels.count("k v") == sets
    ends = [round(float(line.get_xdata()[1]), 3) for line in ax.lines]
    assert len(set(ends)) == sets and ends == sorted(ends)


def test_sets_that_no_head_could_share_evenly_are_refused():
    with pytest.raises(ValueError, match="must divide n_heads=4"):
        views.groups(4, [3])


def test_the_gate_has_three_matrices_and_the_old_one_two():
    labels = [text.get_text() for text in views.gate_plan().texts]
    assert labels.count("up") == labels.count("down") == 2 and labels.count("gate") == 1
    assert "Tor" in [text.get_text() for text in views.gate_plan(words={"gate": "Tor"}).texts]


def test_arrows_go_to_the_experts_that_were_chosen():
    ax = views.experts_plan(["a", "b"], [[1, 3], [0, 1]], 4)
    ends = [text.xy[0] for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert [int(x // 25) for x in ends] == [1, 3, 0, 1]
    assert viz.picture(ax).alt.endswith("b to the experts 0 and 1.")


@pytest.mark.parametrize("chosen", [[[0]], [[0], [4]], [[0], [-1]]])
def test_experts_that_there_are_not_are_refused(chosen):
    with pytest.raises(ValueError, match="experts from 0 to 3"):
        views.experts_plan(["a", "b"], chosen, 4)


def test_latent_and_small_key_are_what_is_kept():
    ax = views.latent_plan()
    labels = [text.get_text() for text in ax.texts]
    assert {"latent", "turned key", "kept"} <= set(labels)
    assert "Only latent and turned key are kept." in viz.picture(ax).alt
