"""Figures of notebook 05: how slopes flow back, windows, the loop; valleys, curves, the clinic, power laws.

| file     | what it holds                                                              |
|----------|----------------------------------------------------------------------------|
| `plans`  | gradients that flow back, windows that are cut, the loop                   |
| `curves` | paths over a valley, training and validation losses                        |
| `clinic` | charts of sick runs, and what was found out about the finished models      |
| `trials` | what many trainings tell together: recipes, seeds, power laws              |

Numbers, lists and records come in; Axes, figures or `Html` go out. None of it knows models or how they are
trained; matplotlib is loaded at the first figure. Show a figure with `viz.picture`, which brings its text
along.
"""

from course_lib.training.views.clinic import charts, findings
from course_lib.training.views.curves import train_and_validation, valley
from course_lib.training.views.plans import gradient_flow, training_loop, windows
from course_lib.training.views.trials import power_law, recipe_steps, seed_dots

__all__ = [
    "charts",
    "findings",
    "gradient_flow",
    "power_law",
    "recipe_steps",
    "seed_dots",
    "train_and_validation",
    "training_loop",
    "valley",
    "windows",
]
