"""Figures: what the drawings of several notebooks share; a figure of one notebook is in its `views`.

| file       | what it holds                                                                |
|------------|------------------------------------------------------------------------------|
| `colours`  | colours and markers that every reader can tell apart                         |
| `axes`     | axes to draw on, a light frame, rows with names                              |
| `arguments`| what a view is given, held to its annotations                                |
| `pictures` | a figure as a picture with words for readers who cannot see it               |
| `losses`   | losses over steps, also live; any named lines; losses above a floor          |
| `dots`     | shares and scores over their intervals                                       |
| `spread`   | lines with an interval at each point; rows with a dot for each trial         |
| `strokes`  | boxes, arrows and words for drawings of how something is built               |
| `flow`     | drawings of what flows where: strokes on a sheet, rows of cells              |
| `tables`   | numbers and short texts                                                      |
| `tokens`   | text in coloured boxes, probabilities, what counts in a loss                 |
| `shown`    | source code, quoted texts and HTML in a notebook                             |

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
        "shown": ["Html", "quote", "show", "source"],
        "spread": ["trials", "with_intervals"],
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
