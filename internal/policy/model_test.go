package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// This file is the agreed behaviour once more, for one key, told by its outcome
// and written in another way than the package: the tests compare the two.

// rulebook is what the policy says about the key.
type rulebook struct {
	value    string // empty for none; no test enforces an empty value
	override string // config, none, any, range, values, pattern
	warnOnly bool
}

// situation is what there is of the key. Empty texts stand for nothing.
type situation struct {
	annotation, bundle string
	kind               spec.NamespaceKind
	held, fresh        string
}

// outcome is what comes of it.
type outcome struct {
	Refused bool
	Value   string // that the application finds, whichever runtime wrote it
	Warned  bool
}

// The bounds of every test.
const (
	lowest, highest = 30, 3600
	boundsPattern   = `[0-9]00`
)

func boundsValues() []string { return []string{"600", "900"} }

// lets reports whether the override lets a value in that is asked for otherwise
// than by an annotation.
func (r rulebook) lets(value string) bool {
	text := fields(value)
	for _, c := range []byte(value) {
		if c > '~' {
			return r.override == "config" || r.override == "any"
		}
	}
	switch r.override {
	case "none":
		return text == r.value
	case "range":
		n, err := strconv.Atoi(text)
		return err == nil && strconv.Itoa(n) == text && n >= lowest && n <= highest
	case "values":
		return slices.Contains(boundsValues(), text)
	case "pattern":
		return regexp.MustCompile(`\A(` + boundsPattern + `)\z`).MatchString(text)
	}
	return true
}

// letsAnnotation is lets for an annotation, which asks beside the bundle.
func (r rulebook) letsAnnotation(s situation) bool {
	odd := strings.ContainsFunc(s.annotation, func(c rune) bool { return c > '~' })
	contradicts := s.bundle != "" && !sysctl.Equal(s.annotation, s.bundle)
	return s.kind != spec.Host && !odd && !contradicts && r.override != "config" && r.lets(s.annotation)
}

func (r rulebook) outcome(s situation) outcome {
	annotated, badAnnotation := s.annotation != "", s.annotation != "" && !r.letsAnnotation(s)
	badBundle := s.bundle != "" && s.kind != spec.Host && !r.lets(s.bundle)
	if (badAnnotation || badBundle) && !r.warnOnly {
		return outcome{Refused: true, Value: s.held}
	}
	o := outcome{Warned: badAnnotation || badBundle, Value: s.held}
	asked := s.kind == spec.Joined && s.held != s.fresh && s.held != r.value
	switch {
	case s.bundle != "":
		o.Value = s.bundle
	case s.kind == spec.Host:
	case annotated && !badAnnotation:
		o.Value = s.annotation
	case asked && r.lets(s.held):
	default:
		o.Warned = o.Warned || asked
		if r.value != "" {
			o.Value = r.value
		}
	}
	o.Value = fields(o.Value)
	return o
}

// fields is the value without what makes no difference.
func fields(value string) string { return strings.Join(strings.Fields(value), " ") }
