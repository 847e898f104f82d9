"""Figures of notebook 06: distributions before and after, dice, the loop, beams, a cache, a batch, quality.

| file       | what it holds                                                        |
|------------|----------------------------------------------------------------------|
| `plans`    | the loop, one step with a cache, all parts of a storyteller          |
| `chances`  | before and after a change, end to end under the dice, as a histogram |
| `pictures` | beams as a tree, what a cache saves, a batch                         |
| `quality`  | quality against variety                                              |

Plain numbers, lists and tensors come in; Axes, figures or `Html` go out. None of it knows models, tokenizers
or how a token is chosen; matplotlib is loaded at the first figure. Show them with `viz.picture`, which brings
their text along.
"""

from course_lib.generation.views.chances import chances_histogram, end_to_end, reshaped
from course_lib.generation.views.pictures import batch_table, beam_tree, cache_picture
from course_lib.generation.views.plans import cache_plan, loop_plan, storyteller_plan
from course_lib.generation.views.quality import quality_curve

__all__ = [
    "batch_table",
    "beam_tree",
    "cache_picture",
    "cache_plan",
    "chances_histogram",
    "end_to_end",
    "loop_plan",
    "quality_curve",
    "reshaped",
    "storyteller_plan",
]
