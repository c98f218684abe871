package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// Container is what a decision depends on, but for the values in a joined
// namespace.
type Container struct {
	Annotations map[string]string
	Sysctl      map[string]string // config.json's linux.sysctl
	Namespaces  map[specs.LinuxNamespaceType]spec.NamespaceKind
}

// Verdict is what is to be done about a key.
type Verdict int

// Judge stands until Settle has looked at the value in the joined namespace.
const (
	Leave Verdict = iota
	Set
	Refuse
	Judge
)

func (v Verdict) String() string {
	return [...]string{"leave", "set", "refuse", "judge"}[v]
}

// Door is the way that a container asked for a value.
type Door int

// The doors: an annotation, linux.sysctl in the bundle, a value that a joined
// namespace holds already.
const (
	NoAsk Door = iota
	Annotation
	Bundle
	InNamespace
)

func (d Door) String() string {
	return [...]string{"", "annotation", "linux.sysctl", "namespace"}[d]
}

// Decision is what the policy says about a key in a container.
type Decision struct {
	Key     sysctl.Key
	Setting *Setting // nil if no rule names the key
	Door    Door     // of the ask that was decided on
	Ask     string   // what was asked for
	Verdict Verdict
	Value   string // for Set: what to write
	Reason  string
	// Expanded says that a pattern covers the key, which is there or is not: an
	// interface may go while the hook is at work.
	Expanded bool
	// Firm says that the value is written even if the key holds it: see
	// sysctl.Assignment.
	Firm    bool
	Warning string // what the user should know although it is no error
}

// Decisions is what a policy says about a container.
type Decisions struct {
	Identity Identity
	List     []Decision // in the order of the rules; refusals of what no rule names come first

	rules    []*Rule // those that match
	exact    map[sysctl.Key]*Setting
	wild     []*Setting // those of patterns
	bundle   map[sysctl.Key]*ask
	drivers  []driver
	decided  map[sysctl.Key]bool
	patterns map[sysctl.Key]bool // still to be expanded
}

// Decide applies the policy to a container. It looks at nothing but its
// arguments. An error means that it can't be told which rules are for the
// container.
func (p *Policy) Decide(c Container) (*Decisions, error) {
	d := &Decisions{
		Identity: Identify(c.Annotations),
		exact:    map[sysctl.Key]*Setting{},
		decided:  map[sysctl.Key]bool{},
		patterns: map[sysctl.Key]bool{},
	}
	for _, rule := range p.Rules {
		matches, err := rule.When.matches(d.Identity, c.Annotations)
		if err != nil {
			return nil, fmt.Errorf("rule %s (%s): %w", quote.Text(rule.Name), rule.At, err)
		}
		if matches {
			d.rules = append(d.rules, rule)
		}
	}
	d.index()
	d.decide(c)
	return d, nil
}

func (d *Decisions) decide(c Container) {
	annotations, refused := annotationAsks(c.Annotations)
	bundle := bundleAsks(c.Sysctl)
	d.List = append(d.List, refused...)
	d.bundle, d.drivers = bundle, drivers(bundle, c)
	keys := slices.Concat(slices.Collect(maps.Keys(annotations)), slices.Collect(maps.Keys(bundle)))
	slices.Sort(keys)
	keys = slices.Compact(keys)

	for _, key := range keys {
		switch ask := annotations[key]; {
		case d.setting(key) != nil:
		case ask != nil:
			d.add(unnamed(key, ask))
		default:
			d.unnamedBundle(key, bundle[key], c.Namespaces[namespace(key)])
		}
	}
	for _, rule := range d.rules {
		for _, setting := range rule.Settings {
			for _, key := range covered(setting.Key, keys) {
				if best := d.setting(key); best == setting && !d.decided[key] {
					d.addNamed(setting, key, c, asked{annotations[key], bundle[key], d.driver(key)})
				}
			}
			if setting.Key.IsPattern() {
				d.pattern(setting, c.Namespaces[namespace(setting.Key)])
			}
		}
	}
}

