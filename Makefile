PYTHON ?= python3
BIN = .venv/bin
INSTALLED = .venv/installed

run: $(INSTALLED)
	$(BIN)/python experiments/exp4_conditional_entropy.py --seeds 32

# Coverage is measured where Python makes it cheap; by test-slow of all tests, of which it must be high.
# Types are checked meanwhile.
test: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy & types=$$!; \
	COVERAGE_CORE=sysmon $(BIN)/python -m pytest -n 2 --dist loadfile \
		$$($(BIN)/python -c 'import sys; print("--cov --cov-fail-under=0" * (sys.version_info >= (3, 12)))'); \
	tests=$$?; wait $$types && exit $$tests

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m '' --cov

results: $(INSTALLED)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[bench]'
	$(BIN)/python experiments/phase1_grok.py --recipe grok --seed0 200 --out results/phase1_grok
	$(BIN)/python experiments/phase1_grok.py --recipe paper --seeds 4 --no-controls --out results/phase1_paper
	$(BIN)/python experiments/ablation.py --seeds 64 --out results/ablation
	$(BIN)/python experiments/commitment.py --parts table circuits --libraries exact shipped paper --seeds 256 --further 64 --out results/commitment
	$(BIN)/python experiments/commitment.py --parts alpha phase soup sine --library exact --out results/commitment
	$(BIN)/python experiments/recovery.py --seeds 64 --oscillator-seeds 1024 --out results/recovery
	$(BIN)/python experiments/phase_diagram.py --seeds 64 --out results/phase_diagram
	$(BIN)/python experiments/bench_speed.py --out results/speed
	$(BIN)/python experiments/friction.py --out results/friction
	$(BIN)/python experiments/make_recordings.py --out out/recordings
	$(BIN)/python experiments/discover_recordings.py out/recordings/van_der_pol.csv out/recordings/hares_and_lynxes.csv --out results/recordings
	$(BIN)/nsindy discover out/recordings/van_der_pol.csv --out out/recordings/report
	-$(BIN)/python experiments/report_picture.py out/recordings/report/report.html --out results/recordings/report.png
	$(BIN)/python experiments/few_rows.py --seeds 16 --out results/few_rows
	$(BIN)/python experiments/rational.py --seeds 8 --out results/rational
	$(BIN)/python experiments/rational.py --systems orbit bubble elastic --seeds 4 --out results/negative_powers
	$(BIN)/python experiments/prior.py --systems 16 --classes plain numbers --out results/prior
	$(BIN)/python experiments/hidden.py --seeds 8 --noise 0.005 --out results/hidden
	$(BIN)/python experiments/driven.py --seeds 4 --out results/driven
	$(BIN)/python experiments/driven.py --systems boxes play limited algae car --seeds 4 --out results/driven_bends
	$(BIN)/python experiments/fitted_frequency.py --seeds 16 --out results/fitted_frequency
	$(BIN)/python experiments/constants.py --seeds 4 --processes 2 --out results/constants
	$(BIN)/python experiments/fuzz.py --count 5000 --discover 100 --limit 600 --out results/fuzz
	$(BIN)/python experiments/kill.py --kills 100 --out results/kill
	test -z "$(ODEBENCH)" || $(BIN)/python experiments/bench_odebench.py --data $(ODEBENCH) --out results/odebench
	test -z "$(AIR_TRACK)" || $(BIN)/python experiments/bench_air_track.py --data $(AIR_TRACK) --out results/air_track
	$(BIN)/python experiments/tables.py
	-$(BIN)/python experiments/changes.py

lock: $(INSTALLED)
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras \
		--no-annotate --no-header pyproject.toml -o constraints.txt

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nsindy needs Python 3.11 or later; call make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $(INSTALLED)

.PHONY: run test test-slow results lock
.DEFAULT_GOAL = run
