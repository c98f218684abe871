package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/inventory"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// options are the flags that commands share.
type options struct {
	policyDirs []string
	stateRoots []string
	format     string
}

func newCommand() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   name,
		Short: "Check a policy, plan for a container, audit a node",
		Long: `Check the policy of oci-sysctl-hook(8), tell what the hook would do for a
container, and compare the containers that run on this node with the policy.
Nothing is changed on the node.`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(*cobra.Command, []string) error {
			return fmt.Errorf("no command; see %s --help", name)
		},
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, command.CommandPath())
	})
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newCheck(o), newPlan(o), newAudit(o), newCompletion())
	return root
}

func (o *options) addPolicyDir(command *cobra.Command) {
	command.Flags().StringArrayVar(&o.policyDirs, "policy-dir", nil, "read the policy from `DIR` instead; may be repeated")
	cobra.CheckErr(command.MarkFlagDirname("policy-dir"))
}

// addFormat adds the flag for the output's format; the first is the default.
func (o *options) addFormat(command *cobra.Command, formats ...string) {
	names := strings.Join(formats, ", ")
	command.Flags().StringVarP(&o.format, "output", "o", formats[0], "write a `FORMAT`: "+names)
	cobra.CheckErr(command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)))
	command.PreRunE = func(*cobra.Command, []string) error {
		if !slices.Contains(formats, o.format) {
			return fmt.Errorf("--output %q: not one of %s", o.format, names)
		}
		return nil
	}
}

func (o *options) addStateRoot(command *cobra.Command) {
	command.Flags().StringArrayVar(&o.stateRoots, "state-root", nil,
		"look for containers in `DIR` instead; may be repeated")
	cobra.CheckErr(command.MarkFlagDirname("state-root"))
}

// roots are where containers are looked for. What the user names must be there;
// of the usual places those count that are.
func (o *options) roots() ([]string, error) {
	if o.stateRoots == nil {
		return inventory.Roots(), nil
	}
	for _, root := range o.stateRoots {
		if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
			return nil, exit(exitInput, fmt.Errorf("--state-root %q: no such directory", root))
		}
	}
	return o.stateRoots, nil
}

// loadPolicy loads what the hook would, or the directories that are named.
func (o *options) loadPolicy() (*policy.Policy, error) {
	if o.policyDirs != nil {
		return policy.Load(o.policyDirs)
	}
	return policy.LoadDefault()
}
