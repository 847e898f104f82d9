"""What a curve of notebook 05 shows: a number that is read off."""

from __future__ import annotations

from course_lib.exercises import Exercise, Mistake

windows_for_a_third = Exercise(
    name="windows_for_a_third",
    topic="training",
    title="Explain: how many windows?",
    kind="explain",
    difficulty="easy",
    minutes=3,
    reference=9.0,
    atol=2.0,
    cases=(),
    hints=(
        "First find the height of a third: the error of one window stands at the left end of the line.",
        "The line passes that height between two of its dots. On this axis equal distances are equal "
        "factors: halfway between two dots is twice the left one, not the mean of both.",
    ),
    explanation=(
        "At 4 windows the error is half of what it was with one, at 16 a quarter, and a third lies between "
        "them. Each factor of the error costs its square in windows: half takes 4, a third takes 3² = 9, a "
        "tenth would take about 100. The line in the figure is straight for that reason."
    ),
    mistakes=(
        Mistake(
            "the error was taken to fall in step with the number of windows",
            3.0,
            "Then 4 windows would have a quarter of the error. Look at the height of that dot: it is half.",
        ),
        Mistake(
            "a quarter of the error",
            16.0,
            "At 16 windows the error has come down twice by one half. A third is a little higher up.",
        ),
        Mistake(
            "the end of the curve",
            64.0,
            "There it is an eighth. Read off the height of a third, and go from there to the line.",
        ),
    ),
)
