package sysctl

import (
	"slices"
	"strings"
)

// Drive is what the kernel changes besides a key that is written.
type Drive struct {
	Keys   Key  // may be a pattern
	Copied bool // they get the value that is written
	Lapses bool // only until they are written themselves, or their interface has an address

	interfaces bool // Keys stands for interfaces alone, not for all and default
}

// forwarding4 is what a write to net.ipv4.ip_forward, or to its other name,
// changes besides (inet_forward_change in net/ipv4/devinet.c). It gives
// accept_redirects the opposite.
var forwarding4 = [...]Drive{
	{Keys: "net/ipv4/ip_forward", Copied: true},
	{Keys: "net/ipv4/conf/*/forwarding", Copied: true},
	{Keys: "net/ipv4/conf/all/accept_redirects"},
}

// unfollowed4 are the keys of which an interface does not follow the default:
// they have handlers of their own (DEVINET_SYSCTL_COMPLEX_ENTRY and
// DEVINET_SYSCTL_FLUSHING_ENTRY in net/ipv4/devinet.c).
var unfollowed4 = [...]string{
	"forwarding", "disable_xfrm", "disable_policy", "promote_secondaries", "route_localnet", "drop_unicast_in_l2_multicast",
}

// propagated6 are the keys in net/ipv6/conf/all that the kernel copies to every
// interface and, all but the second, to the default (net/ipv6/addrconf.c).
var propagated6 = [...]string{"forwarding", "force_forwarding", "disable_ipv6", "ignore_routes_with_linkdown", "addr_gen_mode"}

// aliases are keys of one directory that the kernel keeps in one place, in other
// units or words.
var aliases = [...][2]Key{
	{"net/ipv6/route/gc_min_interval", "net/ipv6/route/gc_min_interval_ms"},
	{"net/mptcp/path_manager", "net/mptcp/pm_type"},
	{"net/*/neigh/*/base_reachable_time", "net/*/neigh/*/base_reachable_time_ms"},
	{"net/*/neigh/*/retrans_time", "net/*/neigh/*/retrans_time_ms"},
	{"net/*/neigh/*/unres_qlen", "net/*/neigh/*/unres_qlen_bytes"},
}

// alias returns the other name of a key, in its directory.
func (k Key) alias() (Key, bool) {
	for _, pair := range aliases {
		for n, name := range pair {
			if name.Matches(k) {
				other := pair[1-n]
				dir := k[:strings.LastIndexByte(string(k), '/')]
				return dir + other[strings.LastIndexByte(string(other), '/'):], true
			}
		}
	}
	return "", false
}

// Drives returns what the kernel changes when k is written; k may be among it.
func (k Key) Drives() []Drive {
	if other, ok := k.alias(); ok {
		return []Drive{{Keys: other}}
	}
	// A secret makes the addresses from it (addrconf_sysctl_stable_secret).
	if dir, ok := strings.CutSuffix(string(k), "/stable_secret"); ok && strings.HasPrefix(dir, "net/ipv6/conf/") {
		if dir == "net/ipv6/conf/default" {
			dir = "net/ipv6/conf/*"
		}
		return []Drive{{Keys: Key(dir + "/addr_gen_mode")}}
	}
	if k == "net/ipv4/ip_forward" || k == "net/ipv4/conf/all/forwarding" {
		return forwarding4[:]
	}
	// devinet_copy_dflt_conf, until ipv4_devconf_set or ipv4_devconf_setall.
	if name, ok := strings.CutPrefix(string(k), "net/ipv4/conf/default/"); ok && !slices.Contains(unfollowed4[:], name) {
		return []Drive{{Keys: Key("net/ipv4/conf/*/" + name), Copied: true, Lapses: true, interfaces: true}}
	}
	name, ok := strings.CutPrefix(string(k), "net/ipv6/conf/all/")
	if ok && slices.Contains(propagated6[:], name) {
		return []Drive{{Keys: Key("net/ipv6/conf/*/" + name), Copied: true, interfaces: name == "force_forwarding"}}
	}
	return nil
}

// Changes reports whether the kernel changes the key, or may change one that it
// covers as a pattern.
func (d Drive) Changes(k Key) bool {
	if !d.Keys.Overlaps(k) {
		return false
	}
	if d.interfaces {
		name := strings.Split(string(k), "/")[3]
		return name != "all" && name != "default"
	}
	return true
}

// driven reads the keys that writing the assignments will change besides, so
// that they can be put back too.
func (t *Tree) driven(assignments []Assignment) []Change {
	var before []Change
	for _, a := range assignments {
		for _, drive := range a.Key.Drives() {
			keys, err := t.Expand(drive.Keys)
			if err != nil {
				continue // no less can be put back than without
			}
			for _, key := range keys {
				if value, err := t.Read(key); err == nil {
					before = append(before, Change{Key: key, Old: value})
				}
			}
		}
	}
	return before
}
