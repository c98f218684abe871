// Package fdio reads and writes plain file descriptors. An os.File registers with
// the runtime's poller, which costs the hook more than the read itself.
package fdio

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// Reader reads from a descriptor that it does not own. It fails with an error
// once more than Limit bytes came, or when Deadline passes.
type Reader struct {
	FD       int
	Limit    int64     // bytes
	Deadline time.Time // zero for none; else the descriptor is polled before each read

	read int64
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if !r.Deadline.IsZero() {
		if err := WaitUntil(r.FD, unix.POLLIN, r.Deadline); err != nil {
			return 0, err
		}
	}
	for {
		n, err := unix.Read(r.FD, p)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		if r.read += int64(n); r.read > r.Limit {
			return 0, fmt.Errorf("longer than %d bytes", r.Limit)
		}
		return n, nil
	}
}

// Writer writes to a descriptor that it does not own, such as a pipe that nobody
// may read from. A write fails once it takes longer than Patience.
type Writer struct {
	FD       int
	Patience time.Duration
}

// Write implements io.Writer.
func (w Writer) Write(p []byte) (int, error) {
	deadline := time.Now().Add(w.Patience)
	written := 0
	for written < len(p) {
		// A poll that fails tells nothing about the write.
		if err := WaitUntil(w.FD, unix.POLLOUT, deadline); errors.Is(err, ErrTimeout) {
			return written, err
		}
		// A pipe that polls as writable takes a page without blocking (pipe(7)).
		n, err := unix.Write(w.FD, p[written:min(len(p), written+pipePage)])
		if err != nil && err != unix.EINTR && err != unix.EAGAIN {
			return written, err
		}
		written += max(n, 0)
	}
	return written, nil
}

// pipePage is PIPE_BUF of Linux.
const pipePage = 4096

// ErrTimeout is returned when a deadline passed.
var ErrTimeout = errors.New("timed out")

// WaitUntil polls the descriptor for events, or for its end, until deadline.
func WaitUntil(fd int, events int16, deadline time.Time) error {
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return ErrTimeout
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := unix.Poll(fds, int(left.Milliseconds())+1)
		if err != nil && err != unix.EINTR {
			return err
		}
		if n > 0 {
			return nil
		}
	}
}

// ErrNotRegular is returned for what is not a regular file.
var ErrNotRegular = errors.New("not a regular file")

// OpenRegular opens a regular file to read. Anything else, such as a named
// pipe that would block, is an error. The caller closes the descriptor.
func OpenRegular(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		_ = unix.Close(fd)
		return -1, ErrNotRegular
	}
	return fd, nil
}

// ReadNames returns the names in an open directory, in the kernel's order.
func ReadNames(fd int) ([]string, error) {
	var names []string
	buf := make([]byte, 4096)
	for {
		n, err := unix.ReadDirent(fd, buf)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// ReadRegular returns the content of a regular file of at most limit bytes.
func ReadRegular(path string, limit int64) ([]byte, error) {
	fd, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return io.ReadAll(&Reader{FD: fd, Limit: limit})
}
