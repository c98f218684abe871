package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// OverrideKind tells which asks win over a setting's value.
type OverrideKind int

// The kinds of override. The last three are bounds: they let any door in, for
// a value inside.
const (
	OverrideConfig  OverrideKind = iota // linux.sysctl and what a joined namespace holds; no annotation
	OverrideNone                        // nothing: the value is enforced
	OverrideAny                         // any door, any value
	OverrideRange                       // every field an integer from Min to Max
	OverrideValues                      // one of Values
	OverridePattern                     // a value that Pattern matches as a whole
)

// Override is a setting's override.
type Override struct {
	Kind     OverrideKind
	Min, Max *int64 // nil for no bound
	Values   []string
	Source   string         // the pattern as written
	Pattern  *regexp.Regexp // anchored at both ends
}

// Allows returns nil if an ask through the bundle or a joined namespace for
// the normalized value wins over the setting; the value that is enforced is no
// ask for another. An annotation needs AllowsAnnotation.
func (s *Setting) Allows(value string) error {
	o := &s.Override
	if o.Kind == OverrideRange || o.Kind == OverridePattern {
		if err := s.checkFields(value); err != nil {
			return err
		}
	}
	switch o.Kind {
	case OverrideNone:
		if !sysctl.Equal(value, s.Value) {
			return fmt.Errorf("the policy enforces %s", quote.Text(s.Value))
		}
	case OverrideRange:
		return sysctl.InRange(value, o.Min, o.Max)
	case OverrideValues:
		if !slices.ContainsFunc(o.Values, func(v string) bool { return sysctl.Equal(v, value) }) {
			return fmt.Errorf("the policy allows %s", choices(o.Values))
		}
	case OverridePattern:
		if !o.Pattern.MatchString(value) {
			return fmt.Errorf("it does not match the policy's pattern %s", quote.Text(o.Source))
		}
	}
	return nil
}

// checkFields refuses a value with fewer fields than the key has: the kernel would
// keep the others, whatever they are.
func (s *Setting) checkFields(value string) error {
	want := max(s.Key.Fields(), len(strings.Fields(s.Value)))
	if got := len(strings.Fields(value)); want > 1 && got < want {
		return fmt.Errorf("it has %d of %d fields", got, want)
	}
	return nil
}

// maxChoices bounds how many of a list an error shows.
const maxChoices = 10

func choices(values []string) string {
	text := strings.Join(quote.All(values[:min(len(values), maxChoices)]), ", ")
	if more := len(values) - maxChoices; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// takesAny reports whether linux.sysctl wins over the setting whatever it asks
// for.
func (s *Setting) takesAny() bool {
	return s.Override.Kind == OverrideAny || s.Override.Kind == OverrideConfig
}

var errNoAnnotations = errors.New(`the policy takes no annotation for it, only linux.sysctl (override = "config")`)

// AllowsAnnotation is Allows for an annotation.
func (s *Setting) AllowsAnnotation(value string) error {
	if s.Override.Kind == OverrideConfig {
		return errNoAnnotations
	}
	return s.Allows(value)
}
