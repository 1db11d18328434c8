# Two commands matter: `make serve` sets up and runs the service, `make test` sets up and tests it.
PYTHON ?= python3.11
SHELL := /bin/bash
PIP = -m pip install --quiet --disable-pip-version-check
TRAIN = .venv-train/bin/python
CLIENTS = PATH="$(CURDIR)/.venv-clients/bin:$$PATH"
DATA ?= ../shared/data
RUN ?= runs/starter
MEASURE = .venv/bin/adaface evaluate
MEASURED = --bundle $(RUN)/bundle --images $(DATA)/lfw_dev/images --pairs $(DATA)/lfw_dev/pairs.txt --json

.PHONY: serve test test-service test-clients clients contract test-training lint docs lock train-environment smoke train-recognizer train-detector starter accuracy bench benchmark benchmark-training bench-gallery faults bench-overload bench-memory bench-keys soak image-check clean

serve: .venv/.serve
	.venv/bin/adaface serve

# Both at once, as each leaves a core idle half of the time.
test: lint .venv-train/.train
	$(MAKE) --jobs=2 test-service test-training

test-service: .venv/.test .venv-clients/.clients
	.venv/bin/python -m pytest --ignore=tests/training

test-training: .venv-train/.train
	$(TRAIN) -m mypy -p training -m adaface
	$(TRAIN) -m pytest tests/training

lint: .venv/.test
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# The service's environment has no torch. `--no-deps`: the files name everything, see requirements/lock.py.
.venv/.serve: requirements/serve.txt pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) --no-deps -r requirements/serve.txt
	.venv/bin/python $(PIP) --no-deps -e .
	touch $@

.venv/.test: .venv/.serve requirements/test.txt
	.venv/bin/python $(PIP) --no-deps -r requirements/test.txt
	touch $@

.venv/.bench: .venv/.test requirements/bench.txt
	.venv/bin/python $(PIP) --no-deps -r requirements/bench.txt
	touch $@

.venv-train/.train: requirements/train.txt pyproject.toml
	test -x $(TRAIN) || $(PYTHON) -m venv .venv-train
	$(TRAIN) $(PIP) --no-deps -r requirements/train.txt
	$(TRAIN) $(PIP) torch==2.13.0
	$(TRAIN) $(PIP) --no-deps -e .
	touch $@

train-environment: .venv-train/.train

# From pictures to an answering service, on invented people: no data, a CPU, three minutes.
smoke: .venv-train/.train
	rm -rf runs/smoke
	$(TRAIN) -m training --config smoke --out runs/smoke --look-every 25
	$(TRAIN) -m tests.smoke runs/smoke

# The generators of the clients, Node.js and Java for them, and schemathesis: an environment of their own.
# Without the npm registry the tests of the TypeScript client are skipped.
.venv-clients/.clients: requirements/clients.txt clients/typescript/package-lock.json
	test -x .venv-clients/bin/python || $(PYTHON) -m venv .venv-clients
	.venv-clients/bin/python $(PIP) --no-deps -r requirements/clients.txt
	$(CLIENTS) npm --prefix clients/typescript ci --ignore-scripts --no-audit --no-fund || echo "npm cannot install: no TypeScript"
	touch $@

clients: docs .venv-clients/.clients
	$(CLIENTS) clients/generate.sh clients

test-clients: .venv/.test .venv-clients/.clients
	.venv/bin/python -m pytest tests/clients

# 20,000 requests made up from the OpenAPI document, with a key of each scope: two minutes of a core.
contract: .venv/.test .venv-clients/.clients
	.venv/bin/python -m tests.contract

docs: .venv/.serve
	.venv/bin/python -m service.documents

lock:
	.venv/bin/python requirements/lock.py
	.venv/bin/python $(PIP) uv
	PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python requirements/images.py

# The starter bundle, from data to files. Training goes on where it was stopped; calibration is on people
# who were kept out of it; the model card is written by hand and put in with `adaface models describe`.
train-recognizer: .venv-train/.train
	$(TRAIN) -m training.distill --data $(DATA) --out $(RUN) --samples 1510400 --lr 0.012

train-detector: .venv-train/.train
	$(TRAIN) -m training.detector --data $(DATA) --out $(RUN)/detector --steps 5100 --logit-shift -0.619

starter: .venv-train/.train .venv/.serve
	$(TRAIN) -m training export $(RUN)/student.pt $(RUN)/recognizer.onnx
	$(TRAIN) -m training.starter --data $(DATA) --run $(RUN) \
	  $(if $(wildcard $(RUN)/detector/detector.onnx),--detector $(RUN)/detector/detector.onnx)
	$(MEASURE) pairs $(MEASURED) > $(RUN)/pairs.json
	$(MEASURE) quality $(MEASURED) > $(RUN)/quality.json
	.venv/bin/adaface models describe $(RUN)/bundle --report $(RUN)/pairs.json --report $(RUN)/quality.json

benchmark: .venv/.test
	.venv/bin/python tests/benchmarks/embed.py

# The service under load, written to docs/benchmarks.md: half an hour of an idle machine, or
# `make bench BENCH=--quick`. One line of figures; exit status 1 where a bar is missed.
bench: .venv/.bench
	.venv/bin/python -m tests.bench $(BENCH)

# Whether the starter's answers can be defended, written to docs/accuracy.md: two minutes of two idle
# cores, needs $(DATA)/lfw_dev. One line of figures; exit status 1 where a bar is missed.
accuracy: .venv/.test
	.venv/bin/python -m tests.accuracy --images $(DATA)/lfw_dev/images $(ACCURACY)

# A million templates: figures and bars. Every fault the gallery has to survive (power needs strace).
bench-gallery: .venv/.test
	.venv/bin/python tests/benchmarks/gallery.py

faults: .venv/.test
	.venv/bin/python -m tests.faults

# Ten times the load it can bear (a minute each with a slow network and with the starter); memory under
# large pictures; an hour of everything. Each ends with a line of figures, and fails if a bar is missed.
bench-overload: .venv/.test
	.venv/bin/python -m tests.benchmarks.overload

bench-memory: .venv/.test
	.venv/bin/python -m tests.benchmarks.memory

# A thousand wrong keys a second beside a client with a good one; a minute.
bench-keys: .venv/.test
	.venv/bin/python -m tests.benchmarks.keys

MINUTES ?= 60
soak: .venv/.test
	.venv/bin/python -m tests.soak --minutes $(MINUTES)

# The image `cpu`, built and tried without a container engine; as root, with buildah and mmdebstrap.
image-check: .venv/.serve
	docker/check.sh

benchmark-training: .venv-train/.train
	$(TRAIN) tests/benchmarks/train.py

clean:
	rm -rf .venv .venv-train .venv-clients clients/typescript/node_modules
