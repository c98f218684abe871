package check

import (
	"path"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestGlobOverlaps(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"*", "", true}, {"", "", true}, {"a", "a", true}, {"a*", "*b", true}, {"a?", "[ab]b", true}, {"*a*", "b", false},
		{"a*", "b*", false}, {"a", "b", false}, {"a", "", false}, {"[ab]", "[bc]", true}, {"[ab]", "[cd]", false}, {`\a*`, "ab", true},
	} {
		if got, swapped := globOverlaps(test.a, test.b), globOverlaps(test.b, test.a); got != test.want || swapped != test.want {
			t.Errorf("%q and %q: %t and %t, want %t", test.a, test.b, got, swapped, test.want)
		}
	}
}

// If a text matches both, globs overlap.
func TestGlobOverlapsIsSound(t *testing.T) {
	all := words("ab-", 6)
	rapid.Check(t, func(t *rapid.T) {
		a, b := glob(t, "a"), glob(t, "b")
		got := globOverlaps(a, b)
		for _, text := range all {
			inA, _ := path.Match(a, text)
			inB, _ := path.Match(b, text)
			if inA && inB && !got {
				t.Fatalf("%q and %q do not overlap, but match %q", a, b, text)
			}
		}
	})
}

func TestTexts(t *testing.T) {
	for expression, want := range map[string][]string{
		"^gold$":             {"gold"},
		"^(gold|goal)$":      {"gold", "goal"},
		"^$":                 {""},
		"^a[b-d](?:e|f)$":    {"abe", "ace", "ade", "abf", "acf", "adf"},
		`^a\.b$`:             {"a.b"},
		"gold":               nil,
		"^gold":              nil,
		"^(?i)gold$":         nil,
		"^a*$":               nil,
		"^a$|^b$":            nil,
		"^[a-z][a-z]$":       nil,
		"^.$":                nil,
		"(?m)^gold$":         nil,
		"^(a|b*)$":           nil,
		`^\pL$`:              nil,
		"^(a|b)(c|d*)(e|f)$": nil,
	} {
		if diff := cmp.Diff(want, texts(regexp.MustCompile(expression))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expression, diff)
		}
	}
}
