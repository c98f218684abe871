# oci-sysctl-hook: make help lists the targets.

GO ?= go

.PHONY: test
test: lint ## Run every check and every test
	$(GO) test -count=1 ./...

# One target at a time: go test fuzzes no more.
FUZZTIME ?= 2m
.PHONY: fuzz
fuzz: ## Fuzz every parser of untrusted bytes, each for FUZZTIME (2m)
	@for package in $$($(GO) list ./internal/...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

.PHONY: lint
lint: ## Check format, vet and staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 18
