package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// terminal is what the output goes to. The zero value is none.
type terminal struct {
	width  int // in characters, 0 for any
	colour bool
}

// defaultWidth is for a terminal that does not know its own, as a serial one.
const defaultWidth = 80

func terminalOf(w io.Writer) terminal {
	file, ok := w.(*os.File)
	if !ok {
		return terminal{}
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return terminal{}
	}
	t := terminal{width: int(size.Col), colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if t.width == 0 {
		t.width = defaultWidth
	}
	return t
}

// style is what a text is to look like.
type style int

const (
	neutral style = iota
	heading
	good
	doubtful
	bad
)

// codes are the "select graphic rendition" parameters of ECMA-48.
var codes = [...]string{heading: "1", good: "32", doubtful: "33", bad: "31"}

func (t terminal) paint(s style, text string) string {
	if !t.colour || s == neutral {
		return text
	}
	return "\x1b[" + codes[s] + "m" + text + "\x1b[0m"
}
