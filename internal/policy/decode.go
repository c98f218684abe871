package policy

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// reader turns a file's items into rules and collects all that is wrong.
type reader struct {
	source   *source
	problems []Problem
}

func (r *reader) position(i *item) Position {
	return Position{source: r.source, offset: i.at}
}

func (r *reader) problem(i *item, format string, args ...any) {
	at := r.position(i)
	r.problems = append(r.problems, Problem{
		File: at.File(), Line: at.Line(), Column: at.Column(), Message: fmt.Sprintf(format, args...),
	})
}

// read returns the rules of the file.
func (r *reader) read() []*Rule {
	root, err := parse(r.source.data)
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		r.problem(&item{at: syntax.at}, "not valid TOML: %s", syntax.message)
		return nil
	}
	var rules []*Rule
	for _, member := range root.items {
		switch {
		case member.name != "rule":
			r.problem(member, "unknown field %s; a policy holds [[rule]] tables", quote.Text(member.name))
		case member.kind != unstable.Array:
			r.problem(member, "rule is %s; write [[rule]], in double brackets", kindName(member))
		default:
			rules = append(rules, r.rules(member.items)...)
		}
	}
	return rules
}

func (r *reader) rules(items []*item) []*Rule {
	rules := make([]*Rule, 0, len(items))
	for _, i := range items {
		if r.want(i, unstable.Table, "a rule") {
			rules = append(rules, r.rule(i))
		}
	}
	return rules
}

func (r *reader) rule(table *item) *Rule {
	rule := &Rule{At: r.position(table)}
	rule.Name = rule.At.String()
	for _, member := range table.items {
		switch member.name {
		case "name":
			if r.want(member, unstable.String, "name") {
				rule.Name = r.ruleName(member)
			}
		case "when":
			if r.want(member, unstable.Table, "when") {
				rule.When = r.when(member)
			}
		case "sysctls":
			if r.want(member, unstable.Table, "sysctls") {
				rule.Settings = r.settings(rule, member)
			}
		case "on_refusal":
			rule.WarnOnly = r.choice(member, "refuse", "warn") == "warn"
		default:
			r.problem(member, "unknown field %s; a rule has name, when, on_refusal and sysctls", quote.Text(member.name))
		}
	}
	if table.member("sysctls") == nil {
		r.problem(table, "rule %s has no sysctls", quote.Text(rule.Name))
	}
	return rule
}

func (r *reader) ruleName(i *item) string {
	if i.text == "" || strings.ContainsFunc(i.text, func(c rune) bool { return c < ' ' || c > '~' }) {
		r.problem(i, "name %s: empty, or holds more than printable ASCII", quote.Text(i.text))
	}
	return i.text
}

func (r *reader) when(table *item) (when When) {
	for _, member := range table.items {
		switch member.name {
		case "pod_namespaces":
			when.PodNamespaces = r.globs(member)
		case "containers":
			when.Containers = r.globs(member)
		case "annotations":
			when.Annotations = r.annotationMatches(member)
		default:
			r.problem(member, "unknown field %s; when has pod_namespaces, containers and annotations", quote.Text(member.name))
		}
	}
	return when
}

func (r *reader) globs(array *item) []string {
	if !r.want(array, unstable.Array, array.name) {
		return nil
	}
	if len(array.items) == 0 {
		r.problem(array, "%s is empty and would match no container", array.name)
	}
	var globs []string
	for _, element := range array.items {
		if !r.want(element, unstable.String, "an element of "+array.name) {
			continue
		}
		if _, err := path.Match(element.text, ""); err != nil {
			r.problem(element, "%s %s: not a valid glob: %v", array.name, quote.Text(element.text), err)
		}
		globs = append(globs, element.text)
	}
	return globs
}

