package test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// print runs a container that prints keys before it does anything else.
func (p *podman) print(t *testing.T, keys []string, args ...string) result {
	t.Helper()
	argv := append([]string{"run", "--rm", "--pull=never", "--name", newID()}, args...)
	argv = append(argv, podmanImage, "cat")
	for _, key := range keys {
		argv = append(argv, keyPath(key))
	}
	got, err := p.command(argv...)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// start starts a container that runs as long as the test, and returns its name.
func (p *podman) start(t *testing.T, args ...string) string {
	t.Helper()
	name := newID()
	p.removeLater(t, "rm", name)
	p.do(t, append(append([]string{"run", "--detach", "--pull=never", "--name", name}, args...), podmanImage)...)
	return name
}

// pod makes a pod as long as the test, and returns its name.
func (p *podman) pod(t *testing.T, args ...string) string {
	t.Helper()
	name := newID()
	p.removeLater(t, "pod", "rm", name)
	p.do(t, append([]string{"pod", "create", "--name", name}, args...)...)
	return name
}

func (p *podman) removeLater(t *testing.T, command ...string) {
	last := len(command) - 1
	argv := append(command[:last:last], "--force", "--ignore", "--time=0", command[last])
	t.Cleanup(func() { p.do(t, argv...) })
}

// do fails the test unless podman succeeds, and returns what it printed.
func (p *podman) do(t *testing.T, args ...string) string {
	t.Helper()
	got, err := p.command(args...)
	if err != nil {
		t.Fatal(err)
	}
	if got.code != 0 {
		t.Fatalf("podman %s: exit %d: %s", strings.Join(args, " "), got.code, got.stderr)
	}
	return got.stdout
}

// wantValues fails the test unless a running container has the values.
func (p *podman) wantValues(t *testing.T, container string, want map[string]string) {
	t.Helper()
	values := make(map[string]string)
	for key := range want {
		values[key] = strings.TrimSpace(p.do(t, "exec", container, "/bin/busybox", "cat", keyPath(key)))
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("values in the running container (-want +got):\n%s", diff)
	}
}
