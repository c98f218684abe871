package main

import (
	"fmt"
	"io"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/check"
)

// checkReport is the output of check. docs/output.schema.json describes it.
type checkReport struct {
	header
	Files     []string     `json:"files"`
	Rules     int          `json:"rules"`
	Sysctls   int          `json:"sysctls"`
	Findings  []finding    `json:"findings"`
	Proof     *kernelProof `json:"proof,omitempty"`
	NotProven string       `json:"not_proven,omitempty"`
	Summary   checkSummary `json:"summary"`
}

type finding struct {
	Severity check.Severity `json:"severity"`
	File     string         `json:"file"`
	Line     int            `json:"line,omitempty"`
	Column   int            `json:"column,omitempty"`
	Rule     string         `json:"rule,omitempty"`
	Key      string         `json:"key,omitempty"`
	Message  string         `json:"message"`
}

// kernelProof is what was tried on which kernel.
type kernelProof struct {
	Kernel   string `json:"kernel"`
	Values   int    `json:"values"`
	Patterns int    `json:"patterns"`        // that can't be proven
	Pairs    int    `json:"pairs,omitempty"` // of rules, not tried together
}

type checkSummary struct {
	Problems int `json:"problems"`
	Warnings int `json:"warnings"`
	Notes    int `json:"notes"`
}

func (r *checkReport) add(f check.Finding) {
	r.Findings = append(r.Findings, finding{
		Severity: f.Severity, File: f.File, Line: f.Line, Column: f.Column, Rule: f.Rule, Key: f.Key.String(), Message: f.Message,
	})
	switch f.Severity {
	case check.Problem:
		r.Summary.Problems++
	case check.Warning:
		r.Summary.Warnings++
	case check.Note:
		r.Summary.Notes++
	}
}

func (r *checkReport) write(w io.Writer, format string) error {
	switch format {
	case "json":
		return writeJSON(w, r)
	case "prom":
		return r.writeMetrics(w)
	}
	return r.writeLines(w)
}

// writeLines writes a line for each finding, as compilers do and editors and CI
// read it.
func (r *checkReport) writeLines(w io.Writer) error {
	t := newTable(w)
	for _, f := range r.Findings {
		t.line(plain(f.position()+": "), styled(severityStyle(f.Severity), string(f.Severity)), plain(": "+f.Message))
	}
	t.note("%s", r.String())
	return t.err
}

func (f *finding) position() string {
	if f.Line == 0 {
		return f.File
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// String is the summary.
func (r *checkReport) String() string {
	text := fmt.Sprintf("%s, %s, %s: %s, %s, %s. ",
		count(len(r.Files), "file"), count(r.Rules, "rule"), count(r.Sysctls, "sysctl"),
		count(r.Summary.Problems, "problem"), count(r.Summary.Warnings, "warning"), count(r.Summary.Notes, "note"))
	if r.Proof == nil {
		return text + "Not proven: " + r.NotProven + "."
	}
	text += fmt.Sprintf("%s tried on %s", count(r.Proof.Values, "value"), r.Proof.Kernel)
	if r.Proof.Patterns > 0 {
		text += fmt.Sprintf("; %s can't be proven", count(r.Proof.Patterns, "pattern"))
	}
	if r.Proof.Pairs > 0 {
		text += fmt.Sprintf("; %s of rules not tried together, there are too many", count(r.Proof.Pairs, "pair"))
	}
	return text + "."
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func severityStyle(s check.Severity) style {
	switch s {
	case check.Problem:
		return bad
	case check.Warning:
		return doubtful
	}
	return neutral
}

func (r *checkReport) writeMetrics(w io.Writer) error {
	m := &metrics{w: w}
	const findings = "oci_sysctl_check_findings"
	m.gauge(findings, "What is to be said about the policy, by severity.")
	m.sample(findings, float64(r.Summary.Problems), label{"severity", string(check.Problem)})
	m.sample(findings, float64(r.Summary.Warnings), label{"severity", string(check.Warning)})
	m.sample(findings, float64(r.Summary.Notes), label{"severity", string(check.Note)})
	const values = "oci_sysctl_check_proven_values"
	m.gauge(values, "Values that were tried on this kernel.")
	proven := 0
	if r.Proof != nil {
		proven = r.Proof.Values
	}
	m.sample(values, float64(proven))
	return m.err
}
