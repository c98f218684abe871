package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inMounts makes the hook run in a mount namespace that a script prepares.
func (g *target) inMounts(t *testing.T, script string) {
	t.Helper()
	path, err := exec.LookPath("unshare")
	if err != nil {
		unavailable(t, "%v", err)
	}
	g.wrap = []string{path, "-m", "sh", "-euc", script + "\nexec \"$0\" \"$@\""}
}

// Somebody has covered /proc, or part of it, on the node: the hook neither
// believes nor writes what is there.
func TestProcIsCovered(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		word   string
	}{
		"a tmpfs over /proc":     {`mount -t tmpfs none /proc`, "/proc"},
		"a directory over /proc": {`mount --bind /proc/sys /proc`, "/proc"},
		"a tmpfs over /proc/sys": {`mount -t tmpfs none /proc/sys`, "/proc/sys"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			g.inMounts(t, test.script)
			g.wantFailed(t, g.run(t, g.stdin(t)), 4, test.word)
		})
	}
}

// What covers a key of the host's does not cover the container's: the kernel
// makes the tree below /proc/sys/net for each namespace, with entries of its
// own. The hook reaches the real one.
func TestHostsKeysAreCovered(t *testing.T) {
	for name, script := range map[string]string{
		"a fake tree": `mount -t tmpfs none /proc/sys/net/ipv4
			for key in time intvl probes; do echo 1 >/proc/sys/net/ipv4/tcp_keepalive_$key; done`,
		"symbolic links": `mount -t tmpfs none /proc/sys/net/ipv4
			for key in time intvl probes; do ln -s /etc/passwd /proc/sys/net/ipv4/tcp_keepalive_$key; done`,
		"a file over one key": `f=$(mktemp) && echo 1 >"$f" && mount --bind "$f" /proc/sys/net/ipv4/tcp_keepalive_probes`,
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			g.inMounts(t, script)
			g.wantApplied(t, g.run(t, g.stdin(t)))
		})
	}
}

// Where an administrator made /proc or /proc/sys read-only, the hook says which
// key it can't write, why, and what it needs.
func TestReadOnlyProcSys(t *testing.T) {
	const needs = "needs a writable /proc/sys"
	for name, test := range map[string]struct {
		script string
		why    string
	}{
		"a mount over /proc/sys":     {`mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys`, "covered by another mount"},
		"a mount over part of it":    {`mount --bind /proc/sys/net /proc/sys/net && mount -o remount,bind,ro /proc/sys/net`, "covered by another mount"},
		"/proc is remounted":         {`mount -o remount,bind,ro /proc`, "read-only file system"},
		"/proc is mounted read-only": {`mount -t proc -o ro proc /proc`, "read-only file system"},
		"a mount over /proc":         {`mount --bind /proc /proc && mount -o remount,bind,ro /proc`, "read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			g.inMounts(t, test.script)
			g.wantFailed(t, g.run(t, g.stdin(t)), 4, keepaliveTime, "600", test.why, "10-test.toml:", needs)
		})
	}
}

// An option of proc(5) that hides other users' processes hides none from root.
func TestProcIsMountedWithHidepid(t *testing.T) {
	for _, option := range []string{"hidepid=1", "hidepid=2"} {
		g := newTarget(t)
		g.inMounts(t, "mount -t proc -o "+option+" proc /proc")
		g.wantApplied(t, g.run(t, g.stdin(t)))
	}
}

// withEnvironment sets a variable for the hook alone. The dynamic loader would
// print about LD_PRELOAD for env itself, so the shell, which is started before,
// sets it.
func (g *target) withEnvironment(variable string) {
	g.wrap = []string{"sh", "-c", `export "$0"; exec "$@"`, variable}
}

// The hook's environment is the runtime's, and may be anybody's.
func TestHostileEnvironment(t *testing.T) {
	dir := t.TempDir()
	evil := filepath.Join(dir, "evil.so")
	if err := os.WriteFile(evil, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, env := range []string{
		"PATH=" + dir, "PATH=", "LD_PRELOAD=" + evil, "LD_LIBRARY_PATH=" + dir, "LD_AUDIT=" + evil,
		"GODEBUG=madeup=1,x509sha1=1", "GODEBUG=http2debug=2,panicnil=1", "GODEBUG=fips140=bogus",
		"GOTRACEBACK=crash", "GOMAXPROCS=1", "GOMAXPROCS=-1", "GOGC=1", "GOGC=off", "GOGC=bogus",
		"GOMEMLIMIT=1", "TZ=/etc/passwd", "TZ=../../../dev/zero",
		"LANG=\x1b[31m", "HOME=/nonexistent", "TMPDIR=/nonexistent", "ZONEINFO=" + evil,
	} {
		t.Run(env, func(t *testing.T) {
			g := newTarget(t)
			g.withEnvironment(env)
			g.wantApplied(t, g.run(t, g.stdin(t)))
		})
	}
	t.Run("none at all", func(t *testing.T) {
		g := newTarget(t)
		g.wrap = []string{"env", "-i"}
		g.wantApplied(t, g.run(t, g.stdin(t)))
	})
}

// The Go runtime prints what GODEBUG asks it to. The hook's own part of stderr,
// its exit status and the namespace are as ever.
func TestEnvironmentMakesTheRuntimePrint(t *testing.T) {
	for env, prints := range map[string]string{
		"GODEBUG=inittrace=1":               "init runtime ",
		"GODEBUG=schedtrace=1":              "SCHED ",
		"GODEBUG=gctrace=1":                 "", // only if it collects
		"GODEBUG=cpu.nosuch=on":             "unknown cpu feature",
		"GODEBUG=inittrace=1,scheddetail=1": "init runtime ",
	} {
		t.Run(env, func(t *testing.T) {
			g := newTarget(t)
			g.withEnvironment(env)
			got := g.run(t, g.stdin(t))
			if !strings.Contains(got.stderr, prints) || strings.Contains(got.stderr, "oci-sysctl-hook:") {
				t.Errorf("stderr: %s", got.stderr)
			}
			got.stderr = ""
			g.wantApplied(t, got)

			g = newTarget(t)
			g.withEnvironment(env)
			g.annotate(t, map[string]string{"oci-sysctl-hook/" + keepaliveTime: "900"})
			got = g.run(t, g.stdin(t))
			if got.code != 1 || strings.Count(got.stderr, "oci-sysctl-hook: "+keepaliveTime) != 1 {
				t.Errorf("exit %d: %s", got.code, got.stderr)
			}
			g.wantUnchanged(t)
		})
	}
}

// A variable that the Go runtime can't read ends the hook before it begins, and
// so the container: nothing is let through.
func TestEnvironmentEndsTheHook(t *testing.T) {
	g := newTarget(t)
	g.withEnvironment("GOMEMLIMIT=bogus")
	got := g.run(t, g.stdin(t))
	if got.code != 2 || !strings.Contains(got.stderr, "GOMEMLIMIT") {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
	g.wantUnchanged(t)
}
