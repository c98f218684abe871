package sysctl

import (
	"strings"
	"testing"
)

// fixtureKeys are what real bundles and policies name.
var fixtureKeys = []string{
	"net.ipv4.tcp_keepalive_time", "net/ipv4/tcp_keepalive_time", "net.ipv4.conf.eth0/100.rp_filter",
	"net.ipv4.conf.*.rp_filter", "kernel.shm_rmid_forced", "fs.mqueue.msg_max", "kernel.domainname",
	"user.max_net_namespaces", "net..ipv4", "/net/ipv4", "net/../vm",
}

func FuzzKey(f *testing.F) {
	for _, text := range fixtureKeys {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkRuntimeKey(t, text)
		key, err := ParseKey(text)
		if err != nil {
			if key != "" {
				t.Errorf("%q beside %v", key, err)
			}
			return
		}
		for component := range strings.SplitSeq(string(key), "/") {
			if component == "" || component == "." || component == ".." {
				t.Errorf("%q has the component %q", key, component)
			}
		}
		if _, err := key.Namespace(); err == nil && key.Wildcards() > 0 != key.IsPattern() {
			t.Errorf("%q: a pattern or not", key)
		}
		if again, err := ParseKey(string(key)); firstDotted(key) == (err == nil && again == key) {
			t.Errorf("%q is read again as %q, %v", key, again, err)
		}
	})
}

// firstDotted reports whether the first of several components holds a dot: such
// a path can't be told from a text with dots as separators.
func firstDotted(key Key) bool {
	return strings.Contains(strings.SplitN(string(key), "/", 2)[0], ".")
}

// checkRuntimeKey: the key is the path that the runtime opens, short of what
// the kernel overlooks in a path.
func checkRuntimeKey(t *testing.T, text string) {
	key, err := ParseRuntimeKey(text)
	if err != nil {
		return
	}
	opened := strings.ReplaceAll(text, ".", "/")
	for strings.Contains(opened, "//") {
		opened = strings.ReplaceAll(opened, "//", "/")
	}
	if want := strings.Trim(opened, "/"); string(key) != want {
		t.Errorf("%q is read as %q, want %q", text, key, want)
	}
}

func FuzzValue(f *testing.F) {
	for _, value := range []string{"600", "4096\t131072\t6291456\n", "", "bbr", "0x10", "-1", "18446744073692774399", "80-82,90"} {
		f.Add(value, int64(30), int64(7200))
	}
	f.Fuzz(func(t *testing.T, value string, low, high int64) {
		inside := InRange(value, &low, &high)
		normal, err := Normalize(value)
		if err != nil {
			return
		}
		if !Equal(value, normal) || len(normal) > MaxValueLen || strings.Join(strings.Fields(normal), " ") != normal {
			t.Errorf("Normalize(%q) = %q", value, normal)
		}
		if again := InRange(normal, &low, &high); (inside == nil) != (again == nil) {
			t.Errorf("%q: %v; %q: %v", value, inside, normal, again)
		}
		if inside == nil && (low > high || InRange(value, nil, &high) != nil || InRange(value, &low, nil) != nil) {
			t.Errorf("%q is between %d and %d", value, low, high)
		}
	})
}
