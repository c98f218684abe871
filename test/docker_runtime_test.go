package test

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// dockerRuntime is the script that a Docker without CDI uses in place of runc.
const dockerRuntime = "../deploy/docker/oci-sysctl-runc"

// byScript runs a container as Docker's containerd does, with the script.
func (r *ociRuntime) byScript(t *testing.T, spec *specs.Spec, policy, dir string, args ...string) result {
	t.Helper()
	script, err := filepath.Abs(dockerRuntime)
	if err != nil {
		t.Fatal(err)
	}
	runc, err := r.find()
	if err != nil {
		t.Fatal(err)
	}
	if err := writeBundle(dir, spec); err != nil {
		t.Fatal(err)
	}
	// The hook that the script adds has no arguments.
	hook := filepath.Join(t.TempDir(), "hook")
	content := fmt.Sprintf("#!/bin/sh\nexec %s --log=none --policy-dir %s\n", hookPath(), policyDir(t, policy))
	if err := os.WriteFile(hook, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	root, id := t.TempDir(), newID()
	t.Cleanup(func() { r.remove(t, root, id) })
	argv := append([]string{"--root", root, "--log-format", "json", "run"}, args...)
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, append(argv, id)...)
	cmd.Env = append(os.Environ(), "OCI_SYSCTL_RUNC="+runc, "OCI_SYSCTL_HOOK="+hook)
	cmd.Dir = dir
	got, err := finish(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// eachRunc runs a test with every runc, as a parallel subtest.
func eachRunc(t *testing.T, test func(t *testing.T, r *ociRuntime)) {
	for _, r := range ociRuntimes {
		if !strings.HasPrefix(r.name, "runc") {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.need(t)
			needPrograms(t, "python3")
			test(t, r)
		})
	}
}

func TestDockerRuntime(t *testing.T) {
	eachRunc(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		for _, args := range [][]string{nil, {"--bundle", "."}, {"--bundle=."}, {"-b", "."}} {
			got := r.byScript(t, printing(keepaliveKeys...), keepalivePolicy, t.TempDir(), args...)
			wantPrinted(t, got, keepaliveKeys, keepaliveSet)
		}
	})
}

// What is in config.json stays: other hooks, and a number beyond what a
// floating point number holds.
func TestDockerRuntimeKeepsConfig(t *testing.T) {
	eachRunc(t, func(t *testing.T, r *ociRuntime) {
		mark := filepath.Join(t.TempDir(), "mark")
		spec := printing(keepaliveKeys...)
		createRuntime(spec, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", `echo here >"$0"`, mark}})
		limit := uint64(math.MaxInt64)
		spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Hard: limit, Soft: limit}}
		dir := t.TempDir()
		wantPrinted(t, r.byScript(t, spec, keepalivePolicy, dir), keepaliveKeys, keepaliveSet)
		if got := readAny(t, mark); got != "here\n" {
			t.Errorf("the other hook did not run: %q", got)
		}
		if config := readAny(t, filepath.Join(dir, "config.json")); strings.Count(config, "9223372036854775807") != 2 {
			t.Errorf("the limit has changed: %s", config)
		}
	})
}

func TestDockerRuntimeRefused(t *testing.T) {
	eachRunc(t, func(t *testing.T, r *ociRuntime) {
		spec := printing(keepaliveTime)
		spec.Linux.Sysctl = map[string]string{keepaliveTime: "5000"}
		got := r.byScript(t, spec, podmanBounds, t.TempDir())
		wantStopped(t, got, keepaliveTime, "5000", "3600", "10-test.toml:4")
	})
}

// Without the hook there is no container.
func TestDockerRuntimeNeedsConfig(t *testing.T) {
	eachRunc(t, func(t *testing.T, r *ociRuntime) {
		got := r.byScript(t, printing(keepaliveTime), keepalivePolicy, t.TempDir(), "--bundle", t.TempDir())
		if got.code == 0 || got.stdout != "" {
			t.Errorf("the container started: exit %d, it printed %q", got.code, got.stdout)
		}
		if !strings.Contains(got.stderr, "config.json") {
			t.Errorf("stderr does not say what is missing: %q", got.stderr)
		}
	})
}

// The other commands are runc's alone.
func TestDockerRuntimeOtherCommands(t *testing.T) {
	eachRunc(t, func(t *testing.T, r *ociRuntime) {
		dir := t.TempDir()
		if err := writeBundle(dir, newSpec("true")); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, "create"), 0o755); err != nil {
			t.Fatal(err)
		}
		before := readAny(t, filepath.Join(dir, "config.json"))
		script, err := filepath.Abs(dockerRuntime)
		if err != nil {
			t.Fatal(err)
		}
		runc, err := r.find()
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"--version"}, {"--root", t.TempDir(), "list"}, {"--root", "create", "list"}} {
			cmd := exec.Command(script, args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "OCI_SYSCTL_RUNC="+runc)
			got, err := finish(cmd)
			if err != nil || got.code != 0 || got.stdout == "" {
				t.Errorf("%q: %v, exit %d: %s%s", args, err, got.code, got.stdout, got.stderr)
			}
		}
		if after := readAny(t, filepath.Join(dir, "config.json")); after != before {
			t.Errorf("config.json has changed: %s", after)
		}
	})
}