// covered returns the keys to decide on because of a rule's key: itself, or
// those asked for that a pattern covers.
func covered(key sysctl.Key, asked []sysctl.Key) []sysctl.Key {
	if !key.IsPattern() {
		return []sysctl.Key{key}
	}
	var keys []sysctl.Key
	for _, a := range asked {
		if key.Matches(a) {
			keys = append(keys, a)
		}
	}
	return keys
}

// pattern keeps a pattern for Settle, or says that the host's keys are left.
func (d *Decisions) pattern(s *Setting, kind spec.NamespaceKind) {
	switch {
	case kind != spec.Host:
		d.patterns[s.Key] = true
	case d.setting(s.Key) == s: // not one that a later rule replaces
		d.add(Decision{Key: s.Key, Setting: s, Verdict: Leave, Reason: hostReason(s.Key)})
	}
}

func (d *Decisions) add(decision Decision) {
	d.decided[decision.Key] = true
	d.List = append(d.List, decision)
}

// namespace is Namespace for a key that was checked when it was read.
func namespace(key sysctl.Key) specs.LinuxNamespaceType {
	t, _ := key.Namespace()
	return t
}

func hostReason(key sysctl.Key) string {
	return fmt.Sprintf("the container uses the host's %s namespace", namespace(key))
}

func unnamed(key sysctl.Key, a *ask) Decision {
	return Decision{
		Key: key, Door: Annotation, Ask: a.value, Verdict: Refuse,
		Reason: "no rule of the policy for this container names it",
	}
}

// unnamedBundle is for linux.sysctl's ask for a key that no rule names: none of
// the policy's business, unless it changes a key that a rule names.
func (d *Decisions) unnamedBundle(key sysctl.Key, bundle *ask, kind spec.NamespaceKind) {
	if kind == spec.Host {
		return
	}
	if s, err := d.driving(key, bundle); err != nil {
		d.add(s.object(Decision{Key: key, Setting: s, Door: Bundle, Ask: bundle.value, Reason: "no rule names it"}, bundle, err))
	}
}

func (d *Decisions) addNamed(s *Setting, key sysctl.Key, c Container, a asked) {
	kind := c.Namespaces[namespace(key)]
	decision := s.decide(key, kind, a)
	switch {
	case decision.Door == Bundle && decision.Verdict == Leave:
		if other, err := d.driving(key, a.bundle); err != nil {
			decision.Setting = other
			decision = other.object(decision, a.bundle, err)
		}
	case decision.Door == Annotation && decision.Verdict == Set:
		if other, err := d.driving(key, a.annotation); err != nil {
			decision = s.objectToAnnotation(other, decision, kind, a, err)
		}
	}
	d.add(decision)
}

// objectToAnnotation refuses a container for what an annotation changes besides,
// or ignores the annotation.
func (s *Setting) objectToAnnotation(other *Setting, d Decision, kind spec.NamespaceKind, a asked, err error) Decision {
	if !other.Rule.WarnOnly {
		d.Setting = other
		return d.refuse(Annotation, a.annotation, err)
	}
	ignored := a.annotation
	a.annotation = nil
	d = s.decide(d.Key, kind, a)
	d.warn(fmt.Sprintf("the annotation's %s is ignored: %v", ignored, err))
	return d
}

// asked is what the container asks for about a key. Each is nil for nothing.
type asked struct {
	annotation, bundle *ask
	driver             *driver // another key of the bundle that changes this one
}

