package sysctl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKey(t *testing.T) {
	for _, test := range []struct {
		text string
		want Key
	}{
		{"net.ipv4.tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"},
		{"net/ipv4/tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"},
		// sysctl(8): the other separator stands for itself in a component.
		{"net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"},
		{"net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter"},
		{"net.ipv4.conf.*.rp_filter", "net/ipv4/conf/*/rp_filter"},
		{"net.ipv4.conf.a/*.rp_filter", ""}, // "a.*" is not a whole component
		{"*", "*"},
		{"kernel.sem", "kernel/sem"},
		{"one", "one"},
		{"net.ipv4...x", ""},
		{"net.././x", ""},
		{"", ""},
		{".", ""},
		{"/", ""},
		{"..", ""},
		{"/net/ipv4/x", ""},
		{".net.ipv4.x", ""},
		{"net.ipv4.", ""},
		{"net/ipv4/", ""},
		{"net..x", ""},
		{"net//x", ""},
		{"net/../vm/swappiness", ""},
		{"net/./x", ""},
		{"net.//.x", ""}, // the component is ".." once the separators are swapped
		{"net./.x", ""},
		{"net.ip*.x", ""},
		{"net.**.x", ""},
		{"net.ipv4.x y", ""},
		{"net.ipv4.x\n", ""},
		{"net.ipv4.x\x00", ""},
		{"net.ipv4.\x7f", ""},
		{"net.ipv4.é", ""},
		{"net.ipv4.\xff", ""},
		{"net." + strings.Repeat("x", maxKeyLen-4), Key("net/" + strings.Repeat("x", maxKeyLen-4))},
		{"net." + strings.Repeat("x", maxKeyLen-3), ""},
	} {
		got, err := ParseKey(test.text)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("ParseKey(%q) = %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}

func TestParseRuntimeKey(t *testing.T) {
	for _, test := range []struct {
		text string
		want Key
	}{
		{"net.ipv4.tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"},
		{"net/ipv4/tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"},
		{"net/ipv4.tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"},
		// Where sysctl(8) sees the interface eth0.100, the runtime's path has eth0, then 100.
		{"net.ipv4.conf.eth0/100.rp_filter", "net/ipv4/conf/eth0/100/rp_filter"},
		{"net/ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0/100/rp_filter"},
		// Dots become slashes, so ".." can't lead upwards.
		{"net/../ipv4/tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"},
		{"net..ipv4.tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"},
		{"//net.ipv4.tcp_keepalive_time..", "net/ipv4/tcp_keepalive_time"},
		// The kernel takes a path of 4095 bytes, however many of them are separators.
		{"net" + strings.Repeat(".", 1000) + "ipv4.tcp_keepalive_time", "net/ipv4/tcp_keepalive_time"},
		// An interface may have such a name.
		{"net.ipv4.conf.é.rp_filter", "net/ipv4/conf/é/rp_filter"},
		{"net.ipv4.conf.\x01.rp_filter", "net/ipv4/conf/\x01/rp_filter"},
		{"", ""},
		{".", ""},
		{"./.", ""},
		{"net." + strings.Repeat("x", maxKeyLen), ""},
	} {
		got, err := ParseRuntimeKey(test.text)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("ParseRuntimeKey(%q) = %q, %v; want %q", test.text, got, err, test.want)
		}
	}
}

func TestKeyString(t *testing.T) {
	for key, want := range map[Key]string{
		"net/ipv4/tcp_keepalive_time":      "net.ipv4.tcp_keepalive_time",
		"net/ipv4/conf/eth0.100/rp_filter": "net.ipv4.conf.eth0/100.rp_filter",
		"net/ipv4/conf/*/rp_filter":        "net.ipv4.conf.*.rp_filter",
		// The kernel lets an interface be named by most bytes; a terminal must not see them.
		"net/ipv4/conf/\x1b[31m/rp_filter": "net.ipv4.conf.?[31m.rp_filter",
		"net/ipv4/conf/\xff/rp_filter":     "net.ipv4.conf.?.rp_filter",
		"":                                 "",
	} {
		if got := key.String(); got != want {
			t.Errorf("%q.String() = %q, want %q", string(key), got, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, key Key
		want         bool
	}{
		{"net/ipv4/x", "net/ipv4/x", true},
		{"net/ipv4/x", "net/ipv4/y", false},
		{"net/ipv4/x", "net/ipv4", false},
		{"net/ipv4", "net/ipv4/x", false},
		{"net/ipv4/conf/*/rp_filter", "net/ipv4/conf/eth0.100/rp_filter", true},
		{"net/ipv4/conf/*/rp_filter", "net/ipv4/conf/eth0/100/rp_filter", false},
		{"net/ipv4/conf/*/rp_filter", "net/ipv4/conf/rp_filter", false},
		{"net/ipv4/conf/*/rp_filter", "net/ipv6/conf/eth0/rp_filter", false},
		{"net/*/conf/*/*", "net/ipv6/conf/lo/mtu", true},
		{"*", "net", true},
		{"*", "net/ipv4", false},
		{"net/ipv4/conf/eth0/rp_filter", "net/ipv4/conf/*/rp_filter", false},
	} {
		if got := test.pattern.Matches(test.key); got != test.want {
			t.Errorf("%q.Matches(%q) = %t", test.pattern, test.key, got)
		}
	}
}

func TestWildcards(t *testing.T) {
	for key, want := range map[Key]int{
		"net/ipv4/x":        0,
		"net/ipv4/conf/*/x": 1,
		"net/*/conf/*/*":    3,
		"*":                 1,
	} {
		if got := key.Wildcards(); got != want || key.IsPattern() != (want > 0) {
			t.Errorf("%q: %d wildcards, a pattern: %t; want %d", key, got, key.IsPattern(), want)
		}
	}
}

func TestInterfaceDefault(t *testing.T) {
	want := map[Key]Key{
		"net/ipv4/conf/eth0/rp_filter":           "net/ipv4/conf/default/rp_filter",
		"net/ipv6/conf/eth0.100/accept_ra":       "net/ipv6/conf/default/accept_ra",
		"net/ipv4/neigh/eth0/gc_stale_time":      "net/ipv4/neigh/lo/gc_stale_time",
		"net/ipv4/conf/eth0":                     "",
		"net/ipv4/route/gc/x":                    "",
		"net/mpls/conf/eth0/input":               "",
		"net/ipv4/conf/eth0/100/rp_filter":       "",
		"net/ipv4/tcp_keepalive_time":            "",
		"kernel/msgmax":                          "",
		"net/bridge/conf/eth0/nf_call_iptables6": "",
	}
	got := map[Key]Key{}
	for key := range want {
		def, ok := key.InterfaceDefault()
		if ok != (def != "") {
			t.Errorf("%s: %q, %t", key, def, ok)
		}
		got[key] = def
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
