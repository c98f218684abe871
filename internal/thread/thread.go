// Package thread runs functions on an operating system thread that may be moved
// into other namespaces.
package thread

import "runtime"

// Thread is a thread of the process's own. Nothing but what is given to Do runs
// on it, and it ends with End: the Go runtime never uses it again, and never
// makes another thread from it, so its namespaces stay with it.
type Thread struct {
	work chan func()
}

// New starts a thread in the process's namespaces.
func New() *Thread {
	t := &Thread{work: make(chan func())}
	go func() {
		runtime.LockOSThread() // and never unlock
		for f := range t.work {
			f()
		}
	}()
	return t
}

// Do runs f on the thread and waits for it.
func (t *Thread) Do(f func()) {
	done := make(chan struct{})
	t.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// End ends the thread.
func (t *Thread) End() {
	close(t.work)
}
