"""Training: the loss, and a loop that lowers it, for any module that maps token ids to logits (notebook 05).

| file           | what it holds                                                            |
|----------------|--------------------------------------------------------------------------|
| `loss`         | cross-entropy                                                            |
| `loop`         | `train`: batches, steps, measures, checkpoints, callbacks, Ctrl-C        |
| `run`          | a training under way, its beginning, and its way to a file and back      |
| `optim`        | AdamW, Muon, clipping                                                    |
| `schedules`    | how the learning rate goes                                               |
| `recipe`       | settings, and what is recorded                                           |
| `evaluation`   | the loss on a fixed set of windows, or of whole documents                |
| `checkpoint`   | checkpoints from which a training goes on exactly                        |
| `model_files`  | a GPT with its configuration in one file                                 |
| `files`        | tensors and a description in one file, checked when it is read           |
| `states`       | what an optimizer remembers, in a file and back                          |
| `fingerprints` | whether a tokenizer, a text or a model is the same as before             |
| `speedrun`     | recipes, each with one more thing changed                                |
| `clinic`       | six sick trainings to diagnose                                           |

None of it knows how curves are drawn; only `speedrun`, `clinic` and `model_files` know the GPT, and only
`clinic` where its text comes from.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "checkpoint": ["load_checkpoint", "save_checkpoint"],
        "evaluation": ["IGNORE", "document_nats", "evaluate"],
        "files": ["CheckpointError"],
        "fingerprints": ["tokenizer_fingerprint"],
        "loop": ["make_muon", "make_optimizer", "suited", "train"],
        "loss": ["cross_entropy"],
        "model_files": ["check_tokenizer", "load_model", "model_metadata", "save_model"],
        "optim": ["AdamW", "clip_gradients", "parameter_groups"],
        "recipe": ["Callback", "History", "Moment", "Record", "TrainConfig"],
        "schedules": ["SCHEDULES", "constant_schedule", "cosine_schedule", "linear_schedule"],
    },
)
