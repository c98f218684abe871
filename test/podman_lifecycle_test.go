package test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
)

// A restart makes new namespaces, and so the hook has to be there again.
func TestPodmanRestart(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		log := filepath.Join(p.dir(t), "log")
		p.useInstalled(t, "--log=file:"+log, "--log-format=json")
		container := p.start(t, "--network=none")
		p.wantValues(t, container, keepaliveSet)
		p.do(t, "restart", "--time=0", container)
		p.wantValues(t, container, keepaliveSet)
		if applied := withMsg(records(t, log), "sysctls applied"); len(applied) != 2 {
			t.Errorf("the sysctls were applied %d times, want 2", len(applied))
		}
	})
}

// What is installed or removed counts from a container's next start.
func TestPodmanHookComesAndGoes(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		container := p.start(t, "--network=none")
		p.wantValues(t, container, newNamespaceValues)
		with := *p
		with.useInstalled(t)
		with.do(t, "restart", "--time=0", container)
		p.wantValues(t, container, keepaliveSet)
		p.do(t, "restart", "--time=0", container)
		p.wantValues(t, container, newNamespaceValues)
	})
}

// A container that was refused starts once the policy has changed.
func TestPodmanStartAfterRefusal(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		p.usePolicy(t, podmanBounds)
		name := newID()
		p.removeLater(t, "rm", name)
		p.do(t, "create", "--pull=never", "--name", name, "--network=none", askTime("5000"), podmanImage)
		got, err := p.command("start", name)
		if err != nil {
			t.Fatal(err)
		}
		if got.code == 0 {
			t.Error("the container started")
		}
		p.usePolicy(t, rule(`"net.ipv4.tcp_keepalive_time" = { override = "any" }`))
		p.do(t, "start", name)
		p.wantValues(t, name, map[string]string{keepaliveTime: "5000"})
	})
}

// userNamespaces are the ways to a user namespace of its own for a container
// of root's podman.
var userNamespaces = []string{"--userns=auto:size=1024", "--uidmap=0:1000000000:65536"}

// The hook of root's podman stands outside the container's user namespace, and
// may write what is inside.
func TestPodmanUserNamespace(t *testing.T) {
	p := rule(`"net.ipv4.tcp_keepalive_time" = 611`, `"kernel.domainname" = "example.org"`)
	testInUserNamespace(t, p, map[string]string{keepaliveTime: "611", domainname: "example.org"})
}

// An IPC namespace is its user namespace's root's to write, and nobody else's
// (ipc_permissions in the kernel's ipc/ipc_sysctl.c).
func TestPodmanUserNamespaceIPC(t *testing.T) {
	p := rule(`"kernel.msgmax" = 16384`, `"fs.mqueue.queues_max" = 128`)
	testInUserNamespace(t, p, map[string]string{msgmax: "16384", queuesMax: "128"})
}

func testInUserNamespace(t *testing.T, policy string, want map[string]string) {
	// --userns=auto takes its IDs from those of a user of this name.
	const withIDs = `echo containers:1000000000:65536 >"$0" && mount --bind "$0" /etc/subuid &&
mount --bind "$0" /etc/subgid && exec "$@"`
	for _, mode := range userNamespaces {
		t.Run(mode, func(t *testing.T) {
			// podman 4.3 isn't up to two that start at once: one of them may not be
			// permitted to reach its root file system.
			eachPodmanInTurn(t, func(t *testing.T, p *podman) {
				hostUntouched(t)
				p.usePolicy(t, policy)
				p.via = []string{"unshare", "--mount", "sh", "-c", withIDs, filepath.Join(p.dir(t), "ids")}
				keys := slices.Sorted(maps.Keys(want))
				wantPrinted(t, p.print(t, keys, "--network=none", mode), keys, want)
			})
		})
	}
}
