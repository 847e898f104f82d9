"""Figures of notebook 04: how a GPT is built, the table of its shapes, and bars of where its numbers are.

| file    | what it holds                                                        |
|---------|----------------------------------------------------------------------|
| `plans` | a GPT as a whole, its streams, the MLP, a block, both ends           |
| `sizes` | the table of shapes, and bars of where the numbers are               |

Plain values and objects with the right fields come in; Axes or `Html` go out. None of it knows models or
training; matplotlib is loaded at the first figure. Show an Axes with `viz.picture(ax)`, which brings its text
along.
"""

from course_lib.model.views.plans import block_plan, ends_plan, gpt_plan, mlp_plan, streams
from course_lib.model.views.sizes import part_bars, shape_table

__all__ = ["block_plan", "ends_plan", "gpt_plan", "mlp_plan", "part_bars", "shape_table", "streams"]
