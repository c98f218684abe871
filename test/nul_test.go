package test

import "testing"

// To crun, which is written in C, a name in linux.sysctl ends at a NUL byte: it
// would set a key that the hook has never seen.
func TestNULInSysctlName(t *testing.T) {
	policy := policyDir(t, rule(`"net.ipv4.tcp_keepalive_time" = { override = { min = 30, max = 7200 } }`))
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		spec := printing(keepaliveTime)
		spec.Linux.Sysctl = map[string]string{keepaliveTime + "\x00x": "5"}
		createRuntime(spec, hookWith(policy))
		if got := r.run(t, spec); got.code == 0 {
			t.Errorf("the container started: %q", got.stdout)
		}
	})
}
