// Package test drives the built hook: by real runtimes with real containers,
// and by hand with input that no runtime should send.
package test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// update makes TestFixtures record what the runtimes send, instead of comparing.
var update = flag.Bool("update", false, "record the runtimes' input again")

// work holds what the whole run shares: the hook and a root file system.
// TestMain sets it before the first test.
var work string

// hookPath is the hook under test.
func hookPath() string { return filepath.Join(work, "oci-sysctl-hook") }

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	work, err = os.MkdirTemp("", "oci-sysctl-hook-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	// One test runs the hook as a user who has to reach it here.
	if err := os.Chmod(work, 0o755); err != nil {
		return 1, err
	}
	if err := build(hookPath(), "../cmd/hook", "CGO_ENABLED=0"); err != nil {
		return 1, err
	}
	if err := makeRootfs(); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// build compiles a package of this module's build list.
func build(to, pkg string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-o", to, pkg)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// unavailable ends a test that this machine cannot run. In CI that is a
// failure, so that nothing is reported as passed that was never run.
func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot run here, and CI=true: "+format, args...)
	}
	t.Skipf("cannot run here: "+format, args...)
}

// needRoot ends a test that makes namespaces, unless root runs it.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		unavailable(t, "needs root to make namespaces; uid is %d", os.Geteuid())
	}
}
