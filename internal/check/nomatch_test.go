package check

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMatchesNothing(t *testing.T) {
	for expression, want := range map[string]bool{
		"a^": true, "$a": true, "^a$b": true, "(a|b)^c": true, "a+^": true, "(a^)+": true, "a^|$b": true, `[^\x00-\x{10FFFF}]`: true,
		"x(a^)": true, ".^": true, `a\Ab`: true, "(a|b^)(c^|$d)": true,
		"": false, "^$": false, "^a$": false, "a*^": false, "a?^b": false, "(a^)*": false, "(a^)?": false, "a^|b": false,
		"(?m)a\n^b": false, "$^": false, "a|^": false, "(|a)^": false,
	} {
		if got := matchesNothing(expression); got != want {
			t.Errorf("%q: %t, want %t", expression, got, want)
		}
	}
}

// What matches nothing matches no short text.
func TestMatchesNothingIsSound(t *testing.T) {
	texts := words("ab\n", 5)
	parts := []string{"a", "b", "^", "$", "(", ")", "|", "*", "+", "?", ".", "[ab]", "(?m)", `\A`, `\z`, "\n"}
	found := 0
	for range 10 {
		rapid.Check(t, func(t *rapid.T) {
			source := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 7).Draw(t, "parts"), "")
			expression, err := regexp.Compile(source)
			if err != nil || !matchesNothing(source) {
				return
			}
			found++
			for _, text := range texts {
				if expression.MatchString(text) {
					t.Fatalf("%q matches %q", source, text)
				}
			}
		})
	}
	if found == 0 {
		t.Error("no expression was found to match nothing")
	}
}
