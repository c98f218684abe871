package policy

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// source is a policy file's name and content.
type source struct {
	name string
	data []byte
}

// Position is a place in a policy file. It is turned into a line and a column
// only when somebody wants to see it.
type Position struct {
	source *source
	offset int
}

// File is the policy file's path.
func (p Position) File() string {
	if p.source == nil {
		return ""
	}
	return p.source.name
}

// Line counts from 1.
func (p Position) Line() int {
	if p.source == nil {
		return 0
	}
	return 1 + bytes.Count(p.source.data[:p.offset], []byte("\n"))
}

// Column counts characters from 1.
func (p Position) Column() int {
	if p.source == nil {
		return 0
	}
	line := p.source.data[bytes.LastIndexByte(p.source.data[:p.offset], '\n')+1 : p.offset]
	return 1 + utf8.RuneCount(line)
}

// String is FILE:LINE.
func (p Position) String() string {
	return fmt.Sprintf("%s:%d", p.File(), p.Line())
}

// Problem is something wrong with a policy file. Line and Column are 0 for a
// problem with the file itself.
type Problem struct {
	File    string
	Line    int
	Column  int
	Message string
}

func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

// LoadError is all that is wrong with a policy.
type LoadError struct {
	Problems []Problem // at least one, in the order of the files

	// Sound is what the files without a problem say. It is for those who look
	// for more problems: a policy counts as a whole or not at all.
	Sound *Policy
}

// Error is the first problem, on one line, and how many follow.
func (e *LoadError) Error() string {
	text := "policy: " + e.Problems[0].String()
	if more := len(e.Problems) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}
