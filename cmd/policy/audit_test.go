package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/audit"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/inventory"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/plan"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// sampleAudit is a node on which everything is that there can be. Names come
// from whoever runs a container.
func sampleAudit(t *testing.T) *auditReport {
	t.Helper()
	p, err := policy.Load([]string{"testdata/policy"})
	if err != nil {
		t.Fatal(err)
	}
	key := func(status audit.Status, want, now string, d policy.Decision) audit.Key {
		d.Setting = p.Rules[0].Settings[0]
		return audit.Key{Status: status, Want: want, Wanted: want != "", Decision: plan.Decision{Decision: d, Now: now, Known: now != "", Absent: status == audit.Missing}}
	}
	set := policy.Decision{Key: "net/ipv4/tcp_keepalive_time", Verdict: policy.Set, Value: "600", Reason: "the policy's value"}
	pod := policy.Identity{PodNamespace: "payments", Pod: "till-0", Container: "app"}
	at := func(id string) inventory.Container {
		return inventory.Container{ID: id, Runtime: "runc", Bundle: "/run/bundles/" + id, Pid: 4711}
	}
	return newAuditReport([]audit.Container{
		{Container: at("0123456789abcdefcdefcdefcdefcdefcdefcdefcdefcdefcdefcdefcdefcdef"), Identity: pod, Netns: 4026532000, Hooked: true, Keys: []audit.Key{
			key(audit.OK, "600", "600", set), key(audit.Drift, "600", "7200", set), key(audit.Missing, "600", "", set),
			key(audit.OK, "5", "5", policy.Decision{Key: "net/ipv4/tcp_ecn", Verdict: policy.Leave, Door: policy.Bundle, Ask: "5", Reason: "linux.sysctl asks for it and the runtime sets it"}),
			key(audit.OK, "", "1", policy.Decision{Key: "net/ipv4/tcp_sack", Verdict: policy.Leave, Reason: "not asked for, and the policy has no value"}),
		}},
		{Container: at("refused"), Identity: policy.Identity{Pod: "a \"quoted\"\\\n\x1b[31m\xff pod"}, Netns: 4026532001, Keys: []audit.Key{
			key(audit.Refused, "", "", policy.Decision{Key: "net/ipv4/tcp_keepalive_intvl", Verdict: policy.Refuse, Door: policy.Annotation, Ask: "11", Reason: `the policy enforces "10"`}),
			key(audit.Refused, "", "", policy.Decision{Verdict: policy.Refuse, Door: policy.Annotation, Ask: "1", Reason: `the annotation "oci-sysctl-hook/a": not a sysctl`}),
			key(audit.Refused, "", "", policy.Decision{Verdict: policy.Refuse, Door: policy.Annotation, Ask: "2", Reason: `the annotation "oci-sysctl-hook/b": not a sysctl`}),
			key(audit.Undecided, "", "", policy.Decision{Key: "net/ipv4/tcp_keepalive_time", Verdict: policy.Judge}),
		}},
		{Container: at("of-host"), Netns: 4026531833, HostNetwork: true, Hooked: true, Keys: []audit.Key{
			key(audit.Host, "", "", policy.Decision{Key: "net/ipv4/conf/*/rp_filter", Verdict: policy.Leave, Reason: "the container uses the host's network namespace"}),
		}},
		{Container: at("without-rules"), Netns: 4026532002},
		{Container: at("unreadable"), Err: errors.New("/run/bundles/unreadable/config.json: no such file or directory")},
	}, errors.Join(errors.New("/run/crun: permission denied"), errors.New("/run/runc/x: state.json: unexpected end")))
}

