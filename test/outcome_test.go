package test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// The outcome table: what a rule, an ask and a namespace make together, the
// same on every runtime. It is written by hand from the agreed behaviour.
//
// Values are words, see valuesOf: rule is the rule's value; in and out are
// others, inside and outside its bounds; fresh is a new namespace's.
//
// An outcome is the value that the application finds, or refused; then
//
//	!  the hook warns
//	?  the hook may warn
//
// and without a mark it says nothing.

// ask is what the bundle asks for: by annotation, by linux.sysctl, or both.
type ask struct{ note, sysctl string }

func (a ask) String() string {
	return fmt.Sprintf("annotation %s, linux.sysctl %s", orNone(a.note), orNone(a.sysctl))
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// outcome is a line of the table: an ask and what comes of it in each of
// networks. One word is for all, and run in the first and the last alone, which
// differ the most.
type outcome struct {
	ask  ask
	want string
}

// networks are the namespaces that a container gets: a new one, or a joined
// one that holds this.
var networks = []struct{ name, holds string }{
	{"new", ""},
	{"joined fresh", "fresh"},
	{"joined with in", "in"},
	{"joined with out", "out"},
}

// wants gives what is to come of the ask by the network's name.
func (o outcome) wants() map[string]string {
	words := strings.Fields(o.want)
	first, last := networks[0].name, networks[len(networks)-1].name
	if len(words) == 1 {
		return map[string]string{first: words[0], last: words[0]}
	}
	byName := make(map[string]string)
	for i, network := range networks {
		byName[network.name] = words[i]
	}
	return byName
}

// setting is a policy's line on the key and the outcomes it gives.
type setting struct {
	name     string
	toml     string // of the one key; empty: no rule names it
	warn     bool   // on_refusal = "warn" in the rule
	outcomes []outcome
}

var settings = []setting{
	{name: "no rule", outcomes: []outcome{
		{ask{}, "fresh fresh in out"},
		{ask{note: "in"}, "refused"},
		{ask{sysctl: "out"}, "out"},
		{ask{note: "in", sysctl: "in"}, "refused"},
	}},
	{name: "config", toml: `600`, outcomes: configOutcomes},
	{name: "config by name", toml: `{ value = 600, override = "config" }`, outcomes: []outcome{
		{ask{note: "in"}, "refused"},
		{ask{sysctl: "out"}, "out"},
	}},
	{name: "none", toml: `{ value = 600, override = "none" }`, outcomes: []outcome{
		{ask{}, "rule rule rule! rule!"},
		{ask{note: "rule"}, "rule rule rule? rule?"},
		{ask{note: "in"}, "refused"},
		{ask{note: "out"}, "refused"},
		{ask{sysctl: "rule"}, "rule"},
		{ask{sysctl: "in"}, "refused"},
		{ask{sysctl: "out"}, "refused"},
		{ask{note: "rule", sysctl: "rule"}, "rule"},
		{ask{note: "in", sysctl: "in"}, "refused"},
		{ask{note: "rule", sysctl: "out"}, "refused"},
	}},
	{name: "any", toml: `{ value = 600, override = "any" }`, outcomes: append([]outcome{
		{ask{}, "rule rule in out"},
	}, anyOutcomes...)},
	{name: "any without value", toml: `{ override = "any" }`, outcomes: append([]outcome{
		{ask{}, "fresh fresh in out"},
	}, anyOutcomes...)},
	bounded("min max", `min = 30, max = 3600`),
	boundedWithoutValue("min max without value", `min = 30, max = 3600`),
	bounded("values", `values = [600, 900]`),
	boundedWithoutValue("values without value", `values = [600, 900]`),
	// Unanchored, it would match 5000 too.
	bounded("pattern", `pattern = "[0-9]00"`),
	boundedWithoutValue("pattern without value", `pattern = "[0-9]00"`),

	{name: "config warn", toml: `600`, warn: true, outcomes: []outcome{
		{ask{}, "rule rule in out"},
		{ask{note: "rule"}, "rule! rule! in! out!"},
		{ask{note: "in"}, "rule! rule! in! out!"},
		{ask{sysctl: "out"}, "out"},
		{ask{note: "in", sysctl: "in"}, "in!"},
		{ask{note: "in", sysctl: "out"}, "out!"},
	}},
	{name: "none warn", toml: `{ value = 600, override = "none" }`, warn: true, outcomes: []outcome{
		{ask{}, "rule rule rule! rule!"},
		{ask{note: "in"}, "rule!"},
		{ask{sysctl: "rule"}, "rule"},
		{ask{sysctl: "in"}, "in!"},
		{ask{note: "in", sysctl: "in"}, "in!"},
		{ask{note: "rule", sysctl: "out"}, "out!"},
	}},
	{name: "any warn", toml: `{ override = "any" }`, warn: true, outcomes: []outcome{
		{ask{note: "out"}, "out"},
		{ask{note: "in", sysctl: "out"}, "out!"},
	}},
	{name: "min max warn", toml: `{ value = 600, override = { min = 30, max = 3600 } }`, warn: true, outcomes: []outcome{
		{ask{}, "rule rule in rule!"},
		{ask{note: "in"}, "in"},
		{ask{note: "out"}, "rule! rule! in! rule!"},
		{ask{sysctl: "in"}, "in"},
		{ask{sysctl: "out"}, "out!"},
		{ask{note: "out", sysctl: "out"}, "out!"},
		{ask{note: "in", sysctl: "out"}, "out!"},
		{ask{note: "out", sysctl: "in"}, "in!"},
	}},
	{name: "min max warn without value", toml: `{ override = { min = 30, max = 3600 } }`, warn: true, outcomes: []outcome{
		{ask{}, "fresh fresh in out?"},
		{ask{note: "out"}, "fresh! fresh! in! out!"},
		{ask{sysctl: "out"}, "out!"},
	}},
}

// The default override: the configuration wins, an annotation never does.
var configOutcomes = []outcome{
	{ask{}, "rule rule in out"},
	{ask{note: "rule"}, "refused"},
	{ask{note: "in"}, "refused"},
	{ask{note: "out"}, "refused"},
	{ask{sysctl: "in"}, "in"},
	{ask{sysctl: "out"}, "out"},
	{ask{note: "in", sysctl: "in"}, "refused"},
	{ask{note: "in", sysctl: "out"}, "refused"},
}

// With override = "any", an ask counts whatever the rule's value.
var anyOutcomes = []outcome{
	{ask{note: "in"}, "in"},
	{ask{note: "out"}, "out"},
	{ask{sysctl: "in"}, "in"},
	{ask{sysctl: "out"}, "out"},
	{ask{note: "in", sysctl: "in"}, "in"},
	{ask{note: "in", sysctl: "out"}, "refused"},
}

// Inside bounds, an ask counts whatever the rule's value; outside it is refused.
var boundedOutcomes = []outcome{
	{ask{note: "in"}, "in"},
	{ask{note: "out"}, "refused"},
	{ask{sysctl: "in"}, "in"},
	{ask{sysctl: "out"}, "refused"},
	{ask{note: "in", sysctl: "in"}, "in"},
	{ask{note: "out", sysctl: "out"}, "refused"},
	{ask{note: "in", sysctl: "out"}, "refused"},
	{ask{note: "out", sysctl: "in"}, "refused"},
}

func bounded(name, bounds string) setting {
	return setting{name: name, toml: `{ value = 600, override = { ` + bounds + ` } }`,
		outcomes: append([]outcome{{ask{}, "rule rule in rule!"}}, boundedOutcomes...)}
}

func boundedWithoutValue(name, bounds string) setting {
	return setting{name: name, toml: `{ override = { ` + bounds + ` } }`,
		outcomes: append([]outcome{{ask{}, "fresh fresh in out?"}}, boundedOutcomes...)}
}

// valuesOf gives the words of the table their values.
func valuesOf(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"rule": "600", "in": "900", "out": "5000",
		"fresh": newNetns(t).get(t, keepaliveTime)[keepaliveTime],
	}
}

