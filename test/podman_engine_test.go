package test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// podmanImage is made of busybox alone; see Containerfile below.
const podmanImage = "localhost/oci-sysctl-hook-test"

const podmanContainerfile = `FROM scratch
COPY busybox /bin/busybox
ENTRYPOINT ["/bin/busybox"]
CMD ["sleep", "300"]
`

// podmanConf replaces the machine's containers.conf. The limits are such as
// nobody has to raise, and the locks are files so that the machine's own
// containers keep theirs.
const podmanConf = `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
infra_image = "` + podmanImage + `"
lock_type = "file"
[network]
network_config_dir = "%s"
`

// podman is podman with a runtime, a user and storage of its own.
type podman struct {
	runtime string
	*podmanStore
	hooks string   // of --hooks-dir
	via   []string // a command that podman is run by
}

// podmanStore is what podman keeps, apart from what the machine's own keeps.
type podmanStore struct {
	// base is short: podman wants less than 50 characters for a path in it.
	base string
	user *ordinaryUser // nil: root
	// mounts is the mount namespace that podman runs in.
	mounts *mountSpace
	// probe runs a container without a hook, once for each runtime.
	probe func(runtime string) error
}

// rootStore is what root's podman uses in the whole run.
var rootStore = sync.OnceValues(func() (*podmanStore, error) {
	mounts, err := newMountSpace()
	if err != nil {
		return nil, err
	}
	return newPodmanStore(filepath.Join(work, "p"), mounts, nil)
})

// newPodmanStore makes the directories, the configuration and the image.
func newPodmanStore(base string, mounts *mountSpace, user *ordinaryUser) (*podmanStore, error) {
	s := &podmanStore{base: base, mounts: mounts, user: user}
	s.probe = s.probeOnce()
	files := map[string]string{
		"containers.conf":     fmt.Sprintf(podmanConf, filepath.Join(base, "net")),
		"image/Containerfile": podmanContainerfile,
		"no-hooks/.keep":      "",
		"xdg/.keep":           "",
	}
	for name, content := range files {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(user.own(base), user.own(filepath.Join(base, "xdg"))); err != nil {
		return nil, err
	}
	if err := noRootfs(); err != nil {
		return nil, err
	}
	if err := os.Link(busyboxPath(), filepath.Join(base, "image", "busybox")); err != nil {
		return nil, err
	}
	p := &podman{runtime: "runc", podmanStore: s, hooks: filepath.Join(base, "no-hooks")}
	return s, p.quietly("build", "--quiet", "--tag", podmanImage, filepath.Join(base, "image"))
}

// probeOnce runs a container without a hook at the first call for a runtime.
func (s *podmanStore) probeOnce() func(string) error {
	var lock sync.Mutex
	probed := make(map[string]error)
	return func(runtime string) error {
		lock.Lock()
		defer lock.Unlock()
		if _, done := probed[runtime]; !done {
			p := &podman{runtime: runtime, podmanStore: s, hooks: filepath.Join(s.base, "no-hooks")}
			probed[runtime] = p.quietly("run", "--rm", "--pull=never", "--network=none", podmanImage, "true")
		}
		return probed[runtime]
	}
}

// podmanRuntimes are those that podman is tested with.
var podmanRuntimes = []string{"runc", "crun"}

// eachPodman runs a test with root's podman and every runtime, as a parallel
// subtest. The test may change the podman that it gets.
func eachPodman(t *testing.T, test func(t *testing.T, p *podman)) {
	eachPodmanInTurn(t, func(t *testing.T, p *podman) {
		t.Parallel()
		test(t, p)
	})
}

// eachPodmanInTurn runs one subtest after the other.
func eachPodmanInTurn(t *testing.T, test func(t *testing.T, p *podman)) {
	for _, runtime := range podmanRuntimes {
		t.Run(runtime, func(t *testing.T) {
			needRoot(t)
			needPrograms(t, "podman", runtime, "make")
			store, err := rootStore()
			if err != nil {
				unavailable(t, "podman: %v", err)
			}
			test(t, store.podman(t, runtime))
		})
	}
}

// podman is a podman of this store without a hook.
func (s *podmanStore) podman(t *testing.T, runtime string) *podman {
	t.Helper()
	if err := s.probe(runtime); err != nil {
		unavailable(t, "podman with %s does not run a container without a hook: %v", runtime, err)
	}
	return &podman{runtime: runtime, podmanStore: s, hooks: filepath.Join(s.base, "no-hooks")}
}

func needPrograms(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			unavailable(t, "%v", err)
		}
	}
}

