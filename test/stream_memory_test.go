package test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/internal/testkit"
)

// flood is a long body that is generated while it is read. It measures the live heap on the
// way.
type flood struct {
	n     int
	piece func(i int) string // from 0 to n
	peak  uint64             // the largest growth of the live heap since the beginning

	i     int
	rest  string
	began uint64
}

func (f *flood) Read(p []byte) (n int, err error) {
	for n < len(p) && (f.rest != "" || f.i <= f.n) {
		if f.rest == "" {
			if f.i%(f.n/4) == 0 {
				f.look()
			}
			f.rest = f.piece(f.i)
			f.i++
		}
		k := copy(p[n:], f.rest)
		f.rest = f.rest[k:]
		n += k
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (f *flood) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if f.i == 0 {
		f.began = m.HeapAlloc
	}
	f.peak = max(f.peak, m.HeapAlloc-min(m.HeapAlloc, f.began))
}

// compact returns a sample as a server writes it.
func compact(t testing.TB, file string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, testkit.Sample(t, file)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// sampleContact returns the contact of the reference as a format with a verb for its id.
func sampleContact(t testing.TB) string {
	t.Helper()
	one := strings.TrimSuffix(strings.TrimPrefix(compact(t, "contact.json"), `{"contact":`), "}")
	return strings.Replace(one, `"id":1102755`, `"id":%d`, 1)
}

// TestStreamMemory: 100,000 contacts of over 170 MB need no more memory than a few. It is not
// parallel: it measures the heap of the process.
func TestStreamMemory(t *testing.T) { //nolint:paralleltest // see above
	contact := sampleContact(t)
	const most = 2 << 20
	for name, tt := range map[string]struct {
		n     int
		none  bool // only the last piece is an element
		piece func(i int) string
	}{
		"contacts": {n: 100_000, piece: func(i int) string { return fmt.Sprintf(contact, i+1) }},
		"small":    {n: 1_000_000, piece: func(int) string { return `{"id":1}` }},
		"odd":      {n: 20_000, piece: func(i int) string { return fmt.Sprintf(`{"id":1,"name":{},"odd%d":[]}`, i) }},
		"null":     {n: 200_000, none: true, piece: func(int) string { return "null" }},
		"names":    {n: 1_500, none: true, piece: func(i int) string { return fmt.Sprintf(`"%d%s":1`, i, strings.Repeat("x", 20_000)) }},
		"envelope": {n: 50_000, none: true, piece: func(i int) string { return fmt.Sprintf(`"stray%d":{"contacts":[{}]}`, i) }},
	} {
		if testkit.Race {
			tt.n /= 50
		}
		head, tail := `{"contacts":[`, `,{"id":1}]}`
		if name == "envelope" || name == "names" {
			head, tail = "{", `,"contact":{"id":1}}`
		}
		body := &flood{n: tt.n, piece: func(i int) string {
			switch i {
			case 0:
				return head + tt.piece(i)
			case tt.n:
				return tail
			default:
				return "," + tt.piece(i)
			}
		}}
		c := testkit.Scripted(t, testkit.Bodies(func(int, *http.Request) io.Reader { return body }))
		n := 0
		for _, err := range c.Contacts.Stream(t.Context(), testkit.Everything) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			n++
		}
		if want := tt.n + 1; n != want && !(tt.none && n == 1) || body.peak > most {
			t.Errorf("%s: %d elements, and %d KiB in memory", name, n, body.peak>>10)
		}
	}
}

// TestWholeListMemory: the measurement of TestStreamMemory does detect a list that is held in
// memory, as it is if a program reads and decodes it in one go. It is not parallel either.
func TestWholeListMemory(t *testing.T) { //nolint:paralleltest // see above
	contact := sampleContact(t)
	n := 10_000
	if testkit.Race {
		n /= 10
	}
	body := &flood{n: n, piece: func(i int) string {
		switch i {
		case 0:
			return `{"contacts":[` + fmt.Sprintf(contact, i)
		case n:
			return "]}"
		default:
			return "," + fmt.Sprintf(contact, i)
		}
	}}
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Contacts []growthgenius.Contact }
	if err := json.Unmarshal(data, &list); err != nil || len(list.Contacts) != n {
		t.Fatalf("%d contacts, %v", len(list.Contacts), err)
	}
	body.look()
	if least := uint64(n * (24 << 20) / 10_000); body.peak < least {
		t.Errorf("%d contacts are %d KiB in memory, not %d", n, body.peak>>10, least>>10)
	}
	runtime.KeepAlive(data)
	runtime.KeepAlive(list)
}

