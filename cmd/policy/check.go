package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/check"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
)

func newCheck(o *options) *cobra.Command {
	var noKernel bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Find what is wrong with the policy",
		Long: `Find what is wrong with the policy, all at once, and prove it on this kernel: in
new namespaces, which end with it, it sets every value, both ends of every bound
and every choice, and what the rules set together.

Exit status: 0 no problem (there may be warnings and notes), 1 problems,
2 usage, 4 no problem, but the proof could not be made here.`,
		Example: `  oci-sysctl-policy check
  oci-sysctl-policy check --policy-dir policy.d --no-kernel`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("check takes no %q; name the directory of the policy: --policy-dir DIR", args[0])
			}
			return nil
		},
		RunE: func(command *cobra.Command, _ []string) error { return runCheck(o, command, noKernel) },
	}
	o.addPolicyDir(command)
	o.addFormat(command, "table", "json", "prom")
	command.Flags().BoolVar(&noKernel, "no-kernel", false, "leave out the proof and say what is not proven")
	return command
}

func runCheck(o *options, command *cobra.Command, noKernel bool) error {
	r := &checkReport{header: newHeader("check"), Files: []string{}, Findings: []finding{}}
	p, findings := o.loadForCheck(r)
	findings = append(findings, check.Rules(p)...)
	var unproven error
	if noKernel {
		r.NotProven = check.Unproven(p)
	} else {
		unproven = r.prove(p, &findings)
	}
	check.Sort(findings)
	for _, f := range findings {
		r.add(f)
	}
	if err := r.write(command.OutOrStdout(), o.format); err != nil {
		return err
	}
	if r.Summary.Problems > 0 {
		return exit(exitFound, nil)
	}
	return unproven
}

// loadForCheck returns the policy, or what of it can be loaded.
func (o *options) loadForCheck(r *checkReport) (*policy.Policy, []check.Finding) {
	p, err := o.loadPolicy()
	var findings []check.Finding
	var failed *policy.LoadError
	if errors.As(err, &failed) {
		p, findings = failed.Sound, check.LoadProblems(failed)
	}
	r.Files = append(r.Files, p.Files...)
	for _, rule := range p.Rules {
		r.Rules++
		r.Sysctls += len(rule.Settings)
	}
	if len(p.Files) == 0 && err == nil {
		findings = append(findings, o.noFiles())
	}
	return p, findings
}

// noFiles is a mistake where directories are named, and what a node without a
// policy has.
func (o *options) noFiles() check.Finding {
	if o.policyDirs != nil {
		return check.Finding{Severity: check.Problem, File: o.policyDirs[0], Message: "no *.toml files"}
	}
	return check.Finding{Severity: check.Warning, File: policy.DefaultDirs()[0], Message: "no *.toml files here, nor in the other directories"}
}

// prove proves the policy, or says in the report why it could not. What was
// found until then counts.
func (r *checkReport) prove(p *policy.Policy, findings *[]check.Finding) error {
	found, proof, err := proveHere(p)
	*findings = append(*findings, found...)
	if err != nil {
		r.NotProven = fmt.Sprintf("%s, since %v", check.Unproven(p), err)
		return exit(exitSystem, fmt.Errorf("the proof on this kernel: %w%s; --no-kernel leaves it out", err, hint()))
	}
	r.Proof = &kernelProof{Kernel: proof.Kernel, Values: proof.Values, Patterns: proof.Patterns, Pairs: proof.Pairs}
	return nil
}

func proveHere(p *policy.Policy) ([]check.Finding, *check.Proof, error) {
	proc, err := procfs.Open()
	if err != nil {
		return nil, nil, err
	}
	defer proc.Close()
	return check.Kernel(p, proc)
}
