package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// containerCases start a container of which the application is true.
func containerCases(dir, bin string) ([]*benchCase, error) {
	policy, err := writePolicy(filepath.Join(dir, "policy-containers"), 1, 3)
	if err != nil {
		return nil, err
	}
	var cases []*benchCase
	for _, rt := range []struct {
		name string
		argv []string
	}{
		{"runc (pinned)", []string{filepath.Join(bin, "runc")}},
		{"crun (Debian)", []string{"crun"}},
	} {
		hook := specs.Hook{Path: absolute(filepath.Join(bin, "oci-sysctl-hook")), Args: []string{"oci-sysctl-hook", "--policy-dir", policy}}
		empty := specs.Hook{Path: absolute(filepath.Join(bin, "bench-empty")), Args: []string{"empty"}}
		for _, v := range []struct {
			name         string
			hooks        []specs.Hook
			inSpec, sets bool
		}{
			{"no hook", nil, false, false},
			{"an empty Go program as the hook", []specs.Hook{empty}, false, false},
			{"oci-sysctl-hook", []specs.Hook{hook}, false, true},
			{"linux.sysctl in the bundle, no hook", nil, true, true},
		} {
			id := fmt.Sprintf("bench-%d-%d", os.Getpid(), len(cases))
			bundle := filepath.Join(dir, id)
			spec := containerSpec(v.hooks, v.inSpec)
			if err := makeBundle(bundle, spec); err != nil {
				return nil, err
			}
			argv := append(rt.argv[:len(rt.argv):len(rt.argv)], "--root", filepath.Join(bundle, "state"), "run", "--bundle", bundle, id)
			c := &benchCase{name: rt.name + ": " + v.name, group: rt.name, argv: argv}
			if v.sets {
				c.check = startsWithValues(c, bundle, spec)
			}
			cases = append(cases, c)
		}
	}
	return cases, nil
}

func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}

// startsWithValues starts the container once more, with an application that
// fails unless it finds the values.
func startsWithValues(c *benchCase, bundle string, spec *specs.Spec) func() error {
	return func() error {
		var script strings.Builder
		for _, s := range sysctls(3) {
			fmt.Fprintf(&script, "[ $(/bin/busybox cat /proc/sys/%s) = %s ] && ", s.path(), s.value)
		}
		config := filepath.Join(bundle, "config.json")
		measured := spec.Process.Args
		spec.Process.Args = []string{"/bin/busybox", "sh", "-c", script.String() + "exit 0 || exit 1"}
		if err := writeJSON(config, spec); err != nil {
			return err
		}
		if _, err := c.run(); err != nil {
			return err
		}
		spec.Process.Args = measured
		return writeJSON(config, spec)
	}
}

func makeBundle(bundle string, spec *specs.Spec) error {
	rootfs := filepath.Join(bundle, "rootfs")
	for _, dir := range []string{"bin", "dev", "proc"} {
		if err := os.MkdirAll(filepath.Join(rootfs, dir), 0o755); err != nil {
			return err
		}
	}
	if out, err := exec.Command("cp", "/bin/busybox", filepath.Join(rootfs, "bin/busybox")).CombinedOutput(); err != nil {
		return fmt.Errorf("cp /bin/busybox: %w: %s", err, out)
	}
	return writeJSON(filepath.Join(bundle, "config.json"), spec)
}

func containerSpec(hooks []specs.Hook, inSpec bool) *specs.Spec {
	spec := newSpec()
	spec.Process.Args = []string{"/bin/busybox", "true"}
	if hooks != nil {
		spec.Hooks = &specs.Hooks{CreateRuntime: hooks}
	}
	if inSpec {
		spec.Linux.Sysctl = map[string]string{}
		for _, s := range sysctls(3) {
			spec.Linux.Sysctl[s.key] = s.value
		}
	}
	return spec
}

func newSpec() *specs.Spec {
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{Cwd: "/", Args: []string{"/bin/true"}, Env: []string{"PATH=/bin"}},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs"},
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace},
				{Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}, {Type: specs.MountNamespace},
			},
		},
	}
}
