package spec

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
)

func TestStartTimeOfStat(t *testing.T) {
	const rest = " 1 7 7 0 -1 4194560 670 0 0 0 0 0 0 0 20 0 1 0 242095 2322432 332"
	for name, test := range map[string]struct {
		stat string
		want uint64
		err  error // nil: any
	}{
		"running":                {stat: "7 (sleep) S" + rest, want: 242095},
		"name with parentheses":  {stat: "7 (a) Z 1 (b)) S" + rest, want: 242095},
		"name with a line break": {stat: "7 (a\n) R" + rest, want: 242095},
		"zombie":                 {stat: "7 (sleep) Z" + rest, err: ErrEnded},
		"dead":                   {stat: "7 (sleep) X" + rest, err: ErrEnded},
		"cut off":                {stat: "7 (sleep) S 1 7"},
		"empty":                  {stat: ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := startTime([]byte(test.stat))
			if got != test.want || (err == nil) != (test.want > 0) || (test.err != nil && !errors.Is(err, test.err)) {
				t.Errorf("%d, %v; want %d, %v", got, err, test.want, test.err)
			}
		})
	}
}

func TestStartTime(t *testing.T) {
	proc := nstest.OpenProc(t)
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child, err := Pin(proc, cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer child.Close()
	self, err := Pin(proc, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()

	ours, err := self.StartTime()
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err := child.StartTime(); err != nil || theirs < ours {
		t.Errorf("the child started at %d (%v), before this process at %d", theirs, err, ours)
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := child.StartTime(); !errors.Is(err, ErrEnded) {
		t.Errorf("after its end: %v, want %v", err, ErrEnded)
	}
}
