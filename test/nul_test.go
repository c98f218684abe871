package test

import "testing"

// To crun, which is written in C, a name in linux.sysctl ends at a NUL byte: it
// would set a key that the hook has never seen. runc refuses the name by itself.
func TestNULInSysctlName(t *testing.T) {
	policy := policyDir(t, rule(`"net.ipv4.tcp_keepalive_time" = { override = { min = 30, max = 7200 } }`))
	reason := []string{"config.json", "linux.sysctl", "NUL byte"}
	bad := map[string]string{keepaliveTime + "\x00x": "5"}
	t.Run("by hand", func(t *testing.T) {
		g := newTarget(t)
		g.policy = policy
		spec := newSpec("true")
		spec.Linux.Sysctl = bad
		if err := writeBundle(g.bundle, spec); err != nil {
			t.Fatal(err)
		}
		g.wantFailed(t, g.run(t, g.stdin(t)), 2, reason...)
	})
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		spec := printing(keepaliveTime)
		spec.Linux.Sysctl = bad
		createRuntime(spec, hookWith(policy))
		got := r.run(t, spec)
		if r.sysctlFirst { // and takes the name
			wantStopped(t, got, reason...)
		} else {
			wantStopped(t, got, keepaliveTime)
		}
	})
}
