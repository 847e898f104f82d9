"""Training: the loss, and a loop that lowers it; trains any module that maps token ids to logits.

The loop draws batches, steps the optimizer under a schedule, measures the loss on a fixed set of windows,
saves checkpoints from which a training goes on exactly, and tells callbacks what happened. It does not know
what the model looks like inside, where the text comes from, or how curves are drawn, and it never prints. Its
pieces can be used from here and are written out in `course_lib.training.optim` (optimizer, clipping),
`course_lib.training.schedules`, `course_lib.training.recipe` (settings and records),
`course_lib.training.evaluation` (measuring) and `course_lib.training.checkpoint` (files).
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