// TestListOfTinyRecords: records that are much larger in memory than on the wire are
// refused before they fill it, whatever the bound on the response is. It is not parallel: it
// measures what the process allocates.
func TestListOfTinyRecords(t *testing.T) { //nolint:paralleltest // see above
	if testkit.Race {
		t.Skip("it is about memory")
	}
	const mib = 1 << 20
	for _, tt := range []struct {
		records     int
		limit, most uint64 // most includes the body, and the list each time that it has grown
	}{
		{400_000, 4 * mib, 120 * mib},
		{3_000_000, 64 * mib, 300 * mib},
	} {
		body := `{"contacts":[` + strings.Repeat(`{"id":1},`, tt.records) + `{"id":1}]}`
		c := testkit.Scripted(t, testkit.Text(body), growthgenius.WithMaxResponseBytes(int64(tt.limit)))
		var before, after runtime.MemStats
		for name, call := range map[string]func() error{
			"list":   func() error { return testkit.Err(c.Contacts.List(t.Context(), testkit.Everything)) },
			"search": func() error { return testkit.Err(c.Contacts.Search(t.Context(), growthgenius.SearchOptions{})) },
		} {
			runtime.ReadMemStats(&before)
			err := call()
			runtime.ReadMemStats(&after)
			if !errors.Is(err, growthgenius.ErrResponseTooLarge) || name == "list" && !strings.Contains(err.Error(), "Stream") {
				t.Errorf("%s: %v", name, err)
			}
			if name == "search" && tt.limit < 64*mib { // any record may take 64 MiB
				continue
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > tt.most {
				t.Errorf("%s: %d MiB were allocated for a limit of %d MiB", name, got/mib, tt.limit/mib)
			}
		}
	}
}

// exes reads as an endless text.
func exes(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestStreamLargeElement: an element may be as large as a response that is not streamed.
func TestStreamLargeElement(t *testing.T) {
	t.Parallel()
	size := 60 << 20
	if testkit.Race {
		size /= 60
	}
	head, tail := `{"contacts":[{"id":1,"name":"`, `"},{"id":2}]}`
	c := testkit.Scripted(t, testkit.Bodies(func(int, *http.Request) io.Reader {
		return io.MultiReader(strings.NewReader(head), io.LimitReader(readFunc(exes), int64(size)), strings.NewReader(tail))
	}))
	contacts, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything))
	if err != nil || len(contacts) != 2 || len(contacts[0].Name) != size || contacts[1].ID != "2" {
		t.Errorf("%d elements, %v", len(contacts), err)
	}
}

// TestStreamBound: the bound is exact for each element, wherever it is and however it
// arrives, and does not apply to the whole. The error names the element.
func TestStreamBound(t *testing.T) {
	t.Parallel()
	const limit = 1000
	element := func(id, size int) string {
		head := fmt.Sprintf(`{"id":%d,"name":"`, id)
		return head + strings.Repeat("x", size-len(head)-2) + `"}`
	}
	small := element(6, limit-1) // and the comma
	for name, tt := range map[string]struct {
		body     string
		elements int
		says     string // part of the error; "" for none
	}{
		"at the bound":         {`{"contacts":[` + element(7, limit) + "," + small + "]}", 2, ""},
		"many":                 {`{"contacts":[` + strings.Repeat(small+",", 40) + small + "]}", 41, ""},
		"over it":              {`{"contacts":[` + element(7, limit+1) + "," + small + "]}", 0, "record 1 (id 7)"},
		"over it, later":       {`{"contacts":[` + small + "," + element(7, limit+1) + "," + small + "]}", 1, "record 2 (id 7)"},
		"far over it":          {`{"contacts":[` + small + "," + element(7, 200_000) + "," + small + "]}", 1, "record 2 (id 7)"},
		"far over it, wrapped": {`{"contacts":[` + small + `,{"contact":` + element(7, 200_000) + "}]}", 1, "record 2 is"},
		"odd and over it":      {`{"contacts":[` + small + `,{"id":7,"name":[` + strings.Repeat("1,", 100_000) + `1]}]}`, 1, "record 2 (id 7)"},
		"without an id":        {`{"contacts":[` + small + `,{"name":"` + strings.Repeat("x", 200_000) + `"}]}`, 1, "record 2 is"},
		"blanks":               {`{"contacts":[` + small + "," + strings.Repeat(" ", 200_000) + `{"id":7}]}`, 1, "record 2 is"},
		"before the list":      {`{"x":"` + strings.Repeat("x", 200_000) + `","contacts":[{}]}`, 0, "the envelope is"},
		"behind the list":      {`{"contacts":[` + small + `],"x":"` + strings.Repeat("x", 200_000) + `"}`, 1, "the envelope is"},
		"behind the end":       {`{"contacts":[` + small + `]}` + strings.Repeat("\n", 200_000), 1, "the envelope is"},
	} {
		for way, arrive := range pieces {
			s := testkit.Bodies(func(int, *http.Request) io.Reader { return arrive(strings.NewReader(tt.body)) })
			c := testkit.Scripted(t, s, growthgenius.WithMaxResponseBytes(limit))
			contacts, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything))
			switch {
			case len(contacts) != tt.elements || s.Sent.Load() != 1:
				t.Errorf("%s, %s: %d elements of %d requests, %v", name, way, len(contacts), s.Sent.Load(), err)
			case tt.says == "" && err != nil:
				t.Errorf("%s, %s: %v", name, way, err)
			case tt.says != "" && (!errors.Is(err, growthgenius.ErrResponseTooLarge) || errors.Is(err, growthgenius.ErrDecode) ||
				!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "WithMaxResponseBytes")):
				t.Errorf("%s, %s: %v", name, way, err)
			}
		}
	}
}

// TestStreamBomb: the bound counts bytes after decompression.
func TestStreamBomb(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		defer zip.Close()
		_, _ = io.WriteString(zip, `{"contacts":[{"id":1},{"id":2,"name":"`)
		_, _ = io.Copy(zip, io.LimitReader(readFunc(exes), 4<<20))
	}, growthgenius.WithMaxResponseBytes(1<<16))
	contacts, err := testkit.Drain(t, c.Contacts.Stream(t.Context(), testkit.Everything))
	if !errors.Is(err, growthgenius.ErrResponseTooLarge) || len(contacts) != 1 {
		t.Errorf("%d elements, %v", len(contacts), err)
	}
}
