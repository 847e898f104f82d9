"""Translation: a model of two languages learns to say a story again in the other one.

Pairs of texts (`course_lib.world.tasks`) become ids and targets in which only the translation counts; a model
translates by going on after a mark; its attention can be read as an alignment of words; and a dictionary
that is only counted stands beside it. The scores are in `course_lib.translation.scores`, the training is
`course_lib.training`. This module does not know what the model looks like inside.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "alignment": ["aligned_tokens", "alignment", "alignments"],
        "dictionary": ["word_for_word", "word_table"],
        "pairs": [
            "MARKS",
            "PairBatches",
            "TEST_SEEDS",
            "encode_pair",
            "encode_source",
            "prompt_text",
            "test_pairs",
        ],
        "translating": ["translate", "translate_beams"],
    },
)
