package sysctl

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
)

const (
	keepaliveTime   Key = "net/ipv4/tcp_keepalive_time"
	keepaliveIntvl  Key = "net/ipv4/tcp_keepalive_intvl"
	keepaliveProbes Key = "net/ipv4/tcp_keepalive_probes"
)

// scratch moves the test into a new network namespace.
func scratch(t *testing.T) *Tree {
	t.Helper()
	proc := nstest.OpenProc(t)
	nstest.Unshare(t, unix.CLONE_NEWNET)
	return NewTree(proc)
}

// values reads the keys.
func values(t *testing.T, tree *Tree, keys ...Key) map[Key]string {
	t.Helper()
	values := map[Key]string{}
	for _, key := range keys {
		value, err := tree.Read(key)
		if err != nil {
			t.Fatal(err)
		}
		values[key] = value
	}
	return values
}

// What a file is read as by others, and nothing at its end.
func TestRead(t *testing.T) {
	tree := scratch(t)
	for _, key := range []Key{keepaliveTime, "net/ipv4/tcp_rmem", "net/ipv4/ip_local_reserved_ports"} {
		got, err := tree.Read(key)
		want, otherErr := os.ReadFile("/proc/sys/" + string(key))
		if err != nil || otherErr != nil || got+"\n" != string(want) {
			t.Errorf("%s: %q, %v; want %q, %v", key, got, err, want, otherErr)
		}
	}
}

// A value that is longer than the first buffer.
func TestReadLong(t *testing.T) {
	tree := scratch(t)
	const key Key = "net/ipv4/ip_local_reserved_ports"
	var ports []string
	for port := 1000; port < 1600; port += 2 {
		ports = append(ports, strconv.Itoa(port))
	}
	want := strings.Join(ports, ",")
	if _, err := tree.write(key, want); err != nil {
		t.Fatal(err)
	}
	if got, err := tree.Read(key); err != nil || got != want {
		t.Errorf("%q, %v; want %d bytes", got, err, len(want))
	}
}

func TestReadFails(t *testing.T) {
	tree := scratch(t)
	for key, want := range map[Key]error{
		"net/ipv4/no_such_key":             ErrNoKey,
		"net/ipv4/tcp_keepalive_time/x":    ErrNoKey,
		"net/core/bpf_jit_enable":          ErrNoKey, // the host's namespace only
		"net/ipv4/../ipv4/tcp_retries1":    nil,
		"net/../../sys/kernel/hostname":    nil,
		"../../etc/passwd":                 unix.EXDEV,
		"net/ipv4/../../../../etc/passwd":  unix.EXDEV,
		"net/ipv4":                         unix.EISDIR,
		"net/ipv4/route/flush":             fs.ErrPermission, // for writing only
		"net/ipv4/tcp_keepalive_time\x00x": unix.EINVAL,
	} {
		if _, err := tree.Read(key); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", key, err, want)
		}
	}
}

func TestExpand(t *testing.T) {
	tree := scratch(t)
	for _, test := range []struct {
		pattern Key
		want    []Key
	}{
		{"net/ipv4/conf/*/rp_filter", []Key{"net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter", "net/ipv4/conf/lo/rp_filter"}},
		{"net/ipv4/*/lo/gc_stale_time", []Key{"net/ipv4/neigh/lo/gc_stale_time"}},
		{"net/*/conf/*/tag", []Key{"net/ipv4/conf/all/tag", "net/ipv4/conf/default/tag", "net/ipv4/conf/lo/tag"}},
		{"net/ipv4/*/lo/*_filter", []Key{}}, // not how a pattern can be written; it must find nothing
		{"net/ipv4/conf/*", []Key{}},        // directories only
		{"net/ipv4/*/x", []Key{}},
		{"net/ipv4/tcp_keepalive_time/*", []Key{}},
		{"net/nothing/*/x", []Key{}},
		{keepaliveTime, []Key{keepaliveTime}},
	} {
		got, err := tree.Expand(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", test.pattern, diff)
		}
	}
}

// More names than one read of the directory returns, each found once.
func TestExpandLargeDirectory(t *testing.T) {
	tree := scratch(t)
	got, err := tree.Expand("net/ipv4/*")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc/sys/net/ipv4")
	if err != nil {
		t.Fatal(err)
	}
	var want []Key
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			want = append(want, Key("net/ipv4/"+entry.Name()))
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
