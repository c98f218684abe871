package policy

import (
	"fmt"
	"maps"
	"slices"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// The kernel changes some sysctls when others are written. What linux.sysctl
// changes so, runc changes after the hook and crun before: the policy is applied
// to it as if linux.sysctl asked for it, or the two would not end alike.

// driver is a key that the runtime will write because linux.sysctl asks for it,
// and something that the kernel changes then.
type driver struct {
	key   sysctl.Key
	ask   *ask
	drive sysctl.Drive
}

// drivers lists what linux.sysctl makes the kernel change, sorted by the key.
func drivers(bundle map[sysctl.Key]*ask, c Container) []driver {
	var list []driver
	for _, key := range slices.Sorted(maps.Keys(bundle)) {
		if c.Namespaces[namespace(key)] == spec.Host {
			continue
		}
		for _, drive := range key.Drives() {
			list = append(list, driver{key, bundle[key], drive})
		}
	}
	return list
}

// driver returns what makes the kernel change a key that is not a pattern, or
// nil. What a write of the key itself brings to an end comes last.
func (d *Decisions) driver(key sysctl.Key) *driver {
	var lapses *driver
	for i := range d.drivers {
		switch driver := &d.drivers[i]; {
		case driver.key == key || !driver.drive.Changes(key):
		case driver.drive.Lapses:
			lapses = driver
		default:
			return driver
		}
	}
	return lapses
}

// lapsed reports whether a key holds what crun, and not runc, may have given it
// already, for as long as nobody writes it.
func (d *Decisions) lapsed(key sysctl.Key, value string) bool {
	driver := d.driver(key)
	return driver != nil && driver.drive.Lapses && driver.ask.err == nil && sysctl.Equal(value, driver.ask.value)
}

// gives reports whether the driver gives a key just what is asked for it.
func (d *driver) gives(a *ask) bool {
	return d.drive.Copied && a.agrees(d.ask)
}

// driving returns the setting that is against what is asked for the key, and why:
// the kernel gives another key a value then that the setting does not allow. The
// error is nil if there is none.
func (d *Decisions) driving(key sysctl.Key, a *ask) (*Setting, error) {
	for _, drive := range key.Drives() {
		for _, rule := range d.rules {
			for _, s := range rule.Settings {
				if s.Key == key || !drive.Changes(s.Key) || d.setting(s.Key) != s {
					continue
				}
				if err := s.allowsDriven(&driver{key, a, drive}); err != nil {
					return s, err
				}
			}
		}
	}
	return nil, nil
}

// restored are the values that linux.sysctl asks for and that a write of the key
// changes: on crun they are there already, and must be again.
func (d *Decisions) restored(key sysctl.Key) []sysctl.Assignment {
	var assignments []sysctl.Assignment
	for _, drive := range key.Drives() {
		if drive.Lapses {
			continue // by then they were written themselves
		}
		for _, other := range slices.Sorted(maps.Keys(d.bundle)) {
			if a := d.bundle[other]; other != key && a.err == nil && drive.Changes(other) {
				assignments = append(assignments, sysctl.Assignment{Key: other, Value: a.value, Firm: true})
			}
		}
	}
	return assignments
}

func (s *Setting) allowsDriven(d *driver) error {
	switch {
	case s.takesAny():
		return nil
	case !d.drive.Copied:
		return fmt.Errorf("it changes %s too, which the policy restricts", s.Key)
	}
	err := d.ask.err
	if err == nil {
		err = s.Allows(d.ask.value)
	}
	if err != nil {
		return fmt.Errorf("it changes %s too: %w", s.Key, err)
	}
	return nil
}
