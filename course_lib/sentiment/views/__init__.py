"""Figures of notebook 10: how a label is read off, a classifier's weights, scores and confusions, how sure it
is, and what of.

| file      | what it holds                                                                     |
|-----------|-----------------------------------------------------------------------------------|
| `plans`   | how a label is read off: a head on the last token, endings behind a text          |
| `scores`  | by group, by the number of labels, as a confusion matrix, and how sure they were  |
| `reasons` | the weights of words, sentence after sentence, words that are marked              |

Plain texts and numbers come in; Axes or `Html` go out. None of it knows models, training or how texts are
scored; matplotlib is loaded at the first figure. Show a figure with `viz.picture`.
"""

from course_lib.sentiment.views.plans import branches, read_out
from course_lib.sentiment.views.reasons import marked, unfolding, weights
from course_lib.sentiment.views.scores import by_group, by_labels, confusion, sureness

__all__ = [
    "branches",
    "by_group",
    "by_labels",
    "confusion",
    "marked",
    "read_out",
    "sureness",
    "unfolding",
    "weights",
]
