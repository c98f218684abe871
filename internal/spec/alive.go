package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
)

// ErrEnded is returned for a process that has ended.
var ErrEnded = errors.New("the process has ended")

// StartTime returns when the process started, in clock ticks since the machine
// did: with the pid, that names a process for good. The error is ErrEnded for
// one that is only waited for.
func (p *Process) StartTime() (uint64, error) {
	fd, err := unix.Openat(p.fd, "stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		var stat []byte
		if stat, err = io.ReadAll(&fdio.Reader{FD: fd, Limit: 1 << 16}); err == nil {
			return startTime(stat)
		}
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return 0, ErrEnded
	}
	return 0, fmt.Errorf("process %d: %w", p.pid, err)
}

// The fields of /proc/PID/stat (proc_pid_stat(5)) that follow the command's
// name, which is in parentheses and may hold anything.
const (
	stateField     = 0  // the 3rd of all
	startTimeField = 19 // the 22nd
)

func startTime(stat []byte) (uint64, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startTimeField {
		return 0, fmt.Errorf("/proc/PID/stat: %d fields after the name", len(fields))
	}
	if state := fields[stateField][0]; state == 'Z' || state == 'X' {
		return 0, ErrEnded
	}
	return strconv.ParseUint(string(fields[startTimeField]), 10, 64)
}
