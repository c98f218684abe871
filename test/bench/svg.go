package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
)

// drawSVG draws a bar for each case: its median as a multiple of the first's.
func drawSVG(w io.Writer, cases []*benchCase) error {
	const left, width, row = 300, 420, 26
	most := 0.0
	for _, c := range cases {
		most = max(most, c.median())
	}
	base := cases[0].median()
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", left+width+70, row*len(cases)+10)
	fmt.Fprintln(w, `<rect width="100%" height="100%" fill="white"/>`)
	for n, c := range cases {
		y, bar := 5+n*row, c.median()/most*width
		fill := "#b8b8b8"
		if strings.HasPrefix(c.name, "oci-sysctl-hook") {
			fill = "#3b7dd8"
		}
		fmt.Fprintf(w, `<text x="%d" y="%d" text-anchor="end">`, left-8, y+17)
		if err := xml.EscapeText(w, []byte(c.name)); err != nil {
			return err
		}
		fmt.Fprintf(w, `</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, left, y+3, bar, row-8, fill)
		fmt.Fprintf(w, `<text x="%.1f" y="%d">%.2f</text>`+"\n", left+bar+6, y+17, c.median()/base)
	}
	_, err := fmt.Fprintln(w, "</svg>")
	return err
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
