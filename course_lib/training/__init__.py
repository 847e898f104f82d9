"""Training: the loss, and a loop that lowers it, for any module that maps token ids to logits (notebook 05).

| file         | what it holds                                                              |
|--------------|----------------------------------------------------------------------------|
| `loss`       | cross-entropy                                                              |
| `loop`       | `train`: batches, steps, measures, checkpoints, callbacks, Ctrl-C          |
| `optim`      | AdamW, Muon, clipping                                                      |
| `schedules`  | how the learning rate goes                                                 |
| `recipe`     | settings, and what is recorded                                             |
| `evaluation` | the loss on a fixed set of windows, or of whole documents                  |
| `checkpoint` | model files, and checkpoints from which a training goes on exactly         |
| `speedrun`   | recipes, each with one more thing changed                                  |
| `clinic`     | six sick trainings to diagnose                                             |

None of it knows how curves are drawn; only `speedrun`, `clinic` and `checkpoint` know the GPT, and only
`clinic` where its text comes from.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "checkpoint": [
            "CheckpointError",
            "load_checkpoint",
            "load_model",
            "model_metadata",
            "save_checkpoint",
            "save_model",
        ],
        "evaluation": ["IGNORE", "document_nats", "evaluate"],
        "loop": ["make_muon", "make_optimizer", "suited", "train"],
        "loss": ["cross_entropy"],
        "optim": ["AdamW", "clip_gradients", "parameter_groups"],
        "recipe": ["Callback", "History", "Moment", "Record", "TrainConfig"],
        "schedules": ["SCHEDULES", "constant_schedule", "cosine_schedule", "linear_schedule"],
    },
)