func TestAuditOutput(t *testing.T) {
	r := sampleAudit(t)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"audit-table": func(b *bytes.Buffer) error { return r.writeTable(b, false) },
		"audit-bad":   func(b *bytes.Buffer) error { return r.writeTable(b, true) },
		"audit-json":  func(b *bytes.Buffer) error { return writeJSON(b, r) },
		"audit-prom":  func(b *bytes.Buffer) error { return r.writeMetrics(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden.Check(t, name, b.String())
	}
}

func TestAuditStatus(t *testing.T) {
	one := func(status audit.Status) *auditReport {
		return newAuditReport([]audit.Container{{Keys: []audit.Key{{Status: status}}}}, nil)
	}
	for _, test := range []struct {
		report *auditReport
		want   int
	}{
		{newAuditReport(nil, nil), exitDone},
		{one(audit.OK), exitDone}, {one(audit.Host), exitDone}, {one(audit.Undecided), exitDone},
		{one(audit.Drift), exitFound}, {one(audit.Missing), exitFound}, {one(audit.Refused), exitFound},
		{newAuditReport([]audit.Container{{Err: errors.New("x")}}, nil), exitSystem},
		{newAuditReport(nil, errors.New("x")), exitSystem},
		{sampleAudit(t), exitFound},
	} {
		if got, _ := exitStatus(test.report.status()); got != test.want {
			t.Errorf("%+v: exit %d, want %d", test.report.Summary, got, test.want)
		}
	}
}

// The metrics must be what Prometheus reads.
func TestMetrics(t *testing.T) {
	var b bytes.Buffer
	if err := sampleAudit(t).writeMetrics(&b); err != nil {
		t.Fatal(err)
	}
	got := runWith("check", "--no-kernel", "-o", "prom", "--policy-dir", "testdata/policy")
	b.WriteString(got.stdout)
	planned := &planReport{Bundle: "/run/\"b\"\n", Decisions: []decision{{Verdict: "set"}, {Verdict: "set"}, {Verdict: "leave"}, {Verdict: "refuse"}}}
	if err := planned.writeMetrics(&b); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&b)
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]bool{}
	values := map[string]float64{}
	for name, family := range families {
		if family.GetHelp() == "" || family.GetType().String() != "GAUGE" {
			t.Errorf("%s: help %q, type %v", name, family.GetHelp(), family.GetType())
		}
		for _, metric := range family.GetMetric() {
			id := name
			for _, l := range metric.GetLabel() {
				id += "," + l.GetName() + "=" + l.GetValue()
			}
			if series[id] {
				t.Errorf("%s comes twice", id)
			}
			series[id] = true
			values[id] = metric.GetGauge().GetValue()
		}
	}
	const bad = "oci_sysctl_audit_bad_sysctl"
	for id, want := range map[string]float64{
		"oci_sysctl_audit_containers":                                     5,
		"oci_sysctl_audit_host_network_containers":                        1,
		"oci_sysctl_audit_unhooked_containers":                            2,
		"oci_sysctl_audit_unreadable_containers":                          1,
		"oci_sysctl_audit_errors":                                         2,
		"oci_sysctl_audit_sysctls,status=ok":                              3,
		"oci_sysctl_audit_sysctls,status=refused":                         3,
		"oci_sysctl_check_findings,severity=problem":                      2,
		"oci_sysctl_plan_decisions,bundle=/run/\"b\"\n,verdict=set":       2,
		"oci_sysctl_plan_decisions,bundle=/run/\"b\"\n,verdict=leave":     1,
		"oci_sysctl_plan_decisions,bundle=/run/\"b\"\n,verdict=refuse":    1,
		"oci_sysctl_plan_decisions,bundle=/run/\"b\"\n,verdict=undecided": 0,
		"oci_sysctl_plan_refused,bundle=/run/\"b\"\n":                     1,
		"oci_sysctl_plan_starts,bundle=/run/\"b\"\n":                      0,
		bad + ",id=0123456789abcdefcdefcdefcdefcdefcdefcdefcdefcdefcdefcdefcdefcdef,pod_namespace=payments,pod=till-0,container=app,sysctl=net.ipv4.tcp_keepalive_time,status=drift": 1,
		bad + ",id=refused,pod_namespace=,pod=a \"quoted\"\\\n?[31m? pod,container=,sysctl=,status=refused":                                                                          2,
	} {
		if diff := cmp.Diff(want, values[id]); diff != "" || !series[id] {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
	}
}

// What is written must be as it is documented.
func TestOutputSchema(t *testing.T) {
	s := schema(t, "../../docs/output.schema.json")
	var b bytes.Buffer
	if err := writeJSON(&b, sampleAudit(t)); err != nil {
		t.Fatal(err)
	}
	bundle := bundleWith(t, `{"annotations": {"oci-sysctl-hook/x": "y"}, "linux": {"namespaces": [{"type": "network", "path": "/no/such"}], "sysctl": {"net.ipv4.tcp_ecn": "0"}}}`)
	other := bundleWith(t, `{"linux": {"namespaces": [{"type": "network", "path": "/no/such"}]}}`)
	var proven bytes.Buffer
	check := &checkReport{header: newHeader("check"), Files: []string{"a"}, Findings: []finding{}, Proof: &kernelProof{Kernel: "Linux", Values: 3}}
	if err := check.write(&proven, "json"); err != nil {
		t.Fatal(err)
	}
	documents := map[string]string{
		"check proven":     proven.String(),
		"audit":            b.String(),
		"audit of nothing": runWith("audit", "-o", "json", "--policy-dir", "testdata/policy", "--state-root", t.TempDir()).stdout,
		"check":            runWith("check", "-o", "json", "--no-kernel", "--policy-dir", "testdata/policy").stdout,
		"check of nothing": runWith("check", "-o", "json", "--no-kernel", "--policy-dir", t.TempDir()).stdout,
		"plan refused":     runWith("plan", "-o", "json", "--policy-dir", "testdata/policy", bundle).stdout,
		"plan not looked":  runWith("plan", "-o", "json", "--policy-dir", "testdata/policy", other).stdout,
		"plan of nothing":  runWith("plan", "-o", "json", "--policy-dir", t.TempDir(), other).stdout,
	}
	for name, document := range documents {
		if err := validateJSON(s, []byte(document)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, document)
		}
	}
	for name, spoil := range map[string]func(map[string]any){
		"another version": func(d map[string]any) { d["version"] = 2 },
		"another report":  func(d map[string]any) { d["report"] = "x" },
		"no containers":   func(d map[string]any) { delete(d, "containers") },
		"another status": func(d map[string]any) {
			d["containers"].([]any)[0].(map[string]any)["keys"].([]any)[0].(map[string]any)["status"] = "x"
		},
	} {
		var document map[string]any
		if err := json.Unmarshal(b.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		spoil(document)
		data, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if validateJSON(s, data) == nil {
			t.Errorf("the schema takes %s", name)
		}
	}
}
