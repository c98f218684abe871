package record

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
)

// soon is Patience and what a busy machine may add to it.
const soon = Patience + 150*time.Millisecond

// inTime fails the test if f takes longer than a container may be held up.
func inTime(t *testing.T, f func() error) error {
	t.Helper()
	began := time.Now()
	err := f()
	if took := time.Since(began); took > soon {
		t.Errorf("took %v", took)
	}
	return err
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, line := range []string{"first\n", "second\n"} {
		if err := file(path).write(logrus.InfoLevel, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "first\nsecond\n" {
		t.Errorf("%q, %v", text, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o027 != 0 {
		t.Errorf("mode %v, %v: others may read it", info.Mode(), err)
	}
}

// Lines of hooks that run at once do not mix.
func TestFileOfMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	const writers, lines = 8, 20
	var group sync.WaitGroup
	for n := range writers {
		line := []byte(strings.Repeat(string(rune('a'+n)), 5000) + "\n")
		group.Go(func() {
			for range lines {
				if err := file(path).append(line); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(string(text)) {
		if count++; strings.Trim(line, line[:1]) != "\n" || len(line) != 5001 {
			t.Fatalf("line %d is mixed", count)
		}
	}
	if count != writers*lines {
		t.Errorf("%d lines, want %d", count, writers*lines)
	}
}

func TestFileFails(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"/dev/full":                   unix.ENOSPC,
		fifo:                          unix.ENXIO, // nobody reads
		dir:                           unix.EISDIR,
		filepath.Join(dir, "no/file"): unix.ENOENT,
		filepath.Join(fifo, "file"):   unix.ENOTDIR,
	} {
		err := inTime(t, func() error { return file(path).write(logrus.InfoLevel, []byte("line\n")) })
		if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}

// A reader that does not read.
func TestFileIsStuck(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	line := []byte(strings.Repeat("x", 1<<15))
	for range 100 {
		if err = inTime(t, func() error { return file(fifo).write(logrus.InfoLevel, line) }); err != nil {
			break
		}
	}
	if !errors.Is(err, unix.EAGAIN) && (err == nil || !strings.Contains(err.Error(), "bytes written")) {
		t.Errorf("%v", err)
	}
}

// withStderr runs f with another standard error.
func withStderr(t *testing.T, other *os.File, f func()) {
	t.Helper()
	saved, err := unix.Dup(unix.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(saved)
	if err := unix.Dup2(int(other.Fd()), unix.Stderr); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Dup2(saved, unix.Stderr); err != nil {
			t.Fatal(err)
		}
	}()
	f()
}

func TestStderr(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	line := strings.Repeat("x", 20000) + "\n"
	withStderr(t, write, func() { err = stderr{}.write(logrus.InfoLevel, []byte(line)) })
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2*len(line))
	n, err := read.Read(got)
	for err == nil && n < len(line) {
		var more int
		more, err = read.Read(got[n:])
		n += more
	}
	if string(got[:n]) != line || err != nil {
		t.Errorf("%d bytes, %v; want %d", n, err, len(line))
	}
}

// A runtime that does not read the hook's stderr holds it up for no longer.
func TestStderrIsStuck(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	line := []byte(strings.Repeat("x", 1<<20))
	withStderr(t, write, func() {
		err = inTime(t, func() error { return stderr{}.write(logrus.InfoLevel, line) })
	})
	if !errors.Is(err, fdio.ErrTimeout) {
		t.Errorf("%v, want %v", err, fdio.ErrTimeout)
	}
}

func TestStderrIsClosed(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	_ = read.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	withStderr(t, full, func() { err = stderr{}.write(logrus.InfoLevel, []byte("line\n")) })
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%v, want %v", err, unix.ENOSPC)
	}
}
