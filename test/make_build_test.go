package test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var programs = []string{"oci-sysctl-hook", "oci-sysctl-nri", "oci-sysctl-policy"}

// The hook has to run on nodes that have no C library, or another one.
func TestProgramsAreStatic(t *testing.T) {
	d := copyTree(t)
	d.make(t, "build", "VERSION=v1.2.3")
	for _, program := range programs {
		file, err := elf.Open(d.path("bin/" + program))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		libraries, err := file.ImportedLibraries()
		if err != nil || len(libraries) > 0 {
			t.Errorf("%s needs the libraries %q (%v)", program, libraries, err)
		}
		for _, segment := range file.Progs {
			if segment.Type == elf.PT_INTERP {
				t.Errorf("%s needs a dynamic linker", program)
			}
		}
	}
}

// The same sources give the same bytes in another directory.
func TestBuildIsReproducible(t *testing.T) {
	var built [2][]byte
	for i := range built {
		d := copyTree(t)
		d.make(t, "bin/oci-sysctl-hook", "VERSION=v1.2.3")
		content, err := os.ReadFile(d.path("bin/oci-sysctl-hook"))
		if err != nil {
			t.Fatal(err)
		}
		built[i] = content
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Error("two builds of the hook differ")
	}
}

// VERSION and PREFIX reach the programs and the files that name them, and what
// install put there uninstall takes away.
func TestInstallElsewhere(t *testing.T) {
	d, destDir := copyTree(t), t.TempDir()
	const prefix = "/opt/sysctl"
	args := []string{"VERSION=v1.2.3", "PREFIX=" + prefix, "DESTDIR=" + destDir}
	d.make(t, append(args, "install")...)

	files := filesBelow(t, destDir, "/var")
	for name := range files {
		if !strings.HasPrefix(name, prefix+"/") {
			t.Errorf("%s is not below %s", name, prefix)
		}
	}
	if want := len(packaged) - 2; len(files) != want { // the licences are the packages' alone
		t.Errorf("%d files installed, want %d", len(files), want)
	}
	below := func(name string) string { return filepath.Join(destDir, prefix, name) }
	for _, program := range []string{"libexec/oci/hooks.d/oci-sysctl-hook", "sbin/oci-sysctl-nri", "bin/oci-sysctl-policy"} {
		if got := must(t, below(program), "--version"); !strings.Contains(got, "v1.2.3") {
			t.Errorf("%s --version prints %q, want v1.2.3 in it", program, got)
		}
	}
	hook := prefix + "/libexec/oci/hooks.d/oci-sysctl-hook"
	for name, want := range map[string]string{
		"share/containers/oci/hooks.d/oci-sysctl-hook.json": `"` + hook + `"`,
		"lib/systemd/system/oci-sysctl-nri.service":         "ExecStart=" + prefix + "/sbin/oci-sysctl-nri\n",
	} {
		content, err := os.ReadFile(below(name))
		if err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s does not hold %s (%v):\n%s", name, want, err, content)
		}
	}
	if got, err := finish(exec.Command(below("sbin/oci-sysctl-nri"))); err != nil || !strings.Contains(got.stderr, hook) {
		t.Errorf("the plugin does not look for %s: %v: %s", hook, err, got.stderr)
	}
	for _, program := range []string{"libexec/oci/hooks.d/oci-sysctl-hook", "bin/oci-sysctl-policy"} {
		content, err := os.ReadFile(below(program))
		if err != nil || !bytes.Contains(content, []byte(prefix+"/share/oci-sysctl-hook/policy.d")) {
			t.Errorf("%s does not know the policy's directory (%v)", program, err)
		}
	}

	d.make(t, append(args, "uninstall")...)
	if diff := cmp.Diff(map[string]os.FileMode{}, filesBelow(t, destDir, "/var")); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// What was built for one PREFIX is not installed to another under sudo, where
// nothing is built.
func TestInstallUnderSudo(t *testing.T) {
	d, destDir := copyTree(t), t.TempDir()
	if err := os.Mkdir(d.path("bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, d.path("bin/prefix"), "/usr\n")
	got := d.try(t, "install", "SUDO_UID=1000", "PREFIX=/opt/sysctl", "DESTDIR="+destDir)
	if got.code == 0 || !strings.Contains(got.stderr, `run "make PREFIX=/opt/sysctl" first`) {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
	if diff := cmp.Diff(map[string]os.FileMode{}, filesBelow(t, destDir, "/var")); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
}

// make demo shows in containers what the README says that it shows.
func TestDemo(t *testing.T) {
	needRoot(t)
	hostUntouched(t)
	d := copyTree(t)
	if _, err := os.Stat("../bin/runc"); err == nil { // else make builds it, in half a minute
		must(t, "install", "-D", "../bin/runc", d.path("bin/runc"))
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := d.make(t, "demo", "VERSION=v1.2.3")
	for _, key := range keepaliveKeys {
		want, got := tableRow(string(readme), key), tableRow(shown, key)
		if len(want) != 3 || len(got) != 3 {
			t.Fatalf("%s: the README shows %q, make demo %q", key, want, got)
		}
		// The host's own value is this machine's.
		if diff := cmp.Diff(want[1:], got[1:]); diff != "" {
			t.Errorf("%s (-README +make demo):\n%s", key, diff)
		}
	}
}

// tableRow is what a table says after a key.
func tableRow(text, key string) []string {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == key {
			return fields[1:]
		}
	}
	return nil
}
