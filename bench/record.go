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

// payload is an answer as it is sent, without blanks.
func payload(name string) ([]byte, error) {
	text, err := payloadFiles.ReadFile("payloads/" + name + ".json")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, text)
	return b.Bytes(), err
}

// record makes contacts of the reference's sample. What is a person's own differs from one
// to the next, as it does in life: a decoder that remembers texts must not profit from a
// benchmark that always sends the same.
type record struct {
	pieces [][]byte // what stands between the places where the contacts differ
	ids    []bool   // whether the id stands behind a piece, or else its last six digits
}

// differences are what the sample has, and what takes its place: # is the id, ~ its last
// six digits.
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

// single is the answer of a GET of one contact.
func (r record) single(id int) []byte {
	return append(r.append([]byte(`{"contact":`), id), '}')
}

// list writes the answer of a list of n contacts, with ids from 1, without holding it.
func (r record) list(w io.Writer, n int) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	_, _ = buf.WriteString(`{"contacts":[`) // Flush has the first error of all
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

// page is a page of a search that finds so many contacts, with ids from 1.
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

// people are the contacts that calls of one contact ask for, one after the other.
const (
	people  = 1000
	firstID = 1102755
)

// everybody has the answers of people, so that making them is not part of what is measured.
func (r record) everybody() [][]byte {
	all := make([][]byte, people)
	for i := range all {
		all[i] = r.single(firstID + i)
	}
	return all
}
