package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cdiSpecFile carries the hook to engines that have no hooks directory.
const (
	cdiSpecFile = "../deploy/cdi/oci-sysctl-hook.json"
	cdiDevice   = "oci-sysctl-hook.github.io/hook=all"
)

// readCDISpec is the specification with the hook's path as it is below DESTDIR
// and with arguments added.
func readCDISpec(t *testing.T, args ...string) string {
	t.Helper()
	destDir, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(cdiSpecFile)
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(append([]string{"oci-sysctl-hook"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	spec := string(content)
	for old, new := range map[string]string{
		`"` + installedHook + `"`: `"` + filepath.Join(destDir, installedHook) + `"`,
		`["oci-sysctl-hook"]`:     string(quoted),
	} {
		if strings.Count(spec, old) != 1 {
			t.Fatalf("%s does not hold %s once", cdiSpecFile, old)
		}
		spec = strings.Replace(spec, old, new, 1)
	}
	return spec
}

// useCDI makes podman find the specification where a node has such files.
func (p *podman) useCDI(t *testing.T, spec string) {
	t.Helper()
	const withSpec = `mount -t tmpfs tmpfs /run && mkdir /run/cdi && cp "$0" /run/cdi/ && exec "$@"`
	file := filepath.Join(p.dir(t), filepath.Base(cdiSpecFile))
	writeFile(t, file, spec)
	p.via = []string{"unshare", "--mount", "sh", "-c", withSpec, file}
}

func TestCDIPodman(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		destDir, err := installed()
		if err != nil {
			t.Fatal(err)
		}
		p.useCDI(t, readCDISpec(t, "--policy-dir", filepath.Join(destDir, installedPolicy), "--log=none"))
		wantPrinted(t, p.print(t, keepaliveKeys, "--network=none", "--device="+cdiDevice), keepaliveKeys, keepaliveSet)
		// The device is the choice of whoever starts the container.
		wantPrinted(t, p.print(t, keepaliveKeys, "--network=none"), keepaliveKeys, newNamespaceValues)
	})
}

func TestCDIPodmanRefused(t *testing.T) {
	eachPodman(t, func(t *testing.T, p *podman) {
		dir := p.dir(t)
		writeFile(t, filepath.Join(dir, "10-test.toml"), podmanBounds)
		p.useCDI(t, readCDISpec(t, "--policy-dir", dir, "--log=none"))
		p.wantRefused(t, []string{"--network=none", "--device=" + cdiDevice, askTime("5000")},
			keepaliveTime, "5000", "3600", "10-test.toml:4")
	})
}
