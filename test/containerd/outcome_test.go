package containerd

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The outcome table of ../outcome_test.go as far as pods have it: an annotation
// asks, or the pod's securityContext does, whose values are in the joined
// namespace before the hook runs.
//
// Values are words, see values: rule is the rule's value; in and out are
// others, inside and outside its bounds; fresh is a new namespace's.
//
// An outcome is the value that the application finds, or refused; then
//
//	!  the hook warns
//	?  the hook may warn
//
// and without a mark it does not.

// outcome is what comes of an annotation, or of none, in a pod without a sysctl
// of its own, in one that says in, and in one that says out.
type outcome struct{ note, fresh, in, out string }

// setting is a policy's line on the key and the outcomes it gives. Its name is
// the Kubernetes namespace of the pods that it is for.
type setting struct {
	name     string
	toml     string // of the one key; empty: no rule names it
	warn     bool   // on_refusal = "warn" in the rule
	outcomes []outcome
}

var settings = []setting{
	{name: "no-rule", outcomes: []outcome{
		{"", "fresh", "in", "out"},
		{"in", "refused", "refused", "refused"},
		{"out", "refused", "refused", "refused"},
	}},
	{name: "config", toml: `600`, outcomes: []outcome{
		{"", "rule", "in", "out"},
		{"rule", "refused", "refused", "refused"},
		{"in", "refused", "refused", "refused"},
		{"out", "refused", "refused", "refused"},
	}},
	{name: "none", toml: `{ value = 600, override = "none" }`, outcomes: []outcome{
		{"", "rule", "rule!", "rule!"},
		{"rule", "rule", "rule?", "rule?"},
		{"in", "refused", "refused", "refused"},
		{"out", "refused", "refused", "refused"},
	}},
	{name: "any", toml: `{ value = 600, override = "any" }`, outcomes: []outcome{
		{"", "rule", "in", "out"},
		{"in", "in", "in", "in"},
		{"out", "out", "out", "out"},
	}},
	{name: "any-only", toml: `{ override = "any" }`, outcomes: []outcome{
		{"", "fresh", "in", "out"},
		{"in", "in", "in", "in"},
		{"out", "out", "out", "out"},
	}},
	bounded("bounds", `min = 30, max = 3600`),
	boundedOnly("bounds-only", `min = 30, max = 3600`),
	bounded("values", `values = [600, 900]`),
	boundedOnly("values-only", `values = [600, 900]`),
	// Unanchored, it would match 5000 too.
	bounded("pattern", `pattern = "[0-9]00"`),
	boundedOnly("pattern-only", `pattern = "[0-9]00"`),

	{name: "config-warn", toml: `600`, warn: true, outcomes: []outcome{
		{"", "rule", "in", "out"},
		{"rule", "rule!", "in!", "out!"},
		{"in", "rule!", "in!", "out!"},
	}},
	{name: "none-warn", toml: `{ value = 600, override = "none" }`, warn: true, outcomes: []outcome{
		{"", "rule", "rule!", "rule!"},
		{"in", "rule!", "rule!", "rule!"},
	}},
	{name: "any-only-warn", toml: `{ override = "any" }`, warn: true, outcomes: []outcome{
		{"out", "out", "out", "out"},
	}},
	{name: "bounds-warn", toml: `{ value = 600, override = { min = 30, max = 3600 } }`, warn: true, outcomes: []outcome{
		{"", "rule", "in", "rule!"},
		{"in", "in", "in", "in"},
		{"out", "rule!", "in!", "rule!"},
	}},
	{name: "bounds-only-warn", toml: `{ override = { min = 30, max = 3600 } }`, warn: true, outcomes: []outcome{
		{"", "fresh", "in", "out?"},
		{"out", "fresh!", "in!", "out!"},
	}},
}

func bounded(name, bounds string) setting {
	return setting{name: name, toml: `{ value = 600, override = { ` + bounds + ` } }`, outcomes: []outcome{
		{"", "rule", "in", "rule!"},
		{"in", "in", "in", "in"},
		{"out", "refused", "refused", "refused"},
	}}
}

func boundedOnly(name, bounds string) setting {
	return setting{name: name, toml: `{ override = { ` + bounds + ` } }`, outcomes: []outcome{
		{"", "fresh", "in", "out?"},
		{"in", "in", "in", "in"},
		{"out", "refused", "refused", "refused"},
	}}
}

// values gives the words of the table their values.
func values(t *testing.T) map[string]string {
	t.Helper()
	fresh, err := exec.Command("unshare", "--net", "cat", "/proc/sys/net/ipv4/tcp_keepalive_time").Output()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"rule": "600", "in": "900", "out": "5000", "fresh": strings.TrimSpace(string(fresh))}
}

// rule is a policy's rule for the pods of one Kubernetes namespace.
func rule(namespace, lines string, warn bool) string {
	onRefusal := ""
	if warn {
		onRefusal = "on_refusal = \"warn\"\n"
	}
	return fmt.Sprintf("[[rule]]\nname = %[1]q\n%[2]swhen = { pod_namespaces = [%[1]q] }\n[rule.sysctls]\n%[3]s\n", namespace, onRefusal, lines)
}

// hookArgs writes a policy and gives the hook's arguments for it.
func (n *node) hookArgs(t *testing.T, policy string) []string {
	t.Helper()
	dir := filepath.Dir(n.write(t, "policy.d/10-test.toml", policy))
	return []string{"--policy-dir=" + dir, "--log=file:" + n.dir + "/hook.log", "--log-format=json"}
}

