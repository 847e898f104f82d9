# Two commands: `make lab` and `make test`. On Windows, call the script directly (see README).
PYTHON ?= python3

.PHONY: lab test env notebooks corpus tokenizer checkpoints format

lab:
	@$(PYTHON) scripts/bootstrap.py lab
test:
	@$(PYTHON) scripts/bootstrap.py test
env:
	@$(PYTHON) scripts/bootstrap.py env
notebooks:
	@$(PYTHON) scripts/bootstrap.py run jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb
corpus:
	@$(PYTHON) scripts/bootstrap.py run python -m course_lib.world.corpus
checkpoints: corpus
	@$(PYTHON) scripts/bootstrap.py run python scripts/checkpoints.py
format:
	@$(PYTHON) scripts/bootstrap.py run ruff format . && $(PYTHON) scripts/bootstrap.py run ruff check --fix .
