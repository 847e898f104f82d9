"""`python -m mutants`: print which mutants survive the exercises' cases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from course_lib.exercises import Exercise, exercises_of, topics
from mutants.score import (
    EQUAL_TO_IT,
    KILLED,
    NO_RESULT,
    SHORT,
    SURVIVED,
    THE_SAME,
    Score,
    difference,
    judged,
)


def chosen(names: Sequence[str]) -> list[Exercise]:
    """The exercises of some topics, or with some names or keys; all of them without names.

    >>> [exercise.name for exercise in chosen(["start_here"])], len(chosen(["tokens.merge_pair", "softmax"]))
    (['most_likely_next'], 2)
    """
    every = [exercise for topic in topics() for exercise in exercises_of(topic)]
    unknown = [n for n in names if not any(n in (e.key, e.name, e.topic) for e in every)]
    if unknown:
        raise SystemExit(
            f"No topic or exercise is called {', '.join(unknown)}; topics: {', '.join(topics())}."
        )
    return [e for e in every if not names or {e.key, e.name, e.topic} & set(names)]


def told(exercise: Exercise, result: Score) -> str:
    """One exercise's score, and its survivors with what they change."""
    if result.note:
        return f"{exercise.key}: left out ({result.note})"
    counts = ", ".join(f"{len(result.of(fate))} {fate}" for fate in (EQUAL_TO_IT, NO_RESULT, THE_SAME))
    lines = [
        f"{exercise.key}: {len(result.of(KILLED))} of {result.number} killed, {result.share:.1%} "
        f"({counts}; {result.seconds:.1f} s)"
    ]
    for mutant in result.of(SURVIVED):
        lines.append(f"  survived  {mutant.name}")
        lines += [f"      {line}" for line in difference(exercise, mutant).splitlines()]
    return "\n".join([*lines, *(f"  not equal any more  {name}" for name in result.stale)])


def in_total(results: Sequence[Score]) -> str:
    """All scores in one line.

    >>> in_total([])
    'In total: 0 of 0 killed, 100.0%, in 0 s'
    """
    total = sum(result.number for result in results)
    killed = sum(len(result.of(KILLED)) for result in results)
    seconds = sum(result.seconds for result in results)
    return f"In total: {killed} of {total} killed, {killed / total if total else 1.0:.1%}, in {seconds:.0f} s"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="make mutants ARGS=...", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help="topics or exercises; all of them by default"
    )
    parser.add_argument("--short", action="store_true", help=f"only {SHORT} mutants of each exercise")
    parser.add_argument("--seed", type=int, default=0, help="which mutants the short form takes")
    options = parser.parse_args(arguments)
    results = []
    for exercise in chosen(options.names):
        results.append(judged(exercise, SHORT if options.short else None, options.seed))
        print(told(exercise, results[-1]), flush=True)
    print(in_total(results))


if __name__ == "__main__":
    main(sys.argv[1:])
