package test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// crioCase is a pod under a policy. All its containers find the same values,
// whichever starts first, and a restarted one finds them again.
type crioCase struct {
	policy      string            // one rule's sysctls
	annotations map[string]string // by key
	sysctls     map[string]string // the pod's securityContext
	want        map[string]string // of keepaliveKeys; nil: no container starts
	refusal     []string          // words of the one line that says why
	warns       warned
}

// warned tells which containers the hook warns about.
type warned int

const (
	silent warned = iota
	first         // the value is overwritten, and then there is nothing to warn about
	always        // the value stays
)

func values(time, intvl, probes string) map[string]string {
	return map[string]string{keepaliveTime: time, keepaliveIntvl: intvl, keepaliveProbes: probes}
}

// A new namespace has 7200/75/9: tcp_sk_init in the kernel's net/ipv4/tcp_ipv4.c.
var crioCases = map[string]crioCase{
	"no policy for it": {
		policy: `"net.ipv4.ip_default_ttl" = 64`,
		want:   values("7200", "75", "9"),
	},
	"default": {
		policy: crioDefaults,
		want:   values("600", "10", "6"),
	},
	"pod's sysctl wins over default": {
		policy:  crioDefaults,
		sysctls: map[string]string{keepaliveTime: "123"},
		want:    values("123", "10", "6"),
	},
	"pod's sysctl equals default": {
		policy:  crioDefaults,
		sysctls: map[string]string{keepaliveTime: "600"},
		want:    values("600", "10", "6"),
	},
	// Nothing tells an ask for what a new namespace has from no ask.
	"pod's sysctl is the kernel's": {
		policy:  crioDefaults,
		sysctls: map[string]string{keepaliveTime: "7200"},
		want:    values("600", "10", "6"),
	},
	"pod's sysctl loses against enforced": {
		policy:  crioEnforced,
		sysctls: map[string]string{keepaliveTime: "123"},
		want:    values("600", "75", "9"),
		warns:   first,
	},
	"pod's sysctl inside bounds": {
		policy:  crioBounds,
		sysctls: map[string]string{keepaliveTime: "30"},
		want:    values("30", "75", "9"),
	},
	"pod's sysctl below bounds": {
		policy:  crioBounds,
		sysctls: map[string]string{keepaliveTime: "29"},
		want:    values("600", "75", "9"),
		warns:   first,
	},
	"pod's sysctl above bounds": {
		policy:  crioBounds,
		sysctls: map[string]string{keepaliveTime: "3601"},
		want:    values("600", "75", "9"),
		warns:   first,
	},
	"pod's sysctl outside bounds without value": {
		policy:  `"net.ipv4.tcp_keepalive_time" = { override = { min = 30, max = 3600 } }`,
		sysctls: map[string]string{keepaliveTime: "29"},
		want:    values("29", "75", "9"),
		warns:   always,
	},
	"annotation inside bounds": {
		policy:      crioBounds,
		annotations: map[string]string{keepaliveTime: "3600"},
		want:        values("3600", "75", "9"),
	},
	"annotation wins over pod's sysctl": {
		policy:      crioBounds,
		annotations: map[string]string{keepaliveTime: "900"},
		sysctls:     map[string]string{keepaliveTime: "123"},
		want:        values("900", "75", "9"),
	},
	"annotation over pod's sysctl outside bounds": {
		policy:      crioBounds,
		annotations: map[string]string{keepaliveTime: "900"},
		sysctls:     map[string]string{keepaliveTime: "5"},
		want:        values("900", "75", "9"),
	},
	"annotation equals enforced": {
		policy:      crioEnforced,
		annotations: map[string]string{keepaliveTime: "600"},
		want:        values("600", "75", "9"),
	},
	"annotation outside bounds": {
		policy:      crioBounds,
		annotations: map[string]string{keepaliveTime: "3601"},
		refusal:     []string{keepaliveTime, "3601", "3600", "annotation", "10-test.toml:4"},
	},
	"annotation against enforced": {
		policy:      crioEnforced,
		annotations: map[string]string{keepaliveTime: "900"},
		refusal:     []string{keepaliveTime, "900", "600", "annotation", "10-test.toml:4"},
	},
	"annotation where the configuration alone may ask": {
		policy:      crioDefaults,
		annotations: map[string]string{keepaliveTime: "900"},
		refusal:     []string{keepaliveTime, "900", "annotation", "10-test.toml:4"},
	},
	"annotation for a key of no rule": {
		policy:      crioBounds,
		annotations: map[string]string{keepaliveProbes: "5"},
		refusal:     []string{keepaliveProbes, "5", "annotation"},
	},
	"annotation for a key of the host": {
		policy:      crioBounds,
		annotations: map[string]string{"kernel.panic": "1"},
		refusal:     []string{"kernel.panic", "annotation"},
	},
	"annotation refused beside pod's sysctl": {
		policy:      crioBounds,
		annotations: map[string]string{keepaliveTime: "5"},
		sysctls:     map[string]string{keepaliveTime: "123"},
		refusal:     []string{keepaliveTime, "5", "30", "annotation", "10-test.toml:4"},
	},
}

