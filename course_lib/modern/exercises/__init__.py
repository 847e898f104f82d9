"""Exercises and quiz of notebook 13: the parts of a Llama, a fair comparison, and several tokens ahead.

| file          | what it holds                                                              |
|---------------|----------------------------------------------------------------------------|
| `norm`        | `RMSNorm`                                                                  |
| `places`      | `rotary`                                                                   |
| `gates`       | `SwiGLU`                                                                   |
| `groups`      | `LlamaAttention`                                                           |
| `comparisons` | `gain_at_equal_time`, whose fault is to be found                           |
| `readings`    | `one_expert`, `what_the_row_says`: what something shows                    |
| `ahead`       | `several_ahead_loss`                                                       |
| `questions`   | `quiz`                                                                     |
| `shared`      | what the classes' mistakes are made of                                     |
| `alone`       | what joins a learner's parts into a Llama                                  |
| `finale`      | that file: `my_llama.py`, out of a learner's own answers                   |
"""

# Progress lists the exercises in the order in which they are named here.
# isort: off
from course_lib.modern.exercises.norm import RMSNorm
from course_lib.modern.exercises.places import rotary
from course_lib.modern.exercises.gates import SwiGLU
from course_lib.modern.exercises.groups import LlamaAttention
from course_lib.modern.exercises.readings import one_expert
from course_lib.modern.exercises.comparisons import gain_at_equal_time
from course_lib.modern.exercises.readings import what_the_row_says
from course_lib.modern.exercises.ahead import several_ahead_loss
from course_lib.modern.exercises.questions import quiz
# isort: on

__all__ = [
    "LlamaAttention",
    "RMSNorm",
    "SwiGLU",
    "gain_at_equal_time",
    "one_expert",
    "quiz",
    "rotary",
    "several_ahead_loss",
    "what_the_row_says",
]
