"""Exercises and quiz of notebook 06: reshaping a distribution, the draw, the loop, beams, the cache.

| file         | what it holds                                              |
|--------------|------------------------------------------------------------|
| `scaling`    | `temperature`, `repetition_penalty`                        |
| `truncation` | `top_k`, `top_p`                                           |
| `dice`       | `draw`                                                     |
| `loop`       | `generate`                                                 |
| `beams`      | `beam_step`                                                |
| `memory`     | `cache_bytes`                                              |
| `bugs`       | `stuck_loop`, whose fault is to be found                   |
| `readings`   | `two_words_stay`, `twice_the_steps`: what something shows  |
| `questions`  | `quiz`                                                     |
| `assembly`   | `Storyteller`, which puts all parts together               |
| `shared`     | logits for the cases                                       |
| `alone`      | what joins a learner's parts in a file of their own        |
| `capstone`   | that file: `my_gpt.py`, out of a learner's own answers     |
"""

# Progress lists the exercises in the order in which they are named here.
# isort: off
from course_lib.generation.exercises.scaling import temperature
from course_lib.generation.exercises.truncation import top_k, top_p
from course_lib.generation.exercises.dice import draw
from course_lib.generation.exercises.loop import generate
from course_lib.generation.exercises.bugs import stuck_loop
from course_lib.generation.exercises.readings import two_words_stay, twice_the_steps
from course_lib.generation.exercises.scaling import repetition_penalty
from course_lib.generation.exercises.beams import beam_step
from course_lib.generation.exercises.memory import cache_bytes
from course_lib.generation.exercises.assembly import Storyteller
from course_lib.generation.exercises.questions import quiz
# isort: on

__all__ = [
    "Storyteller",
    "beam_step",
    "cache_bytes",
    "draw",
    "generate",
    "quiz",
    "repetition_penalty",
    "stuck_loop",
    "temperature",
    "top_k",
    "top_p",
    "twice_the_steps",
    "two_words_stay",
]
