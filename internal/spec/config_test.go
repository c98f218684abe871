package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/golden"
)

const goodConfig = `{"ociVersion":"1.0.2","root":{"path":"rootfs"},"annotations":{"a":"1"},` +
	`"linux":{"sysctl":{"net.core.somaxconn":"1"},"namespaces":[{"type":"network"},{"type":"ipc","path":"/p"}]}}`

func TestDecodeConfig(t *testing.T) {
	namespaces := []specs.LinuxNamespace{{Type: "network"}, {Type: "ipc", Path: "/p"}}
	bare := &specs.Spec{Linux: &specs.Linux{Namespaces: namespaces}}
	const list = `"namespaces":[{"type":"network"},{"type":"ipc","path":"/p"}]`
	for name, test := range map[string]struct {
		text string
		want *specs.Spec
	}{
		"whole": {goodConfig, &specs.Spec{
			Annotations: map[string]string{"a": "1"},
			Linux:       &specs.Linux{Namespaces: namespaces, Sysctl: map[string]string{"net.core.somaxconn": "1"}},
		}},
		"domain name":              {`{"domainname":"corp","linux":{` + list + `}}`, &specs.Spec{Domainname: "corp", Linux: bare.Linux}},
		"least":                    {`{"linux":{` + list + `}}`, bare},
		"null sysctl, annotations": {`{"annotations":null,"linux":{"sysctl":null,` + list + `}}`, bare},
		"unknown members":          {`{"x":[{}],"linux":{"y":{"namespaces":[]},` + list + `,"seccomp":{}},"vm":1}`, bare},
		"unknown in a namespace":   {`{"linux":{"namespaces":[{"x":1,"type":"network"},{"type":"ipc","path":"/p","y":[]}]}}`, bare},
	} {
		got, err := decodeConfig(strings.NewReader(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got.Annotations) == 0 {
			got.Annotations = nil
		}
		if len(got.Linux.Sysctl) == 0 {
			got.Linux.Sysctl = nil
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// withConfig is goodConfig with another text for a part of it.
func withConfig(old, new string) string { return strings.Replace(goodConfig, old, new, 1) }

var badConfigs = map[string]string{
	"empty":                  "",
	"truncated":              goodConfig[:len(goodConfig)-1],
	"binary":                 "\x00\x01",
	"not UTF-8":              withConfig("rootfs", "\xff"),
	"array":                  "[]",
	"null":                   "null",
	"garbage after":          goodConfig + "x",
	"no linux":               `{}`,
	"linux null":             `{"linux":null}`,
	"linux array":            `{"linux":[]}`,
	"Linux":                  `{"Linux":{},` + goodConfig[1:],
	"ANNOTATIONS":            `{"ANNOTATIONS":{},` + goodConfig[1:],
	"Sysctl":                 withConfig(`"sysctl":`, `"Sysctl":{},"sysctl":`),
	"long s":                 withConfig(`"sysctl":`, `"\u017fysctl":{},"sysctl":`),
	"Namespaces":             withConfig(`"namespaces":`, `"Namespaces":[],"namespaces":`),
	"Path of a namespace":    withConfig(`"path":"/p"`, `"Path":"/p"`),
	"linux twice":            `{"linux":{"namespaces":[{"type":"network"}]},"linux":{"namespaces":[{"type":"ipc"}]}}`,
	"no namespaces":          `{"linux":{}}`,
	"namespaces null":        `{"linux":{"namespaces":null}}`,
	"namespaces empty":       `{"linux":{"namespaces":[]}}`,
	"namespaces object":      `{"linux":{"namespaces":{"type":"network"}}}`,
	"namespaces twice":       `{"linux":{"namespaces":[{"type":"ipc"}],"namespaces":[{"type":"network"}]}}`,
	"namespace string":       `{"linux":{"namespaces":["network"]}}`,
	"namespace listed twice": withConfig(`"ipc"`, `"network"`),
	"type number":            withConfig(`"ipc"`, `1`),
	"type twice":             withConfig(`"type":"ipc"`, `"type":"ipc","type":"network"`),
	"path null":              withConfig(`"/p"`, `null`),
	"path array":             withConfig(`"/p"`, `["/p"]`),
	"sysctl array":           withConfig(`{"net.core.somaxconn":"1"}`, `[]`),
	"sysctl value number":    withConfig(`"net.core.somaxconn":"1"`, `"net.core.somaxconn":1`),
	"sysctl value null":      withConfig(`"net.core.somaxconn":"1"`, `"net.core.somaxconn":null`),
	"sysctl with NUL":        withConfig(`"net.core.somaxconn":"1"`, `"net.core.somaxconn\u0000x":"1"`),
	"sysctl twice":           withConfig(`"net.core.somaxconn":"1"`, `"net.core.somaxconn":"1","net.core.somaxconn":"2"`),
	"annotations array":      withConfig(`{"a":"1"}`, `[]`),
	"annotation number":      withConfig(`{"a":"1"}`, `{"a":1}`),
	"annotation twice":       withConfig(`{"a":"1"}`, `{"a":"1","a":"2"}`),
	"deep":                   withConfig(`"rootfs"`, strings.Repeat("[", 20000)),
}

func TestDecodeBadConfig(t *testing.T) {
	var text strings.Builder
	for _, name := range sortedNames(badConfigs) {
		got, err := decodeConfig(strings.NewReader(badConfigs[name]))
		if err == nil || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		checkOneLine(t, name, err)
		fmt.Fprintf(&text, "%s: %v\n", name, err)
	}
	golden.Check(t, "badconfig", text.String())
}

func TestReadConfig(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"good":         {goodConfig, ""},
		"at the limit": {goodConfig + strings.Repeat("\n", MaxConfig-len(goodConfig)), ""},
		"beyond":       {goodConfig + strings.Repeat("\n", MaxConfig+1-len(goodConfig)), "longer than 16777216 bytes"},
		"empty":        {"", "empty"},
	} {
		bundle := t.TempDir()
		path := filepath.Join(bundle, "config.json")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadConfig(bundle)
		if test.want == "" && (err != nil || len(got.Linux.Namespaces) != 2) {
			t.Errorf("%s: %v", name, err)
		}
		if test.want != "" && (err == nil || err.Error() != path+": "+test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func TestReadConfigMissing(t *testing.T) {
	bundle := t.TempDir()
	_, err := ReadConfig(bundle)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), bundle+"/config.json: ") {
		t.Errorf("%v", err)
	}
}
