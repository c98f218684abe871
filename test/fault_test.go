package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mostCalls is more than the hook makes of any system call.
const mostCalls = 60

// faultCase is a container in whose making something fails.
type faultCase struct {
	target func(*testing.T) *target
	ipc    bool              // it has an IPC namespace of its own
	want   map[string]string // what the hook makes of its keys
	calls  []string
}

// sharedCalls are what the hook makes of every container.
var sharedCalls = []string{
	"openat2:error=EIO", "openat2:error=ENOENT", "openat2:error=EACCES", "openat:error=EMFILE",
	"read:error=EIO", "ppoll:error=EIO", "fstat:error=EIO", "pread64:error=EIO",
	"pwrite64:error=EINVAL", "pwrite64:error=EPERM", "setns:error=EPERM", "fstatfs:error=EIO",
	"getdents64:error=EIO", "newfstatat:error=EIO",
}

var faultCases = map[string]faultCase{
	"new network": {target: newTarget, want: keepaliveSet, calls: sharedCalls},
	// Its value counts as the pod's only if a new namespace has another.
	"joined network with a value": {
		target: newAskingTarget,
		want:   map[string]string{keepaliveTime: "1200", keepaliveIntvl: "10", keepaliveProbes: "6"},
		// ENOENT is no failure here: it says that a new namespace lacks the key.
		calls: append([]string{"unshare:error=ENOSPC", "unshare:error=EPERM", "flock:error=ENOLCK",
			"statfs:error=EIO"}, slices.DeleteFunc(slices.Clone(sharedCalls), isENOENT)...),
	},
	// The kernel takes IPC's values from the container's root alone.
	"users of its own": {
		target: newOwnUsersTarget, ipc: true,
		want:  map[string]string{keepaliveTime: "600", msgmax: "16384", queuesMax: "128"},
		calls: append([]string{"setresuid:error=EAGAIN"}, sharedCalls...),
	},
}

func isENOENT(call string) bool { return strings.HasSuffix(call, "error=ENOENT") }

// newAskingTarget is a target whose pod has asked for a value: the one that the
// node has, too, so that nothing but a new namespace tells it from no ask.
func newAskingTarget(t *testing.T) *target {
	t.Helper()
	g := newSharedTarget(t)
	g.ns.set(t, keepaliveTime, "1200")
	g.wrap = []string{"unshare", "--net", "sh", "-c", `echo 1200 >"$0" && exec "$@"`, keyPath(keepaliveTime)}
	return g
}

// newOwnUsersTarget is a target with a user namespace.
func newOwnUsersTarget(t *testing.T) *target {
	t.Helper()
	g := newTargetIn(t, startWithUsers(t, syscall.CLONE_NEWNET|syscall.CLONE_NEWIPC))
	g.policy = policyDir(t, rule(`"net.ipv4.tcp_keepalive_time" = 600`, `"kernel.msgmax" = 16384`, `"fs.mqueue.queues_max" = 128`))
	return g
}

// read gives what the container's keys hold.
func (c faultCase) read(t *testing.T, g *target) map[string]string {
	t.Helper()
	ipc := hold(t, fmt.Sprintf("/proc/%d/ns/ipc", g.pid), syscall.CLONE_NEWIPC)
	values := make(map[string]string)
	for key := range c.want {
		ns := g.ns.heldNamespace
		if !strings.HasPrefix(key, "net.") {
			ns = ipc
		}
		maps.Copy(values, ns.get(t, key))
	}
	return values
}

// Each system call that the hook's work is made of fails in turn: the first,
// the second, and so on, until none is left. Whatever the hook makes of it, the
// namespace has all of the policy or nothing of it, and the exit status says
// which.
func TestEachSystemCallFails(t *testing.T) {
	for name, c := range faultCases {
		for _, call := range c.calls {
			t.Run(name+"/"+call, func(t *testing.T) {
				t.Parallel()
				for n := 1; n <= mostCalls; n++ {
					if struck := c.strike(t, fmt.Sprintf("%s:when=%d", call, n)); !struck {
						if n == 1 {
							t.Error("the hook makes no such call: nothing was tested")
						}
						return
					}
				}
				t.Errorf("after %d calls the fault still strikes", mostCalls)
			})
		}
	}
}

