"""Figures of notebook 02: windows, surprise, vectors, networks, a map of words, positions.

| file        | what it holds                                                                  |
|-------------|--------------------------------------------------------------------------------|
| `tables`    | a window with its targets, who looks how far back, words with their neighbours |
| `plans`     | windows that are cut, rows that are looked up, networks with their sizes       |
| `charts`    | the surprise over the probability, a map of words                              |
| `positions` | vectors that are added, hands of clocks, waves, pairs that are turned          |

Numbers, lists and tensors come in; Axes or `Html` go out. None of it knows models, tokenizers or training;
matplotlib is loaded at the first figure. Show an Axes with `viz.picture(ax)`, which brings its text along.
"""

from course_lib.context.views.charts import surprise_curve, word_map
from course_lib.context.views.plans import cut_windows, lookup, unrolled, window_network
from course_lib.context.views.positions import added_positions, clock_hands, position_waves, turned_pairs
from course_lib.context.views.tables import neighbours_table, reach_table, window_table

__all__ = [
    "added_positions",
    "clock_hands",
    "cut_windows",
    "lookup",
    "neighbours_table",
    "position_waves",
    "reach_table",
    "surprise_curve",
    "turned_pairs",
    "unrolled",
    "window_network",
    "window_table",
    "word_map",
]
