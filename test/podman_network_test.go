package test

import (
	"maps"
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

// The network that podman gives a container by itself. It wants a firewall and
// forwarding, and CNI keeps the addresses that it gave out: so the host that
// podman sees here is a network namespace with a /var/lib/cni of its own.
func TestPodmanDefaultBridge(t *testing.T) {
	const eth0 = "net.ipv4.conf.eth0.rp_filter"
	eachPodmanInTurn(t, func(t *testing.T, p *podman) {
		needPrograms(t, "iptables")
		hostUntouched(t)
		const own = `mkdir -p /var/lib/cni && mount -t tmpfs tmpfs /var/lib/cni && ip link set lo up && exec "$0" "$@"`
		p.via = []string{"unshare", "--net", "--mount", "sh", "-c", own}
		without := p.withoutHook().print(t, []string{eth0}, "--network=bridge")
		if without.code != 0 {
			unavailable(t, "podman has no default bridge: %s", without.stderr)
		}
		// The container's interface is there already when the hook comes.
		p.usePolicy(t, keepalivePolicy+rule(`"net.ipv4.conf.eth0.rp_filter" = 2`))
		keys := append([]string{eth0}, keepaliveKeys...)
		want := maps.Clone(keepaliveSet)
		want[eth0] = "2"
		if without.stdout == want[eth0]+"\n" {
			t.Fatalf("%s is %s without the hook", eth0, without.stdout)
		}
		wantPrinted(t, p.print(t, keys, "--network=bridge"), keys, want)
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
