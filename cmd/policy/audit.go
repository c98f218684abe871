package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/audit"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/inventory"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
)

func newAudit(o *options) *cobra.Command {
	var badOnly bool
	command := &cobra.Command{
		Use:   "audit",
		Short: "Compare the running containers with the policy",
		Long: `Compare what the policy says about each container that runs on this node with
what its namespaces hold now. It tells what has drifted, which containers use
the host's network, and which started without the hook. Nothing is written.

Exit status: 0 all is as the policy says, 1 something is not, 2 usage, 3 bad
policy, 4 not all containers could be looked at.`,
		Example: `  oci-sysctl-policy audit
  oci-sysctl-policy audit --bad
  oci-sysctl-policy audit -o prom`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return runAudit(o, command, badOnly) },
	}
	o.addPolicyDir(command)
	o.addFormat(command, "table", "json", "prom")
	o.addStateRoot(command)
	command.Flags().BoolVar(&badOnly, "bad", false, "show only what is not as the policy says, in a table")
	return command
}

func runAudit(o *options, command *cobra.Command, badOnly bool) error {
	began := time.Now()
	roots, err := o.roots()
	if err != nil {
		return err
	}
	p, err := o.loadPolicy()
	if err != nil {
		return exit(exitPolicy, err)
	}
	proc, err := procfs.Open()
	if err != nil {
		return exit(exitSystem, err)
	}
	defer proc.Close()
	containers, listErr := inventory.List(roots)
	report := newAuditReport(audit.Run(p, proc, containers), listErr)
	report.TookSeconds = time.Since(began).Seconds()

	w := command.OutOrStdout()
	switch o.format {
	case "json":
		err = writeJSON(w, report)
	case "prom":
		err = report.writeMetrics(w)
	default:
		err = report.writeTable(w, badOnly)
	}
	if err != nil {
		return err
	}
	return report.status()
}

// status is the exit status. What is wrong for certain counts more than what
// could not be looked at.
func (r *auditReport) status() error {
	switch {
	case r.Summary.Bad() > 0:
		return exit(exitFound, nil)
	case r.Summary.Unreadable > 0 || len(r.Errors) > 0:
		return exit(exitSystem, fmt.Errorf("not all containers could be looked at%s", hint()))
	}
	return nil
}

func hint() string {
	if os.Geteuid() != 0 {
		return "; that needs root"
	}
	return ""
}
