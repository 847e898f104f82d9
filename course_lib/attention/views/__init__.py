"""Figures of notebook 03: how numbers flow, masks, arrows, maps, and who reads what in a text.

| file       | what it holds                                                                              |
|------------|--------------------------------------------------------------------------------------------|
| `flows`    | attention step by step, the mask, the cut into heads, the plan of several heads            |
| `tables`   | `heads_table`; `reading`, a text in the colours of its weights; `attention_map`, as a table |
| `pictures` | masks, arrows, bars of weights, a stacked matrix, maps of a few heads with their tokens    |

Numbers, lists and tensors come in; Axes, figures or `Html` go out. None of it knows models, tokenizers or
training; matplotlib is loaded at the first figure. Show an Axes with `viz.picture(ax)`, which brings its text
along.
"""

from course_lib.attention.views.flows import attention_steps, masking, multi_head_plan, split_picture
from course_lib.attention.views.pictures import (
    arrows,
    head_maps,
    masks_picture,
    stacked_matrix,
    weight_bars,
)
from course_lib.attention.views.tables import attention_map, heads_table, reading

__all__ = [
    "arrows",
    "attention_map",
    "attention_steps",
    "head_maps",
    "heads_table",
    "masking",
    "masks_picture",
    "multi_head_plan",
    "reading",
    "split_picture",
    "stacked_matrix",
    "weight_bars",
]
