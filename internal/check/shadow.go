package check

import (
	"slices"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// shadowed finds settings that never count, since a later rule names the same
// sysctl for the same containers or for more. Within a file that is a mistake;
// between files it is what drop-in files are for.
func shadowed(rules []*policy.Rule) []Finding {
	var findings []Finding
	for i, rule := range rules {
		for _, s := range rule.Settings {
			by := shadow(s, rules[i+1:])
			switch {
			case by == nil:
			case by.At.File() == s.At.File():
				findings = append(findings, about(s, Problem, "it never counts: rule %q (%s) names it too, for at least the same containers", by.Rule.Name, by.At))
			default:
				findings = append(findings, about(s, Note, "overridden by rule %q (%s)", by.Rule.Name, by.At))
			}
		}
	}
	return findings
}

// shadow returns the last setting of the later rules that counts instead of s
// whenever s could.
func shadow(s *policy.Setting, later []*policy.Rule) *policy.Setting {
	for _, rule := range slices.Backward(later) {
		if !includes(&rule.When, &s.Rule.When) {
			continue
		}
		for _, other := range rule.Settings {
			if other.Key == s.Key {
				return other
			}
		}
	}
	return nil
}

// includes reports whether a matches every container that b matches. It may
// say no where the truth is yes, never the reverse.
func includes(a, b *policy.When) bool {
	return includesGlobs(a.PodNamespaces, b.PodNamespaces) &&
		includesGlobs(a.Containers, b.Containers) &&
		includesAnnotations(a.Annotations, b.Annotations)
}

func includesGlobs(a, b []string) bool {
	if a == nil {
		return true
	}
	if b == nil {
		b = []string{"*"}
	}
	for _, glob := range b {
		if !slices.ContainsFunc(a, func(wider string) bool { return covers(wider, glob) }) {
			return false
		}
	}
	return true
}

func includesAnnotations(a, b []policy.AnnotationMatch) bool {
	for _, match := range a {
		same := func(other policy.AnnotationMatch) bool {
			return other.Name.String() == match.Name.String() && other.Value.String() == match.Value.String()
		}
		if !slices.ContainsFunc(b, same) {
			return false
		}
	}
	return true
}
