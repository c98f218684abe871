package inventory

import (
	"fmt"
	"strings"
)

// maxNamed bounds how many containers an error names.
const maxNamed = 5

// Pick returns the container with the ID, or else the one whose ID begins so.
func Pick(containers []Container, id string) (*Container, error) {
	var same, begin []*Container
	for i := range containers {
		switch c := &containers[i]; {
		case c.ID == id:
			same = append(same, c)
		case strings.HasPrefix(c.ID, id):
			begin = append(begin, c)
		}
	}
	switch {
	case len(same) == 1:
		return same[0], nil
	case len(same) > 1:
		return nil, fmt.Errorf("%d containers have the ID %q: %s", len(same), id, some(same, func(c *Container) string { return c.State }))
	case len(begin) == 1:
		return begin[0], nil
	case len(begin) > 1:
		return nil, fmt.Errorf("%d containers' IDs begin with %q: %s", len(begin), id, some(begin, func(c *Container) string { return c.ID }))
	}
	return nil, fmt.Errorf("%q is no bundle, and no running container has an ID that begins so (names are the engine's: podman inspect -f '{{.Id}}' NAME)", id)
}

// some names the first containers.
func some(containers []*Container, name func(*Container) string) string {
	shown := containers[:min(len(containers), maxNamed)]
	names := make([]string, len(shown))
	for i, c := range shown {
		names[i] = name(c)
	}
	if len(shown) < len(containers) {
		names = append(names, "...")
	}
	return strings.Join(names, ", ")
}
