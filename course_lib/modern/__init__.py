"""Parts of today's models that the course's GPT has not, and fair comparisons of those it has (notebook 13).

| file          | what it holds                                                              |
|---------------|----------------------------------------------------------------------------|
| `experts`     | a mixture of experts: router, top-k, and the loss that keeps it balanced    |
| `latent`      | multi-head latent attention, which keeps one short vector for each token   |
| `windows`     | the mask of a sliding window                                               |
| `comparing`   | trainings of equal time, and an interval for what differs seed by seed     |
| `several`     | heads that predict several tokens ahead, and their loss                    |

RMSNorm, SwiGLU, rotary positions, grouped queries and norms on queries and keys are options of the course's
`GPT`, and stand there. None of this knows figures, or where a text comes from.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "comparing": ["interval", "learn", "step_seconds"],
        "experts": ["MixtureOfExperts", "Routing", "balance_loss", "with_experts"],
        "latent": ["LatentAttention"],
        "several": ["SeveralAhead", "several_ahead_loss"],
        "windows": ["sliding_window"],
    },
)
