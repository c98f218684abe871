package quote

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON returns a JSON text as ASCII. Package encoding/json leaves some characters
// that rule a terminal as they are: DEL, those of C1, and what turns the direction
// of the text. None of them stands outside of a string, where it can be escaped.
func JSON(text []byte) []byte {
	ascii := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r < 0x7f:
			ascii = append(ascii, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			ascii = fmt.Appendf(ascii, `\u%04x\u%04x`, high, low)
		default:
			ascii = fmt.Appendf(ascii, `\u%04x`, r)
		}
		text = text[size:]
	}
	return ascii
}
