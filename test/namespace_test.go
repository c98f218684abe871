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

// netns is a network namespace that lives as long as the test.
type netns struct{ file *os.File }

// newNetns makes a network namespace as a pod's is: apart from any container.
func newNetns(t *testing.T) netns {
	t.Helper()
	var ns netns
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
func (n netns) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// get reads keys in the namespace.
func (n netns) get(t *testing.T, keys ...string) map[string]string {
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
func (n netns) set(t *testing.T, key, value string) {
	t.Helper()
	err := n.enter(func() error { return writeKey(key, value) })
	if err != nil {
		t.Fatal(err)
	}
}

func (n netns) enter(do func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
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
