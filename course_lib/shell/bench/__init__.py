"""The benchmark: this course's code measured side by side with what a person would take instead of it.

`python -m course_lib bench` runs it. Everything that is compared takes turns in the same run, so a busy
machine slows all of them alike, and what counts is the ratio. One module measures one thing (`training`,
`generation`, `pretrained`, `tokens`, `startup`, `scale`, `gpu`, `recipes`) and gives a `report.Section`;
`measure` has the clock and counts the bytes, `peers` has the others, `figures` draws. It judges nothing: no
test depends on a time that is measured here.

Another project is measured by a small file that wraps it (`--peer my_peers.py:make_model`); `peers` shows
one. `report.markdown(report.read("docs/benchmark/results.json"))` is the table in README.md.
"""
