package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// underStrace makes the hook run with a fault injected into it; see strace(1).
// A command that it is run by already runs strace.
//
// strace counts the calls of each thread. With more processors to run on than it
// has work for, the Go runtime seldom moves the hook from thread to thread, so
// that its first call is the thread's first.
func (g *target) underStrace(t *testing.T, inject string) {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		unavailable(t, "%v", err)
	}
	call, _, _ := strings.Cut(inject, ":")
	g.wrap = append(slices.Clone(g.wrap), path, "-f", "-qq", "-o", filepath.Join(t.TempDir(), "strace"), "-E", "GOMAXPROCS=64",
		"-e", "trace="+call, "-e", "inject="+inject)
}

// said is what strace wrote.
func (g *target) said(t *testing.T) string {
	t.Helper()
	for i, arg := range g.wrap {
		if arg == "-o" {
			return readAny(t, g.wrap[i+1])
		}
	}
	return ""
}

// injected counts the faults that struck.
func (g *target) injected(t *testing.T) int {
	t.Helper()
	return strings.Count(g.said(t), "(INJECTED)")
}

// stoppedHook is a hook that stands still.
type stoppedHook struct {
	pid  int
	done chan result
}

var stoppedLine = regexp.MustCompile(`(?m)^([0-9]+) .*stopped by SIGSTOP`)

// stopAfter runs the hook up to the end of the n-th call.
func (g *target) stopAfter(t *testing.T, call string, n int) *stoppedHook {
	t.Helper()
	g.underStrace(t, fmt.Sprintf("%s:signal=SIGSTOP:when=%d", call, n))
	h := &stoppedHook{done: make(chan result, 1)}
	stdin := g.stdin(t)
	go func() { h.done <- g.run(t, stdin) }()
	for began := time.Now(); time.Since(began) < hookTimeout; time.Sleep(5 * time.Millisecond) {
		select {
		case got := <-h.done:
			t.Fatalf("the hook makes no %d calls of %s: exit %d: %s", n, call, got.code, got.stderr)
		default:
		}
		if m := stoppedLine.FindStringSubmatch(g.said(t)); m != nil {
			h.pid, _ = strconv.Atoi(m[1]) // it is digits
			return h
		}
	}
	t.Fatalf("the hook does not stop: %s", g.said(t))
	return nil
}

// resume lets the hook run to its end. It may stop again, where another of its
// threads makes its n-th call.
func (h *stoppedHook) resume(t *testing.T) result {
	t.Helper()
	for {
		if err := syscall.Kill(h.pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-h.done:
			return got
		case <-time.After(20 * time.Millisecond):
		}
	}
}
