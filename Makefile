# Needs python3 (3.11 or newer) and make; everything else goes into .venv, pinned by constraints.txt.
#   make demo                                fit and predict two real tables
#   make demo DATA=file.csv TARGET=column    the same on a table of yours
#   make test                                format, lint, tests, doctests, examples, README
#   make test-pandas2                        what reads frames, in an environment of its own with pandas 2
#   make check                               all of these
PYTHON ?= python3

define install  # folder of the environment, constraints file, what to install
	PIP_CONSTRAINT=$(2) PIP_BUILD_CONSTRAINT=$(2) $(1)/bin/python -m pip install --quiet $(3)
endef

define create  # folder of the environment
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("autometa needs Python 3.11 or newer, found %d.%d. Name another: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv --clear $(1)
endef

TORCH = $(shell grep '^torch==' constraints.txt)

.PHONY: demo test test-pandas2 check constraints clean

demo: .venv/.installed
	.venv/bin/python examples/demo.py $(if $(DATA),--data "$(DATA)") $(if $(TARGET),--target "$(TARGET)")

test: .venv/.installed-test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	SCIPY_ARRAY_API=1 OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test-pandas2: .venv-pandas2/.installed
	SCIPY_ARRAY_API=1 OMP_NUM_THREADS=1 .venv-pandas2/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal \
		tests/tasks tests/encoding tests/estimators

check: test test-pandas2 demo

.venv/.installed: pyproject.toml constraints.txt
	$(call create,.venv)
	$(call install,.venv,constraints.txt,$(TORCH))
	$(call install,.venv,constraints.txt,-e .)
	touch $@

.venv/.installed-test: .venv/.installed
	$(call install,.venv,constraints.txt,-e '.[test]')
	touch $@

.venv-pandas2/.installed: pyproject.toml constraints.txt constraints-pandas2.txt
	$(call create,.venv-pandas2)
	grep -v '^pandas==' constraints.txt | cat - constraints-pandas2.txt > .venv-pandas2/constraints.txt
	$(call install,.venv-pandas2,.venv-pandas2/constraints.txt,$(TORCH))
	$(call install,.venv-pandas2,.venv-pandas2/constraints.txt,-e '.[test]')
	touch $@

# Newest versions of everything but torch, whose version is chosen by hand.
constraints:
	$(call create,.venv-constraints)
	.venv-constraints/bin/python -m pip install --quiet $(TORCH)
	.venv-constraints/bin/python -m pip install --quiet $(TORCH) -e '.[test,catboost,xgboost]' editables
	echo '# What `make demo` and `make test` install; written by `make constraints`.' > constraints.new
	.venv-constraints/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' >> constraints.new
	mv constraints.new constraints.txt
	rm -rf .venv-constraints

clean:
	rm -rf .venv .venv-pandas2 .venv-constraints build dist .pytest_cache .ruff_cache .hypothesis
