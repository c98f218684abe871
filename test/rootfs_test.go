package test

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// rootfsPath is the read-only root file system of every container.
func rootfsPath() string { return filepath.Join(work, "rootfs") }

// busyboxPath is the only program in it.
func busyboxPath() string { return filepath.Join(rootfsPath(), "bin", "busybox") }

// makeRootfs copies busybox into rootfsPath. Without a static busybox the
// root file system stays empty, and noRootfs says why.
func makeRootfs() error {
	// The mount points are made here, since containers share the directory.
	for _, dir := range []string{"bin", "dev", "proc", "sys"} {
		if err := os.MkdirAll(filepath.Join(rootfsPath(), dir), 0o755); err != nil {
			return err
		}
	}
	from, err := exec.LookPath("busybox")
	if err != nil || !isStatic(from) {
		return nil
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(busyboxPath(), content, 0o755)
}

// noRootfs is the reason why no container can run, or nil.
func noRootfs() error {
	if _, err := os.Stat(busyboxPath()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no statically linked busybox in PATH (Debian's busybox-static)")
	} else if err != nil {
		return err
	}
	return nil
}

// isStatic tells whether a program runs without a dynamic linker.
func isStatic(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}
