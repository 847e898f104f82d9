# Everything is done by scripts/bootstrap.py, which needs nothing but Python; Windows calls it directly (README.md).
PYTHON ?= python3
ARGS ?=
COURSE = $(PYTHON) scripts/bootstrap.py

.PHONY: lab test mutants reliability doctor format notebooks corpus checkpoints clean

lab:  ## open the course in JupyterLab
	@$(COURSE) lab $(ARGS)

test:  ## run every test
	@$(COURSE) test $(ARGS)

mutants:  ## change every reference a little, and see whether its exercise notices
	@PYTHONPATH=tests/exercises $(COURSE) run --tools python -m mutants $(ARGS)

reliability:  ## try to break the course in many ways, and write docs/reliability.md
	@$(COURSE) run --tools python scripts/reliability.py $(ARGS)

doctor:  ## say what is installed, how fast this machine is, and what is missing
	@$(COURSE) run python -m course_lib doctor $(ARGS)

format:  ## bring code and notebooks into the course's form
	@$(COURSE) run --tools python -m ruff format . && $(COURSE) run --tools python -m ruff check --fix .

notebooks:  ## run all notebooks (or ARGS="notebooks/00_start_here.ipynb") and keep their outputs
	@$(COURSE) notebooks $(ARGS)

corpus:  ## make the bundled corpus anew, byte for byte
	@$(COURSE) run python -m course_lib.world.corpus

checkpoints:  ## train the shipped models anew (about two and a half hours)
	@$(COURSE) run python scripts/checkpoints.py $(ARGS)

clean:  ## remove the environment and all caches; answers and progress stay
	@$(COURSE) clean
