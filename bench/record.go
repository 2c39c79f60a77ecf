package main

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

//go:embed payloads
var payloadFiles embed.FS

// payload returns a response as it is sent, without white space.
func payload(name string) ([]byte, error) {
	text, err := payloadFiles.ReadFile("payloads/" + name + ".json")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, text)
	return b.Bytes(), err
}

// record makes contacts from the reference's sample. Personal data differs from contact
// to contact, as in reality: a benchmark with equal contacts would favor a decoder that
// caches strings.
type record struct {
	pieces [][]byte // the text between the places in which the contacts differ
	ids    []bool   // whether the id follows the piece, or else its last six digits
}

// differences replaces text of the sample by placeholders: # is the id, ~ its last six
// digits.
var differences = strings.NewReplacer(
	`"id":1102755`, `"id":#`,
	`"prospect_id":236811124`, `"prospect_id":236~`,
	`Tony Barkley`, `Tony B~`,
	`"last_name":"Barkley"`, `"last_name":"B~"`,
	`"full_name":"Steve Jobs"`, `"full_name":"Stev~"`,
	`sjobs@apple.com`, `~@apple.com`,
	`tony-barkley-92824584`, `tony-barkley-92~`,
	`facebook.com/tony`, `facebook.com/~`,
	`twitter.com/tony`, `twitter.com/~`,
	`889-3825`, `8~5`,
)

func newRecord() (record, error) {
	text, err := payload(ours)
	if err != nil {
		return record{}, err
	}
	rest := differences.Replace(strings.TrimSuffix(strings.TrimPrefix(string(text), `{"contact":`), "}"))
	var r record
	for {
		i := strings.IndexAny(rest, "#~")
		if i < 0 {
			r.pieces = append(r.pieces, []byte(rest))
			return r, nil
		}
		r.pieces, r.ids = append(r.pieces, []byte(rest[:i])), append(r.ids, rest[i] == '#')
		rest = rest[i+1:]
	}
}

func (r record) append(b []byte, id int) []byte {
	var digits [6]byte
	for i, n := len(digits)-1, id; i >= 0; i, n = i-1, n/10 {
		digits[i] = byte('0' + n%10)
	}
	for i, isID := range r.ids {
		b = append(b, r.pieces[i]...)
		if isID {
			b = strconv.AppendInt(b, int64(id), 10)
		} else {
			b = append(b, digits[:]...)
		}
	}
	return append(b, r.pieces[len(r.ids)]...)
}

// single returns the response to a GET of a contact.
func (r record) single(id int) []byte {
	return append(r.append([]byte(`{"contact":`), id), '}')
}

// list writes a list of n contacts, with ids from 1, without holding it in memory.
func (r record) list(w io.Writer, n int) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	_, _ = buf.WriteString(`{"contacts":[`) // Flush returns the first error
	var item []byte
	for i := range n {
		item = item[:0]
		if i > 0 {
			item = append(item, ',')
		}
		item = r.append(item, i+1)
		_, _ = buf.Write(item)
	}
	_, _ = buf.WriteString("]}")
	return buf.Flush()
}

// page returns a page of a search that finds total contacts, with ids from 1.
func (r record) page(number, size, total int) []byte {
	b := []byte(`{"contacts":[`)
	skip := (number - 1) * size
	for i := range max(0, min(size, total-skip)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r.single(skip+i+1)...)
	}
	return fmt.Appendf(b, `],"breadcrumbs":[],"partial_results_only":false,"disable_eu_prospecting":false,"partial_results_limit":10000,`+
		`"pagination":{"page":%d,"per_page":%d,"total_entries":%d,"total_pages":%d},"num_fetch_result":null}`,
		number, size, total, (total+size-1)/size)
}

// people is the number of contacts that are requested in turn, with ids from firstID.
const (
	people  = 1000
	firstID = 1102755
)

// singles returns the responses for all people, so that making them is not measured.
func (r record) singles() [][]byte {
	all := make([][]byte, people)
	for i := range all {
		all[i] = r.single(firstID + i)
	}
	return all
}
