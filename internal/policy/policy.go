// Package policy loads policies and decides what they mean for a container.
// Decisions are made from plain values; the package reads policy files and
// nothing else.
package policy

import (
	"regexp"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// Policy is the rules of all policy files, in the order in which they were read.
type Policy struct {
	Files []string
	Rules []*Rule
}

// Rule gives some containers some sysctls.
type Rule struct {
	Name     string // as written, or the rule's position
	At       Position
	When     When
	Settings []*Setting
	WarnOnly bool // on_refusal = "warn"
}

// When tells which containers a rule is for: those that match all of what is
// given. The zero value is for every container.
type When struct {
	PodNamespaces []string // globs, as path.Match has them
	Containers    []string // globs
	Annotations   []AnnotationMatch
}

// AnnotationMatch is satisfied by an annotation whose name and value match.
// The expressions match anywhere in the text unless they are anchored.
type AnnotationMatch struct {
	Name, Value *regexp.Regexp
}

// Setting is what a rule says about a key.
type Setting struct {
	Rule     *Rule
	At       Position
	Key      sysctl.Key // may be a pattern
	Value    string     // normalized
	HasValue bool
	Optional bool // a kernel without the key is no error
	Override Override
}
