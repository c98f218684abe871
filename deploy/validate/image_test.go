package validate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// imageRootfs makes the file system of the image that the Containerfile
// describes: busybox, and what the last stage copies.
func imageRootfs(t *testing.T) string {
	t.Helper()
	rootfs := t.TempDir()
	for _, dir := range []string{"bin", "dev", "proc", "tmp", "policy", "host"} {
		if err := os.Mkdir(filepath.Join(rootfs, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	installBusybox(t, filepath.Join(rootfs, "bin"))
	for _, line := range lastStage(t) {
		fields := strings.Fields(line)
		if fields[0] == "COPY" {
			copyInto(t, rootfs, fields[1:])
		}
	}
	return rootfs
}

// lastStage is the instructions of the image proper.
func lastStage(t *testing.T) []string {
	t.Helper()
	_, stage, found := strings.Cut(string(read(t, "deploy/kubernetes/Containerfile")), "\nFROM docker.io/library/busybox")
	if !found {
		t.Fatal("the Containerfile has no stage from busybox")
	}
	var lines []string
	for line := range strings.Lines(stage) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, ":") {
			lines = append(lines, line)
		}
	}
	return lines
}

// copyInto does what COPY with these words does.
func copyInto(t *testing.T, rootfs string, words []string) {
	t.Helper()
	from, to := words[0], filepath.Join(rootfs, words[len(words)-1])
	if words[0] == "--from=build" {
		if words[1] != "/src/bin/oci-sysctl-hook" {
			t.Fatalf("COPY %v: the build makes no such file", words)
		}
		from = buildHook(t)
	} else {
		from = filepath.Join(top, from)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	// A directory is copied without its name, as COPY does.
	if info, err := os.Stat(from); err != nil {
		t.Fatal(err)
	} else if info.IsDir() {
		from += "/."
	}
	run(t, "cp", "-r", from, to)
}

func buildHook(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "oci-sysctl-hook")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", path, "./cmd/hook")
	cmd.Dir, cmd.Env = top, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// installBusybox makes the directory's programs.
func installBusybox(t *testing.T, dir string) {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		unavailable(t, "%v (Debian's busybox-static)", err)
	}
	run(t, "cp", busybox, dir)
	for _, applet := range strings.Fields(run(t, busybox, "--list")) {
		if err := os.Symlink("busybox", filepath.Join(dir, applet)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

func run(t *testing.T, program string, args ...string) (stdout string) {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatal(fmt.Errorf("%s %q: %w", program, args, err))
	}
	return string(out)
}
