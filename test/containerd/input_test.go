package containerd

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const keepaliveTime = "net.ipv4.tcp_keepalive_time"

// A pod's sysctls are its pause container's linux.sysctl. The hook never runs
// for that one. It runs for the pod's containers, which join its namespaces, so
// that the hook meets those values as values of a joined namespace (door c).
func TestInput(t *testing.T) {
	n := newNode(t, nodeConfig{})
	hook := n.newWitness(t)
	n.startService(t, "--hook", hook.path, "--hook-arg", "--log=none", "--timeout", "7")
	p := n.runPod(t, pod{sysctls: map[string]string{keepaliveTime: "123"}, annotations: map[string]string{"tier": "gold", "oci-sysctl-hook/a.b": "1"}})
	id := p.mustStart(t, "app")

	pause := p.pauseConfig(t)
	wantSysctl := map[string]string{
		keepaliveTime: "123",
		// containerd's own, unless enable_unprivileged_ports and _icmp are off.
		"net.ipv4.ip_unprivileged_port_start": "0",
		"net.ipv4.ping_group_range":           "0 2147483647",
	}
	if diff := cmp.Diff(wantSysctl, pause.Linux.Sysctl); diff != "" {
		t.Errorf("the pause container's linux.sysctl (-want +got):\n%s", diff)
	}
	all := hook.all(t)
	got, ok := all[id]
	if !ok || len(all) != 1 {
		t.Fatalf("the hook ran for %d containers, want only for %s: %v", len(all), id, all)
	}
	if len(got.Config.Linux.Sysctl) != 0 {
		t.Errorf("the container's linux.sysctl is %v, want none", got.Config.Linux.Sysctl)
	}
	if diff := cmp.Diff(joinsOf(t, p), namespaces(got.Config)); diff != "" {
		t.Errorf("the container's namespaces (-want +got):\n%s", diff)
	}
	timeout := 7
	wantHooks := &specs.Hooks{CreateRuntime: []specs.Hook{{Path: hook.path, Args: []string{"witness", "--log=none"}, Timeout: &timeout}}}
	if diff := cmp.Diff(wantHooks, got.Config.Hooks); diff != "" {
		t.Errorf("the container's hooks (-want +got):\n%s", diff)
	}
	wantAnnotations := map[string]string{
		"io.kubernetes.cri.sandbox-namespace": "default",
		"io.kubernetes.cri.container-name":    "app",
		// The plugin passes on what asks for a value, and nothing else.
		"oci-sysctl-hook/a.b": "1",
	}
	known := cmpopts.IgnoreMapEntries(func(key, _ string) bool {
		return strings.HasPrefix(key, "io.kubernetes.cri.") && wantAnnotations[key] == ""
	})
	if diff := cmp.Diff(wantAnnotations, got.State.Annotations, known); diff != "" {
		t.Errorf("the state's annotations (-want +got):\n%s", diff)
	}
}

// A container of a pod with the host's network joins that by path too. Only by
// looking at the namespace can a hook know it for the host's.
func TestInputHostNetwork(t *testing.T) {
	n := newNode(t, nodeConfig{})
	hook := n.newWitness(t)
	n.startService(t, "--hook", hook.path)
	p := n.runPod(t, pod{hostNetwork: true})
	id := p.mustStart(t, "app")
	got := namespaces(hook.all(t)[id].Config)
	if diff := cmp.Diff(joinsOf(t, p), got); diff != "" {
		t.Errorf("the container's namespaces (-want +got):\n%s", diff)
	}
	if inode(t, got[specs.NetworkNamespace]) != inode(t, "/proc/self/ns/net") {
		t.Errorf("%s is not the host's network namespace", got[specs.NetworkNamespace])
	}
}

// joinsOf are the namespaces that a container of the pod has, with the path of
// those that are joined.
func joinsOf(t *testing.T, p *sandbox) map[specs.LinuxNamespaceType]string {
	t.Helper()
	ns := fmt.Sprintf("/proc/%d/ns/", p.pausePid(t))
	return map[specs.LinuxNamespaceType]string{
		specs.NetworkNamespace: ns + "net",
		specs.IPCNamespace:     ns + "ipc",
		specs.UTSNamespace:     ns + "uts",
		specs.PIDNamespace:     "",
		specs.MountNamespace:   "",
	}
}

func namespaces(config specs.Spec) map[specs.LinuxNamespaceType]string {
	paths := map[specs.LinuxNamespaceType]string{}
	for _, ns := range config.Linux.Namespaces {
		if ns.Type != specs.CgroupNamespace { // on cgroup v2 only
			paths[ns.Type] = ns.Path
		}
	}
	return paths
}

func inode(t *testing.T, path string) string {
	t.Helper()
	link, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return link
}
