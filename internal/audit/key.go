package audit

import (
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/plan"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/sysctl"
)

// Status is how a key stands.
type Status string

// OK: it holds what it should, or is left alone and may hold anything. Drift:
// it holds something else. Missing: there is no such key. Refused: the policy
// would not let the container start now. Host: the namespace is the host's.
// Undecided: it depends on what could not be looked at.
const (
	OK        Status = "ok"
	Drift     Status = "drift"
	Missing   Status = "missing"
	Refused   Status = "refused"
	Host      Status = "host"
	Undecided Status = "undecided"
)

// Statuses lists all of them.
func Statuses() []Status {
	return []Status{OK, Drift, Missing, Refused, Host, Undecided}
}

// Bad reports whether the container is not as the policy wants it.
func (s Status) Bad() bool {
	return s == Drift || s == Missing || s == Refused
}

// Key is a key that the policy decided on.
type Key struct {
	plan.Decision
	Status Status
	Want   string // what it should hold
	Wanted bool   // it should hold something certain
}

// newKey judges a decision. Unless the namespaces were looked at, that is a
// refusal or nothing.
func newKey(d plan.Decision, looked bool) Key {
	k := Key{Decision: d}
	switch {
	case d.Verdict == policy.Refuse:
		k.Status = Refused
		return k
	case !looked:
		k.Status = Undecided
		return k
	case d.Verdict == policy.Set:
		k.Want, k.Wanted = d.Value, true
	case d.Door != policy.NoAsk:
		k.Want, k.Wanted = d.Ask, true
	}
	k.Status = k.compare()
	return k
}

func (k *Key) compare() Status {
	switch {
	case k.Absent && (!k.Wanted || k.Setting.Optional):
		return OK
	case k.Absent:
		return Missing
	case !k.Known:
		return Host
	case !k.Wanted || sysctl.Equal(k.Now, k.Want):
		return OK
	}
	return Drift
}
