package sysctl

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
)

// Assignment is a value that a key is to have.
type Assignment struct {
	Key      Key
	Value    string
	Optional bool // a kernel without the key is no error
	Firm     bool // write the value even if the key holds it, so that no Drive that lapses changes it
}

// Change is a key's value before and after.
type Change struct {
	Key Key
	Old string
	New string
}

// Result tells what Apply found and did; each key is in one of the three.
type Result struct {
	Changed []Change
	Right   []Key // held the value already
	Absent  []Key // optional and not there
}

// WriteError is the failure to give a key its value.
type WriteError struct {
	Assignment
	Err error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("%s = %s: %v", e.Key, quote.Text(e.Value), e.Err)
}

func (e *WriteError) Unwrap() error { return e.Err }

// maxPasses bounds how often Apply goes over the keys until all hold.
const maxPasses = 4

// Apply gives every key its value, in order, or changes nothing. It goes over
// the keys until nothing is left to do: the kernel checks some keys against each
// other, so that one may fail until another is written, and some change others
// (net.ipv4.ip_forward every interface's forwarding). If a key fails or does not
// hold in the end, what was changed is put back, newest first. The error wraps a
// *WriteError for the first such key; it names the keys, if any, that could not
// be put back.
func (t *Tree) Apply(assignments []Assignment) (Result, error) {
	var all, last pass
	driven := t.driven(assignments)
	for n := range maxPasses {
		last = t.pass(assignments)
		all.add(n, last)
		if len(last.changed) == 0 {
			break
		}
	}
	failed := last.failed
	if len(failed) == 0 && len(last.changed) > 0 {
		failed = []*WriteError{unstable(last.changed[0])}
	}
	if len(failed) == 0 {
		return all.result(assignments), nil
	}
	// What the keys drive comes last, in the order of rollBack: first in the list.
	if err := t.rollBack(slices.Concat(driven, all.changed)); err != nil {
		return Result{}, fmt.Errorf("%w; %w", failed[0], err)
	}
	return Result{}, failed[0]
}

func unstable(c Change) *WriteError {
	return &WriteError{
		Assignment: Assignment{Key: c.Key, Value: c.New},
		Err:        errors.New("it does not last: another sysctl of the policy changes it"),
	}
}

// pass is what one go over the keys did.
type pass struct {
	changed []Change // in the order of the writes
	right   []Key    // had the value already
	absent  []Key
	failed  []*WriteError
}

func (t *Tree) pass(assignments []Assignment) (p pass) {
	for _, a := range assignments {
		old, err := t.write(a.Key, a.Value)
		if err == nil && a.Firm && Equal(old, a.Value) {
			err = t.confirm(a)
		}
		switch {
		case errors.Is(err, ErrNoKey) && a.Optional:
			p.absent = append(p.absent, a.Key)
		case err != nil:
			p.changed = append(p.changed, t.undoChange(a.Key, old, err)...)
			p.failed = append(p.failed, &WriteError{Assignment: a, Err: err})
		case Equal(old, a.Value):
			p.right = append(p.right, a.Key)
		default:
			p.changed = append(p.changed, Change{Key: a.Key, Old: old, New: a.Value})
		}
	}
	return p
}

// confirm writes a value that the key holds already.
func (t *Tree) confirm(a Assignment) error {
	fd, err := t.open(a.Key, unix.O_RDWR)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return put(fd, a.Value)
}

// add adds the pass that came n passes after the first.
func (p *pass) add(n int, next pass) {
	p.changed = append(p.changed, next.changed...)
	p.absent = next.absent
	if n == 0 {
		p.right = next.right
	}
}

// result tells what came of each key, as if there had been one pass: what the
// first found is what was there before.
func (p *pass) result(assignments []Assignment) (r Result) {
	old := map[Key]string{}
	for _, c := range slices.Backward(p.changed) {
		old[c.Key] = c.Old
	}
	right, absent := set(p.right), set(p.absent)
	for _, a := range assignments {
		before, changed := old[a.Key]
		switch {
		case absent[a.Key]:
			r.Absent = append(r.Absent, a.Key)
		case !changed || right[a.Key]:
			r.Right = append(r.Right, a.Key)
		default:
			r.Changed = append(r.Changed, Change{Key: a.Key, Old: before, New: a.Value})
		}
	}
	return r
}

func set(keys []Key) map[Key]bool {
	set := make(map[Key]bool, len(keys))
	for _, key := range keys {
		set[key] = true
	}
	return set
}

// undoChange puts a key back at once that a failed write changed. If that fails
// too, it is returned as a change, for rollBack to report.
func (t *Tree) undoChange(key Key, old string, err error) []Change {
	var changed *changedError
	if !errors.As(err, &changed) {
		return nil
	}
	if _, err := t.write(key, old); err != nil {
		return []Change{{Key: key, Old: old, New: changed.now}}
	}
	return nil
}

// rollBack puts back what was changed. Keys that the kernel checks against
// each other may need the others to go first, so it makes two rounds.
func (t *Tree) rollBack(changes []Change) error {
	var err error
	for range 2 {
		err = nil
		for _, c := range slices.Backward(changes) {
			// What is gone, with its interface, needs not be put back.
			if _, failed := t.write(c.Key, c.Old); failed != nil && !errors.Is(failed, ErrNoKey) {
				err = fmt.Errorf("%s could not be put back to %s: %w", c.Key, quote.Text(c.Old), failed)
			}
		}
	}
	return err
}
