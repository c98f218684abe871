package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/nri/pkg/api"
	"github.com/pelletier/go-toml/v2"
)

// defaultHook is where make install puts the hook. The build sets it for
// another PREFIX.
var defaultHook = "/usr/libexec/oci/hooks.d/oci-sysctl-hook"

const defaultTimeout = 10 // seconds

// hook is what containers get. The names in TOML are for a plugin that
// containerd itself starts: such a plugin has no command line.
type hook struct {
	Path    string   `toml:"hook"`
	Args    []string `toml:"hook_args"`
	Timeout int      `toml:"timeout"`
}

// check looks at what can be judged without the host.
func (h hook) check() error {
	// The OCI runtime spec wants both: config.md, "POSIX-platform Hooks".
	if !filepath.IsAbs(h.Path) {
		return fmt.Errorf("hook %q: not an absolute path", h.Path)
	}
	if h.Timeout <= 0 {
		return fmt.Errorf("timeout %d: must be a number of seconds above 0", h.Timeout)
	}
	return nil
}

// find fails if the hook is not there. Every container would fail with it.
func (h hook) find() error {
	info, err := os.Stat(h.Path)
	if err != nil {
		return fmt.Errorf("hook: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("hook %s: not an executable file", h.Path)
	}
	return nil
}

// with gives the hook as a plugin's configuration changes it.
func (h hook) with(config string) (hook, error) {
	err := toml.NewDecoder(strings.NewReader(config)).DisallowUnknownFields().Decode(&h)
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		return h, fmt.Errorf("configuration: unknown key %q", strings.Join(strict.Errors[0].Key(), "."))
	}
	if err != nil {
		return h, fmt.Errorf("configuration: %w", err)
	}
	return h, h.check()
}

// oci is the hook as a container's config.json holds it.
func (h hook) oci() *api.Hook {
	return &api.Hook{
		Path:    h.Path,
		Args:    append([]string{filepath.Base(h.Path)}, h.Args...),
		Timeout: api.Int(h.Timeout),
	}
}

// in tells whether a container has the hook already.
func (h hook) in(c *api.Container) bool {
	return slices.ContainsFunc(c.GetHooks().GetCreateRuntime(),
		func(has *api.Hook) bool { return has.GetPath() == h.Path })
}