// policy is the policy with this one setting, or with a rule for another key.
func (s setting) policy() string {
	line := fmt.Sprintf("%q = %s\n", keepaliveTime, s.toml)
	if s.toml == "" {
		line = fmt.Sprintf("%q = 6\n", keepaliveProbes)
	}
	onRefusal := ""
	if s.warn {
		onRefusal = "on_refusal = \"warn\"\n"
	}
	return "[[rule]]\nname = \"table\"\n" + onRefusal + "[rule.sysctls]\n" + line
}

func TestOutcomes(t *testing.T) {
	eachRuntime(t, func(t *testing.T, r *ociRuntime) {
		hostUntouched(t)
		values := valuesOf(t)
		for _, s := range settings {
			dir := policyDir(t, s.policy())
			for _, o := range s.outcomes {
				wants := o.wants()
				for _, network := range networks {
					want, ok := wants[network.name]
					if !ok {
						continue
					}
					name := strings.Join([]string{s.name, o.ask.String(), network.name}, "; ")
					t.Run(name, func(t *testing.T) {
						c := tableCell{r, values, dir, o.ask, network.holds, want}
						c.check(t)
					})
				}
			}
		}
	})
}

// tableCell is one container of the table.
type tableCell struct {
	r      *ociRuntime
	values map[string]string
	policy string
	ask    ask
	holds  string // what the joined namespace holds; empty: a new one
	want   string
}

