package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// runHook runs the hook as a runtime does.
func runHook(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = []string{asHook}
	cmd.Stdin = strings.NewReader(stdin)
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