// dir is a directory that podman's user may write to, as long as the test lives.
func (s *podmanStore) dir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(s.base, "t")
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), s.user.own(dir))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// useInstalled makes podman use what make install installed.
func (p *podman) useInstalled(t *testing.T, args ...string) {
	t.Helper()
	destDir, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	p.useHook(t, append([]string{"--policy-dir", filepath.Join(destDir, installedPolicy)}, args...)...)
}

// usePolicy makes podman use the installed hook with a policy.
func (p *podman) usePolicy(t *testing.T, policy string, args ...string) {
	t.Helper()
	dir := p.dir(t)
	writeFile(t, filepath.Join(dir, "10-test.toml"), policy)
	p.useHook(t, append([]string{"--policy-dir", dir}, args...)...)
}

// useHook gives the hook no log, unless the arguments say otherwise.
func (p *podman) useHook(t *testing.T, args ...string) {
	t.Helper()
	p.hooks = p.dir(t)
	if err := copyHookFile(p.hooks, append([]string{"--log=none"}, args...)...); err != nil {
		t.Fatal(err)
	}
}

// withoutHook is the same podman without a hook.
func (p *podman) withoutHook() *podman {
	without := *p
	without.hooks = filepath.Join(p.base, "no-hooks")
	return &without
}

// command runs podman to its end.
func (p *podman) command(args ...string) (result, error) {
	argv := append([]string{"nsenter", "--mount=" + p.mounts.path()}, p.user.become()...)
	argv = append(argv, "env", "-i", "PATH="+os.Getenv("PATH"), "HOME="+p.base,
		"CONTAINERS_CONF="+filepath.Join(p.base, "containers.conf"))
	if p.user != nil {
		argv = append(argv, "XDG_RUNTIME_DIR="+filepath.Join(p.base, "xdg"))
	}
	argv = append(argv, p.via...)
	// vfs works everywhere.
	argv = append(argv, "podman", "--storage-driver=vfs", "--root="+filepath.Join(p.base, "root"),
		"--runroot="+filepath.Join(p.base, "run"), "--tmpdir="+filepath.Join(p.base, "tmp"),
		"--runtime="+p.runtime, "--hooks-dir="+p.hooks)
	argv = append(argv, args...)
	ctx, cancel := context.WithTimeout(context.Background(), runtimeTimeout)
	defer cancel()
	return finish(exec.CommandContext(ctx, argv[0], argv[1:]...))
}

// quietly makes an error of everything but success.
func (p *podman) quietly(args ...string) error {
	got, err := p.command(args...)
	if err == nil && got.code != 0 {
		err = fmt.Errorf("podman %s: exit %d: %s", args[0], got.code, strings.TrimSpace(got.stderr))
	}
	return err
}

// mountSpace is a mount namespace in which podman finds what it needs,
// whatever the machine lacks. It goes with this process.
type mountSpace struct {
	pid   int
	stdin io.Closer // held open: the space ends with it
}

func (m *mountSpace) path() string { return fmt.Sprintf("/proc/%d/ns/mnt", m.pid) }

// newMountSpace makes one. crun takes the v2 mount beside the v1 ones for a
// pure v2 host; rootless podman wants / shared, and slirp4netns a tun device
// that it may open.
func newMountSpace() (*mountSpace, error) {
	const script = `set -e
mount --make-rshared /
if [ "$0" = true ]; then umount /sys/fs/cgroup/unified; fi
if [ -d /dev/net ]; then mount -t tmpfs -o mode=755 tmpfs /dev/net; mknod -m 666 /dev/net/tun c 10 200; fi
echo ready
exec cat`
	cmd := exec.Command("unshare", "--mount", "sh", "-c", script, fmt.Sprint(cgroupsAreHybrid()))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	// Nothing is ever written to it: cat ends when this process does.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		err = cmd.Wait()
		return nil, fmt.Errorf("no mount namespace for podman: %w: %s", err, stderr.String())
	}
	go io.Copy(io.Discard, stdout)
	return &mountSpace{pid: cmd.Process.Pid, stdin: stdin}, nil
}
