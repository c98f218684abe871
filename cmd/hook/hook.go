package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/container"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

// lockWait bounds how long the hook waits for another hook that is at work in
// the same namespace.
const lockWait = time.Second

// hook is one run: its options, and what there is to be told afterwards.
type hook struct {
	options  *options
	report   report
	warnings []string
}

// run does the hook's work: state, bundle, policy, decisions, namespaces,
// writes.
func (h *hook) run() error {
	h.report.began = time.Now()
	state, err := spec.ReadState(unix.Stdin, spec.StateTimeout)
	if err != nil {
		return exit(exitInput, err)
	}
	h.report.id = state.ID
	proc, err := procfs.Open()
	if err != nil {
		return exit(exitSystem, err)
	}
	process, err := spec.Pin(proc, state.Pid)
	if err != nil {
		return exit(exitSystem, err)
	}
	h.report.netns = process.Inode(specs.NetworkNamespace)
	config, configErr := spec.ReadConfig(state.Bundle)
	if configErr != nil && !errors.Is(configErr, fs.ErrPermission) {
		return exit(exitInput, configErr)
	}
	p, err := h.loadPolicy()
	if err != nil || p == nil {
		return err
	}
	if configErr != nil {
		return undecided(p, state, configErr)
	}
	c, err := container.Decide(p, process, config)
	if errors.Is(err, policy.ErrAmbiguous) {
		return exit(exitRefused, fmt.Errorf("%w; refused by the policy", err))
	}
	if err != nil {
		return exit(exitSystem, err)
	}
	h.report.decisions = c.Decisions
	if refused := c.Decisions.Refused(); len(refused) > 0 {
		return exit(exitRefused, refusal(refused))
	}
	return h.apply(proc, c)
}

// apply enters the container's namespaces and writes.
func (h *hook) apply(proc *procfs.Root, c *container.Container) error {
	if len(c.Namespaces) == 0 {
		h.warn(c.Decisions)
		return nil
	}
	deadline := time.Now().Add(lockWait)
	for _, ns := range c.Namespaces {
		if ns.Kind == spec.Joined {
			ns.Lock(deadline)
		}
	}
	visit, err := c.Enter(proc)
	if err != nil {
		return exit(exitSystem, err)
	}
	if err := c.Settle(visit); err != nil {
		return exit(exitSystem, err)
	}
	result, err := visit.Apply(c.Decisions.Assignments())
	if err != nil {
		return exit(exitSystem, writeError(c.Decisions, err))
	}
	h.report.result = result
	h.warn(c.Decisions)
	return nil
}

// loadPolicy returns nil for a policy that is broken and may be.
func (h *hook) loadPolicy() (*policy.Policy, error) {
	load := policy.LoadDefault
	if dirs := h.options.policyDirs; dirs != nil {
		load = func() (*policy.Policy, error) { return policy.Load(dirs) }
	}
	p, err := load()
	switch {
	case err != nil && h.options.warnOnBadPolicy:
		h.warnings = append(h.warnings, fmt.Sprintf("no sysctl is set: %v", err))
		return nil, nil
	case err != nil:
		return nil, exit(exitPolicy, err)
	case len(p.Files) == 0:
		h.warnings = append(h.warnings, "no policy files; no sysctl is set")
	}
	return p, nil
}

// undecided is for a config.json that the hook is not permitted to read, as
// under rootless podman with some user namespaces: that matters only if the
// policy has rules for the container.
func undecided(p *policy.Policy, state *specs.State, cause error) error {
	if !p.MayConcern(state.Annotations) {
		return nil
	}
	return exit(exitSystem, fmt.Errorf("%w; the policy has rules for this container that can't be decided without it", cause))
}

func (h *hook) warn(decisions *policy.Decisions) {
	for _, d := range decisions.List {
		if d.Warning != "" {
			h.warnings = append(h.warnings, fmt.Sprintf("%s: %s (%s)", d.Key, d.Warning, d.Setting))
		}
	}
}
