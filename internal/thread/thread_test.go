package thread

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestThread(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread := New()
	defer thread.End()
	var ids [3]int
	for i := range ids {
		thread.Do(func() { ids[i] = unix.Gettid() })
	}
	if ids[0] != ids[1] || ids[0] != ids[2] || ids[0] == unix.Gettid() || ids[0] == 0 {
		t.Errorf("work was done by the threads %v, this one is %d", ids, unix.Gettid())
	}
}
