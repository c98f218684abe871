package spec

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// FuzzState: whatever comes, there is no panic; what is accepted is JSON that
// encoding/json reads the same members from.
func FuzzState(f *testing.F) {
	seed(f, "state.json", badStates)
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeState(bytes.NewReader(data))
		if err != nil {
			checkOneLine(t, "error", err)
			return
		}
		if got.Pid <= 0 || !filepath.IsAbs(got.Bundle) {
			t.Errorf("accepted: %+v", got)
		}
		var want struct {
			ID          string            `json:"id"`
			Pid         int               `json:"pid"`
			Bundle      string            `json:"bundle"`
			Annotations map[string]string `json:"annotations"`
		}
		if decodeExact(t, data, &want) {
			compare(t, &specs.State{ID: want.ID, Pid: want.Pid, Bundle: want.Bundle, Annotations: want.Annotations}, got)
		}
	})
}

// FuzzConfig is FuzzState for config.json.
func FuzzConfig(f *testing.F) {
	seed(f, "config.json", badConfigs)
	f.Add([]byte(`{"domainname":"corp",` + goodConfig[1:]))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeConfig(bytes.NewReader(data))
		if err != nil {
			checkOneLine(t, "error", err)
			return
		}
		if len(got.Linux.Namespaces) == 0 {
			t.Errorf("accepted: %+v", got)
		}
		var want struct {
			Annotations map[string]string `json:"annotations"`
			Domainname  string            `json:"domainname"`
			Linux       struct {
				Namespaces []struct {
					Type specs.LinuxNamespaceType `json:"type"`
					Path string                   `json:"path"`
				} `json:"namespaces"`
				Sysctl map[string]string `json:"sysctl"`
			} `json:"linux"`
		}
		if !decodeExact(t, data, &want) {
			return
		}
		config := &specs.Spec{Annotations: want.Annotations, Domainname: want.Domainname, Linux: &specs.Linux{Sysctl: want.Linux.Sysctl}}
		for _, namespace := range want.Linux.Namespaces {
			config.Linux.Namespaces = append(config.Linux.Namespaces, specs.LinuxNamespace(namespace))
		}
		compare(t, config, got)
	})
}

// seed adds real runtimes' documents and those of the tables.
func seed(f *testing.F, file string, tables map[string]string) {
	f.Helper()
	for _, dir := range fixtures(f) {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	const long = 4096 // no use as a seed: the fuzzer would only try to shorten it
	for _, text := range tables {
		if len(text) < long {
			f.Add([]byte(text))
		}
	}
	f.Add([]byte(goodState))
	f.Add([]byte(goodConfig))
}

// decodeExact decodes with encoding/json. It reports false for a document with
// a member whose name differs in letters' case only, which encoding/json takes
// for the same.
func decodeExact(t *testing.T, data []byte, into any) bool {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		t.Errorf("accepted, but encoding/json: %v", err)
		return false
	}
	folded := bytes.ToLower(data)
	for _, name := range []string{"id", "pid", "bundle", "annotations", "domainname", "linux", "namespaces", "sysctl", "type", "path"} {
		quoted := []byte(`"` + name + `"`)
		if bytes.Count(folded, quoted) != bytes.Count(data, quoted) {
			return false
		}
	}
	if bytes.Contains(data, []byte(`\`)) || strings.Contains(string(data), "ſ") {
		return false // other spellings of the names
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Errorf("accepted, but encoding/json: %v", err)
		return false
	}
	return true
}

func compare(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-encoding/json +got:\n%s", diff)
	}
}