// strike runs the hook with the fault, and reports whether the fault struck.
func (c faultCase) strike(t *testing.T, fault string) bool {
	t.Helper()
	g := c.target(t)
	before := c.read(t, g)
	if maps.Equal(before, c.want) {
		t.Fatalf("the target has %v already: nothing is tested", before)
	}
	g.underStrace(t, fault)
	got := g.run(t, g.stdin(t))
	want := c.want
	if got.code != 0 {
		want = before
	}
	switch {
	case got.code != 0 && (got.stderr != "" || !g.struckAgain(t)):
		oneError(t, got.stderr)
	case got.stderr != "":
		t.Errorf("%s: exit 0, and it says %q", fault, got.stderr)
	}
	if diff := cmp.Diff(want, c.read(t, g)); diff != "" || got.stdout != "" {
		t.Errorf("%s: exit %d, %q%q (-want +got):\n%s", fault, got.code, got.stdout, got.stderr, diff)
	}
	return g.injected(t) > 0
}

// struckAgain tells that a fault struck twice: the Go runtime took the hook to
// another thread, as it may before a namespace is entered, and strace counts the
// calls of each. Then it may have struck the way out of the error's own line.
func (g *target) struckAgain(t *testing.T) bool {
	t.Helper()
	return g.injected(t) > 1
}

// A log that fails is worth a warning, and no container.
func TestEachSystemCallOfTheLogFails(t *testing.T) {
	for fault, warns := range map[string]bool{
		"socket:error=EMFILE":           true,
		"connect:error=EACCES":          true,
		"connect:error=ECONNREFUSED":    false, // nobody listens: as good as no log
		"sendmsg:error=EIO":             true,
		"sendmsg:error=EAGAIN:when=1+":  true,
		"sendmsg:error=EAGAIN:when=1":   false, // and then it takes the record
		"sendmsg:error=EINTR:when=1..2": false,
	} {
		t.Run(fault, func(t *testing.T) {
			g := newTarget(t)
			listenSyslog(t, g)
			g.args = []string{"--log=syslog"}
			g.underStrace(t, fault)
			got := g.run(t, g.stdin(t))
			if g.injected(t) == 0 {
				t.Error("the fault did not strike: nothing was tested")
			}
			if warns {
				onlyWarnings(t, got.stderr, "the record could not be logged", "/dev/log")
				got.stderr = ""
			}
			g.wantApplied(t, got)
		})
	}
}

// The wait for a log that takes nothing fails. The waits for the state, which
// come before, fail the container.
func TestWaitForTheLogFails(t *testing.T) {
	for n := 1; n <= mostCalls; n++ {
		g, got := waitForTheLog(t, n)
		for range 20 {
			if !g.struckAgain(t) {
				break
			}
			g, got = waitForTheLog(t, n)
		}
		if g.injected(t) == 0 {
			t.Fatal("the hook does not wait for the log: nothing was tested")
		}
		if got.code == 0 {
			onlyWarnings(t, got.stderr, "the record could not be logged", "/dev/log", syscall.EIO.Error())
			got.stderr = ""
			g.wantApplied(t, got)
			return
		}
		if g.wantUnchanged(t); got.code != 2 || !strings.Contains(got.stderr, "state: ") {
			t.Errorf("wait %d: exit %d: %s", n, got.code, got.stderr)
		}
	}
	t.Errorf("after %d calls the fault still strikes the state", mostCalls)
}

// waitForTheLog runs the hook with a stuck log, whose n-th wait fails.
func waitForTheLog(t *testing.T, n int) (*target, result) {
	t.Helper()
	g := newTarget(t)
	fillSocket(t, listenSyslog(t, g).LocalAddr().String())
	g.args = []string{"--log=syslog"}
	g.underStrace(t, fmt.Sprintf("ppoll:error=EIO:when=%d", n))
	return g, g.run(t, g.stdin(t))
}

// From one write on, all fail, so that what was written can't be put back: the
// error says so.
func TestRollBackFails(t *testing.T) {
	for n := 2; n <= len(keepaliveKeys); n++ {
		g := newTarget(t)
		g.underStrace(t, fmt.Sprintf("pwrite64:error=EIO:when=%d+", n))
		got := g.run(t, g.stdin(t))
		if got.code != 4 {
			t.Errorf("exit %d, want 4", got.code)
		}
		oneError(t, got.stderr, "could not be put back", keepaliveTime)
	}
}

