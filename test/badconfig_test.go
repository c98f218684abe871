package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBadConfig(t *testing.T) {
	// All that the hook reads is in here, so that what follows is the only fault.
	const head = `{"ociVersion":"1.0.2","process":{"cwd":"/"},"root":{"path":"rootfs"}`
	const linux = `,"linux":{"namespaces":[{"type":"network"}]}`
	for name, config := range map[string]string{
		"empty":               "",
		"truncated":           head + linux,
		"binary":              "\x00\x01\x02",
		"not JSON":            "ociVersion: 1.0.2\n",
		"garbage after":       head + linux + "}x",
		"array":               "[]",
		"no linux":            head + "}",
		"no namespaces":       head + `,"linux":{}}`,
		"namespaces null":     head + `,"linux":{"namespaces":null}}`,
		"namespaces string":   head + `,"linux":{"namespaces":"network"}}`,
		"sysctl array":        head + `,"linux":{"namespaces":[{"type":"network"}],"sysctl":[]}}`,
		"sysctl value number": head + `,"linux":{"namespaces":[{"type":"network"}],"sysctl":{"net.ipv4.tcp_keepalive_time":1}}}`,
		"huge":                head + linux + `,"x":"` + strings.Repeat("x", 16<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			writeFile(t, g.config(), config)
			g.wantFailed(t, g.run(t, g.stdin(t)), 2, "config.json")
		})
	}
	t.Run("good", func(t *testing.T) {
		g := newTarget(t)
		writeFile(t, g.config(), head+linux+"}")
		g.wantApplied(t, g.run(t, g.stdin(t)))
	})
}

func TestConfigIsNoFile(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"missing":   func(string) error { return nil },
		"FIFO":      func(path string) error { return unix.Mkfifo(path, 0o644) },
		"directory": func(path string) error { return os.Mkdir(path, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			if err := os.Remove(g.config()); err != nil {
				t.Fatal(err)
			}
			if err := put(g.config()); err != nil {
				t.Fatal(err)
			}
			g.wantFailed(t, g.run(t, g.stdin(t)), 2, "config.json")
		})
	}
}

func TestBundleIsMissing(t *testing.T) {
	g := newTarget(t)
	state := g.state()
	state.Bundle = filepath.Join(g.bundle, "missing")
	g.wantFailed(t, g.run(t, marshal(t, state)), 2, state.Bundle)
}

// Under some modes of rootless podman a hook may not read its bundle: then
// nothing can be decided, which only matters if there is something to decide.
func TestConfigNotPermitted(t *testing.T) {
	const others = `
[[rule]]
name = "others"
when = { pod_namespaces = ["others"] }
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = 600
`
	for name, test := range map[string]struct {
		policy string
		code   int
	}{
		"rules":            {keepalivePolicy, 4},
		"rules for others": {others, 0},
		"no rules":         {"# none\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			g.policy = policyDir(t, test.policy)
			g.annotate(t, map[string]string{"io.kubernetes.pod.namespace": "payments"})
			if err := os.Chmod(g.config(), 0); err != nil {
				t.Fatal(err)
			}
			openToOthers(t, g.policy, g.bundle)
			g.wrap = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"}
			got := g.run(t, g.stdin(t))
			if test.code != 0 {
				g.wantFailed(t, got, test.code, "config.json", syscall.EACCES.Error())
				return
			}
			if got.code != 0 {
				t.Errorf("exit %d: %s", got.code, got.stderr)
			}
			g.wantUnchanged(t)
		})
	}
}
