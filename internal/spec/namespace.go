package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// NamespaceKind tells where a container got a namespace from.
type NamespaceKind int

// A namespace is the host's unless config.json lists its type, new if it is
// listed without a path, and joined if it is listed with one.
const (
	Host NamespaceKind = iota
	New
	Joined
)

func (k NamespaceKind) String() string {
	return [...]string{"host", "new", "joined"}[k]
}

// KindOf tells how config.json says that the container gets its namespace of
// the type, and the path that it joins.
func KindOf(config *specs.Spec, t specs.LinuxNamespaceType) (NamespaceKind, string) {
	for _, namespace := range config.Linux.Namespaces {
		switch {
		case namespace.Type != t:
			continue
		case namespace.Path == "":
			return New, ""
		default:
			return Joined, namespace.Path
		}
	}
	return Host, ""
}

// nsFile names the namespace's link below /proc/PID/ns.
func nsFile(t specs.LinuxNamespaceType) string {
	if t == specs.NetworkNamespace {
		return "ns/net"
	}
	return "ns/" + string(t)
}

// cloneFlag is the namespace's flag for setns(2) and unshare(2).
func cloneFlag(t specs.LinuxNamespaceType) int {
	switch t {
	case specs.NetworkNamespace:
		return unix.CLONE_NEWNET
	case specs.IPCNamespace:
		return unix.CLONE_NEWIPC
	default:
		return unix.CLONE_NEWUTS
	}
}

// Process is a container's process, pinned: all that is read through it is
// that process's, even if its pid is used again.
type Process struct {
	proc *procfs.Root
	fd   int
	pid  int
}

// Pin opens the process's directory in /proc.
func Pin(proc *procfs.Root, pid int) (*Process, error) {
	fd, err := proc.OpenAt(fmt.Sprint(pid), unix.O_PATH|unix.O_DIRECTORY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the container's process %d does not exist: %w", pid, err)
	}
	if err != nil {
		return nil, fmt.Errorf("the container's process %d: %w", pid, err)
	}
	return &Process{proc: proc, fd: fd, pid: pid}, nil
}

// Close closes the process's directory.
func (p *Process) Close() error {
	return unix.Close(p.fd)
}

// Namespace is an open namespace of a container.
type Namespace struct {
	Type specs.LinuxNamespaceType
	Kind NamespaceKind
	Ino  uint64 // inode number, as ls -l /proc/PID/ns shows it

	fd int
}

// Namespace opens the process's namespace of the type and checks that it is
// what config.json says. A namespace that is the hook's own or PID 1's is the
// host's: then Kind is Host, whatever path it was joined by. Where the two
// disagree in another way, the process is not the one that the runtime meant,
// or the bundle is not its own, and that is an error.
func (p *Process) Namespace(config *specs.Spec, t specs.LinuxNamespaceType) (*Namespace, error) {
	ns, st, err := p.open(t)
	if err != nil {
		return nil, err
	}
	if ns.Kind, err = p.kind(config, t, st); err != nil {
		_ = ns.Close()
		return nil, fmt.Errorf("the %s namespace of process %d: %w", t, p.pid, err)
	}
	return ns, nil
}

// Inode returns the inode number of the process's namespace of the type, for
// people to read, or 0 if it can't be told.
func (p *Process) Inode(t specs.LinuxNamespaceType) uint64 {
	var st unix.Stat_t
	if unix.Fstatat(p.fd, nsFile(t), &st, 0) != nil {
		return 0
	}
	return st.Ino
}

func (p *Process) open(t specs.LinuxNamespaceType) (*Namespace, *unix.Stat_t, error) {
	fail := func(err error) (*Namespace, *unix.Stat_t, error) {
		return nil, nil, fmt.Errorf("the %s namespace of process %d: %w", t, p.pid, err)
	}
	fd, err := unix.Openat(p.fd, nsFile(t), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return fail(fmt.Errorf("%w: %w", ErrEnded, err))
	}
	if err != nil {
		return fail(err)
	}
	var st unix.Stat_t
	if err := statNamespace(fd, &st); err != nil {
		_ = unix.Close(fd)
		return fail(err)
	}
	return &Namespace{Type: t, Ino: st.Ino, fd: fd}, &st, nil
}

