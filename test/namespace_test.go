package test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// heldNamespace is a namespace that is kept open, and lives as long.
type heldNamespace struct {
	file *os.File
	flag int // of clone(2)
}

// netns is a network namespace that lives as long as the test.
type netns struct{ heldNamespace }

// hold opens a namespace until the test ends.
func hold(t *testing.T, path string, flag int) heldNamespace {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return heldNamespace{f, flag}
}

// newNetns makes a network namespace as a pod's is: apart from any container.
func newNetns(t *testing.T) netns {
	t.Helper()
	ns := netns{heldNamespace{flag: unix.CLONE_NEWNET}}
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		ns.file, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.file.Close() })
	return ns
}

// path is for a bundle. Nothing has to be unmounted, even if the test is killed.
func (n heldNamespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// get reads keys in the namespace.
func (n heldNamespace) get(t *testing.T, keys ...string) map[string]string {
	t.Helper()
	var values map[string]string
	err := n.enter(func() (err error) {
		values, err = readKeys(keys)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// set writes a key in the namespace.
func (n heldNamespace) set(t *testing.T, key, value string) {
	t.Helper()
	err := n.enter(func() error { return writeKey(key, value) })
	if err != nil {
		t.Fatal(err)
	}
}

func (n heldNamespace) enter(do func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), n.flag); err != nil {
			return fmt.Errorf("setns: %w", err)
		}
		return do()
	})
}

// onThread does something on a thread that ends with it, namespaces and all.
func onThread(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock
		done <- do()
	}()
	return <-done
}

// keyPath is where the kernel has a key; no key of these tests has a dot in a name.
func keyPath(key string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
}

// writeKey writes a key in the namespaces of the calling thread.
func writeKey(key, value string) error {
	return os.WriteFile(keyPath(key), []byte(value), 0)
}

// readKeys reads keys in the namespaces of the calling thread.
func readKeys(keys []string) (map[string]string, error) {
	values := make(map[string]string)
	var failed error
	for _, key := range keys {
		value, err := os.ReadFile(keyPath(key))
		failed = errors.Join(failed, err)
		values[key] = strings.TrimSpace(string(value))
	}
	return values, failed
}
