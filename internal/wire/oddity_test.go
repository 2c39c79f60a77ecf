package wire_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/growthgenius/growthgenius-go/internal/wire"
)

func oddities(record any) []string {
	var texts []string
	wire.Oddities(record, func(o wire.Oddity) { texts = append(texts, o.String()) })
	slices.Sort(texts)
	return texts
}

// TestOddities: all that Extra keeps is reported, at any depth of a record.
func TestOddities(t *testing.T) {
	t.Parallel()
	contact := mustDecode[Contact](t, `{"id":1,"title":5,"new":{},"//":"and so on","contact_account":{"new":null,"status":[]}}`)
	wantContact := []string{
		"Contact.new is unknown (an object)", "Contact.title has an unexpected type (a number)",
		"ContactAccount.new is unknown (null)", "ContactAccount.status has an unexpected type (an array)",
	}
	page := mustDecode[Page](t, `{"contacts":[{"id":1},{"contact":{"x":true}}],"pagination":{"cursor":"x"},"partial_results_only":5}`)
	person := mustDecode[Person](t, `{"emails":[{},{"address":{}}],"experience":[{"company":{"location":{"lat":1}}}],"version_status":{"x":1}}`)
	for _, tt := range []struct {
		record any
		want   []string
	}{
		{&contact, wantContact},
		{&[]Contact{{ID: "1"}, contact}, wantContact},
		{&Contact{ID: "1"}, nil},
		{(*Contact)(nil), nil},
		{&[]Contact{}, nil},
		{&page, []string{
			"Contact.x is unknown (a boolean)", "Page.partial_results_only has an unexpected type (a number)",
			"Pagination.cursor is unknown (text)",
		}},
		{&person, []string{
			"Email.address has an unexpected type (an object)", "Location.lat is unknown (a number)", "Version.x is unknown (a number)",
		}},
	} {
		if diff := cmp.Diff(tt.want, oddities(tt.record)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.record, diff)
		}
	}
}

// TestOddityText: a field may have any name, and its text is printable.
func TestOddityText(t *testing.T) {
	t.Parallel()
	odd := mustDecode[Contact](t, `{"\u001b[31m":1}`)
	var got []wire.Oddity
	wire.Oddities(&odd, func(o wire.Oddity) { got = append(got, o) })
	want := []wire.Oddity{{Record: "Contact", Field: "\x1b[31m", Unknown: true, Kind: wire.KindNumber}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := got[0].String(); text != "Contact.\ufffd[31m is unknown (a number)" {
		t.Errorf("%q", text)
	}
}

// TestStrays: each key once, and not too many of them.
func TestStrays(t *testing.T) {
	t.Parallel()
	var strays wire.Strays
	for range 2 {
		for i := range 2000 {
			strays.Add(fmt.Sprint(i), wire.KindNull)
		}
	}
	strays.Add("0", wire.KindText)
	if len(strays) != 1000 || strays[999] != (wire.Oddity{Record: wire.EnvelopeRecord, Field: "999", Unknown: true, Kind: wire.KindNull}) {
		t.Errorf("%d, %v", len(strays), strays[len(strays)-1])
	}
	strays = strays[:1]
	strays.Add("0", wire.KindNull)
	strays.Add("0", wire.KindText)
	if len(strays) != 2 {
		t.Errorf("%v", strays)
	}
}
