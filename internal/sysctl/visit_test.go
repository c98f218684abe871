package sysctl

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
)

// enterPod moves the test into the namespaces of a process, joined by path.
func enterPod(t *testing.T, types ...specs.LinuxNamespaceType) *Visit {
	t.Helper()
	pid := nstest.Start(t, unix.CLONE_NEWNET|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS)
	config := &specs.Spec{Linux: &specs.Linux{}}
	for _, t := range types {
		path := fmt.Sprintf("/proc/%d/ns/%s", pid, strings.TrimSuffix(string(t), "work"))
		config.Linux.Namespaces = append(config.Linux.Namespaces, specs.LinuxNamespace{Type: t, Path: path})
	}
	proc := nstest.OpenProc(t)
	process, err := spec.Pin(proc, pid)
	if err != nil {
		t.Fatal(err)
	}
	var namespaces []*spec.Namespace
	for _, typ := range types {
		ns, err := process.Namespace(config, typ)
		if err != nil {
			t.Fatal(err)
		}
		namespaces = append(namespaces, ns)
	}
	runtime.LockOSThread() // for good: the thread ends with the test
	visit, err := Enter(proc, namespaces)
	if err != nil {
		t.Fatal(err)
	}
	return visit
}

// hostValue reads a key from a thread that has been nowhere.
func hostValue(t *testing.T, key Key) string {
	t.Helper()
	value := make(chan string)
	go func() {
		text, err := os.ReadFile("/proc/sys/" + string(key))
		if err != nil {
			t.Error(err)
		}
		value <- strings.TrimSpace(string(text))
	}()
	return <-value
}

func TestEnterLeavesTheHostAlone(t *testing.T) {
	before := hostValue(t, keepaliveTime)
	visit := enterPod(t, specs.NetworkNamespace)
	if _, err := visit.Apply([]Assignment{{Key: keepaliveTime, Value: "4321"}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[Key]string{keepaliveTime: "4321"}, values(t, visit.Tree, keepaliveTime)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if after := hostValue(t, keepaliveTime); after != before {
		t.Errorf("the host's %s went from %s to %s", keepaliveTime, before, after)
	}
}

func TestFresh(t *testing.T) {
	const msgMax Key = "kernel/msgmax"
	visit := enterPod(t, specs.IPCNamespace, specs.NetworkNamespace)
	if _, err := visit.Apply([]Assignment{{Key: keepaliveTime, Value: "123"}, {Key: msgMax, Value: "4096"}}); err != nil {
		t.Fatal(err)
	}
	got, err := visit.Fresh([]Key{keepaliveTime, keepaliveIntvl, msgMax, absent})
	if err != nil {
		t.Fatal(err)
	}
	want := map[Key]string{keepaliveTime: "7200", keepaliveIntvl: "75", msgMax: "8192"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	still := map[Key]string{keepaliveTime: "123", msgMax: "4096"}
	if diff := cmp.Diff(still, values(t, visit.Tree, keepaliveTime, msgMax)); diff != "" {
		t.Errorf("not in the pod any more: -want +got:\n%s", diff)
	}
}

// A new domain name is a copy of where the runtime is, not of the pod's.
func TestFreshDomainName(t *testing.T) {
	const domainName Key = "kernel/domainname"
	want := map[Key]string{domainName: hostValue(t, domainName)}
	visit := enterPod(t, specs.UTSNamespace)
	if _, err := visit.Apply([]Assignment{{Key: domainName, Value: "pod.example"}}); err != nil {
		t.Fatal(err)
	}
	got, err := visit.Fresh([]Key{domainName})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
}

// As under rootless podman: the hook's own namespaces belong to the host's user
// namespace, and a process that left them can't go back.
func TestFreshInUserNamespace(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestFresh$", "-test.v")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		nstest.Cannot(t, err)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestFresh")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

// A key of an interface that a new namespace lacks is compared with what a new
// interface gets.
func TestFreshOfInterface(t *testing.T) {
	const own, fresh Key = "net/ipv4/conf/br0.1/rp_filter", "net/ipv4/conf/default/rp_filter"
	pods := "1"
	if hostValue(t, fresh) == pods { // a new namespace copies the host's
		pods = "2"
	}
	visit := enterPod(t, specs.NetworkNamespace)
	if out, err := exec.Command("ip", "link", "add", "name", "br0.1", "type", "bridge").CombinedOutput(); err != nil {
		nstest.Cannot(t, fmt.Errorf("no interface can be made: %w: %s", err, out))
	}
	if _, err := visit.Apply([]Assignment{{Key: own, Value: pods}, {Key: fresh, Value: pods}}); err != nil {
		t.Fatal(err)
	}
	const neigh Key = "net/ipv4/neigh/br0.1/gc_stale_time" // there is no neigh/default outside the host's
	kernels := values(t, visit.Tree, neigh)[neigh]
	if _, err := visit.Apply([]Assignment{{Key: neigh, Value: "7"}}); err != nil {
		t.Fatal(err)
	}
	got, err := visit.Fresh([]Key{own, fresh, neigh, "net/ipv4/conf/br0.1/no_such_key"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[Key]string{own: got[fresh], fresh: got[fresh], neigh: kernels}
	if diff := cmp.Diff(want, got); diff != "" || got[fresh] == pods {
		t.Errorf("-want +got:\n%s", diff)
	}
	expanded, err := visit.Expand("net/ipv4/conf/*/rp_filter")
	if err != nil {
		t.Fatal(err)
	}
	found := []Key{"net/ipv4/conf/all/rp_filter", own, fresh, "net/ipv4/conf/lo/rp_filter"}
	if diff := cmp.Diff(found, expanded); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
