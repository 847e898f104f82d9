"""Pictures of notebook 01: the bits of UTF-8, merges step by step, the way of a text, what a vocabulary buys.

| file     | what it holds                                                                    |
|----------|----------------------------------------------------------------------------------|
| `layers` | a text as characters, bytes, tokens and ids; the bits of UTF-8                   |
| `merges` | counts of pairs, the text after each merge, how one piece is encoded             |
| `charts` | tokens per text over the size of the vocabulary, and as bars                     |
| `rows`   | what the tables share: labels of tokens that are bytes, rows, the look of a box  |

Text, pieces and numbers come in; `Html` or matplotlib's Axes go out. None of it trains or measures anything.
"""

from course_lib.tokens.views.charts import length_curves, token_bars
from course_lib.tokens.views.layers import layers_table, utf8_table
from course_lib.tokens.views.merges import (
    after_merges,
    encode_table,
    merge_step,
    merge_table,
    merge_tree,
    pair_counts,
)

__all__ = [
    "after_merges",
    "encode_table",
    "layers_table",
    "length_curves",
    "merge_step",
    "merge_table",
    "merge_tree",
    "pair_counts",
    "token_bars",
    "utf8_table",
]
