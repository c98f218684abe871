package sysctl

import (
	"slices"
	"strings"
)

// forwarding4 is what a write to net.ipv4.ip_forward, or to its other name,
// changes besides (inet_forward_change in net/ipv4/devinet.c).
var forwarding4 = [...]Key{"net/ipv4/ip_forward", "net/ipv4/conf/*/forwarding", "net/ipv4/conf/all/accept_redirects"}

// propagated6 are the keys in net/ipv6/conf/all that the kernel copies to every
// interface (addrconf_sysctl_* in net/ipv6/addrconf.c).
var propagated6 = [...]string{"forwarding", "disable_ipv6", "disable_policy", "ignore_routes_with_linkdown", "addr_gen_mode"}

// Drives returns the patterns of the keys that the kernel changes when k is
// written; k may be among them.
func (k Key) Drives() []Key {
	if k == "net/ipv4/ip_forward" || k == "net/ipv4/conf/all/forwarding" {
		return forwarding4[:]
	}
	// An interface follows the default until it is set itself
	// (devinet_copy_dflt_conf).
	if name, ok := strings.CutPrefix(string(k), "net/ipv4/conf/default/"); ok {
		return []Key{Key("net/ipv4/conf/*/" + name)}
	}
	name, ok := strings.CutPrefix(string(k), "net/ipv6/conf/all/")
	if ok && slices.Contains(propagated6[:], name) {
		return []Key{Key("net/ipv6/conf/*/" + name)}
	}
	return nil
}

// driven reads the keys that writing the assignments will change besides, so
// that they can be put back too.
func (t *Tree) driven(assignments []Assignment) []Change {
	var before []Change
	for _, a := range assignments {
		for _, pattern := range a.Key.Drives() {
			keys, err := t.Expand(pattern)
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
