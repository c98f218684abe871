package containerd

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// planned is what plan says about a container, and audited what audit says of
// all, as far as these tests look.
type planned struct {
	Starts    bool
	Decisions []struct {
		Key, Verdict, Value string
		Now                 *string
	}
}

type audited struct {
	Containers []auditedContainer
}

type auditedContainer struct {
	ID, Container string
	Pod           string
	PodNamespace  string `json:"pod_namespace"`
	Hooked        bool
	HostNetwork   bool `json:"host_network"`
	Keys          []struct{ Key, Status, Want, Now string }
}

// policyCommand runs oci-sysctl-policy, which looks for containers where the
// runc of every containerd of this machine keeps them.
func policyCommand(t *testing.T, into any, args ...string) (code int) {
	t.Helper()
	out, err := exec.Command(built(t, "oci-sysctl-policy"), args...).Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("oci-sysctl-policy %q: exit %d: %v: %s", args, code, err, out)
	}
	return code
}

// audit is what audit says about one container.
func (n *node) audit(t *testing.T, id string) (auditedContainer, int) {
	t.Helper()
	var all audited
	code := policyCommand(t, &all, "audit", "-o", "json", "--policy-dir", filepath.Join(n.dir, "policy.d"))
	for _, c := range all.Containers {
		if c.ID == id {
			return c, code
		}
	}
	t.Fatalf("audit does not list %s: %+v", id, all)
	return auditedContainer{}, code
}

// Plan and audit find containerd's containers by themselves.
func TestPlanAndAudit(t *testing.T) {
	n := newNode(t, nodeConfig{})
	n.startHook(t, rule("shop", `"net.ipv4.tcp_keepalive_time" = { value = 600, override = "none" }`, false))
	p := n.runPod(t, pod{namespace: "shop"})
	id := p.mustStart(t, "till")

	var plan planned
	code := policyCommand(t, &plan, "plan", "-o", "json", "--policy-dir", filepath.Join(n.dir, "policy.d"), id[:12])
	if code != 0 || !plan.Starts || len(plan.Decisions) != 1 {
		t.Fatalf("plan: exit %d: %+v", code, plan)
	}
	if d := plan.Decisions[0]; d.Key != keepaliveTime || d.Value != "600" || d.Now == nil || *d.Now != "600" {
		t.Errorf("plan decides %+v, want 600, which is there", d)
	}

	type key = struct{ Key, Status, Want, Now string }
	want := auditedContainer{ID: id, Container: "till", Pod: p.config.GetMetadata().GetName(), PodNamespace: "shop",
		Hooked: true, Keys: []key{{keepaliveTime, "ok", "600", "600"}}}
	got, _ := n.audit(t, id) // other containers of this machine may drift
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}

	p.set(t, keepaliveTime, "601")
	want.Keys = []key{{keepaliveTime, "drift", "600", "601"}}
	got, code = n.audit(t, id)
	if diff := cmp.Diff(want, got); diff != "" || code != 1 {
		t.Errorf("audit after a change: exit %d, want 1 (-want +got):\n%s", code, diff)
	}
}

// Audit tells which containers have no hook, and which the host's network.
func TestAuditUnhooked(t *testing.T) {
	n := newNode(t, nodeConfig{})
	n.write(t, "policy.d/10-test.toml", rule("default", `"net.ipv4.tcp_keepalive_time" = 600`, false))
	fresh := values(t)["fresh"]
	for _, host := range []bool{false, true} {
		id := n.runPod(t, pod{hostNetwork: host}).mustStart(t, "app")
		got, _ := n.audit(t, id)
		if got.Hooked || got.HostNetwork != host || len(got.Keys) != 1 {
			t.Fatalf("host network %t: %+v", host, got)
		}
		want := struct{ Key, Status, Want, Now string }{keepaliveTime, "drift", "600", fresh}
		if host {
			want.Status, want.Want, want.Now = "host", "", ""
		}
		if diff := cmp.Diff(want, got.Keys[0]); diff != "" {
			t.Errorf("host network %t (-want +got):\n%s", host, diff)
		}
	}
}

// set changes a key of the pod's network namespace.
func (s *sandbox) set(t *testing.T, key, value string) {
	t.Helper()
	path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
	cmd := exec.Command("nsenter", "--target", strconv.Itoa(s.pausePid(t)), "--net", "tee", path)
	cmd.Stdin = strings.NewReader(value)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
