package check

import (
	"path"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// The names of Kubernetes' namespaces and of containers are labels as RFC 1123
// has them.
const (
	labelEnds  = "abcdefghijklmnopqrstuvwxyz0123456789"
	labelChars = labelEnds + "-"
	maxLabel   = 63
)

// neverMatches finds globs that no name can match. One is dead; if all of a
// list are, so is the rule.
func neverMatches(rule *policy.Rule) []Finding {
	var findings []Finding
	for _, list := range []struct {
		name  string
		globs []string
	}{
		{"pod_namespaces", rule.When.PodNamespaces},
		{"containers", rule.When.Containers},
	} {
		dead := 0
		for _, glob := range list.globs {
			if matchesLabel(glob) {
				continue
			}
			dead++
			findings = append(findings, aboutRule(rule, Problem,
				"%s %q matches no name that Kubernetes allows (lower-case letters, digits and '-', at most %d)", list.name, glob, maxLabel))
		}
		if dead > 1 && dead == len(list.globs) {
			findings = append(findings, aboutRule(rule, Problem, "it matches no container at all"))
		}
	}
	return findings
}

// matchesLabel reports whether the glob matches the empty name, which
// containers without a pod have, or any label.
func matchesLabel(glob string) bool {
	if ok, err := path.Match(glob, ""); ok && err == nil {
		return true
	}
	tokens := globTokens(glob)
	// ends[n] tells how labels of some length can end that the first n tokens
	// match.
	ends := make([]ending, len(tokens)+1)
	ends[0] = ending{empty: true}
	for range maxLabel + 1 {
		ends = skipStars(tokens, ends)
		if ends[len(tokens)].alnum {
			return true
		}
		ends = step(tokens, ends)
	}
	return false
}

// ending tells which kinds of prefixes of a label there are: none yet, those
// that may be a whole label, those that need more.
type ending struct{ empty, alnum, hyphen bool }

func (e *ending) add(other ending) {
	e.empty = e.empty || other.empty
	e.alnum = e.alnum || other.alnum
	e.hyphen = e.hyphen || other.hyphen
}

// skipStars lets stars match nothing more.
func skipStars(tokens []string, ends []ending) []ending {
	for n, token := range tokens {
		if token == "*" {
			ends[n+1].add(ends[n])
		}
	}
	return ends
}

// step adds a character to the prefixes.
func step(tokens []string, ends []ending) []ending {
	next := make([]ending, len(ends))
	for n, token := range tokens {
		from := ends[n]
		to := &next[n+1]
		if token == "*" {
			to = &next[n] // it can take more
		}
		if matchesAny(token, labelEnds) && from != (ending{}) {
			to.add(ending{alnum: true})
		}
		if matchesAny(token, "-") && (from.alnum || from.hyphen) {
			to.add(ending{hyphen: true})
		}
	}
	return next
}

func matchesAny(token, chars string) bool {
	for _, c := range chars {
		if ok, err := path.Match(token, string(c)); ok && err == nil {
			return true
		}
	}
	return false
}

// globTokens splits a valid glob of path.Match into parts that match one
// character, and stars.
func globTokens(glob string) []string {
	var tokens []string
	for glob != "" {
		n := 1
		switch glob[0] {
		case '\\':
			n = 2
		case '[':
			n = classLen(glob)
		default:
			for n < len(glob) && glob[n]&0xC0 == 0x80 { // the rest of a character of UTF-8
				n++
			}
		}
		n = min(n, len(glob))
		tokens, glob = append(tokens, glob[:n]), glob[n:]
	}
	return tokens
}

// classLen is the length of the class that the glob begins with.
func classLen(glob string) int {
	for i := 1; i < len(glob); i++ {
		switch glob[i] {
		case '\\':
			i++
		case ']':
			return i + 1
		}
	}
	return len(glob)
}

// covers reports whether every text that the glob b matches is matched by the
// glob a too. It may say no where the truth is yes, never the reverse.
func covers(a, b string) bool {
	as, bs := globTokens(a), globTokens(b)
	// covered[n] tells whether what is done of as covers the first n of bs.
	covered := make([]bool, len(bs)+1)
	covered[0] = true
	for _, token := range as {
		next := make([]bool, len(bs)+1)
		for n := range next {
			switch {
			case token == "*":
				next[n] = covered[n] || (n > 0 && next[n-1])
			case n > 0:
				next[n] = covered[n-1] && coversOne(token, bs[n-1])
			}
		}
		covered = next
	}
	return covered[len(bs)]
}

// coversOne is covers for an a that matches one character.
func coversOne(a, b string) bool {
	switch {
	case b == "*":
		return false
	case a == b || a == "?":
		return true
	case b == "?" || b[0] == '[':
		return false
	}
	ok, err := path.Match(a, strings.TrimPrefix(b, `\`))
	return ok && err == nil
}
