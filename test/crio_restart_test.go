package test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A container restarts under a new policy. What the old one wrote stands like
// any other value in a joined namespace: a new default leaves it, since nobody
// can tell who set it; an enforced value and bounds replace it.
func TestCRIORestartUnderNewPolicy(t *testing.T) {
	for name, test := range map[string]struct {
		policy string
		want   map[string]string
		warns  bool
	}{
		"new default": {
			policy: `"net.ipv4.tcp_keepalive_time" = 300`,
			want:   values("600", "10", "6"),
		},
		"enforced": {
			policy: `"net.ipv4.tcp_keepalive_time" = { value = 300, override = "none" }`,
			want:   values("300", "10", "6"), warns: true,
		},
		"bounds that it is outside of": {
			policy: `"net.ipv4.tcp_keepalive_time" = { value = 300, override = { max = 599 } }`,
			want:   values("300", "10", "6"), warns: true,
		},
		"rule is gone": {
			policy: `"net.ipv4.ip_default_ttl" = 64`,
			want:   values("600", "10", "6"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachRuntime(t, func(t *testing.T, r *ociRuntime) {
				hostUntouched(t)
				pod := (&crioPod{name: "till-0", namespace: "payments-eu"}).create(t)
				spec := pod.container("app", 0, keepaliveKeys...)
				createRuntime(spec, hookWith(policyDir(t, crioRule(crioDefaults))))
				wantPrinted(t, r.run(t, spec), keepaliveKeys, values("600", "10", "6"))

				said := filepath.Join(t.TempDir(), "stderr")
				spec = pod.container("app", 1, keepaliveKeys...)
				createRuntime(spec, watched(hookWith(policyDir(t, crioRule(test.policy))), said))
				got, stderr := r.run(t, spec), readAny(t, said)
				got.stderr = ""
				wantPrinted(t, got, keepaliveKeys, test.want)
				if test.warns {
					onlyWarnings(t, stderr, keepaliveTime, "600", "10-test.toml:4")
				} else if stderr != "" {
					t.Errorf("the hook says: %s", stderr)
				}
			})
		})
	}
}

// The record names the pod and its container as kubectl does.
func TestCRIORecord(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		pod := (&crioPod{name: "till-0", namespace: "payments-eu"}).create(t)
		log := filepath.Join(t.TempDir(), "log")
		dir := policyDir(t, crioRule(crioDefaults))
		for attempt := range 2 {
			spec := pod.container("app", attempt, keepaliveKeys...)
			createRuntime(spec, hookWith(dir, "--log=file:"+log, "--log-format=json"))
			wantPrinted(t, r.run(t, spec), keepaliveKeys, values("600", "10", "6"))
		}
		var told []map[string]any
		for _, record := range records(t, log) {
			told = append(told, map[string]any{
				"msg": record["msg"], "pod_namespace": record["pod_namespace"], "pod": record["pod"], "container": record["container"],
			})
		}
		want := []map[string]any{
			{"msg": "sysctls applied", "pod_namespace": "payments-eu", "pod": "till-0", "container": "app"},
			{"msg": "nothing to do", "pod_namespace": "payments-eu", "pod": "till-0", "container": "app"},
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	})
}
