package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
)

// withNetwork is a configuration whose one namespace is a network.
func withNetwork(path string) *specs.Spec {
	return &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.NetworkNamespace, Path: path}}}}
}

func TestForesee(t *testing.T) {
	proc := nstest.OpenProc(t)
	pod := fmt.Sprintf("/proc/%d/ns/net", nstest.Start(t, syscall.CLONE_NEWNET))
	host := fmt.Sprintf("/proc/%d/ns/net", nstest.Start(t, 0))
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config *specs.Spec
		want   NamespaceKind
		err    string
	}{
		"new":               {config: withNetwork(""), want: New},
		"joined":            {config: withNetwork(pod), want: Joined},
		"joined the host's": {config: withNetwork(host), want: Host},
		"none":              {config: &specs.Spec{Linux: &specs.Linux{}}, want: Host},
		"not there":         {config: withNetwork("/no/such/namespace"), err: "/no/such/namespace"},
		"a file":            {config: withNetwork("/dev/null"), err: "not a namespace"},
		"a named pipe":      {config: withNetwork(fifo), err: "not a namespace"},
	} {
		t.Run(name, func(t *testing.T) {
			ns, err := Foresee(proc, test.config, specs.NetworkNamespace)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer ns.Close()
			if ns.Kind != test.want || ns.Type != specs.NetworkNamespace {
				t.Errorf("%v %v, want %v", ns.Kind, ns.Type, test.want)
			}
			if test.want != Host {
				wantOther(t, ns, host)
			}
		})
	}
}

// wantOther fails the test unless the namespace is another than the host's, and
// the thread is still in the host's.
func wantOther(t *testing.T, ns *Namespace, hostPath string) {
	t.Helper()
	host, err := os.Readlink(hostPath)
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if own != host || own == fmt.Sprintf("net:[%d]", ns.Ino) {
		t.Errorf("the thread is in %s, the host in %s, the namespace is %d", own, host, ns.Ino)
	}
}
