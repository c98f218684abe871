package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/audit"
)

// metrics writes Prometheus' text format, version 0.0.4, for node_exporter's
// textfile collector.
type metrics struct {
	w   io.Writer
	err error // the first of writing
}

// label is a label's name and value.
type label struct{ name, value string }

// gauge begins a metric family; its samples must follow.
func (m *metrics) gauge(name, help string) {
	m.printf("# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

func (m *metrics) sample(name string, value float64, labels ...label) {
	pairs := make([]string, len(labels))
	for i, l := range labels {
		pairs[i] = l.name + `="` + escapeLabel.Replace(shown(l.value)) + `"`
	}
	if len(pairs) > 0 {
		name += "{" + strings.Join(pairs, ",") + "}"
	}
	m.printf("%s %v\n", name, value)
}

// shown is the value without what would rule a terminal.
func shown(value string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(value, "?"))
}

// escapeLabel escapes what the format gives a meaning in a label's value.
var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (m *metrics) printf(format string, args ...any) {
	if m.err != nil {
		return
	}
	if _, err := fmt.Fprintf(m.w, format, args...); err != nil {
		m.err = exit(exitSystem, err)
	}
}

func (r *auditReport) writeMetrics(w io.Writer) error {
	m := &metrics{w: w}
	for _, g := range []struct {
		name, help string
		value      int
	}{
		{"oci_sysctl_audit_containers", "Containers that run on this node.", r.Summary.Containers},
		{"oci_sysctl_audit_host_network_containers", "Containers that use the host's network.", r.Summary.HostNetwork},
		{"oci_sysctl_audit_unhooked_containers", "Containers that started without the hook.", r.Summary.Unhooked},
		{"oci_sysctl_audit_unreadable_containers", "Containers that could not be looked at.", r.Summary.Unreadable},
		{"oci_sysctl_audit_errors", "Places where containers could not be looked for.", len(r.Errors)},
	} {
		m.gauge(g.name, g.help)
		m.sample(g.name, float64(g.value))
	}
	const sysctls = "oci_sysctl_audit_sysctls"
	m.gauge(sysctls, "Sysctls of containers that the policy decides on, by how they stand.")
	for _, status := range audit.Statuses() {
		m.sample(sysctls, float64(r.Summary.Keys[status]), label{"status", string(status)})
	}
	r.writeBad(m)
	const took = "oci_sysctl_audit_duration_seconds"
	m.gauge(took, "How long the audit took.")
	m.sample(took, r.TookSeconds)
	return m.err
}

// writeBad writes a sample for each sysctl that is not as the policy says. Two
// containers may share an ID, in two runtimes; a series must not come twice.
func (r *auditReport) writeBad(m *metrics) {
	const badSysctl = "oci_sysctl_audit_bad_sysctl"
	m.gauge(badSysctl, "Sysctls of a container that are not as the policy says.")
	type series struct {
		identity
		id, sysctl, status string
	}
	count := map[series]int{}
	var order []series
	for _, c := range r.Containers {
		for _, k := range c.Keys {
			s := series{c.identity, c.ID, k.Key, string(k.Status)}
			if !k.Status.Bad() {
				continue
			}
			if count[s]++; count[s] == 1 {
				order = append(order, s)
			}
		}
	}
	for _, s := range order {
		m.sample(badSysctl, float64(count[s]), label{"id", s.id}, label{"pod_namespace", s.PodNamespace}, label{"pod", s.Pod},
			label{"container", s.Container}, label{"sysctl", s.sysctl}, label{"status", s.status})
	}
}

// writeMetrics labels the samples with the bundle: the plans of several may be
// collected side by side.
func (r *planReport) writeMetrics(w io.Writer) error {
	m := &metrics{w: w}
	bundle, count := label{"bundle", r.Bundle}, r.verdicts()
	const decisions = "oci_sysctl_plan_decisions"
	m.gauge(decisions, "Sysctls that the policy decides on for a container, by what the hook would do.")
	for _, verdict := range []string{"set", "leave", "refuse", "undecided"} {
		m.sample(decisions, float64(count[verdict]), bundle, label{"verdict", verdict})
	}
	const refused = "oci_sysctl_plan_refused"
	m.gauge(refused, "Whether the policy refuses the container.")
	m.sample(refused, oneIf(count["refuse"] > 0), bundle)
	const starts = "oci_sysctl_plan_starts"
	m.gauge(starts, "Whether the hook would let the container start, as far as can be told.")
	m.sample(starts, oneIf(r.Starts), bundle)
	return m.err
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
