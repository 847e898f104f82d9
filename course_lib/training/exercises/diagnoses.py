"""The clinic: which fault has each of its six runs?

`clinic` asks for the faults of the six runs that `course_lib.training.clinic` makes, in the order of their
letters. This file knows their answers only: it neither makes the runs nor draws them.
"""

from __future__ import annotations

from course_lib.exercises import Option, Question, Quiz

# Each fault as an option, what one would see if it were that, and why it is that.
_FAULTS = {
    "targets_not_shifted": (
        "The targets are not shifted: each token is asked to be its own target.",
        "Then both losses would drop to nearly 0 at once, since copying is learned in no time, and the model "
        "would write one letter again and again.",
        "Copying is learned in a few steps: both losses drop far below the floor and stay there. What it has "
        "learned is to repeat, and that is what it writes. `y` must be one token further on than `x`.",
    ),
    "no_mask": (
        "The causal mask is missing: each token sees those that follow it.",
        "Then both losses would begin like the healthy run's and fall through the floor later, for fresh "
        "stories too, while what it writes is nonsense.",
        "It begins like any other, until it finds out that the answer stands in the next place. Then it "
        "falls through the floor, for fresh stories as well. When it writes, the next place is still empty: "
        "nonsense.",
    ),
    "rate_too_high": (
        "The learning rate is far too high, from beginning to end.",
        "Then both losses would jump up after a first gain and stay high to the end, since every later "
        "step overshoots too. What it writes would hardly be words.",
        "Every step overshoots: the losses jump, and end high for trained, held-out and fresh stories alike. "
        "Take a tenth of the rate and look again.",
    ),
    "no_warmup": (
        "The warm-up is missing: the first step has the full rate already.",
        "Then the run would be off course early on, and improve quietly from there: parallel to the healthy "
        "one, and above it.",
        "The trouble lies at the beginning: before Adam's averages mean anything, full steps threw the "
        "weights somewhere from which the way back is long. Later on the curve is as quiet as the healthy "
        "one, only higher.",
    ),
    "validated_in_training": (
        "Validation is measured in training mode, with dropout on.",
        "Then the same finished model would get a different loss each time it is measured, and validation "
        "would lie close to the training loss, which has dropout in it too.",
        "The weights are as good as the healthy run's, only the measuring is wrong: three measurements give "
        "three numbers. Dropout burdens the validation loss as it does the training loss; in the healthy run "
        "validation is free of it, and lower. `model.eval()` first.",
    ),
    "leaked_validation": (
        "The validation stories are among the training stories.",
        "Then neither the curves nor the table would show anything: it would look like the healthy run, and "
        "only a search for the stories themselves would find them in both texts.",
        "Nothing shows it: curves, fresh stories and text are like the healthy run's, and it is left over "
        "when the five others are found. It read its text less than once, and what is read once is hardly "
        "learned by heart. So search the training text for the stories; and split by story, before anything "
        "else.",
    ),
}
_RUNS = {
    "A": "leaked_validation",
    "B": "no_mask",
    "C": "rate_too_high",
    "D": "validated_in_training",
    "E": "targets_not_shifted",
    "F": "no_warmup",
}


def _diagnosis(letter: str, fault: str) -> Question:
    options = (
        Option(text, because if name == fault else then, right=name == fault)
        for name, (text, then, because) in _FAULTS.items()
    )
    return Question(f"Run {letter}: which fault is it?", tuple(options))


clinic = Quiz(
    topic="training.clinic",  # counted apart from `quiz`
    questions=tuple(_diagnosis(letter, fault) for letter, fault in _RUNS.items()),
)
