package validate

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// machine is an OpenShift node with the files of machineconfig.yaml, on which
// the unit's script runs: in a mount namespace of its own, with empty file
// systems where the script works, and a podman that is none.
type machine struct {
	files      map[string]string // by path
	podmanFail bool
	times      string // how often the unit starts, as a shell's list: "1 2"
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	needRoot(t)
	_, config := nodeConfig(t)
	return &machine{files: files(t, config), times: "1"}
}

// onMachine stages the files, starts the unit and keeps what it left.
const onMachine = `
stage=$1 stub=$2 left=$3 times=$4
for dir in /usr/local/bin /etc /run /var/lib; do mount -t tmpfs -o mode=755 tmpfs $dir; done
cp -a "$stage/." /
export PATH=$stub:$PATH
for n in $times; do /usr/local/bin/oci-sysctl-hook-install; code=$?; done
cp -r /usr/local/bin "$left/bin"
if [ -d /run/containers ]; then cp -r /run/containers "$left/containers"; fi
exit $code
`

// notPodman copies out of an image that holds the hook, and keeps its words.
const notPodman = `#!/bin/sh
echo "$@" >>"$LEFT/podman"
[ -z "$FAIL" ] || { echo "podman: no such image" >&2; exit 125; }
case $1 in
create) echo 4242 ;;
cp) [ "$2" = 4242:/usr/libexec/oci/hooks.d/oci-sysctl-hook ] && cp "$HOOK" "$3" ;;
esac
`

// start starts the unit and returns where what it left is.
func (m *machine) start(t *testing.T) (got ended, left string) {
	t.Helper()
	stage, stub := t.TempDir(), t.TempDir()
	left = t.TempDir()
	for path, content := range m.files {
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(path, "/usr/local/bin/") {
			mode = 0o755
		}
		writeFile(t, filepath.Join(stage, path), []byte(content), mode)
	}
	writeFile(t, filepath.Join(stub, "podman"), []byte(notPodman), 0o755)
	cmd := exec.Command("unshare", "-m", "sh", "-c", onMachine, "sh", stage, stub, left, m.times)
	cmd.Env = append(os.Environ(), "LEFT="+left, "HOOK="+buildHook(t), "FAIL=", "IMAGE="+image)
	if m.podmanFail {
		cmd.Env = append(cmd.Env, "FAIL=yes")
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}, left
}

// wantNoHook fails the test unless the unit failed and containers run without
// the hook.
func wantNoHook(t *testing.T, got ended, left, word string) {
	t.Helper()
	if got.code == 0 || !strings.Contains(got.stderr, word) {
		t.Errorf("exit %d, stderr without %q: %s", got.code, word, got.stderr)
	}
	if found, _ := filepath.Glob(filepath.Join(left, "containers/oci/hooks.d/*")); len(found) > 0 {
		t.Errorf("hook files are there: %v", found)
	}
}

func TestMachineInstall(t *testing.T) {
	m := newMachine(t)
	m.times = "1 2" // a second start has the binary and asks for no image
	got, left := m.start(t)
	wantDone(t, got)
	words, err := os.ReadFile(filepath.Join(left, "podman"))
	if err != nil {
		t.Fatal(err)
	}
	want := "pull --quiet --authfile /var/lib/kubelet/config.json " + image + "\n" +
		"create " + image + "\n" +
		"cp 4242:/usr/libexec/oci/hooks.d/oci-sysctl-hook /usr/local/bin/oci-sysctl-hook.new\n" +
		"rm 4242\n"
	if diff := cmp.Diff(want, string(words)); diff != "" {
		t.Errorf("podman was asked for (-want +got):\n%s", diff)
	}
	found, err := filepath.Glob(filepath.Join(left, "containers/oci/hooks.d/*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Join(left, "containers/oci/hooks.d/oci-sysctl-hook.json")}, found); diff != "" {
		t.Fatalf("hook files (-want +got):\n%s", diff)
	}
	content, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	var hook struct{ Hook struct{ Path string } }
	if err := json.Unmarshal(content, &hook); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(left, "bin", strings.TrimPrefix(hook.Hook.Path, "/usr/local/bin/"))
	if out := run(t, bin, "--version"); !strings.HasPrefix(out, "oci-sysctl-hook ") {
		t.Errorf("the hook's version is %q", out)
	}
}

func TestMachineInstallWithoutImage(t *testing.T) {
	m := newMachine(t)
	m.podmanFail = true
	got, left := m.start(t)
	wantNoHook(t, got, left, "no such image")
}

func TestMachineInstallBadPolicy(t *testing.T) {
	m := newMachine(t)
	m.files["/etc/oci-sysctl-hook/policy.d/10-keepalive.toml"] = "[[rule]]\nnam = \"keepalive\"\n"
	got, left := m.start(t)
	wantNoHook(t, got, left, "/etc/oci-sysctl-hook/policy.d/10-keepalive.toml:2")
}
