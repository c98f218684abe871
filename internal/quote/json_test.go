package quote

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzJSON(f *testing.F) {
	for _, text := range []string{"", "plain \"\\ text", "é\u007f\u009b\u202e\u2028", "\U0001f600", "\xff", "\x00\n\x1b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		document, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		ascii := JSON(document)
		if i := strings.IndexFunc(string(ascii), func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Errorf("%q holds %q", ascii, ascii[i:])
		}
		var want, got map[string]string
		if err := json.Unmarshal(document, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(ascii, &got); err != nil {
			t.Fatalf("%q: %v", ascii, err)
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%q became %q", value, got[key])
			}
		}
	})
}
