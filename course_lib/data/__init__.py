"""The texts to train on: the bundled little world, a file of your own, Python's documentation, two public
corpora.

`load_corpus` gives every text in one form: documents, split into training and validation. This module does
not know tokens or models. Downloading is `course_lib.data.download`; recognising what a file holds is
`course_lib.data.text_files`.
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
            "load_corpus",
            "read_documents",
            "write_documents",
        ],
    },
)
