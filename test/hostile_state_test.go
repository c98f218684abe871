package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// hostileRoot is a directory of states that a user may write what they like to,
// as below /run/user, and that root's audit reads.
type hostileRoot struct{ states, bundles string }

func newHostileRoot(t *testing.T) *hostileRoot {
	t.Helper()
	return &hostileRoot{t.TempDir(), t.TempDir()}
}

// place makes a state file, or whatever put makes of it.
func (h *hostileRoot) place(t *testing.T, id, file string, put func(path string) error) {
	t.Helper()
	path := filepath.Join(h.states, id, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(path); err != nil {
		t.Fatal(err)
	}
}

// claim makes crun's state of a container with a pid and a bundle.
func (h *hostileRoot) claim(t *testing.T, id string, pid int, bundle string) {
	t.Helper()
	h.place(t, id, "status", func(path string) error {
		state, err := json.Marshal(map[string]any{"pid": pid, "bundle": bundle})
		if err != nil {
			return err
		}
		return os.WriteFile(path, state, 0o644)
	})
}

// bundle makes a bundle whose config.json is what put makes of it.
func (h *hostileRoot) bundle(t *testing.T, name string, put func(path string) error) string {
	t.Helper()
	dir := filepath.Join(h.bundles, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(filepath.Join(dir, "config.json")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func fifo(path string) error { return unix.Mkfifo(path, 0o644) }

// huge is a file of 20 MB that takes no room.
func huge(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(`{"pid": 1, "x": "`); err != nil {
		return err
	}
	return f.Truncate(20 << 20)
}

// hugeJSON is valid, and longer than the hook would read.
func hugeJSON(path string) error {
	return os.WriteFile(path, []byte(`{"x":"`+strings.Repeat("x", 17<<20)+`"}`), 0o644)
}

// hostileID is the name of a container that would rule a terminal.
const hostileID = "esc\x1b[2J\x1b]0;title\x07\noci-sysctl-policy: all is well"

// secret is what only root may read.
const secret = "rosebud:x:"

// A user's states are hostile: the audit, which root runs, hangs on none, shows
// nothing that a link leads it to, writes nothing, keeps what it prints
// printable, and still finds the containers that are in order.
func TestHostileStates(t *testing.T) {
	good := newTarget(t)
	good.wantApplied(t, good.run(t, good.stdin(t)))
	victim := newTarget(t) // another's container
	h := newHostileRoot(t)
	shadow := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(shadow, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(path string) error { return os.Symlink(shadow, path) }
	joining := func(path string) func(string) error {
		return func(config string) error {
			spec := newSpec("true")
			joinNetwork(spec, path)
			return writeBundle(filepath.Dir(config), spec)
		}
	}
	ofHost := func(config string) error {
		spec := newSpec("true")
		shareHost(spec, specs.NetworkNamespace)
		return writeBundle(filepath.Dir(config), spec)
	}

	h.claim(t, "good", good.pid, good.bundle)
	h.place(t, "fifo-state", "state.json", fifo)
	h.place(t, "huge-state", "state.json", huge)
	h.place(t, "link-state", "status", link)
	h.place(t, "directory-state", "status", func(path string) error { return os.Mkdir(path, 0o755) })
	h.claim(t, "fifo-bundle", good.pid, h.bundle(t, "fifo", fifo))
	h.claim(t, "huge-bundle", good.pid, h.bundle(t, "huge", hugeJSON))
	h.claim(t, "link-bundle", good.pid, h.bundle(t, "link", link))
	h.claim(t, "a-process-of-the-hosts", startProcess(t, 0), good.bundle)
	h.claim(t, "first-process", 1, good.bundle)
	h.claim(t, "not-its-network", victim.pid, h.bundle(t, "not-its", joining(good.ns.path())))
	h.claim(t, "not-the-hosts", victim.pid, h.bundle(t, "of-host", ofHost))
	h.claim(t, "nobody", -1, good.bundle)
	h.claim(t, hostileID, good.pid, "/\x1b[31m\r\x9b")
	h.place(t, "esc\x1b[2J\nstate", "status", func(path string) error { return os.WriteFile(path, []byte("{"), 0o644) })

	args := []string{"--policy-dir", good.policy, "--state-root", h.states}
	a, code := audit(t, args...)
	if code != 4 {
		t.Errorf("exit %d, want 4", code)
	}
	for _, key := range keepaliveKeys {
		if got := a.stands("good")[key]; got != "ok" {
			t.Errorf("%s of the good container: %q", key, got)
		}
	}
	why := make(map[string]string)
	for _, c := range a.Containers {
		why[c.ID] = c.Error
	}
	for id, want := range map[string]string{
		"fifo-bundle": "not a regular file", "huge-bundle": "longer than", "link-bundle": "not valid JSON",
		"a-process-of-the-hosts": "is the host's", "first-process": "process 1",
		"not-its-network": "the process is not the container's", "not-the-hosts": "is not the host's",
	} {
		if !strings.Contains(why[id], want) {
			t.Errorf("%s: %q, want %q", id, why[id], want)
		}
	}
	for id, want := range map[string]string{
		"fifo-state": "not a regular file", "huge-state": "longer than", "link-state": "invalid character",
		"directory-state": "not a regular file",
	} {
		if !slices.ContainsFunc(a.Errors, func(text string) bool { return strings.Contains(text, "/"+id+": ") && strings.Contains(text, want) }) {
			t.Errorf("%s: want %q in %q", id, want, a.Errors)
		}
	}
	if _, there := why["nobody"]; there {
		t.Error("what never had a process is in the list")
	}
	victim.wantUnchanged(t)

	for format, command := range map[string][]string{
		"table": {"audit"}, "json": {"audit", "-o", "json"}, "prom": {"audit", "-o", "prom"},
		"plan of many": {"plan", "esc"}, "plan of none": {"plan", "none"},
		"plan of it": {"plan", hostileID}, "completion": {"__complete", "plan"},
	} {
		got := policyCommand(t, append(command, args...)...)
		if format == "completion" {
			got = policyCommand(t, append(append(command, "--state-root", h.states), "")...)
		}
		printed := got.stdout + got.stderr
		if strings.Contains(printed, strings.Trim(secret, ":x")) {
			t.Errorf("%s shows what the link leads to", format)
		}
		if i := strings.IndexFunc(printed, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 }); i >= 0 {
			t.Errorf("%s holds the control character %q", format, printed[i])
		}
		if strings.Contains(printed, "\noci-sysctl-policy: all is well") {
			t.Errorf("%s holds a line of a container's author", format)
		}
	}
}
