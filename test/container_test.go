package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// lastID numbers the containers of this run.
var lastID atomic.Int64

// newID names a container as no other on this machine.
func newID() string { return fmt.Sprintf("oci-sysctl-hook-%d-%d", os.Getpid(), lastID.Add(1)) }

// newSpec is a container with namespaces of its own that runs a busybox applet.
func newSpec(args ...string) *specs.Spec {
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: rootfsPath(), Readonly: true},
		Process: &specs.Process{
			Args:            append([]string{"/bin/busybox"}, args...),
			Cwd:             "/",
			NoNewPrivileges: true,
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "mode=755"}},
		},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace},
				{Type: specs.MountNamespace},
				{Type: specs.NetworkNamespace},
				{Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace},
			},
			// As every runtime has it: the application cannot help itself.
			ReadonlyPaths: []string{"/proc/sys"},
		},
	}
}

// joinNetwork makes the container join a network namespace.
func joinNetwork(spec *specs.Spec, path string) {
	for i := range spec.Linux.Namespaces {
		if spec.Linux.Namespaces[i].Type == specs.NetworkNamespace {
			spec.Linux.Namespaces[i].Path = path
		}
	}
}

// shareHost takes a namespace from the container: it has the host's then.
func shareHost(spec *specs.Spec, kind specs.LinuxNamespaceType) {
	spec.Linux.Namespaces = slices.DeleteFunc(spec.Linux.Namespaces,
		func(n specs.LinuxNamespace) bool { return n.Type == kind })
}

// createRuntime gives the container a hook at the stage that hooks.d names.
func createRuntime(spec *specs.Spec, hook specs.Hook) {
	spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{hook}}
}

// hookWith is the hook with a policy and without a log.
func hookWith(policyDir string, args ...string) specs.Hook {
	timeout := 10
	return specs.Hook{
		Path:    hookPath(),
		Args:    append([]string{"oci-sysctl-hook", "--policy-dir", policyDir, "--log=none"}, args...),
		Timeout: &timeout,
	}
}

// policyDir is a directory with one policy file.
func policyDir(t *testing.T, policy string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "10-test.toml"), policy)
	return dir
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeBundle makes a bundle directory.
func writeBundle(dir string, spec *specs.Spec) error {
	config, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644)
}

// crunHooksStderr is the annotation that names the file for what hooks write
// to stderr, see crun(1). Without it crun shows a hook's exit status alone.
const crunHooksStderr = "run.oci.hooks.stderr"

// run runs a container to its end, in a bundle and a runtime root of its own.
func (r *ociRuntime) run(t *testing.T, spec *specs.Spec) result {
	t.Helper()
	bundle, root, id := t.TempDir(), t.TempDir(), newID()
	said := filepath.Join(bundle, "hook-stderr")
	if r.hidesStderr {
		spec.Annotations = maps.Clone(spec.Annotations)
		if spec.Annotations == nil {
			spec.Annotations = make(map[string]string)
		}
		spec.Annotations[crunHooksStderr] = said
	}
	if err := writeBundle(bundle, spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.remove(t, root, id) })
	got, err := r.command("--root", root, "run", "--bundle", bundle, id)
	if err != nil {
		t.Fatal(err)
	}
	if r.hidesStderr {
		got.stderr += readAny(t, said)
	}
	return got
}

// readAny reads a file that need not exist.
func readAny(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(content)
}

// remove deletes what the runtime still knows of a container, if anything.
func (r *ociRuntime) remove(t *testing.T, root, id string) {
	if _, err := os.Stat(filepath.Join(root, id)); errors.Is(err, fs.ErrNotExist) {
		return
	}
	got, err := r.command("--root", root, "delete", "--force", id)
	if err != nil || got.code != 0 {
		t.Errorf("%s delete %s: %v, exit %d: %s", r.name, id, err, got.code, got.stderr)
	}
}
