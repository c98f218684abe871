package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packages makes the packages, once, and returns the directory with a .deb and
// an .rpm.
var packages = sync.OnceValues(func() (string, error) {
	got, err := finish(exec.Command("make", "-C", "..", "packages"))
	if err != nil {
		return "", fmt.Errorf("make packages: %w", err)
	}
	if got.code != 0 {
		return "", fmt.Errorf("make packages: exit %d: %s", got.code, got.stderr)
	}
	return filepath.Abs("../dist")
})

// packageOf returns the one package of a kind.
func packageOf(t *testing.T, kind string) string {
	t.Helper()
	dir, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*."+kind))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d packages in %s, want 1: %v", len(found), dir, err)
	}
	return found[0]
}

// packaged are the files that both packages hold, with their modes.
var packaged = map[string]os.FileMode{
	"/usr/bin/oci-sysctl-policy":                     0o755,
	"/usr/sbin/oci-sysctl-nri":                       0o755,
	"/usr/lib/systemd/system/oci-sysctl-nri.service": 0o644,
	installedHook:                                                      0o755,
	installedHookFile:                                                  0o644,
	installedPolicy + "/10-keepalive.toml":                             0o644,
	"/usr/share/man/man1/oci-sysctl-policy.1":                          0o644,
	"/usr/share/man/man5/oci-sysctl-hook-policy.toml.5":                0o644,
	"/usr/share/man/man8/oci-sysctl-hook.8":                            0o644,
	"/usr/share/man/man8/oci-sysctl-nri.8":                             0o644,
	"/usr/share/bash-completion/completions/oci-sysctl-policy":         0o644,
	"/usr/share/zsh/site-functions/_oci-sysctl-policy":                 0o644,
	"/usr/share/fish/vendor_completions.d/oci-sysctl-policy.fish":      0o644,
	"/usr/share/doc/oci-sysctl-hook/copyright":                         0o644,
	"/usr/share/doc/oci-sysctl-hook/licenses":                          0o644,
	"/usr/share/doc/oci-sysctl-hook/policy.schema.json":                0o644,
	"/usr/share/doc/oci-sysctl-hook/output.schema.json":                0o644,
	"/usr/share/doc/oci-sysctl-hook/examples/oci-sysctl-audit.service": 0o644,
	"/usr/share/doc/oci-sysctl-hook/examples/oci-sysctl-audit.timer":   0o644,
}

