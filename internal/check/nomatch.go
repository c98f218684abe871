package check

import (
	"regexp"
	"regexp/syntax"
	"slices"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// deadAnnotations finds expressions that match no text, such as a^. All of a
// rule's must match, so the rule matches no container.
func deadAnnotations(rule *policy.Rule) []Finding {
	var findings []Finding
	for _, match := range rule.When.Annotations {
		for _, expression := range []*regexp.Regexp{match.Name, match.Value} {
			if matchesNothing(expression.String()) {
				findings = append(findings, aboutRule(rule, Problem, "the annotation's expression %q matches no text, so the rule matches no container", expression))
			}
		}
	}
	return findings
}

// matchesNothing may say no where the truth is yes, never the reverse.
func matchesNothing(expression string) bool {
	re, err := syntax.Parse(expression, syntax.Perl)
	return err == nil && never(re.Simplify())
}

func never(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch:
		return true
	case syntax.OpCharClass:
		return len(re.Rune) == 0
	case syntax.OpCapture, syntax.OpPlus:
		return never(re.Sub[0])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(part *syntax.Regexp) bool { return !never(part) })
	case syntax.OpConcat:
		return slices.ContainsFunc(re.Sub, never) || misplaced(re.Sub)
	}
	return false
}

// misplaced reports whether a character must come before the text's beginning,
// or after its end.
func misplaced(parts []*syntax.Regexp) bool {
	for i, part := range parts {
		if part.Op == syntax.OpBeginText && slices.ContainsFunc(parts[:i], takesChar) ||
			part.Op == syntax.OpEndText && slices.ContainsFunc(parts[i:], takesChar) {
			return true
		}
	}
	return false
}

// takesChar reports whether every match has a character.
func takesChar(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return takesChar(re.Sub[0])
	case syntax.OpConcat:
		return slices.ContainsFunc(re.Sub, takesChar)
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(part *syntax.Regexp) bool { return !takesChar(part) })
	}
	return false
}
