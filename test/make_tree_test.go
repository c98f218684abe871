package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a copy of the sources, for a make that must not touch the others'.
type tree string

func copyTree(t *testing.T) tree {
	t.Helper()
	needPrograms(t, "make", "git", "tar")
	dir := t.TempDir()
	copied := exec.Command("sh", "-ec", `git ls-files -z --cached --others --exclude-standard >"$1/.files"
tar -C . -c --null --ignore-failed-read -T "$1/.files" | tar -C "$1" -x && rm "$1/.files"`, "sh", dir)
	copied.Dir = ".."
	if got, err := finish(copied); err != nil || got.code != 0 {
		t.Fatalf("%v, exit %d: %s", err, got.code, got.stderr)
	}
	return tree(dir)
}

// try runs make there.
func (d tree) try(t *testing.T, args ...string) result {
	t.Helper()
	cmd := exec.Command("make", append([]string{"--no-print-directory", "-C", string(d)}, args...)...)
	cmd.Env = withoutMake(os.Environ())
	got, err := finish(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// make is try for what has to succeed.
func (d tree) make(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	got := d.try(t, args...)
	if got.code != 0 {
		t.Fatalf("make %s: exit %d: %s%s", strings.Join(args, " "), got.code, got.stdout, got.stderr)
	}
	return got.stdout
}

// withoutMake is an environment without what the make that runs the tests, and
// sudo, tell their children.
func withoutMake(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		switch name {
		case "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "SUDO_UID", "GOOS", "GOARCH", "PREFIX", "DESTDIR", "VERSION":
		default:
			kept = append(kept, variable)
		}
	}
	return kept
}

func (d tree) path(name string) string { return filepath.Join(string(d), name) }
