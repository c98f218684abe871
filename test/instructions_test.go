package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Instructions in user space, as valgrind's callgrind counts them: of the hook's
// start, and of all that it does before it looks at the container's process. Other
// processors and kernels make the Go runtime do a little more or less.
const (
	startInstructions  = 400000
	decideInstructions = 550000
	instructionMargin  = 15 // per cent
)

func TestInstructionCount(t *testing.T) {
	decide := filepath.Join(t.TempDir(), "decide")
	if err := build(decide, "./decide", "CGO_ENABLED=0"); err != nil {
		t.Fatal(err)
	}
	g := newTarget(t)
	for _, program := range []struct {
		name   string
		most   int
		argv   []string
		prints string
	}{
		{"start", startInstructions, []string{hookPath(), "--version"}, "oci-sysctl-hook"},
		{"decide", decideInstructions, []string{decide, g.policy}, "net.ipv4.tcp_keepalive_time 600"},
	} {
		t.Run(program.name, func(t *testing.T) {
			n := g.fewestInstructions(t, program.argv, program.prints)
			t.Logf("%d instructions", n)
			if n > program.most*(100+instructionMargin)/100 {
				t.Errorf("%d instructions, more than %d and %d %%", n, program.most, instructionMargin)
			}
		})
	}
}

// fewestInstructions counts in several runs: the runtime's threads wait for each
// other by spinning, for longer or shorter.
func (g *target) fewestInstructions(t *testing.T, argv []string, prints string) int {
	t.Helper()
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		unavailable(t, "%v", err)
	}
	const runs, tries = 5, 30
	var counts []int
	for n := 0; len(counts) < runs; n++ {
		cmd := exec.Command(valgrind, append([]string{"--tool=callgrind", "--callgrind-out-file=/dev/null"}, argv...)...)
		cmd.Env = []string{"GOMAXPROCS=1"}
		cmd.Stdin = g.stdin(t)
		got, err := finish(cmd)
		if err != nil {
			t.Fatal(err)
		}
		// valgrind itself fails now and then, where a Go program makes a thread.
		if strings.Contains(got.stderr, "the 'impossible' happened") && n < tries {
			continue
		}
		if got.code != 0 || !strings.HasPrefix(got.stdout, prints) {
			t.Fatalf("exit %d, it printed %q: %s", got.code, got.stdout, got.stderr)
		}
		counts = append(counts, collected(t, got.stderr))
	}
	return slices.Min(counts)
}

// collected reads callgrind's sum.
func collected(t *testing.T, stderr string) (n int) {
	t.Helper()
	_, rest, _ := strings.Cut(stderr, "Collected :")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatalf("no count: %v: %s", err, stderr)
	}
	return n
}
