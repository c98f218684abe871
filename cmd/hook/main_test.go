package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
)

// asHook makes the test's program the hook.
const asHook = "OCI_SYSCTL_HOOK_TEST_RUN=1"

func TestMain(m *testing.M) {
	if name, value, _ := strings.Cut(asHook, "="); os.Getenv(name) == value {
		main()
	}
	os.Exit(m.Run())
}

// result is what a run of the hook left.
type result struct {
	Status         int
	Stdout, Stderr string
}

// hookCommand is the hook as a runtime runs it.
func hookCommand(t *testing.T, stdin string, args ...string) *exec.Cmd {
	t.Helper()
	const long = 30 * time.Second // far more than the hook takes for anything
	ctx, cancel := context.WithTimeout(context.Background(), long)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Env = []string{asHook}
	cmd.Stdin = strings.NewReader(stdin)
	return cmd
}

// runHook runs the hook to its end.
func runHook(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	cmd := hookCommand(t, stdin, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"--help", "-help", "-h"} {
		got := runHook(t, "", flag)
		if got.Status != exitDone || got.Stderr != "" {
			t.Errorf("%s: %+v", flag, got)
		}
		golden.Check(t, "usage", got.Stdout)
	}
	for line := range strings.Lines(usage) {
		if len(line) > 81 {
			t.Errorf("longer than a terminal is wide: %s", line)
		}
	}
}

func TestVersion(t *testing.T) {
	want := result{Stdout: "oci-sysctl-hook " + version + "\n"}
	if diff := cmp.Diff(want, runHook(t, "", "--version")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		args []string
		want options
	}{
		{nil, options{}},
		{[]string{"--policy-dir", "/a"}, options{policyDirs: []string{"/a"}}},
		{[]string{"--policy-dir=/b", "-policy-dir", "/a"}, options{policyDirs: []string{"/b", "/a"}}},
		{[]string{"--on-policy-error=warn"}, options{warnOnBadPolicy: true}},
		{[]string{"--on-policy-error", "warn", "--on-policy-error", "fail"}, options{}},
		{[]string{"--log=none", "--log-format=json", "--log-level=debug"}, options{}},
		{[]string{"--version"}, options{version: true}},
		{[]string{"--"}, options{}},
	} {
		got, err := parse(test.args)
		if err != nil || got.log == nil {
			t.Errorf("%q: %+v, %v", test.args, got, err)
			continue
		}
		got.log = nil
		if diff := cmp.Diff(test.want, *got, cmp.AllowUnexported(options{})); diff != "" {
			t.Errorf("%q: -want +got:\n%s", test.args, diff)
		}
	}
}

func TestBadUsage(t *testing.T) {
	var text strings.Builder
	for _, args := range [][]string{
		{"createRuntime"},
		{"--", "createRuntime"},
		{""},
		{"--no-such-flag"},
		{"---help"},
		{"--version=maybe"},
		{"--policy-dir"},
		{"--policy-dir", ""},
		{"--policy-dir", "policy.d"},
		{"--on-policy-error", "ignore"},
		{"--log", "cloud"},
		{"--log", "file:log"},
		{"--log-format", "xml"},
		{"--log-level", "loud"},
		{"--log-level", "loud", "--version"},
	} {
		got := runHook(t, "", args...)
		if got.Status != exitInput || got.Stdout != "" || strings.Count(got.Stderr, "\n") != 1 {
			t.Errorf("%q: %+v", args, got)
		}
		text.WriteString(strings.Join(args, " ") + "\n\t" + got.Stderr)
	}
	golden.Check(t, "badusage", text.String())
}

// Whoever does not read what the hook says does not hold up the container.
func TestStuckStderr(t *testing.T) {
	g := newTarget(t, rule(`"net.ipv4.tcp_keepalive_time" = { value = 600, override = "none" }`))
	g.annotations = map[string]string{"oci-sysctl-hook/" + keepalive: "300"}
	state := g.prepare(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	size, err := unix.FcntlInt(write.Fd(), unix.F_GETPIPE_SZ, 0)
	if err == nil {
		_, err = write.Write(make([]byte, size))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := hookCommand(t, state, "--log=none", "--policy-dir="+g.policy)
	cmd.Stderr = write
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitRefused {
		t.Error(err)
	}
}
