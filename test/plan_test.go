package test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// buildPolicy builds oci-sysctl-policy, once.
var buildPolicy = sync.OnceValues(func() (string, error) {
	path := filepath.Join(work, "oci-sysctl-policy")
	return path, build(path, "../cmd/policy", "CGO_ENABLED=0")
})

// policyCommand runs oci-sysctl-policy to its end.
func policyCommand(t *testing.T, args ...string) result {
	t.Helper()
	path, err := buildPolicy()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout)
	defer cancel()
	got, err := finish(exec.CommandContext(ctx, path, args...))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// planned is what plan says about a container, as far as the tests look.
type planned struct {
	Starts    bool
	NotLooked string `json:"not_looked"`
	Decisions []struct {
		Key, Verdict, Value, Reason, Warning string
		Now                                  *string
		Absent                               bool
		Rule                                 struct {
			Name, File string
			Line       int
		}
	}
}

func plan(t *testing.T, args ...string) (planned, result) {
	t.Helper()
	got := policyCommand(t, append([]string{"plan", "-o", "json"}, args...)...)
	var p planned
	if err := json.Unmarshal([]byte(got.stdout), &p); err != nil {
		t.Fatalf("plan: exit %d: %v: %s%s", got.code, err, got.stdout, got.stderr)
	}
	return p, got
}

// told is what the hook's record tells about a container, and what plan does in
// the record's words.
type told struct {
	Code                int
	Set, Left, Warnings []string
	Refused             string // the key and the reason
}

// told is the record that the hook would write.
func (p planned) told(code int) told {
	said := told{Code: code}
	var leave []string
	for _, d := range p.Decisions {
		switch {
		case d.Verdict == "refuse" && said.Refused == "":
			said.Refused = d.Key + ": " + d.Reason
		case d.Verdict == "leave":
			leave = append(leave, d.Key+": "+d.Reason)
		case d.Verdict != "set" || !p.Starts:
		case d.Absent:
			said.Left = append(said.Left, d.Key+": not in this kernel")
		case *d.Now == d.Value:
			said.Left = append(said.Left, d.Key+": has the value already")
		default:
			said.Set = append(said.Set, fmt.Sprintf("%s: %s -> %s", d.Key, *d.Now, d.Value))
		}
		if d.Warning != "" && p.Starts {
			said.Warnings = append(said.Warnings, fmt.Sprintf("%s: %s (rule %q, %s:%d)", d.Key, d.Warning, d.Rule.Name, d.Rule.File, d.Rule.Line))
		}
	}
	said.Left = append(said.Left, leave...)
	return said
}

// record is the record of a run of the hook. Of the error it takes what plan
// says too, if it is there.
func record(t *testing.T, path string, code int, refused string) told {
	t.Helper()
	all := records(t, path)
	if len(all) != 1 {
		t.Fatalf("%d records, want 1: %v", len(all), all)
	}
	said := told{Code: code, Set: texts(all[0]["set"]), Left: texts(all[0]["left"]), Warnings: texts(all[0]["warnings"])}
	key, reason, _ := strings.Cut(refused, ": ")
	switch failure, _ := all[0]["error"].(string); {
	case failure == "":
	case refused != "" && strings.HasPrefix(failure, key+" = ") && strings.Contains(failure, reason):
		said.Refused = refused
	default:
		said.Refused = failure
	}
	return said
}

// texts are the strings of a JSON array.
func texts(array any) (all []string) {
	elements, _ := array.([]any)
	for _, element := range elements {
		all = append(all, fmt.Sprint(element))
	}
	return all
}

// TestPlanAgrees runs plan and the hook over the whole table of outcomes: plan
// for the bundle, before there is a process, and for the container.
func TestPlanAgrees(t *testing.T) {
	needRoot(t)
	values := valuesOf(t)
	cells := 0
	for _, s := range settings {
		dir := policyDir(t, s.policy())
		for _, o := range s.outcomes {
			for _, network := range networks {
				cells++
				t.Run(strings.Join([]string{s.name, o.ask.String(), network.name}, "; "), func(t *testing.T) {
					cell := tableCell{values: values, policy: dir, ask: o.ask, holds: network.holds}
					cell.checkPlan(t)
				})
			}
		}
	}
	if cells == 0 {
		t.Error("the table is empty")
	}
}

