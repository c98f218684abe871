package main

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// A config.json that may not be read matters only where there is something to
// decide.
func TestUndecided(t *testing.T) {
	cause := errors.New("permission denied")
	payments := map[string]string{"io.kubernetes.pod.namespace": "payments"}
	const rules = "[[rule]]\nwhen = { pod_namespaces = [\"payments\"] }\nsysctls = { \"net.x.y\" = 1 }\n"
	for name, test := range map[string]struct {
		policy      string
		annotations map[string]string
		want        int
	}{
		"no rules":         {"# none\n", payments, exitDone},
		"no rule for it":   {rules, map[string]string{"io.kubernetes.pod.namespace": "other"}, exitDone},
		"a rule for it":    {rules, payments, exitSystem},
		"nothing is known": {rules, nil, exitSystem},
		"it asks":          {"# none\n", map[string]string{"oci-sysctl-hook/net.x.y": "1"}, exitSystem},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "p.toml"), test.policy)
		p, err := policy.Load([]string{dir})
		if err != nil {
			t.Fatal(err)
		}
		err = undecided(p, &specs.State{Annotations: test.annotations}, cause)
		if got := exitStatus(err); got != test.want || err != nil && !errors.Is(err, cause) {
			t.Errorf("%s: %v, status %d, want %d", name, err, got, test.want)
		}
	}
}
