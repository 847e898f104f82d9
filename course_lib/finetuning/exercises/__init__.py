"""Exercises and quiz of notebook 08: what counts, filled batches, LoRA in three steps, two scores.

| file         | what it holds                                              |
|--------------|------------------------------------------------------------|
| `batches`    | `hardly_moved`, `mask_prompt`, `pad_batch`, `easy_batch`   |
| `side_paths` | `lora_forward`, `merge`, `lora_count`                      |
| `scores`     | `exact_match`, `token_f1`, `interval_at_4000`              |
| `questions`  | `quiz`                                                     |
"""

# Progress lists the exercises in the order in which they are named here.
# isort: off
from course_lib.finetuning.exercises.batches import hardly_moved, mask_prompt, pad_batch, easy_batch
from course_lib.finetuning.exercises.side_paths import lora_forward, merge, lora_count
from course_lib.finetuning.exercises.scores import exact_match, token_f1, interval_at_4000
from course_lib.finetuning.exercises.questions import quiz
# isort: on

__all__ = [
    "easy_batch",
    "exact_match",
    "hardly_moved",
    "interval_at_4000",
    "lora_count",
    "lora_forward",
    "mask_prompt",
    "merge",
    "pad_batch",
    "quiz",
    "token_f1",
]
