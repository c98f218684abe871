package procfs_test

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/nstest"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
)

func TestOpenAt(t *testing.T) {
	root := nstest.OpenProc(t)
	fd, err := root.OpenAt("sys/kernel/ostype", unix.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 16)
	n, err := unix.Read(fd, buf)
	if got := string(buf[:max(n, 0)]); err != nil || got != "Linux\n" {
		t.Errorf("%q, %v", got, err)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v; want close-on-exec", flags, err)
	}
}

func TestOpenAtFails(t *testing.T) {
	root := nstest.OpenProc(t)
	for path, want := range map[string]error{
		"sys/nothing":                         fs.ErrNotExist,
		"":                                    fs.ErrNotExist,
		"/proc/sys/kernel/ostype":             unix.EXDEV,
		"../etc/passwd":                       unix.EXDEV,
		"sys/../../etc/passwd":                unix.EXDEV,
		"self":                                unix.ELOOP,
		"self/status":                         unix.ELOOP,
		"1/root/etc/passwd":                   unix.ELOOP,
		"1/ns/net":                            unix.ELOOP,
		"sys/kernel/ostype/x":                 unix.ENOTDIR,
		"sys/" + strings.Repeat("x", 1<<12):   unix.ENAMETOOLONG,
		"sys/kernel/ostype" + string(rune(0)): unix.EINVAL,
	} {
		fd, err := root.OpenAt(path, unix.O_RDONLY)
		if !errors.Is(err, want) {
			t.Errorf("%.40q: %d, %v; want %v", path, fd, err, want)
		}
	}
}

func TestStatNamespace(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	root := nstest.OpenProc(t)
	dev, ino, err := root.StatNamespace("thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		t.Fatal(err)
	}
	if dev != st.Dev || ino != st.Ino {
		t.Errorf("%d:%d, want %d:%d", dev, ino, st.Dev, st.Ino)
	}
	if _, _, err := root.StatNamespace("thread-self/ns/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want %v", err, fs.ErrNotExist)
	}
}

// mounts moves the test into a mount namespace that it may change.
func mounts(t *testing.T) {
	t.Helper()
	nstest.Unshare(t, unix.CLONE_NEWNS)
	mount(t, "", "/", unix.MS_REC|unix.MS_PRIVATE)
}

func mount(t *testing.T, source, target string, flags uintptr) {
	t.Helper()
	if err := unix.Mount(source, target, "", flags, ""); err != nil {
		t.Fatal(err)
	}
}

// Neither another file system nor another part of a procfs passes for /proc.
func TestOpenCovered(t *testing.T) {
	for source, want := range map[string]string{
		"/sys":            "/proc: not a procfs",
		"/proc/sys":       "/proc: not the root of a procfs",
		"/proc/self/task": "/proc: not the root of a procfs",
	} {
		t.Run(source, func(t *testing.T) {
			mounts(t)
			mount(t, source, "/proc", unix.MS_BIND)
			root, err := procfs.Open()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, %v; want %s", root, err, want)
			}
		})
	}
}

// Nor is anything opened that is mounted over a part of /proc, be it procfs.
func TestOpenAtCovered(t *testing.T) {
	for name, cover := range map[string]struct{ source, target string }{
		"a file":                 {"/dev/null", "/proc/sys/kernel/ostype"},
		"a file by another":      {"/proc/sys/kernel/osrelease", "/proc/sys/kernel/ostype"},
		"a directory":            {os.TempDir(), "/proc/sys/kernel"},
		"a directory by another": {"/proc/sys/net", "/proc/sys/kernel"},
		"a directory by itself":  {"/proc/sys", "/proc/sys"},
	} {
		t.Run(name, func(t *testing.T) {
			mounts(t)
			mount(t, cover.source, cover.target, unix.MS_BIND)
			if _, err := nstest.OpenProc(t).OpenAt("sys/kernel/ostype", unix.O_RDONLY); !errors.Is(err, unix.EXDEV) {
				t.Errorf("%v, want %v", err, unix.EXDEV)
			}
		})
	}
}
