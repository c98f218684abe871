package test

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// result is what a finished command left.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// finish runs a command to its end. A non-zero exit is a result, no error.
func finish(cmd *exec.Cmd) (result, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A pipe: else it would be /dev/null, and a runtime gives what a container
	// has as stdin to the container's user, the machine's own /dev/null too.
	if cmd.Stdin == nil {
		cmd.Stdin = strings.NewReader("")
	}
	// A child that keeps the pipes open must not keep the test waiting.
	cmd.WaitDelay = time.Second
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return result{}, err
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String(), took}, nil
}

// oneError fails the test unless stderr is one line of the hook with an error,
// which has all the words.
func oneError(t *testing.T, stderr string, words ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if len(lines) != 1 || !strings.HasSuffix(stderr, "\n") {
		t.Errorf("stderr has %d lines, want one that ends:\n%s", len(lines), stderr)
	}
	if !strings.HasPrefix(lines[0], "oci-sysctl-hook: ") || isWarning(lines[0]) {
		t.Errorf("stderr begins with no error of the hook: %q", lines[0])
	}
	for _, word := range words {
		if !strings.Contains(stderr, word) {
			t.Errorf("stderr does not say %q: %q", word, lines[0])
		}
	}
}

// onlyWarnings fails the test unless stderr is warnings of the hook, at least one.
func onlyWarnings(t *testing.T, stderr string, words ...string) {
	t.Helper()
	for line := range strings.Lines(stderr) {
		if !isWarning(line) {
			t.Errorf("stderr has a line that is no warning of the hook: %q", line)
		}
	}
	if stderr == "" {
		t.Error("stderr has no warning")
	}
	for _, word := range words {
		if !strings.Contains(stderr, word) {
			t.Errorf("stderr does not say %q: %q", word, stderr)
		}
	}
}

func isWarning(line string) bool { return strings.HasPrefix(line, "oci-sysctl-hook: warning: ") }
