"""Is a text glad or sad, and how sure may a model be? (notebook 10)

| file           | what it holds                                                            |
|----------------|--------------------------------------------------------------------------|
| `texts`        | labelled texts, and twins: the same words, another label                 |
| `bag_of_words` | counted words and logistic regression                                    |
| `classifiers`  | a recurrent network, and a GPT with another head                         |
| `zero_shot`    | a language model as it is, asked which label is likelier                 |
| `sureness`     | probabilities, temperature, the words that count                         |
| `scores`       | accuracy, confusion, calibration                                         |

None of it knows what the GPT looks like inside, but for its head.
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
            "Labelled",
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
