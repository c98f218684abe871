package test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The keys that the policies of these tests set.
const (
	keepaliveTime   = "net.ipv4.tcp_keepalive_time"
	keepaliveIntvl  = "net.ipv4.tcp_keepalive_intvl"
	keepaliveProbes = "net.ipv4.tcp_keepalive_probes"
	rpFilterAll     = "net.ipv4.conf.all.rp_filter"
	rpFilterDefault = "net.ipv4.conf.default.rp_filter"
	rpFilterLo      = "net.ipv4.conf.lo.rp_filter"
	msgmax          = "kernel.msgmax"
	queuesMax       = "fs.mqueue.queues_max"
	domainname      = "kernel.domainname"
)

var testedKeys = []string{keepaliveTime, keepaliveIntvl, keepaliveProbes,
	rpFilterAll, rpFilterDefault, rpFilterLo, msgmax, queuesMax, domainname}

// hostUntouched fails the test if a key of the host changes until its end.
func hostUntouched(t *testing.T) map[string]string {
	t.Helper()
	before, err := readKeys(testedKeys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		after, err := readKeys(testedKeys)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the host's values changed (-before +after):\n%s", diff)
		}
	})
	return before
}
