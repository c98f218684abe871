package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// installed is the DESTDIR of a make install, done once for the whole run.
var installed = sync.OnceValues(func() (string, error) {
	destDir := filepath.Join(work, "dest")
	got, err := finish(exec.Command("make", "-C", "..", "install", "DESTDIR="+destDir))
	if err != nil {
		return "", fmt.Errorf("make install: %w", err)
	}
	if got.code != 0 {
		return "", fmt.Errorf("make install: exit %d: %s", got.code, got.stderr)
	}
	return destDir, nil
})

// Where make install puts things, as the README says.
const (
	installedHook     = "/usr/libexec/oci/hooks.d/oci-sysctl-hook"
	installedHookFile = "/usr/share/containers/oci/hooks.d/oci-sysctl-hook.json"
	installedPolicy   = "/usr/share/oci-sysctl-hook/policy.d"
)

// hookFile is a file of a hooks directory, see oci-hooks(5).
type hookFile struct {
	Version string          `json:"version"`
	Hook    specs.Hook      `json:"hook"`
	When    json.RawMessage `json:"when"`
	Stages  []string        `json:"stages"`
}

// copyHookFile puts the installed hook file into a directory, with the hook's
// path as it is below DESTDIR and with arguments added.
func copyHookFile(dir string, args ...string) error {
	destDir, err := installed()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(destDir, installedHookFile))
	if err != nil {
		return err
	}
	var file hookFile
	if err := json.Unmarshal(content, &file); err != nil {
		return fmt.Errorf("%s: %w", installedHookFile, err)
	}
	if file.Hook.Path != installedHook {
		return fmt.Errorf("%s: the hook's path is %s, want %s", installedHookFile, file.Hook.Path, installedHook)
	}
	file.Hook.Path = filepath.Join(destDir, installedHook)
	file.Hook.Args = append(file.Hook.Args, args...)
	if content, err = json.Marshal(file); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, filepath.Base(installedHookFile)), content, 0o644)
}
