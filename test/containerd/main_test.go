// Package containerd drives a real containerd by its CRI, as a kubelet does,
// with the built hook and NRI plugin.
package containerd

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// work holds what the whole run shares. TestMain sets it before the first test.
var work string

// registry serves the one image of all tests, unless that cannot be made here.
var (
	registry *httptest.Server
	noImage  error
)

func TestMain(m *testing.M) {
	code, err := setUpAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test/containerd:", err)
	}
	os.Exit(code)
}

func setUpAndRun(m *testing.M) (code int, err error) {
	// Sockets are made below it, and their paths must be short.
	work, err = os.MkdirTemp("", "osh-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	image, err := buildImage()
	noImage = err
	registry = httptest.NewServer(image)
	defer registry.Close()
	return m.Run(), nil
}

// need ends a test that cannot run a node here. A test with subtests calls it
// first: subtests that are skipped would leave it passed.
func need(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		unavailable(t, "needs root to run containers; uid is %d", os.Geteuid())
	}
	if noImage != nil {
		unavailable(t, "no image: %v", noImage)
	}
	for _, program := range []string{"containerd", "containerd-shim-runc-v2", "ctr", "oci-sysctl-nri", "oci-sysctl-hook", "oci-sysctl-policy"} {
		if _, err := os.Stat(built(t, program)); err != nil {
			unavailable(t, "%v; run make bin/%s", err, program)
		}
	}
	for _, plugin := range []string{"bridge", "host-local", "loopback"} {
		if !slices.ContainsFunc(cniDirs, func(dir string) bool { return exists(filepath.Join(dir, plugin)) }) {
			unavailable(t, "no CNI plugin %s in %q", plugin, cniDirs)
		}
	}
}

// cniDirs are where Debian and everybody else put CNI plugins.
var cniDirs = []string{"/usr/lib/cni", "/opt/cni/bin"}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// built is the path of a program that make puts into bin.
func built(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runcPath is the pinned runc, or the system's.
func runcPath(t *testing.T) string {
	t.Helper()
	if path := built(t, "runc"); exists(path) {
		return path
	}
	path, err := exec.LookPath("runc")
	if err != nil {
		unavailable(t, "%v", err)
	}
	return path
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
