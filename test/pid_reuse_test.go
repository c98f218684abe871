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
// Others start processes too: it may need several tries, or be too late.
func takePid(t *testing.T, pid int) (ns netns, ok bool) {
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
			return netnsOf(t, pid), true
		}
		end()
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
			return netns{}, false // another has it
		}
	}
	return netns{}, false
}

// The container's process ends while the hook is at work, and another
// container's gets its pid: the hook does not follow it there.
func TestPidIsUsedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		target func(*testing.T) *target
		call   string // after which the process ends
		code   int
	}{
		"the process is pinned": {newTarget, "openat2", 4},
		"the namespace is open": {newSharedTarget, "flock", 0},
		"the hook has entered":  {newTarget, "setns", 0},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				g := test.target(t)
				hook := g.stopAfter(t, test.call, 1)
				g.end(t)
				other, ok := takePid(t, g.pid)
				if !ok {
					hook.resume(t)
					continue
				}
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
				return
			}
			t.Fatal("the pid is never given out again")
		})
	}
}
