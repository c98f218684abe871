package main

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/oci-sysctl-hook/oci-sysctl-hook/internal/quote"
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
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(report)
	if err == nil {
		_, err = w.Write(quote.JSON(text.Bytes()))
	}
	if err != nil {
		return exit(exitSystem, err)
	}
	return nil
}