func (c tableCell) checkPlan(t *testing.T) {
	pid := startProcess(t, syscall.CLONE_NEWNET|syscall.CLONE_NEWIPC|syscall.CLONE_NEWUTS)
	spec := newSpec("true")
	c.fill(spec)
	if c.holds != "" {
		joinNetwork(spec, fmt.Sprintf("/proc/%d/ns/net", pid))
		netnsOf(t, pid).set(t, keepaliveTime, c.values[c.holds])
	}
	bundle := t.TempDir()
	if err := writeBundle(bundle, spec); err != nil {
		t.Fatal(err)
	}
	ofBundle, got := plan(t, "--policy-dir", c.policy, bundle)
	beforeStart := ofBundle.told(got.code)
	ofContainer, got := plan(t, "--policy-dir", c.policy, "--state-root", runcState(t, "planned", pid, bundle), "planne")
	atStart := ofContainer.told(got.code)

	log := filepath.Join(t.TempDir(), "log")
	g := &target{pid: pid, bundle: bundle, annotations: spec.Annotations, policy: c.policy, args: []string{"--log=file:" + log, "--log-format=json"}}
	hook := record(t, log, g.run(t, g.stdin(t)).code, beforeStart.Refused)
	if diff := cmp.Diff(hook, beforeStart); diff != "" {
		t.Errorf("the plan for the bundle (-hook +plan):\n%s", diff)
	}
	if diff := cmp.Diff(hook, atStart); diff != "" {
		t.Errorf("the plan for the container (-hook +plan):\n%s", diff)
	}
}

// runcState makes a state directory of runc with one container, of a process
// that a test started. It returns the root.
func runcState(t *testing.T, id string, pid int, bundle string) string {
	t.Helper()
	root := t.TempDir()
	addRuncState(t, root, id, pid, bundle)
	return root
}

func addRuncState(t *testing.T, root, id string, pid int, bundle string) {
	t.Helper()
	state, err := json.Marshal(map[string]any{
		"id": id, "init_process_pid": pid, "init_process_start": startOf(t, pid),
		"config": map[string]any{"labels": []string{"bundle=" + bundle}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, id), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(root, id, "state.json"), string(state))
}

// startOf is when a process of a plain name started, as proc_pid_stat(5) has it.
func startOf(t *testing.T, pid int) uint64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	const startTime = 22 - 1
	start, err := strconv.ParseUint(strings.Fields(string(stat))[startTime], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return start
}

// What plan can't know it must not make up: without the rights to make
// namespaces it says so.
func TestPlanWithoutRights(t *testing.T) {
	g := newTarget(t)
	g.policy = policyDir(t, keepalivePolicy+"\n[[rule]]\n[rule.sysctls]\n\"net.ipv4.conf.*.rp_filter\" = 1\n")
	path, err := buildPolicy()
	if err != nil {
		t.Fatal(err)
	}
	got, err := finish(exec.Command("setpriv", "--bounding-set=-all", "--inh-caps=-all", path, "plan", "--policy-dir", g.policy, g.bundle))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Not looked at: ", "operation not permitted", "net.ipv4.conf.*.rp_filter", "undecided", "as far as can be told"} {
		if got.code != 0 || !strings.Contains(got.stdout, word) {
			t.Errorf("exit %d; want %q in:\n%s%s", got.code, word, got.stdout, got.stderr)
		}
	}
}

// A policy may be planned for what no process has: the other namespaces.
func TestPlanOfOtherNamespaces(t *testing.T) {
	const policy = `
[[rule]]
name = "ipc and uts"
[rule.sysctls]
"kernel.shm_rmid_forced" = 1
"kernel.domainname" = "example.org"
`
	spec := newSpec("true")
	shareHost(spec, specs.UTSNamespace)
	bundle := t.TempDir()
	needRoot(t)
	if err := writeBundle(bundle, spec); err != nil {
		t.Fatal(err)
	}
	p, got := plan(t, "--policy-dir", policyDir(t, policy), bundle)
	verdicts := make(map[string]string)
	for _, d := range p.Decisions {
		verdicts[d.Key] = d.Verdict
	}
	want := map[string]string{"kernel.shm_rmid_forced": "set", "kernel.domainname": "leave"}
	if diff := cmp.Diff(want, verdicts); diff != "" || got.code != 0 || !p.Starts {
		t.Errorf("exit %d, starts %t (-want +got):\n%s", got.code, p.Starts, diff)
	}
}

