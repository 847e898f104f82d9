"""Exercises and quiz of notebook 08: what counts, filled batches, LoRA in three steps, two scores.

| file         | what it holds                                              |
|--------------|------------------------------------------------------------|
| `batches`    | `mask_prompt`, `pad_batch`                                 |
| `side_paths` | `lora_forward`, `merge`, `lora_count`                      |
| `scores`     | `exact_match`, `token_f1`                                  |
| `questions`  | `quiz`                                                     |
"""

# Progress lists the exercises in the order in which they are named here.
# isort: off
from course_lib.finetuning.exercises.batches import mask_prompt, pad_batch
from course_lib.finetuning.exercises.side_paths import lora_forward, merge, lora_count
from course_lib.finetuning.exercises.scores import exact_match, token_f1
from course_lib.finetuning.exercises.questions import quiz
# isort: on

__all__ = [
    "exact_match",
    "lora_count",
    "lora_forward",
    "mask_prompt",
    "merge",
    "pad_batch",
    "quiz",
    "token_f1",
]