// decide decides on one key from what the container asks for.
//
// Where the bundle's ask stands, nothing is to be written: runc writes
// linux.sysctl after the createRuntime hooks and crun before, so only what
// both leave alone is the same on both.
func (s *Setting) decide(key sysctl.Key, kind spec.NamespaceKind, a asked) Decision {
	d := Decision{Key: key, Setting: s}
	if a.annotation != nil {
		if err := s.checkAnnotation(key, kind, a); err == nil {
			d.Door, d.Ask = Annotation, a.annotation.value
		} else if !s.Rule.WarnOnly {
			return d.refuse(Annotation, a.annotation, err)
		} else {
			d.Warning = fmt.Sprintf("the annotation's %s is ignored: %v", a.annotation, err)
		}
	}
	if a.bundle != nil && kind != spec.Host {
		return s.decideBundle(d, a.bundle)
	}
	switch {
	case kind == spec.Host:
		d.Reason = hostReason(key)
	case d.Door == Annotation:
		d.Verdict, d.Value, d.Reason = Set, d.Ask, "asked for by an annotation"
	case a.driver != nil && !a.driver.drive.Lapses:
		d.Reason = fmt.Sprintf("linux.sysctl asks for %s, which changes it, and the runtime sets that", a.driver.key)
	case kind == spec.Joined:
		d.Verdict = Judge
	default:
		d.unasked()
	}
	d.Firm = a.driver != nil && a.driver.drive.Lapses
	return d
}

// unasked decides on a key that nobody asks for another value of.
func (d *Decision) unasked() {
	if d.Setting.HasValue {
		d.Verdict, d.Value, d.Reason = Set, d.Setting.Value, "the policy's value"
		return
	}
	d.Verdict, d.Reason = Leave, "not asked for, and the policy has no value"
}

func (s *Setting) checkAnnotation(key sysctl.Key, kind spec.NamespaceKind, a asked) error {
	switch {
	case kind == spec.Host:
		return fmt.Errorf("%s", hostReason(key))
	case a.annotation.err != nil:
		return a.annotation.err
	case a.bundle != nil && !a.annotation.agrees(a.bundle):
		return fmt.Errorf("linux.sysctl asks for %s: the two contradict each other", a.bundle)
	case a.driver != nil && !a.driver.drive.Lapses && !a.driver.gives(a.annotation):
		return fmt.Errorf("linux.sysctl asks for %s = %s, which changes it: the two contradict each other", a.driver.key, a.driver.ask)
	}
	return s.AllowsAnnotation(a.annotation.value)
}

// decideBundle decides on a key that the runtime sets from linux.sysctl.
func (s *Setting) decideBundle(d Decision, bundle *ask) Decision {
	err := bundle.err
	if s.takesAny() && !errors.Is(err, errTwice) {
		err = nil // whatever it is, the runtime and the kernel judge it
	} else if err == nil {
		err = s.Allows(bundle.value)
	}
	d.Door, d.Ask, d.Verdict, d.Reason = Bundle, bundle.value, Leave, "linux.sysctl asks for it and the runtime sets it"
	if err != nil {
		return s.object(d, bundle, err)
	}
	return d
}

// object refuses a container for what its bundle asks for, or only warns.
func (s *Setting) object(d Decision, bundle *ask, err error) Decision {
	if !s.Rule.WarnOnly {
		return d.refuse(Bundle, bundle, err)
	}
	d.warn(fmt.Sprintf("linux.sysctl's %s is left to the runtime: %v", bundle, err))
	return d
}

func (d Decision) refuse(door Door, a *ask, err error) Decision {
	d.Door, d.Ask, d.Verdict, d.Value, d.Reason = door, a.value, Refuse, "", err.Error()
	return d
}

func (d *Decision) warn(text string) {
	if d.Warning != "" {
		text = d.Warning + "; " + text
	}
	d.Warning = text
}

// MayConcern reports whether the policy could say anything about a container
// of which nothing but these annotations is known; nil if not even they are.
func (p *Policy) MayConcern(annotations map[string]string) bool {
	if annotations == nil {
		return len(p.Rules) > 0
	}
	d, err := p.Decide(Container{Annotations: annotations})
	return err != nil || len(d.rules) > 0 || len(d.List) > 0
}
