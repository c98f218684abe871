package test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the kernel does not take fails the container, and everything is put back.
func TestKernelRefuses(t *testing.T) {
	const first = `"net.ipv4.tcp_keepalive_intvl" = 10`
	for name, test := range map[string]struct {
		sysctls []string
		words   []string
	}{
		"value out of range": {
			[]string{first, `"net.ipv4.tcp_keepalive_probes" = 300`, `"net.ipv4.tcp_keepalive_time" = 600`},
			[]string{keepaliveProbes, "300", "10-test.toml:5"},
		},
		"value no number": {
			[]string{first, `"net.ipv4.tcp_keepalive_time" = "soon"`},
			[]string{keepaliveTime, "soon", "10-test.toml:5"},
		},
		"no such key": {
			[]string{first, `"net.ipv4.no_such_key" = 1`, `"net.ipv4.tcp_keepalive_time" = 600`},
			[]string{"net.ipv4.no_such_key", "10-test.toml:5"},
		},
		"key is a directory": {
			[]string{first, `"net.ipv4" = 1`},
			[]string{"net.ipv4", "10-test.toml:5"},
		},
		"key is read-only": {
			[]string{first, `"net.ipv4.tcp_available_congestion_control" = "cubic"`},
			[]string{"net.ipv4.tcp_available_congestion_control", "10-test.toml:5"},
		},
		// The kernel takes the first number and drops the other, without an error.
		"value not kept": {
			[]string{first, `"net.ipv4.tcp_keepalive_time" = "600 700"`},
			[]string{keepaliveTime, "10-test.toml:5"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			g.policy = policyDir(t, rule(test.sysctls...))
			g.wantFailed(t, g.run(t, g.stdin(t)), 4, test.words...)
		})
	}
}

// Two keys that the kernel takes in one order only, which differs with the
// values there: a port range may not begin below the unprivileged ports.
func TestDependentKeys(t *testing.T) {
	const start, ports = "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_port_range"
	for name, test := range map[string]struct{ before, want map[string]string }{
		"raised": {
			map[string]string{ports: "10000\t30000"},
			map[string]string{ports: "20000\t30000", start: "19000"},
		},
		"lowered": {
			map[string]string{ports: "20000\t30000", start: "19000"},
			map[string]string{ports: "10000\t30000", start: "9000"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			for _, key := range []string{ports, start} {
				if value, ok := test.before[key]; ok {
					g.ns.set(t, key, value)
				}
			}
			g.policy = policyDir(t, rule(
				fmt.Sprintf("%q = %q", start, test.want[start]),
				fmt.Sprintf("%q = %q", ports, test.want[ports])))
			if got := g.run(t, g.stdin(t)); got.code != 0 || got.stderr != "" {
				t.Fatalf("exit %d: %s", got.code, got.stderr)
			}
			if diff := cmp.Diff(test.want, g.ns.get(t, start, ports)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}
