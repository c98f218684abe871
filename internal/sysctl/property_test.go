package sysctl

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// component is a part of a key, as the kernel and people name them.
var component = rapid.StringMatching(`[a-z][a-z0-9_]{0,8}([.@:-][a-z0-9]{1,3})?`)

func TestKeyIsReadAsItIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(component, 1, 6).Draw(t, "components")
		if strings.Contains(parts[0], ".") {
			t.Skip("no key begins so: the first separator would be the dot in it")
		}
		key := Key(strings.Join(parts, "/"))
		for _, text := range []string{key.String(), string(key)} {
			got, err := ParseKey(text)
			if err != nil || got != key {
				t.Errorf("%q is read as %q, %v; want %q", text, got, err, key)
			}
		}
		if !key.Matches(key) {
			t.Errorf("%q does not match itself", key)
		}
	})
}

// A pattern made of a key covers the key, and nothing with other components.
func TestPatternCoversItsKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(component, 1, 6).Draw(t, "components")
		other := slices.Clone(parts)
		n := rapid.IntRange(0, len(parts)-1).Draw(t, "position")
		pattern := slices.Clone(parts)
		pattern[n] = "*"
		other[n] = component.Draw(t, "other")
		join := func(parts []string) Key { return Key(strings.Join(parts, "/")) }
		if !join(pattern).Matches(join(parts)) || !join(pattern).Matches(join(other)) {
			t.Errorf("%q does not cover %q and %q", join(pattern), join(parts), join(other))
		}
		if join(parts).Matches(join(other)) != (parts[n] == other[n]) {
			t.Errorf("%q and %q", join(parts), join(other))
		}
		if join(pattern).Matches(join(parts) + "/x") {
			t.Errorf("%q covers a longer key", join(pattern))
		}
	})
}

// Equal is what it says: the fields are.
func TestEqualIsEqualFields(t *testing.T) {
	value := rapid.StringMatching(`[ \t\n\v\f\r]{0,2}([0-9a]{0,2}[ \t\n]{0,2}){0,4}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := value.Draw(t, "a"), value.Draw(t, "b")
		if got, want := Equal(a, b), slices.Equal(strings.Fields(a), strings.Fields(b)); got != want {
			t.Errorf("Equal(%q, %q) is %t", a, b, got)
		}
		normal, err := Normalize(a)
		if again, _ := Normalize(normal); err != nil || !Equal(a, normal) || again != normal {
			t.Errorf("Normalize(%q) = %q, %v, then %q", a, normal, err, again)
		}
	})
}

// Apply gives every key its value or leaves all as they were, in whatever order
// and however the kernel ties them to each other.
func TestApplyIsAllOrNothing(t *testing.T) {
	tree := scratch(t)
	choices := map[Key][]string{
		keepaliveTime:     {"600", "7200", "-1", "99999999"},
		keepaliveProbes:   {"6", "9", "300", "x"},
		privilegedPorts:   {"0", "1024", "40000", "70000"},
		portRange:         {"32768 60999", "50000 60999", "60999 50000", "1024"},
		reservedPorts:     {"", "80-82", "80,81", "80-82,x"},
		receiveBuffer:     {"4096 131072 6291456", "1 2 3", "1 x 3", "5", "1 2 -3"},
		congestionControl: {"reno", "cubic", "nosuch", ""},
		absent:            {"1"},
	}
	keys := slices.Sorted(maps.Keys(choices))
	readable := slices.DeleteFunc(slices.Clone(keys), func(key Key) bool { return key == absent })
	rapid.Check(t, func(rt *rapid.T) {
		var assignments []Assignment
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, 5, rapid.ID).Draw(rt, "keys") {
			value := rapid.SampledFrom(choices[key]).Draw(rt, string(key))
			assignments = append(assignments, Assignment{Key: key, Value: value, Optional: rapid.Bool().Draw(rt, "optional")})
		}
		before := values(t, tree, readable...)
		result, err := tree.Apply(assignments)
		after := values(t, tree, readable...)
		if err != nil {
			if diff := cmp.Diff(before, after); diff != "" {
				rt.Errorf("%v; not put back: -before +after:\n%s", err, diff)
			}
			return
		}
		if told := len(result.Changed) + len(result.Right) + len(result.Absent); told != len(assignments) {
			rt.Errorf("%d of %d keys in the result %v", told, len(assignments), result)
		}
		for _, a := range assignments {
			if value, ok := after[a.Key]; ok && !Equal(value, a.Value) {
				rt.Errorf("%s is %q, want %q", a.Key, value, a.Value)
			}
		}
	})
}
