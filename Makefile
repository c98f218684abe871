# oci-sysctl-hook: make help lists the targets.

PREFIX ?= /usr
DESTDIR ?=
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

module := github.com/oci-sysctl-hook/oci-sysctl-hook
hooksbin := $(PREFIX)/libexec/oci/hooks.d
hooksdir := $(PREFIX)/share/containers/oci/hooks.d
policydir := $(PREFIX)/share/oci-sysctl-hook/policy.d
mandir := $(PREFIX)/share/man
sbindir := $(PREFIX)/sbin
bindir := $(PREFIX)/bin
docdir := $(PREFIX)/share/doc/oci-sysctl-hook
bashdir := $(PREFIX)/share/bash-completion/completions
zshdir := $(PREFIX)/share/zsh/site-functions
fishdir := $(PREFIX)/share/fish/vendor_completions.d
unitdir := $(PREFIX)/lib/systemd/system

# The same sources and the same Go give the same bytes, wherever they are built.
GOBUILD = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w \
	-X main.version=$(VERSION) -X main.defaultHook=$(hooksbin)/oci-sysctl-hook \
	-X $(module)/internal/policy.vendorDir=$(policydir)'

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
pages := oci-sysctl-hook.8 oci-sysctl-nri.8 oci-sysctl-policy.1 oci-sysctl-hook-policy.toml.5
shells := bash zsh fish

.PHONY: all
all: build man completions ## Build all that is installed (the default)
	@echo '$(PREFIX)' >bin/prefix

.PHONY: build
build: bin/oci-sysctl-hook bin/oci-sysctl-nri bin/oci-sysctl-policy ## Build the programs

.PHONY: FORCE
FORCE:

bin/oci-sysctl-hook: FORCE
	$(GOBUILD) -o $@ ./cmd/hook

bin/oci-sysctl-nri: FORCE
	$(GOBUILD) -o $@ ./cmd/nri

bin/oci-sysctl-policy: FORCE
	$(GOBUILD) -o $@ ./cmd/policy

bin/runc: go.mod go.sum
	CGO_ENABLED=1 $(GO) build -buildvcs=false -o $@ github.com/opencontainers/runc

bin/demo: FORCE
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o $@ ./test/demo

.PHONY: demo
demo: bin/oci-sysctl-hook bin/runc bin/demo ## Show one container without the hook and one with it (needs root)
	@$(SUDO) bin/demo $(CURDIR)/bin/runc $(CURDIR)/bin/oci-sysctl-hook $(CURDIR)/policy.d

.PHONY: test
test: lint build bin/runc ## Run every check and every test, on real runtimes too (needs root)
	$(GO) test -count=1 -timeout 30m ./...
	$(MAKE) test-containerd
	$(MAKE) fuzz FUZZTIME=5s

# containerd and its programs, for tests only. go install of a pinned version
# takes exactly containerd's own go.mod, checked by the checksum database, and
# keeps all of it out of ours.
containerd := v2.2.9
containerd_programs := bin/containerd bin/containerd-shim-runc-v2 bin/ctr

$(containerd_programs): Makefile
	CGO_ENABLED=0 GOBIN=$(CURDIR)/bin $(GO) install -buildvcs=false github.com/containerd/containerd/v2/cmd/$(@F)@$(containerd)
	@touch $@

.PHONY: test-containerd
test-containerd: build bin/runc $(containerd_programs) ## Run the tests on a real containerd (needs root)
	cd test/containerd && $(GO) vet ./... && $(GO) test -count=1 -timeout 10m ./...

.PHONY: unit
unit: ## Run the tests that need no container runtime
	$(GO) test -count=1 ./cmd/... ./internal/...

