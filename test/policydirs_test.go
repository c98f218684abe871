package test

import (
	"os"
	"path/filepath"
	"testing"
)

// timePolicy sets the one key to a value.
func timePolicy(value string) string {
	return "[[rule]]\nname = \"time\"\n[rule.sysctls]\n\"" + keepaliveTime + "\" = " + value + "\n"
}

// wantTime fails the test unless the hook succeeded in silence, and the key
// has the value.
func (g *target) wantTime(t *testing.T, got result, value string) {
	t.Helper()
	if got.code != 0 || got.stderr != "" {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
	if now := g.ns.get(t, keepaliveTime)[keepaliveTime]; now != value {
		t.Errorf("the value is %s, want %s", now, value)
	}
}

// Files count in the order of their base names, whatever their directory.
func TestPolicyDirOrder(t *testing.T) {
	g := newTarget(t)
	first, second := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(first, "90-site.toml"), timePolicy("900"))
	writeFile(t, filepath.Join(second, "10-vendor.toml"), timePolicy("100"))
	g.policy, g.args = first, []string{"--policy-dir", second}
	g.wantTime(t, g.run(t, g.stdin(t)), "900")
}

// Of two files with one base name the later directory's counts, whole.
func TestPolicyDirReplacesFile(t *testing.T) {
	g := newTarget(t)
	first, second := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(first, "10-a.toml"), keepalivePolicy)
	writeFile(t, filepath.Join(second, "10-a.toml"), timePolicy("900"))
	g.policy, g.args = first, []string{"--policy-dir", second}
	g.wantTime(t, g.run(t, g.stdin(t)), "900")
	if now := g.ns.get(t, keepaliveProbes)[keepaliveProbes]; now != g.before[keepaliveProbes] {
		t.Errorf("the replaced file counts: %s is %s", keepaliveProbes, now)
	}
}

func TestPolicyFileMasked(t *testing.T) {
	g := newTarget(t)
	first, second := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(first, "10-a.toml"), timePolicy("900"))
	writeFile(t, filepath.Join(first, "20-b.toml"), "a broken file\n")
	if err := os.Symlink("/dev/null", filepath.Join(second, "20-b.toml")); err != nil {
		t.Fatal(err)
	}
	g.policy, g.args = first, []string{"--policy-dir", second}
	g.wantTime(t, g.run(t, g.stdin(t)), "900")
}

// Without a flag the hook finds the policy of the node. The last of the three
// directories is in for the others: this one a test may put a file system over.
func TestDefaultPolicyDir(t *testing.T) {
	const ownRun = `mount -t tmpfs tmpfs /run && mkdir -p /run/oci-sysctl-hook/policy.d &&
cp "$0" /run/oci-sysctl-hook/policy.d/zz-test.toml && exec "$@"`
	g := newTarget(t)
	file := filepath.Join(t.TempDir(), "policy")
	writeFile(t, file, timePolicy("900"))
	g.policy = ""
	g.wrap = []string{"unshare", "-m", "sh", "-c", ownRun, file}
	g.wantTime(t, g.run(t, g.stdin(t)), "900")
}
