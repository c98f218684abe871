package main

import (
	"encoding/json"
	"io"
)

// schemaVersion is raised when a member of the JSON output changes its meaning
// or goes away; new ones may come without.
const schemaVersion = 1

// header begins each JSON document.
type header struct {
	Version int    `json:"version"`
	Report  string `json:"report"`
}

func newHeader(report string) header {
	return header{Version: schemaVersion, Report: report}
}

func writeJSON(w io.Writer, report any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return exit(exitSystem, err)
	}
	return nil
}
