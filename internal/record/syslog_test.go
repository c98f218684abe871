package record

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
)

// listen makes a log's socket that takes datagrams.
func listen(t *testing.T) (*net.UnixConn, syslog) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, syslog(path)
}

// head begins a message, as RFC 3164 has it without a time, which the log adds.
func head(severity int) string {
	const daemon = 3
	return fmt.Sprintf("<%d>oci-sysctl-hook[%d]: ", daemon*8+severity, os.Getpid())
}

func TestSyslogSeverities(t *testing.T) {
	conn, log := listen(t)
	for level, severity := range map[logrus.Level]int{
		logrus.PanicLevel: 0, logrus.FatalLevel: 2, logrus.ErrorLevel: 3, logrus.WarnLevel: 4,
		logrus.InfoLevel: 6, logrus.DebugLevel: 7, logrus.TraceLevel: 7,
	} {
		if err := log.write(level, []byte("line\n")); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if want := head(severity) + "line\n"; err != nil || string(buf[:n]) != want {
			t.Errorf("%s: %q, %v; want %q", level, buf[:n], err, want)
		}
	}
}

// Some logs listen on a stream, where NUL ends a message.
func TestSyslogStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := syslog(path).write(logrus.InfoLevel, []byte("line\n")); err != nil {
		t.Fatal(err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var got bytes.Buffer
	if _, err := got.ReadFrom(conn); err != nil {
		t.Fatal(err)
	}
	if want := head(6) + "line\x00"; got.String() != want {
		t.Errorf("%q, want %q", got.String(), want)
	}
}

// A machine without a system log is no error, nor is one whose log is down.
func TestSyslogIsMissing(t *testing.T) {
	dir := t.TempDir()
	conn, down := listen(t)
	_ = conn.Close() // which leaves the socket's file
	plain := filepath.Join(dir, "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []syslog{syslog(filepath.Join(dir, "missing")), down, syslog(plain)} {
		log := &Log{logger: logrus.New(), sink: s}
		if err := log.Write(logrus.InfoLevel, "m", nil); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		if err := s.write(logrus.InfoLevel, []byte("line\n")); !errors.Is(err, errNoLog) {
			t.Errorf("%s: %v, want %v", s, err, errNoLog)
		}
	}
}

func TestSyslogFails(t *testing.T) {
	for name, want := range map[string]error{"file/log": unix.ENOTDIR, strings.Repeat("x", 200): unix.EINVAL} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := syslog(filepath.Join(dir, name))
		if err := s.write(logrus.InfoLevel, []byte("line\n")); !errors.Is(err, want) || !strings.HasPrefix(err.Error(), string(s)+": ") {
			t.Errorf("%.100s: %v, want %v", s, err, want)
		}
	}
}

// A log that no longer reads holds nobody up for longer than Patience.
func TestSyslogIsStuck(t *testing.T) {
	_, log := listen(t)
	line := []byte(strings.Repeat("x", 1000) + "\n")
	var err error
	var took time.Duration
	for range 10000 {
		began := time.Now()
		err = log.write(logrus.InfoLevel, line)
		if took = time.Since(began); err != nil {
			break
		}
	}
	if !errors.Is(err, fdio.ErrTimeout) || took < Patience || took > soon {
		t.Errorf("%v after %v; want %v after %v", err, took, fdio.ErrTimeout, Patience)
	}
}

func TestSyslogStreamIsStuck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	err = inTime(t, func() error {
		return syslog(path).write(logrus.InfoLevel, []byte(strings.Repeat("x", 1<<20)+"\n"))
	})
	if !errors.Is(err, fdio.ErrTimeout) {
		t.Errorf("%v, want %v", err, fdio.ErrTimeout)
	}
}

// A log that hangs up is an error, and no signal.
func TestSyslogStreamHangsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_ = conn.Close()
		}
	}()
	err = inTime(t, func() error {
		return syslog(path).write(logrus.InfoLevel, []byte(strings.Repeat("x", 1<<20)+"\n"))
	})
	if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("%v, want %v", err, unix.EPIPE)
	}
}

// A record that is too large for a datagram is an error that the user sees.
func TestSyslogTooLarge(t *testing.T) {
	_, log := listen(t)
	err := log.write(logrus.InfoLevel, []byte(strings.Repeat("x", 1<<24)+"\n"))
	if !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("%v, want %v", err, unix.EMSGSIZE)
	}
}
