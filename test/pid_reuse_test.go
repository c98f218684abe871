package test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lastPid is the pid that the kernel gave out last; the next one is above it.
const lastPid = "/proc/sys/kernel/ns_last_pid"

// takePid starts a process that has the pid, in a network namespace of its own.
// Others start processes too, so it may need several tries.
func takePid(t *testing.T, pid int) netns {
	t.Helper()
	for range 1000 {
		if err := os.WriteFile(lastPid, fmt.Append(nil, pid-1), 0); err != nil {
			unavailable(t, "no process can be given a pid: %v", err)
		}
		cmd := exec.Command("sleep", "300")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		end := func() {
			cmd.Process.Kill()
			cmd.Wait()
		}
		if cmd.Process.Pid == pid {
			t.Cleanup(end)
			return netnsOf(t, pid)
		}
		end()
	}
	t.Fatalf("pid %d is never given out again", pid)
	return netns{}
}

// The container's process ends while the hook is at work, and another
// container's gets its pid: the hook does not follow it there.
func TestPidIsUsedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		call string // after which the process ends
		n    int
		code int
	}{
		"the process is pinned":   {"openat2", 1, 4},
		"the namespace is open":   {"fstatfs", 2, 0},
		"the hook is to enter it": {"flock", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			if test.call == "flock" {
				g = newSharedTarget(t)
			}
			hook := g.stopAfter(t, test.call, test.n)
			g.end(t)
			other := takePid(t, g.pid)
			before := other.get(t, keepaliveKeys...)
			got := hook.resume(t)
			if test.code != 0 {
				g.wantFailed(t, got, test.code, fmt.Sprint(g.pid), "has ended")
			} else {
				g.wantApplied(t, got) // to the namespace that it held open
			}
			if diff := cmp.Diff(before, other.get(t, keepaliveKeys...)); diff != "" {
				t.Errorf("the other container's values changed (-before +after):\n%s", diff)
			}
		})
	}
}
