package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// gap separates columns.
const gap = "  "

// minColumn is how narrow columns become at first: those of prose, and only then
// those that somebody may want to copy from. On a terminal where that is still
// too wide, all become narrower.
const minColumn = 12

// table prints rows in columns that fit the terminal: what does not fit is
// wrapped within its column. Elsewhere than on a terminal lines are as long as
// they are. The standard library's text/tabwriter can neither wrap nor tell
// colours from text.
type table struct {
	w       io.Writer
	term    terminal
	columns []column
	rows    []row
	err     error // the first of writing
}

// row is a row's cells, or one text across all columns that begins with blanks.
type row struct {
	cells  []cell
	across cell
	indent int
}

// column is a column's title, and whether prose stands below it. One that is
// empty is not printed.
type column struct {
	title string
	prose bool
}

// cell is a text without line breaks or anything that a terminal would obey.
type cell struct {
	text  string
	style style
}

func plain(text string) cell { return styled(neutral, text) }

// styled makes a cell. The texts come from container authors too.
func styled(s style, text string) cell {
	return cell{text: printable(text), style: s}
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}

func newTable(w io.Writer, columns ...column) *table {
	return &table{w: w, term: terminalOf(w), columns: columns}
}

func (t *table) add(cells ...cell) {
	t.rows = append(t.rows, row{cells: cells})
}

// across adds a text that takes the whole width.
func (t *table) across(indent int, text cell) {
	t.rows = append(t.rows, row{across: text, indent: indent})
}

// note prints a paragraph above or below the table.
func (t *table) note(format string, args ...any) {
	for _, line := range wrap(printable(fmt.Sprintf(format, args...)), t.term.width) {
		t.write(line + "\n")
	}
}

// line prints cells side by side, and leaves the wrapping to the terminal, so
// that what is copied from there is whole.
func (t *table) line(cells ...cell) {
	for _, c := range cells {
		t.write(t.term.paint(c.style, c.text))
	}
	t.write("\n")
}

// print prints the rows; without any, nothing.
func (t *table) print() {
	if len(t.rows) == 0 {
		return
	}
	widths := t.widths()
	titles := make([]cell, len(t.columns))
	for i, c := range t.columns {
		titles[i] = styled(heading, c.title)
	}
	t.printRow(titles, widths)
	for _, r := range t.rows {
		if r.cells == nil {
			t.printAcross(r)
		} else {
			t.printRow(r.cells, widths)
		}
	}
}

func (t *table) printAcross(r row) {
	blanks := strings.Repeat(" ", r.indent)
	width := 0
	if t.term.width > 0 {
		width = max(t.term.width-r.indent, minColumn)
	}
	for _, line := range wrap(r.across.text, width) {
		t.write(blanks + t.term.paint(r.across.style, line) + "\n")
	}
}

func (t *table) printRow(row []cell, widths []int) {
	columns := make([][]string, len(row))
	height := 0
	for i, c := range row {
		if widths[i] > 0 {
			columns[i] = wrap(c.text, widths[i])
		}
		height = max(height, len(columns[i]))
	}
	for n := range height {
		t.printLine(row, columns, widths, n)
	}
}

// printLine prints the n-th line of a row.
func (t *table) printLine(row []cell, columns [][]string, widths []int, n int) {
	var line strings.Builder
	pending := 0 // blanks, left out at the line's end
	for i, lines := range columns {
		if widths[i] == 0 {
			continue
		}
		text := ""
		if n < len(lines) {
			text = lines[n]
		}
		if text != "" {
			line.WriteString(strings.Repeat(" ", pending))
			line.WriteString(t.term.paint(row[i].style, text))
			pending = 0
		}
		pending += widths[i] - utf8.RuneCountInString(text) + len(gap)
	}
	t.write(line.String() + "\n")
}

// widths returns the columns' widths, 0 for those to be left out.
func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	for _, r := range t.rows {
		for i, c := range r.cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var prose, all []int
	for i, c := range t.columns {
		if widths[i] == 0 {
			continue
		}
		widths[i] = max(widths[i], utf8.RuneCountInString(c.title))
		if all = append(all, i); c.prose {
			prose = append(prose, i)
		}
	}
	if t.term.width > 0 {
		room := t.term.width - len(gap)*(len(all)-1)
		shrink(widths, prose, room, minColumn)
		shrink(widths, all, room, minColumn)
		shrink(widths, all, room, 1)
	}
	return widths
}

// shrink takes from the widest of the columns until all have room, or all are as
// narrow as they may be.
func shrink(widths, columns []int, room, least int) {
	for sum(widths) > room && len(columns) > 0 {
		widest := slices.MaxFunc(columns, func(a, b int) int { return widths[a] - widths[b] })
		if widths[widest] <= least {
			return
		}
		widths[widest]--
	}
}

func sum(widths []int) (total int) {
	for _, width := range widths {
		total += width
	}
	return total
}

// wrap breaks a text into lines of at most the width, 0 for any, at blanks
// where it can.
func wrap(text string, width int) []string {
	if width == 0 {
		return []string{text}
	}
	var lines []string
	rest := []rune(text)
	for len(rest) > width {
		end, next := width, width
		if blank := lastBlank(rest[:width+1]); blank > 0 {
			end, next = blank, blank+1
		}
		lines = append(lines, string(rest[:end]))
		rest = rest[next:]
	}
	return append(lines, string(rest))
}

// lastBlank returns where the last blank is that is not part of an indentation.
func lastBlank(text []rune) int {
	last := -1
	indented := false
	for i, r := range text {
		if r != ' ' {
			indented = true
		} else if indented {
			last = i
		}
	}
	return last
}

func (t *table) write(text string) {
	if t.err != nil {
		return
	}
	if _, err := io.WriteString(t.w, text); err != nil {
		t.err = exit(exitSystem, err)
	}
}
