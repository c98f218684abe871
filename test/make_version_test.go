package test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packageVersions are the versions that packages have of each kind when made
// from what a git repository has checked out.
func packageVersions(t *testing.T, repository string) (deb, rpm string) {
	t.Helper()
	const config = `name: try
arch: amd64
platform: linux
maintainer: Nobody <nobody@example.org>
version: ${PACKAGE_VERSION}
version_schema: semver
`
	makefile, err := filepath.Abs("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(must(t, "make", "--no-print-directory", "-s", "-C", repository, "-f", makefile,
		"--eval", "try: ; @echo $(PACKAGE_VERSION)", "try"))
	nfpm, err := filepath.Abs("../bin/nfpm")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "nfpm.yaml"), config)
	for _, kind := range []string{"deb", "rpm"} {
		must(t, "env", "PACKAGE_VERSION="+version, nfpm, "package", "-f", filepath.Join(dir, "nfpm.yaml"), "-p", kind, "-t", filepath.Join(dir, "try."+kind))
	}
	deb = strings.TrimSpace(must(t, "dpkg-deb", "--field", filepath.Join(dir, "try.deb"), "Version"))
	return deb, must(t, "rpm", "--query", "--queryformat", "%{VERSION}", "--package", filepath.Join(dir, "try.rpm"))
}

// Each commit's packages are newer than those of the one before: one after a
// release is no candidate for it.
func TestPackageVersionsAscend(t *testing.T) {
	needPrograms(t, "git", "dpkg", "dpkg-deb", "rpm")
	if _, err := packages(); err != nil { // makes nfpm
		t.Fatal(err)
	}
	repository := t.TempDir()
	git := func(args ...string) {
		must(t, append([]string{"git", "-C", repository, "-c", "user.name=n", "-c", "user.email=e@example.org"}, args...)...)
	}
	git("init", "--quiet")
	var debs, rpms []string
	for _, tag := range []string{"", "", "v1.0.0-rc.1", "", "v1.0.0", "", "", "v1.0.1"} {
		git("commit", "--quiet", "--allow-empty", "--message", "more")
		if tag != "" {
			git("tag", tag)
		}
		deb, rpm := packageVersions(t, repository)
		debs, rpms = append(debs, deb), append(rpms, rpm)
	}
	t.Logf("versions: %q and %q", debs, rpms)
	for i := range len(debs) - 1 {
		if got, err := finish(exec.Command("dpkg", "--compare-versions", debs[i], "lt", debs[i+1])); err != nil || got.code != 0 {
			t.Errorf("dpkg does not take %s for older than %s", debs[i], debs[i+1])
		}
		compare := "%{lua:print(rpm.vercmp('" + rpms[i] + "', '" + rpms[i+1] + "'))}"
		if got := strings.TrimSpace(must(t, "rpm", "--eval", compare)); got != "-1" {
			t.Errorf("rpm does not take %s for older than %s: %s", rpms[i], rpms[i+1], got)
		}
	}
	for _, versions := range [][]string{debs, rpms} {
		if !slices.Contains(versions, "1.0.0") || !slices.Contains(versions, "1.0.1") {
			t.Errorf("a tag's packages have not its version: %q", versions)
		}
	}
}
