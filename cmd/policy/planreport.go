package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/plan"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// planReport is the output of plan. docs/output.schema.json describes it.
type planReport struct {
	header
	identity
	ID        string     `json:"id,omitempty"` // of a container that runs
	Bundle    string     `json:"bundle"`
	Starts    bool       `json:"starts"`               // as far as the hook is concerned
	NotLooked string     `json:"not_looked,omitempty"` // why the namespaces were not looked at
	Decisions []decision `json:"decisions"`
}

// identity is whose a container is, where that is known.
type identity struct {
	PodNamespace string `json:"pod_namespace,omitempty"`
	Pod          string `json:"pod,omitempty"`
	Container    string `json:"container,omitempty"`
}

func newIdentity(id policy.Identity) identity {
	return identity{PodNamespace: id.PodNamespace, Pod: id.Pod, Container: id.Container}
}

// String is NAMESPACE/POD/CONTAINER, of what is known.
func (i identity) String() string {
	var known []string
	for _, name := range []string{i.PodNamespace, i.Pod, i.Container} {
		if name != "" {
			known = append(known, name)
		}
	}
	return strings.Join(known, "/")
}

func newPlanReport(t *target, p *plan.Plan) *planReport {
	r := &planReport{
		header: newHeader("plan"), identity: newIdentity(p.Identity), Bundle: t.bundle,
		Starts: !p.Refused(), Decisions: []decision{},
	}
	if t.container != nil {
		r.ID = t.container.ID
	}
	if p.Unseen != nil {
		r.NotLooked = p.Unseen.Error()
	}
	for _, d := range p.Decisions {
		out := newDecision(d)
		switch {
		case d.Verdict == policy.Judge && p.Refused():
			out.Reason = "the container is refused before this is looked at"
		case d.Verdict == policy.Set && d.Absent && d.Setting.Optional:
			out.Reason = "optional, and this kernel has no such sysctl there"
		case d.Verdict == policy.Set && d.Absent:
			out.Reason, r.Starts = "this kernel has no such sysctl there: the hook would stop the container", false
		}
		r.Decisions = append(r.Decisions, out)
	}
	for _, pattern := range p.Patterns {
		r.Decisions = append(r.Decisions, decision{
			Key: pattern.String(), Verdict: "undecided", Reason: "depends on which sysctls the namespace has",
		})
	}
	return r
}

func (r *planReport) write(w io.Writer, format string) error {
	switch format {
	case "json":
		return writeJSON(w, r)
	case "prom":
		return r.writeMetrics(w)
	}
	return r.writeTable(w)
}

func (r *planReport) writeTable(w io.Writer) error {
	t := newTable(w, column{title: "SYSCTL"}, column{title: "DECISION"}, column{title: "VALUE"}, column{title: "NOW"},
		column{title: "ASKED FOR", prose: true})
	for _, d := range r.Decisions {
		t.add(plain(d.Key), styled(verdictStyle(d), d.Verdict), plain(optional(d.Value)), plain(d.now()), plain(d.asked()))
		t.across(4, plain(d.reason()))
	}
	t.note("%s", r.subject())
	if r.NotLooked != "" {
		t.note("Not looked at: %s.", r.NotLooked)
	}
	t.print()
	t.note("%s", r.summary())
	return t.err
}

func (r *planReport) subject() string {
	subject := "Bundle " + r.Bundle
	if r.ID != "" {
		subject = "Container " + r.ID + ", bundle " + r.Bundle
	}
	if who := r.identity.String(); who != "" {
		subject += ", " + who
	}
	return subject + "."
}

func (r *planReport) summary() string {
	count := r.verdicts()
	end := "the container may start"
	switch {
	case !r.Starts:
		end = "the container would not start"
	case r.NotLooked != "":
		end = "the container may start, as far as can be told"
	}
	if len(r.Decisions) == 0 {
		return "No rule is for this container: " + end + "."
	}
	return fmt.Sprintf("%d to set, %d to leave, %d refused, %d undecided: %s.",
		count["set"], count["leave"], count["refuse"], count["undecided"], end)
}

// verdicts counts the decisions.
func (r *planReport) verdicts() map[string]int {
	count := map[string]int{}
	for _, d := range r.Decisions {
		count[d.Verdict]++
	}
	return count
}

func verdictStyle(d decision) style {
	switch {
	case d.Verdict == "refuse":
		return bad
	case d.Warning != "" || d.Verdict == "undecided":
		return doubtful
	case d.Verdict == "set":
		return good
	}
	return neutral
}

func (d *decision) now() string {
	if d.Absent {
		return "(none)"
	}
	return optional(d.Now)
}

func (d *decision) asked() string {
	if d.Door == "" {
		return ""
	}
	return fmt.Sprintf("%s by %s", optional(d.Ask), d.Door)
}

// reason is why, with the rule that it comes from.
func (d *decision) reason() string {
	text := d.Reason
	if d.Rule != nil {
		text += fmt.Sprintf("; rule %q, %s:%d", d.Rule.Name, d.Rule.File, d.Rule.Line)
	}
	if d.Warning != "" {
		text += "; warning: " + d.Warning
	}
	return text
}

func optional(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
