"""Figures: loss curves (also live), attention maps, token views, and the pictures of notebook 00.

Records, lists and tensors come in; Axes, figures or `Html` go out. Colours stay apart for every kind of
colour vision, and nothing is told by colour alone. It never trains and never calls a model; matplotlib is
loaded at the first figure. The pictures drawn by code are in `course_lib.start_here.views`, the HTML views of
tokens in `course_lib.figures.tokens`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "attention_maps": ["attention_maps"],
        "curves": ["COLOURS", "LiveCurve", "loss_curve"],
        "pictures": ["Picture", "picture"],
        "shown": ["Html", "show", "source"],
        "tokens": [
            "attention_map",
            "probability_bars",
            "token_labels",
            "token_probabilities_html",
            "tokens_html",
        ],
    },
)
