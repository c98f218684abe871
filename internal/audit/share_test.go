package audit

import (
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/plan"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

func TestShare(t *testing.T) {
	bounded := policy.Override{Kind: policy.OverrideValues, Values: []string{"200", "600"}}
	for name, test := range map[string]struct {
		infra        policy.Override
		netns        uint64 // the infra container's; the other's is 1
		holds, asked string
		want         Status
	}{
		"another asked for it":          {bounded, 1, "200", "200", OK},
		"nobody asked for it":           {bounded, 1, "200", "600", Drift},
		"it is enforced here":           {policy.Override{Kind: policy.OverrideNone}, 1, "200", "200", Drift},
		"annotations do not count here": {policy.Override{Kind: policy.OverrideConfig}, 1, "200", "200", Drift},
		"in another namespace":          {bounded, 2, "200", "200", Drift},
	} {
		t.Run(name, func(t *testing.T) {
			containers := []Container{
				{Netns: test.netns, Keys: []Key{sharedKey(test.infra, test.holds, "600")}},
				{Netns: 1, Keys: []Key{sharedKey(bounded, test.asked, test.asked)}},
			}
			share(containers)
			if got := containers[0].Keys[0].Status; got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// sharedKey is a key that holds one value and is wanted to hold another.
func sharedKey(o policy.Override, now, want string) Key {
	setting := &policy.Setting{Key: "net/ipv4/tcp_keepalive_time", Value: "600", HasValue: true, Override: o}
	d := policy.Decision{Key: setting.Key, Setting: setting, Verdict: policy.Set, Value: want}
	k := Key{Decision: plan.Decision{Decision: d, Now: now, Known: true}, Want: want, Wanted: true}
	k.Status = k.compare()
	return k
}
