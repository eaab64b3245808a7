# make alone lists the targets.
.DEFAULT_GOAL := help
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

build: ## build ./limbeck
	CGO_ENABLED=0 go build -o limbeck ./cmd/limbeck

test: ## every test that needs Go and nothing else
	go test ./...

short: ## the quick tests
	go test -short ./...

race: ## the race detector on what is concurrent
	go test -short -race ./internal/par ./nn/... ./recipe/...

vet: ## go vet
	go vet ./...

bench: ## the kernels' benchmarks beside the machine's limits
	go test -run '^$$' -bench . ./tensor/kernel

cross: ## compile for every platform
	@for p in $(PLATFORMS); do echo "build $$p"; CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} go build -o /dev/null ./cmd/limbeck || exit 1; done

.PHONY: help build test short race vet bench cross
