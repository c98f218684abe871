package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
)

// The picture's measures, in pixels.
const (
	barLeft, barWidth, rowHeight = 300, 420, 26
	margin, gap                  = 5, 16
)

// drawSVG draws a bar for each case: its median as a multiple of the first of its
// group. The sets of cases stand below each other, each with a scale of its own.
func drawSVG(w io.Writer, sets ...[]*benchCase) error {
	height := 2 * margin
	for _, cases := range sets {
		height += rowHeight*len(cases) + gap
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", barLeft+barWidth+70, height)
	fmt.Fprintln(w, `<rect width="100%" height="100%" fill="white"/>`)
	y := margin
	for _, cases := range sets {
		if err := drawBars(w, y, cases); err != nil {
			return err
		}
		y += rowHeight*len(cases) + gap
	}
	_, err := fmt.Fprintln(w, "</svg>")
	return err
}

func drawBars(w io.Writer, y int, cases []*benchCase) error {
	most := 0.0
	for _, c := range cases {
		most = max(most, c.median())
	}
	for n, c := range cases {
		y := y + n*rowHeight
		fill := "#b8b8b8"
		if strings.Contains(c.name, "oci-sysctl-hook") {
			fill = "#3b7dd8"
		}
		fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end">`, barLeft-8, y+17)
		if err := xml.EscapeText(w, []byte(c.name)); err != nil {
			return err
		}
		bar := c.median() / most * barWidth
		fmt.Fprintf(w, `</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, barLeft, y+3, bar, rowHeight-8, fill)
		fmt.Fprintf(w, `<text x="%.1f" y="%d">%.2f</text>`+"\n", barLeft+bar+6, y+17, c.ratios(first(cases, c.group)).median())
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
