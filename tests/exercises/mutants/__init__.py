"""Try an exercise's cases: are they thorough enough to find out answers that are nearly right?

    make mutants                          # all exercises
    make mutants ARGS="tokens --short"

From every reference, mutants are made by rule: in `syntax` one place of its source text is changed (the rules
are in `expressions`, `statements` and `gradients`), in `wrappers` and `results` an argument or the result is
mishandled on its way. `score` lets the exercise judge them; one that is judged right has survived, and shows
that a case is missing, unless `equal` says why nothing can tell it from the reference. The package knows
no topic.
"""

from __future__ import annotations

from mutants.mutant import Mutant
from mutants.score import Score, judged, mutants_of, short

__all__ = ["Mutant", "Score", "judged", "mutants_of", "short"]
