package test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A node that comes up starts all its containers at once.
const (
	manyContainers = 200
	manyWorkers    = 16
	// manyTimeout is far beyond what the containers take on a slow machine.
	manyTimeout = 3 * time.Minute
)

// where is a place to start containers in.
type where interface{ enter(do func()) error }

// startMany runs the containers of a spec, and tells how long all took.
func startMany(t *testing.T, r *ociRuntime, at where, spec *specs.Spec) ([]result, time.Duration) {
	t.Helper()
	bundle, root := t.TempDir(), t.TempDir()
	if err := writeBundle(bundle, spec); err != nil {
		t.Fatal(err)
	}
	ids := make(chan string, manyContainers)
	for range manyContainers {
		id := newID()
		ids <- id
		t.Cleanup(func() { r.remove(t, root, id) })
	}
	close(ids)

	var lock sync.Mutex
	var results []result
	var failed error
	work := func() {
		for id := range ids {
			got, err := r.command("--root", root, "run", "--bundle", bundle, id)
			lock.Lock()
			results, failed = append(results, got), errors.Join(failed, err)
			lock.Unlock()
		}
	}
	var workers sync.WaitGroup
	began := time.Now()
	for range manyWorkers {
		workers.Go(func() {
			if err := at.enter(work); err != nil {
				lock.Lock()
				failed = errors.Join(failed, err)
				lock.Unlock()
			}
		})
	}
	workers.Wait()
	took := time.Since(began)
	if failed != nil {
		t.Fatal(failed)
	}
	if took > manyTimeout {
		t.Errorf("took %v, want less than %v", took, manyTimeout)
	}
	return results, took
}

// wantMany fails the test unless every container ran and printed the values.
func wantMany(t *testing.T, results []result, want map[string]string) {
	t.Helper()
	if len(results) != manyContainers {
		t.Fatalf("%d containers ran, want %d", len(results), manyContainers)
	}
	text := ""
	for _, key := range keepaliveKeys {
		text += want[key] + "\n"
	}
	wrong := 0
	for _, got := range results {
		right := result{stdout: text, took: got.took}
		if diff := cmp.Diff(right, got, cmp.AllowUnexported(result{})); diff == "" {
			continue
		} else if wrong++; wrong == 1 {
			t.Errorf("the first container that is wrong (-want +got):\n%s", diff)
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d containers are wrong", wrong, len(results))
	}
}

// The containers start with and without the hook, and with each log that is
// absent or does not take what the hook writes.
func TestManyContainers(t *testing.T) {
	r := ociRuntimes[0]
	r.need(t)
	hostUntouched(t)
	fresh := newNetns(t).get(t, keepaliveKeys...)
	results, without := startMany(t, r, hostPlace{}, printing(keepaliveKeys...))
	wantMany(t, results, fresh)

	full := t.TempDir()
	stuck := stuckSyslog(t)
	for _, test := range []struct {
		name, log string
		furnish   func() error // nil: the host's place
		complains string       // the hook, of this
	}{
		{"no log", "--log=none", nil, ""},
		{"no syslog", "--log=syslog", func() error { return nil }, ""},
		{"syslog is stuck", "--log=syslog", func() error { return unix.Symlink(stuck, "/dev/log") }, "/dev/log"},
		{"disk is full", "--log=file:" + full + "/log", func() error { return mountFull(full) }, "no space left"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var at where = hostPlace{}
			if test.furnish != nil {
				at = newPlace(t, test.furnish)
			}
			hook := hookWith(policyDir(t, keepalivePolicy), test.log)
			wantComplaint(t, r, at, hook, test.complains)
			spec := printing(keepaliveKeys...)
			createRuntime(spec, hook)
			results, with := startMany(t, r, at, spec)
			wantMany(t, results, keepaliveSet)
			t.Logf("%d containers took %v with the hook, %v without: %.2f times as long",
				manyContainers, with.Round(time.Millisecond), without.Round(time.Millisecond), with.Seconds()/without.Seconds())
		})
	}
}

// wantComplaint runs one container to see that the log is as bad as is said.
func wantComplaint(t *testing.T, r *ociRuntime, at where, hook specs.Hook, word string) {
	t.Helper()
	said := filepath.Join(t.TempDir(), "stderr")
	spec := printing(keepaliveKeys...)
	createRuntime(spec, watched(hook, said))
	one := newStart(t, r, spec)
	var got result
	var err error
	if failed := at.enter(func() { got, err = one.run() }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	wantPrinted(t, got, keepaliveKeys, keepaliveSet)
	switch stderr := readAny(t, said); {
	case word != "":
		onlyWarnings(t, stderr, word)
	case stderr != "":
		t.Errorf("the hook says: %s", stderr)
	}
}

// stuckSyslog is the path of a datagram socket that nobody reads, and that is
// full.
func stuckSyslog(t *testing.T) string {
	t.Helper()
	path := listenSyslog(t, &target{}).LocalAddr().String()
	fillSocket(t, path)
	return path
}

// mountFull mounts a file system without room.
func mountFull(dir string) error {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4k,nr_inodes=8"); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	fd, err := unix.Open(filepath.Join(dir, "filler"), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		if _, err := unix.Write(fd, make([]byte, 4096)); errors.Is(err, unix.ENOSPC) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
