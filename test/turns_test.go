package test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Containers of a pod start at the same time. A hook that fails puts back what
// it found; meanwhile no other may take what it wrote for the pod's own. So
// hooks take turns in a joined namespace, by flock(2) on it. In these tests the
// other hook is the test itself.

// newSharedTarget is a target whose namespace is a pod's: joined by path.
func newSharedTarget(t *testing.T) *target {
	t.Helper()
	g := newTarget(t)
	spec := newSpec("true")
	joinNetwork(spec, g.ns.path())
	if err := writeBundle(g.bundle, spec); err != nil {
		t.Fatal(err)
	}
	return g
}

// newJoinedTarget is one whose namespace another hook is busy in.
func newJoinedTarget(t *testing.T) *target {
	t.Helper()
	g := newSharedTarget(t)
	if err := unix.Flock(int(g.ns.file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestHookWaitsForItsTurn(t *testing.T) {
	const busy = 300 * time.Millisecond
	g := newJoinedTarget(t)
	// What the other hook wrote and is going to put back.
	g.ns.set(t, keepaliveTime, "1200")
	time.AfterFunc(busy, func() {
		if err := g.ns.enter(func() error { return writeKey(keepaliveTime, g.before[keepaliveTime]) }); err != nil {
			t.Error(err)
		}
		if err := unix.Flock(int(g.ns.file.Fd()), unix.LOCK_UN); err != nil {
			t.Error(err)
		}
	})
	g.wantApplied(t, g.run(t, g.stdin(t)))
}

// Whoever can open the namespace can take the lock: it may not hold up a
// container for long.
func TestHookWaitsNotForEver(t *testing.T) {
	const patience = time.Second        // lockWait in cmd/hook
	const most = patience + time.Second // for a busy machine
	g := newJoinedTarget(t)
	got := g.run(t, g.stdin(t))
	g.wantApplied(t, got)
	if got.took < patience || got.took > most {
		t.Errorf("took %v, want %v to %v", got.took, patience, most)
	}
}
