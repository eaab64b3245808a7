# make alone lists the targets.
.DEFAULT_GOAL := help

PLATFORMS  := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
CONCURRENT := ./internal/par ./internal/disk ./internal/machine ./nn/... ./model ./model/token ./model/chat ./model/generate \
              ./train ./compress/... ./eval/bench/... ./eval/compare ./recipe/run ./recipe/steps ./serve ./cmd/limbeck
ONE_THREAD := TestBuiltinTeacherSpellsCorpora TestDecodingInEachFormatDoesNotAllocate TestEveryKeyIsOfAStep TestFit \
              TestHostileTemplatesEnd TestLabelsCost TestLongWords TestMemoryChangesNothing TestMissingBytes TestPrune TestPruneReal \
              TestReal TestStepAllocatesNothing TestWays
TIERED     := ./tensor/... ./nn/...
PORTED     := ./internal/... ./recipe/... ./model/safetensors ./nn/op ./tensor/kernel ./cmd/limbeck
FUZZTIME   ?= 5m
PY         ?= python3

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 20

build: ## build ./limbeck
	CGO_ENABLED=0 go build -o limbeck ./cmd/limbeck

demo: build ## make a small model out of the built-in one, compare, and ask both
	./limbeck demo

test: ## every test that needs Go and nothing else
	go test ./...

short: ## the quick tests
	go test -short ./...

# Tests named ONE_THREAD take long and do one thing after another; what they call that has
# threads, as the opening of a model, others call too. Of ./serve/clienttest, which asks what
# tests of ./serve ask, only the client is new, and takes two minutes to compile. A program
# with the detector sleeps a second before it ends, if not told otherwise, and scripts start
# hundreds. make vet has looked at all.
race: ## the race detector on what is concurrent
	GORACE=atexit_sleep_ms=10 go test -short -race -vet=off -skip "^($$(echo $(ONE_THREAD) | tr ' ' '|'))$$" $(CONCURRENT)

# The tier is read before go test looks at what a test reads: -count=1 keeps it from
# taking one tier's results for another's. Tests that go through all tiers keep to that
# one. With GOAMD64=v3 Go may fuse products into sums, as it may on arm64.
tiers: build ## the kernels in every tier that this processor has, and without assembly
	@LIMBECK_CPU=generic ./limbeck version
	@tiers=$$(go run ./internal/testkit/tiers) && for t in $$tiers; do \
		if LIMBECK_CPU=$$t ./limbeck version >/dev/null 2>&1; then \
			echo "LIMBECK_CPU=$$t"; LIMBECK_CPU=$$t go test -short -count=1 $(TIERED) || exit 1; \
		else echo "LIMBECK_CPU=$$t: not on this processor"; fi; done
	go test -short -tags purego $(TIERED)
	@if GOAMD64=v3 go run ./internal/testkit/tiers >/dev/null 2>&1; then \
		echo "GOAMD64=v3"; GOAMD64=v3 go test -short -count=1 ./tensor/kernel; \
	else echo "GOAMD64=v3: not on this processor"; fi

vet: ## go vet
	go vet ./...
	go vet .ci/floors.go

tidy-check: ## go.mod and go.sum of each module are what go mod tidy writes
	@for m in . tensor/kernel/gen .ci/tools; do go -C $$m mod tidy -diff || exit 1; done

lint: ## the linter, at the version that .ci/tools pins
	.ci/lint

fuzz: ## every fuzz target, FUZZTIME each (5m)
	.ci/fuzz $(FUZZTIME)

bench: ## the kernels' benchmarks beside the machine's limits
	go test -run '^$$' -bench . ./tensor/kernel

bench-peers: build ## Limbeck beside llama.cpp, ik_llama.cpp, and PyTorch if PY has it; FLAGS="-only decode" and the like
	go run ./eval/bench/peers -limbeck ./limbeck -python $(PY) $(FLAGS)

check-peers: ## what transformers and llama.cpp make of the files that are written, in PY, a Python with both
	dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
		go test -v -count=1 -run TestWritePromptsForPeers ./recipe/steps -written "$$dir" && \
		$(PY) recipe/steps/testdata/written_prompts.py "$$dir" && \
		go test -v -count=1 -run TestWriteForPeers ./model -written "$$dir" && \
		$(PY) model/testdata/written_logits.py "$$dir"

golden: ## rewrite the golden files; read the difference
	go test ./recipe ./eval/report -update

generate: ## make the generated files anew
	go generate ./...

generate-check: ## the generated files are what their generators write
	go -C tensor/kernel/gen test -count=1 ./...
	go test ./recipe -run TestReferenceIsFresh

# Compiled without optimizing, and linked without what debuggers need, in two thirds of the
# time; build has made this machine's. PORTED have files for one system, with tests, which
# vet compiles: once a system, as none is for one processor.
cross: build ## compile for every platform
	@for p in $(filter-out $(shell go env GOHOSTOS)/$(shell go env GOHOSTARCH),$(PLATFORMS)); do echo "build $$p"; \
		export CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/}; \
		go build -gcflags='all=-N -l -dwarf=false' -ldflags='-s -w' -o /dev/null ./cmd/limbeck || exit 1; \
		case $$p in */amd64) go vet -gcflags='all=-N -l -dwarf=false' $(PORTED) || exit 1; esac; done

clean: ## remove what build makes
	rm -f limbeck

.PHONY: help build demo test short race tiers vet tidy-check lint fuzz bench bench-peers check-peers golden generate generate-check cross clean
