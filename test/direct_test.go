package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// hookTimeout is far beyond the time that the hook gives itself for anything.
const hookTimeout = 20 * time.Second

// target is what the hook meets when no runtime is there: a live process in a
// new network namespace, a bundle that fits it, and a policy to be applied.
type target struct {
	pid         int
	ns          netns
	before      map[string]string
	bundle      string
	annotations map[string]string
	policy      string
	args        []string // added to the hook's
	wrap        []string // a command that the hook is run by
}

func newTarget(t *testing.T) *target {
	t.Helper()
	needRoot(t)
	return newTargetIn(t, startProcess(t, syscall.CLONE_NEWNET))
}

// newTargetIn is the target of a process.
func newTargetIn(t *testing.T, pid int) *target {
	t.Helper()
	hostUntouched(t)
	ns := netnsOf(t, pid)
	target := &target{
		pid: pid, ns: ns, before: ns.get(t, keepaliveKeys...),
		bundle: t.TempDir(), policy: policyDir(t, keepalivePolicy),
	}
	if err := writeBundle(target.bundle, newSpec("true")); err != nil {
		t.Fatal(err)
	}
	return target
}

// startProcess starts a process in new namespaces that lives as long as the test.
func startProcess(t *testing.T, namespaces uintptr) (pid int) {
	t.Helper()
	return startWith(t, &syscall.SysProcAttr{Cloneflags: namespaces})
}

// startWithUsers starts one that has users of its own besides, as a pod with
// hostUsers: false has.
func startWithUsers(t *testing.T, namespaces uintptr) (pid int) {
	t.Helper()
	needRoot(t)
	ids := []syscall.SysProcIDMap{{HostID: int(podIDs[0].HostID), Size: int(podIDs[0].Size)}}
	return startWith(t, &syscall.SysProcAttr{
		Cloneflags: namespaces | syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids,
	})
}

func startWith(t *testing.T, attr *syscall.SysProcAttr) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "300")
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

// end ends the target's process; its pid is free then.
func (g *target) end(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(g.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Wait4(g.pid, nil, 0, nil); err != nil {
		t.Fatal(err)
	}
}

// netnsOf opens the network namespace of a process.
func netnsOf(t *testing.T, pid int) netns {
	t.Helper()
	return netns{hold(t, fmt.Sprintf("/proc/%d/ns/net", pid), syscall.CLONE_NEWNET)}
}

// annotate gives the container annotations: runtimes tell a hook of them
// twice, in the state and in the bundle.
func (g *target) annotate(t *testing.T, annotations map[string]string) {
	t.Helper()
	g.annotations = annotations
	spec := newSpec("true")
	spec.Annotations = annotations
	if err := writeBundle(g.bundle, spec); err != nil {
		t.Fatal(err)
	}
}

// state is the state that fits the target.
func (g *target) state() *specs.State {
	return &specs.State{Version: "1.0.2", ID: "direct", Status: specs.StateCreating,
		Pid: g.pid, Bundle: g.bundle, Annotations: g.annotations}
}

// stdin is the state as a runtime writes it.
func (g *target) stdin(t *testing.T) io.Reader {
	t.Helper()
	state, err := json.Marshal(g.state())
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(state)
}

// run runs the hook by hand.
func (g *target) run(t *testing.T, stdin io.Reader) result {
	t.Helper()
	argv := append(g.wrap[:len(g.wrap):len(g.wrap)], hookPath())
	if g.policy != "" {
		argv = append(argv, "--policy-dir", g.policy)
	}
	argv = append(argv, "--log=none")
	argv = append(argv, g.args...)
	ctx, cancel := context.WithTimeout(context.Background(), hookTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = stdin
	got, err := finish(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantFailed fails the test unless the hook failed so and changed nothing.
func (g *target) wantFailed(t *testing.T, got result, code int, words ...string) {
	t.Helper()
	if got.code != code {
		t.Errorf("exit %d, want %d", got.code, code)
	}
	oneError(t, got.stderr, words...)
	if got.stdout != "" {
		t.Errorf("stdout: %q", got.stdout)
	}
	g.wantUnchanged(t)
}

func (g *target) wantUnchanged(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(g.before, g.ns.get(t, keepaliveKeys...)); diff != "" {
		t.Errorf("the target's values changed (-before +after):\n%s", diff)
	}
}

// wantApplied fails the test unless the hook applied keepalivePolicy, silently.
func (g *target) wantApplied(t *testing.T, got result) {
	t.Helper()
	if got.code != 0 || got.stderr != "" || got.stdout != "" {
		t.Errorf("exit %d, stdout %q, stderr %q", got.code, got.stdout, got.stderr)
	}
	if diff := cmp.Diff(keepaliveSet, g.ns.get(t, keepaliveKeys...)); diff != "" {
		t.Errorf("the target's values (-want +got):\n%s", diff)
	}
}

// config is the path of the bundle's config.json.
func (g *target) config() string { return filepath.Join(g.bundle, "config.json") }

// The other tests by hand say that nothing changed; this says that it could.
func TestGoodInput(t *testing.T) {
	g := newTarget(t)
	g.wantApplied(t, g.run(t, g.stdin(t)))
}
