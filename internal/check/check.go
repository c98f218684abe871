// Package check looks for what is wrong with a policy although it can be
// loaded: by reading it, and by trying it on this kernel.
package check

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// Severity is how bad a finding is.
type Severity string

// A problem is to be corrected. A warning is likely a mistake. A note is what
// one should know.
const (
	Problem Severity = "problem"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Finding is something to be said about a place in a policy. Line and Column
// are 0 where it is about the whole file.
type Finding struct {
	Severity Severity
	File     string
	Line     int
	Column   int
	Rule     string
	Key      sysctl.Key
	Message  string
}

// String is the finding on one line, as compilers print theirs.
func (f *Finding) String() string {
	at := f.File
	if f.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	return fmt.Sprintf("%s: %s: %s", at, f.Severity, f.Message)
}

func about(s *policy.Setting, severity Severity, format string, args ...any) Finding {
	return Finding{
		Severity: severity, File: s.At.File(), Line: s.At.Line(), Column: s.At.Column(), Rule: s.Rule.Name, Key: s.Key,
		Message: fmt.Sprintf("%s: %s", s.Key, fmt.Sprintf(format, args...)),
	}
}

func aboutRule(r *policy.Rule, severity Severity, format string, args ...any) Finding {
	return Finding{
		Severity: severity, File: r.At.File(), Line: r.At.Line(), Column: r.At.Column(), Rule: r.Name,
		Message: fmt.Sprintf("rule %q: %s", r.Name, fmt.Sprintf(format, args...)),
	}
}

// LoadProblems are the findings of a policy that can't be loaded.
func LoadProblems(err error) []Finding {
	var failed *policy.LoadError
	if !errors.As(err, &failed) {
		return []Finding{{Severity: Problem, Message: err.Error()}}
	}
	findings := make([]Finding, len(failed.Problems))
	for i, p := range failed.Problems {
		findings[i] = Finding{Severity: Problem, File: p.File, Line: p.Line, Column: p.Column, Message: p.Message}
	}
	return findings
}

// Sort sorts findings by where they are.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Rules reads the rules and finds what can be told without a kernel.
func Rules(p *policy.Policy) []Finding {
	var findings []Finding
	for _, rule := range p.Rules {
		findings = append(findings, neverMatches(rule)...)
		findings = append(findings, deadAnnotations(rule)...)
		for _, s := range rule.Settings {
			findings = append(findings, contradictsItself(s)...)
			findings = append(findings, dodgeable(s)...)
		}
	}
	findings = append(findings, loosened(p.Rules)...)
	return append(findings, shadowed(p.Rules)...)
}

// contradictsItself finds a value that its own bounds would refuse.
func contradictsItself(s *policy.Setting) []Finding {
	if !s.HasValue {
		return nil
	}
	if err := s.Allows(s.Value); err != nil {
		return []Finding{about(s, Problem, "its value %q is outside its own bounds: %v", s.Value, err)}
	}
	return nil
}

// dodgeable finds what is enforced only on containers whose author agrees: a
// pod's author writes its annotations.
func dodgeable(s *policy.Setting) []Finding {
	if s.Override.Kind != policy.OverrideNone || len(s.Rule.When.Annotations) == 0 {
		return nil
	}
	return []Finding{about(s, Warning, "it is enforced, but on containers with certain annotations only: their authors can leave these out")}
}
