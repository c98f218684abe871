package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// guideStep is a block of commands in a guide, and what the guide says that
// they print.
type guideStep struct {
	commands string
	prints   string // empty: the guide does not say
}

// guideSteps reads a guide: blocks of sh are commands, and a block of text right
// after one is their output.
func guideSteps(t *testing.T, path string) []guideStep {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []guideStep
	parts := strings.Split(string(content), "```")
	if len(parts)%2 == 0 {
		t.Fatalf("%s: a block has no end", path)
	}
	for i := 1; i < len(parts); i += 2 {
		kind, text, _ := strings.Cut(parts[i], "\n")
		switch {
		case kind == "sh":
			steps = append(steps, guideStep{commands: text})
		case kind == "text" && len(steps) > 0 && strings.TrimSpace(parts[i-1]) == "":
			steps[len(steps)-1].prints = text
		}
	}
	return steps
}

// guideEnd separates what the steps print.
const guideEnd = "@@ end of a step @@\n"

// guidePrelude makes a place where a guide's commands do no harm.
const guidePrelude = `set -eu
over=$1
mount -t tmpfs tmpfs "$over"
mkdir "$over/upper" "$over/work"
mount -t overlay overlay -o "lowerdir=/usr,upperdir=$over/upper,workdir=$over/work" /usr
! mountpoint -q /sys/fs/cgroup/unified || [ -z "$HIDE_UNIFIED" ] || umount /sys/fs/cgroup/unified
sudo() { "$@"; }
`

// guidePlace is where a guide's commands are followed.
type guidePlace struct {
	path        string // a directory that is looked into first
	hideUnified bool
	also        string // commands after guidePrelude
}

// followGuide runs a guide's commands in one shell, from the top directory.
func followGuide(t *testing.T, place guidePlace, steps []guideStep) followed {
	t.Helper()
	hide := ""
	if place.hideUnified {
		hide = "yes"
	}
	script := guidePrelude + place.also
	for _, step := range steps {
		script += step.commands + "printf '\\n" + strings.TrimSpace(guideEnd) + "\\n'\n"
	}
	script += `cd "$over/upper" && find . ! -type d ! -type c` + "\n"
	cmd := exec.Command("unshare", "-m", "sh", "-c", script, "sh", t.TempDir())
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "PATH="+place.path+":"+os.Getenv("PATH"), "TMPDIR="+t.TempDir(), "HIDE_UNIFIED="+hide)
	got, err := finish(cmd)
	if err != nil || got.code != 0 {
		t.Fatalf("%v, exit %d after %d steps:\n%s%s", err, got.code,
			strings.Count(got.stdout, guideEnd), got.stdout, got.stderr)
	}
	printed := strings.Split(got.stdout, "\n"+guideEnd)
	return followed{printed[:len(steps)], printed[len(steps)], got.stderr}
}

// withRuntime is a place with a runtime in runc's stead, and the steps for it.
func withRuntime(t *testing.T, r *ociRuntime, steps []guideStep) (guidePlace, []guideStep) {
	t.Helper()
	program, err := r.find()
	if err != nil {
		t.Fatal(err)
	}
	place := guidePlace{path: t.TempDir()}
	name := filepath.Base(program)
	if err := os.Symlink(program, filepath.Join(place.path, name)); err != nil {
		t.Fatal(err)
	}
	place.hideUnified = name == "crun" && cgroupsAreHybrid()
	var renamed []guideStep
	for _, step := range steps {
		step.commands = strings.ReplaceAll(step.commands, "runc ", name+" ")
		renamed = append(renamed, step)
	}
	return place, renamed
}

// wantAsTold compares what the steps printed with what the guide says, and wants
// nothing left below /usr.
func wantAsTold(t *testing.T, steps []guideStep, got followed) {
	t.Helper()
	for i, step := range steps {
		if step.prints == "" {
			continue
		}
		if diff := cmp.Diff(step.prints, got.printed[i]); diff != "" {
			t.Errorf("step %d prints (-guide +now):\n%s", i+1, diff)
		}
	}
	if got.left != "" {
		t.Errorf("left below /usr:\n%s", got.left)
	}
}

// followed is what came of a guide's commands.
type followed struct {
	printed []string // by step
	left    string   // below /usr
	stderr  string
}

// What the guide says is what happens, from the first line to the last.
func TestRuncGuide(t *testing.T) {
	needRoot(t)
	for _, program := range []string{"jq", "make", "mountpoint"} {
		if _, err := exec.LookPath(program); err != nil {
			unavailable(t, "%v", err)
		}
	}
	steps := wantSteps(t, "../docs/runc.md", 8, 5)
	refusal := guideRefusal(t, "../docs/runc.md")
	for _, r := range ociRuntimes {
		t.Run(r.name, func(t *testing.T) {
			r.need(t)
			hostUntouched(t)
			place, steps := withRuntime(t, r, steps)
			got := followGuide(t, place, steps)
			wantAsTold(t, steps, got)
			stderr := strings.ReplaceAll(got.stderr, `\"`, `"`)
			if !r.hidesStderr && !strings.Contains(stderr, refusal) {
				t.Errorf("the guide says that the hook says\n%s\nand stderr is\n%s", refusal, stderr)
			}
		})
	}
}

// guideRefusal is the hook's line that a guide quotes, on several.
func guideRefusal(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, quoted, _ := strings.Cut(string(content), "stdout: , stderr: ")
	quoted, _, found := strings.Cut(quoted, "\n\n")
	if !found {
		t.Fatalf("%s quotes no line of the hook", path)
	}
	return strings.Join(strings.Fields(quoted), " ")
}

// The examples of manifests have a module of their own, for the many types that
// they are checked with.
func TestDeploy(t *testing.T) {
	needRoot(t)
	const dir = "../deploy/validate"
	if out, err := goIn(dir, "mod", "download"); err != nil {
		unavailable(t, "the modules of %s cannot be had: %v\n%s", dir, err, out)
	}
	out, err := goIn(dir, "test", "-v", "-count=1", "./...")
	if err != nil {
		t.Errorf("go test in %s: %v\n%s", dir, err, out)
	} else if strings.Contains(out, "--- SKIP") {
		unavailable(t, "tests of %s were skipped:\n%s", dir, out)
	}
}

func goIn(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return string(out), err
}
