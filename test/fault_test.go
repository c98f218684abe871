package test

import (
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// underStrace makes the hook run with a fault injected into it; see strace(1).
func (g *target) underStrace(t *testing.T, inject string) {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		unavailable(t, "%v", err)
	}
	syscall, _, _ := strings.Cut(inject, ":")
	g.wrap = []string{path, "-f", "-qq", "-o", filepath.Join(t.TempDir(), "strace"),
		"-e", "trace=" + syscall, "-e", "signal=none", "-e", "inject=" + inject}
}

// mostCalls is more than the hook makes of any system call.
const mostCalls = 40

// Each system call that the hook's work is made of fails in turn: the first,
// the second, and so on, until none is left. Whatever the hook makes of it, the
// namespace has all of the policy or nothing of it, and the exit status says
// which.
func TestEachSystemCallFails(t *testing.T) {
	for _, syscall := range []string{
		"openat2:error=EIO", "openat2:error=ENOENT", "openat2:error=EACCES", "openat:error=EMFILE",
		"pread64:error=EIO", "pwrite64:error=EINVAL", "pwrite64:error=EPERM",
		"setns:error=EPERM", "fstatfs:error=EIO", "getdents64:error=EIO", "newfstatat:error=EIO",
	} {
		t.Run(syscall, func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= mostCalls; n++ {
				g := newTarget(t)
				g.underStrace(t, fmt.Sprintf("%s:when=%d", syscall, n))
				got := g.run(t, g.stdin(t))
				if got.code != 0 {
					g.wantFailed(t, got, got.code)
					continue
				}
				g.wantApplied(t, got)
				if g.injected(t) == 0 {
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

// injected counts the faults that struck.
func (g *target) injected(t *testing.T) int {
	t.Helper()
	for i, arg := range g.wrap {
		if arg == "-o" {
			return strings.Count(readAny(t, g.wrap[i+1]), "(INJECTED)")
		}
	}
	return 0
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

// The hook is killed at one of its writes and the container is started again:
// a new one, or in the same namespace, as a pod's is.
func TestKilledAtAWrite(t *testing.T) {
	for _, joined := range []bool{false, true} {
		for n := 1; n <= len(keepaliveKeys); n++ {
			t.Run(fmt.Sprintf("joined %t, write %d", joined, n), func(t *testing.T) {
				t.Parallel()
				g := newTarget(t)
				if joined {
					g = newJoinedTarget(t)
				}
				g.underStrace(t, fmt.Sprintf("pwrite64:signal=SIGKILL:when=%d", n))
				if got := g.run(t, g.stdin(t)); got.code == 0 {
					t.Fatal("the hook was not killed")
				}
				// It was killed before the write took place.
				if values := g.ns.get(t, keepaliveKeys...); maps.Equal(values, keepaliveSet) {
					t.Errorf("killed at write %d, and the values are %v", n, values)
				}
				g.wrap = nil
				g.wantApplied(t, g.run(t, g.stdin(t)))
			})
		}
	}
}

// The container's process ends while the hook is at work.
func TestNamespaceDisappears(t *testing.T) {
	for _, when := range []string{"openat2:delay_enter=300000:when=2", "setns:delay_enter=300000"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			g := newTarget(t)
			g.underStrace(t, when)
			done := make(chan result)
			go func() { done <- g.run(t, g.stdin(t)) }()
			killAfter(t, g.pid)
			got := <-done
			// The hook holds the namespace by then, or finds no process: both are
			// well, as long as it ends and says what it did.
			if got.code != 0 {
				oneError(t, got.stderr)
			}
		})
	}
}

// killAfter ends the process when the hook is likely to be at work.
func killAfter(t *testing.T, pid int) {
	t.Helper()
	time.Sleep(150 * time.Millisecond)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}
