package policy

import (
	"fmt"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/spec"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// driving refuses linux.sysctl for a key that no rule names but that the kernel
// changes an enforced one with: runc would undo that one after the hook, and
// crun would not.
func (d *Decisions) driving(key sysctl.Key, bundle *ask, kind spec.NamespaceKind) {
	if kind == spec.Host {
		return
	}
	for _, rule := range d.rules {
		for _, s := range rule.Settings {
			if s.Override.Kind != OverrideNone || !drives(key, s.Key) {
				continue
			}
			decision := Decision{Key: key, Setting: s, Door: Bundle, Ask: bundle.value, Reason: "no rule names it"}
			d.add(s.object(decision, bundle, fmt.Errorf("it changes %s, which the policy enforces", s.Key)))
			return
		}
	}
}

// drives reports whether writing the key changes one that the other, which may
// be a pattern, names.
func drives(key, other sysctl.Key) bool {
	for _, driven := range key.Drives() {
		if driven.Matches(other) || other.Matches(driven) {
			return true
		}
	}
	return false
}
