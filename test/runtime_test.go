package test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// runtimeTimeout is far beyond what any container here takes.
const runtimeTimeout = time.Minute

// ociRuntime is a runtime that tests drive by its command line.
type ociRuntime struct {
	name string
	// find gives the program, made or looked up once.
	find func() (string, error)
	// probe runs a container without a hook, once: nil if this machine can.
	probe func() error
	// sysctlFirst is true if linux.sysctl is applied before the hooks run.
	sysctlFirst bool
	// hidesStderr is true if the stderr of a failed hook is not shown.
	hidesStderr bool
}

// ociRuntimes are the runtimes that every container test runs with.
var ociRuntimes = []*ociRuntime{
	newRuntime(ociRuntime{name: "runc-pinned", find: findPinnedRunc}),
	newRuntime(ociRuntime{name: "runc-system", find: inPath("runc")}),
	newRuntime(ociRuntime{name: "crun", find: inPath("crun"), sysctlFirst: true, hidesStderr: true}),
}

func newRuntime(r ociRuntime) *ociRuntime {
	r.find = sync.OnceValues(r.find)
	r.probe = sync.OnceValue(r.runNothing)
	return &r
}

func inPath(program string) func() (string, error) {
	return func() (string, error) { return exec.LookPath(program) }
}

// findPinnedRunc gives bin/runc, built from the version in go.mod.
func findPinnedRunc() (string, error) {
	path, err := filepath.Abs("../bin/runc")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return path, build(path, "github.com/opencontainers/runc")
	} else if err != nil {
		return "", err
	}
	return path, nil
}

// eachRuntime runs a test with every runtime, as a parallel subtest.
func eachRuntime(t *testing.T, test func(t *testing.T, r *ociRuntime)) {
	for _, r := range ociRuntimes {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.need(t)
			test(t, r)
		})
	}
}

// need ends the test if this machine cannot run containers with r.
func (r *ociRuntime) need(t *testing.T) {
	t.Helper()
	needRoot(t)
	if err := noRootfs(); err != nil {
		unavailable(t, "%v", err)
	}
	if _, err := r.find(); err != nil {
		unavailable(t, "%s: %v", r.name, err)
	}
	if err := r.probe(); err != nil {
		unavailable(t, "%s does not run a container without a hook: %v", r.name, err)
	}
}

// runNothing runs a container without a hook.
func (r *ociRuntime) runNothing() error {
	dir := filepath.Join(work, "probe-"+r.name)
	if err := writeBundle(dir, newSpec("true")); err != nil {
		return err
	}
	id := newID()
	got, err := r.command("--root", filepath.Join(dir, "root"), "run", "--bundle", dir, id)
	if err != nil {
		return err
	}
	if got.code != 0 {
		return fmt.Errorf("exit %d: %s", got.code, strings.TrimSpace(got.stderr))
	}
	return nil
}

// command runs the runtime to its end.
func (r *ociRuntime) command(args ...string) (result, error) {
	path, err := r.find()
	if err != nil {
		return result{}, err
	}
	argv := append([]string{path}, args...)
	if r.name == "crun" && cgroupsAreHybrid() {
		// crun takes the v2 mount beside the v1 ones for a pure v2 host.
		const hide = `umount /sys/fs/cgroup/unified && exec "$0" "$@"`
		argv = append([]string{"unshare", "-m", "sh", "-c", hide}, argv...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout)
	defer cancel()
	return finish(exec.CommandContext(ctx, argv[0], argv[1:]...))
}

// cgroupsAreHybrid tells whether cgroup v2 is mounted beside v1.
func cgroupsAreHybrid() bool {
	var st unix.Statfs_t
	return unix.Statfs("/sys/fs/cgroup/unified", &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC
}
