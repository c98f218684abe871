package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the hook costs is measured by make bench. These are counts that any
// machine gives, and that grow before the time does: whoever makes one grow
// beyond the margin of a tenth has to see why, and to put the new number here.
const (
	systemCalls = 72      // of the whole run, memory and threads apart
	binarySize  = 3000000 // bytes, stripped as make build does
)

func TestSystemCallCount(t *testing.T) {
	g := newTarget(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		unavailable(t, "%v", err)
	}
	out := filepath.Join(t.TempDir(), "strace")
	g.wrap = []string{strace, "-f", "-qq", "-o", out, "-e", "signal=none", "-e", "trace=%file,%desc,%network,setns,unshare"}
	g.wantApplied(t, g.run(t, g.stdin(t)))
	n := 0
	for line := range strings.Lines(readAny(t, out)) {
		if !strings.Contains(line, "mmap(") && !strings.Contains(line, "resumed>") {
			n++
		}
	}
	t.Logf("%d system calls", n)
	if n > systemCalls*11/10 {
		t.Errorf("the hook makes %d system calls, more than %d and a tenth", n, systemCalls)
	}
}

func TestBinarySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "oci-sysctl-hook")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "../cmd/hook")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > binarySize*11/10 {
		t.Errorf("the hook has %d bytes, more than %d and a tenth", info.Size(), binarySize)
	}
}

// peakMemory is the most that the hook may hold, with a policy of a hundred
// rules and a config.json of a megabyte.
const peakMemory = 12 << 20

func TestPeakMemory(t *testing.T) {
	g := newTarget(t)
	spec := newSpec("true")
	spec.Process.Env = []string{"LARGE=" + strings.Repeat("x", 1<<20)}
	if err := writeBundle(g.bundle, spec); err != nil {
		t.Fatal(err)
	}
	many := strings.Repeat(rule(`"net.ipv4.tcp_fin_timeout" = 30`), 100)
	g.policy = policyDir(t, keepalivePolicy+many)
	// The mark in getrusage(2) is inherited from the process that starts one; the
	// one in /proc is the program's own, and there until it ends: later, here.
	g.underStrace(t, "exit_group:delay_enter=500000")
	done := make(chan result)
	go func() { done <- g.run(t, g.stdin(t)) }()
	most := 0
	for {
		select {
		case got := <-done:
			g.wantApplied(t, got)
			t.Logf("%d KiB", most)
			if most == 0 || most<<10 > peakMemory {
				t.Errorf("the hook held %d KiB, more than %d", most, peakMemory>>10)
			}
			return
		case <-time.After(20 * time.Millisecond):
			most = max(most, highWaterMark(t, hookPath()))
		}
	}
}

// highWaterMark is the most memory, in KiB, that a process of the program has
// held; 0 if there is none.
func highWaterMark(t *testing.T, program string) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, exe := range all {
		if path, err := os.Readlink(exe); err != nil || path != program {
			continue
		}
		status := readAny(t, filepath.Join(filepath.Dir(exe), "status"))
		_, rest, _ := strings.Cut(status, "VmHWM:")
		var kibibytes int
		if _, err := fmt.Sscan(rest, &kibibytes); err == nil {
			return kibibytes
		}
	}
	return 0
}
