"""What a table and a curve of notebook 05 show: a letter, and a number that is read off."""

from __future__ import annotations

from course_lib.exercises import Exercise, Mistake

still_too_long = Exercise(
    name="still_too_long",
    topic="training",
    title="Explain: too long, after 100 steps",
    kind="explain",
    difficulty="medium",
    minutes=4,
    reference="b",
    cases=(),
    hints=(
        "All gradients are 4. Where do m and s go in the end, if every gradient is 4?",
        "Both come a share of the way at each step: a tenth of what is left for m, a thousandth for s. Which "
        "of them has arrived after 100 steps?",
    ),
    explanation=(
        "m is on its way from 0 to 4, and after 100 steps only 0.9^100 of that way is left: nothing. s is "
        "on its way from 0 to 16, and 0.999^100 of it is left, which is nine tenths: s is 1.5. So m/√s is 4 "
        "divided by 1.23. The correction divides each by the share of the way that it has come, and with "
        "that the steps are right from the first one on."
    ),
    mistakes=(
        Mistake(
            "m is blamed",
            "a",
            "m can't be larger than the gradients whose mean it is, and all of them are 4. It comes from 0, "
            "and is there soon: a tenth of what is left, at each step.",
        ),
        Mistake(
            "the size of the gradient is blamed",
            "c",
            "A gradient ten times as large makes m ten times as large, and √s too: their quotient would have "
            "the same numbers in this table.",
        ),
        Mistake(
            "it is taken to be settled",
            "d",
            "Between step 20 and step 100 it has come down from 6.24 to 3.24, so it hasn't settled. After "
            "some thousands of steps it would be 1.",
        ),
    ),
)


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
