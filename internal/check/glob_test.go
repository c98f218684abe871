package check

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatchesLabel(t *testing.T) {
	for glob, want := range map[string]bool{
		"":                       true, // a container without a pod
		"*":                      true,
		"payments":               true,
		"payments-*":             true,
		"*-eu":                   true,
		"-eu":                    false,
		"payments-":              false,
		"pay?ents":               true,
		"a-?":                    true,
		"?-a":                    true,
		"Payments":               false,
		"pay_ments":              false,
		"pay.ments*":             false,
		"[A-Z]*":                 false,
		"[A-Za]*":                true,
		"[^a-z0-9]*":             false, // a label begins with a letter or a digit
		"a[^a-z0-9]b":            true,
		`\a`:                     true,
		`\*`:                     false,
		"é":                      false,
		"*é*":                    false,
		"a/b":                    false,
		"kube-system":            true,
		"[k]ube-s[xy]*":          true,
		"[-]":                    false,
		strings.Repeat("a", 63):  true,
		strings.Repeat("a", 64):  false,
		strings.Repeat("?", 64):  false,
		strings.Repeat("*?", 63): true,
	} {
		if got := matchesLabel(glob); got != want {
			t.Errorf("%q: %t, want %t", glob, got, want)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"*", "", true}, {"*", "a*", true}, {"*", "*", true}, {"a*", "a", true}, {"a*", "a?b*", true},
		{"a*", "ab", true}, {"?", "a", true}, {"?", "[ab]", true}, {"[a-c]", "b", true}, {"[a-c]", "[a-c]", true},
		{"a*b*c", "aXbYc", true}, {"*b*", "a*b*c", true}, {`\a`, "a", true}, {"a", `\a`, true},
		{"a", "a*", false}, {"?", "", false}, {"?", "*", false}, {"a?", "a*", false}, {"a", "b", false}, {"", "a", false},
		{"[a-c]", "?", false}, {"[a-c]", "d", false}, {"[a-c]", "[a-b]", false}, {"a*b", "a*", false},
	} {
		if got := covers(test.a, test.b); got != test.want {
			t.Errorf("covers(%q, %q) is %t, want %t", test.a, test.b, got, test.want)
		}
	}
}

// glob draws valid globs over a small alphabet, so that they often match.
func glob(t *rapid.T, name string) string {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "-", "*", "?", "[ab]", "[^a]", `\a`, "A"}), 0, 5).Draw(t, name)
	return strings.Join(parts, "")
}

// If one glob covers another, it matches all that the other matches.
func TestCoversIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := glob(t, "a"), glob(t, "b")
		text := rapid.StringMatching("[ab-]{0,6}").Draw(t, "text")
		inA, _ := path.Match(a, text)
		inB, _ := path.Match(b, text)
		if covers(a, b) && inB && !inA {
			t.Errorf("%q covers %q, but does not match %q", a, b, text)
		}
	})
}

var label = regexp.MustCompile(`^([ab]([ab-]*[ab])?)?$`)

// shortLabels are all labels over two letters that are short.
var shortLabels = slices.DeleteFunc(words("ab-", 6), func(word string) bool { return !label.MatchString(word) })

func words(alphabet string, length int) []string {
	all := []string{""}
	for last := all; length > 0; length-- {
		var next []string
		for _, word := range last {
			for _, c := range alphabet {
				next = append(next, word+string(c))
			}
		}
		all, last = append(all, next...), next
	}
	return all
}

// A short glob matches a label if and only if it matches a short one.
func TestMatchesLabelIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := glob(t, "glob")
		want := slices.ContainsFunc(shortLabels, func(text string) bool {
			ok, _ := path.Match(g, text)
			return ok
		})
		if got := matchesLabel(g); got != want {
			t.Errorf("%q: %t, want %t", g, got, want)
		}
	})
}
