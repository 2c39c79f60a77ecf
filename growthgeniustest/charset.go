package growthgeniustest

import (
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// checkCharset panics if the fault has a Charset that is not known.
func (f *Fault) checkCharset() {
	if _, err := htmlindex.Get(f.Charset); f.Charset != "" && err != nil {
		panic("growthgeniustest: the charset " + f.Charset + " is not known")
	}
}

// inCharset returns a response with its text in a charset that is known.
func (r response) inCharset(name string) response {
	charset, _ := htmlindex.Get(name)
	text, err := charset.NewEncoder().Bytes(r.bytes())
	if err != nil {
		var b strings.Builder
		for _, char := range string(r.bytes()) {
			encoded, err := charset.NewEncoder().String(string(char))
			if err != nil {
				encoded = "?"
			}
			b.WriteString(encoded)
		}
		text = []byte(b.String())
	}
	r.header, r.body = r.header.Clone(), [][]byte{text}
	r.header.Set("Content-Type", "application/json; charset="+name)
	return r
}
