package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// maxState bounds a state file, in bytes; runc writes the whole configuration
// into it.
const maxState = 16 << 20

// errNoState is returned for a directory that is no container's, or not any
// more: a runtime removes it when the container is deleted.
var errNoState = errors.New("no container's state")

// formats are the state files of the runtimes.
var formats = [...]struct {
	runtime, file string
	decode        func([]byte, *Container) error
}{
	{"runc", "state.json", decodeRunc},
	{"crun", "status", decodeCrun},
}

// read reads the state in a directory, which is named as the container is.
func read(dir string) (*Container, error) {
	for _, format := range formats {
		data, err := fdio.ReadRegular(filepath.Join(dir, format.file), maxState)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c := &Container{ID: filepath.Base(dir), Runtime: format.runtime, State: dir}
		if err := format.decode(data, c); err != nil {
			return nil, fmt.Errorf("%s: %w", format.file, err)
		}
		return c, c.check()
	}
	return nil, errNoState
}

// decodeRunc reads what runc's libcontainer.State is written as. runc adds the
// label "bundle" after those that it makes of the annotations, which may hold
// anything.
func decodeRunc(data []byte, c *Container) error {
	var state struct {
		Pid    int    `json:"init_process_pid"`
		Start  uint64 `json:"init_process_start"`
		Config struct {
			Labels []string `json:"labels"`
		} `json:"config"`
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return err
	}
	c.Pid, c.Start = state.Pid, state.Start
	for _, label := range state.Config.Labels {
		if bundle, ok := strings.CutPrefix(label, "bundle="); ok {
			c.Bundle = bundle
		}
	}
	return nil
}

// decodeCrun reads what crun's libcrun_write_container_status writes.
func decodeCrun(data []byte, c *Container) error {
	var status struct {
		Pid    int    `json:"pid"`
		Start  uint64 `json:"process-start-time"`
		Bundle string `json:"bundle"`
	}
	if err := json.Unmarshal(data, &status); err != nil {
		return err
	}
	c.Pid, c.Start, c.Bundle = status.Pid, status.Start, status.Bundle
	return nil
}

// check refuses what no runtime writes, and what would reach a terminal by an
// error: below /run/user a state is whatever a user likes.
func (c *Container) check() error {
	for _, text := range []string{c.ID, c.Bundle} {
		if !isPrintable(text) {
			return fmt.Errorf("%s is not printable", quote.Text(text))
		}
	}
	if !filepath.IsAbs(c.Bundle) {
		return fmt.Errorf("bundle %q is not an absolute path", c.Bundle)
	}
	return nil
}
