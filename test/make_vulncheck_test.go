package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// vulncheck runs make vulncheck with a database.
func vulncheck(t *testing.T, database string) result {
	t.Helper()
	needPrograms(t, "make")
	cmd := exec.Command("make", "-C", "..", "vulncheck")
	cmd.Env = append(withoutMake(os.Environ()), "GOVULNDB="+database)
	got, err := finish(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// vulnerable is a database's entry that all of the programs are hit by.
const vulnerable = `{"schema_version": "1.3.1", "id": "GO-2026-0000",
"modified": "2026-11-24T00:00:00Z", "published": "2026-11-24T00:00:00Z", "details": "made up", "database_specific": {"url": "https://example.org/GO-2026-0000"},
"affected": [{"package": {"name": "golang.org/x/sys", "ecosystem": "Go"},
"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
"ecosystem_specific": {"imports": [{"path": "golang.org/x/sys/unix"}]}}]}`

// A database that cannot be reached must look neither like one that knows
// nothing of what is linked nor like one that does.
func TestVulncheck(t *testing.T) {
	const unchecked = "nothing was checked: it needs "
	const nowhere = "http://127.0.0.1:1"
	if got := vulncheck(t, nowhere); got.code == 0 || !strings.Contains(got.stderr, unchecked+nowhere) {
		t.Errorf("without a database: exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	dir := t.TempDir()
	if got := vulncheck(t, "file://"+dir); got.code != 0 || !strings.Contains(got.stdout, "No vulnerabilities found") {
		t.Errorf("with an empty database: exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
	writeFile(t, filepath.Join(dir, "GO-2026-0000.json"), vulnerable)
	got := vulncheck(t, "file://"+dir)
	if got.code == 0 || !strings.Contains(got.stdout, "GO-2026-0000") || strings.Contains(got.stderr, unchecked) {
		t.Errorf("with a vulnerability: exit %d: %s%s", got.code, got.stdout, got.stderr)
	}
}
