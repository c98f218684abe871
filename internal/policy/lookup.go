package policy

import "github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"

// index prepares setting for the rules that match.
func (d *Decisions) index() {
	for _, rule := range d.rules {
		for _, s := range rule.Settings {
			if s.Key.IsPattern() {
				d.wild = append(d.wild, s)
			} else {
				d.exact[s.Key] = s
			}
		}
	}
}

// setting returns what the matching rules say about a key: the most exact, and
// of several of those the last.
func (d *Decisions) setting(key sysctl.Key) *Setting {
	best := d.exact[key]
	if best != nil {
		return best
	}
	for _, s := range d.wild {
		if s.Key.Matches(key) && (best == nil || s.Key.Wildcards() <= best.Key.Wildcards()) {
			best = s
		}
	}
	return best
}
