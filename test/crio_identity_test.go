package test

import "testing"

// identityPolicy knows the payments pods, and one container, by CRI-O's annotations.
const identityPolicy = `
[[rule]]
name = "everyone"
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = { value = 600, override = "none" }

[[rule]]
name = "payments"
when = { pod_namespaces = ["payments-*"] }
[rule.sysctls]
"net.ipv4.tcp_keepalive_time" = { value = 60, override = { min = 30, max = 300 } }

[[rule]]
name = "ledger of payments"
when = { pod_namespaces = ["payments-*"], containers = ["ledger"] }
[rule.sysctls]
"net.ipv4.tcp_keepalive_intvl" = 5

[[rule]]
name = "gold"
when = { annotations = { "^tier$" = "^gold$" } }
[rule.sysctls]
"net.ipv4.tcp_keepalive_probes" = 3
`

func TestCRIOIdentity(t *testing.T) {
	for name, test := range map[string]struct {
		pod       crioPod
		container string
		want      map[string]string
	}{
		"other namespace": {
			crioPod{namespace: "shop"}, "ledger", values("600", "75", "9"),
		},
		"namespace": {
			crioPod{namespace: "payments-eu"}, "app", values("60", "75", "9"),
		},
		"namespace and container": {
			crioPod{namespace: "payments-eu"}, "ledger", values("60", "5", "9"),
		},
		"annotation of the pod": {
			crioPod{namespace: "shop", annotations: map[string]string{"tier": "gold"}}, "app", values("600", "75", "3"),
		},
		"annotation that almost matches": {
			crioPod{namespace: "shop", annotations: map[string]string{"tier": "golden"}}, "app", values("600", "75", "9"),
		},
		// CRI-O writes the kubelet's labels over the pod's annotations.
		"pod says that it is in the namespace": {
			crioPod{namespace: "shop", annotations: map[string]string{"io.kubernetes.pod.namespace": "payments-eu"}},
			"app", values("600", "75", "9"),
		},
		"pod says that it is in another namespace": {
			crioPod{namespace: "payments-eu", annotations: map[string]string{"io.kubernetes.pod.namespace": "shop"}},
			"app", values("60", "75", "9"),
		},
		"pod says that a container is another": {
			crioPod{namespace: "payments-eu", annotations: map[string]string{"io.kubernetes.container.name": "ledger"}},
			"app", values("60", "75", "9"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachRuntime(t, func(t *testing.T, r *ociRuntime) {
				hostUntouched(t)
				pod := test.pod // each runtime's own
				pod.name = "till-0"
				spec := pod.create(t).container(test.container, 0, keepaliveKeys...)
				createRuntime(spec, hookWith(policyDir(t, identityPolicy)))
				wantPrinted(t, r.run(t, spec), keepaliveKeys, test.want)
			})
		})
	}
}

// CRI-O does not write containerd's names, so the pod's author can. Then nobody
// can tell which of the two is true, and the container is refused.
func TestCRIOForgedIdentity(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		pod := &crioPod{name: "till-0", namespace: "shop",
			annotations: map[string]string{"io.kubernetes.cri.sandbox-namespace": "payments-eu"}}
		before := pod.create(t).network(t).get(t, keepaliveKeys...)
		spec := pod.container("app", 0, keepaliveKeys...)
		createRuntime(spec, hookWith(policyDir(t, identityPolicy)))
		got := r.run(t, spec)
		wantStopped(t, got, "io.kubernetes.pod.namespace", "shop", "io.kubernetes.cri.sandbox-namespace", "payments-eu")
		wantHookStatus(t, got, 1)
		wantValues(t, pod.network(t), before)
	})
}
