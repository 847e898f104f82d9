"""The commands for a shell, `python -m course_lib ...`, one file for each, and what they ask the machine.

What a command does is elsewhere, and is loaded only when it runs, so that `--help` is quick.
"""
