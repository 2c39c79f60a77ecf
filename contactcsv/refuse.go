package contactcsv

import (
	"bytes"
	"strings"
)

const saveAs = `: open it in a spreadsheet program and save it as "CSV UTF-8"`

// others are what files begin with that are not CSV.
var others = []struct{ head, reason string }{
	{"PK\x03\x04", "the file is an Excel workbook (.xlsx), another document or a ZIP archive" + saveAs + ", or unpack it"},
	{"\xd0\xcf\x11\xe0", "the file is an Excel workbook (.xls)" + saveAs},
	{"\x1f\x8b", "the file is compressed with gzip: unpack it first"},
	{"%PDF", "the file is a PDF document: export the table as CSV"},
	{"{\\rtf", "the file is an RTF document" + saveAs},
	{"\xff\xfe\x00\x00", "the file is in UTF-32: save it as UTF-8"},
	{"\x00\x00\xfe\xff", "the file is in UTF-32: save it as UTF-8"},
	{"SQLite format 3", "the file is an SQLite database: export the table as CSV"},
}

// refuse returns an error if a file that begins like the sample is not CSV.
func refuse(sample []byte) error {
	if len(sample) == 0 {
		return &FileError{Reason: "the file is empty"}
	}
	for _, o := range others {
		if bytes.HasPrefix(sample, []byte(o.head)) {
			return &FileError{Line: 1, Reason: o.reason}
		}
	}
	return nil
}

// refuseText does the same with a text that was decoded.
func refuseText(text []byte) error {
	head := strings.ToLower(string(bytes.TrimLeft(text[:min(len(text), 1<<10)], " \t\r\n")))
	switch {
	case head == "":
		return &FileError{Reason: "the file is empty"}
	case strings.HasPrefix(head, "<!doctype"), strings.HasPrefix(head, "<html"), strings.HasPrefix(head, "<table"),
		strings.HasPrefix(head, "<?xml"), strings.HasPrefix(head, "<meta"):
		return &FileError{Line: 1, Reason: "the file is HTML or XML: a web page such as that of a login, or a table that is called Excel" + saveAs}
	case strings.HasPrefix(head, "{\"") || strings.HasPrefix(head, "[{") || strings.HasPrefix(head, "{\n") || strings.HasPrefix(head, "{\r\n"):
		return &FileError{Line: 1, Reason: "the file is JSON: decode it with encoding/json, into growthgenius.ContactInput"}
	case strings.HasPrefix(head, "begin:vcard"):
		return &FileError{Line: 1, Reason: "the file has vCards: export the contacts as CSV"}
	}
	control := 0
	for _, c := range text {
		if c < ' ' && strings.IndexByte("\t\n\v\f\r", c) < 0 {
			control++
		}
	}
	if control*10 > len(text) {
		return &FileError{Reason: "the file is not a text: export the contacts as CSV"}
	}
	return nil
}