// A path may lead to the host: then plan says what the hook does, and nothing
// is asked of the host's namespace.
func TestPlanOfHostNetworkByPath(t *testing.T) {
	needRoot(t)
	spec := newSpec("true")
	joinNetwork(spec, fmt.Sprintf("/proc/%d/ns/net", startProcess(t, 0)))
	bundle := t.TempDir()
	dir := policyDir(t, keepalivePolicy+"\n[[rule]]\n[rule.sysctls]\n\"net.ipv4.tcp_ecn\" = { override = \"any\" }\n")
	for name, test := range map[string]struct {
		annotations map[string]string
		verdict     string
		code        int
	}{
		"no ask":        {nil, "leave", 0},
		"an annotation": {map[string]string{"oci-sysctl-hook/net.ipv4.tcp_ecn": "1"}, "refuse", 1},
	} {
		t.Run(name, func(t *testing.T) {
			spec.Annotations = test.annotations
			if err := writeBundle(bundle, spec); err != nil {
				t.Fatal(err)
			}
			p, got := plan(t, "--policy-dir", dir, bundle)
			if got.code != test.code || len(p.Decisions) != 4 {
				t.Fatalf("exit %d, want %d, and 4 decisions: %+v", got.code, test.code, p)
			}
			for _, d := range p.Decisions {
				want := "leave"
				if d.Key == "net.ipv4.tcp_ecn" {
					want = test.verdict
				}
				if d.Verdict != want || d.Now != nil || !strings.Contains(d.Reason, "the host's network namespace") {
					t.Errorf("%s: %s, want %s: %s", d.Key, d.Verdict, want, d.Reason)
				}
			}
		})
	}
}

// A container of which nobody can tell which rules are for it is refused by
// the hook, and so it is by plan and for audit.
func TestPlanOfContradictingIdentity(t *testing.T) {
	g := newTarget(t)
	g.policy = policyDir(t, "[[rule]]\nname = \"eu\"\nwhen = { pod_namespaces = [\"eu-*\"] }\nsysctls = { \"net.ipv4.tcp_ecn\" = 1 }\n")
	spec := newSpec("true")
	spec.Annotations = map[string]string{"io.kubernetes.pod.namespace": "eu-1", "io.kubernetes.cri.sandbox-namespace": "us-1"}
	if err := writeBundle(g.bundle, spec); err != nil {
		t.Fatal(err)
	}
	g.wantFailed(t, g.run(t, g.stdin(t)), 1)

	const reason = "the annotations contradict each other"
	root := runcState(t, "contradicting", g.pid, g.bundle)
	for _, args := range [][]string{{g.bundle}, {"--state-root", root, "contra"}} {
		p, got := plan(t, append([]string{"--policy-dir", g.policy}, args...)...)
		if got.code != 1 || p.Starts || p.NotLooked != "" || len(p.Decisions) != 1 ||
			p.Decisions[0].Verdict != "refuse" || !strings.Contains(p.Decisions[0].Reason, reason) {
			t.Errorf("plan %v: exit %d: %+v", args, got.code, p)
		}
	}
	a, code := audit(t, "--policy-dir", g.policy, "--state-root", root)
	if diff := cmp.Diff(map[string]string{"": "refused"}, a.stands("contradicting")); diff != "" || code != 1 || a.Containers[0].Error != "" {
		t.Errorf("audit: exit %d, %+v (-want +got):\n%s", code, a, diff)
	}
	if got := policyCommand(t, "audit", "--policy-dir", g.policy, "--state-root", root); !strings.Contains(got.stdout, reason) {
		t.Errorf("audit does not say why: %s", got.stdout)
	}
}
