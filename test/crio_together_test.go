package test

import (
	"sync"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// start is a container that is ready to run, from whatever goroutine.
type start struct {
	r                *ociRuntime
	bundle, root, id string
}

func newStart(t *testing.T, r *ociRuntime, spec *specs.Spec) start {
	t.Helper()
	s := start{r, t.TempDir(), t.TempDir(), newID()}
	if err := writeBundle(s.bundle, spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.remove(t, s.root, s.id) })
	return s
}

// run runs the container to its end, with options of the runtime.
func (s start) run(options ...string) (result, error) {
	args := append(options, "--root", s.root, "run", "--bundle", s.bundle, s.id)
	return s.r.command(args...)
}

// together runs the containers at the same time.
func together(t *testing.T, starts ...start) []result {
	t.Helper()
	results, errs := make([]result, len(starts)), make([]error, len(starts))
	var running sync.WaitGroup
	for i, s := range starts {
		running.Go(func() { results[i], errs[i] = s.run() })
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return results
}

// togetherRounds is how often a test of two hooks at once is tried: one round
// may have them one after the other.
const togetherRounds = 8

func TestCRIOTogether(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		dir := policyDir(t, crioRule(crioDefaults))
		for range togetherRounds {
			pod := (&crioPod{name: "till-0", namespace: "payments-eu",
				sysctls: map[string]string{keepaliveTime: "123"}}).create(t)
			var starts []start
			for _, name := range []string{"app", "sidecar"} {
				spec := pod.container(name, 0, keepaliveKeys...)
				createRuntime(spec, hookWith(dir))
				starts = append(starts, newStart(t, r, spec))
			}
			for _, got := range together(t, starts...) {
				wantPrinted(t, got, keepaliveKeys, values("123", "10", "6"))
			}
		}
	})
}

// One of the two fails after it changed a value. What it puts back must not be
// what the other is about to set, nor must the other take the value in between
// for one that the pod asks for.
func TestCRIOTogetherWithFailing(t *testing.T) {
	const policy = `
[[rule]]
name = "everyone"
[rule.sysctls]
"net.ipv4.tcp_keepalive_intvl" = 10

[[rule]]
name = "broken"
when = { containers = ["broken"] }
[rule.sysctls]
"net.ipv4.tcp_keepalive_intvl" = 20
"net.ipv4.tcp_keepalive_probes" = 300 # more than a byte
`
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		dir := policyDir(t, policy)
		for range togetherRounds {
			pod := (&crioPod{name: "till-0", namespace: "payments-eu"}).create(t)
			var starts []start
			for _, name := range []string{"broken", "app"} {
				spec := pod.container(name, 0, keepaliveKeys...)
				createRuntime(spec, hookWith(dir))
				starts = append(starts, newStart(t, r, spec))
			}
			got := together(t, starts...)
			if got[0].code == 0 || got[1].code != 0 {
				t.Errorf("exit %d of the broken one, %d of the other:\n%s%s",
					got[0].code, got[1].code, got[0].stderr, got[1].stderr)
			}
			wantValues(t, pod.network(t), values("7200", "10", "9"))
		}
	})
}
