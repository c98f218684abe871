package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// Values is a look at the values in a container's namespaces.
type Values interface {
	// Expand lists the keys that a pattern covers, sorted.
	Expand(pattern sysctl.Key) ([]sysctl.Key, error)
	// Read returns a key's value; fs.ErrNotExist if there is no such key.
	Read(key sysctl.Key) (string, error)
	// Fresh returns the keys' values in new namespaces, without those that
	// these do not have.
	Fresh(keys []sysctl.Key) (map[sysctl.Key]string, error)
}

// Needs returns the types of the namespaces that have to be entered to settle
// and to apply the decisions, sorted. None means that nothing is to be done.
func (d *Decisions) Needs() []specs.LinuxNamespaceType {
	var types []specs.LinuxNamespaceType
	for pattern := range d.patterns {
		types = append(types, namespace(pattern))
	}
	for _, decision := range d.List {
		if decision.Verdict == Set || decision.Verdict == Judge {
			types = append(types, namespace(decision.Key))
		}
	}
	slices.Sort(types)
	return slices.Compact(types)
}

// Refused returns the decisions that refuse the container.
func (d *Decisions) Refused() []Decision {
	var refused []Decision
	for _, decision := range d.List {
		if decision.Verdict == Refuse {
			refused = append(refused, decision)
		}
	}
	return refused
}

// Settle expands patterns and judges what joined namespaces hold. Afterwards
// no decision is Judge. It changes nothing in the namespaces.
func (d *Decisions) Settle(kinds map[specs.LinuxNamespaceType]spec.NamespaceKind, values Values) error {
	if err := d.expand(kinds, values); err != nil {
		return err
	}
	current, err := d.settleWithoutFresh(values)
	if err != nil || len(current) == 0 {
		return err
	}
	var keys []sysctl.Key
	for _, decision := range d.List {
		if decision.Verdict == Judge {
			keys = append(keys, decision.Key)
		}
	}
	fresh, err := values.Fresh(keys)
	if err != nil {
		return err
	}
	for i := range d.List {
		if decision := &d.List[i]; decision.Verdict == Judge {
			value, known := fresh[decision.Key]
			decision.judge(current[decision.Key], known && !sysctl.Equal(value, current[decision.Key]))
		}
	}
	return nil
}

// expand puts decisions in place of the patterns, in the order of the rules.
func (d *Decisions) expand(kinds map[specs.LinuxNamespaceType]spec.NamespaceKind, values Values) error {
	if len(d.patterns) == 0 {
		return nil
	}
	expanded := map[sysctl.Key][]sysctl.Key{}
	for pattern := range d.patterns {
		keys, err := values.Expand(pattern)
		if err != nil {
			return err
		}
		expanded[pattern] = keys
	}
	rank := d.ranks()
	for _, rule := range d.rules {
		for _, setting := range rule.Settings {
			for _, key := range expanded[setting.Key] {
				if _, err := key.Namespace(); err == nil && !d.decided[key] && d.setting(key) == setting {
					decision := setting.decide(key, kinds[namespace(key)], asked{driver: d.driver(key)})
					decision.Expanded = true
					d.add(decision)
				}
			}
		}
	}
	slices.SortStableFunc(d.List, func(a, b Decision) int { return rank[a.Setting] - rank[b.Setting] })
	d.patterns = nil
	return nil
}

// ranks numbers the settings in the order of the rules; no setting is 0.
func (d *Decisions) ranks() map[*Setting]int {
	rank := map[*Setting]int{}
	for _, rule := range d.rules {
		for _, setting := range rule.Settings {
			rank[setting] = len(rank) + 1
		}
	}
	return rank
}

// settleWithoutFresh settles what needs no look at a new namespace, and
// returns the values of the rest.
func (d *Decisions) settleWithoutFresh(values Values) (map[sysctl.Key]string, error) {
	current := map[sysctl.Key]string{}
	for i := range d.List {
		decision := &d.List[i]
		if decision.Verdict != Judge {
			continue
		}
		value, err := values.Read(decision.Key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			decision.judge("", false)
		case err != nil:
			return nil, fmt.Errorf("%s: %w", decision.Key, err)
		case decision.Setting.HasValue && sysctl.Equal(value, decision.Setting.Value), d.lapsed(decision.Key, value):
			decision.judge(value, false)
		default:
			current[decision.Key] = normal(value)
		}
	}
	return current, nil
}

// normal is a value as asks are judged: the kernel separates fields by tabs.
func normal(value string) string {
	if normal, err := sysctl.Normalize(value); err == nil {
		return normal
	}
	return value
}

// judge decides on a key in a joined namespace from the value that it holds
// and whether that was asked for: whether it is not what a new namespace has.
// Such an ask is never refused, since nobody can tell who made it.
func (d *Decision) judge(value string, asked bool) {
	s := d.Setting
	if asked {
		d.Door, d.Ask = InNamespace, value
		err := s.Allows(value)
		if err == nil {
			d.Verdict, d.Reason = Leave, "the joined namespace holds it already"
			return
		}
		does := "is left"
		if s.HasValue {
			does = "is overwritten"
		}
		d.warn(fmt.Sprintf("the joined namespace's %s %s: %v", quote.Text(value), does, err))
	}
	d.unasked()
}

// Patterns lists the patterns that Settle has not expanded yet, sorted.
func (d *Decisions) Patterns() []sysctl.Key {
	return slices.Sorted(maps.Keys(d.patterns))
}

// Assignments returns what is to be written, in the order of the rules: nothing
// if the container is refused.
func (d *Decisions) Assignments() []sysctl.Assignment {
	if len(d.Refused()) > 0 {
		return nil
	}
	var assignments, restored []sysctl.Assignment
	for _, decision := range d.List {
		if decision.Verdict == Set {
			restored = append(restored, d.restored(decision.Key)...)
			assignments = append(assignments, sysctl.Assignment{
				Key: decision.Key, Value: decision.Value, Optional: decision.Setting.Optional || decision.Expanded, Firm: decision.Firm,
			})
		}
	}
	return append(assignments, restored...)
}
