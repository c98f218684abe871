package test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newNamespaceValues are a new network namespace's: the kernel's own, whatever
// the host has.
var newNamespaceValues = map[string]string{keepaliveTime: "7200", keepaliveIntvl: "75", keepaliveProbes: "9"}

func TestPodmanWithoutHook(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		wantPrinted(t, p.print(t, keepaliveKeys, "--network=none"), keepaliveKeys, newNamespaceValues)
	})
}

// What make install installs is all that podman needs.
func TestPodmanInstalled(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		p.useInstalled(t)
		wantPrinted(t, p.print(t, keepaliveKeys, "--network=none"), keepaliveKeys, keepaliveSet)
	})
}

func TestPodmanBridge(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		p.useInstalled(t)
		network := p.bridge(t)
		wantPrinted(t, p.print(t, keepaliveKeys, "--network="+network), keepaliveKeys, keepaliveSet)
	})
}

// bridge makes a bridge network that reaches nothing, and so needs no firewall.
func (p *podman) bridge(t *testing.T) string {
	t.Helper()
	network := newID()
	t.Cleanup(func() {
		p.do(t, "network", "rm", "--force", network)
		// CNI's host-local keeps the addresses that it gave out.
		if err := os.RemoveAll(filepath.Join("/var/lib/cni/networks", network)); err != nil {
			t.Error(err)
		}
	})
	p.do(t, "network", "create", "--internal", network)
	return network
}

// The host's own network gets nothing, and the container starts.
func TestPodmanHostNetwork(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		host := hostUntouched(t)
		p.usePolicy(t, rule(`"net.ipv4.tcp_keepalive_time" = 611`))
		wantPrinted(t, p.print(t, []string{keepaliveTime}, "--network=host"),
			[]string{keepaliveTime}, map[string]string{keepaliveTime: host[keepaliveTime]})
	})
}

// A namespace that somebody else made counts as the container's.
func TestPodmanNamespaceByPath(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		ns := newNetns(t)
		p.useInstalled(t)
		wantPrinted(t, p.print(t, keepaliveKeys, "--network=ns:"+ns.path()), keepaliveKeys, keepaliveSet)
		if diff := cmp.Diff(keepaliveSet, ns.get(t, keepaliveKeys...)); diff != "" {
			t.Errorf("the namespace afterwards (-want +got):\n%s", diff)
		}
	})
}

// The host's namespace stays the host's, by whatever path.
func TestPodmanHostNamespaceByPath(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		host := hostUntouched(t)
		p.usePolicy(t, rule(`"net.ipv4.tcp_keepalive_time" = 611`))
		wantPrinted(t, p.print(t, []string{keepaliveTime}, "--network=ns:/proc/self/ns/net"),
			[]string{keepaliveTime}, map[string]string{keepaliveTime: host[keepaliveTime]})
	})
}

// The second of two containers brings the policy to the network of both; what
// the first was told to have stays.
func TestPodmanOtherContainersNetwork(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		first := p.withoutHook().start(t, "--network=none", "--sysctl=net.ipv4.tcp_keepalive_time=900")
		p.useInstalled(t)
		want := map[string]string{keepaliveTime: "900", keepaliveIntvl: "10", keepaliveProbes: "6"}
		wantPrinted(t, p.print(t, keepaliveKeys, "--network=container:"+first), keepaliveKeys, want)
		p.wantValues(t, first, want)
	})
}

// Each key has its own namespace: one may be the host's and another not.
func TestPodmanHostIPC(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		host := hostUntouched(t)
		p.usePolicy(t, rule(`"kernel.msgmax" = 16384`, `"kernel.domainname" = "example.org"`,
			`"net.ipv4.tcp_keepalive_time" = 611`))
		keys := []string{msgmax, domainname, keepaliveTime}
		wantPrinted(t, p.print(t, keys, "--network=none", "--ipc=host"), keys,
			map[string]string{msgmax: host[msgmax], domainname: "example.org", keepaliveTime: "611"})
		wantPrinted(t, p.print(t, keys, "--network=none", "--uts=host"), keys,
			map[string]string{msgmax: "16384", domainname: host[domainname], keepaliveTime: "611"})
	})
}
