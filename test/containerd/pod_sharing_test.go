package containerd

import (
	"testing"
)

// All containers of a pod have its namespaces. The second finds done what the
// first had done for it, and that is no ask of the pod's.
func TestSecondContainer(t *testing.T) {
	n := newNode(t, nodeConfig{})
	n.startHook(t, rule("default", `"net.ipv4.tcp_keepalive_time" = { value = 600, override = "none" }
"kernel.msgmax" = 4096
"kernel.domainname" = "example.org"`, false))
	p := n.runPod(t, pod{})
	first, second := p.mustStart(t, "first"), p.mustStart(t, "second")
	for _, id := range []string{first, second} {
		for key, want := range map[string]string{keepaliveTime: "600", "kernel.msgmax": "4096", "kernel.domainname": "example.org"} {
			if got := n.value(t, id, key); got != want {
				t.Errorf("%s is %s, want %s", key, got, want)
			}
		}
	}
	if set := n.record(t, first).Set; len(set) != 3 {
		t.Errorf("for the first container the hook set %q, want three keys", set)
	}
	if r := n.record(t, second); len(r.Set) != 0 || len(r.Warnings) != 0 {
		t.Errorf("for the second container the hook set %q and warned %q", r.Set, r.Warnings)
	}
}

// containerd gives pods two sysctls of its own, which nothing tells from the
// pod's: a rule must enforce its value to have it.
func TestSysctlsOfContainerd(t *testing.T) {
	const key = "net.ipv4.ip_unprivileged_port_start"
	n := newNode(t, nodeConfig{})
	n.startHook(t, rule("default-value", `"`+key+`" = 1024`, false)+
		rule("enforced", `"`+key+`" = { value = 1024, override = "none" }`, false))
	for namespace, want := range map[string]string{"default-value": "0", "enforced": "1024"} {
		id := n.runPod(t, pod{namespace: namespace}).mustStart(t, "app")
		if got := n.value(t, id, key); got != want {
			t.Errorf("%s: %s is %s, want %s", namespace, key, got, want)
		}
	}
}
