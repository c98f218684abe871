package check

import (
	"slices"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/policy"
)

// overlaps reports whether one container may match both. It may say yes where
// the truth is no, never the reverse.
func overlaps(a, b *policy.When) bool {
	return globsOverlap(a.PodNamespaces, b.PodNamespaces) &&
		globsOverlap(a.Containers, b.Containers) &&
		annotationsOverlap(a.Annotations, b.Annotations)
}

func globsOverlap(as, bs []string) bool {
	if as == nil || bs == nil {
		return true
	}
	return slices.ContainsFunc(as, func(a string) bool {
		return slices.ContainsFunc(bs, func(b string) bool { return globOverlaps(a, b) })
	})
}

// globOverlaps reports whether a text of a label's characters may match both.
func globOverlaps(a, b string) bool {
	as, bs := globTokens(a), globTokens(b)
	// rest[i][j] tells whether what follows the first i tokens of as and the
	// first j of bs overlaps.
	rest := make([][]bool, len(as)+1)
	for i := len(as); i >= 0; i-- {
		rest[i] = make([]bool, len(bs)+1)
		for j := len(bs); j >= 0; j-- {
			switch {
			case i < len(as) && as[i] == "*":
				rest[i][j] = rest[i+1][j] || (j < len(bs) && rest[i][j+1])
			case j < len(bs) && bs[j] == "*":
				rest[i][j] = rest[i][j+1] || (i < len(as) && rest[i+1][j])
			case i < len(as) && j < len(bs):
				rest[i][j] = rest[i+1][j+1] && shareChar(as[i], bs[j])
			default:
				rest[i][j] = i == len(as) && j == len(bs)
			}
		}
	}
	return rest[0][0]
}

func shareChar(a, b string) bool {
	for _, c := range labelChars {
		if matchesAny(a, string(c)) && matchesAny(b, string(c)) {
			return true
		}
	}
	return false
}

// annotationsOverlap: only of one and the same annotation can't have two values.
func annotationsOverlap(as, bs []policy.AnnotationMatch) bool {
	for _, a := range as {
		for _, b := range bs {
			nameA, nameB := texts(a.Name), texts(b.Name)
			if len(nameA) == 1 && slices.Equal(nameA, nameB) && !valuesOverlap(a, b) {
				return false
			}
		}
	}
	return true
}

// valuesOverlap can tell for expressions of which one lists its texts.
func valuesOverlap(a, b policy.AnnotationMatch) bool {
	if list := texts(a.Value); list != nil {
		return slices.ContainsFunc(list, b.Value.MatchString)
	}
	if list := texts(b.Value); list != nil {
		return slices.ContainsFunc(list, a.Value.MatchString)
	}
	return true
}