// startHook runs the plugin with the real hook and a policy.
func (n *node) startHook(t *testing.T, policy string) {
	t.Helper()
	args := []string{"--hook", built(t, "oci-sysctl-hook")}
	for _, arg := range n.hookArgs(t, policy) {
		args = append(args, "--hook-arg", arg)
	}
	n.startService(t, args...)
}

// tablePolicy has one rule for each setting.
func tablePolicy() string {
	var policy strings.Builder
	for _, s := range settings {
		line := fmt.Sprintf("%q = %s", keepaliveTime, s.toml)
		if s.toml == "" {
			line = `"net.ipv4.tcp_keepalive_probes" = 6`
		}
		policy.WriteString(rule(s.name, line, s.warn))
	}
	return policy.String()
}

// Both ways to get the hook into containers give the same outcomes.
func TestOutcomes(t *testing.T) {
	need(t)
	t.Run("plugin", func(t *testing.T) {
		n := newNode(t, nodeConfig{})
		n.startHook(t, tablePolicy())
		checkTable(t, n)
	})
	t.Run("base spec", func(t *testing.T) {
		n := makeNode(t, nodeConfig{PodAnnotations: []string{"oci-sysctl-hook/*"}})
		spec := baseSpec(t, built(t, "oci-sysctl-hook"), n.hookArgs(t, tablePolicy())...)
		n.config.BaseSpec = n.write(t, "base-spec.json", spec)
		n.start(t)
		checkTable(t, n)
	})
}

// checkTable runs a pod for each cell of the table.
func checkTable(t *testing.T, n *node) {
	words := values(t)
	for _, s := range settings {
		for _, o := range s.outcomes {
			for held, want := range map[string]string{"": o.fresh, "in": o.in, "out": o.out} {
				t.Run(fmt.Sprintf("%s/annotation=%s/securityContext=%s", s.name, o.note, held), func(t *testing.T) {
					t.Parallel()
					p := pod{namespace: s.name}
					if held != "" {
						p.sysctls = map[string]string{keepaliveTime: words[held]}
					}
					if o.note != "" {
						p.annotations = map[string]string{"oci-sysctl-hook/" + keepaliveTime: words[o.note]}
					}
					box := n.runPod(t, p)
					defer box.remove(t)
					if want == "refused" {
						before := box.value(t, keepaliveTime)
						box.checkRefused(t)
						if after := box.value(t, keepaliveTime); after != before {
							t.Errorf("the pod has %s, want %s as before", after, before)
						}
						return
					}
					box.checkStarted(t, want, words)
				})
			}
		}
	}
}

func (s *sandbox) checkStarted(t *testing.T, want string, words map[string]string) {
	t.Helper()
	id, stage, err := s.start(t, "app")
	if err != nil {
		t.Fatalf("%s: %v; want the value %s", stage, err, want)
	}
	word := strings.TrimRight(want, "!?")
	if got := s.node.value(t, id, keepaliveTime); got != words[word] {
		t.Errorf("the value is %s, want %s (%s)", got, words[word], word)
	}
	record := s.node.record(t, id)
	switch {
	case strings.HasSuffix(want, "?"):
	case strings.HasSuffix(want, "!") != (len(record.Warnings) > 0):
		t.Errorf("the hook's warnings: %q, want %s", record.Warnings, want)
	}
	if record.PodNamespace != s.config.GetMetadata().GetNamespace() || record.Container != "app" {
		t.Errorf("the hook's record is of %s/%s", record.PodNamespace, record.Container)
	}
}

// checkRefused wants the CRI's error to show what the hook says.
func (s *sandbox) checkRefused(t *testing.T) {
	t.Helper()
	id, stage, err := s.start(t, "app")
	if stage != "StartContainer" {
		t.Fatalf("%q failed, want StartContainer: %v", stage, err)
	}
	if !strings.Contains(err.Error(), "oci-sysctl-hook: ") || !strings.Contains(err.Error(), keepaliveTime) {
		t.Errorf("the error does not say what the hook says: %v", err)
	}
	if record := s.node.record(t, id); record.Message != "refused" {
		t.Errorf("the hook's record is %q, want refused", record.Message)
	}
}

// record is what the hook told of one container.
type record struct {
	Message      string   `json:"msg"`
	PodNamespace string   `json:"pod_namespace"`
	Container    string   `json:"container"`
	Warnings     []string `json:"warnings"`
	Set          []string `json:"set"`
}

// record finds the one record of a container.
func (n *node) record(t *testing.T, id string) record {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(n.dir, "hook.log"))
	if err != nil {
		t.Fatal(err)
	}
	var found []record
	for line := range strings.Lines(string(log)) {
		// Another container's line may be half written.
		if !strings.Contains(line, id) || !strings.HasSuffix(line, "\n") {
			continue
		}
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		found = append(found, r)
	}
	if len(found) != 1 {
		t.Fatalf("%d records of container %s, want 1: %v", len(found), id, found)
	}
	return found[0]
}

// value reads a key of the pod's network namespace without a container.
func (s *sandbox) value(t *testing.T, key string) string {
	t.Helper()
	path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
	out, err := exec.Command("nsenter", "--target", strconv.Itoa(s.pausePid(t)), "--net", "cat", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
