# Shortcuts; each is one line that also works without just. CI uses scripts/test alone.

# List the recipes.
default:
    @just --list

# Build the stem binary into bin/.
build:
    go build -o bin/stem ./cmd/stem

# Everything CI runs, or the stages named: just test unit examples
test *stages:
    scripts/test {{stages}}

# Unit tests with the race detector.
race:
    scripts/test unit

# The suite every driver passes.
conformance:
    scripts/test conformance

# Real processes, killed and starved.
chaos:
    scripts/test chaos

# What can be said without running the product: format, vet, modules, the rules of the house.
lint:
    scripts/test fmt vet tidy arch

# Format all Go files.
fmt:
    gofmt -w .

# The examples and the snippets of the documentation.
examples:
    scripts/test examples

# Measure stem beside its peers and write docs/benchmarks.md.
bench *args:
    cd bench && go run . {{args}}
