package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
)

const allFlags = unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

var allTypes = []specs.LinuxNamespaceType{specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace}

func pin(t *testing.T, pid int) *Process {
	t.Helper()
	process, err := Pin(nstest.OpenProc(t), pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Close() })
	return process
}

// nsPath is the path of a process's namespace, for config.json.
func nsPath(pid int, t specs.LinuxNamespaceType) string {
	return fmt.Sprintf("/proc/%d/%s", pid, nsFile(t))
}

// configWith is a config.json with these namespaces: each with the path, or
// without one for a new one.
func configWith(path string, types ...specs.LinuxNamespaceType) *specs.Spec {
	config := &specs.Spec{Linux: &specs.Linux{}}
	for _, t := range types {
		config.Linux.Namespaces = append(config.Linux.Namespaces, specs.LinuxNamespace{Type: t, Path: path})
	}
	return config
}

func TestNamespaceKind(t *testing.T) {
	pod, other, host := nstest.Start(t, allFlags), nstest.Start(t, allFlags), nstest.Start(t, 0)
	const notHost, isHost = "is not the host's, but config.json asks for none", "is the host's, but config.json asks for a new one"
	isNot := func(path string) string { return fmt.Sprintf("is not %q, which config.json says that it joins", path) }
	for _, typ := range allTypes {
		missing := filepath.Join(t.TempDir(), "missing")
		for name, test := range map[string]struct {
			pid    int
			config *specs.Spec
			kind   NamespaceKind
			err    string
		}{
			"new":                                   {pod, configWith("", typ), New, ""},
			"joined":                                {pod, configWith(nsPath(pod, typ), typ), Joined, ""},
			"joined by a path that is gone":         {pod, configWith(missing, typ), Joined, ""},
			"joined by a path to another file":      {pod, configWith("/dev/null", typ), Joined, ""},
			"joined by a relative path":             {pod, configWith("ns/net", typ), Joined, ""},
			"joined, but another":                   {pod, configWith(nsPath(other, typ), typ), 0, isNot(nsPath(other, typ))},
			"joined, but the host's":                {pod, configWith(nsPath(host, typ), typ), 0, isNot(nsPath(host, typ))},
			"joined, but of another type":           {pod, configWith(nsPath(pod, "pid"), typ), 0, isNot(nsPath(pod, "pid"))},
			"not listed, but new":                   {pod, configWith("", specs.PIDNamespace), 0, notHost},
			"not listed, the host's":                {host, configWith("", specs.PIDNamespace), Host, ""},
			"new, but the host's":                   {host, configWith("", typ), 0, isHost},
			"joined the host's":                     {host, configWith(nsPath(1, typ), typ), Host, ""},
			"joined, but the process is the host's": {host, configWith(nsPath(pod, typ), typ), 0, isNot(nsPath(pod, typ))},
		} {
			t.Run(fmt.Sprintf("%s %s", typ, name), func(t *testing.T) {
				ns, err := pin(t, test.pid).Namespace(test.config, typ)
				if test.err != "" {
					want := fmt.Sprintf("the %s namespace of process %d: %s", typ, test.pid, test.err)
					if err == nil || !strings.HasPrefix(err.Error(), want) {
						t.Errorf("%v, want %s", err, want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				var st unix.Stat_t
				if err := unix.Stat(nsPath(test.pid, typ), &st); err != nil {
					t.Fatal(err)
				}
				if ns.Kind != test.kind || ns.Ino != st.Ino || ns.Type != typ {
					t.Errorf("%+v, want kind %v, inode %d", ns, test.kind, st.Ino)
				}
				if err := ns.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// The hook's own namespace is none to write in, even if it is not PID 1's: a
// runtime may itself run in a container.
func TestOwnNamespaceIsTheHosts(t *testing.T) {
	nstest.Unshare(t, allFlags)
	own := pin(t, unix.Gettid())
	for _, typ := range allTypes {
		ns, err := own.Namespace(configWith("/missing", typ), typ)
		if err != nil || ns.Kind != Host {
			t.Errorf("%s: %+v, %v; want the host's", typ, ns, err)
		}
	}
}

// inPIDNamespace is set in the environment of a test that runs where PID 1 is
// a shell of the test's, and may be looked at.
const inPIDNamespace = "SPEC_TEST_IN_PID_NAMESPACE"

// Nor is PID 1's, for a hook that is elsewhere.
func TestFirstProcessHasTheHosts(t *testing.T) {
	if os.Getenv(inPIDNamespace) == "" {
		runInPIDNamespace(t)
		return
	}
	nstest.Unshare(t, allFlags)
	for _, typ := range allTypes {
		ns, err := pin(t, 1).Namespace(configWith("/missing", typ), typ)
		if err != nil || ns.Kind != Host {
			t.Errorf("%s: %+v, %v; want the host's", typ, ns, err)
		}
	}
}

// runInPIDNamespace runs the test again: the machine's own PID 1 may be one
// that not even root may look at.
func runInPIDNamespace(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const script = `mount --make-rprivate / && mount -t proc proc /proc && "$0" -test.run="^$1\$" -test.v; exit $?`
	cmd := exec.Command("sh", "-c", script, exe, t.Name())
	cmd.Env = append(os.Environ(), inPIDNamespace+"=true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) {
		nstest.Cannot(t, err)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestPinFails(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	_, err := Pin(nstest.OpenProc(t), cmd.Process.Pid)
	want := fmt.Sprintf("the container's process %d does not exist: ", cmd.Process.Pid)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// A process that ended after it was pinned is not mistaken for another.
func TestNamespaceOfDeadProcess(t *testing.T) {
	for name, reap := range map[string]bool{"zombie": false, "gone": true} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("cat")
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			process := pin(t, cmd.Process.Pid)
			_ = stdin.Close()
			// Waits for the end without reaping.
			var info unix.Siginfo
			if err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
				t.Fatal(err)
			}
			if reap {
				_ = cmd.Wait()
			}
			_, err = process.Namespace(configWith("", specs.NetworkNamespace), specs.NetworkNamespace)
			if err == nil || !strings.Contains(err.Error(), "the process has ended") {
				t.Errorf("%v", err)
			}
			if !reap {
				_ = cmd.Wait()
			}
		})
	}
}

func TestEnter(t *testing.T) {
	for _, typ := range allTypes {
		t.Run(string(typ), func(t *testing.T) {
			pid := nstest.Start(t, allFlags)
			ns, err := pin(t, pid).Namespace(configWith("", typ), typ)
			if err != nil {
				t.Fatal(err)
			}
			runtime.LockOSThread() // for good: the thread ends with the test
			if err := ns.Enter(); err != nil {
				t.Fatal(err)
			}
			if got := threadIno(t, typ); got != ns.Ino {
				t.Errorf("in %d, want %d", got, ns.Ino)
			}
			if err := ns.EnterNew(); err != nil {
				t.Fatal(err)
			}
			if got := threadIno(t, typ); got == ns.Ino {
				t.Errorf("in %d still", got)
			}
		})
	}
}

func threadIno(t *testing.T, typ specs.LinuxNamespaceType) uint64 {
	t.Helper()
	_, ino, err := nstest.OpenProc(t).StatNamespace("thread-self/" + nsFile(typ))
	if err != nil {
		t.Fatal(err)
	}
	return ino
}

func TestLock(t *testing.T) {
	pid := nstest.Start(t, allFlags)
	open := func() *Namespace {
		ns, err := pin(t, pid).Namespace(configWith("", specs.NetworkNamespace), specs.NetworkNamespace)
		if err != nil {
			t.Fatal(err)
		}
		return ns
	}
	const wait = 40 * time.Millisecond
	lock := func(ns *Namespace, wait time.Duration) time.Duration {
		began := time.Now()
		ns.Lock(time.Now().Add(wait))
		return time.Since(began)
	}
	first, second, third := open(), open(), open()
	if took := lock(first, time.Minute); took > wait {
		t.Errorf("a free lock took %v", took)
	}
	if took := lock(second, wait); took < wait || took > 10*wait {
		t.Errorf("a lock that another holds took %v, want %v", took, wait)
	}
	go func() {
		time.Sleep(wait)
		_ = first.Close()
	}()
	if took := lock(third, time.Minute); took < wait/2 || took > 10*wait {
		t.Errorf("a lock that is let go after %v took %v", wait, took)
	}
	_ = second.Close()
	_ = third.Close()
}

// The machine's first namespaces are the host's also where neither the hook nor
// a process that it may look at is in them, as in a container that runs others.
func TestMachinesFirstNamespace(t *testing.T) {
	host := nstest.Start(t, 0)
	for _, typ := range allTypes {
		t.Run(string(typ), func(t *testing.T) {
			process := pin(t, host)
			ino := process.Inode(typ)
			if ino >= firstDynamicIno {
				nstest.Cannot(t, fmt.Errorf("%d is not the machine's first %s namespace, or Linux is older than 6.18", ino, typ))
			}
			nstest.Unshare(t, cloneFlag(typ))
			ns, err := process.Namespace(configWith(nsPath(host, typ), typ), typ)
			if err != nil || ns.Kind != Host {
				t.Errorf("%+v, %v", ns, err)
			}
		})
	}
}
