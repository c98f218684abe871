package containerd

import (
	"strings"
	"testing"

	"os"
)

// A pod with the host's network keeps what the host has, and may not ask.
func TestHostNetwork(t *testing.T) {
	n := newNode(t, nodeConfig{})
	n.startHook(t, rule("default", `"net.ipv4.tcp_keepalive_time" = { value = 600, override = "any" }`, false))
	before := hostValue(t, keepaliveTime)
	id := n.runPod(t, pod{hostNetwork: true}).mustStart(t, "app")
	if got := n.value(t, id, keepaliveTime); got != before {
		t.Errorf("the value in the container is %s, want the host's %s", got, before)
	}
	n.runPod(t, pod{hostNetwork: true, annotations: map[string]string{"oci-sysctl-hook/" + keepaliveTime: "900"}}).checkRefused(t)
}

// hostUntouched fails the test if a key of the host changes until its end.
func hostUntouched(t *testing.T, keys ...string) {
	t.Helper()
	before := map[string]string{}
	for _, key := range keys {
		before[key] = hostValue(t, key)
	}
	t.Cleanup(func() {
		for _, key := range keys {
			if after := hostValue(t, key); after != before[key] {
				t.Errorf("the host's %s was %s and is %s", key, before[key], after)
			}
		}
	})
}

func hostValue(t *testing.T, key string) string {
	t.Helper()
	value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(key, ".", "/"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
}
