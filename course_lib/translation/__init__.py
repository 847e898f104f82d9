"""Translation: a model of two languages learns to say a story again in the other one (notebook 09).

| file             | what it holds                                                          |
|------------------|------------------------------------------------------------------------|
| `pairs`          | pairs of texts as examples                                             |
| `translating`    | a model translates, greedily or with beams                             |
| `word_alignment` | attention read as an alignment of words                                |
| `dictionary`     | words that are only counted from pairs                                 |
| `scores`         | BLEU and chrF, and how sure they are                                   |

None of it knows what the model looks like inside.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "word_alignment": ["aligned_tokens", "alignment", "alignments"],
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
