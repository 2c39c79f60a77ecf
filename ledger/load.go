package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// stored is a line as far as the index needs it.
type stored struct {
	Key   string    `json:"key"`
	At    time.Time `json:"at"`
	Entry *struct {
		Scope string          `json:"scope"`
		ID    growthgenius.ID `json:"id"`
	} `json:"entry"`
	Write int64 `json:"write"`
}

// damage is the first line that cannot be read.
type damage struct {
	number int
	offset int64
	err    error
}

// Error implements error.
func (d *damage) Error() string {
	return fmt.Sprintf("line %d is damaged (at offset %d: %v), and a create could be repeated without it: restore the file from a copy",
		d.number, d.offset, d.err)
}

// load reads the file into the index, and removes what a crash left of the last write.
func (f *File) load() error {
	lines := bufio.NewReaderSize(f.file, 1<<20)
	data, err := lines.ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err //nolint:wrapcheck // names the file
	}
	if err := f.header.check(data); err != nil {
		return err
	}
	f.end = int64(len(data))
	if f.salvage {
		return f.loadWhole(lines)
	}
	var bad *damage
	for number := 2; ; number++ {
		data, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err //nolint:wrapcheck // names the file
		}
		if len(data) == 0 {
			break
		}
		var s stored
		switch err := open(data, &s); {
		case bad != nil:
			if isLater(data, bad.offset) {
				return bad
			}
		case err != nil:
			bad = &damage{number, f.end, err}
			if isLater(data, bad.offset) {
				return bad
			}
		default:
			f.add(s, len(data))
			f.end += int64(len(data))
		}
	}
	if bad == nil {
		return nil
	}
	if err := f.file.Truncate(f.end); err != nil {
		return err //nolint:wrapcheck // names the file
	}
	return f.file.Sync() //nolint:wrapcheck // names the file
}

// loadWhole reads all lines that are whole, and counts the others. A write that was cut off by
// a crash was not acknowledged: its lines do not count.
func (f *File) loadWhole(lines *bufio.Reader) error {
	var bad int // lines since the last whole one of a later write
	var badAt, size int64
	for offset := f.end; ; offset = size {
		data, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err //nolint:wrapcheck // names the file
		}
		if len(data) == 0 {
			break
		}
		size = offset + int64(len(data))
		var s stored
		if open(data, &s) != nil {
			bad, badAt = bad+1, offset
			continue
		}
		if s.Write > badAt {
			f.dropped += bad
			bad = 0
		}
		f.end = offset
		f.add(s, len(data))
	}
	f.end = max(f.end, size)
	if f.dropped+bad == 0 {
		return nil
	}
	return f.compact()
}

// isLater reports whether there is a whole line in data that belongs to a later write than
// the one that wrote the damaged line at an offset. That write had ended then, so no crash
// explains the damage. The damage may be that of a line's end, so data may be several lines.
func isLater(data []byte, offset int64) bool {
	begin := []byte(`{"key":`)
	for at := bytes.Index(data, begin); at >= 0; {
		var s stored
		if open(data[at:], &s) == nil {
			return s.Write > offset
		}
		next := bytes.Index(data[at+1:], begin)
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// add takes over a line that was read.
func (f *File) add(s stored, length int) {
	var id scopedID
	if s.Entry != nil && s.Entry.Scope != "" && s.Entry.ID != "" {
		id = scopedID{s.Entry.Scope, s.Entry.ID}
	}
	f.set(digestOf(s.Key), place{f.end, stamp(s.At), int32(length), id.digest()}, s.Entry == nil) //nolint:gosec // a line is far shorter
}
