package test

import "testing"

// The sysctls of a pod with hostUsers: false belong to a user of the pod's. The
// capabilities of the host's root are enough for those of the network; the
// kernel asks for the user itself where those of the IPC namespace are concerned
// (ipc_permissions in ipc/ipc_sysctl.c, mq_permissions in ipc/mq_sysctl.c).
func TestCRIOOwnUsers(t *testing.T) {
	for name, test := range map[string]struct {
		policy string
		want   map[string]string
	}{
		"network": {
			`"net.ipv4.tcp_keepalive_time" = 600
"net.ipv4.tcp_keepalive_intvl" = 10`,
			map[string]string{keepaliveTime: "123", keepaliveIntvl: "10"},
		},
		"IPC":    {`"kernel.msgmax" = 16384`, map[string]string{msgmax: "16384"}},
		"mqueue": {`"fs.mqueue.queues_max" = 128`, map[string]string{queuesMax: "128"}},
		"UTS":    {`"kernel.domainname" = "example.org"`, map[string]string{domainname: "example.org"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachRuntime(t, func(t *testing.T, r *ociRuntime) {
				hostUntouched(t)
				pod := (&crioPod{name: "till-0", namespace: "payments-eu", ownUsers: true,
					sysctls: map[string]string{keepaliveTime: "123"}}).create(t)
				var keys []string
				for _, key := range testedKeys {
					if _, ok := test.want[key]; ok {
						keys = append(keys, key)
					}
				}
				if got := r.run(t, pod.container("app", 0, keys...)); got.code != 0 {
					unavailable(t, "%s does not run a container with users of its own: %s", r.name, got.stderr)
				}
				spec := pod.container("app", 1, keys...)
				createRuntime(spec, hookWith(policyDir(t, crioRule(test.policy))))
				got := r.run(t, spec)
				if got.code == 0 {
					got.stderr = "" // runc 1.5 warns that CRI-O says twice which users these are
				}
				wantPrinted(t, got, keys, test.want)
			})
		})
	}
}
