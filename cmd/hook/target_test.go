package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
)

const keepalive = "net.ipv4.tcp_keepalive_time"

// target is a container in the making: a process in new namespaces, a bundle
// and a policy.
type target struct {
	pid            int
	bundle, policy string
	annotations    map[string]string
	sysctl         map[string]string
	joined         bool
	args           []string
}

func newTarget(t *testing.T, policy string) *target {
	t.Helper()
	g := &target{
		pid:    nstest.Start(t, unix.CLONE_NEWNET|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS),
		bundle: t.TempDir(),
		policy: t.TempDir(),
	}
	if policy != "" {
		write(t, filepath.Join(g.policy, "p.toml"), policy)
	}
	return g
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func rule(sysctls ...string) string {
	return "[[rule]]\nname = \"r\"\n[rule.sysctls]\n" + strings.Join(sysctls, "\n") + "\n"
}

// prepare writes the bundle and returns the state.
func (g *target) prepare(t *testing.T) string {
	t.Helper()
	namespaces := []map[string]string{{"type": "network"}, {"type": "ipc"}, {"type": "uts"}}
	if g.joined {
		namespaces[0]["path"] = fmt.Sprintf("/proc/%d/ns/net", g.pid)
	}
	config := map[string]any{"annotations": g.annotations, "linux": map[string]any{"namespaces": namespaces, "sysctl": g.sysctl}}
	write(t, filepath.Join(g.bundle, "config.json"), encode(t, config))
	return encode(t, map[string]any{"ociVersion": "1.0", "id": "c1", "pid": g.pid, "bundle": g.bundle})
}

// run runs the hook for the container. The policy's directory is shown as DIR.
func (g *target) run(t *testing.T) result {
	t.Helper()
	got := runHook(t, g.prepare(t), append([]string{"--log=none", "--policy-dir=" + g.policy}, g.args...)...)
	got.Stderr = strings.ReplaceAll(got.Stderr, g.policy, "DIR")
	return got
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// in does f in the container's network namespace.
func (g *target) in(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", g.pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Setns(fd, unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func path(key string) string { return "/proc/sys/" + strings.ReplaceAll(key, ".", "/") }

func (g *target) get(t *testing.T, key string) (value string) {
	t.Helper()
	g.in(t, func() error {
		text, err := os.ReadFile(path(key))
		value = strings.TrimSpace(string(text))
		return err
	})
	return value
}

func (g *target) set(t *testing.T, key, value string) {
	t.Helper()
	g.in(t, func() error { return os.WriteFile(path(key), []byte(value), 0) })
}