func (r *reader) annotationMatches(table *item) []AnnotationMatch {
	if !r.want(table, unstable.Table, "annotations") {
		return nil
	}
	if len(table.items) == 0 {
		r.problem(table, "annotations is empty; leave it out to match every container")
	}
	var matches []AnnotationMatch
	for _, member := range table.items {
		if !r.want(member, unstable.String, "the value of an annotation") {
			continue
		}
		name, value := r.regexp(member, member.name), r.regexp(member, member.text)
		matches = append(matches, AnnotationMatch{Name: name, Value: value})
	}
	return matches
}

func (r *reader) regexp(i *item, text string) *regexp.Regexp {
	compiled, err := regexp.Compile(text)
	if err != nil {
		r.badRegexp(i, text, err)
		return nil
	}
	return compiled
}

// anchored compiles the item's text to match as a whole. It is compiled alone
// first, since within the anchors "a)(b" would pass.
func (r *reader) anchored(i *item) *regexp.Regexp {
	if r.regexp(i, i.text) == nil {
		return nil
	}
	compiled, err := regexp.Compile("^(?:" + i.text + ")$")
	if err != nil {
		r.badRegexp(i, i.text, err)
		return nil
	}
	return compiled
}

func (r *reader) badRegexp(i *item, text string, err error) {
	reason := err.Error()
	var bad *syntax.Error
	if errors.As(err, &bad) { // whose text shows the expression as it is
		reason = bad.Code.String()
	}
	r.problem(i, "%s: not a valid regular expression: %s", quote.Text(text), reason)
}

func (r *reader) settings(rule *Rule, table *item) []*Setting {
	if len(table.items) == 0 {
		r.problem(table, "sysctls is empty")
	}
	settings := make([]*Setting, 0, len(table.items))
	for _, member := range table.items {
		key, ok := r.key(member)
		if !ok {
			continue
		}
		if slices.ContainsFunc(settings, func(s *Setting) bool { return s.Key == key }) {
			r.problem(member, "%s is named twice in this rule", key)
		}
		setting := &Setting{Rule: rule, At: r.position(member), Key: key}
		r.setting(setting, member)
		settings = append(settings, setting)
	}
	return settings
}

func (r *reader) key(i *item) (sysctl.Key, bool) {
	if !strings.ContainsAny(i.name, "./") {
		r.problem(i, `%s is not a sysctl; write the whole key in quotes, such as "net.ipv4.tcp_keepalive_time"`, quote.Text(i.name))
		return "", false
	}
	key, err := sysctl.ParseKey(i.name)
	if err != nil {
		r.problem(i, "sysctl %s: %v", quote.Text(i.name), err)
		return "", false
	}
	if _, err := key.Namespace(); err != nil {
		r.problem(i, "sysctl %s: %v", quote.Text(i.name), err)
		return "", false
	}
	return key, true
}

func (r *reader) setting(s *Setting, i *item) {
	if i.kind != unstable.Table {
		s.Value, s.HasValue = r.value(i), true
		return
	}
	for _, member := range i.items {
		switch member.name {
		case "value":
			s.Value, s.HasValue = r.value(member), true
		case "override":
			s.Override = r.override(member)
		case "optional":
			s.Optional = r.want(member, unstable.Bool, "optional") && member.text == "true"
		default:
			r.problem(member, "unknown field %s; a sysctl has value, override and optional", quote.Text(member.name))
		}
	}
	if !s.HasValue && (s.Override.Kind == OverrideConfig || s.Override.Kind == OverrideNone) {
		r.problem(i, `%s has no value; only override = "any" or bounds can do without`, s.Key)
	}
}

