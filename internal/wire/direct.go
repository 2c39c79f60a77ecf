package wire

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// direct lets a Reader decode records in one pass. Its decoder takes two: one that checks the
// JSON, and one that fills the record. direct reads what the decoder has not read yet. At the
// first byte that is not as expected it hands over to another decoder, for good, so that the
// JSON library alone judges what is wrong.
type direct struct {
	walk
	active bool  // it reads in place of the decoder
	used   bool  // it has begun to
	some   bool  // there was an element
	base   int64 // the offset of data[0] in the response
	mark   int   // the end of the last element in data
}

// takeOver sets the decoder aside before the first element of a list, or before the colon of a
// record that stands alone.
func (r *Reader) takeOver(alone bool) {
	d := &r.direct
	if d.used {
		return // the decoder does not have all that has been read
	}
	unread := r.dec.UnreadBuffer()
	*d = direct{walk: walk{data: unread}, active: true, used: true, base: r.dec.InputOffset()}
	if r.from != nil {
		d.walk = walk{data: append(make([]byte, 0, 2*readSize), unread...), from: r.from}
	}
	if alone {
		d.colon()
	}
}

// handOver makes a decoder read what follows the last element. It first reads the beginning
// of a response that is as far as this one. If all of the response is there, the decoder must
// see all of the rest as well: its errors quote as much as it sees.
func (r *Reader) handOver() {
	d := &r.direct
	begin := `{"":`
	switch {
	case r.list != "":
		begin = `{"":[`
	case !d.some:
		begin = `{""`
	}
	if d.some {
		begin += `""`
	}
	if rest := d.data[d.mark:]; r.from == nil {
		r.borrowed.open(slices.Concat([]byte(begin), rest))
	} else {
		r.dec = jsontext.NewDecoder(io.MultiReader(strings.NewReader(begin), bytes.NewReader(rest), d.rest()), decodeOptions)
	}
	r.shift = d.base + int64(d.mark-len(begin))
	d.active = false
	for r.dec.InputOffset() < int64(len(begin)) {
		_, _ = r.dec.ReadToken() // it is valid
	}
}

// rest returns what has not been read yet.
func (w *walk) rest() io.Reader {
	if w.ended != nil {
		return failing{w.ended}
	}
	return w.from
}

// failing is an io.Reader that returns this error.
type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// another moves to the next element of a list, and reports whether there is one that is an
// object.
func (d *direct) another() bool {
	if d.from != nil && d.mark > cap(d.data)/2 { // room for the next element
		d.base += int64(d.mark)
		d.data = d.data[:copy(d.data, d.data[d.mark:])]
		d.mark = 0
	}
	d.at = d.mark
	c := d.token()
	if d.some {
		if c != ',' {
			return false
		}
		d.at++
		c = d.token()
	}
	return c == '{'
}

// element decodes the object at the cursor into an empty record or map. If the JSON is bad, it
// returns false and leaves the record empty.
func (d *direct) element(records *decoder, into any) (done bool, err error) {
	v := reflect.ValueOf(into).Elem()
	err = records.object(&d.walk, v)
	if d.bad {
		v.SetZero()
		return false, nil
	}
	d.mark, d.some = d.at, true
	return true, err
}

// ends reports whether nothing follows the last element but the end of the list, if it is in
// one, and of the envelope.
func (d *direct) ends(list bool) bool {
	d.at = d.mark
	if list && d.token() == ']' {
		d.at++
	} else if list {
		return false
	}
	if d.token() != '}' {
		return false
	}
	d.at++
	end := d.at
	if d.token() != 0 || d.at < len(d.data) || d.ended != nil && d.ended != io.EOF { //nolint:errorlint // a Reader returns io.EOF itself
		return false
	}
	d.mark = end
	return true
}
