"""Is a text glad or sad, and how sure may a model be? Four kinds of classifiers and what they are asked with.

Labelled texts come from the little world; classifiers are a bag of words
(`course_lib.sentiment.bag_of_words`), a recurrent network and a GPT with another head, trained by
`course_lib.training`; and a GPT as it is can be asked which of two continuations is likelier. The scores are
in `course_lib.sentiment.scores`. It does not know what the GPT looks like inside, but for its head.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bag_of_words": ["BagOfWords", "fit_logistic", "logistic_probabilities", "words_of"],
        "classifiers": [
            "GPTClassifier",
            "LabelBatches",
            "RecurrentClassifier",
            "class_logits",
            "fit_classifier",
            "last_hidden",
        ],
        "sureness": ["fit_temperature", "leave_one_out", "probabilities"],
        "texts": [
            "ENDINGS",
            "LABELS",
            "TEST_SEEDS",
            "label_ids",
            "texts_and_labels",
            "twins",
            "without_ending",
        ],
        "zero_shot": ["few_shot_prompt", "label_likelihood"],
    },
)
