// Package spec reads what an OCI runtime gives a hook: the state on stdin, the
// bundle's config.json, and the container's namespaces.
package spec

import (
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

const (
	// MaxState bounds the state document, in bytes.
	MaxState = 1 << 20
	// StateTimeout bounds the wait for the whole state document.
	StateTimeout = 5 * time.Second
)

// maxPid is the kernel's PID_MAX_LIMIT on 64-bit machines.
const maxPid = 1 << 22

// ReadState reads the state of a container from fd up to its end, as the
// runtime specification's section "State" defines it. It tolerates what
// runtimes are known to send: crun's version "1.0" and its extra members, and
// no annotations. It refuses a state that names no process or no absolute
// bundle, and input that is too long or takes longer than timeout.
func ReadState(fd int, timeout time.Duration) (*specs.State, error) {
	state, err := decodeState(&fdio.Reader{FD: fd, Limit: MaxState, Deadline: time.Now().Add(timeout)})
	if errors.Is(err, fdio.ErrTimeout) {
		return nil, fmt.Errorf("state: stdin did not end within %s; this program is run by an OCI runtime, see --help", timeout)
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return state, nil
}

func checkState(state *specs.State) error {
	switch {
	case state.Pid <= 0 || state.Pid > maxPid:
		return fmt.Errorf("pid is %d: there is no process at this point of the container's life", state.Pid)
	case !path.IsAbs(state.Bundle):
		return fmt.Errorf("bundle %s is not an absolute path", quote.Text(state.Bundle))
	}
	return nil
}

func decodeState(r io.Reader) (*specs.State, error) {
	var state specs.State
	d := newDecoder(r)
	err := d.document(func(name string) (err error) {
		switch name {
		case "id":
			state.ID, err = d.text()
		case "pid":
			state.Pid, err = d.integer()
		case "bundle":
			state.Bundle, err = d.text()
		case "annotations":
			state.Annotations, err = d.stringMap()
		default:
			err = d.SkipValue()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := checkState(&state); err != nil {
		return nil, err
	}
	return &state, nil
}
