# make run    set up what is missing and serve the app
# make test   set up what is missing and run format check, lint, types and the quick tests
# make test-all   the same with the slow tests, which is what continuous integration runs
# make fix    let the tools put format and lint right
# make bench  measure speed, alone, through the server and of videos (an idle machine, ten minutes)
# make soak   32 clients for five minutes, then a kill in the middle
# make fuzz   ten thousand damaged pictures
# make screenshots  make the pictures of the page in docs/ anew
# make dist   build wheel and source archive of the package into dist/
# make audit  look the pinned packages up among known vulnerabilities (asks the network)
# make clean  remove what make set up

VENV := .venv
BIN := $(VENV)/bin
# The first Python on this machine that the pinned packages support; override with `make PYTHON=...`.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && \
	echo $$p && break; done)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

.PHONY: run test test-all fix bench soak fuzz screenshots dist audit clean
.DELETE_ON_ERROR:

run: $(VENV)/installed-app
	$(BIN)/python app.py

test: CHOSEN := not slow
test-all: CHOSEN := slow or not slow
test test-all: $(VENV)/installed-tests chromium
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if [ -n "$(CHROMIUM)" ] || command -v chromium >/dev/null; then \
		$(BIN)/python -m pytest -n 2 -m "$(CHOSEN)"; \
	else \
		echo "Chromium is missing and cannot be installed from here, so the browser tests are left" \
		     "out; to run them: sudo apt-get install chromium"; \
		$(BIN)/python -m pytest -n 2 -m "($(CHOSEN)) and not browser"; \
	fi

fix: $(VENV)/installed-tests
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed-tests
	$(BIN)/python -m benchmarks.recognition
	$(BIN)/python -m benchmarks.server
	$(BIN)/python -m benchmarks.video

soak: $(VENV)/installed-tests
	$(BIN)/python -m benchmarks.soak

fuzz: $(VENV)/installed-tests
	$(BIN)/python -m benchmarks.fuzz

screenshots: $(VENV)/installed-tests
	$(BIN)/python -m benchmarks.screenshots

dist: $(VENV)/installed-tests
	rm -rf dist
	$(BIN)/python -m build --quiet

audit: $(VENV)/installed-tests
	$(BIN)/pip-audit -r requirements.txt -r train/requirements.txt -r tests/requirements.txt

clean:
	rm -rf $(VENV) dist

# The stamps make a second call start at once, a changed requirements file install again, and an
# interrupted set-up start over.
$(VENV)/installed-app: requirements.txt | $(VENV)/created
	@echo "installing the app's packages (about a minute, once)"
	$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/installed-tests: $(VENV)/installed-app train/requirements.txt tests/requirements.txt
	$(INSTALL) -r requirements.txt -r train/requirements.txt -r tests/requirements.txt
	@touch $@

$(VENV)/created:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed, this machine has" \
		"$$(python3 --version 2>/dev/null || echo none); install one, for example with" \
		"'uv python install 3.12', and name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "The venv module is missing: sudo apt-get install python3-venv"; exit 1; }
	@touch $@

# Root needs no sudo; others may have one that asks no password.
.PHONY: chromium
chromium:
	@if [ -z "$(CHROMIUM)" ] && command -v apt-get >/dev/null; then \
		if [ "$$(id -u)" = 0 ]; then as_root=env; else as_root="sudo -n"; fi; \
		if $$as_root true 2>/dev/null; then \
			echo "installing Chromium for the browser tests"; \
			$$as_root apt-get update -qq && \
			$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				--no-install-recommends chromium >/dev/null || true; \
		fi; \
	fi
