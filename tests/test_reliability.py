"""A small share of what `make reliability` tries, and the page that it has made of the whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts" / "reliability.py"


def test_a_share_of_everything_holds(tmp_path):
    """All but views and notebooks, which have tests of their own."""
    command = [sys.executable, SCRIPT, "--short", "--out", tmp_path / "page.md", "--only"]
    command += ["killed", "checkpoints", "files", "strings"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "page.json").read_text())
    assert {name: part["tried"] > 0 for name, part in found.items()} == dict.fromkeys(command[-4:], True)
    assert (tmp_path / "page.md").read_text().count("\n| ") == 5


def test_the_page_is_of_runs_in_which_everything_held():
    found = json.loads((ROOT / "docs" / "reliability.json").read_text())
    least = {"killed": 20, "checkpoints": 190, "files": 500, "strings": 200_000, "views": 600}
    notebooks = len(list((ROOT / "notebooks").glob("*.ipynb")))
    least |= dict.fromkeys(("fed", "offline"), notebooks)
    assert {name: part["tried"] >= least[name] for name, part in found.items()} == dict.fromkeys(least, True)
    assert not [problem for part in found.values() for problem in part["failed"]]
    page = (ROOT / "docs" / "reliability.md").read_text()
    assert all(f"| {part['tried']:,} | {part['tried']:,} |" in page for part in found.values())
    assert "docs/reliability.md" in (ROOT / "README.md").read_text()


LIMITED = """
import sys, time
sys.path.insert(0, {scripts!r})
from faults import limits

if __name__ == "__main__":
    print(limits.told("a", 30, max, [1, 2]))
    print(limits.told("b", 30, int, "x"))
    start = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(99)'])"
    began = time.monotonic()
    print(limits.told("c", 1.0, exec, start), time.monotonic() - began < 30)
    import psutil
    print([one for one in psutil.Process().children(recursive=True) if "time.sleep(99)" in one.cmdline()[-1]])
"""


def test_what_takes_too_long_is_ended_with_all_that_it_started_and_said(tmp_path):
    program = tmp_path / "limited.py"
    program.write_text(LIMITED.format(scripts=str(SCRIPT.parent)), encoding="utf-8")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120, check=False)
    said = [line for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert said == [
        "2",
        "b: ValueError: invalid literal for int() with base 10: 'x'",
        "c: not done after 1 seconds, and ended True",
        "[]",
    ], done.stdout + done.stderr
