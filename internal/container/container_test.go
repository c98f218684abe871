package container

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

const allFlags = unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// load is a policy of one rule with these sysctls.
func load(t *testing.T, sysctls ...string) *policy.Policy {
	t.Helper()
	dir := t.TempDir()
	text := "[[rule]]\nname = \"r\"\n[rule.sysctls]\n" + strings.Join(sysctls, "\n")
	if err := os.WriteFile(filepath.Join(dir, "p.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// joining is a config.json whose network is the process's, by path, and whose
// IPC namespace is new; its domain name is the host's.
func joining(pid int) *specs.Spec {
	return &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
		{Type: specs.NetworkNamespace, Path: fmt.Sprintf("/proc/%d/ns/net", pid)},
		{Type: specs.IPCNamespace},
	}}}
}

func pin(t *testing.T, pid int) (*procfs.Root, *spec.Process) {
	t.Helper()
	proc := nstest.OpenProc(t)
	process, err := spec.Pin(proc, pid)
	if err != nil {
		t.Fatal(err)
	}
	return proc, process
}

// told is what was decided, and which namespaces are open for it.
func told(c *Container) []string {
	var texts []string
	for _, d := range c.Decisions.List {
		texts = append(texts, fmt.Sprintf("%s: %s", d.Key, d.Verdict))
	}
	for _, ns := range c.Namespaces {
		texts = append(texts, fmt.Sprintf("%s namespace: %s", ns.Type, ns.Kind))
	}
	return texts
}

const (
	network = `"net.ipv4.tcp_keepalive_time" = { value = 600, override = "any" }`
	ipc     = `"kernel.msgmax" = 4096`
	uts     = `"kernel.domainname" = "x"`
)

func TestDecide(t *testing.T) {
	pod, host := nstest.Start(t, unix.CLONE_NEWNET|unix.CLONE_NEWIPC), nstest.Start(t, unix.CLONE_NEWIPC)
	annotated := func(config *specs.Spec, key string) *specs.Spec {
		config.Annotations = map[string]string{policy.AnnotationPrefix + key: "5"}
		return config
	}
	for name, test := range map[string]struct {
		pid    int
		config *specs.Spec
		want   []string
	}{
		"each kind": {pod, joining(pod), []string{
			"net.ipv4.tcp_keepalive_time: judge", "kernel.msgmax: set", "kernel.domainname: leave",
			"ipc namespace: new", "network namespace: joined",
		}},
		"an annotation": {pod, annotated(joining(pod), "net.ipv4.tcp_keepalive_time"), []string{
			"net.ipv4.tcp_keepalive_time: set", "kernel.msgmax: set", "kernel.domainname: leave",
			"ipc namespace: new", "network namespace: joined",
		}},
		// Nothing is opened for a container that will not start.
		"refused": {pod, annotated(joining(pod), "kernel.msgmax"), []string{
			"net.ipv4.tcp_keepalive_time: judge", "kernel.msgmax: refuse", "kernel.domainname: leave",
		}},
		// The path that it joins by turns out to lead to the host's.
		"the host's by path": {host, joining(host), []string{
			"net.ipv4.tcp_keepalive_time: leave", "kernel.msgmax: set", "kernel.domainname: leave",
			"ipc namespace: new",
		}},
		"the host's by path, and asked for": {host, annotated(joining(host), "net.ipv4.tcp_keepalive_time"), []string{
			"net.ipv4.tcp_keepalive_time: refuse", "kernel.msgmax: set", "kernel.domainname: leave",
			"ipc namespace: new",
		}},
	} {
		_, process := pin(t, test.pid)
		c, err := Decide(load(t, network, ipc, uts), process, test.config)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, told(c)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		c.Close()
	}
}

// A namespace that no decision needs is not looked at, so it may be anything.
func TestDecideOpensWhatIsNeeded(t *testing.T) {
	_, process := pin(t, nstest.Start(t, allFlags))
	mismatch := joining(nstest.Start(t, allFlags)) // the network is another's
	c, err := Decide(load(t, ipc), process, mismatch)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"kernel.msgmax: set", "ipc namespace: new"}, told(c)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	c.Close()
}

func TestDecideFails(t *testing.T) {
	pod, other := nstest.Start(t, allFlags), nstest.Start(t, allFlags)
	contradicted := joining(pod)
	contradicted.Annotations = map[string]string{"io.kubernetes.container.name": "a", "io.kubernetes.cri.container-name": "b"}
	noIPC := joining(pod)
	noIPC.Linux.Namespaces[1].Path = fmt.Sprintf("/proc/%d/ns/ipc", other)
	for name, test := range map[string]struct {
		config *specs.Spec
		want   string
	}{
		"another pod's network":   {joining(other), fmt.Sprintf("the network namespace of process %d: is not ", pod)},
		"another pod's ipc":       {noIPC, fmt.Sprintf("the ipc namespace of process %d: is not ", pod)},
		"engines that contradict": {contradicted, `rule "r"`},
	} {
		_, process := pin(t, pod)
		c, err := Decide(load(t, network, ipc, "[rule.when]", `containers = ["*"]`), process, test.config)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, %v; want %s", name, c, err, test.want)
		}
	}
}

// From the decision to the kernel: what the hook does between.
func TestEnterSettleApply(t *testing.T) {
	pid := nstest.Start(t, unix.CLONE_NEWNET|unix.CLONE_NEWIPC)
	proc, process := pin(t, pid)
	c, err := Decide(load(t, network, ipc, `"net.ipv4.conf.*.tag" = 4711`), process, joining(pid))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	runtime.LockOSThread() // for good: the thread ends with the test
	visit, err := c.Enter(proc)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Settle(visit); err != nil {
		t.Fatal(err)
	}
	result, err := visit.Apply(c.Decisions.Assignments())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, change := range result.Changed {
		got = append(got, fmt.Sprintf("%s: %s -> %s", change.Key, change.Old, change.New))
	}
	want := []string{
		"net.ipv4.tcp_keepalive_time: 7200 -> 600", "kernel.msgmax: 8192 -> 4096",
		"net.ipv4.conf.all.tag: 0 -> 4711", "net.ipv4.conf.default.tag: 0 -> 4711",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// The kernel passes a new default on to the interfaces that have no value of their own.
	if diff := cmp.Diff([]sysctl.Key{"net/ipv4/conf/lo/tag"}, result.Right); diff != "" {
		t.Errorf("right already: -want +got:\n%s", diff)
	}
}
