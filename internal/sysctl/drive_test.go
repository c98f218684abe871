package sysctl

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDriveChanges(t *testing.T) {
	for _, test := range []struct {
		written, other Key
		changes        bool
	}{
		{"net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding", true},
		{"net/ipv4/conf/all/forwarding", "net/ipv4/ip_forward", true},
		{"net/ipv4/ip_forward", "net/ipv4/conf/eth0/forwarding", true},
		{"net/ipv4/ip_forward", "net/*/conf/all/forwarding", true},
		{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", false},
		{"net/ipv4/conf/eth0/forwarding", "net/ipv4/ip_forward", false},
		{"net/ipv4/conf/default/rp_filter", "net/ipv4/conf/eth0/rp_filter", true},
		{"net/ipv4/conf/default/rp_filter", "net/ipv4/conf/*/rp_filter", true},
		{"net/ipv4/conf/default/rp_filter", "net/ipv4/conf/all/rp_filter", false},
		{"net/ipv6/conf/all/disable_ipv6", "net/ipv6/conf/default/disable_ipv6", true},
		{"net/ipv6/conf/all/accept_ra", "net/ipv6/conf/lo/accept_ra", false},
		{"net/ipv6/conf/default/accept_ra", "net/ipv6/conf/lo/accept_ra", false},
		{"net/ipv6/route/gc_min_interval", "net/ipv6/route/gc_min_interval_ms", true},
		{"net/ipv4/neigh/eth0/retrans_time_ms", "net/ipv4/neigh/eth0/retrans_time", true},
		{"net/ipv4/neigh/eth0/retrans_time_ms", "net/ipv4/neigh/*/retrans_time", true},
		{"net/ipv4/neigh/eth0/retrans_time_ms", "net/ipv6/neigh/eth0/retrans_time", false},
		{"net/ipv4/neigh/eth0/retrans_time_ms", "net/ipv4/neigh/eth1/retrans_time", false},
		{"net/mptcp/pm_type", "net/mptcp/path_manager", true},
		{"net/ipv6/conf/default/stable_secret", "net/ipv6/conf/lo/addr_gen_mode", true},
		{"net/ipv6/conf/eth0/stable_secret", "net/ipv6/conf/lo/addr_gen_mode", false},
		{"net/ipv6/conf/all/addr_gen_mode/too", "net/ipv6/conf/lo/addr_gen_mode/too", false},
	} {
		if got := drives(test.written, test.other) != nil; got != test.changes {
			t.Errorf("writing %s changes %s: %t", test.written, test.other, got)
		}
	}
}

// drives returns how writing a key changes another one, nil if it does not.
func drives(written, other Key) *Drive {
	for _, d := range written.Drives() {
		if d.Changes(other) {
			return &d
		}
	}
	return nil
}

// The kernel is the oracle of what a write changes: each key of an interface's
// kind is written in turn, and all of them are read.
func TestDrivesAsTheKernel(t *testing.T) {
	tree := scratch(t)
	keys := []Key{"net/ipv4/ip_forward"}
	for _, pattern := range []Key{
		"net/ipv4/conf/*/*", "net/ipv6/conf/*/*", "net/ipv4/neigh/*/*", "net/ipv6/neigh/*/*", "net/ipv6/route/*", "net/mptcp/*",
	} {
		found, err := tree.Expand(pattern)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, found...)
	}
	seen := 0
	for _, written := range keys {
		tree := scratch(t) // where no interface has been set itself
		before := readable(tree, keys)
		value, err := another(tree, written, before[written])
		if err != nil {
			continue // not for writing, or not so
		}
		for other, now := range readable(tree, keys) {
			drive := drives(written, other)
			changed := other != written && now != before[other]
			switch {
			case changed && drive == nil:
				t.Errorf("writing %s = %s changed %s from %s to %s", written, value, other, before[other], now)
			case drive != nil && drive.Copied && now != value:
				t.Errorf("writing %s = %s left %s = %s", written, value, other, now)
			case changed:
				seen++
			}
		}
	}
	if seen == 0 {
		t.Error("no write changed another key")
	}
}

func readable(tree *Tree, keys []Key) map[Key]string {
	values := map[Key]string{}
	for _, key := range keys {
		if value, err := tree.Read(key); err == nil {
			values[key] = value
		}
	}
	return values
}

// another gives the key a value that it does not have.
func another(tree *Tree, key Key, value string) (string, error) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return "", err
	}
	// What is kept in larger units needs a larger step to be seen in them.
	for _, other := range []int{1 - n, n + 1, n + 2000} {
		if _, err = tree.write(key, strconv.Itoa(other)); err == nil {
			return strconv.Itoa(other), nil
		}
	}
	return "", err
}

// flipped is another value than one that is likely a switch.
func flipped(value string) string {
	if value == "0" {
		return "1"
	}
	return "0"
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

// A firm write ends that an interface follows the default, whatever it holds.
func TestApplyFirm(t *testing.T) {
	const lo, byDefault Key = "net/ipv4/conf/lo/rp_filter", "net/ipv4/conf/default/rp_filter"
	for _, firm := range []bool{false, true} {
		tree := scratch(t)
		before := values(t, tree, lo)[lo]
		result, err := tree.Apply([]Assignment{{Key: lo, Value: before, Firm: firm}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Result{Right: []Key{lo}}, result); diff != "" {
			t.Errorf("firm %t: -want +got:\n%s", firm, diff)
		}
		if _, err := tree.write(byDefault, flipped(before)); err != nil {
			t.Fatal(err)
		}
		if held := values(t, tree, lo)[lo] == before; held != firm {
			t.Errorf("firm %t: the interface followed the default: %t", firm, !held)
		}
	}
}
