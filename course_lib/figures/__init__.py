"""Figures: what the drawings of several notebooks share; a figure of one notebook is in its `views`.

Records, lists and tensors come in; Axes, figures or `Html` go out. Colours stay apart for every kind of
colour vision, and nothing is told by colour alone. It knows no topic, never trains and never calls a model;
matplotlib is loaded at the first figure. Notebooks call it `viz`: `from course_lib import figures as viz`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "colours": ["COLOURS"],
        "losses": ["LiveCurve", "curves", "loss_curve", "loss_ladder"],
        "pictures": ["Picture", "picture"],
        "dots": ["scores", "shares"],
        "shown": ["Html", "show", "source"],
        "tables": ["beside", "number_table", "table"],
        "tokens": [
            "learned",
            "probability_bars",
            "token_labels",
            "token_probabilities_html",
            "tokens_html",
        ],
    },
)
