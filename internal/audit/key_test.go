package audit

import (
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/plan"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

func TestNewKey(t *testing.T) {
	must, may := &policy.Setting{}, &policy.Setting{Optional: true}
	set := policy.Decision{Setting: must, Verdict: policy.Set, Value: "1 2"}
	optional := policy.Decision{Setting: may, Verdict: policy.Set, Value: "1"}
	bundle := policy.Decision{Setting: must, Verdict: policy.Leave, Door: policy.Bundle, Ask: "5"}
	held := policy.Decision{Setting: must, Verdict: policy.Leave, Door: policy.InNamespace, Ask: "5"}
	free := policy.Decision{Setting: must, Verdict: policy.Leave}
	for name, test := range map[string]struct {
		decision      policy.Decision
		now           string
		known, absent bool
		unlooked      bool
		want          Status
		value         string
	}{
		"set, and so":                 {decision: set, now: "1\t2", known: true, want: OK, value: "1 2"},
		"set, and other":              {decision: set, now: "1\t3", known: true, want: Drift, value: "1 2"},
		"set, and gone":               {decision: set, absent: true, want: Missing, value: "1 2"},
		"optional, and gone":          {decision: optional, absent: true, want: OK, value: "1"},
		"bundle, and so":              {decision: bundle, now: "5", known: true, want: OK, value: "5"},
		"bundle, and other":           {decision: bundle, now: "6", known: true, want: Drift, value: "5"},
		"bundle, and gone":            {decision: bundle, absent: true, want: Missing, value: "5"},
		"bundle, but the host's":      {decision: bundle, want: Host, value: "5"},
		"held":                        {decision: held, now: "5", known: true, want: OK, value: "5"},
		"free":                        {decision: free, now: "7", known: true, want: OK},
		"free, and gone":              {decision: free, absent: true, want: OK},
		"the host's":                  {decision: free, want: Host},
		"refused":                     {decision: policy.Decision{Verdict: policy.Refuse}, want: Refused},
		"refused, not looked at":      {decision: policy.Decision{Verdict: policy.Refuse}, unlooked: true, want: Refused},
		"set, not looked at":          {decision: set, unlooked: true, want: Undecided},
		"to be judged, not looked at": {decision: policy.Decision{Setting: must, Verdict: policy.Judge}, unlooked: true, want: Undecided},
	} {
		t.Run(name, func(t *testing.T) {
			d := plan.Decision{Decision: test.decision, Now: test.now, Known: test.known, Absent: test.absent}
			got := newKey(d, !test.unlooked)
			if got.Status != test.want || got.Want != test.value {
				t.Errorf("%s, to hold %q; want %s, %q", got.Status, got.Want, test.want, test.value)
			}
		})
	}
}
