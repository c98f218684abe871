package sysctl

import (
	"errors"
	"io/fs"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
)

const (
	congestionControl Key = "net/ipv4/tcp_congestion_control"
	portRange         Key = "net/ipv4/ip_local_port_range"
	privilegedPorts   Key = "net/ipv4/ip_unprivileged_port_start"
	reservedPorts     Key = "net/ipv4/ip_local_reserved_ports"
	receiveBuffer     Key = "net/ipv4/tcp_rmem"
	sendBuffer        Key = "net/ipv4/tcp_wmem"
	absent            Key = "net/ipv4/tcp_shiny_new"
)

func TestApply(t *testing.T) {
	tree := scratch(t)
	got, err := tree.Apply([]Assignment{
		{Key: keepaliveTime, Value: "600"},
		{Key: keepaliveIntvl, Value: "75"}, // what a new namespace has
		{Key: absent, Value: "1", Optional: true},
		{Key: keepaliveProbes, Value: "6", Optional: true},
		{Key: receiveBuffer, Value: "4096 131072 6291456"},
		{Key: reservedPorts, Value: ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Result{
		Changed: []Change{
			{keepaliveTime, "7200", "600"},
			{keepaliveProbes, "9", "6"},
			{receiveBuffer, got.Changed[2].Old, "4096 131072 6291456"},
		},
		Right:  []Key{keepaliveIntvl, reservedPorts},
		Absent: []Key{absent},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[Key]string{
		keepaliveTime: "600", keepaliveIntvl: "75", keepaliveProbes: "6", receiveBuffer: "4096\t131072\t6291456",
	}, values(t, tree, keepaliveTime, keepaliveIntvl, keepaliveProbes, receiveBuffer)); diff != "" {
		t.Errorf("the namespace: -want +got:\n%s", diff)
	}
}

// A second time there is nothing left to change.
func TestApplyTwice(t *testing.T) {
	tree := scratch(t)
	assignments := []Assignment{{Key: keepaliveTime, Value: "600"}, {Key: receiveBuffer, Value: "4096 131072 6291456"}}
	if _, err := tree.Apply(assignments); err != nil {
		t.Fatal(err)
	}
	got, err := tree.Apply(assignments)
	if diff := cmp.Diff(Result{Right: []Key{keepaliveTime, receiveBuffer}}, got); err != nil || diff != "" {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
}

// An empty value is written, not skipped.
func TestApplyEmptyValue(t *testing.T) {
	tree := scratch(t)
	for _, value := range []string{"80-82", ""} {
		if _, err := tree.Apply([]Assignment{{Key: reservedPorts, Value: value}}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[Key]string{reservedPorts: value}, values(t, tree, reservedPorts)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// Keys that the kernel checks against each other are set in whatever order.
func TestApplyInterdependent(t *testing.T) {
	for name, assignments := range map[string][]Assignment{
		"needs the second try": {{Key: privilegedPorts, Value: "40000"}, {Key: portRange, Value: "50000 60999"}},
		"in order":             {{Key: portRange, Value: "50000 60999"}, {Key: privilegedPorts, Value: "40000"}},
	} {
		t.Run(name, func(t *testing.T) {
			tree := scratch(t)
			got, err := tree.Apply(assignments)
			if err != nil || len(got.Changed) != 2 {
				t.Fatalf("%v, %v", got, err)
			}
			want := map[Key]string{privilegedPorts: "40000", portRange: "50000\t60999"}
			if diff := cmp.Diff(want, values(t, tree, privilegedPorts, portRange)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Whatever fails, the namespace is left as it was.
func TestApplyFails(t *testing.T) {
	good := []Assignment{
		{Key: keepaliveTime, Value: "600"},
		{Key: privilegedPorts, Value: "40000"},
		{Key: portRange, Value: "50000 60999"},
		{Key: reservedPorts, Value: "50001"},
		{Key: receiveBuffer, Value: "4096 131072 6291456"},
		{Key: sendBuffer, Value: "4096 16384 4000000"},
	}
	keys := []Key{congestionControl, "net/core/somaxconn"}
	for _, a := range good {
		keys = append(keys, a.Key)
	}
	for name, test := range map[string]struct {
		bad  Assignment
		text string
		is   error
	}{
		"out of the kernel's range": {
			Assignment{Key: keepaliveProbes, Value: "300"},
			`net.ipv4.tcp_keepalive_probes = "300": the kernel refuses it: invalid argument`, unix.EINVAL,
		},
		"not a number": {
			Assignment{Key: keepaliveIntvl, Value: "soon"},
			`net.ipv4.tcp_keepalive_intvl = "soon": the kernel refuses it: invalid argument`, unix.EINVAL,
		},
		"absent": {
			Assignment{Key: absent, Value: "1"},
			`net.ipv4.tcp_shiny_new = "1": this kernel has no such key in this namespace`, fs.ErrNotExist,
		},
		// The key is there; it is the algorithm that is not.
		"absent algorithm, optional key": {
			Assignment{Key: congestionControl, Value: "nosuch", Optional: true},
			`net.ipv4.tcp_congestion_control = "nosuch": the kernel refuses it: no such file or directory`, unix.ENOENT,
		},
		"kept in another form": {
			Assignment{Key: reservedPorts, Value: "80,81,82"},
			`net.ipv4.ip_local_reserved_ports = "80,81,82": the kernel kept "80-82"`, nil,
		},
		"kept another number": {
			Assignment{Key: "net/core/somaxconn", Value: "010"},
			`net.core.somaxconn = "010": the kernel kept "8"`, nil,
		},
		// The kernel stores the first field before it looks at the second.
		"refused half way": {
			Assignment{Key: sendBuffer, Value: "8192 x 3"},
			`net.ipv4.tcp_wmem = "8192 x 3": the kernel refuses it: invalid argument`, unix.EINVAL,
		},
		"fewer fields": {
			Assignment{Key: sendBuffer, Value: "8192"},
			`net.ipv4.tcp_wmem = "8192": the kernel kept "8192\t16384\t4000000"`, nil,
		},
		"read-only": {
			Assignment{Key: "net/ipv4/tcp_available_congestion_control", Value: "reno"},
			`net.ipv4.tcp_available_congestion_control = "reno": cannot be written: /proc/sys/net/ipv4/tcp_available_congestion_control: permission denied`, fs.ErrPermission,
		},
		"write-only": {
			Assignment{Key: "net/ipv4/route/flush", Value: "1"},
			`net.ipv4.route.flush = "1": /proc/sys/net/ipv4/route/flush: permission denied`, fs.ErrPermission,
		},
		"a directory": {
			Assignment{Key: "net/ipv4", Value: "1"},
			`net.ipv4 = "1": /proc/sys/net/ipv4: is a directory`, unix.EISDIR,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := scratch(t)
			before := values(t, tree, keys...)
			got, err := tree.Apply(append(good[:len(good):len(good)], test.bad))
			var failed *WriteError
			if !errors.As(err, &failed) {
				t.Fatalf("%v, %v; want a *WriteError", got, err)
			}
			if diff := cmp.Diff(test.bad, failed.Assignment); diff != "" {
				t.Errorf("the assignment that failed: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(test.text, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if diff := cmp.Diff(Result{}, got); diff != "" {
				t.Errorf("a result beside the error:\n%s", diff)
			}
			if diff := cmp.Diff(before, values(t, tree, keys...)); diff != "" {
				t.Errorf("not put back: -before +after:\n%s", diff)
			}
		})
	}
}

// Only the first failure is told.
func TestApplyFailsTwice(t *testing.T) {
	tree := scratch(t)
	_, err := tree.Apply([]Assignment{
		{Key: keepaliveProbes, Value: "300"},
		{Key: keepaliveTime, Value: "600"},
		{Key: absent, Value: "1"},
	})
	const want = `net.ipv4.tcp_keepalive_probes = "300": the kernel refuses it: invalid argument`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// What was changed twice is put back to what it was at first: newest first.
func TestApplyPutsBackNewestFirst(t *testing.T) {
	tree := scratch(t)
	_, err := tree.Apply([]Assignment{
		{Key: keepaliveTime, Value: "600"},
		{Key: keepaliveTime, Value: "500"},
		{Key: absent, Value: "1"},
	})
	if !errors.Is(err, ErrNoKey) {
		t.Errorf("%v, want %v", err, ErrNoKey)
	}
	if diff := cmp.Diff(map[Key]string{keepaliveTime: "7200"}, values(t, tree, keepaliveTime)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A /proc that is mounted read-only is no error where nothing is to change.
func TestApplyReadOnlyProc(t *testing.T) {
	proc := nstest.OpenProc(t)
	nstest.Unshare(t, unix.CLONE_NEWNET|unix.CLONE_NEWNS)
	for _, mount := range []struct {
		path  string
		flags uintptr
	}{{"/", unix.MS_REC | unix.MS_PRIVATE}, {"/proc", unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY}} {
		if err := unix.Mount("", mount.path, "", mount.flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewTree(proc).Apply([]Assignment{{Key: keepaliveTime, Value: "601"}}); err != nil {
		t.Errorf("through the descriptor of the other mount: %v", err)
	}
	tree := NewTree(nstest.OpenProc(t))
	got, err := tree.Apply([]Assignment{{Key: keepaliveTime, Value: "601"}})
	if diff := cmp.Diff(Result{Right: []Key{keepaliveTime}}, got); err != nil || diff != "" {
		t.Errorf("%v; -want +got:\n%s", err, diff)
	}
	_, err = tree.Apply([]Assignment{{Key: keepaliveTime, Value: "600"}})
	if !errors.Is(err, unix.EROFS) {
		t.Errorf("%v, want %v", err, unix.EROFS)
	}
}

// Something mounted over a sysctl is found out.
func TestApplyCoveredKey(t *testing.T) {
	nstest.Unshare(t, unix.CLONE_NEWNET|unix.CLONE_NEWNS)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("/dev/null", "/proc/sys/net/ipv4/tcp_keepalive_time", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	tree := NewTree(nstest.OpenProc(t))
	_, err := tree.Apply([]Assignment{{Key: keepaliveIntvl, Value: "10"}, {Key: keepaliveTime, Value: "600"}})
	if !errors.Is(err, unix.EXDEV) {
		t.Errorf("%v, want %v", err, unix.EXDEV)
	}
	if diff := cmp.Diff(map[Key]string{keepaliveIntvl: "75"}, values(t, tree, keepaliveIntvl)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Writing one key changes another of the policy: in the end both hold.
func TestApplySideEffect(t *testing.T) {
	for name, before := range map[string]string{"right before": "0", "other before": "1"} {
		t.Run(name, func(t *testing.T) {
			tree := scratch(t)
			const lo, all = Key("net/ipv4/conf/lo/forwarding"), Key("net/ipv4/ip_forward")
			for _, a := range []Assignment{{Key: all, Value: "0"}, {Key: lo, Value: before}} {
				if _, err := tree.write(a.Key, a.Value); err != nil {
					t.Fatal(err)
				}
			}
			result, err := tree.Apply([]Assignment{{Key: lo, Value: "0"}, {Key: all, Value: "1"}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[Key]string{lo: "0", all: "1"}, values(t, tree, lo, all)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if both := len(result.Changed) == 2; both != (before == "1") {
				t.Errorf("changed: %v", result.Changed)
			}
		})
	}
}

// Tens of thousands of interfaces must not take the hook for ever to count.
func TestResultOfManyKeys(t *testing.T) {
	const many = 50000
	var p pass
	var assignments []Assignment
	for n := range many {
		key := Key("net/ipv4/conf/if" + strconv.Itoa(n) + "/rp_filter")
		assignments = append(assignments, Assignment{Key: key, Value: "1"})
		p.changed = append(p.changed, Change{Key: key, Old: "0", New: "1"})
	}
	began := time.Now()
	if result := p.result(assignments); len(result.Changed) != many {
		t.Errorf("%d changed", len(result.Changed))
	}
	if took := time.Since(began); took > time.Second { // a tenth of the timeout in the hook file
		t.Errorf("took %v", took)
	}
}
