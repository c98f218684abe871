package fdio

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const limit = 8

func TestReadRegular(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty":    "",
		"at limit": strings.Repeat("x", limit),
		"beyond":   strings.Repeat("x", limit+1),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadRegular(path, limit)
		if tooLong := len(content) > limit; (err != nil) != tooLong || !tooLong && string(got) != content {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// What is no regular file is refused at once, without waiting for a writer.
func TestReadRegularIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		fifo:                           "not a regular file",
		dir:                            "not a regular file",
		"/dev/null":                    "not a regular file",
		filepath.Join(dir, "missing"):  "no such file or directory",
		filepath.Join(fifo, "missing"): "not a directory",
	} {
		if _, err := ReadRegular(path, limit); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// pipe returns a pipe with the content in it, open for writing until the test ends.
func pipe(t *testing.T, content string) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = read.Close()
		_ = write.Close()
	})
	if _, err := write.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return read, write
}

func TestReaderDeadline(t *testing.T) {
	const wait = 50 * time.Millisecond
	read, _ := pipe(t, "some")
	began := time.Now()
	got, err := io.ReadAll(&Reader{FD: int(read.Fd()), Limit: limit, Deadline: began.Add(wait)})
	if string(got) != "some" || !errors.Is(err, ErrTimeout) {
		t.Errorf("%q, %v", got, err)
	}
	if took := time.Since(began); took < wait || took > 20*wait {
		t.Errorf("took %v, want about %v", took, wait)
	}
}

func TestReaderEnd(t *testing.T) {
	read, write := pipe(t, "whole")
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(&Reader{FD: int(read.Fd()), Limit: limit, Deadline: time.Now().Add(time.Minute)})
	if string(got) != "whole" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReaderLimit(t *testing.T) {
	read, _ := pipe(t, strings.Repeat("x", limit+1))
	got, err := io.ReadAll(&Reader{FD: int(read.Fd()), Limit: limit, Deadline: time.Now().Add(time.Minute)})
	if err == nil || !strings.Contains(err.Error(), "longer than 8 bytes") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestReaderBadDescriptor(t *testing.T) {
	for name, deadline := range map[string]time.Time{"polled": time.Now().Add(time.Minute), "not polled": {}} {
		if _, err := io.ReadAll(&Reader{FD: 1 << 20, Limit: limit, Deadline: deadline}); !errors.Is(err, unix.EBADF) {
			t.Errorf("%s: %v, want %v", name, err, unix.EBADF)
		}
	}
}

func TestWaitUntil(t *testing.T) {
	read, write := pipe(t, "")
	past, future := time.Now().Add(-time.Second), time.Now().Add(time.Minute)
	if err := WaitUntil(int(write.Fd()), unix.POLLOUT, future); err != nil {
		t.Errorf("a pipe with room: %v", err)
	}
	if err := WaitUntil(int(write.Fd()), unix.POLLOUT, past); !errors.Is(err, ErrTimeout) {
		t.Errorf("a deadline that has passed: %v", err)
	}
	if err := WaitUntil(int(read.Fd()), unix.POLLIN, time.Now().Add(10*time.Millisecond)); !errors.Is(err, ErrTimeout) {
		t.Errorf("an empty pipe: %v", err)
	}
}

// fullPipe returns a pipe that takes no more.
func fullPipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write = pipe(t, "")
	size, err := unix.FcntlInt(write.Fd(), unix.F_GETPIPE_SZ, 0)
	if err == nil {
		_, err = write.WriteString(strings.Repeat("x", size))
	}
	if err != nil {
		t.Fatal(err)
	}
	return read, write
}

// A pipe that nobody reads holds a writer up for its patience, and no longer.
func TestWriterIsBounded(t *testing.T) {
	const patience = 50 * time.Millisecond
	_, write := fullPipe(t)
	began := time.Now()
	n, err := Writer{FD: int(write.Fd()), Patience: patience}.Write([]byte("more"))
	if n != 0 || !errors.Is(err, ErrTimeout) {
		t.Errorf("%d, %v, want %v", n, err, ErrTimeout)
	}
	if took := time.Since(began); took < patience || took > 20*patience {
		t.Errorf("took %v, want about %v", took, patience)
	}
}

// What does not fit at once is written as it is read.
func TestWriterGoesOn(t *testing.T) {
	read, write := fullPipe(t)
	before, err := unix.FcntlInt(write.Fd(), unix.F_GETPIPE_SZ, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("0123456789", 3*before/10)
	got := make(chan string)
	go func() {
		all, _ := io.ReadAll(read)
		got <- string(all[before:])
	}()
	n, err := Writer{FD: int(write.Fd()), Patience: time.Minute}.Write([]byte(text))
	if n != len(text) || err != nil {
		t.Errorf("%d of %d bytes, %v", n, len(text), err)
	}
	_ = write.Close()
	if <-got != text {
		t.Error("another text was read")
	}
}
