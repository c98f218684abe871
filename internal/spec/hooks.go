package spec

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/fdio"
)

// ReadHooks returns the paths of the programs that a bundle's config.json has
// run at the stages createRuntime and prestart.
func ReadHooks(bundle string) ([]string, error) {
	path := bundle + "/config.json"
	fd, err := fdio.OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	paths, err := newDecoder(&fdio.Reader{FD: fd, Limit: MaxConfig}).hooks()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return paths, nil
}

func (d decoder) hooks() (paths []string, err error) {
	hook := func(name string) error {
		if name != "path" {
			return d.SkipValue()
		}
		path, err := d.text()
		paths = append(paths, path)
		return err
	}
	stage := func(name string) error {
		if name != "createRuntime" && name != "prestart" {
			return d.SkipValue()
		}
		return d.array(func() error { return d.object(hook) })
	}
	err = d.document(func(name string) error {
		if name != "hooks" {
			return d.SkipValue()
		}
		return d.object(stage)
	})
	return paths, err
}