func (c tableCell) check(t *testing.T) {
	spec := printing(keepaliveTime)
	c.fill(spec)
	said := filepath.Join(t.TempDir(), "stderr")
	createRuntime(spec, watched(hookWith(c.policy), said))
	var pod *netns
	if c.holds != "" {
		ns := newNetns(t)
		ns.set(t, keepaliveTime, c.values[c.holds])
		joinNetwork(spec, ns.path())
		pod = &ns
	}
	got := c.r.run(t, spec)
	stderr, err := os.ReadFile(said)
	if err != nil {
		t.Fatalf("the hook did not run: %v; exit %d: %s", err, got.code, got.stderr)
	}
	if c.want == "refused" {
		c.checkRefused(t, got, string(stderr), pod)
		return
	}
	c.checkStarted(t, got, string(stderr))
}

// fill puts the ask into the bundle.
func (c tableCell) fill(spec *specs.Spec) {
	if c.ask.note != "" {
		spec.Annotations = map[string]string{"oci-sysctl-hook/" + keepaliveTime: c.values[c.ask.note]}
	}
	if c.ask.sysctl != "" {
		spec.Linux.Sysctl = map[string]string{keepaliveTime: c.values[c.ask.sysctl]}
	}
}

func (c tableCell) checkStarted(t *testing.T, got result, stderr string) {
	t.Helper()
	word := strings.TrimRight(c.want, "!?")
	if got.code != 0 {
		t.Fatalf("exit %d, want the value %s: %s%s", got.code, word, stderr, got.stderr)
	}
	if value := strings.TrimSpace(got.stdout); value != c.values[word] {
		t.Errorf("the value is %s, want %s (%s)", value, c.values[word], word)
	}
	switch {
	case strings.HasSuffix(c.want, "!"), strings.HasSuffix(c.want, "?") && stderr != "":
		onlyWarnings(t, stderr, keepaliveTime)
	case stderr != "":
		t.Errorf("the hook says: %s", stderr)
	}
}

func (c tableCell) checkRefused(t *testing.T, got result, stderr string, pod *netns) {
	t.Helper()
	if got.code == 0 || got.stdout != "" {
		t.Errorf("the container started: exit %d, it printed %q", got.code, got.stdout)
	}
	oneError(t, stderr, keepaliveTime)
	if pod == nil {
		return
	}
	left := c.holds
	if c.r.sysctlFirst && c.ask.sysctl != "" {
		left = c.ask.sysctl // the runtime's doing, before the hook
	}
	if value := pod.get(t, keepaliveTime)[keepaliveTime]; value != c.values[left] {
		t.Errorf("the pod has %s, want %s (%s)", value, c.values[left], left)
	}
}

// watched is the hook with its stderr kept in a file as well: a runtime shows
// the stderr of a hook only when the hook fails.
func watched(hook specs.Hook, stderr string) specs.Hook {
	const script = `"$0" "$@" 2>"$HOOK_STDERR"; code=$?; cat "$HOOK_STDERR" >&2; exit $code`
	hook.Args = append([]string{"sh", "-c", script, hook.Path}, hook.Args[1:]...)
	hook.Path = "/bin/sh"
	hook.Env = []string{"HOOK_STDERR=" + stderr, "PATH=" + os.Getenv("PATH")}
	return hook
}

// The table must say something of each network, in words that exist.
func TestOutcomeTableIsWhole(t *testing.T) {
	words := map[string]bool{"rule": true, "in": true, "out": true, "fresh": true, "refused": true}
	asked := maps.Clone(words)
	asked[""] = true
	for _, s := range settings {
		for _, o := range s.outcomes {
			wants := strings.Fields(o.want)
			if len(wants) != 1 && len(wants) != len(networks) {
				t.Errorf("%s, %s: %d outcomes for %d networks", s.name, o.ask, len(wants), len(networks))
			}
			for _, want := range wants {
				if !words[strings.TrimRight(want, "!?")] {
					t.Errorf("%s, %s: no such outcome: %s", s.name, o.ask, want)
				}
			}
			if !asked[o.ask.note] || !asked[o.ask.sysctl] {
				t.Errorf("%s: no such ask: %s", s.name, o.ask)
			}
		}
	}
}