# One target at a time: go test fuzzes no more.
FUZZTIME ?= 2m
.PHONY: fuzz
fuzz: ## Fuzz every parser of untrusted bytes, each for FUZZTIME (2m)
	@packages=$$($(GO) list ./internal/...) || exit 1; \
	for package in $$packages; do \
		targets=$$($(GO) test -list '^Fuzz' $$package) || { echo "$$targets"; exit 1; }; \
		for target in $$(echo "$$targets" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$package || exit 1; \
		done; \
	done

# What a program costs that does and links ever more of what the hook does.
rungs := empty unix libraries procfs securejoin

.PHONY: bench
bench: build bin/runc ## Measure the hook next to other ways (needs root, a quiet machine)
	$(GO) build -buildvcs=false -o bin/bench ./test/bench
	for rung in $(rungs); do \
		CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-s -w' -o bin/bench-$$rung ./test/bench/rung/$$rung || exit 1; \
	done
	gcc -O2 -static -o bin/bench-hook-c test/bench/other/hook.c
	$(SUDO) bin/bench $(BENCHFLAGS)

.PHONY: lint
lint: ## Check format, vet and staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# Tools that need not be in go.mod, pinned here.
govulncheck := golang.org/x/vuln/cmd/govulncheck@v1.9.0
cyclonedx := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0

# Not in make test: it needs the database, by the network. GOVULNDB names a copy
# (https://… or file://…) where vuln.go.dev cannot be reached. It has not been run
# against the real one from where this was developed, which could not reach it.
GOVULNDB ?= https://vuln.go.dev
.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in what is linked (needs vuln.go.dev, or GOVULNDB)
	@mkdir -p bin
	GOOS= GOARCH= GOBIN=$(CURDIR)/bin $(GO) install $(govulncheck)
	@bin/govulncheck -db '$(GOVULNDB)' ./cmd/... || { code=$$?; [ $$code = 3 ] || \
		echo "vulncheck: nothing was checked: it needs $(GOVULNDB)" >&2; exit $$code; }

# The tool is for this machine, what it describes for the target, GOARCH.
SBOMDIR ?= dist
.PHONY: sbom
sbom: ## List what is linked into each program, with licences, in dist
	@mkdir -p $(SBOMDIR)
	GOOS= GOARCH= GOBIN=$(CURDIR)/bin $(GO) install $(cyclonedx)
	for program in hook nri policy; do \
		CGO_ENABLED=0 bin/cyclonedx-gomod app -licenses -noserial -json -output $(SBOMDIR)/oci-sysctl-$$program.cdx.json -main cmd/$$program . || exit 1; \
	done

.PHONY: man
man: $(addprefix bin/man/,$(pages)) ## Make the man pages

bin/man/%: docs/man/%.md
	@mkdir -p $(@D)
	$(GO) tool go-md2man -in $< -out $@

.PHONY: completions
completions: $(addprefix bin/completions/,$(shells)) ## Make the shells' completions

# By a program for this machine, whatever is built for.
bin/completions/%: FORCE
	@mkdir -p $(@D)
	GOOS= GOARCH= CGO_ENABLED=0 $(GO) run -buildvcs=false ./cmd/policy completion $* >$@

# What was built with this PREFIX, for programs know where their files are.
.PHONY: built
built:
	@[ "$$(cat bin/prefix 2>/dev/null)" = '$(PREFIX)' ] || \
		{ echo 'not built for $(PREFIX): run "make PREFIX=$(PREFIX)" first' >&2; exit 1; }

# Under sudo nothing is built: root may have no Go, and would own what it builds.
.PHONY: install
install: $(if $(SUDO_UID),built,all) ## Install; DESTDIR and PREFIX (/usr) say where
	install -D -m 755 bin/oci-sysctl-hook $(DESTDIR)$(hooksbin)/oci-sysctl-hook
	install -D -m 755 bin/oci-sysctl-nri $(DESTDIR)$(sbindir)/oci-sysctl-nri
	install -d $(DESTDIR)$(unitdir)
	sed 's|/usr/sbin|$(sbindir)|' deploy/containerd/oci-sysctl-nri.service >$(DESTDIR)$(unitdir)/oci-sysctl-nri.service
	chmod 644 $(DESTDIR)$(unitdir)/oci-sysctl-nri.service
	install -d $(DESTDIR)$(hooksdir)
	sed 's|/usr/libexec/oci/hooks.d|$(hooksbin)|' hooks.d/oci-sysctl-hook.json >$(DESTDIR)$(hooksdir)/oci-sysctl-hook.json
	chmod 644 $(DESTDIR)$(hooksdir)/oci-sysctl-hook.json
	install -D -m 644 -t $(DESTDIR)$(policydir) policy.d/*.toml
	install -D -m 644 -t $(DESTDIR)$(mandir)/man8 bin/man/oci-sysctl-hook.8 bin/man/oci-sysctl-nri.8
	install -D -m 644 -t $(DESTDIR)$(mandir)/man5 bin/man/oci-sysctl-hook-policy.toml.5
	install -D -m 644 -t $(DESTDIR)$(mandir)/man1 bin/man/oci-sysctl-policy.1
	install -D -m 755 bin/oci-sysctl-policy $(DESTDIR)$(bindir)/oci-sysctl-policy
	install -D -m 644 bin/completions/bash $(DESTDIR)$(bashdir)/oci-sysctl-policy
	install -D -m 644 bin/completions/zsh $(DESTDIR)$(zshdir)/_oci-sysctl-policy
	install -D -m 644 bin/completions/fish $(DESTDIR)$(fishdir)/oci-sysctl-policy.fish
	install -D -m 644 -t $(DESTDIR)$(docdir) docs/policy.schema.json docs/output.schema.json
	install -D -m 644 -t $(DESTDIR)$(docdir)/examples packaging/systemd/oci-sysctl-audit.service packaging/systemd/oci-sysctl-audit.timer

# The hook file goes first: from then on no container asks for the binary.
.PHONY: uninstall
uninstall: ## Remove what install put there
	rm -f $(DESTDIR)$(hooksdir)/oci-sysctl-hook.json
	rm -f $(DESTDIR)$(unitdir)/oci-sysctl-nri.service $(DESTDIR)$(sbindir)/oci-sysctl-nri
	rm -f $(DESTDIR)$(hooksbin)/oci-sysctl-hook
	rm -f $(addprefix $(DESTDIR)$(policydir)/,$(notdir $(wildcard policy.d/*.toml)))
	rm -f $(addprefix $(DESTDIR)$(mandir)/man8/,oci-sysctl-hook.8 oci-sysctl-nri.8) $(DESTDIR)$(mandir)/man5/oci-sysctl-hook-policy.toml.5
	rm -f $(DESTDIR)$(bindir)/oci-sysctl-policy $(DESTDIR)$(mandir)/man1/oci-sysctl-policy.1
	rm -f $(DESTDIR)$(bashdir)/oci-sysctl-policy $(DESTDIR)$(zshdir)/_oci-sysctl-policy $(DESTDIR)$(fishdir)/oci-sysctl-policy.fish
	rm -f $(addprefix $(DESTDIR)$(docdir)/,policy.schema.json output.schema.json examples/oci-sysctl-audit.service examples/oci-sysctl-audit.timer)
	-rmdir -p --ignore-fail-on-non-empty $(DESTDIR)$(docdir)/examples 2>/dev/null
	-rmdir -p --ignore-fail-on-non-empty $(DESTDIR)$(policydir) 2>/dev/null

# A version as packages have it: a tag's; after one, the tag's and the number of
# commits since, which dpkg and rpm take for newer; before any, 0.0.0~gitNUMBER.
PACKAGE_VERSION ?= $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | \
	sed 's/-\([0-9]*\)-g\([0-9a-f]*\)$$/+git\1.g\2/' | grep . || \
	echo 0.0.0-git$$(git rev-list --count HEAD 2>/dev/null).g$$(git rev-parse --short HEAD 2>/dev/null))

# The same sources give the same packages: every file is as old as the commit.
packages: export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
packages: export PACKAGE_VERSION := $(PACKAGE_VERSION)
packages: export GOARCH := $(shell $(GO) env GOARCH)
.PHONY: packages
packages: ## Make a .deb and an .rpm, in dist
	rm -rf dist
	$(MAKE) install PREFIX=/usr DESTDIR=$(CURDIR)/dist/root
	GO='$(GO)' packaging/licenses >dist/licenses
	find dist/root dist/licenses -exec touch -h -d @$$SOURCE_DATE_EPOCH {} +
	cd packaging/nfpm && GOARCH= $(GO) build -o $(CURDIR)/bin/nfpm github.com/goreleaser/nfpm/v2/cmd/nfpm
	cd packaging/nfpm && for kind in deb rpm; do $(CURDIR)/bin/nfpm package -f ../nfpm.yaml -p $$kind -t $(CURDIR)/dist/ || exit 1; done
	rm -rf dist/root dist/licenses
	$(MAKE) sbom

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | expand -t 18
