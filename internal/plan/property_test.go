package plan

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"pgregory.net/rapid"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/container"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/thread"
)

// kernelKeys are keys, each with values that the kernel takes whatever the
// other keys hold; the first is what a new namespace has.
var kernelKeys = map[sysctl.Key][]string{
	"net/ipv4/tcp_keepalive_time":        {"7200", "30", "600"},
	"net/ipv4/tcp_keepalive_intvl":       {"75", "10", "11"},
	"net/ipv4/tcp_keepalive_probes":      {"9", "3", "6"},
	"net/ipv4/tcp_ecn":                   {"2", "0", "1"},
	"net/ipv4/tcp_rmem":                  {"4096 131072 6291456", "4096 87380 6291456", "8192 87380 4194304"},
	"net/ipv4/conf/all/rp_filter":        {"0", "1", "2"},
	"net/ipv4/conf/default/rp_filter":    {"0", "1", "2"},
	"net/ipv4/conf/lo/rp_filter":         {"0", "1", "2"},
	"net/ipv4/conf/all/log_martians":     {"0", "1"},
	"net/ipv4/conf/default/log_martians": {"0", "1"},
	"net/ipv4/conf/lo/log_martians":      {"0", "1"},
	"net/ipv4/neigh/lo/base_reachable":   nil, // no kernel has it
}

// policyKeys are what a policy may name beside these.
var policyKeys = []sysctl.Key{"net/ipv4/conf/*/rp_filter", "net/ipv4/conf/*/log_martians"}

// What a plan says is what the hook's code does in a namespace of the real
// kernel, whatever the policy, the asks and the values that are held.
func TestPlanSaysWhatIsDone(t *testing.T) {
	n := newNetwork(t)
	dir := t.TempDir()
	met := map[string]int{}
	check := func(t *rapid.T) {
		p := drawPolicy(t, dir)
		config := n.drawConfig(t)
		before := n.drawHeld(t)
		viewer := NewViewer(n.proc, &Fresh{})
		defer viewer.Close()
		planned, err := viewer.Running(p, n.process, config)
		if err != nil {
			t.Fatal(err)
		}
		ofBundle, err := viewer.Bundle(p, config)
		if err == nil {
			err = ofBundle.Unseen
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(texts(planned), texts(ofBundle)); diff != "" {
			t.Errorf("decisions (-container +bundle):\n%s", diff)
		}
		if diff := cmp.Diff(before, n.read(t)); diff != "" {
			t.Errorf("planning changed values (-before +after):\n%s", diff)
		}
		want, wantFailure := predict(planned, before)
		refused, err := n.hook(p, config)
		if refused != planned.Refused() || (err != nil) != wantFailure {
			t.Errorf("the hook: refused %t, error %v; planned: refused %t, failure %t", refused, err, planned.Refused(), wantFailure)
		}
		if diff := cmp.Diff(want, n.read(t)); diff != "" {
			t.Errorf("values (-planned +done):\n%s", diff)
		}
		met[outcome(refused, err, want, before)]++
	}
	for range 5 { // times rapid's hundred
		rapid.Check(t, check)
	}
	for _, kind := range []string{"refused", "failed", "changed", "unchanged"} {
		if met[kind] == 0 {
			t.Errorf("no container was %s: %v", kind, met)
		}
	}
}

func outcome(refused bool, err error, after, before map[sysctl.Key]string) string {
	switch {
	case refused:
		return "refused"
	case err != nil:
		return "failed"
	case maps.Equal(after, before):
		return "unchanged"
	}
	return "changed"
}

// texts are the decisions, without what the namespace holds.
func texts(p *Plan) (all []string) {
	for _, d := range p.Decisions {
		all = append(all, fmt.Sprintf("%s: %v %q, %v %q: %s; %s", d.Key, d.Verdict, d.Value, d.Door, d.Ask, d.Reason, d.Warning))
	}
	return all
}

// predict is what a plan says about the values, and whether the hook fails.
func predict(p *Plan, before map[sysctl.Key]string) (after map[sysctl.Key]string, fails bool) {
	after = maps.Clone(before)
	if p.Refused() {
		return after, false
	}
	for _, d := range p.Decisions {
		switch {
		case d.Verdict != policy.Set:
		case !d.Absent:
			after[d.Key] = d.Value
		case !d.Setting.Optional:
			return maps.Clone(before), true
		}
	}
	return after, false
}

// network is a namespace of the test's own, with a process in it.
type network struct {
	proc    *procfs.Root
	process *spec.Process
	joined  *specs.Spec // a configuration that joins it by path
	thread  *thread.Thread
	visit   *sysctl.Visit
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	pid := nstest.Start(t, syscall.CLONE_NEWNET)
	n := &network{proc: nstest.OpenProc(t), thread: thread.New()}
	t.Cleanup(n.thread.End)
	var err error
	if n.process, err = spec.Pin(n.proc, pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.process.Close() })
	n.joined = &specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{
		{Type: specs.NetworkNamespace, Path: fmt.Sprintf("/proc/%d/ns/net", pid)},
	}}}
	ns, err := n.process.Namespace(n.joined, specs.NetworkNamespace)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	n.thread.Do(func() { n.visit, err = sysctl.Enter(n.proc, []*spec.Namespace{ns}) })
	if err == nil {
		err = n.write(true, func(key sysctl.Key) string { return kernelKeys[key][0] })
	}
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// write gives the keys values. From the first write on an interface's key does
// not follow "default" any more (devinet_copy_dflt_conf): firm makes it so.
func (n *network) write(firm bool, value func(sysctl.Key) string) (err error) {
	var assignments []sysctl.Assignment
	for _, key := range sortedKeys() {
		if kernelKeys[key] != nil {
			assignments = append(assignments, sysctl.Assignment{Key: key, Value: value(key), Firm: firm})
		}
	}
	n.thread.Do(func() { _, err = n.visit.Apply(assignments) })
	return err
}

