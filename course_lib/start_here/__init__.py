"""Start here: what a large language model is, in one exercise, a quiz and two pictures (notebook 00)."""
