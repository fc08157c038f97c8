# Two commands do everything on a fresh machine: make run, make test.
# Go and git are needed; the rest installs itself or is named.

SHELL      := /bin/bash
VERSION    ?= $(shell cat VERSION 2>/dev/null || git describe --tags --always --abbrev=12 --dirty 2>/dev/null || echo unknown)
LDFLAGS    := -s -w -buildid= -X main.version=$(VERSION)
GO         ?= go

.PHONY: build run test release bench soak fuzz lint clean help

help: ## what there is
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/writ, without cgo, the same bytes from the same tree
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/writ ./cmd/writ

run: build ## a real server, real files, and a look at what lies on disk
	./bin/writ demo --stay

test: ## every test, race detector on; installs what the tests need
	@scripts/test

release: ## dist/VERSION: programs for all targets, and what strangers check them by
	@VERSION='$(VERSION)' scripts/release $(RELEASE)

bench: build ## side by side with peers, in one run; writes docs/performance.md
	@scripts/bench

soak: build ## the long ones: many more kills, many more random histories
	@scripts/soak

fuzz: ## each fuzz target for a minute
	@scripts/fuzz

lint: ## vet, staticcheck, formatting
	@scripts/lint

clean: ## remove what was built
	rm -rf bin dist
