package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// write makes the files of a directory: names and contents. A content that
// begins with "-> " makes a link.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if target, isLink := strings.CutPrefix(content, "-> "); isLink && err == nil {
			err = os.Symlink(target, path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// named is a policy of one rule.
func named(rule string) string {
	return fmt.Sprintf("[[rule]]\nname = %q\n[rule.sysctls]\n\"net.core.somaxconn\" = 1\n", rule)
}

// rules are the names of a policy's rules.
func rules(p *Policy) []string {
	var names []string
	for _, rule := range p.Rules {
		names = append(names, rule.Name)
	}
	return names
}

func TestLoad(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string // of the directories a, b and c, read in this order
		want  []string          // rules, in their order
		paths []string
	}{
		"no files": {files: nil},
		"order of the base names, whatever the directory": {
			files: map[string]string{"a/30.toml": named("a30"), "b/20.toml": named("b20"), "c/10.toml": named("c10"), "a/100.toml": named("a100")},
			want:  []string{"c10", "a100", "b20", "a30"},
			paths: []string{"c/10.toml", "a/100.toml", "b/20.toml", "a/30.toml"},
		},
		"the later directory's file counts": {
			files: map[string]string{"a/x.toml": named("a"), "b/x.toml": named("b"), "c/x.toml": named("c"), "a/y.toml": named("ay")},
			want:  []string{"c", "ay"},
			paths: []string{"c/x.toml", "a/y.toml"},
		},
		"a link to /dev/null masks": {
			files: map[string]string{"a/x.toml": named("a"), "b/x.toml": "-> /dev/null", "b/y.toml": named("y")},
			want:  []string{"y"},
			paths: []string{"b/y.toml"},
		},
		"a mask of a broken file": {
			files: map[string]string{"a/x.toml": "x", "b/x.toml": "-> /dev/null"},
		},
		"a mask masks no later file": {
			files: map[string]string{"a/x.toml": "-> /dev/null", "b/x.toml": named("b")},
			want:  []string{"b"},
			paths: []string{"b/x.toml"},
		},
		"a file without rules replaces too": {
			files: map[string]string{"a/x.toml": named("a"), "b/x.toml": "# none\n"},
			paths: []string{"b/x.toml"},
		},
		"names that are not read": {
			files: map[string]string{
				"a/x.conf": "x", "a/x.toml~": "x", "a/x.toml.rpmsave": "x", "a/.x.toml": "x", "a/.toml": "x", "a/toml": "x",
				"a/x.TOML": "x", "a/sub/x.toml": "x",
			},
		},
		"a link to a file": {
			files: map[string]string{"a/x.toml": "-> ../real", "real": named("real")},
			want:  []string{"real"},
			paths: []string{"a/x.toml"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, map[string]string{"a/keep": "", "b/keep": "", "c/keep": ""})
			write(t, root, test.files)
			p, err := Load([]string{root + "/a", root + "/b", root + "/c"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, rules(p)); diff != "" {
				t.Errorf("rules: -want +got:\n%s", diff)
			}
			var paths []string
			for _, path := range p.Files {
				paths = append(paths, strings.TrimPrefix(path, root+"/"))
			}
			if diff := cmp.Diff(test.paths, paths); diff != "" {
				t.Errorf("files: -want +got:\n%s", diff)
			}
		})
	}
}

func TestLoadFails(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{
		"huge/x.toml":     "#" + strings.Repeat("x", MaxFile),
		"limit/x.toml":    "#" + strings.Repeat("x", MaxFile-1),
		"dangling/x.toml": "-> nothing",
		"loop/x.toml":     "-> x.toml",
		"dir/x.toml/y":    "",
		"empty/x.toml":    "",
		"zero/x.toml":     "-> /dev/zero",
		"file":            "",
		"two/1.toml":      "x",
		"two/2.toml":      named("good"),
		"two/3.toml":      "[rule]\n[other]\n",
	})
	if err := os.Mkdir(root+"/fifo", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(root+"/fifo/x.toml", 0o644); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string][]string{
		"limit":    nil,
		"empty":    {"/empty/x.toml: empty: cut off, perhaps; to hide a file of the same name, use a link to /dev/null"},
		"huge":     {"/huge/x.toml: longer than 1048576 bytes"},
		"dangling": {"/dangling/x.toml: no such file or directory"},
		"loop":     {"/loop/x.toml: too many levels of symbolic links"},
		"dir":      {"/dir/x.toml: not a regular file"},
		"zero":     {"/zero/x.toml: not a regular file"},
		"fifo":     {"/fifo/x.toml: not a regular file"},
		"missing":  {"/missing: no such file or directory"},
		"file":     {"/file: not a directory"},
		"two": {
			"/two/1.toml:1:1: not valid TOML: expected '=' after key",
			`/two/3.toml:1:2: rule is a table; write [[rule]], in double brackets`,
			`/two/3.toml:2:2: unknown field "other"; a policy holds [[rule]] tables`,
		},
	} {
		t.Run(dir, func(t *testing.T) {
			p, err := Load([]string{root + "/" + dir})
			var failed *LoadError
			if errors.As(err, &failed) == (want == nil) || (p == nil) == (want == nil) {
				t.Fatalf("%v, %v", p, err)
			}
			if want == nil {
				return
			}
			var got []string
			for _, problem := range failed.Problems {
				got = append(got, strings.TrimPrefix(problem.String(), root))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			text := "policy: " + root + want[0]
			if len(want) > 1 {
				text += fmt.Sprintf(" (and %d more)", len(want)-1)
			}
			if err.Error() != text {
				t.Errorf("%v, want %s", err, text)
			}
		})
	}
}

// The default directories need not be there; one that can't be read is a problem.
func TestLoadDefaultDirectories(t *testing.T) {
	root := t.TempDir()
	write(t, root, map[string]string{"b/x.toml": named("b"), "file": ""})
	p, err := load([]string{root + "/a", root + "/b", root + "/c"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b"}, rules(p)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := os.Symlink("nowhere", root+"/link"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"file", "link"} {
		if p, err := load([]string{root + "/" + dir}, true); err == nil {
			t.Errorf("%v for %s", p, dir)
		}
	}
	want := []string{"/usr/share/oci-sysctl-hook/policy.d", "/etc/oci-sysctl-hook/policy.d", "/run/oci-sysctl-hook/policy.d"}
	if diff := cmp.Diff(want, DefaultDirs()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What the project delivers is a good policy.
func TestDeliveredPolicy(t *testing.T) {
	p, err := Load([]string{"../../policy.d"})
	if err != nil || len(p.Rules) == 0 {
		t.Errorf("%v, %v", p, err)
	}
}