const (
	crioDefaults = `"net.ipv4.tcp_keepalive_time" = 600
"net.ipv4.tcp_keepalive_intvl" = 10
"net.ipv4.tcp_keepalive_probes" = 6`
	crioEnforced = `"net.ipv4.tcp_keepalive_time" = { value = 600, override = "none" }`
	crioBounds   = `"net.ipv4.tcp_keepalive_time" = { value = 600, override = { min = 30, max = 3600 } }`
)

// crioRule is a policy of one rule, with its sysctls from the fourth line on.
func crioRule(sysctls string) string {
	return "[[rule]]\nname = \"crio\"\n[rule.sysctls]\n" + sysctls + "\n"
}

func TestCRIOValues(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		for name, c := range crioCases {
			t.Run(name, func(t *testing.T) { c.check(t, r) })
		}
	})
}

// crioStarts are the containers of a pod in the order of their starts.
var crioStarts = []struct {
	container string
	attempt   int
}{{"app", 0}, {"sidecar", 0}, {"app", 1}}

func (c crioCase) check(t *testing.T, r *ociRuntime) {
	pod := &crioPod{name: "till-0", namespace: "payments-eu", sysctls: c.sysctls, annotations: map[string]string{}}
	for key, value := range c.annotations {
		pod.annotations["oci-sysctl-hook/"+key] = value
	}
	before := pod.create(t).network(t).get(t, keepaliveKeys...)
	dir := policyDir(t, crioRule(c.policy))
	for i, start := range crioStarts {
		said := filepath.Join(t.TempDir(), "stderr")
		spec := pod.container(start.container, start.attempt, keepaliveKeys...)
		createRuntime(spec, watched(hookWith(dir), said))
		got := r.run(t, spec)
		if c.want == nil {
			wantStopped(t, got, c.refusal...)
			oneError(t, readAny(t, said), c.refusal...)
			continue
		}
		warning := readAny(t, said)
		if r.hidesStderr {
			got.stderr = strings.TrimSuffix(got.stderr, warning) // where run put it
		}
		wantPrinted(t, got, keepaliveKeys, c.want)
		c.checkWarning(t, warning, i)
	}
	after := c.want
	if after == nil {
		after = before
	}
	if diff := cmp.Diff(after, pod.network(t).get(t, keepaliveKeys...)); diff != "" {
		t.Errorf("values in the pod (-want +got):\n%s", diff)
	}
}

func (c crioCase) checkWarning(t *testing.T, stderr string, start int) {
	t.Helper()
	switch {
	case c.warns == always, c.warns == first && start == 0:
		onlyWarnings(t, stderr, keepaliveTime, c.sysctls[keepaliveTime], "10-test.toml:4")
	case stderr != "":
		t.Errorf("the hook says: %s", stderr)
	}
}
