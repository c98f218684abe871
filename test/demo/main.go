// Command demo shows what the hook is for: it starts two containers with runc,
// one without the hook and one with it, and prints what each finds in its
// network namespace next to what the host has.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/opencontainers/runtime-spec/specs-go"
)

var keys = []string{
	"net.ipv4.tcp_keepalive_time",
	"net.ipv4.tcp_keepalive_intvl",
	"net.ipv4.tcp_keepalive_probes",
	"net.ipv4.tcp_congestion_control",
}

func main() {
	var err error
	if len(os.Args) == 2 && os.Args[1] == "container" {
		err = printValues(os.Stdout)
	} else if len(os.Args) == 4 {
		err = demo(os.Args[1], os.Args[2], os.Args[3])
	} else {
		err = fmt.Errorf("usage: demo RUNC HOOK POLICY-DIR; see make demo")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// printValues is the containers' application.
func printValues(w io.Writer) error {
	for _, key := range keys {
		value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(key, ".", "/"))
		if err != nil {
			return err
		}
		fmt.Fprint(w, string(value))
	}
	return nil
}

func demo(runc, hook, policyDir string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("runc needs root to start a container here: run make demo as root")
	}
	dir, err := os.MkdirTemp("", "oci-sysctl-hook-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	var host strings.Builder
	if err := printValues(&host); err != nil {
		return err
	}
	without, err := run(runc, filepath.Join(dir, "without"), nil)
	if err != nil {
		return err
	}
	with, err := run(runc, filepath.Join(dir, "with"), &specs.Hooks{CreateRuntime: []specs.Hook{{
		Path: hook,
		Args: []string{"oci-sysctl-hook", "--policy-dir", policyDir},
	}}})
	if err != nil {
		return err
	}
	return printTable(os.Stdout, host.String(), without, with)
}

func printTable(w io.Writer, columns ...string) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "\thost\tcontainer without the hook\tcontainer with the hook")
	for row, key := range keys {
		fmt.Fprint(table, key)
		for _, column := range columns {
			fmt.Fprint(table, "\t", strings.Split(column, "\n")[row])
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// run starts a container whose application is this program and returns what it
// prints.
func run(runc, bundle string, hooks *specs.Hooks) (string, error) {
	if err := makeBundle(bundle, hooks); err != nil {
		return "", err
	}
	id := fmt.Sprintf("oci-sysctl-hook-demo-%d-%s", os.Getpid(), filepath.Base(bundle))
	cmd := exec.Command(runc, "--root", filepath.Join(bundle, "state"), "run", "--bundle", bundle, id)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return string(out), nil
}

func makeBundle(bundle string, hooks *specs.Hooks) error {
	rootfs := filepath.Join(bundle, "rootfs")
	if err := os.MkdirAll(filepath.Join(rootfs, "proc"), 0o755); err != nil {
		return err
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(rootfs, "demo"), self, 0o755); err != nil {
		return err
	}
	config, err := json.MarshalIndent(newSpec(hooks), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o644)
}

func newSpec(hooks *specs.Hooks) *specs.Spec {
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{Cwd: "/", Args: []string{"/demo", "container"}},
		Mounts:  []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}},
		Hooks:   hooks,
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace},
				{Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}, {Type: specs.MountNamespace},
			},
			ReadonlyPaths: []string{"/proc/sys"},
		},
	}
}
