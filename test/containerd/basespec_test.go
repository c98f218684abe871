package containerd

import (
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// baseSpec is what the command in docs/containerd.md makes, for another hook
// with other arguments.
func baseSpec(t *testing.T, hook string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("jq"); err != nil {
		unavailable(t, "%v", err)
	}
	guide, err := os.ReadFile("../../docs/containerd.md")
	if err != nil {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(string(guide), "\n    ctr oci spec | ")
	command, _, found := strings.Cut(command, " | sudo tee ")
	quoted, err := json.Marshal(append([]string{"oci-sysctl-hook"}, args...))
	if err != nil || !found {
		t.Fatalf("no command in the guide (%v): %s", err, command)
	}
	for old, new := range map[string]string{
		`"/usr/libexec/oci/hooks.d/oci-sysctl-hook"`: strconv.Quote(hook),
		`["oci-sysctl-hook"]`:                        string(quoted),
	} {
		if strings.Count(command, old) != 1 {
			t.Fatalf("the guide's command does not hold %s once: %s", old, command)
		}
		command = strings.Replace(command, old, new, 1)
	}
	out, err := exec.Command("sh", "-c", built(t, "ctr")+" oci spec | "+command).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// A base_runtime_spec brings the hook to a pod's containers, and not to its
// pause container; annotations only if pod_annotations names them.
func TestBaseSpec(t *testing.T) {
	need(t)
	const ask = "oci-sysctl-hook/a.b"
	for name, passed := range map[string][]string{"plain": nil, "pod_annotations": {"oci-sysctl-hook/*"}} {
		t.Run(name, func(t *testing.T) {
			n := makeNode(t, nodeConfig{PodAnnotations: passed})
			hook := n.newWitness(t)
			n.config.BaseSpec = n.write(t, "base-spec.json", baseSpec(t, hook.path))
			n.start(t)
			p := n.runPod(t, pod{annotations: map[string]string{ask: "1"}})
			id := p.mustStart(t, "app")
			all := hook.all(t)
			got, ok := all[id]
			if !ok || len(all) != 1 {
				t.Fatalf("the hook ran for %d containers, want only for %s: %v", len(all), id, all)
			}
			if _, ok := got.State.Annotations[ask]; ok != (passed != nil) {
				t.Errorf("the hook sees the annotation: %v, want %v", ok, passed != nil)
			}
			if got.Config.Process.Rlimits != nil {
				t.Errorf("the container's rlimits are %v, want none", got.Config.Process.Rlimits)
			}
		})
	}
}

// With both, the container has the hook once, and the annotation.
func TestBaseSpecAndPlugin(t *testing.T) {
	n := makeNode(t, nodeConfig{})
	hook := n.newWitness(t)
	n.config.BaseSpec = n.write(t, "base-spec.json", baseSpec(t, hook.path))
	n.start(t)
	n.startService(t, "--hook", hook.path)
	id := n.runPod(t, pod{annotations: map[string]string{"oci-sysctl-hook/a.b": "1"}}).mustStart(t, "app")
	got := hook.all(t)[id]
	if got.Config.Hooks == nil || len(got.Config.Hooks.CreateRuntime) != 1 {
		t.Fatalf("the container has the hooks %v, want one", got.Config.Hooks)
	}
	if got.State.Annotations["oci-sysctl-hook/a.b"] != "1" {
		t.Errorf("the hook does not see the annotation: %v", got.State.Annotations)
	}
}
