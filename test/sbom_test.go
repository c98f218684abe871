package test

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sbom is a CycloneDX list, as far as the tests look.
type sbom struct {
	BOMFormat string
	Metadata  struct {
		Component struct {
			Name       string
			Properties []struct{ Name, Value string }
		}
	}
	Components []struct{ Name, Version string }
}

func readSBOM(t *testing.T, path string) sbom {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list sbom
	if err := json.Unmarshal(content, &list); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if list.BOMFormat != "CycloneDX" || len(list.Components) == 0 {
		t.Fatalf("%s is no CycloneDX list of anything: %+v", path, list)
	}
	return list
}

// modules are the listed modules with their versions, without Go itself.
func (s sbom) modules() []string {
	var modules []string
	for _, c := range s.Components {
		if c.Name != "std" {
			modules = append(modules, c.Name+" "+c.Version)
		}
	}
	slices.Sort(modules)
	return modules
}

// linkedInto are the modules that a program says it was linked with, as go
// version -m shows them.
func linkedInto(t *testing.T, program string) []string {
	t.Helper()
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, m := range info.Deps {
		modules = append(modules, m.Path+" "+m.Version)
	}
	slices.Sort(modules)
	return modules
}

// What make packages lists is what is linked into the packaged programs.
func TestSBOM(t *testing.T) {
	dir, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		list := readSBOM(t, filepath.Join(dir, program+".cdx.json"))
		if diff := cmp.Diff(linkedInto(t, filepath.Join("../bin", program)), list.modules()); diff != "" {
			t.Errorf("%s (-linked +listed):\n%s", program, diff)
		}
	}
}

// For another architecture, the tool that makes the list is still this one's.
func TestSBOMForAnotherArchitecture(t *testing.T) {
	needPrograms(t, "make", "env")
	for _, arch := range []string{"amd64", "arm64"} {
		dir := t.TempDir()
		must(t, "env", "GOARCH="+arch, "make", "-C", "..", "sbom", "SBOMDIR="+dir)
		for _, program := range programs {
			list := readSBOM(t, filepath.Join(dir, program+".cdx.json"))
			var got []string
			for _, p := range list.Metadata.Component.Properties {
				if strings.HasSuffix(p.Name, ":GOARCH") {
					got = append(got, p.Value)
				}
			}
			if diff := cmp.Diff([]string{arch}, got); diff != "" {
				t.Errorf("%s: the architecture (-want +got):\n%s", program, diff)
			}
		}
	}
}
