package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	growthgenius "github.com/growthgenius/growthgenius-go"
)

// A ledger file has one JSON object a line. The first line is the header. The last member of
// each line is the checksum of all bytes before it. The member before that is the offset in
// the file at which the write began that wrote the line, with others.

// version is that of the format.
const version = 1

// What the first line of a file says that it is.
const (
	ledgerFile = "growthgenius"
	cacheFile  = "growthgenius cache"
)

var fileKinds = map[string]string{ledgerFile: "a ledger file", cacheFile: "a cache file"}

// header is the first line of a file.
type header struct {
	Ledger  string `json:"ledger"` // ledgerFile or cacheFile
	Version int    `json:"version"`
	For     string `json:"for"`
}

// line is an entry as it is stored.
type line struct {
	Key   string             `json:"key"`
	At    time.Time          `json:"at"` // when it was stored; in a cache, when it expires
	Entry growthgenius.Entry `json:"entry,omitzero"`
}

// check returns an error if the first line of a file is not this header. A header that is
// not for anything takes over what the file is for.
func (h *header) check(data []byte) error {
	var found header
	if err := open(data, &found); err != nil {
		return fmt.Errorf("this is not %s, or its first line is damaged: %w", fileKinds[h.Ledger], err)
	}
	switch {
	case found.Ledger != h.Ledger:
		return errors.New("this is not " + fileKinds[h.Ledger])
	case found.Version != h.Version:
		return fmt.Errorf("the file has version %d of the format, and only %d can be read", found.Version, h.Version)
	case h.For == "":
		h.For = found.For
	case found.For != h.For:
		return fmt.Errorf("the ledger is for %q, not for %q: use another file", found.For, h.For)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errChecksum = errors.New("the checksum does not match")

// encode returns the members of a line, without the closing brace.
func encode(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("ledger: an entry cannot be encoded: %w", err)
	}
	return data[:len(data)-1], nil
}

// seal appends a whole line to dst: the members that encode returned, the offset at which
// the write begins, and the checksum.
func seal(dst, members []byte, write int64) []byte {
	begin := len(dst)
	dst = append(dst, members...)
	dst = append(dst, `,"write":`...)
	dst = strconv.AppendInt(dst, write, 10)
	sum := crc32.Checksum(dst[begin:], castagnoli)
	return fmt.Appendf(dst, `,"sum":"%08x"}`+"\n", sum)
}

// sumLength is the length of the checksum of a line and of what follows it.
const sumLength = len(`,"sum":"00000000"}` + "\n")

// open checks a whole line, and decodes it into v.
func open(data []byte, v any) error {
	if len(data) <= sumLength || data[len(data)-1] != '\n' {
		return errors.New("the line is cut off")
	}
	members, sum := data[:len(data)-sumLength], data[len(data)-sumLength:]
	if !bytes.Equal(sum, fmt.Appendf(nil, `,"sum":"%08x"}`+"\n", crc32.Checksum(members, castagnoli))) {
		return errChecksum
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("the line cannot be read: %w", err)
	}
	return nil
}
