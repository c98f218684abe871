package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// guideEtc makes /etc a place where a guide's commands do no harm, too.
const guideEtc = `mkdir "$over/etc" "$over/etc-work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$over/etc,workdir=$over/etc-work" /etc
`

// guidePlace is one where a command is podman with this storage, in which the
// image that guides name is the tests' own. Its containers have no way out.
func (p *podman) guidePlace(t *testing.T, command, options string) guidePlace {
	t.Helper()
	program, err := exec.LookPath("podman")
	if err != nil {
		t.Fatal(err)
	}
	p.do(t, "tag", podmanImage, "docker.io/library/busybox:latest")
	place := guidePlace{path: p.dir(t), hideUnified: cgroupsAreHybrid(), also: guideEtc}
	script := fmt.Sprintf(`#!/bin/sh
[ "$1" != run ] || { shift && set -- run --network=none "$@"; }
exec env -i PATH="$PATH" HOME=%[1]s CONTAINERS_CONF=%[1]s/containers.conf %[2]s --storage-driver=vfs \
	--root=%[1]s/root --runroot=%[1]s/run --tmpdir=%[1]s/tmp --runtime=%[3]s %[4]s "$@"
`, p.base, program, p.runtime, options)
	if err := os.WriteFile(filepath.Join(place.path, command), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return place
}

// wantSteps are the steps of a guide, so many, of which some tell what they print.
func wantSteps(t *testing.T, path string, all, told int) []guideStep {
	t.Helper()
	steps := guideSteps(t, path)
	got := 0
	for _, step := range steps {
		if step.prints != "" {
			got++
		}
	}
	if len(steps) != all || got != told {
		t.Fatalf("%s has %d steps, of which %d tell what they print; want %d and %d", path, len(steps), got, all, told)
	}
	return steps
}

// What the guide says is what happens: with the hook file, then with the CDI
// device instead, until both are removed.
func TestPodmanGuide(t *testing.T) {
	steps := wantSteps(t, "../docs/podman.md", 4, 2)
	eachPodmanInTurn(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		wantAsTold(t, steps, followGuide(t, p.guidePlace(t, "podman", ""), steps))
	})
}

// No Docker here has CDI. podman, which takes these commands too, stands in for
// it, without the hook files that Docker knows nothing of.
func TestDockerGuideCDI(t *testing.T) {
	steps := wantSteps(t, "../docs/docker.md", 4, 1)
	eachPodmanInTurn(t, func(t *testing.T, p *podman) {
		hostUntouched(t)
		wantAsTold(t, steps, followGuide(t, p.guidePlace(t, "docker", "--hooks-dir="+p.hooks), steps))
	})
}
