"""Texts to train on: the little world, a file of your own, Python's documentation, two public corpora. And
texts to measure on only: what people type.

`load_corpus` (in `corpora`) gives every text in one form: documents, split into training and validation.
`load_typed` (in `typed`) gives what people type, with what a right answer is.
`download` fetches a file once and checks it by its hash, and `opener` waits only so long for an answer;
`text_files` recognises what a file holds. Nothing here knows tokens or models.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "corpora": [
            "Corpus",
            "END_OF_TEXT",
            "TINY_SHAKESPEARE",
            "TINY_STORIES",
            "VALIDATION_EVERY",
            "is_world",
            "load_corpus",
            "read_documents",
            "write_documents",
        ],
        "typed": ["Request", "Review", "StoryQuestion", "Talk", "Translation", "load_typed"],
    },
)
