package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dropHybridCgroups hides the version 2 half of a hybrid cgroup hierarchy, with
// which crun refuses to work.
func dropHybridCgroups() error {
	err := unix.Unmount("/sys/fs/cgroup/unified", unix.MNT_DETACH)
	if err == unix.ENOENT || err == unix.EINVAL {
		return nil
	}
	return err
}

// privateDev puts a /dev with a system log over the machine's.
func privateDev() error {
	dev, err := os.MkdirTemp("", "oci-sysctl-hook-dev-")
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dev, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("%s: %w", dev, err)
	}
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := bind("/dev/"+name, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	if err := unix.Mount(dev, "/dev", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	return listen("/dev/log")
}

// listen starts a process that reads records and drops them, as a system's log
// is a process of its own.
func listen(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	reader := exec.Command("cat")
	reader.Stdin = os.NewFile(uintptr(fd), path)
	reader.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return reader.Start()
}

func bind(from, to string) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	f.Close()
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("%s: %w", to, err)
	}
	return nil
}

// target is the process of a container that the programs work on, and a thread
// that lives in its network namespace.
type target struct {
	cmd  *exec.Cmd
	jobs chan func()
}

func startTarget() (*target, error) {
	t := &target{cmd: exec.Command("sleep", "1000000"), jobs: make(chan func())}
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // Pdeathsig is sent when this thread ends
		err := t.cmd.Start()
		if err == nil {
			err = enterNetns(t.cmd.Process.Pid)
		}
		started <- err
		for job := range t.jobs {
			job()
		}
	}()
	return t, <-started
}

func enterNetns(pid int) error {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, unix.CLONE_NEWNET)
}

// inside runs f in the target's network namespace.
func (t *target) inside(f func() error) error {
	done := make(chan error)
	t.jobs <- func() { done <- f() }
	return <-done
}

// restore gives the namespace other values than the programs set.
func (t *target) restore() error {
	return t.inside(func() error {
		for _, s := range sysctls(30) {
			if err := os.WriteFile("/proc/sys/"+s.path(), []byte(s.initial), 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *target) read(s sysctl) (value string, err error) {
	err = t.inside(func() error {
		data, err := os.ReadFile("/proc/sys/" + s.path())
		value = strings.TrimSpace(string(data))
		return err
	})
	return value, err
}

func (t *target) stop() {
	_ = t.cmd.Process.Kill()
	_ = t.cmd.Wait()
}
