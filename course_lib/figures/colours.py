"""The colours of all figures: they stay apart for every kind of colour vision (Okabe and Ito 2008)."""

from __future__ import annotations

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
INK, GREY, PAPER = "#222222", "#8a8a8a", "#f7f7f5"

# For several lines or groups, the darker colours first so that thin lines stay visible on white; a marker for
# each, for readers who see two colours as one.
COLOURS = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY, "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
