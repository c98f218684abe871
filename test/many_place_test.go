package test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// place is a mount namespace of a test's own, with another /dev, and one
// directory that differs. The host sees nothing of it.
type place struct{ ns *os.File }

// newPlace makes a place. Its /dev has no log; furnish may add to it, on a
// thread that is in the place.
func newPlace(t *testing.T, furnish func() error) place {
	t.Helper()
	needRoot(t)
	var p place
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make mounts private: %w", err)
		}
		if err := ownDev(); err != nil {
			return err
		}
		if err := furnish(); err != nil {
			return err
		}
		p.ns, err = os.Open("/proc/thread-self/ns/mnt")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.ns.Close() })
	return p
}

// ownDev puts a file system over /dev with what a runtime needs there.
func ownDev() error {
	if err := unix.Mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9} {
		path := filepath.Join("/dev", name)
		if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
			return fmt.Errorf("mknod %s: %w", path, err)
		}
	}
	return nil
}

// enter does something in the place, on a thread that ends with it. What it
// starts is in the place too.
func (p place) enter(do func()) error {
	return onThread(func() error {
		// A thread that shares its root and working directory cannot change
		// its mount namespace (setns(2)).
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := unix.Setns(int(p.ns.Fd()), unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("setns: %w", err)
		}
		do()
		return nil
	})
}

// hostPlace is where the test runs itself.
type hostPlace struct{}

func (hostPlace) enter(do func()) error {
	do()
	return nil
}
