package containerd

import (
	"encoding/json"
	"os/exec"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// baseSpec is containerd's default spec with the hook, as docs/containerd.md
// has it made.
func baseSpec(t *testing.T, hook string, args ...string) string {
	t.Helper()
	out, err := exec.Command(built(t, "ctr"), "oci", "spec").Output()
	if err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(out, &spec); err != nil {
		t.Fatal(err)
	}
	// Else all containers get the default spec's 1024 open files.
	spec.Process.Rlimits = nil
	spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{Path: hook, Args: append([]string{"oci-sysctl-hook"}, args...)}}}
	out, err = json.Marshal(&spec)
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
