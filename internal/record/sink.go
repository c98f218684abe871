package record

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
)

// errNoLog says that there is nothing that takes records.
var errNoLog = errors.New("no log")

// stderr is the hook's standard error, which the runtime reads through a pipe.
type stderr struct{}

func (stderr) write(_ logrus.Level, line []byte) error {
	_, err := fdio.Writer{FD: unix.Stderr, Patience: Patience}.Write(line)
	return err
}

// file is the path of a file that records are appended to.
type file string

// write leaves the writing to another thread: a disk that does not answer
// can't be polled for.
func (f file) write(_ logrus.Level, line []byte) error {
	done := make(chan error, 1)
	go func() { done <- f.append(line) }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: %w", string(f), err)
		}
		return nil
	case <-time.After(Patience):
		return fmt.Errorf("%s: %w", string(f), fdio.ErrTimeout)
	}
}

// append writes the line at once, so that lines of several hooks don't mix.
func (f file) append(line []byte) error {
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Open(string(f), flags, 0o640)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	n, err := unix.Write(fd, line)
	if err == nil && n < len(line) {
		err = fmt.Errorf("%d of %d bytes written", n, len(line))
	}
	return err
}

// syslogSocket is where the system's log listens (systemd-journald, rsyslog,
// busybox syslogd).
const syslogSocket = "/dev/log"

// syslog is the path of the socket of the system's log, spoken to as syslog(3)
// does. The standard library's log/syslog brings in package net and blocks on a
// stuck reader.
type syslog string

func (s syslog) write(level logrus.Level, line []byte) error {
	if err := s.deliver(level, line); err != nil {
		return fmt.Errorf("%s: %w", string(s), err)
	}
	return nil
}

func (s syslog) deliver(level logrus.Level, line []byte) error {
	fd, stream, err := s.dial()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	message := append(priority(level), line...)
	if stream {
		message[len(message)-1] = 0 // ends a message, as a line's end does not
	}
	return send(fd, message)
}

// priority begins a message: facility daemon and severity (RFC 3164, 4.1.1),
// the program and its process.
func priority(level logrus.Level) []byte {
	severity := severities[min(int(level), len(severities)-1)]
	text := "<" + strconv.Itoa(facilityDaemon|severity) + ">oci-sysctl-hook[" + strconv.Itoa(unix.Getpid()) + "]: "
	return []byte(text)
}

const facilityDaemon = 3 << 3

// severities is the severity of logrus's levels: panic, fatal, error, warning,
// info, debug.
var severities = [...]int{0, 2, 3, 4, 6, 7}

func (s syslog) dial() (fd int, stream bool, err error) {
	for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_STREAM} {
		fd, err = unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return -1, false, err
		}
		if err = unix.Connect(fd, &unix.SockaddrUnix{Name: string(s)}); err == nil {
			return fd, kind == unix.SOCK_STREAM, nil
		}
		_ = unix.Close(fd)
		if err != unix.EPROTOTYPE {
			break
		}
	}
	if err == unix.ENOENT || err == unix.ECONNREFUSED {
		err = errNoLog
	}
	return -1, false, err
}

func send(fd int, message []byte) error {
	deadline := time.Now().Add(Patience)
	for len(message) > 0 {
		n, err := unix.SendmsgN(fd, message, nil, nil, unix.MSG_NOSIGNAL)
		switch err {
		case nil:
			message = message[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			if err := fdio.WaitUntil(fd, unix.POLLOUT, deadline); err != nil {
				return err
			}
		default:
			return err
		}
	}
	return nil
}