// killCases are ends that the hook is on its way to when it is killed.
var killCases = map[string]struct {
	target func(*testing.T) *target
	policy string
	code   int   // with which it would end
	counts []int // of the values that differ when it is killed at the n-th write
	seen   []int // all such counts, over all kills
}{
	"new":    {newTarget, keepalivePolicy, 0, []int{0, 1, 2}, []int{0, 1, 2, 3}},
	"joined": {newSharedTarget, keepalivePolicy, 0, []int{0, 1, 2}, []int{0, 1, 2, 3}},
	// Two are written, the third is refused twice; then the two are put back.
	"new, rolled back":    {newTarget, unsettable, 4, []int{0, 1, 2, 2, 2, 1}, []int{0, 1, 2}},
	"joined, rolled back": {newSharedTarget, unsettable, 4, []int{0, 1, 2, 2, 2, 1}, []int{0, 1, 2}},
}

// unsettable is a policy whose last key the kernel refuses.
var unsettable = rule(`"net.ipv4.tcp_keepalive_time" = 600`, `"net.ipv4.tcp_keepalive_intvl" = 10`,
	`"net.ipv4.tcp_keepalive_probes" = 300`)

// killCalls are the calls on the way: to open a key, to read it before and
// after a write, to write it, to end. A kill at a call comes before it takes
// place, and so right after the one before.
var killCalls = []string{"openat2", "pread64", "pwrite64", "exit_group"}

// The hook is killed at each of its steps, and the container is started again:
// a new one, or in the same namespace, as a pod's is.
func TestKilledAtEachStep(t *testing.T) {
	for name, c := range killCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := map[int]bool{}
			for _, call := range killCalls {
				for n := 1; ; n++ {
					g := c.target(t)
					g.policy = policyDir(t, c.policy)
					g.underStrace(t, fmt.Sprintf("%s:signal=SIGKILL:when=%d", call, n))
					if got := g.run(t, g.stdin(t)); got.code != -1 {
						if got.code != c.code || n == 1 {
							t.Errorf("exit %d at the %d. %s: %s", got.code, n, call, got.stderr)
						}
						break
					}
					changed := g.changed(t)
					seen[changed] = true
					if call == "pwrite64" && (n > len(c.counts) || changed != c.counts[n-1]) {
						t.Errorf("killed at write %d, and %d values have changed, want one of %v", n, changed, c.counts)
					}
					g.wrap, g.policy = nil, policyDir(t, keepalivePolicy)
					g.wantApplied(t, g.run(t, g.stdin(t)))
				}
			}
			if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, c.seen) {
				t.Errorf("killed when %v values had changed, want %v", got, c.seen)
			}
		})
	}
}

// changed counts the values that are not what they were.
func (g *target) changed(t *testing.T) (n int) {
	t.Helper()
	for key, value := range g.ns.get(t, keepaliveKeys...) {
		if value != g.before[key] {
			n++
		}
	}
	return n
}

// The container's process ends while the hook is at work. Each call is one that
// is the first of its kind, or is made in the namespace, and so by one thread.
func TestNamespaceDisappears(t *testing.T) {
	for name, test := range map[string]struct {
		target func(*testing.T) *target
		call   string
		n      int
		gone   bool
	}{
		"/proc has just been opened": {newTarget, "fstatfs", 1, true},
		"the process is pinned":      {newTarget, "openat2", 1, true},
		"the namespace is open":      {newSharedTarget, "flock", 1, false},
		"the hook has entered":       {newTarget, "setns", 1, false},
		"some values are written":    {newTarget, "pwrite64", 2, false},
		"all values are written":     {newTarget, "pwrite64", 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := test.target(t)
			hook := g.stopAfter(t, test.call, test.n)
			g.end(t)
			got := hook.resume(t)
			if test.gone {
				g.wantFailed(t, got, 4, fmt.Sprint(g.pid))
				return
			}
			g.wantApplied(t, got) // the hook holds the namespace
		})
	}
}