func statNamespace(fd int, st *unix.Stat_t) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	if fs.Type != unix.NSFS_MAGIC {
		return errors.New("not a namespace: something is mounted over it")
	}
	return unix.Fstat(fd, st)
}

func (p *Process) kind(config *specs.Spec, t specs.LinuxNamespaceType, st *unix.Stat_t) (NamespaceKind, error) {
	host, err := p.isHost(t, st)
	if err != nil {
		return Host, err
	}
	kind, path := KindOf(config, t)
	switch {
	case host && kind == New:
		return Host, errors.New("is the host's, but config.json asks for a new one; the process is not the container's")
	case !host && kind == Host:
		return Host, errors.New("is not the host's, but config.json asks for none; the process is not the container's")
	case kind == Joined && differs(path, st):
		return Host, fmt.Errorf("is not %s, which config.json says that it joins; the process is not the container's", quote.Text(path))
	case host:
		return Host, nil
	}
	return kind, nil
}

// firstDynamicIno is PROC_DYNAMIC_FIRST in the kernel's fs/proc/generic.c. The
// namespaces that the machine starts with have lower inode numbers: for long those
// of IPC and UTS (include/linux/proc_ns.h), and the network's since Linux 6.18.
const firstDynamicIno = 0xF0000000

// isHost tells the machine's first namespaces, and compares with the hook's own
// and with PID 1's: a runtime may run in a container itself. An ordinary user may
// not look at PID 1; its own namespace is then all there is to compare with, and
// all that it could change.
func (p *Process) isHost(t specs.LinuxNamespaceType, st *unix.Stat_t) (bool, error) {
	if st.Ino < firstDynamicIno {
		return true, nil
	}
	dev, ino, err := p.proc.StatNamespace("thread-self/" + nsFile(t))
	if err != nil {
		return false, err
	}
	if dev == st.Dev && ino == st.Ino {
		return true, nil
	}
	dev, ino, err = p.proc.StatNamespace("1/" + nsFile(t))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return dev == st.Dev && ino == st.Ino, err
}

// differs reports whether the path is there and is another namespace. A path
// that the hook can't look at proves nothing: it may be relative to another
// mount namespace, or be a descriptor of the runtime's.
func differs(path string, want *unix.Stat_t) bool {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Statfs(path, &fs) != nil || fs.Type != unix.NSFS_MAGIC || unix.Stat(path, &st) != nil {
		return false
	}
	return st.Dev != want.Dev || st.Ino != want.Ino
}

// Close closes the namespace.
func (n *Namespace) Close() error {
	return unix.Close(n.fd)
}

// Enter moves the calling thread into the namespace. The thread must be locked
// (runtime.LockOSThread) and never be used for anything else again.
func (n *Namespace) Enter() error {
	if err := unix.Setns(n.fd, cloneFlag(n.Type)); err != nil {
		return fmt.Errorf("the %s namespace %d cannot be entered: %w", n.Type, n.Ino, err)
	}
	return nil
}

// EnterNew moves the calling thread into a new namespace of the same type, for
// a look at what a fresh one holds. The new one starts from where the thread
// is: a domain name, for one, is copied.
func (n *Namespace) EnterNew() error {
	if err := unix.Unshare(cloneFlag(n.Type)); err != nil {
		return fmt.Errorf("a new %s namespace cannot be made: %w", n.Type, err)
	}
	return nil
}

// lockStep is how long Lock sleeps between tries.
const lockStep = 2 * time.Millisecond

// Lock keeps other hooks out of the namespace until it is closed, so that two
// containers of a pod that start at once see each other's values whole. It
// gives up at the deadline, without an error: the lock is open to whoever can
// open the namespace, and nobody may hold up a container.
func (n *Namespace) Lock(deadline time.Time) {
	for ; ; time.Sleep(lockStep) {
		if unix.Flock(n.fd, unix.LOCK_EX|unix.LOCK_NB) != unix.EWOULDBLOCK || time.Now().After(deadline) {
			return
		}
	}
}
