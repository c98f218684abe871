package containerd

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The service outlives containerd, however that ends, and connects again.
func TestServiceReconnects(t *testing.T) {
	n := newNode(t, nodeConfig{})
	hook := n.newWitness(t)
	s := n.startService(t, "--hook", hook.path)
	first := n.runPod(t, pod{}).mustStart(t, "app")
	if !hook.saw(t, first) {
		t.Error("no hook before the restart")
	}
	for _, signal := range []os.Signal{unix.SIGTERM, unix.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			n.stop(t, signal)
			n.start(t)
			s.ready(t)
			if id := n.runPod(t, pod{}).mustStart(t, "app"); !hook.saw(t, id) {
				t.Error("no hook after the restart")
			}
			if got := n.exec(t, first, "/bin/cat", "/proc/1/comm"); got != "sleep" {
				t.Errorf("the container from before the restart runs %q, want sleep", got)
			}
		})
	}
	if log := s.logged(t); strings.Contains(log, "started without the hook") {
		t.Errorf("the plugin misses containers that have the hook:\n%s", log)
	}
}

// Without the plugin a container starts without the hook. Once there, the
// plugin says which one.
func TestServiceNamesWhatItMissed(t *testing.T) {
	n := newNode(t, nodeConfig{})
	hook := n.newWitness(t)
	missed := n.runPod(t, pod{namespace: "shop"})
	if id := missed.mustStart(t, "till"); hook.saw(t, id) {
		t.Fatal("a hook without the plugin")
	}
	log := n.startService(t, "--hook", hook.path).logged(t)
	want := "shop/" + missed.config.GetMetadata().GetName() + "/till"
	if !strings.Contains(log, "1 containers were started without the hook") || !strings.Contains(log, want) {
		t.Errorf("the plugin's log has no warning for %s:\n%s", want, log)
	}
}

// A plugin that does not answer is dropped by containerd after its
// plugin_request_timeout, and the container starts without the hook, even if
// the plugin is required: it was there. It comes back by itself.
func TestServiceHangs(t *testing.T) {
	n := newNode(t, nodeConfig{Required: []string{"oci-sysctl-nri"}})
	hook := n.newWitness(t)
	s := n.startService(t, "--hook", hook.path)
	p := n.runPod(t, pod{})
	s.signal(t, unix.SIGSTOP)
	missed := p.mustStart(t, "missed")
	s.signal(t, unix.SIGCONT)
	if hook.saw(t, missed) {
		t.Error("a hook from a plugin that does not answer")
	}
	s.ready(t)
	if id := p.mustStart(t, "app"); !hook.saw(t, id) {
		t.Error("no hook after the plugin came back")
	}
	if log := s.logged(t); !strings.Contains(log, "/missed") {
		t.Errorf("the plugin's log does not name the container that it missed:\n%s", log)
	}
}

// The default validator of containerd makes the plugin a must.
func TestRequiredPlugin(t *testing.T) {
	const tolerate = "example.org/without-plugins"
	n := newNode(t, nodeConfig{Required: []string{"oci-sysctl-nri"}, Tolerate: tolerate})
	hook := n.newWitness(t)
	p := n.runPod(t, pod{})
	_, stage, err := p.start(t, "app")
	if stage != "CreateContainer" || err == nil || !strings.Contains(err.Error(), `required plugin "oci-sysctl-nri" not present`) {
		t.Errorf("%s without the plugin: %v", stage, err)
	}
	n.runPod(t, pod{annotations: map[string]string{tolerate: "true"}}).mustStart(t, "app")
	n.startService(t, "--hook", hook.path)
	if id := p.mustStart(t, "app"); !hook.saw(t, id) {
		t.Error("no hook with the plugin")
	}
}

// A rolling update runs the new plugin next to the old one.
func TestTwoServices(t *testing.T) {
	const ask = "oci-sysctl-hook/a.b"
	n := newNode(t, nodeConfig{})
	hook := n.newWitness(t)
	old := n.startService(t, "--hook", hook.path)
	n.startService(t, "--hook", hook.path)
	p := n.runPod(t, pod{annotations: map[string]string{ask: "1"}})
	id := p.mustStart(t, "both")
	got := hook.all(t)[id]
	if got.Config.Hooks == nil || len(got.Config.Hooks.CreateRuntime) != 1 {
		t.Fatalf("the container has the hooks %v, want one", got.Config.Hooks)
	}
	if got.State.Annotations[ask] != "1" {
		t.Errorf("the hook does not see the annotation: %v", got.State.Annotations)
	}
	old.stop(t)
	if id = p.mustStart(t, "new"); !hook.saw(t, id) {
		t.Error("no hook from the plugin that is left")
	}
}
