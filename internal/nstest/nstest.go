// Package nstest gives tests namespaces of their own on the real kernel.
package nstest

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
)

// OpenProc opens /proc until the test ends.
func OpenProc(t *testing.T) *procfs.Root {
	t.Helper()
	proc, err := procfs.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proc.Close() })
	return proc
}

// Unshare moves the test's thread into new namespaces. The thread is never
// unlocked: it ends with the test's goroutine, so a subtest needs a call of its
// own.
func Unshare(t *testing.T, flags int) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(flags); err != nil {
		Cannot(t, err)
	}
}

// Start runs a process that only waits, in new namespaces, until the test ends.
// It returns its pid.
func Start(t *testing.T, flags uintptr) int {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		Cannot(t, err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}

// Cannot ends a test that the error keeps from running here, such as for want
// of namespaces of its own: it is skipped, or fails where CI=true.
func Cannot(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot run here, and CI=true: %v", err)
	}
	t.Skipf("cannot run here: %v", err)
}