// filesBelow are the files in a directory, as they would be on a system, without
// what a package manager keeps for itself in the directory own.
func filesBelow(t *testing.T, root, own string) map[string]os.FileMode {
	t.Helper()
	files := make(map[string]os.FileMode)
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root)
		switch {
		case err != nil:
			return err
		case name == own:
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			files[name] = info.Mode()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// must runs a command that has to succeed, and returns its output.
func must(t *testing.T, argv ...string) string {
	t.Helper()
	got, err := finish(exec.Command(argv[0], argv[1:]...))
	if err != nil || got.code != 0 {
		t.Fatalf("%s: %v, exit %d: %s%s", strings.Join(argv, " "), err, got.code, got.stdout, got.stderr)
	}
	return got.stdout
}

// dpkg is a Debian system of its own, without programs: the package has no
// scripts to run.
func dpkg(t *testing.T) (root string, run func(args ...string) string) {
	t.Helper()
	needRoot(t)
	needPrograms(t, "dpkg")
	root = t.TempDir()
	for _, dir := range []string{"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(root, "var/lib/dpkg/status"), "")
	return root, func(args ...string) string {
		t.Helper()
		return must(t, append([]string{"dpkg", "--root=" + root, "--log=/dev/null"}, args...)...)
	}
}

func TestDebianPackage(t *testing.T) {
	deb := packageOf(t, "deb")
	root, dpkg := dpkg(t)
	dpkg("--install", deb)
	want := map[string]os.FileMode{"/usr/share/zsh/vendor-completions/_oci-sysctl-policy": 0o644}
	for name, mode := range packaged {
		want[name] = mode
	}
	if diff := cmp.Diff(want, filesBelow(t, root, "/var")); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	if status := dpkg("--status", "oci-sysctl-hook"); !strings.Contains(status, "Status: install ok installed") || strings.Contains(status, "Conffiles:") {
		t.Errorf("the policy below /usr/share is the vendor's, no conffile: %s", status)
	}
	if got := must(t, filepath.Join(root, "usr/bin/oci-sysctl-policy"), "check", "--no-kernel", "--policy-dir", filepath.Join(root, installedPolicy)); !strings.Contains(got, " 0 problems") {
		t.Errorf("the installed program on the installed policy: %s", got)
	}

	admins := filepath.Join(root, "etc/oci-sysctl-hook/policy.d/10-keepalive.toml")
	writeFile(t, admins, "# mine\n")
	dpkg("--install", deb) // again, as an upgrade does
	dpkg("--purge", "oci-sysctl-hook")
	if diff := cmp.Diff(map[string]os.FileMode{"/etc/oci-sysctl-hook/policy.d/10-keepalive.toml": 0o644}, filesBelow(t, root, "/var")); diff != "" {
		t.Errorf("left, but for the administrator's policy (-want +got):\n%s", diff)
	}
}

func TestRPMPackage(t *testing.T) {
	rpm := packageOf(t, "rpm")
	needPrograms(t, "rpm")
	needRoot(t)
	root := t.TempDir()
	const database = "/rpmdb"
	args := func(more ...string) []string {
		return append([]string{"rpm", "--root", root, "--dbpath", database}, more...)
	}
	must(t, args("--initdb")...)
	must(t, args("--install", "--nodeps", rpm)...)
	if diff := cmp.Diff(packaged, filesBelow(t, root, database)); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	if got := must(t, "rpm", "--query", "--package", "--configfiles", rpm); got != "" {
		t.Errorf("the policy below /usr/share is the vendor's, no configuration: %s", got)
	}
	must(t, args("--erase", "oci-sysctl-hook")...)
	if diff := cmp.Diff(map[string]os.FileMode{}, filesBelow(t, root, database)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// The examples for systemd must be such as it takes.
func TestAuditUnits(t *testing.T) {
	needPrograms(t, "systemd-analyze")
	must(t, "systemd-analyze", "verify", "--man=no", "../packaging/systemd/oci-sysctl-audit.service", "../packaging/systemd/oci-sysctl-audit.timer")
}

// overstruck is how a bold or underlined character begins.
var overstruck = regexp.MustCompile(".\x08")

// The man pages are made from docs/man; a page with a mistake shows as text.
func TestManPages(t *testing.T) {
	needPrograms(t, "mandoc", "make")
	destDir, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	for page, words := range map[string][]string{
		"man8/oci-sysctl-hook.8":             {"NAME", "EXIT STATUS", "--policy-dir DIR"},
		"man8/oci-sysctl-nri.8":              {"NAME", "EXIT STATUS", "--hook PATH"},
		"man1/oci-sysctl-policy.1":           {"NAME", "CHECK", "PLAN", "AUDIT", "EXIT STATUS", "--no-kernel"},
		"man5/oci-sysctl-hook-policy.toml.5": {"NAME", "RULES", "override", "pod_namespaces"},
	} {
		path := filepath.Join(destDir, "usr/share/man", page)
		text := overstruck.ReplaceAllString(must(t, "mandoc", "-Tascii", path), "")
		for _, word := range append(words, "SEE ALSO") {
			if !strings.Contains(text, word) {
				t.Errorf("%s does not say %q:\n%s", page, word, text)
			}
		}
		if got := must(t, "mandoc", "-Tlint", "-Werror", path); got != "" {
			t.Errorf("%s: %s", page, got)
		}
	}
}

func TestShellsTakeCompletions(t *testing.T) {
	path, err := buildPolicy()
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			needPrograms(t, shell)
			script := filepath.Join(t.TempDir(), "completion")
			writeFile(t, script, must(t, path, "completion", shell))
			must(t, shell, "-n", script)
		})
	}
}
