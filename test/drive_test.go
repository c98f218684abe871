package test

import "testing"

// Some sysctls change others when they are written. linux.sysctl for one that
// no rule names would undo an enforced one after the hook on runc, and before it
// on crun: no runtime starts the container.
func TestSysctlThatDrivesAnEnforcedOne(t *testing.T) {
	const redirects = `"net.ipv4.conf.all.accept_redirects" = { value = 0, override = "none" }`
	for name, test := range map[string]struct{ rule, asked, value string }{
		"redirects":  {redirects, "net.ipv4.ip_forward", "0"},
		"a pattern":  {`"net.ipv4.conf.*.forwarding" = { value = 0, override = "none" }`, "net.ipv4.ip_forward", "1"},
		"other name": {`"net.ipv4.ip_forward" = { value = 0, override = "none" }`, "net.ipv4.conf.all.forwarding", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			policy := policyDir(t, rule(test.rule))
			eachRuntime(t, func(t *testing.T, r *ociRuntime) {
				spec := printing(keepaliveTime)
				spec.Linux.Sysctl = map[string]string{test.asked: test.value}
				createRuntime(spec, hookWith(policy))
				wantStopped(t, r.run(t, spec), test.asked, "which the policy enforces")
			})
		})
	}
}
