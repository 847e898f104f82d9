"""What a language model can't be trusted with, and what each remedy costs (notebook 12)

| file      | what it holds                                                                     |
|-----------|-----------------------------------------------------------------------------------|
| `jobs`    | sentences with a he or a she for each job, as the world's knob says; two remedies |
| `facts`   | who comes from where, stated often, rarely or never                               |
| `small`   | a small GPT of whole words, trained in a second, and what it expects next         |
| `asking`  | a large model's probabilities for the next token                                  |
| `caution` | answers held back by their confidence; drafts that vote                           |
| `leaks`   | a planted secret and its exposure; questions of a test that were read before      |
| `orders`  | texts with an order hidden in them                                                |

None of it knows what a GPT looks like inside, but for its size.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "asking": ["next_chances", "share_of_first"],
        "caution": ["Held", "majority", "risk_coverage", "selective"],
        "facts": ["Fact", "TOWNS"],
        "leaks": ["SECRET", "codes", "exposure", "overlap"],
        "orders": ["followed", "hidden"],
        "small": ["Words", "chances", "learned", "sentence_nats", "share_of"],
    },
)
