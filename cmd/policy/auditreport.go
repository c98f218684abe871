package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/audit"
)

// auditReport is the output of audit. docs/output.schema.json describes it.
type auditReport struct {
	header
	Containers  []auditContainer `json:"containers"`
	Errors      []string         `json:"errors,omitempty"` // places where containers could not be looked for
	Summary     auditSummary     `json:"summary"`
	TookSeconds float64          `json:"took_seconds"`
}

type auditContainer struct {
	identity
	ID          string     `json:"id"`
	Runtime     string     `json:"runtime"`
	Bundle      string     `json:"bundle"`
	Pid         int        `json:"pid"`
	Netns       uint64     `json:"netns,omitempty"`
	HostNetwork bool       `json:"host_network"`
	Hooked      bool       `json:"hooked"`
	Error       string     `json:"error,omitempty"`
	Keys        []auditKey `json:"keys"`
}

type auditKey struct {
	Status audit.Status `json:"status"`
	Want   *string      `json:"want,omitempty"`
	decision
}

// auditSummary counts containers and sysctls.
type auditSummary struct {
	Containers  int                  `json:"containers"`
	HostNetwork int                  `json:"host_network"`
	Unhooked    int                  `json:"unhooked"`
	Unreadable  int                  `json:"unreadable"`
	Keys        map[audit.Status]int `json:"keys"`
}

// Bad counts what is not as the policy says.
func (s *auditSummary) Bad() (n int) {
	for status, count := range s.Keys {
		if status.Bad() {
			n += count
		}
	}
	return n
}

func newAuditReport(containers []audit.Container, listErr error) *auditReport {
	r := &auditReport{header: newHeader("audit"), Containers: []auditContainer{}}
	r.Summary.Keys = map[audit.Status]int{}
	for _, status := range audit.Statuses() {
		r.Summary.Keys[status] = 0
	}
	for i := range containers {
		r.add(&containers[i])
	}
	if listErr != nil {
		r.Errors = strings.Split(listErr.Error(), "\n") // errors.Join's lines
	}
	return r
}

func (r *auditReport) add(c *audit.Container) {
	out := auditContainer{
		identity: newIdentity(c.Identity), ID: c.ID, Runtime: c.Runtime, Bundle: c.Bundle, Pid: c.Pid,
		Netns: c.Netns, HostNetwork: c.HostNetwork, Hooked: c.Hooked, Keys: []auditKey{},
	}
	r.Summary.Containers++
	switch {
	case c.Err != nil:
		out.Error = c.Err.Error()
		r.Summary.Unreadable++
	case c.HostNetwork:
		r.Summary.HostNetwork++
	}
	if c.Err == nil && !c.Hooked {
		r.Summary.Unhooked++
	}
	for _, k := range c.Keys {
		key := auditKey{decision: newDecision(k.Decision), Status: k.Status}
		if k.Wanted {
			key.Want = &k.Want
		}
		out.Keys = append(out.Keys, key)
		r.Summary.Keys[k.Status]++
	}
	r.Containers = append(r.Containers, out)
}

func (r *auditReport) writeTable(w io.Writer, badOnly bool) error {
	t := newTable(w, column{title: "  SYSCTL"}, column{title: "POLICY"}, column{title: "NOW"}, column{title: "STATUS"},
		column{title: "RULE", prose: true})
	for i := range r.Containers {
		r.Containers[i].addTo(t, badOnly)
	}
	t.print()
	for _, problem := range r.Errors {
		t.note("Not looked at: %s.", problem)
	}
	t.note("%s", r.Summary.String())
	return t.err
}

// addTo adds a line for the container and a row for each sysctl.
func (c *auditContainer) addTo(t *table, badOnly bool) {
	var keys []*auditKey
	for i := range c.Keys {
		if k := &c.Keys[i]; !badOnly || k.Status.Bad() {
			keys = append(keys, k)
		}
	}
	if badOnly && len(keys) == 0 && c.Error == "" {
		return
	}
	t.across(0, c.title())
	for _, k := range keys {
		t.add(plain("  "+k.Key), plain(optional(k.Want)), plain(k.now()), styled(statusStyle(k.Status), string(k.Status)), plain(k.rule()))
		if note := k.note(); note != "" {
			t.across(4, plain(note))
		}
	}
}

// name is the pod's and the container's name and the ID; of one that engines
// make up, as much as they show themselves.
func (c *auditContainer) name() string {
	const made, shown = 64, 12
	id := c.ID
	if len(id) == made {
		id = id[:shown]
	}
	if who := c.identity.String(); who != "" {
		return who + " " + id
	}
	return id
}

// title is the container and what is to be said about it as a whole.
func (c *auditContainer) title() cell {
	if c.Error != "" {
		return styled(bad, c.name()+": not looked at: "+c.Error)
	}
	var notes []string
	if len(c.Keys) == 0 {
		notes = append(notes, "no rule is for it")
	}
	if c.HostNetwork {
		notes = append(notes, "on the host's network")
	}
	if !c.Hooked {
		notes = append(notes, "started without the hook")
	}
	if notes == nil {
		return styled(heading, c.name())
	}
	return styled(heading, c.name()+": "+strings.Join(notes, ", "))
}

// rule is the rule's name; where it stands is in the JSON.
func (k *auditKey) rule() string {
	if k.Rule == nil {
		return ""
	}
	return k.Rule.Name
}

// note is why the status is what it is, where that does not go without saying.
func (k *auditKey) note() string {
	switch {
	case k.Door != "":
		return k.asked() + ": " + k.reason()
	case k.Warning != "" || k.Key == "":
		return k.reason()
	}
	return ""
}

func statusStyle(s audit.Status) style {
	switch {
	case s.Bad():
		return bad
	case s == audit.OK:
		return good
	case s == audit.Undecided:
		return doubtful
	}
	return neutral
}

func (s *auditSummary) String() string {
	text := fmt.Sprintf("%s, %d on the host's network, %d started without the hook; %s: %d ok",
		count(s.Containers, "container"), s.HostNetwork, s.Unhooked, count(s.total(), "sysctl"), s.Keys[audit.OK])
	for _, status := range audit.Statuses()[1:] {
		if n := s.Keys[status]; n > 0 || status == audit.Drift {
			text += fmt.Sprintf(", %d %s", n, status)
		}
	}
	if s.Unreadable > 0 {
		text += fmt.Sprintf("; %s could not be looked at", count(s.Unreadable, "container"))
	}
	return text + "."
}

func (s *auditSummary) total() (n int) {
	for _, count := range s.Keys {
		n += count
	}
	return n
}