// read returns what the keys hold that are there.
func (n *network) read(t *rapid.T) map[sysctl.Key]string {
	values := map[sysctl.Key]string{}
	n.thread.Do(func() {
		for key := range kernelKeys {
			value, err := n.visit.Read(key)
			if err == nil {
				values[key] = strings.Join(strings.Fields(value), " ")
			} else if !errors.Is(err, sysctl.ErrNoKey) {
				t.Errorf("%s: %v", key, err)
			}
		}
	})
	return values
}

// hook does what the hook does.
func (n *network) hook(p *policy.Policy, config *specs.Spec) (refused bool, err error) {
	c, err := container.Decide(p, n.process, config)
	if err != nil {
		return errors.Is(err, policy.ErrAmbiguous), nil
	}
	defer c.Close()
	if len(c.Decisions.Refused()) > 0 || len(c.Namespaces) == 0 {
		return len(c.Decisions.Refused()) > 0, nil
	}
	t := thread.New()
	defer t.End()
	t.Do(func() {
		var visit *sysctl.Visit
		if visit, err = c.Enter(n.proc); err != nil {
			return
		}
		if err = c.Settle(visit); err == nil {
			_, err = visit.Apply(c.Decisions.Assignments())
		}
	})
	return false, err
}

func sortedKeys() []sysctl.Key {
	return slices.Sorted(maps.Keys(kernelKeys))
}

// oneIn draws true one time in n.
func oneIn(t *rapid.T, n int, name string) bool {
	return rapid.IntRange(1, n).Draw(t, name) == n
}

// drawHeld gives the namespace's keys values, most of them those of a new one.
func (n *network) drawHeld(t *rapid.T) map[sysctl.Key]string {
	err := n.write(false, func(key sysctl.Key) string {
		if oneIn(t, 3, "held "+string(key)) {
			return rapid.SampledFrom(kernelKeys[key]).Draw(t, "value held")
		}
		return kernelKeys[key][0]
	})
	if err != nil {
		t.Fatal(err)
	}
	return n.read(t)
}

// drawConfig draws a container: its namespace's kind, whose it is, what it asks
// for.
func (n *network) drawConfig(t *rapid.T) *specs.Spec {
	config := &specs.Spec{Annotations: map[string]string{}, Linux: &specs.Linux{Sysctl: map[string]string{}}}
	switch rapid.SampledFrom([]string{"joined", "new", "joined", "new", "host"}).Draw(t, "kind") {
	case "joined":
		config.Linux.Namespaces = n.joined.Linux.Namespaces
	case "new":
		config.Linux.Namespaces = []specs.LinuxNamespace{{Type: specs.NetworkNamespace}}
	}
	for _, a := range [][2]string{
		{"io.kubernetes.pod.namespace", "a"}, {"io.kubernetes.cri.sandbox-namespace", "b"}, {"io.kubernetes.container.name", "app"}, {"tier", "gold"},
	} {
		if oneIn(t, 3, a[0]) {
			config.Annotations[a[0]] = a[1]
		}
	}
	for _, key := range sortedKeys() {
		values := kernelKeys[key]
		if values == nil {
			values = []string{"1"}
		}
		if oneIn(t, 40, "annotation "+string(key)) {
			config.Annotations["oci-sysctl-hook/"+key.String()] = rapid.SampledFrom(values).Draw(t, "ask")
		}
		if oneIn(t, 20, "sysctl "+string(key)) {
			config.Linux.Sysctl[key.String()] = rapid.SampledFrom(values).Draw(t, "ask")
		}
	}
	return config
}

func drawPolicy(t *rapid.T, dir string) *policy.Policy {
	var text strings.Builder
	for i := range rapid.IntRange(1, 4).Draw(t, "rules") {
		fmt.Fprintf(&text, "[[rule]]\nname = \"r%d\"\n", i)
		if when := rapid.SampledFrom([]string{
			"", "", "", `containers = ["app"]`, `containers = ["*"]`, `pod_namespaces = ["a*"]`, `annotations = { "^tier$" = "gold" }`,
		}).Draw(t, "when"); when != "" {
			fmt.Fprintf(&text, "when = { %s }\n", when)
		}
		if oneIn(t, 3, "warn") {
			text.WriteString("on_refusal = \"warn\"\n")
		}
		text.WriteString("[rule.sysctls]\n")
		all := append(sortedKeys(), policyKeys...)
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 4, rapid.ID[sysctl.Key]).Draw(t, "keys") {
			fmt.Fprintf(&text, "%q = %s\n", key.String(), drawSetting(t, key))
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "10-test.toml"), []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load([]string{dir})
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text.String())
	}
	return p
}

func drawSetting(t *rapid.T, key sysctl.Key) string {
	values := kernelKeys[key]
	if values == nil {
		values = []string{"0", "1"}
	}
	value := func() string { return fmt.Sprintf("%q", rapid.SampledFrom(values).Draw(t, "value")) }
	override := rapid.SampledFrom([]string{
		`"config"`, `"none"`, `"any"`, "{ min = 2, max = 4194304 }", "{ max = 600 }",
		"{ values = [" + value() + ", " + value() + "] }", `{ pattern = "[0-6 ]+" }`,
	}).Draw(t, "override")
	parts := []string{"override = " + override}
	if override == `"config"` || override == `"none"` || rapid.Bool().Draw(t, "has value") {
		parts = append(parts, "value = "+value())
	}
	if kernelKeys[key] == nil || oneIn(t, 3, "optional") {
		parts = append(parts, fmt.Sprintf("optional = %t", rapid.Bool().Draw(t, "is optional")))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}
