package check

import (
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// loosened finds settings that a container's author can choose to have instead
// of an enforced one: their rule depends on annotations or container names,
// which the author writes, and they count rather than the enforced setting.
func loosened(rules []*policy.Rule) []Finding {
	var findings []Finding
	for i, rule := range rules {
		if len(rule.When.Annotations) == 0 && rule.When.Containers == nil {
			continue
		}
		for _, s := range rule.Settings {
			if e := enforcedInstead(s, rules, i); e != nil {
				findings = append(findings, about(s, Warning, "it loosens what rule %q (%s) enforces, for containers whose author writes the annotation or name that this rule wants", e.Rule.Name, e.At))
			}
		}
	}
	return findings
}

// enforcedInstead returns an enforced setting, of a rule that matches what rule
// n matches without what an author chooses, that s counts instead of.
func enforcedInstead(s *policy.Setting, rules []*policy.Rule, n int) *policy.Setting {
	if s.Override.Kind == policy.OverrideNone {
		return nil
	}
	unchosen := policy.When{PodNamespaces: s.Rule.When.PodNamespaces}
	for i, rule := range rules {
		if !includes(&rule.When, &unchosen) {
			continue
		}
		for _, e := range rule.Settings {
			moreExact := s.Key.Wildcards() < e.Key.Wildcards()
			later := s.Key.Wildcards() == e.Key.Wildcards() && n > i
			if e.Override.Kind == policy.OverrideNone && e.Key.Matches(s.Key) && (moreExact || later) {
				return e
			}
		}
	}
	return nil
}
