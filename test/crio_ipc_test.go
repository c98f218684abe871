package test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a pod asks for by its securityContext counts in its IPC namespace as it
// does in its network's: see TestCRIOValues for that.
func TestCRIOIPC(t *testing.T) {
	const bounds = `"kernel.msgmax" = { value = 16384, override = { min = 8192, max = 20000 } }`
	for name, test := range map[string]struct {
		policy  string
		sysctls map[string]string
		want    map[string]string
		warns   bool // once: the value is overwritten then
	}{
		"no ask": {
			policy: `"kernel.msgmax" = 16384` + "\n" + `"fs.mqueue.queues_max" = 128`,
			want:   map[string]string{msgmax: "16384", queuesMax: "128"},
		},
		"wins over default": {
			policy:  `"kernel.msgmax" = 16384` + "\n" + `"fs.mqueue.queues_max" = 128`,
			sysctls: map[string]string{msgmax: "12288"},
			want:    map[string]string{msgmax: "12288", queuesMax: "128"},
		},
		"mqueue wins over default": {
			policy:  `"kernel.msgmax" = 16384` + "\n" + `"fs.mqueue.queues_max" = 128`,
			sysctls: map[string]string{queuesMax: "64"},
			want:    map[string]string{msgmax: "16384", queuesMax: "64"},
		},
		"loses against enforced": {
			policy:  `"kernel.msgmax" = { value = 16384, override = "none" }`,
			sysctls: map[string]string{msgmax: "12288"},
			want:    map[string]string{msgmax: "16384"},
			warns:   true,
		},
		"inside bounds": {
			policy: bounds, sysctls: map[string]string{msgmax: "20000"},
			want: map[string]string{msgmax: "20000"},
		},
		"outside bounds": {
			policy: bounds, sysctls: map[string]string{msgmax: "20001"},
			want: map[string]string{msgmax: "16384"}, warns: true,
		},
		"beside the network": {
			policy:  `"kernel.msgmax" = { value = 16384, override = "none" }` + "\n" + `"net.ipv4.tcp_keepalive_time" = 600`,
			sysctls: map[string]string{msgmax: "12288", keepaliveTime: "123"},
			want:    map[string]string{msgmax: "16384", keepaliveTime: "123"},
			warns:   true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachRuntime(t, func(t *testing.T, r *ociRuntime) {
				hostUntouched(t)
				pod := (&crioPod{name: "till-0", namespace: "payments-eu", sysctls: test.sysctls}).create(t)
				keys := slices.Sorted(maps.Keys(test.want))
				dir := policyDir(t, crioRule(test.policy))
				for i, start := range crioStarts {
					said := filepath.Join(t.TempDir(), "stderr")
					spec := pod.container(start.container, start.attempt, keys...)
					createRuntime(spec, watched(hookWith(dir), said))
					got := r.run(t, spec)
					warning := readAny(t, said)
					if r.hidesStderr {
						got.stderr = strings.TrimSuffix(got.stderr, warning) // where run put it
					}
					wantPrinted(t, got, keys, test.want)
					if test.warns && i == 0 {
						onlyWarnings(t, warning, msgmax, test.sysctls[msgmax], "10-test.toml:4")
					} else if warning != "" {
						t.Errorf("the hook says: %s", warning)
					}
				}
				if diff := cmp.Diff(test.want, pod.values(t, keys...)); diff != "" {
					t.Errorf("values in the pod (-want +got):\n%s", diff)
				}
			})
		})
	}
}
