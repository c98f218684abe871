package validate

import (
	"encoding/json"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	ignition "github.com/coreos/ignition/v2/config/v3_4"
	"github.com/coreos/ignition/v2/config/v3_4/types"
	"github.com/google/go-cmp/cmp"
	"github.com/vincent-petithory/dataurl"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// machineConfig is machineconfiguration.openshift.io/v1's MachineConfig with
// the fields that its reference documents; the module that has the type is not
// in the Go proxy.
type machineConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		OSImageURL                     string          `json:"osImageURL"`
		BaseOSExtensionsContainerImage string          `json:"baseOSExtensionsContainerImage"`
		Config                         json.RawMessage `json:"config"`
		KernelArguments                []string        `json:"kernelArguments"`
		Extensions                     []string        `json:"extensions"`
		FIPS                           bool            `json:"fips"`
		KernelType                     string          `json:"kernelType"`
	} `json:"spec"`
}

// nodeConfig reads machineconfig.yaml and what Ignition makes of its config.
func nodeConfig(t *testing.T) (*machineConfig, types.Config) {
	t.Helper()
	content := read(t, "deploy/openshift/machineconfig.yaml")
	machine := decode[machineConfig](t, content, "machineconfiguration.openshift.io/v1", "MachineConfig")
	config, report, err := ignition.Parse(machine.Spec.Config)
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	// A field that Ignition does not know is a warning in the report.
	if len(report.Entries) > 0 {
		t.Errorf("Ignition reports:\n%s", report)
	}
	return machine, config
}

// files are the contents of the config's files by their path.
func files(t *testing.T, config types.Config) map[string]string {
	t.Helper()
	contents := map[string]string{}
	for _, file := range config.Storage.Files {
		if file.Contents.Source == nil {
			t.Fatalf("%s has no contents", file.Path)
		}
		data, err := dataurl.DecodeString(*file.Contents.Source)
		if err != nil {
			t.Fatalf("%s: %v", file.Path, err)
		}
		contents[file.Path] = string(data.Data)
	}
	return contents
}

func TestMachineConfigRole(t *testing.T) {
	machine, _ := nodeConfig(t)
	const role = "machineconfiguration.openshift.io/role"
	if machine.Labels[role] != "worker" || machine.Name != "99-worker-oci-sysctl-hook" {
		t.Errorf("name %s, role %q", machine.Name, machine.Labels[role])
	}
}

func TestMachineConfigFiles(t *testing.T) {
	_, config := nodeConfig(t)
	modes := map[string]int{}
	for _, file := range config.Storage.Files {
		modes[file.Path] = *file.Mode
	}
	wantModes := map[string]int{
		"/usr/local/bin/oci-sysctl-hook-install":          0o755,
		"/etc/oci-sysctl-hook/oci-sysctl-hook.json":       0o644,
		"/etc/oci-sysctl-hook/policy.d/10-keepalive.toml": 0o644,
	}
	if diff := cmp.Diff(wantModes, modes); diff != "" {
		t.Errorf("files and their modes (-want +got):\n%s", diff)
	}
	contents := files(t, config)
	if diff := cmp.Diff(string(read(t, "deploy/openshift/oci-sysctl-hook-install")),
		contents["/usr/local/bin/oci-sysctl-hook-install"]); diff != "" {
		t.Errorf("the script (-deploy/openshift +machineconfig.yaml):\n%s", diff)
	}
	policies := map[string]string{}
	for name, content := range contents {
		if path.Dir(name) == "/etc/oci-sysctl-hook/policy.d" {
			policies[path.Base(name)] = content
		}
	}
	wantPolicies(t, policies)
}

// The hook file is hooks.d's, but for where the binary is.
func TestMachineConfigHook(t *testing.T) {
	_, config := nodeConfig(t)
	var want, got map[string]any
	for to, content := range map[*map[string]any]string{
		&want: string(read(t, "hooks.d/oci-sysctl-hook.json")),
		&got:  files(t, config)["/etc/oci-sysctl-hook/oci-sysctl-hook.json"],
	} {
		if err := json.Unmarshal([]byte(content), to); err != nil {
			t.Fatal(err)
		}
	}
	want["hook"].(map[string]any)["path"] = "/usr/local/bin/oci-sysctl-hook"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the hook file (-want +got):\n%s", diff)
	}
}

func TestMachineConfigUnit(t *testing.T) {
	_, config := nodeConfig(t)
	if len(config.Systemd.Units) != 1 {
		t.Fatalf("%d units, want 1", len(config.Systemd.Units))
	}
	unit := config.Systemd.Units[0]
	if unit.Name != "oci-sysctl-hook.service" || unit.Enabled == nil || !*unit.Enabled {
		t.Errorf("the unit %s is not enabled", unit.Name)
	}
	want := strings.ReplaceAll(string(read(t, "deploy/openshift/oci-sysctl-hook.service")), "@IMAGE@", image)
	if diff := cmp.Diff(want, *unit.Contents); diff != "" {
		t.Errorf("the unit (-deploy/openshift +machineconfig.yaml):\n%s", diff)
	}
}

// image stands in all examples where the reader's own goes.
const image = "registry.example.com/oci-sysctl-hook:latest"

// machineconfig.yaml is what render.sh makes of the repository.
func TestMachineConfigIsRendered(t *testing.T) {
	args := []string{"deploy/openshift/render.sh", image}
	cmd := exec.Command("bash", append(args, glob(t, "policy.d/*.toml")...)...)
	cmd.Dir = top
	rendered, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(rendered), string(read(t, "deploy/openshift/machineconfig.yaml"))); diff != "" {
		t.Errorf("machineconfig.yaml is old; see render.sh (-rendered +there):\n%s", diff)
	}
}

// systemd takes the unit without a complaint.
func TestMachineConfigUnitVerifies(t *testing.T) {
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		unavailable(t, "%v", err)
	}
	_, config := nodeConfig(t)
	dir := t.TempDir()
	contents := *config.Systemd.Units[0].Contents
	// The script is not installed here.
	contents = strings.ReplaceAll(contents, "/usr/local/bin/oci-sysctl-hook-install", "/bin/true")
	unit := filepath.Join(dir, "oci-sysctl-hook.service")
	writeFile(t, unit, []byte(contents), 0o644)
	out, err := exec.Command(verify, "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "oci-sysctl-hook") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
