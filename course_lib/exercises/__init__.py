"""The machine that judges answers and names the mistake; hints, solutions, quizzes. It knows no topic.

    from course_lib.start_here import exercises as ex

    ex.most_likely_next.check(most_likely_next)   # right? if not, where and why
    ex.most_likely_next.hint()                    # and .hint(2), .solution()
    ex.quiz.show(), ex.quiz.answer(1, "b")
    progress()                                    # what is done so far
    review()                                      # what to repeat today

Each topic declares its own, with what is imported from here. The files: `_core` (the API) and `_quiz` are
what a learner calls. Cases: `_judge` (what a topic declares), `_draw` and `_fresh` (new ones at every
check). What is right: `_right`, `_inputs`, `_gradients`. What an answer does: `_trial`, `_modules` (a
class), `_explain` (a letter or a number), `_frozen`, `_compare`, `_values`, `_forbidden`, `_properties`,
`_starters` (nothing yet). What is said of it: `_verdict`, `_faults`, `_recognise`, `_slips`, `_crashes`,
`_meanings`; how it looks: `_feedback`, `_sides`. `_run` keeps time and cuts tracebacks, `_whose` knows the
learner's lines, `_source` takes code out of a notebook, `_joining` makes one file of several, `_progress`
keeps files, `_topics` finds what there is, `_overview` counts, `_boxes` and `_review` say what to repeat.
Nothing here draws figures or trains.
"""

from __future__ import annotations

from course_lib.exercises._core import Exercise, ExerciseError
from course_lib.exercises._draw import Draw
from course_lib.exercises._feedback import Feedback, State
from course_lib.exercises._forbidden import Forbidden
from course_lib.exercises._judge import Case, Mistake, Property
from course_lib.exercises._modules import ModuleCase, as_module, module_case
from course_lib.exercises._overview import Progress, progress
from course_lib.exercises._properties import causal, gradient_flows
from course_lib.exercises._quiz import Option, Question, Quiz
from course_lib.exercises._review import Review, review
from course_lib.exercises._topics import exercises_of, quiz_of, topics

__all__ = [
    "Case",
    "Draw",
    "Exercise",
    "ExerciseError",
    "Feedback",
    "Forbidden",
    "Mistake",
    "ModuleCase",
    "Option",
    "Progress",
    "Property",
    "Question",
    "Quiz",
    "Review",
    "State",
    "as_module",
    "causal",
    "exercises_of",
    "gradient_flows",
    "module_case",
    "progress",
    "quiz_of",
    "review",
    "topics",
]
