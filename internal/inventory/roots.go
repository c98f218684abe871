package inventory

import (
	"os"
	"path/filepath"
	"slices"
)

// Roots are the directories where runtimes keep their state unless they are
// told otherwise: run by hand, by podman and by CRI-O; by containerd; by
// docker; and by users without root, whose docker has its exec-root in
// $XDG_RUNTIME_DIR/docker.
func Roots() []string {
	roots := []string{
		"/run/runc",
		"/run/crun",
		"/run/containerd/runc",
		"/run/docker/runtime-runc",
	}
	users, _ := filepath.Glob("/run/user/*") // the pattern is a valid one
	if own := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(own) {
		users = append(users, filepath.Clean(own))
	}
	slices.Sort(users)
	for _, dir := range slices.Compact(users) {
		roots = append(roots, filepath.Join(dir, "runc"), filepath.Join(dir, "crun"), filepath.Join(dir, "docker", "runtime-runc"))
	}
	return roots
}