// value reads a scalar, or an array of scalars that is joined by spaces.
func (r *reader) value(i *item) string {
	var text string
	switch i.kind {
	case unstable.Array:
		fields := make([]string, len(i.items))
		for n, element := range i.items {
			if element.kind == unstable.Array {
				r.problem(element, "an array within the array of a value")
				continue
			}
			fields[n] = r.value(element)
		}
		text = strings.Join(fields, " ")
	case unstable.String:
		text = i.text
	case unstable.Bool:
		text = map[bool]string{true: "1", false: "0"}[i.text == "true"]
	case unstable.Integer:
		text = strconv.FormatInt(r.integer(i, "; write it as a string"), 10)
	default:
		r.problem(i, "a value is an integer, a string, a boolean or an array of these, not %s", kindName(i))
	}
	value, err := sysctl.Normalize(text)
	if err != nil {
		r.problem(i, "%v", err)
	}
	return value
}

// integer reads TOML's notations. The parser has refused leading zeros, which
// strconv would take for octal. The advice is for one that is too large.
func (r *reader) integer(i *item, advice string) int64 {
	n, err := strconv.ParseInt(i.text, 0, 64)
	if err != nil {
		r.problem(i, "the integer %s does not fit 64 bits%s", quote.Text(i.text), advice)
	}
	return n
}

func (r *reader) override(i *item) Override {
	if i.kind == unstable.Table {
		return r.bounds(i)
	}
	switch r.choice(i, "config", "none", "any") {
	case "none":
		return Override{Kind: OverrideNone}
	case "any":
		return Override{Kind: OverrideAny}
	}
	return Override{Kind: OverrideConfig}
}

func (r *reader) bounds(table *item) (o Override) {
	kinds := map[OverrideKind]bool{}
	for _, member := range table.items {
		switch member.name {
		case "min":
			o.Min, o.Kind = r.bound(member), OverrideRange
		case "max":
			o.Max, o.Kind = r.bound(member), OverrideRange
		case "values":
			o.Values, o.Kind = r.values(member), OverrideValues
		case "pattern":
			if r.want(member, unstable.String, "pattern") {
				o.Source, o.Pattern = member.text, r.anchored(member)
			}
			o.Kind = OverridePattern
		default:
			r.problem(member, "unknown field %s; bounds are min and max, or values, or pattern", quote.Text(member.name))
			continue
		}
		kinds[o.Kind] = true
	}
	switch {
	case len(kinds) != 1:
		r.problem(table, "bounds are min and max, or values, or pattern: one of the three")
	case o.Min != nil && o.Max != nil && *o.Min > *o.Max:
		r.problem(table, "min %d is above max %d", *o.Min, *o.Max)
	}
	return o
}

func (r *reader) bound(i *item) *int64 {
	if !r.want(i, unstable.Integer, i.name) {
		return nil
	}
	n := r.integer(i, "")
	return &n
}

func (r *reader) values(array *item) []string {
	if !r.want(array, unstable.Array, "values") {
		return nil
	}
	if len(array.items) == 0 {
		r.problem(array, `values is empty; override = "none" is the way to allow nothing else`)
	}
	values := make([]string, len(array.items))
	for n, element := range array.items {
		values[n] = r.value(element)
	}
	return values
}

// choice reads a string that must be one of the choices; it returns the first
// of them if it is not.
func (r *reader) choice(i *item, choices ...string) string {
	if i.kind == unstable.String && slices.Contains(choices, i.text) {
		return i.text
	}
	found := kindName(i)
	if i.kind == unstable.String {
		found = quote.Text(i.text)
	}
	r.problem(i, "%s is %s; it must be one of %s", i.name, found, strings.Join(quote.All(choices), ", "))
	return choices[0]
}

func (r *reader) want(i *item, kind unstable.Kind, name string) bool {
	if i.kind == kind {
		return true
	}
	r.problem(i, "%s must be %s, not %s", name, kindName(&item{kind: kind}), kindName(i))
	return false
}

func kindName(i *item) string {
	switch i.kind {
	case unstable.Array:
		return "an array"
	case unstable.Table:
		return "a table"
	case unstable.String:
		return "a string"
	case unstable.Bool:
		return "a boolean"
	case unstable.Integer:
		return "an integer"
	case unstable.Float:
		return "a floating-point number"
	default:
		return "a date or time"
	}
}
