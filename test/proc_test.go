package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// fakeTree is a script that makes files that hold what the policy says, so that a
// hook that believed them would be content.
const fakeTree = `mkdir -p /proc/sys/net/ipv4
echo 600 >/proc/sys/net/ipv4/tcp_keepalive_time
echo 10 >/proc/sys/net/ipv4/tcp_keepalive_intvl
echo 6 >/proc/sys/net/ipv4/tcp_keepalive_probes`

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
		"a fake tree in /proc":   {"mount -t tmpfs none /proc\n" + fakeTree, "not a procfs"},
		"a fake /proc/sys":       {"mount -t tmpfs none /proc/sys\n" + fakeTree, "covered by another mount"},
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

// The IPC namespace's keys are each namespace's own too, but their directory is
// not: what covers that is in the way.
func TestIPCKeysAreCovered(t *testing.T) {
	for name, test := range map[string]struct {
		script  string
		covered bool
	}{
		"a file over the key":     {`f=$(mktemp) && echo 16384 >"$f" && mount --bind "$f" /proc/sys/kernel/msgmax`, false},
		"another key over it":     {`mount --bind /proc/sys/kernel/pid_max /proc/sys/kernel/msgmax`, false},
		"a fake tree":             {`mount -t tmpfs none /proc/sys/kernel && echo 16384 >/proc/sys/kernel/msgmax`, true},
		"a symbolic link":         {`f=$(mktemp) && echo 16384 >"$f" && mount -t tmpfs none /proc/sys/kernel && ln -s "$f" /proc/sys/kernel/msgmax`, true},
		"a link to the real tree": {`mount --bind /proc/sys/net /mnt && mount -t tmpfs none /proc/sys/kernel && ln -s /mnt/core/somaxconn /proc/sys/kernel/msgmax`, true},
	} {
		t.Run(name, func(t *testing.T) {
			needRoot(t)
			g := newTargetIn(t, startProcess(t, syscall.CLONE_NEWNET|syscall.CLONE_NEWIPC))
			g.policy = policyDir(t, rule(`"net.ipv4.tcp_keepalive_time" = 600`, `"kernel.msgmax" = 16384`))
			ipc := hold(t, fmt.Sprintf("/proc/%d/ns/ipc", g.pid), syscall.CLONE_NEWIPC)
			want := ipc.get(t, msgmax)
			g.inMounts(t, test.script)
			got := g.run(t, g.stdin(t))
			if test.covered {
				g.wantFailed(t, got, 4, msgmax, "covered by another mount")
			} else if want[msgmax] = "16384"; got.code != 0 || got.stderr != "" {
				t.Errorf("exit %d: %s", got.code, got.stderr)
			}
			if diff := cmp.Diff(want, ipc.get(t, msgmax)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
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
		t.Run(option, func(t *testing.T) {
			g := newTarget(t)
			g.inMounts(t, mountHidepid(option))
			g.wantApplied(t, g.run(t, g.stdin(t)))
		})
	}
}

// Without /proc/sys no key is there, and an optional one is not what is meant.
func TestProcHasNoSys(t *testing.T) {
	g := newTarget(t)
	g.policy = policyDir(t, rule(`"net.ipv4.tcp_keepalive_time" = { value = 600, optional = true }`))
	g.inMounts(t, "mount -t proc -o subset=pid proc /proc")
	g.wantFailed(t, g.run(t, g.stdin(t)), 4, "/proc has no sys", "subset=pid")
}

// mountHidepid mounts /proc so, and ends if that hides nothing from others.
func mountHidepid(option string) string {
	return "mount -t proc -o " + option + ` proc /proc
if setpriv --reuid=65534 --regid=65534 --clear-groups cat /proc/1/stat >/dev/null 2>&1; then echo nothing is hidden; exit 9; fi`
}

// An ordinary user's hook can't find PID 1 at all then, to tell the host's
// namespaces by. It does its work by its own.
func TestHidepidHidesPID1(t *testing.T) {
	// The container's process is the user's, in a network namespace of the user's.
	const script = `unshare --net sleep 300 &
while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
printf '{"ociVersion":"1.0.2","id":"direct","status":"creating","pid":%d,"bundle":"%s"}' $! "$0" >"$0/state"
code=0
"$@" <"$0/state" || code=$?
nsenter --target $! --net cat /proc/sys/net/ipv4/tcp_keepalive_time
kill $!
exit $code`
	for _, option := range []string{"hidepid=0", "hidepid=1", "hidepid=2"} {
		t.Run(option, func(t *testing.T) {
			g := newTarget(t)
			openToOthers(t, g.bundle, g.policy)
			if err := os.Chmod(g.bundle, 0o777); err != nil { // for the state
				t.Fatal(err)
			}
			if option != "hidepid=0" {
				g.inMounts(t, mountHidepid(option))
			}
			g.wrap = append(append(g.wrap, asOthers...), "sh", "-c", script, g.bundle)
			got := g.run(t, strings.NewReader(""))
			if got.code != 0 || got.stderr != "" || got.stdout != "600\n" {
				t.Errorf("exit %d, the value is %q: %s", got.code, got.stdout, got.stderr)
			}
		})
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
