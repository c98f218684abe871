// Package procfs opens files below /proc so that nothing mounted there, and no
// symbolic link, can send the caller elsewhere.
//
// It does in two system calls what filepath-securejoin's pathrs-lite/procfs
// does by making a private procfs mount, which slows the hook measurably (see
// docs/performance.md). A private mount would also look past a read-only or
// covered /proc/sys, which the node's administrator may have put there on
// purpose; here that is an error.
package procfs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// rootIno is the inode number of the root directory of every procfs instance
// (PROC_ROOT_INO in the kernel's include/linux/proc_fs.h). A directory further
// down, bind-mounted over /proc, has another one.
const rootIno = 1

// Root is an open, verified /proc.
type Root struct {
	fd int
}

// Open opens /proc and proves that it is the root of a procfs.
func Open() (*Root, error) {
	fd, err := unix.Open("/proc", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/proc: %w", err)
	}
	if err := verify(fd); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("/proc: %w", err)
	}
	return &Root{fd: fd}, nil
}

func verify(fd int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	if fs.Type != unix.PROC_SUPER_MAGIC {
		return errors.New("not a procfs: something is mounted over it")
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Ino != rootIno {
		return errors.New("not the root of a procfs: something is mounted over it")
	}
	return nil
}

// Close closes the directory.
func (r *Root) Close() error {
	return unix.Close(r.fd)
}

// OpenAt opens path, which is relative to /proc, and returns the descriptor.
// The path may not leave the procfs mount and no part of it may be a symbolic
// link. It needs openat2(2), Linux 5.6.
func (r *Root) OpenAt(path string, flags int) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	for {
		fd, err := unix.Openat2(r.fd, path, &how)
		switch err {
		case nil:
			return fd, nil
		case unix.EINTR, unix.EAGAIN: // EAGAIN: a rename or mount raced with the lookup
			continue
		case unix.EXDEV:
			return -1, fmt.Errorf("/proc/%s: covered by another mount: %w", path, err)
		case unix.ELOOP:
			return -1, fmt.Errorf("/proc/%s: a symbolic link: %w", path, err)
		case unix.ENOSYS:
			return -1, fmt.Errorf("/proc/%s: openat2 needs Linux 5.6 or later: %w", path, err)
		default:
			return -1, fmt.Errorf("/proc/%s: %w", path, err)
		}
	}
}

// StatNamespace returns the device and inode number of the namespace behind
// the magic link path, such as "thread-self/ns/net".
func (r *Root) StatNamespace(path string) (dev, ino uint64, err error) {
	var st unix.Stat_t
	if err := unix.Fstatat(r.fd, path, &st, 0); err != nil {
		return 0, 0, fmt.Errorf("/proc/%s: %w", path, err)
	}
	return st.Dev, st.Ino, nil
}
