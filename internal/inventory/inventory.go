// Package inventory finds the containers that run on this node, in the
// directories where OCI runtimes keep their state. It asks no engine and writes
// nothing.
package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// Container is a container that a runtime keeps a state of.
type Container struct {
	ID      string
	Runtime string // runc or crun: whose format the state has
	State   string // the directory that holds it
	Bundle  string
	Pid     int
	Start   uint64 // start time of the process, see spec.Process.StartTime; 0 if not known
}

// depth is how far below a root the containers' directories are: containerd
// and docker have a level of their own namespaces (k8s.io, moby) in between.
const depth = 2

// List returns the containers below the roots, sorted by ID. It does not tell
// which of them still run. A root that is not there holds none; what can't be
// read is in the error, which does not keep it from reading the others.
func List(roots []string) ([]Container, error) {
	var containers []Container
	var failed []error
	for _, root := range roots {
		found, err := list(root, depth)
		containers = append(containers, found...)
		failed = append(failed, err)
	}
	slices.SortFunc(containers, func(a, b Container) int {
		if byID := strings.Compare(a.ID, b.ID); byID != 0 {
			return byID
		}
		return strings.Compare(a.State, b.State)
	})
	return containers, errors.Join(failed...)
}

// printable quotes a path that a terminal would not only show.
func printable(path string) string {
	if !isPrintable(path) {
		return quote.Text(path)
	}
	return path
}

func isPrintable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func list(dir string, depth int) ([]Container, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var containers []Container
	var failed []error
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		state := filepath.Join(dir, entry.Name())
		c, err := read(state)
		switch {
		case err == nil:
			containers = append(containers, *c)
		case !errors.Is(err, errNoState):
			failed = append(failed, fmt.Errorf("%s: %w", printable(state), err))
		case depth > 1:
			found, err := list(state, depth-1)
			containers = append(containers, found...)
			failed = append(failed, err)
		}
	}
	return containers, errors.Join(failed...)
}
