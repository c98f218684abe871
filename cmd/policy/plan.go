package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/inventory"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/plan"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

func newPlan(o *options) *cobra.Command {
	command := &cobra.Command{
		Use:   "plan BUNDLE|CONTAINER",
		Short: "Tell what the hook would do for a container",
		Long: `Tell what the hook would do for a container: for each sysctl the decision, the
rule that it comes from, what the container asks for and how, and the reason.

BUNDLE is a directory with a config.json. What is new to such a container is
looked at in new namespaces. CONTAINER is the ID of a container that runs on
this node under runc, crun, podman, CRI-O, containerd or docker, or an
unambiguous prefix of one.

Exit status: 0 the container may start, 1 the policy refuses it, 2 usage or bad
input, 3 bad policy, 4 the kernel said no.`,
		Example: `  oci-sysctl-policy plan /run/containers/bundle
  oci-sysctl-policy plan 8f2c -o json
  oci-sysctl-policy plan --policy-dir policy.d .`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("plan takes one BUNDLE or CONTAINER, not %d", len(args))
			}
			if args[0] == "" { // an unset variable, and no name for this directory
				return errors.New("plan takes a BUNDLE or CONTAINER, and the argument is empty")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeContainers(o, args), cobra.ShellCompDirectiveDefault
		},
		RunE: func(command *cobra.Command, args []string) error { return runPlan(o, command, args[0]) },
	}
	o.addPolicyDir(command)
	o.addFormat(command, "table", "json", "prom")
	o.addStateRoot(command)
	return command
}

func completeContainers(o *options, args []string) []cobra.Completion {
	if len(args) > 0 {
		return nil
	}
	roots, _ := o.roots()
	containers, _ := inventory.List(roots) // what can be read is offered
	ids := make([]cobra.Completion, len(containers))
	for i, c := range containers {
		ids[i] = c.ID
	}
	return slices.Compact(ids) // sorted; the flags are read twice for a completion
}

func runPlan(o *options, command *cobra.Command, argument string) error {
	target, err := findTarget(o, argument)
	if err != nil {
		return err
	}
	p, err := o.loadPolicy()
	if err != nil {
		return exit(exitPolicy, err)
	}
	planned, err := target.plan(p)
	if err != nil {
		return err
	}
	report := newPlanReport(target, planned)
	err = report.write(command.OutOrStdout(), o.format)
	if err == nil && !report.Starts {
		err = exit(exitFound, nil)
	}
	return err
}

// target is what to plan for.
type target struct {
	bundle    string
	container *inventory.Container // nil for a bundle
}

// findTarget takes the argument for a bundle if it is a path or a directory
// that holds one, else for a container.
func findTarget(o *options, argument string) (*target, error) {
	_, err := os.Stat(filepath.Join(argument, "config.json"))
	if err == nil || filepath.Base(argument) != argument || argument == "." || argument == ".." {
		bundle, err := filepath.Abs(argument)
		if err != nil {
			return nil, exit(exitSystem, err)
		}
		return &target{bundle: bundle}, nil
	}
	roots, err := o.roots()
	if err != nil {
		return nil, err
	}
	containers, listErr := inventory.List(roots)
	container, err := inventory.Pick(containers, argument)
	if err != nil {
		return nil, exit(exitInput, errors.Join(err, listErr))
	}
	return &target{bundle: container.Bundle, container: container}, nil
}

func (t *target) plan(p *policy.Policy) (*plan.Plan, error) {
	config, err := spec.ReadConfig(t.bundle)
	if err != nil {
		return nil, exit(exitInput, err)
	}
	proc, err := procfs.Open()
	if err != nil {
		return nil, exit(exitSystem, err)
	}
	defer proc.Close()
	viewer := plan.NewViewer(proc, &plan.Fresh{})
	defer viewer.Close()

	process, err := t.pin(proc)
	var planned *plan.Plan
	switch {
	case err != nil:
	case process == nil:
		planned, err = viewer.Bundle(p, config)
	default:
		defer process.Close()
		planned, err = viewer.Running(p, process, config)
	}
	if err != nil {
		return nil, exit(exitSystem, fmt.Errorf("%s: %w", t, err))
	}
	return planned, nil
}

// pin returns nil for a target that has no process. A container that has ended
// becomes its bundle.
func (t *target) pin(proc *procfs.Root) (*spec.Process, error) {
	if t.container == nil {
		return nil, nil
	}
	process, err := t.container.Pin(proc)
	if errors.Is(err, spec.ErrEnded) {
		t.container = nil
		return nil, nil
	}
	return process, err
}

func (t *target) String() string {
	if t.container == nil {
		return t.bundle
	}
	return t.container.ID
}
