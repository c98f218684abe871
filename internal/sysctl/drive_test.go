package sysctl

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDrives(t *testing.T) {
	for key, want := range map[Key][]Key{
		"net/ipv4/tcp_keepalive_time":         nil,
		"net/ipv4/conf/eth0/forwarding":       nil,
		"net/ipv4/conf/all/forwarding":        forwarding4[:],
		"net/ipv4/ip_forward":                 forwarding4[:],
		"net/ipv4/conf/default/rp_filter":     {"net/ipv4/conf/*/rp_filter"},
		"net/ipv6/conf/all/disable_ipv6":      {"net/ipv6/conf/*/disable_ipv6"},
		"net/ipv6/conf/all/accept_ra":         nil,
		"net/ipv6/conf/default/accept_ra":     nil,
		"net/ipv6/conf/all/addr_gen_mode/too": nil,
	} {
		if diff := cmp.Diff(want, key.Drives()); diff != "" {
			t.Errorf("%s: -want +got:\n%s", key, diff)
		}
	}
}

// A key that fails puts back what the others changed besides themselves.
func TestApplyPutsBackWhatKeysDrive(t *testing.T) {
	const forward, lo, redirects Key = "net/ipv4/ip_forward", "net/ipv4/conf/lo/forwarding", "net/ipv4/conf/all/accept_redirects"
	tree := scratch(t)
	for _, a := range []Assignment{{Key: forward, Value: "0"}, {Key: lo, Value: "1"}, {Key: redirects, Value: "0"}} {
		if _, err := tree.write(a.Key, a.Value); err != nil {
			t.Fatal(err)
		}
	}
	before := values(t, tree, forward, lo, redirects)
	_, err := tree.Apply([]Assignment{{Key: forward, Value: "1"}, {Key: keepaliveProbes, Value: "300"}})
	if err == nil {
		t.Fatal("300 probes were taken")
	}
	if diff := cmp.Diff(before, values(t, tree, forward, lo, redirects)); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}
