package quote

import (
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	long := strings.Repeat("x", max)
	for text, want := range map[string]string{
		"":              `""`,
		"600":           `"600"`,
		"a\nb\x1b[31m":  `"a\nb\x1b[31m"`,
		"é\u202e\xff":   `"\u00e9\u202e\xff"`,
		long:            `"` + long + `"`,
		long + "y":      `"` + long + `"...`,
		long[1:] + "éz": `"` + long[1:] + `\xc3"...`,
	} {
		if got := Text(text); got != want {
			t.Errorf("Text(%q) = %s, want %s", text, got, want)
		}
	}
}
