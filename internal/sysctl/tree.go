package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/procfs"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// ErrNoKey is returned for a key that the thread's namespace does not have,
// because the kernel lacks it or keeps it for the host's namespace only. It is
// an fs.ErrNotExist; not every one is an ErrNoKey, since the kernel also says
// ENOENT to the name of a congestion control algorithm that it lacks.
var ErrNoKey error = noKeyError{}

// errNoTree is no fs.ErrNotExist: no key's being optional is meant by it.
var errNoTree = errors.New("/proc has no sys: it is mounted with subset=pid, or the kernel has no sysctls")

type noKeyError struct{}

func (noKeyError) Error() string        { return "this kernel has no such key in this namespace" }
func (noKeyError) Is(target error) bool { return target == fs.ErrNotExist }

// Tree is /proc/sys as the calling thread sees it. The kernel picks the
// namespace from the thread on every lookup (net_ctl_header_lookup, set_lookup
// in ipc_sysctl.c), so a Tree stays right across setns.
type Tree struct {
	proc *procfs.Root
}

// NewTree returns the tree below a verified /proc.
func NewTree(proc *procfs.Root) *Tree {
	return &Tree{proc: proc}
}

// Read returns the key's value without the kernel's trailing newline.
func (t *Tree) Read(key Key) (string, error) {
	fd, err := t.open(key, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return read(fd)
}

func (t *Tree) writeAsMyself(key Key, value string) (old string, err error) {
	fd, err := t.open(key, unix.O_RDWR)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return t.mustEqual(key, value, err)
	}
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if old, err = read(fd); err != nil || Equal(old, value) {
		return old, err
	}
	err = put(fd, value)
	if err == nil {
		return old, nil
	}
	// The kernel stores field after field, and refuses at the first bad one.
	if now, readErr := read(fd); readErr != nil || now != old {
		err = &changedError{now: now, err: err}
	}
	return old, err
}

// put writes the value and reads it back.
func put(fd int, value string) error {
	// The newline makes an empty value a write that the kernel acts on.
	if _, err := unix.Pwrite(fd, []byte(value+"\n"), 0); err != nil {
		return fmt.Errorf("the kernel refuses it: %w", err)
	}
	kept, err := read(fd)
	if err != nil {
		return fmt.Errorf("cannot be read back: %w", err)
	}
	if !Equal(kept, value) {
		return fmt.Errorf("the kernel kept %s", quote.Text(kept))
	}
	return nil
}

// mustEqual serves a key that can't be opened for writing: that is only an
// error when it holds another value.
func (t *Tree) mustEqual(key Key, value string, cause error) (string, error) {
	old, err := t.Read(key)
	if err != nil || Equal(old, value) {
		return old, err
	}
	return old, fmt.Errorf("cannot be written: %w", cause)
}

// changedError is a write's failure that changed the key, to now.
type changedError struct {
	now string
	err error
}

func (e *changedError) Error() string { return e.err.Error() }
func (e *changedError) Unwrap() error { return e.err }

func (t *Tree) open(key Key, flags int) (int, error) {
	fd, err := t.proc.OpenAt("sys/"+string(key), flags)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return -1, t.noKey()
	}
	return fd, err
}

// noKey is ErrNoKey, unless there is no key at all.
func (t *Tree) noKey() error {
	fd, err := t.proc.OpenAt("sys", unix.O_PATH|unix.O_DIRECTORY)
	if errors.Is(err, fs.ErrNotExist) {
		return errNoTree
	}
	if err != nil {
		return err
	}
	_ = unix.Close(fd)
	return ErrNoKey
}

// read returns the whole file. Most sysctls are given out from their beginning
// only, so one that fills the buffer is read again into a larger one.
func read(fd int) (string, error) {
	for buf := make([]byte, 512); ; {
		n, err := unix.Pread(fd, buf, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return "", fmt.Errorf("cannot be read: %w", err)
		case n < len(buf):
			return strings.TrimSuffix(string(buf[:n]), "\n"), nil
		}
		buf = make([]byte, 4*len(buf))
	}
}

// Expand lists the keys that the pattern covers, sorted. A pattern that covers
// none gives an empty list.
func (t *Tree) Expand(pattern Key) ([]Key, error) {
	found := []string{""}
	for component := range strings.SplitSeq(string(pattern), "/") {
		var next []string
		for _, dir := range found {
			names := []string{component}
			if component == "*" {
				var err error
				if names, err = t.list(dir); err != nil {
					return nil, fmt.Errorf("%s: %w", pattern, err)
				}
			}
			for _, name := range names {
				next = append(next, strings.TrimPrefix(dir+"/"+name, "/"))
			}
		}
		found = next
	}
	keys := make([]Key, 0, len(found))
	for _, path := range found {
		if t.isFile(Key(path)) {
			keys = append(keys, Key(path))
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// list returns the names in a directory; what is not a directory has none.
func (t *Tree) list(dir string) ([]string, error) {
	fd, err := t.open(Key(dir), unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	names, err := fdio.ReadNames(fd)
	if err != nil {
		return nil, fmt.Errorf("/proc/sys/%s: %w", dir, err)
	}
	return names, nil
}

func (t *Tree) isFile(key Key) bool {
	st, err := t.stat(key)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}

func (t *Tree) stat(key Key) (st unix.Stat_t, err error) {
	fd, err := t.open(key, unix.O_PATH)
	if err != nil {
		return st, err
	}
	defer unix.Close(fd)
	err = unix.Fstat(fd, &st)
	return st, err
}
