package test

import (
	"testing"
)

// A pod on the host's network has its own IPC namespace: that gets the policy's
// value, the host's network keeps what it has.
func TestCRIOHostNetwork(t *testing.T) {
	const policy = `
[[rule]]
name = "both"
[rule.sysctls]
"kernel.msgmax" = 16384
"net.ipv4.tcp_keepalive_time" = { value = 654, override = "any" }
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		host := hostUntouched(t)
		pod := (&crioPod{name: "node-0", namespace: "monitoring", hostNetwork: true}).create(t)
		dir := policyDir(t, policy)
		keys := []string{msgmax, keepaliveTime}
		for attempt := range 2 {
			spec := pod.container("agent", attempt, keys...)
			createRuntime(spec, hookWith(dir))
			wantPrinted(t, r.run(t, spec), keys, map[string]string{msgmax: "16384", keepaliveTime: host[keepaliveTime]})
		}
	})
}

func TestCRIOHostNetworkRefusesAnnotation(t *testing.T) {
	const policy = `
[[rule]]
name = "both"
[rule.sysctls]
"kernel.msgmax" = 16384
"net.ipv4.tcp_keepalive_time" = { value = 654, override = "any" }
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		pod := &crioPod{name: "node-0", namespace: "monitoring", hostNetwork: true,
			annotations: map[string]string{"oci-sysctl-hook/" + keepaliveTime: "900"}}
		spec := pod.create(t).container("agent", 0, keepaliveTime)
		createRuntime(spec, hookWith(policyDir(t, policy)))
		wantStopped(t, r.run(t, spec), keepaliveTime, "900", "annotation", "host", "10-test.toml:6")
	})
}
