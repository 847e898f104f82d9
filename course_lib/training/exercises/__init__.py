"""Exercises and quizzes of notebook 05, in the order of the notebook.

| file           | what it holds                                 |
|----------------|-----------------------------------------------|
| `gradient`     | the gradient of the loss                      |
| `optimizers`   | a step with momentum, a step of AdamW         |
| `schedule`     | the learning rate at each step                |
| `clipping`     | gradients that are shrunk together            |
| `loop`         | a step of training                            |
| `bugs`         | a step whose fault is to be found             |
| `readings`     | what a table and a curve show                 |
| `whole_loop`   | the whole training                            |
| `accumulation` | a large batch in small parts                  |
| `law`          | a power law through a few losses              |
| `diagnoses`    | `clinic`: the faults of six runs              |
| `questions`    | `quiz`                                        |
| `shared`       | tensors and models for the cases              |
"""

# Progress lists the exercises in the order in which they are named here.
# isort: off
from course_lib.training.exercises.gradient import cross_entropy_gradient
from course_lib.training.exercises.optimizers import momentum_step, adamw_step
from course_lib.training.exercises.readings import still_too_long, windows_for_a_third
from course_lib.training.exercises.schedule import learning_rate
from course_lib.training.exercises.clipping import clip_gradients
from course_lib.training.exercises.loop import train_step
from course_lib.training.exercises.bugs import stubborn_step
from course_lib.training.exercises.accumulation import accumulate
from course_lib.training.exercises.whole_loop import train
from course_lib.training.exercises.law import fit_power_law
from course_lib.training.exercises.diagnoses import clinic
from course_lib.training.exercises.questions import quiz

__all__ = [  # noqa: RUF022
    "cross_entropy_gradient",
    "momentum_step",
    "adamw_step",
    "still_too_long",
    "windows_for_a_third",
    "learning_rate",
    "clip_gradients",
    "train_step",
    "stubborn_step",
    "accumulate",
    "train",
    "fit_power_law",
    "clinic",
    "quiz",
]
