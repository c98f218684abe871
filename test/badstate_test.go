package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestBadState(t *testing.T) {
	g := newTarget(t)
	good, err := io.ReadAll(g.stdin(t))
	if err != nil {
		t.Fatal(err)
	}
	// with is the good state with one field in another way, as raw JSON.
	with := func(field, value string) string {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(good, &fields); err != nil {
			t.Fatal(err)
		}
		fields[field] = json.RawMessage(value)
		raw, err := json.Marshal(fields)
		if err != nil {
			// Not JSON any more, on purpose.
			return strings.Replace(string(good), `"id":"direct"`, fmt.Sprintf("%q:%s", field, value), 1)
		}
		return string(raw)
	}
	for name, stdin := range map[string]string{
		"empty":               "",
		"white space":         " \n",
		"truncated":           string(good[:len(good)-2]),
		"huge":                with("annotations", `{"a":"`+strings.Repeat("x", 1<<20)+`"}`),
		"huge white space":    string(good) + strings.Repeat(" ", 1<<20),
		"binary":              "\x7fELF\x02\x01\x01\x00\x00",
		"not UTF-8":           with("id", "\"\xff\xfe\""),
		"array":               "[" + string(good) + "]",
		"null":                "null",
		"string":              `"state"`,
		"garbage after":       string(good) + "x",
		"brace after":         string(good) + "}",
		"second state":        string(good) + "\n" + string(good),
		"pid 0":               with("pid", "0"),
		"pid -1":              with("pid", "-1"),
		"pid string":          with("pid", fmt.Sprintf("%q", fmt.Sprint(g.pid))),
		"pid fraction":        with("pid", "1.5"),
		"pid beyond integers": with("pid", "92233720368547758080"),
		"pid null":            with("pid", "null"),
		"no pid":              `{"ociVersion":"1.0.2","id":"direct","status":"creating","bundle":"` + g.bundle + `"}`,
		"bundle relative":     with("bundle", `"bundle"`),
		"bundle empty":        with("bundle", `""`),
		"bundle number":       with("bundle", "7"),
		"annotations array":   with("annotations", "[]"),
		"annotation number":   with("annotations", `{"a":1}`),
	} {
		t.Run(name, func(t *testing.T) {
			g.wantFailed(t, g.run(t, strings.NewReader(stdin)), 2)
		})
	}
}

// What real runtimes send beside the specification is no error.
func TestOddStateIsAccepted(t *testing.T) {
	for name, change := range map[string]func(state map[string]any){
		"crun's version and root": func(s map[string]any) { s["ociVersion"], s["root"] = "1.0", "/rootfs" },
		"status created":          func(s map[string]any) { s["status"] = "created" },
		"null annotations":        func(s map[string]any) { s["annotations"] = nil },
	} {
		t.Run(name, func(t *testing.T) {
			g := newTarget(t)
			state := make(map[string]any)
			if err := json.NewDecoder(g.stdin(t)).Decode(&state); err != nil {
				t.Fatal(err)
			}
			change(state)
			stdin, err := json.Marshal(state)
			if err != nil {
				t.Fatal(err)
			}
			g.wantApplied(t, g.run(t, bytes.NewReader(append(stdin, '\n'))))
		})
	}
}

// A pid that the kernel knows no more, as after a crash of the container.
func TestDeadPid(t *testing.T) {
	g := newTarget(t)
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	state := g.state()
	state.Pid = cmd.Process.Pid
	g.wantFailed(t, g.run(t, marshal(t, state)), 4, fmt.Sprint(state.Pid))
}

// A pid that was used again names a process of the host, while the bundle
// asks for a new network namespace.
func TestPidOfHostProcess(t *testing.T) {
	g := newTarget(t)
	state := g.state()
	state.Pid = startProcess(t, 0)
	g.wantFailed(t, g.run(t, marshal(t, state)), 4, fmt.Sprint(state.Pid))
}

// The same with a process of another container: its namespace is not the one
// that the bundle joins.
func TestPidOutsideJoinedNamespace(t *testing.T) {
	g := newTarget(t)
	spec := newSpec("true")
	joinNetwork(spec, newNetns(t).path())
	if err := writeBundle(g.bundle, spec); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{g.pid, startProcess(t, 0)} { // in a container's namespace, in the host's
		state := g.state()
		state.Pid = pid
		g.wantFailed(t, g.run(t, marshal(t, state)), 4, fmt.Sprint(pid))
	}
}

// A namespace that is joined by path may be the host's; that one is let alone.
func TestJoinedHostNamespace(t *testing.T) {
	g := newTarget(t)
	spec := newSpec("true")
	joinNetwork(spec, "/proc/1/ns/net")
	if err := writeBundle(g.bundle, spec); err != nil {
		t.Fatal(err)
	}
	state := g.state()
	state.Pid = startProcess(t, 0)
	if got := g.run(t, marshal(t, state)); got.code != 0 || got.stderr != "" {
		t.Errorf("exit %d: %s", got.code, got.stderr)
	}
}

// stateTimeout is how long the hook waits for its state.
const stateTimeout = 5 * time.Second

// A runtime that never closes the pipe must not hang the container for ever.
func TestStdinNeverEnds(t *testing.T) {
	for name, sent := range map[string]bool{"nothing sent": false, "state sent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newTarget(t)
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			defer write.Close()
			if sent {
				if _, err := io.Copy(write, g.stdin(t)); err != nil {
					t.Fatal(err)
				}
			}
			got := g.run(t, read)
			g.wantFailed(t, got, 2)
			const most = stateTimeout + time.Second // for a busy machine
			if got.took < stateTimeout || got.took > most {
				t.Errorf("gave up after %v, want %v to %v", got.took, stateTimeout, most)
			}
		})
	}
}

func marshal(t *testing.T, state *specs.State) io.Reader {
	t.Helper()
	raw, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(raw)
}
